"""Matching: offers of many batteries side by side, on what *this* use would cost under each price model.

Every offer is priced by the arithmetic that its operator's quote comes from, so the totals compare like with like and
the quote can be held against them. Offers come from strangers: one whose figures make no sense is left out, and
`unusable` says why. What an operator does not tell stays None; such an offer stands behind those that can be priced.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from energy.areas import is_inside
from energy.battery import PowerProfile, profile
from energy.distance import distance_m
from energy.offers import Place, StorageUse
from energy.quantities import Money, QuantityError, decimal_text, kilo_text, minor_digits
from energy.searches import BatterySpecification, Offer, SearchIntent, SortBy
from energy.settlement import planned_usage
from energy.tariffs import Line, Tariff, lines_total, price

_COST_STEP = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class RankedOffer:
    """An offer with what it means for one use. ``reason`` says why it can not be had as it is, None: it fits.

    ``total`` and ``lines`` include taxes; ``cost_per_kwh`` is the total in major units per kWh stored, with four
    decimals; ``efficiency`` the battery's round trip, a fraction of one; ``giveback_wh`` the AC energy that returns.
    Without tariff or specification they are not known: None, and no lines.
    """

    offer: Offer
    total: Money | None
    lines: tuple[Line, ...]
    distance_m: int | None
    efficiency: Decimal | None
    cost_per_kwh: Decimal | None
    giveback_wh: int | None
    reason: str | None = None

    @property
    def fits(self) -> bool:
        """Whether the offer covers the need."""
        return self.reason is None


def rank(intent: SearchIntent, offers: Iterable[Offer]) -> tuple[RankedOffer, ...]:
    """The usable offers: those that fit first, each part by total, then distance, then id; currencies do not mix.
    A search for the nearest has each part by distance, then total.

    Raises:
        ValueError: the intent names no windows, or none that are a storage use, so there is nothing to price.
    """
    use = intent.use
    if use is None:
        raise ValueError("offers can be ranked only for a use with a charge window and a return window")
    ranked = [_ranked(intent, use, offer) for offer in offers if unusable(offer) is None]
    return tuple(sorted(ranked, key=_nearest_first if intent.sort is SortBy.DISTANCE else _cheapest_first))


def unusable(offer: Offer) -> str | None:
    """Why the offer's figures can not be computed with, in a sentence; None when they can."""
    battery = offer.specification
    if battery is not None and (reason := _senseless(offer.item_id, battery)):
        return reason
    currencies = [priced.currency for priced in (offer.tariff, offer.unit_price) if priced is not None]
    try:
        for currency in currencies:
            minor_digits(currency)
    except QuantityError as error:
        return f"The price of {offer.item_id} can not be computed: {error}."
    return None


def _senseless(item_id: str, battery: BatterySpecification) -> str | None:
    if not (0 < battery.efficiency_charge <= 1 and 0 < battery.efficiency_discharge <= 1):
        return f"The efficiencies of {item_id} are not between 0 and 100 %."
    if not 0 <= battery.standing_loss_per_day < 1:
        return f"The standing loss of {item_id} is not between 0 and 100 % a day."
    return None


def _ranked(intent: SearchIntent, use: StorageUse, offer: Offer) -> RankedOffer:
    battery = offer.specification
    plan = None if battery is None else profile(battery, use)
    lines = _lines(offer.tariff, use, plan)
    total = None if offer.tariff is None or not lines else lines_total(lines, offer.tariff.currency)
    return RankedOffer(
        offer=offer,
        total=total,
        lines=lines,
        distance_m=_distance_m(intent.near, offer.place),
        efficiency=None if battery is None else battery.efficiency_round_trip,
        cost_per_kwh=None if total is None else (total.decimal * 1000 / use.energy_wh).quantize(_COST_STEP),
        giveback_wh=None if plan is None else plan.giveback_wh,
        reason=" ".join((*_shortfalls(intent, offer), *_elsewhere(intent, offer), *_too_dear(intent, total))) or None,
    )


def _lines(tariff: Tariff | None, use: StorageUse, plan: PowerProfile | None) -> tuple[Line, ...]:
    """What the use costs; nothing when the operator does not tell enough to say so."""
    if tariff is None or plan is None:
        return ()
    return price(tariff, planned_usage(use, plan))


def _distance_m(near: Place | None, place: Place) -> int | None:
    return None if near is None else distance_m(near, place)


def _shortfalls(intent: SearchIntent, offer: Offer) -> Iterator[str]:
    if offer.free_energy_wh < intent.energy_wh:
        yield f"Only {kilo_text(offer.free_energy_wh)} of the {kilo_text(intent.energy_wh)} kWh are free."
    if offer.min_energy_wh > intent.energy_wh:
        yield f"It takes {kilo_text(offer.min_energy_wh)} kWh or more."
    if intent.mode is not None and intent.mode not in offer.modes:
        yield f"It does not offer {intent.mode.value}."
    yield from _too_weak(intent, offer.specification)
    if intent.min_rating is not None and (offer.rating is None or offer.rating < intent.min_rating):
        yield f"It is not rated {decimal_text(intent.min_rating)} or better."


def _too_weak(intent: SearchIntent, battery: BatterySpecification | None) -> Iterator[str]:
    if battery is None:
        if intent.min_power_w is not None or intent.min_efficiency is not None:
            yield "It tells neither its power nor its losses."
        return
    power_w = min(battery.charge_power_w, battery.discharge_power_w)
    if intent.min_power_w is not None and power_w < intent.min_power_w:
        yield f"It has {kilo_text(power_w)} of the {kilo_text(intent.min_power_w)} kW."
    if intent.min_efficiency is not None and battery.efficiency_round_trip < intent.min_efficiency:
        yield "It loses more than was asked for."


def _elsewhere(intent: SearchIntent, offer: Offer) -> Iterator[str]:
    away_m = _distance_m(intent.near, offer.place)
    if intent.radius_m is not None and away_m is not None and away_m > intent.radius_m:
        yield f"It is {kilo_text(away_m)} km away."
    if intent.polygon and not is_inside(intent.polygon, offer.place):
        yield "It is outside the area."


def _too_dear(intent: SearchIntent, total: Money | None) -> Iterator[str]:
    if intent.max_price is None:
        return
    if total is None:
        yield "What this use costs is told only when it is selected."
    elif total.decimal * 1000 > intent.max_price * intent.energy_wh:
        yield f"It costs more than {decimal_text(intent.max_price)} {total.currency} per kWh stored."


_Price = tuple[bool, str, Decimal]


def _cheapest_first(ranked: RankedOffer) -> tuple[bool, _Price, int, str, str]:
    offer = ranked.offer
    return not ranked.fits, _price(ranked), ranked.distance_m or 0, offer.item_id, offer.provider.provider_id


def _nearest_first(ranked: RankedOffer) -> tuple[bool, int, _Price, str, str]:
    unfit, price_, away_m, item_id, provider_id = _cheapest_first(ranked)
    return unfit, away_m, price_, item_id, provider_id


def _price(ranked: RankedOffer) -> _Price:
    """Totals first, then those that tell no more than the price of a kWh, or nothing."""
    total, unit_price = ranked.total, ranked.offer.unit_price
    if total is not None:
        return False, total.currency, total.decimal
    return (True, "", Decimal(0)) if unit_price is None else (True, unit_price.currency, unit_price.per_kwh)
