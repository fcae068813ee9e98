from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bap.bills import Agreement, compare
from energy.battery import profile
from energy.discounts import discounted
from energy.intervals import slots
from energy.invoices import Invoice, Kind, Party, document_bytes, evidence
from energy.invoices.corrections import turned
from energy.metering import MeterInterval, ReadingQuality
from energy.offers import Quote, StorageUse
from energy.settlement import Settlement, planned_usage, settle
from energy.tariffs import Tariff, lines_total, price
from tests.energy.examples import BATTERY, TARIFF, USE, hours, tariffs, uses

Change = Callable[[dict[str, Any]], None]


def agreed(use: StorageUse = USE, tariff: Tariff = TARIFF) -> Agreement:
    plan = profile(BATTERY, use)
    lines = price(tariff, planned_usage(use, plan))
    return Agreement("contract-1", use, plan, tariff, Quote("quote-1", lines, lines_total(lines, tariff.currency), 300))


def bargained(percent: str) -> Agreement:
    """The same with so much off."""
    plain = agreed()
    lines = discounted(TARIFF, plain.quote.lines, Decimal(percent))
    return replace(plain, quote=replace(plain.quote, lines=lines, total=lines_total(lines, "INR")))


def readings(use: StorageUse = USE, *, in_wh: int = 18_000, out_wh: int = 16_000) -> tuple[MeterInterval, ...]:
    """The same energy in every quarter of an hour: 288 kWh in and 256 kWh out of the use of the examples."""
    taken = [MeterInterval(slot, in_wh, 0, ReadingQuality.VALID) for slot in slots(use.charge)]
    returned = [MeterInterval(slot, 0, out_wh, ReadingQuality.VALID) for slot in slots(use.giveback)]
    return (*taken, *returned)


def invoice(agreement: Agreement, metered: tuple[MeterInterval, ...]) -> dict[str, Any]:
    """The document as its operator would send it, through its bytes."""
    settled = settle(agreement.tariff, agreement.use, agreement.profile, metered, agreement.discount)
    return document_of(issued_for(agreement, settled), metered)


def issued_for(agreement: Agreement, settled: Settlement) -> Invoice:
    """The operator's invoice for a settlement."""
    return Invoice(
        number="BB/26-27/000001",
        issued_at=agreement.use.giveback.end,
        due_at=agreement.use.giveback.end + timedelta(days=15),
        seller=Party("Operator", "Bengaluru", state_code="29"),
        buyer=Party("Producer", "Bengaluru", state_code="29"),
        contract_id=agreement.contract_id,
        supply=agreement.use.booked,
        lines=settled.lines,
        total=settled.total,
        currency=agreement.tariff.currency,
        service_code=agreement.tariff.tax.code,
        evidence=evidence(settled),
    )


def document_of(issued: Invoice, metered: tuple[MeterInterval, ...]) -> dict[str, Any]:
    """The document of an invoice, through its bytes."""
    document: dict[str, Any] = orjson.loads(document_bytes(issued, metered))
    return document


AGREED = agreed()
DOCUMENT = invoice(AGREED, readings())
LATER = StorageUse(1, hours(120, 124), hours(124, 128))


def test_a_discount_that_was_bargained_for_has_to_be_on_the_bill() -> None:
    agreement = bargained("12.5")
    assert compare(agreement, invoice(agreement, readings())).accepted
    without = compare(agreement, DOCUMENT).differences
    assert any(sentence.startswith("DISCOUNT: nothing is billed") for sentence in without)


def test_a_discount_that_nobody_agreed_on_is_told_too() -> None:
    unasked = compare(AGREED, invoice(bargained("5"), readings())).differences
    assert any(sentence.startswith("DISCOUNT: ") for sentence in unasked)


def differences(change: Change, own: tuple[MeterInterval, ...] = ()) -> tuple[str, ...]:
    document = copy.deepcopy(DOCUMENT)
    change(document)
    check = compare(AGREED, document, own)
    assert check.accepted is not bool(check.differences)
    return check.differences


def test_an_invoice_of_what_was_metered_at_the_agreed_tariff_is_accepted() -> None:
    check = compare(AGREED, DOCUMENT, readings())
    assert check.differences == ()
    assert check.accepted
    # 288 of 300 kWh came in: 244.80 instead of 255.00, while the reserved capacity is paid as quoted.
    assert [line["amount"] for line in DOCUMENT["lines"]] == ["4500.00", "244.80", "427.03", "427.03"]


def test_an_invoice_can_be_checked_without_readings_of_our_own() -> None:
    assert compare(AGREED, DOCUMENT).accepted


def test_a_dearer_line_is_found_even_when_the_sums_are_right() -> None:
    dearer = replace(TARIFF, rates=(replace(TARIFF.rates[0], price=Decimal(91)), TARIFF.rates[1]))
    check = compare(AGREED, invoice(replace(AGREED, tariff=dearer), readings()))
    assert check.differences == (
        "CGST: 431.53 INR is billed, the tariff makes it 427.03 INR",
        "SGST: 431.53 INR is billed, the tariff makes it 427.03 INR",
        "STORAGE_CAPACITY_CHARGE: 4550.00 INR is billed, the tariff makes it 4500.00 INR",
        "STORAGE_CAPACITY_CHARGE: 4550.00 INR is billed, the quote said 4500.00 INR",
    )


def test_a_tariff_that_was_raised_after_the_quote_is_found_against_the_quote() -> None:
    raised = replace(AGREED, quote=agreed(tariff=replace(TARIFF, rates=TARIFF.rates[:1])).quote)
    dearer = replace(TARIFF, rates=(replace(TARIFF.rates[0], price=Decimal(91)), TARIFF.rates[1]))
    raised = replace(raised, tariff=dearer)
    assert compare(raised, invoice(raised, readings())).differences == (
        "STORAGE_CAPACITY_CHARGE: 4550.00 INR is billed, the quote said 4500.00 INR",
    )


