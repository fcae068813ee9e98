"""Importing bank statements: every line is booked once, however often and in however many files the bank tells it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, time
from enum import StrEnum

from sqlalchemy import Connection

from bpp.payments.booking import STATEMENT, Came, Tally, open_book
from bpp.store import payments as store
from energy.camt import read_camt053
from energy.payment_matching import way_of
from energy.statements import CsvColumns, Statement, StatementLine, read_csv

IMPORTED_BY = "statement import"
_ACCOUNT_CHARS = 34
_ID_CHARS = 100


class Form(StrEnum):
    """The forms of statements."""

    CAMT053 = "camt.053"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did; ``matched_earlier`` is how many that were parked before are used now.

    ``again``: the very same file had been imported before, and nothing was done.
    """

    lines: int
    tally: Tally
    matched_earlier: int = 0
    again: bool = False


def read(content: bytes, form: Form, columns: CsvColumns) -> tuple[Statement, ...]:
    """The statements of a file.

    Raises:
        StatementUnreadable: with the reason; nothing of the file is taken then.
    """
    return read_camt053(content) if form is Form.CAMT053 else (read_csv(content, columns),)


def import_into(tx: Connection, statements: tuple[Statement, ...], content: bytes, name: str, at: datetime) -> Imported:
    """Book the lines of a file that was read; ``at`` is trade time."""
    digest = hashlib.sha256(content).hexdigest()
    lines = [came_of(line, statement.account) for statement in statements for line in statement.lines]
    if store.statement_known(tx, digest):
        return Imported(len(lines), Tally(known=len(lines)), again=True)
    with open_book(tx, at, IMPORTED_BY) as book:
        earlier = book.match_again()
        tally = book.take(lines)
    store.add_statement(tx, digest, name, at, len(lines), tally.new)
    return Imported(len(lines), tally, earlier.used)


def came_of(line: StatementLine, account: str | None) -> Came:
    """A line as money that moved; its id belongs to its account."""
    return Came(
        origin=STATEMENT,
        source_id=f"{(account or '')[-_ACCOUNT_CHARS:]}:{_short(line.line_id)}",
        way=way_of(line.texts),
        amount=line.amount,
        booked_at=datetime.combine(line.booked_on, time(), UTC),
        texts=line.texts,
        payer=line.counterparty,
    )


def _short(line_id: str) -> str:
    return line_id if len(line_id) <= _ID_CHARS else hashlib.sha256(line_id.encode()).hexdigest()
