"""The catalog: which batteries of the fleet are offered to a search, and in which order.

A battery is offered when it is in service, is what the search asks for (place, power, efficiency, mode) and still
has the energy free: for a search with both windows as much as its book lets in, for one without as much as is free
whatever window is named later. The cheapest for *this* use comes first, then the nearest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from bpp.capacity import Booking, always_free_energy_wh, free_energy_wh, free_profile
from energy.battery import Battery, profile
from energy.distance import distance_m
from energy.intervals import Interval
from energy.offers import CancellationTerms, DispatchMode, FreeSlot, Offer, Provider, SearchIntent, StorageUse
from energy.quantities import Money
from energy.settlement import planned_usage
from energy.tariffs import Line, Tariff, lines_total, price

OFFERS_MAX = 50
PROFILE_SLOTS_MAX = 96


@dataclass(frozen=True, slots=True)
class ListedBattery:
    """A battery of the fleet and the terms on which its operator offers it. ``rating`` is from 1 to 5."""

    battery: Battery
    tariff: Tariff
    modes: tuple[DispatchMode, ...]
    cancellation: CancellationTerms
    min_energy_wh: int
    in_service: bool = True
    rating: Decimal | None = None


@dataclass(frozen=True, slots=True)
class _Match:
    """A battery that serves the search. ``total`` is None when there are no windows to price."""

    listed: ListedBattery
    bookings: Sequence[Booking]
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
    fleet: Sequence[tuple[ListedBattery, Sequence[Booking]]],
    profile_step_s: int,
    offers_max: int = OFFERS_MAX,
) -> tuple[Offer, ...]:
    """At most ``offers_max`` offers for the search, best first; each with its free profile when windows are named.

    ``fleet`` gives each battery with its bookings that have not ended. The profile is in steps of
    ``profile_step_s``, or of the multiple of it that makes at most `PROFILE_SLOTS_MAX` slots.

    Raises:
        ValueError: the windows are no storage use.
    """
    if intent.provider_id not in {None, provider.provider_id}:
        return ()
    matches = [match for listed, bookings in fleet if (match := _match(intent, listed, bookings)) is not None]
    matches.sort(key=_rank)
    window = None if intent.use is None else intent.use.booked
    return tuple(_offer(match, provider, window, profile_step_s) for match in matches[:offers_max])


def _match(intent: SearchIntent, listed: ListedBattery, bookings: Sequence[Booking]) -> _Match | None:
    battery, use = listed.battery, intent.use
    away_m = None if intent.near is None else distance_m(intent.near, battery.place)
    if not (_suits(intent, listed) and _is_within(intent.radius_m, away_m)):
        return None
    if use is None:
        free_wh, total = always_free_energy_wh(battery, bookings), None
    else:
        free_wh = free_energy_wh(battery, bookings, use.charge, use.giveback)
        total = lines_total(use_lines(listed, use), listed.tariff.currency)
    if free_wh < intent.energy_wh or not _is_affordable(intent, total):
        return None
    return _Match(listed, bookings, free_wh, total, away_m)


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
    )


def _is_within(radius_m: int | None, away_m: int | None) -> bool:
    return radius_m is None or away_m is None or away_m <= radius_m


def _is_affordable(intent: SearchIntent, total: Money | None) -> bool:
    """Whether the total per kWh stored is at most ``max_price``: the one price all tariffs can be compared by."""
    if intent.max_price is None or total is None:
        return True
    return total.decimal * 1000 <= intent.max_price * intent.energy_wh


def _rank(match: _Match) -> tuple[str, int, int, str]:
    """Cheapest, then nearest, then by id, so that equal searches get equal answers; currencies do not mix."""
    total = match.total or Money(0, match.listed.tariff.currency)
    return total.currency, total.amount_minor, match.away_m or 0, match.listed.battery.battery_id


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
    )


def _profile(match: _Match, window: Interval, step_s: int) -> tuple[FreeSlot, ...]:
    longest_step = timedelta(seconds=step_s) * PROFILE_SLOTS_MAX
    times = -(-(window.end - window.start) // longest_step)
    return free_profile(match.listed.battery, match.bookings, window, step_s * times)
