"""Any wrong figure in an invoice document is found."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.battery import Battery, profile
from energy.intervals import slots
from energy.invoices import Kind, check, document, document_bytes, pays_producer
from energy.metering import MeterInterval, ReadingQuality
from energy.offers import StorageUse
from energy.quantities import Money
from energy.settlement import settle
from energy.tariffs import Rate, RateUnit, Tariff
from tests.energy.examples import BATTERY, TARIFF, batteries, hours, tariffs, uses
from tests.energy.invoices.examples import INTERVALS, INVOICE, invoice_of


@given(batteries(), tariffs(), uses(), st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_document_of_any_settlement_passes_its_check(
    battery: Battery, tariff: Tariff, use: StorageUse, in_wh: int, out_wh: int
) -> None:
    intervals = (
        MeterInterval(next(slots(use.charge)), in_wh, 0, ReadingQuality.VALID),
        MeterInterval(next(slots(use.giveback)), 0, out_wh, ReadingQuality.VALID),
    )
    settlement = settle(tariff, use, profile(battery, use), intervals)
    assert check(orjson.loads(document_bytes(invoice_of(settlement, tariff, use), intervals))) == []


def test_a_shown_quantity_that_had_to_be_rounded_is_no_error() -> None:
    """100 kWh for a day of November at 4000 are 13333.333 dinars; the 3.333333 kWh-months shown make 13333.332."""
    dear = replace(TARIFF, currency="KWD", rates=(Rate(RateUnit.KWH_MONTH, Decimal(4_000)),))
    use = StorageUse(100_000, hours(0, 12), hours(12, 24))
    invoice = invoice_of(settle(dear, use, profile(BATTERY, use), ()), dear, use)
    assert (invoice.lines[0].quantity, invoice.lines[0].amount.text) == (Decimal("3.333333"), "13333.333")
    assert check(document(invoice, ())) == []


def tampered(path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    """The worked example with one value replaced."""
    shown = orjson.loads(document_bytes(INVOICE, INTERVALS))
    part = shown
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return shown


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        (("total",), "5610.91", "total is 5610.91 but its lines add up to 5610.90"),
        (("tax_amount",), "855.91", "tax_amount is 855.91 but its lines add up to 855.90"),
        (("taxable_amount",), "4755.01", "taxable_amount is 4755.01 but its lines add up to 4755.00"),
        (("lines", 0, "amount"), "4500.01", "STORAGE_CAPACITY_CHARGE: 50 kWh-month at 90 is not 4500.01"),
        (("lines", 1, "quantity"), "301", "STORAGE_THROUGHPUT_CHARGE: 301 kWh at 0.85 is not 255.00"),
        (("lines", 1, "rate"), "0.86", "STORAGE_THROUGHPUT_CHARGE: 300 kWh at 0.86 is not 255.00"),
        (("lines", 2, "quantity"), "4756", "CGST is on 4756, the taxable sum is 4755.00"),
        (("lines", 2, "amount"), "427.96", "CGST: 4755 % at 9 is not 427.96"),
        (("lines", 3, "rate"), None, "SGST does not say how many percent of what it is"),
        (
            ("meter", "losses_wh"),
            0,
            "the meter took in 300000 Wh and gave back 263744 Wh, that is no loss of 0 Wh",
        ),
    ],
)
def test_a_wrong_figure_is_found_and_named(path: tuple[str | int, ...], value: object, sentence: str) -> None:
    assert sentence in check(tampered(path, value))


@given(st.sampled_from(range(4)), st.integers(-(10**6), 10**6).filter(bool))
def test_an_amount_that_is_off_by_any_paisa_is_found(line: int, off_minor: int) -> None:
    amount = INVOICE.lines[line].amount + Money(off_minor, "INR")
    assert check(tampered(("lines", line, "amount"), amount.text))


def test_what_anybody_may_send_is_answered_with_a_sentence() -> None:
    for nonsense in ({}, [], "invoice", None, {"currency": "INR", "lines": "x"}, {"currency": [], "lines": []}):
        [sentence] = check(nonsense)  # type: ignore[arg-type]
        assert sentence.startswith("the document can not be read as an invoice")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
paths = st.sampled_from(
    [
        *((key,) for key in document(INVOICE, ())),
        *(("lines", 0, key) for key in ("title", "quantity", "unit", "rate", "amount")),
        *(("lines", 2, key) for key in ("title", "quantity", "unit", "rate", "amount")),
        *(("meter", key) for key in ("energy_in_wh", "energy_out_wh", "losses_wh")),
    ]
)


@given(paths, json_values)
def test_no_value_anywhere_makes_the_check_fail_otherwise(path: tuple[str | int, ...], value: object) -> None:
    assert all(isinstance(sentence, str) for sentence in check(tampered(path, value)))


def test_who_is_paid_is_told_by_the_kind_of_the_document() -> None:
    assert not pays_producer(document(INVOICE, ()))
    assert pays_producer(document(replace(INVOICE, kind=Kind.SELF_BILLED), ()))
