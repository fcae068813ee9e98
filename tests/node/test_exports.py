"""Exports: the same rows as JSON, CSV and Parquet, and no formula for a spreadsheet."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from node.exports import PARQUET_TYPE, csv_bytes, parquet_bytes, report_response
from node.problems import problems

COLUMNS: dict[str, type] = {"name": str, "energy_wh": int, "cost": str}
ROWS = [{"name": "=1+1", "energy_wh": 300_000, "cost": "-12.50"}, {"name": "b,c", "energy_wh": None, "cost": None}]


def test_a_csv_has_numbers_as_they_are_and_formulas_as_texts() -> None:
    assert csv_bytes(tuple(COLUMNS), ROWS) == b'name,energy_wh,cost\n\'=1+1,300000,-12.50\n"b,c",,\n'


def test_a_parquet_file_gives_the_rows_back() -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is an extra")
    assert parquet.read_table(io.BytesIO(parquet_bytes(COLUMNS, ROWS))).to_pylist() == ROWS


@pytest.fixture
async def client() -> AsyncIterator[Any]:
    async def report(request: web.Request) -> web.Response:
        return report_response(request, "rows", COLUMNS, ROWS)

    app = web.Application(middlewares=[problems])
    app.router.add_get("/", report)
    async with TestClient(TestServer(app)) as opened:
        yield opened


async def test_the_query_says_which_form(client: Any) -> None:
    assert (await (await client.get("/")).json())["rows"] == ROWS
    csv = await client.get("/?format=csv")
    assert (csv.content_type, "rows.csv" in csv.headers["Content-Disposition"]) == ("text/csv", True)
    assert (await client.get("/?format=parquet")).content_type == PARQUET_TYPE
    assert (await client.get("/?format=xls")).status == 400
