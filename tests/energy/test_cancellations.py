"""What cancelling costs, by when it happens: worked by hand, and never more than the price."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.battery import Battery, profile
from energy.cancellations import REASONS, Agreed, Side, reasons_of, settle_cancelled
from energy.intervals import slots
from energy.metering import MeterInterval, ReadingQuality
from energy.offers import StorageUse
from energy.settlement import planned_usage
from energy.tariffs import LineTitle, Tariff, lines_total, price
from tests.energy.examples import BATTERY, TARIFF, USE, at, batteries, tariffs, uses

PROFILE = profile(BATTERY, USE)
AGREED = Agreed(TARIFF, USE, PROFILE, price(TARIFF, planned_usage(USE, PROFILE)))
TEN = Decimal(10)


def charged(hours: int) -> list[MeterInterval]:
    """75 kWh an hour from the start of charging on."""
    taken = list(slots(USE.charge))[: hours * 4]
    return [MeterInterval(slot, 18_750, 0, ReadingQuality.VALID) for slot in taken]


def test_before_charging_it_is_ten_percent_of_the_charges_and_the_taxes_on_that() -> None:
    settlement = settle_cancelled(AGREED, TEN, None)
    assert [(line.title, line.amount.text) for line in settlement.lines] == [
        (LineTitle.CANCELLATION_FEE, "475.50"),
        (LineTitle.CGST, "42.80"),
        (LineTitle.SGST, "42.80"),
    ]
    assert (settlement.energy_in_wh, settlement.interval_count) == (0, 0)


def test_two_hours_into_charging_it_is_what_was_used_and_the_fee() -> None:
    settlement = settle_cancelled(AGREED, TEN, at(2), charged(2))
    # 300 kWh × 90 × 2 h / 720 h = 75.00 and 150 kWh × 0.85 = 127.50.
    assert [(line.title, line.amount.text) for line in settlement.lines[:3]] == [
        (LineTitle.CAPACITY, "75.00"),
        (LineTitle.THROUGHPUT, "127.50"),
        (LineTitle.CANCELLATION_FEE, "475.50"),
    ]
    assert settlement.total.text == "800.04"
    assert (settlement.energy_in_wh, settlement.losses_wh) == (150_000, 150_000)


def test_near_the_end_a_discount_brings_it_down_to_the_price() -> None:
    settlement = settle_cancelled(AGREED, TEN, USE.giveback.end - timedelta(minutes=15), charged(4))
    discount = settlement.lines[3]
    assert (discount.title, discount.amount.amount_minor < 0) == (LineTitle.DISCOUNT, True)
    assert settlement.total.text == "5610.90"


def test_a_provider_that_cancels_takes_no_fee_but_what_was_used() -> None:
    assert settle_cancelled(AGREED, Decimal(0), None).total.amount_minor == 0
    assert settle_cancelled(AGREED, Decimal(0), at(2), charged(2)).total.text == "238.96"


def test_what_was_used_has_the_agreed_discount_too() -> None:
    cheaper = replace(AGREED, discount=Decimal(50))
    assert settle_cancelled(cheaper, Decimal(0), at(2), charged(2)).total.text == "119.47"


@pytest.mark.parametrize("percent", [Decimal(-1), Decimal("100.5")])
def test_a_fee_that_is_no_share_is_refused(percent: Decimal) -> None:
    with pytest.raises(ValueError, match="is no cancellation fee"):
        settle_cancelled(AGREED, percent, None)


def test_each_side_has_reasons_of_its_own_and_some_are_both_sides() -> None:
    consumer, provider = ({reason.reason_id for reason in reasons_of(side)} for side in Side)
    assert consumer | provider == set(REASONS)
    assert "5" in consumer & provider
    assert consumer - provider
    assert provider - consumer


@given(batteries(), tariffs(), uses(), st.decimals(0, 100, places=2), st.integers(0, 10**6), st.data())
def test_it_is_never_more_than_the_price_and_always_adds_up(
    battery: Battery, tariff: Tariff, use: StorageUse, percent: Decimal, in_wh: int, data: st.DataObject
) -> None:
    plan = profile(battery, use)
    quoted = price(tariff, planned_usage(use, plan))
    over = list(slots(use.booked))
    until = data.draw(st.sampled_from([slot.end for slot in over]))
    counted = [MeterInterval(slot, in_wh, 0, ReadingQuality.VALID) for slot in slots(use.charge) if slot.end <= until]
    settlement = settle_cancelled(Agreed(tariff, use, plan, quoted), percent, until, counted)
    assert settlement.total == lines_total(settlement.lines, tariff.currency)
    # Each tax is rounded by itself, so the same charges always have the same taxes.
    assert settlement.total.amount_minor <= lines_total(quoted, tariff.currency).amount_minor
    assert settlement.total.amount_minor >= 0