def test_a_line_that_nobody_agreed_to_is_found() -> None:
    def add(document: dict[str, Any]) -> None:
        document["lines"].append(
            {"title": "PLATFORM_CHARGE", "quantity": None, "unit": None, "rate": None, "amount": "10.00"}
        )

    found = differences(add)
    assert "PLATFORM_CHARGE: 10.00 INR is billed, the tariff makes it nothing" in found
    assert "PLATFORM_CHARGE: 10.00 INR is billed, the quote said nothing" in found
    assert "total is 5598.86 but its lines add up to 5608.86" in found


def test_energy_that_the_intervals_do_not_carry_is_found() -> None:
    def inflate(document: dict[str, Any]) -> None:
        document["meter"] |= {"energy_in_wh": 300_000, "losses_wh": 44_000}

    assert differences(inflate) == ("300 kWh are billed as taken in, the intervals make 288 kWh",)


def test_an_interval_that_is_listed_twice_is_found() -> None:
    def repeat(document: dict[str, Any]) -> None:
        document["intervals"].insert(0, document["intervals"][0])

    found = differences(repeat)
    assert "288 kWh are billed as taken in, the intervals make 306 kWh" in found
    first = "2026-11-01T00:00:00+00:00 to 2026-11-01T00:15:00+00:00"
    assert f"the intervals {first} and {first} count energy twice" in found


@pytest.mark.parametrize(
    ("own", "accepted"),
    [
        (readings(in_wh=17_646), True),
        (readings(in_wh=17_645), False),
        (readings(in_wh=18_369), True),
        (readings(in_wh=18_370), False),
        (readings(out_wh=15_000), False),
        (readings(in_wh=17_000)[1:2], False),
        (readings(LATER, in_wh=1), True),
    ],
)
def test_energy_within_two_percent_of_our_own_readings_is_accepted(
    own: tuple[MeterInterval, ...], accepted: bool
) -> None:
    assert compare(AGREED, DOCUMENT, own).accepted is accepted


def test_a_difference_to_our_readings_is_told_in_kwh() -> None:
    assert differences(lambda document: None, readings(in_wh=16_000)) == (
        "288 kWh are billed as taken in in 32 intervals, we measured 256 kWh",
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda document: document.update(contract_id="contract-2"), "the contract is contract-2"),
        (lambda document: document["supply"].update(end="2026-11-07T00:00:00Z"), "the time of supply is"),
        (lambda document: document.update(currency="USD"), "the currency is USD, it should be INR"),
        (lambda document: document.update(total="5598.85"), "total is 5598.85"),
        (lambda document: document.pop("intervals"), "can not be compared: KeyError"),
        (lambda document: document["intervals"][0].update(energy_in_wh="18000"), "can not be compared: ValueError"),
        (lambda document: document["intervals"][0].update(energy_in_wh=-1), "can not be compared: ValueError"),
        (lambda document: document["intervals"][0].update(start="yesterday"), "can not be compared: ValueError"),
        (lambda document: document["intervals"][0].update(start="2026-10-31T23:55:00Z"), "lies only partly between"),
        (lambda document: document.update(lines=7), "can not be read as an invoice"),
        (lambda document: document.clear(), "can not be read as an invoice"),
    ],
)
def test_an_invoice_that_says_something_else_is_not_accepted_and_the_reason_is_told(change: Change, said: str) -> None:
    assert any(said in sentence for sentence in differences(change))


@given(use=uses(), tariff=tariffs(), in_wh=st.integers(0, 10**6), out_wh=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_every_honest_invoice_is_accepted(use: StorageUse, tariff: Tariff, in_wh: int, out_wh: int) -> None:
    agreement = agreed(use, tariff)
    metered = readings(use, in_wh=in_wh, out_wh=out_wh)
    assert compare(agreement, invoice(agreement, metered), metered).differences == ()


json_values = st.recursive(
    st.none() | st.integers() | st.sampled_from(["", "1", "INR", "2026-11-01T00:00:00Z"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["start", "amount"]), inner),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(sorted(DOCUMENT)), json_values, min_size=1))
@settings(max_examples=200, deadline=None)
def test_any_other_document_is_compared_without_a_crash(changed: dict[str, Any]) -> None:
    check = compare(AGREED, DOCUMENT | changed)
    untouched = {"document", "note", "number", "date", "issued_at", "due_at", "seller", "buyer"}
    untouched |= {"place_of_supply", "place_of_supply_name", "reverse_charge", "service", "title", "wording", "regime"}
    untouched |= {"time_zone"}
    untouched |= {"due_date", "late_fee_percent", "corrects", "pay_to", "intervals_csv_sha256"}
    assert check.accepted == (set(changed) <= untouched)


def test_a_statement_of_what_the_operator_pays_is_held_against_the_same_tariff() -> None:
    buying = replace(TARIFF, rates=(replace(TARIFF.rates[1], price=Decimal("-0.85")),))
    agreement = agreed(tariff=buying)
    settled = settle(buying, agreement.use, agreement.profile, readings())
    assert settled.total.text == "-288.86"
    invoiced = issued_for(agreement, settled)
    sold = replace(invoiced, kind=Kind.PURCHASE_STATEMENT, lines=turned(settled.lines), total=-settled.total)
    document = document_of(sold, readings())
    assert compare(agreement, document, readings()).differences == ()
    as_invoice = compare(agreement, document | {"document": "invoice"}, readings()).differences
    assert "STORAGE_THROUGHPUT_CHARGE: 244.80 INR is billed, the tariff makes it -244.80 INR" in as_invoice
