"""Bank statements: the lines of a CSV file with named columns, and of an ISO 20022 camt.053 document.

A statement is read as a whole or not at all: one line that can not be read refuses the file and says which, so nothing
of it is lost. ``line_id`` is the same however often and in which file the bank tells a line: its own reference of the
entry where it gives one, otherwise what the line says, with a number among the equal lines of its day.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from energy.quantities import Money, QuantityError

LINES_MAX = 100_000
_ENCODINGS = ("utf-8-sig", "cp1252")


class StatementUnreadable(ValueError):
    """A file is no statement that can be read; the sentence says where and why."""


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One booked movement: ``amount`` is positive when it came in. ``texts`` are all that may name an invoice."""

    line_id: str
    booked_on: date
    amount: Money
    texts: tuple[str, ...]
    counterparty: str | None = None
    is_return: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """The booked lines of one account over some time; ``account`` is its IBAN or number, where it is told."""

    account: str | None
    lines: tuple[StatementLine, ...]


@dataclass(frozen=True, slots=True)
class CsvColumns:
    """What a bank calls the columns of its CSV files; money is in ``amount`` unless there are ``credit`` and ``debit``.

    ``currency`` names a column, otherwise everything is in ``only_currency``. ``decimal_mark`` is ``.`` or ``,``, the
    other of them may group thousands. ``date_format`` is Python's. ``skip_lines`` stand before the head.
    """

    date: str = "date"
    texts: tuple[str, ...] = ("description",)
    amount: str = "amount"
    credit: str | None = None
    debit: str | None = None
    currency: str | None = None
    only_currency: str = "INR"
    line_id: str | None = None
    counterparty: str | None = None
    delimiter: str = ","
    decimal_mark: str = "."
    date_format: str = "%Y-%m-%d"
    skip_lines: int = 0

    @property
    def wanted(self) -> tuple[str, ...]:
        """Every column that a file must have."""
        money = (self.credit, self.debit) if self.is_divided else (self.amount,)
        more = (*money, self.currency, self.line_id, self.counterparty)
        return (self.date, *self.texts, *(name for name in more if name is not None))

    @property
    def is_divided(self) -> bool:
        """Whether what came in and what went out have columns of their own."""
        return self.credit is not None or self.debit is not None


def read_csv(content: bytes, columns: CsvColumns) -> Statement:
    """The lines of a CSV file.

    Raises:
        StatementUnreadable: no text, a column is missing, or a line can not be read.
    """
    text = "\n".join(_decoded(content).splitlines()[columns.skip_lines :])
    reader = csv.DictReader(io.StringIO(text), delimiter=columns.delimiter, strict=True)
    missing = [name for name in columns.wanted if name not in (reader.fieldnames or ())]
    if missing:
        raise StatementUnreadable(f"the file has no column {', '.join(missing)}")
    try:
        lines = tuple(_csv_lines(reader, columns))
    except csv.Error as error:
        raise StatementUnreadable(f"line {columns.skip_lines + reader.line_num}: {error}") from None
    return Statement(None, numbered(lines))


def numbered(lines: tuple[StatementLine, ...]) -> tuple[StatementLine, ...]:
    """The lines, each without an id with one that follows from what it says.

    Raises:
        StatementUnreadable: two lines have the same id of the bank's, or there are too many.
    """
    if len(lines) > LINES_MAX:
        raise StatementUnreadable(f"the statement has {len(lines)} lines; hand over at most {LINES_MAX} at once")
    twice = [line_id for line_id, times in Counter(line.line_id for line in lines if line.line_id).items() if times > 1]
    if twice:
        raise StatementUnreadable(f"the lines' id {twice[0][:40]} is there more than once")
    seen: Counter[str] = Counter()
    found = []
    for line in lines:
        if not line.line_id:
            digest = _digest(line)
            seen[digest] += 1
            line = replace(line, line_id=f"{digest}-{seen[digest]}")
        found.append(line)
    return tuple(found)


def _digest(line: StatementLine) -> str:
    said = (line.booked_on.isoformat(), str(line.amount.amount_minor), line.amount.currency, *line.texts)
    return hashlib.sha256("\x1f".join((*said, line.counterparty or "")).encode()).hexdigest()[:32]


def _decoded(content: bytes) -> str:
    for encoding in _ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise StatementUnreadable("the file is no text in UTF-8 or Windows-1252")


def _csv_lines(reader: csv.DictReader[str], columns: CsvColumns) -> Iterator[StatementLine]:
    for row in reader:
        if not any(value for name, value in row.items() if name is not None):
            continue
        try:
            amount = _csv_amount(row, columns)
            booked_on = datetime.strptime(row[columns.date].strip(), columns.date_format).date()  # noqa: DTZ007 - a date
        except (ValueError, AttributeError, TypeError) as error:
            raise StatementUnreadable(f"line {columns.skip_lines + reader.line_num}: {error}") from None
        yield StatementLine(
            line_id="" if columns.line_id is None else row[columns.line_id].strip(),
            booked_on=booked_on,
            amount=amount,
            texts=tuple(row[name].strip() for name in columns.texts if row[name]),
            counterparty=None if columns.counterparty is None else row[columns.counterparty].strip() or None,
        )


def _csv_amount(row: Mapping[str, str], columns: CsvColumns) -> Money:
    currency = columns.only_currency if columns.currency is None else row[columns.currency].strip()
    if not columns.is_divided:
        return _money(row[columns.amount], currency, columns)
    credit, debit = (row[name] if name is not None else "" for name in (columns.credit, columns.debit))
    if not (credit.strip() or debit.strip()):
        raise QuantityError("there is no amount")
    nothing = "0"
    came = _money(credit.strip() or nothing, currency, columns)
    return came - _money(debit.strip() or nothing, currency, columns)


def _money(text: str, currency: str, columns: CsvColumns) -> Money:
    grouping = "," if columns.decimal_mark == "." else "."
    written = text.strip().replace(grouping, "").replace(" ", "").replace(columns.decimal_mark, ".")
    if not written:
        raise QuantityError("there is no amount")
    return Money.parse(written, currency)
