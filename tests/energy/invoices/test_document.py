"""The document says what was settled, always the same way, and carries what the law wants in it."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import replace
from decimal import Decimal

import orjson

from energy.battery import profile
from energy.invoices import Kind, Party, check, document, document_bytes
from energy.invoices.document import intervals_csv, intervals_csv_of
from energy.invoices.model import Corrected
from energy.invoices.numbers import Books
from energy.settlement import cancellation_fee, planned_usage, settle
from energy.tariffs import lines_total, price
from energy.tax import Regime
from tests.energy.examples import BATTERY, TARIFF, USE
from tests.energy.invoices.examples import INTERVALS, INVOICE, invoice_of

GERMANY = Books(Regime.EU_VAT, "Europe/Berlin")


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
        "opening_soc": None,
        "closing_soc": None,
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
    assert raw.startswith(b'{"buyer":{"address":"2 Lake View, Bengaluru","country":null,"email":null,')
    assert document_bytes(copy.deepcopy(INVOICE), list(INTERVALS)) == raw


def test_a_cancellation_fee_makes_an_invoice_too() -> None:
    fee = cancellation_fee(TARIFF, price(TARIFF, planned_usage(USE, profile(BATTERY, USE))), Decimal(10))
    nothing_moved = replace(settle(TARIFF, USE, profile(BATTERY, USE), ()), lines=fee)
    nothing_moved = replace(nothing_moved, total=lines_total(fee, "INR"))
    shown = document(invoice_of(nothing_moved), ())
    assert check(shown) == []
    assert (shown["total"], shown["meter"]["efficiency"]) == ("561.10", None)


def test_the_digest_of_the_intervals_is_in_the_document_and_their_csv_can_be_made_from_it() -> None:
    shown = document(INVOICE, INTERVALS)
    assert intervals_csv_of(shown) == intervals_csv(INTERVALS)
    assert shown["intervals_csv_sha256"] == hashlib.sha256(intervals_csv(INTERVALS)).hexdigest()
    assert intervals_csv(INTERVALS).splitlines()[1] == b"2026-11-01T00:00:00Z,2026-11-01T00:15:00Z,18750,0,0"
    assert document(INVOICE, ())["intervals_csv_sha256"] is None


def test_an_exempt_supply_in_india_has_a_bill_of_supply() -> None:
    untaxed = tuple(line for line in INVOICE.lines if not line.is_tax)
    exempt = replace(INVOICE, lines=untaxed, total=lines_total(untaxed, "INR"))
    assert [document(each, ())["title"] for each in (INVOICE, exempt)] == ["Tax invoice", "Bill of supply"]


def test_a_european_invoice_carries_the_fields_of_article_226_and_says_reverse_charge() -> None:
    untaxed = tuple(line for line in INVOICE.lines if not line.is_tax)
    seller = Party("Speicher GmbH", "Hauptstr. 1, Berlin", "DE123456789", country="DE")
    buyer = Party("Zonnepark BV", "Dam 1, Amsterdam", "NL123456789B01", country="NL")
    abroad = replace(
        INVOICE, seller=seller, buyer=buyer, books=GERMANY, lines=untaxed, total=lines_total(untaxed, "INR")
    )
    shown = document(replace(abroad, reverse_charge=True), ())
    assert shown["note"] == "carries the fields of Article 226, Directive 2006/112/EC (EU)"
    assert (shown["title"], shown["wording"], shown["place_of_supply"]) == ("Invoice", ["Reverse charge"], "NL")
    assert (shown["seller"]["tax_id"], shown["buyer"]["tax_id"]) == ("DE123456789", "NL123456789B01")


def test_what_the_operator_pays_is_self_billed_by_agreement_in_the_eu_and_a_statement_in_india() -> None:
    self_billed = document(replace(INVOICE, kind=Kind.SELF_BILLED, books=GERMANY), ())
    statement = document(replace(INVOICE, kind=Kind.PURCHASE_STATEMENT), ())
    assert self_billed["wording"] == ["Self-billing"]
    assert statement["wording"] == [
        "This statement is no tax invoice: the seller issues a bill of supply for the energy."
    ]


def test_a_note_names_the_invoice_that_it_corrects_and_the_rule_for_it() -> None:
    corrected = Corrected("BB/26-27/000001", INVOICE.date, "A battery was out of service")
    shown = document(replace(INVOICE, kind=Kind.CREDIT_NOTE, corrects=corrected, evidence=None), ())
    assert shown["corrects"] == {
        "number": "BB/26-27/000001",
        "date": "2026-11-06",
        "reason": "A battery was out of service",
    }
    assert shown["note"] == "carries the fields of Rule 53 (1A), CGST Rules 2017 (India)"
    assert (shown["meter"], check(shown)) == (None, [])
