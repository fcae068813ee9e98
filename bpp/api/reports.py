"""``/api/v1/reports/…``: what is unpaid, payments against documents, energy by month; as JSON, CSV or Parquet."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import orjson
from aiohttp import web
from sqlalchemy import Connection

from bpp import reports
from bpp.desk import Desk
from bpp.reports import Metered
from bpp.store import money, trade
from bpp.store import payments as store
from node.exports import Form, report_response
from node.openapi import answers, query

_FORMAT = {"enum": [form.value for form in Form]}
_FILES = ("text/csv", "application/vnd.apache.parquet")
_DOCUMENTS_MAX = 1_000_000


class ReportsApi:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_routes(self, app: web.Application, prefix: str) -> None:
        """Register the routes."""
        app.router.add_get(f"{prefix}/reports/ageing", self._ageing)
        app.router.add_get(f"{prefix}/reports/payments", self._payments)
        app.router.add_get(f"{prefix}/reports/energy", self._energy)

    @query(format=_FORMAT)
    @answers(*_FILES)
    async def _ageing(self, request: web.Request) -> web.Response:
        """Tell what is not paid, and for how long."""
        dues = await self._desk.database.read(store.dues)
        rows = reports.ageing(dues.values(), self._desk.moment().trade)
        return report_response(request, "ageing", reports.AGEING, rows)

    @query(format=_FORMAT)
    @answers(*_FILES)
    async def _payments(self, request: web.Request) -> web.Response:
        """Tell every document with the payments that pay it."""
        dues, booked = await self._desk.database.read(lambda tx: (store.dues(tx), store.latest(tx, _DOCUMENTS_MAX)))
        rows = reports.paid_documents(dues.values(), [each.payment for each in booked])
        return report_response(request, "payments", reports.PAID, rows)

    @query(format=_FORMAT)
    @answers(*_FILES)
    async def _energy(self, request: web.Request) -> web.Response:
        """Tell the energy of each battery by month, with the losses, and what that is worth for the climate."""
        settings = self._desk.settings
        bills = await self._desk.database.read(_bills)
        rows = reports.energy_balance(bills, ZoneInfo(settings.invoicing.time_zone), settings.payments.co2_factor)
        return report_response(request, "energy", reports.ENERGY, rows)


def _bills(tx: Connection) -> list[Metered]:
    found = []
    for issued in money.issued(tx, _DOCUMENTS_MAX):
        contract = trade.find(tx, issued.contract_id)
        if contract is not None and not issued.kind.is_note:
            found.append(Metered(contract.battery_id, issued.contract_id, orjson.loads(issued.document)))
    return found
