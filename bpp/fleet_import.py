"""A whole fleet from a file: JSON or CSV in, a report of every row out.

A CSV column is named by the member's place in the battery's JSON, such as ``place/latitude`` or
``tariff/rates/0/price``; an empty cell leaves the member out. So whatever a battery can say, a row can say, and a
mistake in the report names its column. Rows are numbered as a spreadsheet shows them: the header is row 1. In JSON the
first battery is number 1.

An import is all or nothing, or takes the rows that are right (``partial``). Nothing in it is counted up, so the same
file a second time changes nothing.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection

from bpp import roster
from bpp.catalog import ListedBattery
from bpp.fleet_json import FLAG_MEMBERS, INTEGER_MEMBERS, BatteryUnreadable, Mistake, read_battery
from bpp.roster import Keeper, Verdict
from bpp.store import roster as rows_of_roster
from energy.offers import CancellationTerms

_PATH_LENGTH_MAX = 5
_LIST_LENGTH_MAX = 100
_FLAGS = {"true": True, "false": False}


class Outcome(StrEnum):
    """What became of a row; the values are what the report says."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


class FileUnreadable(Exception):
    """The file is no fleet; the sentence says what to change."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it was read: a battery, or what is wrong with it. ``battery_id`` is None where none can be read."""

    number: int
    battery_id: str | None
    listed: ListedBattery | None
    mistakes: tuple[Mistake, ...] = ()


