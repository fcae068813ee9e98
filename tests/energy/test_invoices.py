"""Invoices: the document says what was settled, always the same way, and any wrong figure in it is found."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.battery import Battery, profile
from energy.intervals import slots
from energy.invoices import (
    Invoice,
    Party,
    check,
    document,
    document_bytes,
    evidence,
    financial_year,
    serial,
)
from energy.metering import MeterInterval, ReadingQuality
from energy.offers import StorageUse
from energy.quantities import Money
from energy.settlement import Settlement, cancellation_fee, planned_usage, settle
from energy.tariffs import Rate, RateUnit, Tariff, lines_total, price
from tests.energy.examples import BATTERY, TARIFF, USE, at, batteries, hours, tariffs, uses

INDIA = timezone(timedelta(hours=5, minutes=30))
SELLER = Party("Hebbal Storage", "1 Ring Road, Bengaluru", "29AAAAA0000A1Z5", "29", "bills@storage.example")
BUYER = Party("Rooftop Growers", "2 Lake View, Bengaluru", state_code="29")
INTERVALS = (
    *(MeterInterval(slot, 18_750, 0, ReadingQuality.VALID) for slot in slots(USE.charge)),
    *(MeterInterval(slot, 0, 16_484, ReadingQuality.DERIVED) for slot in slots(USE.giveback)),
)
SETTLEMENT = settle(TARIFF, USE, profile(BATTERY, USE), INTERVALS)


def invoice_of(settlement: Settlement, tariff: Tariff = TARIFF, use: StorageUse = USE) -> Invoice:
    return Invoice(
        number="BB/26-27/000001",
        issued_at=at(120),
        due_at=at(120 + 360),
        seller=SELLER,
        buyer=BUYER,
        contract_id="contract-1",
        supply=use.booked,
        lines=settlement.lines,
        total=settlement.total,
        currency=tariff.currency,
        service_code=tariff.tax.code,
        evidence=evidence(settlement),
    )


INVOICE = invoice_of(SETTLEMENT)


def test_the_document_of_the_worked_example() -> None:
    shown = document(INVOICE, INTERVALS)
    assert shown["lines"] == [
        {
            "title": "STORAGE_CAPACITY_CHARGE",
            "quantity": "50",
            "unit": "kWh-month",
            "rate": "90",
            "amount": "4500.00",
        },
        {
            "title": "STORAGE_THROUGHPUT_CHARGE",
            "quantity": "300",
            "unit": "kWh",
            "rate": "0.85",
            "amount": "255.00",
        },
        {"title": "CGST", "quantity": "4755", "unit": "%", "rate": "9", "amount": "427.95"},
        {"title": "SGST", "quantity": "4755", "unit": "%", "rate": "9", "amount": "427.95"},
    ]
    assert (shown["taxable_amount"], shown["tax_amount"], shown["total"]) == ("4755.00", "855.90", "5610.90")


def test_the_document_carries_the_fields_of_rule_46_and_claims_no_more() -> None:
    shown = document(INVOICE, ())
    assert (shown["number"], shown["date"]) == ("BB/26-27/000001", "2026-11-06")
    assert (shown["seller"]["tax_id"], shown["buyer"]["tax_id"]) == ("29AAAAA0000A1Z5", None)
    assert (shown["place_of_supply"], shown["reverse_charge"]) == ("29", False)
    assert shown["service"]["code"] == "998631"
    assert shown["supply"] == {"start": "2026-11-01T00:00:00Z", "end": "2026-11-06T00:00:00Z"}
    assert "carries the fields of" in shown["note"]
    assert b"compliant" not in document_bytes(INVOICE, ())


def test_the_meter_evidence_says_what_the_bill_stands_on() -> None:
    shown = document(INVOICE, INTERVALS)
    assert shown["meter"] == {
        "interval_count": 32,
        "estimated_count": 16,
        "energy_in_wh": 300_000,
        "energy_out_wh": 263_744,
        "losses_wh": 36_256,
        "efficiency": "0.879147",
        "opening_in_wh": None,
        "opening_out_wh": None,
        "closing_in_wh": None,
        "closing_out_wh": None,
    }
    assert len(shown["intervals"]) == 32
    assert shown["intervals"][-1] == {
        "start": "2026-11-05T23:45:00Z",
        "end": "2026-11-06T00:00:00Z",
        "energy_in_wh": 0,
        "energy_out_wh": 16_484,
        "quality": 11,
    }


def test_the_bytes_are_compact_json_with_sorted_keys_of_the_same_document() -> None:
    raw = document_bytes(INVOICE, INTERVALS)
    assert orjson.loads(raw) == document(INVOICE, INTERVALS)
    assert raw.startswith(b'{"buyer":{"address":"2 Lake View, Bengaluru","email":null,')
    assert document_bytes(copy.deepcopy(INVOICE), list(INTERVALS)) == raw


def test_a_cancellation_fee_makes_an_invoice_too() -> None:
    fee = cancellation_fee(TARIFF, price(TARIFF, planned_usage(USE, profile(BATTERY, USE))), Decimal(10))
    nothing_moved = replace(settle(TARIFF, USE, profile(BATTERY, USE), ()), lines=fee)
    nothing_moved = replace(nothing_moved, total=lines_total(fee, "INR"))
    shown = document(invoice_of(nothing_moved), ())
    assert check(shown) == []
    assert (shown["total"], shown["meter"]["efficiency"]) == ("561.10", None)


@pytest.mark.parametrize(
    ("moment", "year"),
    [
        (datetime(2027, 3, 31, 18, 29, 59, tzinfo=UTC), "26-27"),
        (datetime(2027, 3, 31, 18, 30, tzinfo=UTC), "27-28"),
        (datetime(2026, 4, 1, tzinfo=INDIA), "26-27"),
        (datetime(2099, 12, 31, tzinfo=UTC), "99-00"),
    ],
)
def test_the_financial_year_turns_at_indian_midnight_before_the_first_of_april(moment: datetime, year: str) -> None:
    assert financial_year(moment) == year


def test_a_time_without_zone_has_no_financial_year() -> None:
    with pytest.raises(ValueError, match="has no zone"):
        financial_year(at(0).replace(tzinfo=None))


def test_the_invoice_of_a_march_evening_in_utc_is_dated_and_numbered_in_april() -> None:
    issued_at = datetime(2027, 3, 31, 20, tzinfo=UTC)
    invoice = replace(INVOICE, number=serial("BB", issued_at, 1), issued_at=issued_at)
    shown = document(invoice, ())
    assert (shown["number"], shown["date"]) == ("BB/27-28/000001", "2027-04-01")


@given(st.text("ABCxyz09-", min_size=1, max_size=3), st.integers(1, 999_999))
def test_a_serial_fits_rule_46(series: str, number: int) -> None:
    text = serial(series, at(0), number)
    assert re.fullmatch(r"[A-Za-z0-9/-]{1,16}", text)
    assert text.startswith(f"{series}/26-27/")
    assert int(text.rsplit("/", 1)[1]) == number


@pytest.mark.parametrize(("series", "number"), [("TOOLONG", 1), ("B B", 1), ("BB", 0), ("BBB", 10_000_000)])
def test_a_serial_that_rule_46_does_not_allow_is_refused(series: str, number: int) -> None:
    with pytest.raises(ValueError, match="is no invoice number"):
        serial(series, at(0), number)


def test_an_invoice_that_does_not_add_up_can_not_be_made() -> None:
    with pytest.raises(ValueError, match=r"do not add up to 5610\.91"):
        replace(INVOICE, total=INVOICE.total + Money(1, "INR"))


def test_an_invoice_with_a_bad_number_or_a_local_time_can_not_be_made() -> None:
    with pytest.raises(ValueError, match="is no invoice number"):
        replace(INVOICE, number="invoice number 1")
    with pytest.raises(ValueError, match="are not in UTC"):
        replace(INVOICE, due_at=at(0).astimezone(INDIA))


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
