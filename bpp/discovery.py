"""Discovery: which batteries of a large fleet could serve a search, in the order it wants, without looking at them all.

The index proposes and the book decides. For every battery the index keeps two rows of numbers in memory: its limits,
with its tariff and efficiencies as numbers of a list, and its first bookings to come (`bpp.index_rows`). A search

1. takes what lies in its circle or ring from the grid (`bpp.grid`),
2. leaves out what can not serve it. What it can not tell exactly it tells too kindly: it knows of at most
   `BOOKINGS_KEPT` contracts, no holds, no sites. So nothing that could serve the search is ever left out,
3. prices the use exactly, all batteries at once (`bpp.price_table`), at the lowest price where occupancy may still
   raise it,
4. sorts, and hands out `Candidate`\\ s one by one.

Whoever asks holds each candidate against its real book (`Candidate.found`), which is exact, until there are enough.
A row is written whenever its battery or its bookings change (`bpp.finder`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from bpp.candidates import Candidate, highest_minor
from bpp.capacity import Booking
from bpp.catalog import ListedBattery
from bpp.grid import Grid, are_inside, distances_m, points_of
from bpp.index_rows import BOOKED, ROW, Flags, Ints, Row, Rows, first_bookings, fitting, taken
from bpp.price_table import least_totals_minor
from energy.battery import PowerProfile, profile
from energy.limits import Limits, limits_of
from energy.offers import DispatchMode, Place, StorageUse
from energy.searches import SearchIntent, SortBy
from energy.tariffs import Tariff
from energy.use_prices import UsePrice, UsePricing

GONE_MAX = 1_000
"""As many slots that are gone are looked at in vain before they are taken out of the grid."""
_NO_LIMIT_WH = 2**62
_MODES = {mode: 1 << number for number, mode in enumerate(DispatchMode)}
_RATING_DIGITS = 6
_Bound = tuple[str, int]
"""A currency and an amount in its minor units."""
_T = TypeVar("_T")


class Losses(NamedTuple):
    """What makes one battery's plan of a use differ from another's."""

    efficiency_charge: Decimal
    efficiency_discharge: Decimal
    standing_loss_per_day: Decimal


class Known(NamedTuple):
    """What is no number of a battery."""

    battery_id: str
    name: str
    words: tuple[str, ...]
    site_id: str | None
    place: Place


class _Placed(NamedTuple):
    """Some slots, how far each is, and their rows."""

    slots: Ints
    away_m: Ints
    rows: Rows

    def of(self, chosen: Flags) -> _Placed:
        """Some of them."""
        at = np.flatnonzero(chosen)
        return _Placed(self.slots[at], self.away_m[at], taken(self.rows, at))


class _Numbers(Generic[_T]):
    """Things that many batteries share, each by its number."""

    def __init__(self) -> None:
        self.things: list[_T] = []
        self._numbers: dict[_T, int] = {}

    def of(self, thing: _T) -> int:
        """The number of this thing, a new one when it was not seen before."""
        number = self._numbers.setdefault(thing, len(self.things))
        if number == len(self.things):
            self.things.append(thing)
        return number


class FleetIndex:
    """Every battery of the fleet as a row of numbers."""

    def __init__(self) -> None:
        self._rows: Rows = np.zeros(1_024, ROW)
        self._booked: Rows = np.zeros(1_024, BOOKED)
        self._grid = Grid()
        self._slots: dict[str, int] = {}
        self._known: list[Known] = []
        self._gone: set[int] = set()
        self._tariffs: _Numbers[Tariff] = _Numbers()
        self._losses: _Numbers[Losses] = _Numbers()
        self._cities: _Numbers[str | None] = _Numbers()

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, battery_id: str) -> bool:
        return battery_id in self._slots

    def put(self, listed: ListedBattery, bookings: Sequence[Booking]) -> None:
        """Add a battery, or write it anew, with the contracts on it that are not over."""
        battery = listed.battery
        known = Known(battery.battery_id, battery.name, listed.words, battery.site_id, battery.place)
        slot = self._slots.get(battery.battery_id)
        if slot is not None and self._known[slot].place != battery.place:
            self.remove(battery.battery_id)
            slot = None
        if slot is None:
            slot = self._new_slot(known)
        self._known[slot] = known
        limits = limits_of(battery)
        losses = Losses(battery.efficiency_charge, battery.efficiency_discharge, battery.standing_loss_per_day)
        self._rows[slot] = (
            listed.in_service,
            sum(_MODES[mode] for mode in listed.modes),
            self._tariffs.of(listed.tariff),
            self._losses.of(losses),
            self._cities.of(listed.city_code),
            -1 if listed.rating is None else _rating(listed.rating, ROUND_FLOOR),
            listed.min_energy_wh,
            limits.usable_energy_wh,
            limits.charge_power_w,
            limits.discharge_power_w,
            limits.taper_from_wh,
            limits.taper_to_wh,
            _NO_LIMIT_WH if limits.yearly_energy_wh is None else limits.yearly_energy_wh,
        )
        self._booked[slot] = first_bookings(bookings)

    def book(self, battery_id: str, bookings: Sequence[Booking]) -> None:
        """The contracts on a battery that are not over have changed, and nothing else."""
        self._booked[self._slots[battery_id]] = first_bookings(bookings)

    def remove(self, battery_id: str) -> None:
        """The battery is no more."""
        slot = self._slots.pop(battery_id)
        self._rows[slot]["in_service"] = False
        self._gone.add(slot)
        if len(self._gone) >= GONE_MAX:
            self._grid.sort(frozenset(self._gone))
            self._gone.clear()

    def candidates(self, intent: SearchIntent, home_city: str | None = None) -> Iterator[Candidate]:
        """Who may serve the search, in the order of its sort: by price and distance, or by distance and price.

        Nobody comes before somebody who is better by these two; ``home_city`` is the city of batteries that name none.
        """
        found = self._placed(intent)
        found = found.of(self._suited(intent, found.rows, home_city))
        use = intent.use
        if use is None:
            yield from self._unpriced(intent, found.of(self._large(intent.energy_wh, found.rows)))
        else:
            plans = self._plans(use, found.rows)
            yield from self._priced(
                intent, use, found.of(fitting(use, found.rows, self._booked[found.slots], plans)), plans
            )

    def _new_slot(self, known: Known) -> int:
        slot = len(self._known)
        if slot == len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros(slot, ROW)])
            self._booked = np.concatenate([self._booked, np.zeros(slot, BOOKED)])
        self._known.append(known)
        self._slots[known.battery_id] = slot
        self._grid.add(slot, known.place)
        return slot

    # -- from the map to the candidates ---------------------------------------------------------------------

    def _placed(self, intent: SearchIntent) -> _Placed:
        """The slots in the place of the search, and how far each is; nothing is far of a search without a point."""
        slots, points = self._looked_at(intent)
        away_m = np.zeros(len(slots), np.int64) if intent.near is None else distances_m(intent.near, points)
        inside = np.ones(len(slots), np.bool_)
        if intent.near is not None and intent.radius_m is not None:
            inside &= away_m <= intent.radius_m
        if intent.polygon:
            inside &= are_inside(intent.polygon, points)
        slots = slots[inside]
        return _Placed(slots, away_m[inside], taken(self._rows, slots))

    def _looked_at(self, intent: SearchIntent) -> tuple[Ints, Ints]:
        if intent.item_id is not None:
            slot = self._slots.get(intent.item_id)
            named = [] if slot is None else [slot]
            return np.array(named, np.int64), points_of([self._known[each].place for each in named])
        if intent.near is not None and intent.radius_m is not None:
            return self._grid.around(intent.near, intent.radius_m)
        if intent.polygon:
            return self._grid.in_ring(intent.polygon)
        return self._grid.everything()

    def _suited(self, intent: SearchIntent, rows: Rows, home_city: str | None) -> Flags:
        """What can be told without windows; the power that is asked for is needed both ways."""
        suited = rows["in_service"] & (rows["least_wh"] <= intent.energy_wh) & (rows["usable_wh"] > 0)
        if intent.mode is not None:
            suited &= (rows["modes"] & _MODES[intent.mode]) > 0
        if intent.min_power_w is not None:
            suited &= np.minimum(rows["charge_w"], rows["discharge_w"]) >= intent.min_power_w
        if intent.min_rating is not None:
            suited &= rows["rating"] >= _rating(intent.min_rating, ROUND_CEILING)
        if intent.min_efficiency is not None:
            good = [
                each.efficiency_charge * each.efficiency_discharge >= intent.min_efficiency
                for each in self._losses.things
            ]
            suited &= np.array(good, np.bool_)[rows["losses"]]
        if intent.city_code is not None:
            meant = [(city or home_city) == intent.city_code for city in self._cities.things]
            suited &= np.array(meant, np.bool_)[rows["city"]]
        return np.asarray(suited, np.bool_)

    def _plans(self, use: StorageUse, rows: Rows) -> dict[int, PowerProfile]:
        """The plan of the use for each kind of losses that stands in the rows."""
        known = self._losses.things
        return {number: profile(known[number], use) for number in np.unique(rows["losses"]).tolist()}

    def _priced(
        self, intent: SearchIntent, use: StorageUse, found: _Placed, plans: dict[int, PowerProfile]
    ) -> Iterator[Candidate]:
        rows = found.rows
        numbers, tariff_of = np.unique(rows["tariff"], return_inverse=True)
        pricing = UsePricing(use)
        prices = [pricing.by_occupancy(self._tariffs.things[number]) for number in numbers.tolist()]
        totals = least_totals_minor(prices, plans, tariff_of, rows["losses"])
        names = [next(iter(steps.values())).currency for steps in prices]
        currencies = sorted(set(names))
        currency_of = np.array([currencies.index(name) for name in names], np.int64)[tariff_of]
        highest = np.array([highest_minor(intent, name) for name in currencies], np.int64)
        away_m = found.away_m
        by_distance = intent.sort is SortBy.DISTANCE
        keys = (totals, currency_of, away_m) if by_distance else (away_m, totals, currency_of)
        sequence = np.lexsort(keys)
        affordable = totals <= highest[currency_of] if len(totals) else np.zeros(0, np.bool_)
        for at in sequence[affordable[sequence]].tolist():
            row, steps = Row(*rows[at].item()), prices[tariff_of[at]]
            bound = currencies[currency_of[at]], int(totals[at])
            yield self._candidate(found, at, row, bound, plans[row.losses], steps)

    def _large(self, energy_wh: int, rows: Rows) -> Flags:
        """Whether an empty battery holds the energy, told kindly by a watt-hour."""
        efficiencies = np.array([float(each.efficiency_charge) for each in self._losses.things], np.float64)
        return np.asarray(rows["usable_wh"] + 1 >= energy_wh * efficiencies[rows["losses"]], np.bool_)

    def _unpriced(self, intent: SearchIntent, found: _Placed) -> Iterator[Candidate]:
        """Without windows there is nothing to price: the nearest first, each currency for itself."""
        tariffs = self._tariffs.things
        currencies = sorted({tariff.currency for tariff in tariffs})
        rank_of = np.array([currencies.index(tariff.currency) for tariff in tariffs], np.int64)
        ranks = rank_of[found.rows["tariff"]]
        keys = (ranks, found.away_m) if intent.sort is SortBy.DISTANCE else (found.away_m, ranks)
        for at in np.lexsort(keys).tolist():
            row = Row(*found.rows[at].item())
            yield self._candidate(found, at, row, (currencies[ranks[at]], 0), None, {})

    def _candidate(
        self,
        found: _Placed,
        at: int,
        row: Row,
        bound: _Bound,
        plan: PowerProfile | None,
        prices: dict[int, UsePrice],
    ) -> Candidate:
        known = self._known[found.slots[at]]
        limits = Limits(
            usable_energy_wh=row.usable_wh,
            charge_power_w=row.charge_w,
            discharge_power_w=row.discharge_w,
            taper_from_wh=row.taper_from_wh,
            taper_to_wh=row.taper_to_wh,
            yearly_energy_wh=None if row.yearly_wh == _NO_LIMIT_WH else row.yearly_wh,
        )
        return Candidate(
            battery_id=known.battery_id,
            name=known.name,
            words=known.words,
            site_id=known.site_id,
            limits=limits,
            efficiency_charge=self._losses.things[row.losses].efficiency_charge,
            away_m=int(found.away_m[at]),
            currency=bound[0],
            bound_minor=bound[1],
            plan=plan,
            prices=prices,
        )


def _rating(rating: Decimal, rounding: str) -> int:
    return int(rating.scaleb(_RATING_DIGITS).to_integral_value(rounding))
