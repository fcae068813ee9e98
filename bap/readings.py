"""The producer's own meter readings: intervals as JSON or CSV, by which an operator's bill is checked.

Both forms say the same as the intervals of an invoice: ``start``, ``end``, ``energy_in_wh`` (stored), ``energy_out_wh``
(returned) and ``quality``, an ESPI code, which may be left out. An upload is taken as a whole or not at all.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from energy.intervals import Interval, IntervalError
from energy.metering import MeterInterval, ReadingQuality
from energy.offers import StorageUse
from protocol.moments import parse_timestamp

INTERVALS_MAX = 50_000
CSV_TYPE = "text/csv"
_COLUMNS = ("start", "end", "energy_in_wh", "energy_out_wh")
_ENERGY_MAX_WH = 10**12


class ReadingsUnreadable(ValueError):
    """An upload can not be taken; the sentence says which interval and why."""


def read_csv(content: bytes) -> tuple[MeterInterval, ...]:
    """The intervals of a CSV file with a head.

    Raises:
        ReadingsUnreadable: no UTF-8, a column is missing, or as `read_rows`.
    """
    try:
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig")), strict=True)
        missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise ReadingsUnreadable(f"The file has no column {', '.join(missing)}.")
        return read_rows([{name: _number(name, text) for name, text in row.items()} for row in reader])
    except (UnicodeDecodeError, csv.Error) as error:
        raise ReadingsUnreadable(f"The file is no CSV in UTF-8: {error}.") from None


def read_rows(rows: Sequence[Mapping[str, Any]]) -> tuple[MeterInterval, ...]:
    """The intervals of JSON objects, in the order of time.

    Raises:
        ReadingsUnreadable: one can not be read, two overlap, or there are too many.
    """
    if not 0 < len(rows) <= INTERVALS_MAX:
        raise ReadingsUnreadable(f"Hand over from 1 to {INTERVALS_MAX} intervals at once, not {len(rows)}.")
    found = sorted((_interval(number, row) for number, row in enumerate(rows, 1)), key=lambda each: each.interval)
    for one, following in pairwise(found):
        if one.interval.overlaps(following.interval):
            raise ReadingsUnreadable(f"Two intervals overlap at {following.interval.start.isoformat()}.")
    return tuple(found)


def check_within(intervals: Iterable[MeterInterval], use: StorageUse) -> None:
    """Refuse readings of a time that the contract is not about.

    Raises:
        ReadingsUnreadable: it names the first.
    """
    for each in intervals:
        if not (use.booked.start <= each.interval.start and each.interval.end <= use.booked.end):
            booked = f"{use.booked.start.isoformat()} to {use.booked.end.isoformat()}"
            raise ReadingsUnreadable(f"{each.interval.start.isoformat()} is not within the contract's time, {booked}.")


def _interval(number: int, row: Mapping[str, Any]) -> MeterInterval:
    try:
        interval = Interval(parse_timestamp(row["start"]), parse_timestamp(row["end"]))
        quality = row.get("quality")
        return MeterInterval(
            interval,
            _energy(row["energy_in_wh"]),
            _energy(row["energy_out_wh"]),
            ReadingQuality.RAW if quality is None else ReadingQuality(quality),
        )
    except (KeyError, TypeError, AttributeError, ValueError, IntervalError) as error:
        raise ReadingsUnreadable(f"Interval {number}: {type(error).__name__}: {error}.") from None


def _energy(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _ENERGY_MAX_WH:
        raise ValueError(f"{value!r} is no energy in whole watt-hours")
    return value


def _number(name: str, text: str | None) -> Any:
    """CSV knows texts only: what is a number in JSON becomes one."""
    if name in {"start", "end"} or text is None:
        return text
    written = text.strip()
    if not written:
        return None
    return int(written) if written.isascii() and written.isdigit() and len(written) <= 15 else written