@dataclass(frozen=True, slots=True)
class Reported:
    """What became of a row, and why."""

    number: int
    battery_id: str | None
    outcome: Outcome
    mistakes: tuple[Mistake, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What became of every row; ``stored``: whether anything could be, and was written."""

    rows: tuple[Reported, ...]
    stored: bool

    def count(self, outcome: Outcome) -> int:
        """How many rows went so."""
        return sum(row.outcome is outcome for row in self.rows)

    @property
    def as_json(self) -> dict[str, Any]:
        """The report as the API and the command tell it."""
        return {
            "stored": self.stored,
            **{outcome.value: self.count(outcome) for outcome in Outcome},
            "rows": [
                {
                    "row": row.number,
                    "battery_id": row.battery_id,
                    "outcome": row.outcome.value,
                    "problems": [{"pointer": each.pointer, "detail": each.sentence} for each in row.mistakes],
                }
                for row in self.rows
            ],
        }


def rows_of_json(content: object, cancellation: CancellationTerms) -> list[Row]:
    """The rows of a list of batteries, or of an object with such a list in ``batteries``.

    Raises:
        FileUnreadable: it is neither.
    """
    if isinstance(content, dict):
        content = content.get("batteries")
    if not isinstance(content, list):
        raise FileUnreadable("Write a list of batteries, or an object with that list in batteries.")
    return _checked(_row(number, item, cancellation) for number, item in enumerate(content, start=1))


def rows_of_csv(text: str, cancellation: CancellationTerms) -> list[Row]:
    """The rows of a CSV file, with a comma or a semicolon between cells.

    Raises:
        FileUnreadable: it has no header, or a column's name is no place in a battery.
    """
    text = text.removeprefix("\ufeff")
    header_text = text.partition("\n")[0]
    delimiter = ";" if header_text.count(";") > header_text.count(",") else ","
    try:
        table = list(csv.reader(io.StringIO(text), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise FileUnreadable(f"This is not CSV: {error}.") from None
    header = [_path(name) for name in table[0]] if table else []
    if ("battery_id",) not in header or len(set(header)) < len(header):
        raise FileUnreadable("The first row must name the columns, each once, and one of them battery_id.")
    cells = ((number, row) for number, row in enumerate(table[1:], start=2) if any(cell.strip() for cell in row))
    return _checked(_csv_row(number, header, row, cancellation) for number, row in cells)


def take_in(tx: Connection, keeper: Keeper, rows: Sequence[Row], *, partial: bool, dry_run: bool) -> Report:
    """Write what is right, all or nothing unless ``partial``; and tell what became, or would become, of every row."""
    readable = [row for row in rows if row.listed is not None]
    wanted = [row.listed for row in readable if row.listed is not None]
    verdicts = dict(zip((row.number for row in readable), roster.judge(tx, keeper, wanted), strict=True))
    reported = tuple(_reported(row, verdicts.get(row.number)) for row in rows)
    refused = any(row.outcome is Outcome.REFUSED for row in reported)
    if dry_run or (refused and not partial):
        return Report(reported, stored=False)
    written = {row.number for row in reported if row.outcome in {Outcome.ADDED, Outcome.CHANGED}}
    news = [row.listed for row in readable if row.number in written and row.listed is not None]
    rows_of_roster.save(tx, news, keeper.account)
    return Report(reported, stored=True)


def _reported(row: Row, verdict: Verdict | None) -> Reported:
    mistakes = row.mistakes if verdict is None else verdict.mistakes
    if verdict is None or mistakes:
        outcome = Outcome.REFUSED
    elif verdict.is_new:
        outcome = Outcome.ADDED
    else:
        outcome = Outcome.CHANGED if verdict.is_changed else Outcome.UNCHANGED
    return Reported(row.number, row.battery_id, outcome, mistakes)


def _row(number: int, item: object, cancellation: CancellationTerms) -> Row:
    named = item.get("battery_id") if isinstance(item, dict) else None
    battery_id = named[:255] if isinstance(named, str) else None
    try:
        return Row(number, battery_id, read_battery(item, cancellation))
    except BatteryUnreadable as error:
        return Row(number, battery_id, None, tuple(error.mistakes))


def _checked(rows: Iterable[Row]) -> list[Row]:
    """Of several rows for one battery only the first can be meant."""
    first: dict[str, int] = {}
    checked = []
    for row in rows:
        earlier = None if row.battery_id is None else first.setdefault(row.battery_id, row.number)
        if earlier is not None and earlier != row.number:
            mistake = Mistake("/battery_id", f"Row {earlier} has this battery_id already.")
            row = Row(row.number, row.battery_id, None, (*row.mistakes, mistake))
        checked.append(row)
    return checked


def _path(name: str) -> tuple[str, ...]:
    parts = tuple(part.strip() for part in name.strip().strip("/").split("/"))
    is_list_too_long = any(part.isdigit() and (not part.isascii() or int(part) >= _LIST_LENGTH_MAX) for part in parts)
    if not all(parts) or len(parts) > _PATH_LENGTH_MAX or parts[0].isdigit() or is_list_too_long:
        raise FileUnreadable(f"The column {name[:64]!r} is no place in a battery, such as place/latitude.")
    return parts


def _csv_row(
    number: int, header: Sequence[tuple[str, ...]], row: Sequence[str], cancellation: CancellationTerms
) -> Row:
    if len(row) != len(header):
        sentence = f"This row has {len(row)} cells, and the header has {len(header)}."
        return Row(number, None, None, (Mistake("", sentence),))
    nested: dict[str, Any] = {}
    for path, cell in zip(header, row, strict=True):
        if cell.strip() and not _place(nested, path, _value(path, cell.strip())):
            pointer = "/" + "/".join(path)
            return Row(number, None, None, (Mistake(pointer, "Another column gives this place a value itself."),))
    return _row(number, _with_lists(nested), cancellation)


def _place(nested: dict[str, Any], path: Sequence[str], value: object) -> bool:
    """Put a value at its place; False when a shorter path has a value there."""
    *above, last = path
    for part in above:
        nested = nested.setdefault(part, {})
        if not isinstance(nested, dict):
            return False
    return nested.setdefault(last, value) is value


def _value(path: Sequence[str], cell: str) -> object:
    """What stands in a cell; what can not be read as its member is wants stays a text, and is told as a mistake."""
    if path[-1] in INTEGER_MEMBERS and cell.isascii() and cell.isdigit() and len(cell) <= 18:
        return int(cell)
    return _FLAGS.get(cell.lower(), cell) if path[-1] in FLAG_MEMBERS else cell


def _with_lists(value: object) -> object:
    """The same with every object whose members are all numbered made a list, in the order of the numbers."""
    if not isinstance(value, Mapping):
        return value
    if value and all(name.isdigit() for name in value):
        return [_with_lists(value[name]) for name in sorted(value, key=int)]
    return {name: _with_lists(inner) for name, inner in value.items()}
