"""Matching: offers of many batteries side by side, on what *this* use would cost under each price model.

Every offer is priced by the arithmetic that its operator's quote comes from, so the totals compare like with like and
the quote can be held against them. Offers come from strangers: one whose figures make no sense is left out, and
`unusable` says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from energy.battery import profile
from energy.distance import distance_m
from energy.offers import Offer, Place, SearchIntent, StorageUse
from energy.quantities import Money, QuantityError, kilo_text, minor_digits
from energy.settlement import planned_usage
from energy.tariffs import Line, lines_total, price

_COST_STEP = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class RankedOffer:
    """An offer with what it means for one use. ``reason`` says why it can not be had as it is, None: it fits.

    ``total`` and ``lines`` include taxes; ``cost_per_kwh`` is the total in major units per kWh stored, with four
    decimals; ``efficiency`` the battery's round trip, a fraction of one; ``giveback_wh`` the AC energy that returns.
    """

    offer: Offer
    total: Money
    lines: tuple[Line, ...]
    distance_m: int | None
    efficiency: Decimal
    cost_per_kwh: Decimal
    giveback_wh: int
    reason: str | None = None

    @property
    def fits(self) -> bool:
        """Whether the offer covers the need."""
        return self.reason is None


def rank(intent: SearchIntent, offers: Iterable[Offer]) -> tuple[RankedOffer, ...]:
    """The usable offers: those that fit first, each part by total, then distance, then id; currencies do not mix.

    Raises:
        ValueError: the intent names no windows, or none that are a storage use, so there is nothing to price.
    """
    use = intent.use
    if use is None:
        raise ValueError("offers can be ranked only for a use with a charge window and a return window")
    ranked = [_ranked(intent, use, offer) for offer in offers if unusable(offer) is None]
    return tuple(sorted(ranked, key=_order))


def unusable(offer: Offer) -> str | None:
    """Why the offer's figures can not be computed with, in a sentence; None when they can."""
    battery = offer.specification
    if not (0 < battery.efficiency_charge <= 1 and 0 < battery.efficiency_discharge <= 1):
        return f"The efficiencies of {offer.item_id} are not between 0 and 100 %."
    if not 0 <= battery.standing_loss_per_day < 1:
        return f"The standing loss of {offer.item_id} is not between 0 and 100 % a day."
    try:
        minor_digits(offer.tariff.currency)
    except QuantityError as error:
        return f"The price of {offer.item_id} can not be computed: {error}."
    return None


def _ranked(intent: SearchIntent, use: StorageUse, offer: Offer) -> RankedOffer:
    plan = profile(offer.specification, use)
    lines = price(offer.tariff, planned_usage(use, plan))
    total = lines_total(lines, offer.tariff.currency)
    return RankedOffer(
        offer=offer,
        total=total,
        lines=lines,
        distance_m=_distance_m(intent.near, offer.place),
        efficiency=offer.specification.efficiency_round_trip,
        cost_per_kwh=(total.decimal * 1000 / use.energy_wh).quantize(_COST_STEP),
        giveback_wh=plan.giveback_wh,
        reason=" ".join(_shortfalls(intent, offer)) or None,
    )


def _distance_m(near: Place | None, place: Place) -> int | None:
    return None if near is None else distance_m(near, place)


def _shortfalls(intent: SearchIntent, offer: Offer) -> Iterator[str]:
    if offer.free_energy_wh < intent.energy_wh:
        yield f"Only {kilo_text(offer.free_energy_wh)} of the {kilo_text(intent.energy_wh)} kWh are free."
    if offer.min_energy_wh > intent.energy_wh:
        yield f"It takes {kilo_text(offer.min_energy_wh)} kWh or more."
    if intent.mode is not None and intent.mode not in offer.modes:
        yield f"It does not offer {intent.mode.value}."


def _order(ranked: RankedOffer) -> tuple[bool, str, int, int, str, str]:
    offer = ranked.offer
    away_m = ranked.distance_m or 0
    total = ranked.total
    return not ranked.fits, total.currency, total.amount_minor, away_m, offer.item_id, offer.provider.provider_id
