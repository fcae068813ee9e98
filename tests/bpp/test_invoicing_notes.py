"""Credit notes, debit notes and late fees: what they take back or add, and why some can not be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection

from bpp import invoicing_notes
from bpp.invoicing_notes import NoteRefused, billed
from bpp.invoicing_settings import InvoicingSettings
from bpp.settings import BppSettings
from bpp.store import money
from bpp.store.money import IssuedInvoice
from energy.invoices import Kind, check
from energy.quantities import Money
from energy.tariffs import Line, LineTitle
from node.ids import new_token
from tests.bpp.platform import Platform, running
from tests.bpp.test_operation import finished

NUMBER = "BB/26-27/000001"
IN_TIME = datetime.fromisoformat("2027-11-30T18:00:00+00:00")
TOO_LATE = datetime.fromisoformat("2027-11-30T18:30:00+00:00")


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    """A platform with one invoice over 5610.90 INR: 4500.00 capacity, 255.00 energy, 18 % GST."""
    async with running(tmp_path, invoicing=InvoicingSettings(late_fee_percent=18)) as opened:
        await opened.put_battery()
        await opened.buy()
        await finished(opened)
        yield opened


async def noted(
    platform: Platform, issue: Callable[..., IssuedInvoice | None], *what: Any, at: datetime = IN_TIME
) -> IssuedInvoice:
    settings: BppSettings = platform.desk.settings

    def write(tx: Connection) -> IssuedInvoice | None:
        return issue(tx, settings, billed(tx, NUMBER), *what, new_token(), at)

    note = await platform.database.write(write)
    assert note is not None
    assert check(orjson.loads(note.document)) == []
    return note


def inr(title: LineTitle, amount: str) -> Line:
    return Line(title, Money.parse(amount, "INR"))


async def credit(platform: Platform, *lines: Line, at: datetime = IN_TIME) -> IssuedInvoice:
    return await noted(platform, invoicing_notes.issue_credit, list(lines), "agreed with you", at=at)


async def test_the_whole_invoice_is_credited_line_by_line(platform: Platform) -> None:
    note = await credit(platform)
    invoice = await platform.database.read(lambda tx: money.of_number(tx, NUMBER))
    assert invoice is not None
    assert (note.number, note.kind, note.corrects) == ("CN/27-28/000001", Kind.CREDIT_NOTE, NUMBER)
    assert note.total == -invoice.total
    first, second = orjson.loads(note.document), orjson.loads(invoice.document)
    assert first["lines"] == second["lines"]
    assert (first["buyer"], first["seller"]) == (second["buyer"], second["seller"])
    assert first["corrects"]["reason"] == "agreed with you"


async def test_parts_are_credited_with_their_taxes_until_nothing_is_left(platform: Platform) -> None:
    assert (await credit(platform, inr(LineTitle.THROUGHPUT, "100.00"))).total.text == "-118.00"
    with pytest.raises(NoteRefused, match=r"155\.00 are charged, 155\.01 can not be credited"):
        await credit(platform, inr(LineTitle.THROUGHPUT, "155.01"))
    assert (await credit(platform)).total.text == "-5492.90"
    with pytest.raises(NoteRefused, match="is left to be credited"):
        await credit(platform)


async def test_a_debit_note_can_be_credited_again(platform: Platform) -> None:
    penalty = inr(LineTitle.IMBALANCE_PENALTY, "560.00")
    note = await noted(platform, invoicing_notes.issue_debit, [penalty], "deviation")
    assert (note.number, note.total.text) == ("DN/27-28/000001", "660.80")
    assert (await credit(platform, penalty)).total.text == "-660.80"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([inr(LineTitle.CGST, "1.00")], "name charges before tax"),
        ([inr(LineTitle.THROUGHPUT, "-1.00")], "name an amount above zero"),
        ([Line(LineTitle.THROUGHPUT, Money(100, "EUR"))], "is in INR, not in EUR"),
        ([inr(LineTitle.WHEELING, "1.00")], r"0\.00 are charged"),
    ],
)
async def test_what_does_not_add_up_is_refused_with_the_reason(
    platform: Platform, lines: list[Line], said: str
) -> None:
    with pytest.raises(NoteRefused, match=said):
        await credit(platform, *lines)


async def test_a_refused_note_uses_no_number(platform: Platform) -> None:
    with pytest.raises(NoteRefused, match="Give the reason"):
        await noted(platform, invoicing_notes.issue_credit, [inr(LineTitle.THROUGHPUT, "1.00")], "  ")
    assert (await credit(platform)).number.endswith("/000001")


async def test_tax_is_credited_in_india_until_november_after_the_year(platform: Platform) -> None:
    with pytest.raises(NoteRefused, match=r"until 2027-11-30 \(section 34"):
        await credit(platform, at=TOO_LATE)
    assert (await credit(platform, at=IN_TIME)).kind is Kind.CREDIT_NOTE


async def test_a_late_fee_is_taxed_with_the_price_in_india(platform: Platform) -> None:
    invoice = await platform.database.read(lambda tx: money.of_number(tx, NUMBER))
    assert invoice is not None
    until = invoice.due_at + timedelta(days=30)
    note = await noted(platform, invoicing_notes.issue_late_fee, invoice.total, until)
    assert [line["amount"] for line in orjson.loads(note.document)["lines"]] == ["83.01", "7.47", "7.47"]


async def test_a_late_fee_in_the_eu_has_no_tax(platform: Platform) -> None:
    invoice = await platform.database.read(lambda tx: money.of_number(tx, NUMBER))
    assert invoice is not None
    settings = platform.desk.settings
    eu = replace(settings.invoicing, regime="eu-vat")
    settings = replace(settings, invoicing=eu, provider=replace(settings.provider, tax_id=None))
    until = invoice.due_at + timedelta(days=30)
    note = await platform.database.write(
        lambda tx: invoicing_notes.issue_late_fee(
            tx, settings, billed(tx, NUMBER), invoice.total, until, new_token(), IN_TIME
        )
    )
    assert note.total.text == "83.01"


async def test_who_paid_in_time_owes_no_fee(platform: Platform) -> None:
    invoice = await platform.database.read(lambda tx: money.of_number(tx, NUMBER))
    assert invoice is not None
    with pytest.raises(NoteRefused, match="is not a day late"):
        await noted(platform, invoicing_notes.issue_late_fee, invoice.total, invoice.due_at)
    with pytest.raises(NoteRefused, match="is in INR, not in EUR"):
        await noted(platform, invoicing_notes.issue_late_fee, Money(100, "EUR"), invoice.due_at + timedelta(days=9))


async def test_a_settlement_of_less_is_made_up_for_by_a_credit_note_once(platform: Platform) -> None:
    settled = (inr(LineTitle.CAPACITY, "4500.00"), inr(LineTitle.THROUGHPUT, "200.00"))
    note = await noted(platform, invoicing_notes.issue_difference, settled, "late readings")
    assert note.total.text == "-64.90"
    again = await platform.database.write(
        lambda tx: invoicing_notes.issue_difference(
            tx, platform.desk.settings, billed(tx, NUMBER), settled, "again", new_token(), IN_TIME
        )
    )
    assert again is None


async def test_notes_belong_to_invoices_that_are_here(platform: Platform) -> None:
    note = await credit(platform)
    for number, said in ((note.number, "is a credit-note"), ("BB/26-27/000009", "no invoice")):
        with pytest.raises(NoteRefused, match=said):
            await platform.database.write(lambda tx, number=number: billed(tx, number))
