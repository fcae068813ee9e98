"""The catalog: which batteries of the fleet are offered to a search, and in which order.

A battery is offered when it is in service, is what the search asks for (place, power, efficiency, mode, rating, words)
and still has the energy free: for a search with both windows as much as its book lets in, for one without as much as is
free whatever window is named later. The cheapest for *this* use comes first, then the nearest; or the other way round,
when the search wants the nearest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from bpp.availability import always_free_energy_wh, free_energy_wh, free_profile, occupancy_percent
from bpp.capacity import Book
from energy.areas import is_inside
from energy.battery import Battery, profile
from energy.distance import distance_m
from energy.intervals import Interval
from energy.limits import limits_of
from energy.offers import CancellationTerms, DispatchMode, Provider, StorageUse
from energy.quantities import Money
from energy.searches import PAGES_MAX, CatalogPage, FreeSlot, Offer, SearchIntent, SortBy
from energy.settlement import planned_usage
from energy.tariffs import Line, Tariff, at_occupancy, lines_total, price

OFFERS_MAX = 50
PROFILE_SLOTS_MAX = 96


@dataclass(frozen=True, slots=True)
class ListedBattery:
    """A battery of the fleet and the terms on which its operator offers it. ``rating`` is from 1 to 5.

    ``city_code`` is where it stands, None: in the city of its operator's platform.
    """

    battery: Battery
    tariff: Tariff
    modes: tuple[DispatchMode, ...]
    cancellation: CancellationTerms
    min_energy_wh: int
    in_service: bool = True
    rating: Decimal | None = None
    city_code: str | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """Where a search for words looks, beside its provider's name."""
        battery = self.battery
        return (battery.name, battery.battery_id, battery.chemistry, *self.modes)

    def at_price_of(self, book: Book, use: StorageUse) -> ListedBattery:
        """The same with the price fixed that its occupancy makes for this use (`energy.tariffs.at_occupancy`)."""
        if not self.tariff.occupancy:
            return self
        percent = occupancy_percent(limits_of(self.battery), book, use.booked)
        return replace(self, tariff=at_occupancy(self.tariff, percent))


@dataclass(frozen=True, slots=True)
class _Match:
    """A battery that serves the search. ``total`` is None when there are no windows to price."""

    listed: ListedBattery
    book: Book
    free_wh: int
    total: Money | None
    away_m: int | None


def use_lines(listed: ListedBattery, use: StorageUse) -> tuple[Line, ...]:
    """What this use costs on this battery, taxes included: the breakup of its quote.

    Raises:
        ValueError: it is no storage use (`energy.battery.profile`).
    """
    return price(listed.tariff, planned_usage(use, profile(listed.battery, use)))


def offers_for(
    intent: SearchIntent,
    provider: Provider,
    fleet: Sequence[tuple[ListedBattery, Book]],
    profile_step_s: int,
    offers_max: int = OFFERS_MAX,
    home_city: str | None = None,
) -> tuple[Offer, ...]:
    """At most ``offers_max`` offers for the search, best first; each with its free profile when windows are named.

    ``fleet`` gives each battery with its book. The profile is in steps of
    ``profile_step_s``, or of the multiple of it that makes at most `PROFILE_SLOTS_MAX` slots. ``home_city`` is the code
    of the city of batteries that do not say theirs.

    Raises:
        ValueError: the windows are no storage use.
    """
    if intent.provider_id not in {None, provider.provider_id} or not _has_words(intent.provider_name, provider.name):
        return ()
    named = [
        (listed, book)
        for listed, book in fleet
        if intent.city_code in {None, listed.city_code or home_city}
        and is_named(intent, provider, listed.battery.name, listed.words)
    ]
    matches = [match for listed, book in named if (match := _match(intent, listed, book)) is not None]
    matches.sort(key=_nearest_first if intent.sort is SortBy.DISTANCE else _cheapest_first)
    window = None if intent.use is None else intent.use.booked
    return tuple(_offer(match, provider, window, profile_step_s) for match in matches[:offers_max])


