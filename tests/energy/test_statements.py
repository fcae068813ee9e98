"""Bank statements: CSV by named columns and camt.053, whole or not at all."""

from __future__ import annotations

from datetime import date

import pytest

from energy.camt import read_camt053
from energy.quantities import Money
from energy.statements import CsvColumns, StatementUnreadable, read_csv

CSV = b"date,amount,description\n2026-11-20,5610.90,NEFT BB/26-27/000001\n2026-11-21,-100.00,Fee\n"
INDIAN = CsvColumns(
    date="Txn Date",
    texts=("Narration", "Ref No"),
    credit="Deposit",
    debit="Withdrawal",
    line_id="Ref No",
    date_format="%d/%m/%Y",
    skip_lines=1,
)


def test_a_csv_has_a_line_for_each_row() -> None:
    first, second = read_csv(CSV, CsvColumns()).lines
    assert (first.booked_on, first.amount, first.texts) == (
        date(2026, 11, 20),
        Money(561_090, "INR"),
        ("NEFT BB/26-27/000001",),
    )
    assert second.amount == Money(-10_000, "INR")


def test_columns_are_named_as_the_bank_names_them() -> None:
    content = 'Account 12\nTxn Date,Narration,Ref No,Withdrawal,Deposit\n20/11/2026,UPI x,R1,,"1,05,610.90"\n'
    (line,) = read_csv(content.encode(), INDIAN).lines
    assert (line.line_id, line.amount, line.texts) == ("R1", Money(10_561_090, "INR"), ("UPI x", "R1"))


def test_a_decimal_comma_and_semicolons_are_read() -> None:
    columns = CsvColumns(delimiter=";", decimal_mark=",", only_currency="EUR", date_format="%d.%m.%Y")
    (line,) = read_csv("date;amount;description\n20.11.2026;1.234,56;Größe".encode("cp1252"), columns).lines
    assert (line.amount, line.texts) == (Money(123_456, "EUR"), ("Größe",))


def test_the_same_line_has_the_same_id_in_every_file_and_equal_lines_of_a_day_differ() -> None:
    row = b"2026-11-20,1.00,x\n"
    head = b"date,amount,description\n"
    once, twice = read_csv(head + row, CsvColumns()).lines, read_csv(head + row + row, CsvColumns()).lines
    assert once[0].line_id == twice[0].line_id
    assert twice[0].line_id != twice[1].line_id


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"date,amount\n", "no column description"),
        (CSV + b"2026-11-22,,nothing\n", "line 4: there is no amount"),
        (CSV + b"2026-11-22,1.005,x\n", "line 4: 1.005 has more decimals"),
        (CSV + b"yesterday,1.00,x\n", "line 4"),
        (CSV + b"2026-11-22,ten,x\n", "line 4"),
        (CSV + b"2026-11-22\n", "line 4"),
    ],
)
def test_one_line_that_can_not_be_read_refuses_the_file(content: bytes, words: str) -> None:
    with pytest.raises(StatementUnreadable, match=words):
        read_csv(content, CsvColumns())


# -- camt.053 -----------------------------------------------------------------------------------------------


def balance(code: str, amount: str) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy='EUR'>{amount}</Amt>"
        "<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-11-20</Dt></Dt></Bal>"
    )


def entry(
    amount: str, details: str = "", direction: str = "CRDT", status: str = "<Sts>BOOK</Sts>", ref: str = ""
) -> str:
    own = f"<AcctSvcrRef>{ref}</AcctSvcrRef>" if ref else ""
    return (
        f"<Ntry><Amt Ccy='EUR'>{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd>{status}"
        f"<BookgDt><Dt>2026-11-20</Dt></BookgDt>{own}<NtryDtls>{details}</NtryDtls></Ntry>"
    )


def transaction(text: str, amount: str = "", name: str = "Sun GmbH") -> str:
    part = f"<Amt Ccy='EUR'>{amount}</Amt>" if amount else ""
    return (
        f"<TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>{part}<RltdPties><Dbtr><Nm>{name}</Nm></Dbtr>"
        f"</RltdPties><RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls>"
    )


def camt(*entries: str, version: str = "02", balances: str = "", before: str = "") -> bytes:
    return (
        f"<?xml version='1.0'?>{before}<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}'>"
        "<BkToCstmrStmt><Stmt><Id>S1</Id><Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct>"
        f"{balances}{''.join(entries)}</Stmt></BkToCstmrStmt></Document>"
    ).encode()


@pytest.mark.parametrize("version", ["02", "08"])
def test_a_booked_entry_is_a_line_with_its_payer_and_its_text(version: str) -> None:
    (statement,) = read_camt053(camt(entry("12.50", transaction("BB/2026/000001"), ref="A1"), version=version))
    (line,) = statement.lines
    assert statement.account == "DE89370400440532013000"
    assert (line.line_id, line.amount, line.texts) == ("A1", Money(1_250, "EUR"), ("BB/2026/000001",))
    assert (line.counterparty, line.booked_on) == ("Sun GmbH", date(2026, 11, 20))


def test_an_entry_of_several_transactions_is_several_lines_when_they_add_up() -> None:
    both = transaction("one", "10.00") + transaction("two", "2.50")
    (statement,) = read_camt053(camt(entry("12.50", both, ref="A1")))
    assert [(line.line_id, line.amount.text) for line in statement.lines] == [("A1-1", "10.00"), ("A1-2", "2.50")]
    (whole,) = read_camt053(camt(entry("13.00", both, ref="A1")))
    assert [(line.amount.text, line.texts) for line in whole.lines] == [("13.00", ("one", "two"))]


def test_what_is_only_announced_is_no_line_and_debits_are_negative() -> None:
    (statement,) = read_camt053(
        camt(entry("1.00", status="<Sts><Cd>PDNG</Cd></Sts>"), entry("2.00", direction="DBIT", ref="B"))
    )
    assert [line.amount.text for line in statement.lines] == ["-2.00"]


def test_balances_that_the_entries_do_not_lead_to_show_a_missing_line() -> None:
    balances = balance("OPBD", "100.00") + balance("CLBD", "112.50")
    assert read_camt053(camt(entry("12.50"), balances=balances))[0].lines
    with pytest.raises(StatementUnreadable, match="a line is missing"):
        read_camt053(camt(entry("12.00"), balances=balances))


ENTITY = "<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/hostname'>]>"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no xml", "no XML"),
        (b"<a/>", "no camt.053"),
        (camt(before=ENTITY), "document type"),
        (camt(entry("12.505")), "more decimals"),
        (camt(entry("1.00").replace("EUR", "XAU")), "not a currency"),
        (camt(entry("1.00", direction="LEFT")), "CRDT or DBIT"),
        (camt(entry("1.00", ref="A"), entry("2.00", ref="A")), "more than once"),
    ],
)
def test_what_is_no_safe_or_whole_statement_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(StatementUnreadable, match=words):
        read_camt053(content)
