"""``/api/v1/reports/months``: what storing cost and saved, by contract and month, as JSON, CSV or Parquet."""

from __future__ import annotations

import logging
from decimal import Decimal
from zoneinfo import ZoneInfo

from aiohttp import web
from sqlalchemy import Connection

from bap.desk import Desk
from bap.exports import COLUMNS, GridPrices, months_of
from bap.paperwork import read_invoice
from bap.parts import key_of
from bap.store import contracts
from energy.quantities import QuantityError, decimal_of
from node.callers import caller_of
from node.exports import Cell, Form, report_response
from node.openapi import query
from node.problems import Problem

logger = logging.getLogger(__name__)

CONTRACTS_MAX = 10_000
_PRICE = {"type": "string", "examples": ["7.50"]}


class ReportsApi:
    """The handler."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_routes(self, app: web.Application, prefix: str) -> None:
        """Under ``prefix``."""
        app.router.add_get(f"{prefix}/reports/months", self._months)

    @query(
        format={"enum": [form.value for form in Form]},
        month={"type": "string", "examples": ["2026-11"]},
        zone={"type": "string", "examples": ["Asia/Kolkata"]},
        buy_per_kwh=_PRICE,
        sell_per_kwh=_PRICE,
    )
    async def _months(self, request: web.Request) -> web.Response:
        """Tell cost, energy, losses, efficiency and savings of every contract with a bill, by month.

        Savings need what a kWh costs from the grid (``buy_per_kwh``) and what it earns there (``sell_per_kwh``).
        """
        only, month = caller_of(request).sees_only, request.query.get("month")
        prices, zone = _prices(request), _zone(request)

        def load(tx: Connection) -> list[tuple[str, bytes]]:
            found = []
            for contract in contracts.latest(tx, CONTRACTS_MAX, only):
                for part in contract.each:
                    key = key_of(contract, part)
                    content = part.invoice and contracts.invoice_of(tx, key, part.invoice.digest_sha256)
                    if content:
                        found.append((key, content))
            return found

        rows: list[dict[str, Cell]] = []
        for key, content in await self._desk.database.read(load):
            try:
                rows += months_of(key, read_invoice(content, key), prices, zone)
            except (KeyError, TypeError, ValueError) as error:
                logger.warning("the bill of contract %s is not in the report: %s", key, type(error).__name__)
        wanted = [row for row in rows if month in {None, row["month"]}]
        wanted.sort(key=lambda row: (str(row["month"]), str(row["contract_id"])))
        return report_response(request, "months", COLUMNS, wanted)


def _prices(request: web.Request) -> GridPrices | None:
    texts = [request.query.get(name) for name in ("buy_per_kwh", "sell_per_kwh")]
    if texts == [None, None]:
        return None
    try:
        buy, sell = (decimal_of(text) if text is not None else Decimal(0) for text in texts)
    except QuantityError as error:
        raise Problem(400, "Invalid query", f"A price is a decimal number: {error}.") from None
    return GridPrices(buy, sell)


def _zone(request: web.Request) -> ZoneInfo:
    name = request.query.get("zone", "UTC")
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise Problem(400, "Invalid query", f"zone {name[:40]!r} is no time zone.") from None