def pages_of(offers: Sequence[Offer], size: int) -> list[tuple[tuple[Offer, ...], CatalogPage | None]]:
    """The offers in parts of ``size``, each with its page mark; an answer of one part needs none.

    There are never more parts than an answer may have (`PAGES_MAX`): of more offers each part is larger.
    """
    size = max(size, -(-len(offers) // PAGES_MAX))
    pages = -(-len(offers) // size)
    if pages <= 1:
        return [(tuple(offers), None)]
    return [
        (tuple(offers[number * size : (number + 1) * size]), CatalogPage(number + 1, pages, len(offers)))
        for number in range(pages)
    ]


def _match(intent: SearchIntent, listed: ListedBattery, book: Book) -> _Match | None:
    battery, use = listed.battery, intent.use
    away_m = None if intent.near is None else distance_m(intent.near, battery.place)
    if not (_suits(intent, listed) and _is_within(intent, battery, away_m)):
        return None
    if use is None:
        free_wh, total = always_free_energy_wh(battery, book), None
    else:
        free_wh = free_energy_wh(battery, book, use.charge, use.giveback)
        listed = listed.at_price_of(book, use)
        total = lines_total(use_lines(listed, use), listed.tariff.currency)
    if free_wh < intent.energy_wh or not _is_affordable(intent, total):
        return None
    return _Match(listed, book, free_wh, total, away_m)


def _suits(intent: SearchIntent, listed: ListedBattery) -> bool:
    """What can be told without looking at the book. The power asked for is needed both ways."""
    battery = listed.battery
    return (
        listed.in_service
        and intent.item_id in {None, battery.battery_id}
        and (intent.mode is None or intent.mode in listed.modes)
        and listed.min_energy_wh <= intent.energy_wh
        and (intent.min_power_w or 0) <= min(battery.charge_power_w, battery.discharge_power_w)
        and (intent.min_efficiency or 0) <= battery.efficiency_round_trip
        and (intent.min_rating is None or (listed.rating is not None and listed.rating >= intent.min_rating))
    )


def is_named(intent: SearchIntent, provider: Provider, name: str, words: tuple[str, ...]) -> bool:
    """Whether the words of the search stand where it looks for them, of a battery with this name and `words`."""
    if intent.item_name is None and intent.text is None:
        return True
    return _has_words(intent.item_name, name) and _has_words(intent.text, *words, provider.name)


def _has_words(wanted: str | None, *told: str) -> bool:
    """Whether all words that are wanted, in any case, stand somewhere in what is told."""
    text = " ".join(told).casefold()
    return wanted is None or all(word in text for word in wanted.casefold().split())


def _is_within(intent: SearchIntent, battery: Battery, away_m: int | None) -> bool:
    in_circle = intent.radius_m is None or away_m is None or away_m <= intent.radius_m
    return in_circle and (not intent.polygon or is_inside(intent.polygon, battery.place))


def _is_affordable(intent: SearchIntent, total: Money | None) -> bool:
    """Whether the total per kWh stored is at most ``max_price``: the one price all tariffs can be compared by."""
    if intent.max_price is None or total is None:
        return True
    return total.decimal * 1000 <= intent.max_price * intent.energy_wh


def _cheapest_first(match: _Match) -> tuple[str, int, int, str]:
    """Cheapest, then nearest, then by id, so that equal searches get equal answers; currencies do not mix."""
    total = match.total or Money(0, match.listed.tariff.currency)
    return total.currency, total.amount_minor, match.away_m or 0, match.listed.battery.battery_id


def _nearest_first(match: _Match) -> tuple[int, str, int, str]:
    currency, amount_minor, away_m, battery_id = _cheapest_first(match)
    return away_m, currency, amount_minor, battery_id


def _offer(match: _Match, provider: Provider, window: Interval | None, profile_step_s: int) -> Offer:
    listed, battery = match.listed, match.listed.battery
    return Offer(
        provider=provider,
        item_id=battery.battery_id,
        name=battery.name,
        place=battery.place,
        meter_address=battery.meter_address,
        modes=listed.modes,
        tariff=listed.tariff,
        specification=battery.specification,
        free_energy_wh=match.free_wh,
        min_energy_wh=listed.min_energy_wh,
        cancellation=listed.cancellation,
        window=window,
        profile=() if window is None else _profile(match, window, profile_step_s),
        rating=listed.rating,
        city_code=listed.city_code,
    )


def _profile(match: _Match, window: Interval, step_s: int) -> tuple[FreeSlot, ...]:
    longest_step = timedelta(seconds=step_s) * PROFILE_SLOTS_MAX
    times = -(-(window.end - window.start) // longest_step)
    return free_profile(match.listed.battery, match.book, window, step_s * times)
