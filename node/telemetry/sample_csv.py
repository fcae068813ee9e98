"""CSV of meters: one row a reading, and a report that says of each row what became of it.

The first line names the columns, in any order: those of a sample (`node.telemetry.sample_json`), or with another unit
in the name, such as ``energy_in_kwh``, ``power_kw`` or ``soc_share``. Comma or semicolon; with semicolons the decimal
sign may be a comma. A byte-order mark is passed over. An empty cell is "not known". ``battery_id`` may be missing where
the whole file is one battery's.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType

from energy.metering import Sample
from node.telemetry.intake import Receipt
from node.telemetry.readings import Field, FieldRule, ReadingUnusable, sample_of

SOURCE = "csv"
_BATTERY = "battery_id"
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS: Mapping[str, FieldRule] = MappingProxyType(
    {field.value: FieldRule(field) for field in Field}
    | {
        "soc_share": FieldRule(Field.SOC_PERCENT, "share"),
        "power_kw": FieldRule(Field.POWER_W, "kW"),
        "charge_kw": FieldRule(Field.CHARGE_W, "kW"),
        "discharge_kw": FieldRule(Field.DISCHARGE_W, "kW"),
        "energy_in_kwh": FieldRule(Field.ENERGY_IN_WH, "kWh"),
        "energy_out_kwh": FieldRule(Field.ENERGY_OUT_WH, "kWh"),
    }
)
_PASSED_OVER = frozenset({"source", "quality"})


class CsvUnreadable(ValueError):
    """The file as a whole is no CSV of readings; the sentence says why."""


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One row by its line in the file; the sample, or why it is none."""

    line: int
    sample: Sample | None
    sentence: str | None


def read_csv(text: str, battery_id: str | None = None) -> tuple[CsvRow, ...]:
    """The rows of a file, each read by itself.

    Raises:
        CsvUnreadable: no header, an unknown column, or no column for the time or the battery.
    """
    text = text.removeprefix("\ufeff")
    first = text.partition("\n")[0]
    delimiter = ";" if ";" in first else ","
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    header = [name.strip().lower() for name in next(reader, [])]
    _check_header(header, battery_id)
    return tuple(
        _row(reader.line_num, dict(zip(header, cells, strict=False)), len(cells) - len(header), delimiter, battery_id)
        for cells in reader
        if any(cell.strip() for cell in cells)
    )


def report(rows: Sequence[CsvRow], receipt: Receipt) -> list[dict[str, object]]:
    """What became of each row; the receipt is for the rows that have a sample, in order."""
    rejected = {one.index: one for one in receipt.rejected}
    flagged = {one.index: one for one in receipt.flagged}
    lines: list[dict[str, object]] = []
    index = -1
    for row in rows:
        index += row.sample is not None
        if row.sample is None:
            lines.append({"line": row.line, "result": "rejected", "details": [row.sentence]})
        elif index in rejected:
            lines.append({"line": row.line, "result": "rejected", "details": [rejected[index].sentence]})
        elif index in flagged:
            lines.append({"line": row.line, "result": "suspect", "details": list(flagged[index].sentences)})
        else:
            lines.append({"line": row.line, "result": "taken", "details": []})
    return lines


def _check_header(header: Sequence[str], battery_id: str | None) -> None:
    unknown = [name for name in header if name not in _COLUMNS and name not in {_BATTERY, *_PASSED_OVER}]
    if unknown:
        raise CsvUnreadable(f"the column {unknown[0][:40]!r} is not known; name {', '.join([_BATTERY, *_COLUMNS])}")
    if Field.MEASURED_AT not in header:
        raise CsvUnreadable("there is no column measured_at")
    if _BATTERY not in header and battery_id is None:
        raise CsvUnreadable("there is no column battery_id, and no battery was named for the whole file")
    if len(set(header)) < len(header):
        raise CsvUnreadable("a column is there twice")


def _row(line: int, cells: Mapping[str, str], surplus: int, delimiter: str, battery_id: str | None) -> CsvRow:
    if surplus:
        return CsvRow(
            line, None, f"The row has {abs(surplus)} cells {'more' if surplus > 0 else 'fewer'} than columns."
        )
    try:
        return CsvRow(line, _sample(cells, delimiter, battery_id), None)
    except ReadingUnusable as error:
        return CsvRow(line, None, f"{error}.")


def _sample(cells: Mapping[str, str], delimiter: str, battery_id: str | None) -> Sample:
    values: dict[Field, Decimal | datetime] = {}
    for name, rule in _COLUMNS.items():
        if name not in cells:
            continue
        cell = cells[name].strip()
        if delimiter == ";" and rule.field is not Field.MEASURED_AT:
            cell = cell.replace(",", ".")
        try:
            value = rule.read(cell)
        except ReadingUnusable as error:
            raise ReadingUnusable(f"{name}: {error}") from None
        if value is not None:
            values[rule.field] = value
    whose = cells.get(_BATTERY, "").strip() or battery_id
    if not whose:
        raise ReadingUnusable("battery_id is empty")
    if Field.MEASURED_AT not in values:
        raise ReadingUnusable("measured_at is empty")
    return sample_of(whose, values, _NEVER, SOURCE)
