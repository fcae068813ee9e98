from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bap.matching import rank, unusable
from energy.battery import Battery, profile
from energy.offers import CancellationTerms, DispatchMode, Place, Provider, StorageUse
from energy.searches import Offer, SearchIntent
from energy.settlement import planned_usage
from energy.tariffs import Rate, RateUnit, Tariff, lines_total, price
from tests.energy.examples import BATTERY, TARIFF, USE, batteries, hours, tariffs, uses

HEBBAL = BATTERY.place
INTENT = SearchIntent(energy_wh=USE.energy_wh, charge=USE.charge, giveback=USE.giveback, near=HEBBAL)


def offer(
    item_id: str = "battery-1",
    *,
    tariff: Tariff = TARIFF,
    place: Place = HEBBAL,
    free_energy_wh: int = 300_000,
    provider_id: str = "operator",
) -> Offer:
    return Offer(
        provider=Provider(provider_id, "Storage of Bengaluru"),
        item_id=item_id,
        name="Hebbal 1",
        place=place,
        meter_address="der://meter/hebbal-1",
        modes=(DispatchMode.AUTOMATIC,),
        tariff=tariff,
        specification=BATTERY.specification,
        free_energy_wh=free_energy_wh,
        min_energy_wh=10_000,
        cancellation=CancellationTerms(Decimal(10)),
        window=USE.booked,
    )


def priced(unit: RateUnit, amount: str, currency: str = "INR") -> Tariff:
    return replace(TARIFF, rates=(Rate(unit, Decimal(amount)),), currency=currency)


def order(intent: SearchIntent, *offers: Offer) -> list[str]:
    return [ranked.offer.item_id for ranked in rank(intent, offers)]


def test_an_offer_is_priced_for_this_use_down_to_the_paisa() -> None:
    (ranked,) = rank(INTENT, [offer()])
    assert (ranked.total.text, ranked.cost_per_kwh) == ("5610.90", Decimal("18.7030"))
    assert [line.amount.text for line in ranked.lines] == ["4500.00", "255.00", "427.95", "427.95"]
    assert (ranked.efficiency, ranked.giveback_wh, ranked.distance_m) == (Decimal("0.8836"), 263_845, 0)
    assert ranked.fits
    assert ranked.reason is None


def test_the_cheapest_price_model_depends_on_how_long_the_energy_stays() -> None:
    by_month = offer("by month", tariff=priced(RateUnit.KWH_MONTH, "90"))
    by_kwh = offer("by kWh", tariff=priced(RateUnit.KWH_STORED, "10"))
    assert order(replace(INTENT, giveback=hours(20, 24)), by_kwh, by_month) == ["by month", "by kWh"]
    assert order(INTENT, by_month, by_kwh) == ["by kWh", "by month"]


def test_of_equal_totals_the_nearer_comes_first_and_of_equal_places_the_id_decides() -> None:
    away = replace(HEBBAL, latitude=HEBBAL.latitude + Decimal("0.01"))
    assert order(INTENT, offer("a", place=away), offer("c"), offer("b")) == ["b", "c", "a"]
    assert [ranked.distance_m for ranked in rank(INTENT, [offer(place=away)])] == [1112]


def test_without_a_place_of_our_own_there_is_no_distance() -> None:
    (ranked,) = rank(replace(INTENT, near=None), [offer()])
    assert ranked.distance_m is None


def test_an_offer_with_too_little_free_energy_comes_last_and_says_so() -> None:
    cheap = offer("cheap", tariff=priced(RateUnit.FLAT, "1"), free_energy_wh=299_999)
    first, last = rank(INTENT, [cheap, offer()])
    assert (first.offer.item_id, first.fits) == ("battery-1", True)
    assert (last.offer.item_id, last.fits) == ("cheap", False)
    assert last.reason == "Only 299.999 of the 300 kWh are free."


def test_an_offer_of_exactly_this_energy_and_no_less_fits() -> None:
    (ranked,) = rank(INTENT, [replace(offer(free_energy_wh=300_000), min_energy_wh=300_000)])
    assert ranked.fits


def test_an_offer_of_another_mode_or_only_for_more_energy_does_not_fit() -> None:
    large = replace(offer(), min_energy_wh=300_001)
    (ranked,) = rank(replace(INTENT, mode=DispatchMode.MANUAL), [large])
    assert not ranked.fits
    assert ranked.reason == "It takes 300.001 kWh or more. It does not offer Manual Dispatch."


def test_currencies_are_not_compared_with_each_other() -> None:
    rupees = offer("rupees", tariff=priced(RateUnit.FLAT, "500"))
    yen = offer("yen", tariff=priced(RateUnit.FLAT, "100", "JPY"))
    euros = offer("euros", tariff=priced(RateUnit.FLAT, "900", "EUR"))
    assert order(INTENT, yen, rupees, euros) == ["euros", "rupees", "yen"]


def test_without_windows_there_is_nothing_to_rank() -> None:
    with pytest.raises(ValueError, match="charge window and a return window"):
        rank(replace(INTENT, giveback=None), [offer()])


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({"efficiency_charge": Decimal("1.01")}, "efficiencies"),
        ({"efficiency_charge": Decimal(0)}, "efficiencies"),
        ({"efficiency_discharge": Decimal(0)}, "efficiencies"),
        ({"standing_loss_per_day": Decimal(1)}, "standing loss"),
        ({"standing_loss_per_day": Decimal("-0.01")}, "standing loss"),
    ],
)
def test_an_offer_with_impossible_physics_is_left_out_and_told_apart(figures: dict[str, Decimal], said: str) -> None:
    wrong = replace(offer("wrong"), specification=replace(BATTERY.specification, **figures))  # type: ignore[arg-type]
    assert said in (unusable(wrong) or "")
    assert order(INTENT, wrong, offer()) == ["battery-1"]


def test_an_offer_in_an_unknown_currency_is_left_out_and_told_apart() -> None:
    wrong = offer("wrong", tariff=priced(RateUnit.FLAT, "1", "ZZZ"))
    assert "'ZZZ' is not a currency" in (unusable(wrong) or "")
    assert order(INTENT, wrong, offer()) == ["battery-1"]
    assert unusable(offer()) is None


@given(
    stores=st.lists(st.tuples(batteries(), tariffs(), st.integers(0, 10**9)), max_size=6),
    use=uses(),
)
@settings(max_examples=80, deadline=None)
def test_totals_are_what_the_operator_would_quote_and_nothing_that_fits_stands_behind_what_does_not(
    stores: list[tuple[Battery, Tariff, int]], use: StorageUse
) -> None:
    intent = SearchIntent(energy_wh=use.energy_wh, charge=use.charge, giveback=use.giveback)
    offers = [
        replace(
            offer(str(number), tariff=tariff, free_energy_wh=free_wh),
            specification=battery.specification,
            min_energy_wh=0,
        )
        for number, (battery, tariff, free_wh) in enumerate(stores)
    ]
    ranked = rank(intent, offers)
    assert sorted(one.offer.item_id for one in ranked) == sorted(one.item_id for one in offers)
    assert [one.fits for one in ranked] == sorted((one.fits for one in ranked), reverse=True)
    for one in ranked:
        battery, tariff, free_wh = stores[int(one.offer.item_id)]
        quoted = price(tariff, planned_usage(use, profile(battery, use)))
        assert (one.lines, one.total) == (quoted, lines_total(quoted, tariff.currency))
        assert one.fits == (free_wh >= use.energy_wh)
    fitting = [(one.total.currency, one.total.amount_minor) for one in ranked if one.fits]
    assert fitting == sorted(fitting)
