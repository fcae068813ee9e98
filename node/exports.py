"""A report as JSON, as CSV or as a Parquet file: rows of texts and integers under named columns.

The same rows always give the same CSV. A text that a spreadsheet would take for a formula is written with an apostrophe
before it. Parquet needs pyarrow, which is installed with ``beckn-battery[parquet]``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from enum import StrEnum

from aiohttp import web

from energy.quantities import QuantityError, decimal_of
from node.problems import Problem, json_response

Cell = str | int | None
Row = Mapping[str, Cell]
PARQUET_TYPE = "application/vnd.apache.parquet"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Form(StrEnum):
    """The forms of a report."""

    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


def report_response(request: web.Request, name: str, columns: Mapping[str, type], rows: Sequence[Row]) -> web.Response:
    """The report in the form that ``format`` of the query asks for; ``columns`` are names with ``str`` or ``int``.

    Raises:
        Problem: 400 there is no such form, 501 there is no pyarrow.
    """
    form = request.query.get("format", Form.JSON.value)
    if form == Form.JSON:
        return json_response({name: [dict(row) for row in rows]})
    if form == Form.CSV:
        return _file(csv_bytes(tuple(columns), rows), "text/csv", f"{name}.csv")
    if form == Form.PARQUET:
        return _file(parquet_bytes(columns, rows), PARQUET_TYPE, f"{name}.parquet")
    raise Problem(400, "Invalid query", f"format must be one of {', '.join(Form)}.")


def csv_bytes(columns: Sequence[str], rows: Sequence[Row]) -> bytes:
    """The rows as CSV in UTF-8 with a head; None is an empty cell."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([[_cell(row[name]) for name in columns] for row in rows])
    return written.getvalue().encode()


def parquet_bytes(columns: Mapping[str, type], rows: Sequence[Row]) -> bytes:
    """The rows as a Parquet file.

    Raises:
        Problem: 501, there is no pyarrow.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise Problem(501, "Not installed", "Parquet needs pyarrow: install beckn-battery[parquet].") from None
    schema = pa.schema([(name, pa.int64() if kind is int else pa.string()) for name, kind in columns.items()])
    sink = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=schema), sink)
    return sink.getvalue()


def _cell(value: Cell) -> Cell:
    if not isinstance(value, str) or not value.startswith(_FORMULA):
        return value
    try:
        decimal_of(value)
    except QuantityError:
        return f"'{value}"
    return value


def _file(content: bytes, content_type: str, name: str) -> web.Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=content, content_type=content_type, headers=headers)
