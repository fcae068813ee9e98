"""From a settled contract to its invoice: numbers, parties, taxes, evidence, and which document it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection

from bpp.billing import Bill
from bpp.invoicing import issue
from bpp.invoicing_settings import InvoicingSettings
from bpp.meters import Edges
from bpp.store import money
from bpp.store.money import IssuedInvoice
from energy.invoices import Kind, check
from energy.invoices.model import PayTo
from energy.quantities import Money
from energy.settlement import Settlement
from energy.tariffs import Line, LineTitle, lines_total
from tests.bpp.platform import BILLING, PROVIDER, TARIFF, Platform, order, payment, running, sample, use
from tests.bpp.test_operation import OPENING_WH, finished
from tests.energy.examples import at

PAY_TO = PayTo("Garden City Storage", account_number="42", ifsc="CNRB0000421", upi_id="garden@bank")
SETTINGS = InvoicingSettings(legal_name="Garden City Storage Pvt Ltd", pay_to=PAY_TO, late_fee_percent=18)


@asynccontextmanager
async def settled(folder: Path, invoicing: InvoicingSettings) -> AsyncIterator[tuple[Platform, dict[str, Any]]]:
    """A platform whose one contract is settled, and the document of its invoice."""
    async with running(folder, invoicing=invoicing) as platform:
        await platform.put_battery()
        await platform.buy()
        await finished(platform)
        [invoice] = await platform.database.read(lambda tx: money.issued(tx, 10))
        yield platform, orjson.loads(invoice.document)


def bill_of(contract: Any, *lines: Line) -> Bill:
    """A bill of these lines, with nothing metered."""
    total = lines_total(lines, lines[0].amount.currency)
    return Bill(contract, Settlement(tuple(lines), total, 0, 0, 0, None, 0, 0), ())


async def issued(platform: Platform, bill: Bill, **changes: Any) -> tuple[IssuedInvoice, dict[str, Any]]:
    """The bill issued by an operator with other settings."""
    settings = replace(platform.desk.settings, **changes)

    def write(tx: Connection) -> IssuedInvoice:
        return issue(tx, settings, bill, "token-of-mine", at(200))

    invoice = await platform.database.write(write)
    return invoice, orjson.loads(invoice.document)


async def test_the_invoice_has_the_legal_entity_its_account_and_the_meters_registers(tmp_path: Path) -> None:
    async with settled(tmp_path, SETTINGS) as (_, document):
        assert check(document) == []
        assert document["seller"]["name"] == "Garden City Storage Pvt Ltd"
        assert document["pay_to"]["upi_id"] == "garden@bank"
        assert document["late_fee_percent"] == "18"
        assert document["place_of_supply_name"] == "Karnataka"
        meter = document["meter"]
        assert (meter["opening_in_wh"], meter["closing_in_wh"]) == (OPENING_WH, OPENING_WH + meter["energy_in_wh"])
        assert (meter["opening_out_wh"], meter["closing_out_wh"]) == (0, meter["energy_out_wh"])


async def test_states_of_charge_of_the_edges_are_evidence_and_missing_samples_are_unknown(platform: Platform) -> None:
    await platform.buy()
    contract = await platform.contract_of_trade()
    bill = bill_of(contract, Line(LineTitle.CAPACITY, Money(100, "INR")))
    edges = Edges(sample(at(2), 1_000, soc=Decimal("0.25")), None)
    invoice = await platform.database.write(lambda tx: issue(tx, platform.desk.settings, bill, "t", at(200), edges))
    meter = orjson.loads(invoice.document)["meter"]
    assert (meter["opening_soc"], meter["closing_soc"]) == ("0.25", None)
    assert (meter["opening_in_wh"], meter["closing_in_wh"]) == (1_000, None)


async def test_a_payer_in_another_state_is_quoted_and_billed_igst(platform: Platform) -> None:
    quoted = (await platform.answer("select", order())).order
    abroad = replace(BILLING, state_code="33")
    offered = await platform.answer("init", order(billing=abroad, payment=payment(quoted.quote)))
    quote = offered.order.quote
    assert quote is not None
    assert [(line.title, line.amount.text) for line in quote.lines if line.is_tax] == [(LineTitle.IGST, "855.90")]
    assert quote.total == Money(561_090, "INR")


@pytest.mark.parametrize(
    ("billing", "said"),
    [
        ({"state_code": "77"}, "no state of India"),
        ({"tax_id": "33AAAAA0000A1Z5"}, "is of state 33"),
        ({"tax_id": "nonsense"}, "is no GSTIN"),
    ],
)
async def test_a_payer_whose_state_can_not_be_is_refused_at_init(
    platform: Platform, billing: dict[str, str], said: str
) -> None:
    await platform.answer("select", order())
    letter = await platform.answer("init", order(billing=replace(BILLING, **billing)))
    assert letter.code == "30000"
    assert letter.error is not None
    assert said in letter.error["message"]


async def test_what_the_operator_has_to_pay_is_a_statement_in_india(platform: Platform) -> None:
    await platform.buy()
    energy = Line(LineTitle.THROUGHPUT, Money(-25_500, "INR"), Decimal(300), "kWh", Decimal("-0.85"))
    invoice, document = await issued(platform, bill_of(await platform.contract_of_trade(), energy))
    assert (invoice.kind, invoice.number, invoice.total.text) == (
        Kind.PURCHASE_STATEMENT,
        "PS/26-27/000001",
        "-255.00",
    )
    assert (document["seller"]["name"], document["buyer"]["name"]) == (BILLING.name, PROVIDER.name)
    assert (document["total"], document["pay_to"], check(document)) == ("255.00", None, [])


@pytest.mark.parametrize(("agreed", "kind"), [(True, Kind.SELF_BILLED), (False, Kind.PURCHASE_STATEMENT)])
async def test_the_producers_invoice_is_issued_for_it_in_the_eu_only_where_that_was_agreed(
    platform: Platform, agreed: bool, kind: Kind
) -> None:
    await platform.buy()
    eu = InvoicingSettings(regime="eu-vat", time_zone="Europe/Berlin", country="DE", self_billing_agreed=agreed)
    german = replace(PROVIDER, tax_id="DE123456789", state_code=None)
    contract = replace(await platform.contract_of_trade(), billing=replace(BILLING, tax_id="DE987654321"))
    bill = bill_of(contract, Line(LineTitle.THROUGHPUT, Money(-100, "EUR")))
    invoice, document = await issued(platform, bill, invoicing=eu, provider=german)
    assert (invoice.kind, invoice.number) == (kind, "PS/2026/000001")
    assert (document["seller"]["tax_id"], document["buyer"]["tax_id"]) == ("DE987654321", "DE123456789")


async def test_a_business_in_another_member_state_is_invoiced_with_reverse_charge(platform: Platform) -> None:
    await platform.buy()
    eu = InvoicingSettings(regime="eu-vat", time_zone="Europe/Berlin", country="DE")
    german = replace(PROVIDER, tax_id="DE123456789", state_code=None)
    known = await platform.contract_of_trade()
    untaxed = replace(TARIFF, tax=replace(TARIFF.tax, parts=()))
    contract = replace(
        known,
        billing=replace(BILLING, tax_id="NL123456789B01", state_code=None),
        listed=replace(known.listed, tariff=untaxed),
    )
    bill = bill_of(contract, Line(LineTitle.CAPACITY, Money(100, "EUR")))
    _, document = await issued(platform, bill, invoicing=eu, provider=german)
    assert (document["reverse_charge"], document["wording"]) == (True, ["Reverse charge"])
    assert (document["buyer"]["country"], document["place_of_supply"]) == ("NL", "NL")


async def test_a_payer_without_billing_is_named_by_its_platform_and_no_address_is_made_up(platform: Platform) -> None:
    await platform.buy()
    contract = replace(await platform.contract_of_trade(), billing=None)
    _, document = await issued(platform, bill_of(contract, Line(LineTitle.CAPACITY, Money(100, "INR"))))
    assert (document["buyer"]["name"], document["buyer"]["address"]) == (contract.peer.bap_id, "")


async def test_a_state_that_was_never_checked_does_not_keep_a_bill_from_being_issued(platform: Platform) -> None:
    await platform.buy()
    contract = replace(await platform.contract_of_trade(), billing=replace(BILLING, tax_id="nonsense"))
    _, document = await issued(platform, bill_of(contract, Line(LineTitle.CAPACITY, Money(100, "INR"))))
    assert document["buyer"]["tax_id"] == "nonsense"


async def test_each_kind_of_document_has_numbers_of_its_own(platform: Platform) -> None:
    await platform.buy()
    contract = await platform.contract_of_trade()
    paid, owed = Money(100, "INR"), Money(-100, "INR")
    numbers, settings = [], platform.desk.settings
    for place, amount in enumerate((paid, owed, paid)):
        bill = bill_of(replace(contract, use=use()), Line(LineTitle.CAPACITY, amount))
        invoice = await platform.database.write(
            partial(issue, settings=settings, bill=bill, token=f"token-{place}", issued_at=at(200))
        )
        numbers.append(invoice.number)
    assert numbers == ["BB/26-27/000001", "PS/26-27/000001", "BB/26-27/000002"]
