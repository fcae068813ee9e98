"""All routes of the producer's API."""

from __future__ import annotations

from types import MappingProxyType

from aiohttp import web

from bap import shapes
from bap.api.bills import BillsApi
from bap.api.contracts import ContractsApi
from bap.api.live import LiveApi
from bap.api.reports import ReportsApi
from bap.api.searches import SearchesApi
from bap.desk import Desk
from node.callers import AccessRole, LeastRoles, allow
from node.event_stream import keep_streams
from node.ledger_api import LEDGER_PATHS, LedgerApi
from node.problems import json_response
from protocol.moments import timestamp_text

PREFIX = "/api/v1"
_ONE = f"{PREFIX}/contracts/{{contract_id}}"
_STEPS = ("offer", "init", "confirm", "update", "cancel", "rating", "status", "track", "support")
LEAST_ROLES: LeastRoles = MappingProxyType(
    {
        ("GET", f"{PREFIX}/searches"): AccessRole.VIEWER,
        ("POST", f"{PREFIX}/searches"): AccessRole.TRADER,
        ("GET", f"{PREFIX}/searches/{{search_id}}"): AccessRole.VIEWER,
        ("GET", f"{PREFIX}/contracts"): AccessRole.VIEWER,
        ("POST", f"{PREFIX}/contracts"): AccessRole.TRADER,
        ("GET", _ONE): AccessRole.VIEWER,
        ("GET", f"{_ONE}/readings"): AccessRole.VIEWER,
        ("GET", f"{_ONE}/live"): AccessRole.VIEWER,
        ("GET", f"{_ONE}/invoice"): AccessRole.VIEWER,
        ("GET", f"{_ONE}/meter-readings"): AccessRole.VIEWER,
        ("PUT", f"{_ONE}/meter-readings"): AccessRole.TRADER,
        ("GET", f"{_ONE}/bill"): AccessRole.VIEWER,
        ("POST", f"{_ONE}/bill/accept"): AccessRole.TRADER,
        ("POST", f"{_ONE}/bill/dispute"): AccessRole.TRADER,
        ("GET", f"{PREFIX}/reports/months"): AccessRole.VIEWER,
        ("GET", f"{_ONE}/tickets"): AccessRole.VIEWER,
        ("POST", f"{_ONE}/tickets"): AccessRole.TRADER,
        ("POST", f"{_ONE}/tickets/{{ticket_id}}"): AccessRole.TRADER,
        **{("POST", f"{_ONE}/{step}"): AccessRole.TRADER for step in _STEPS},
        ("GET", f"{PREFIX}/trade-time"): AccessRole.VIEWER,
        **{("GET", f"{PREFIX}/{path}"): AccessRole.ADMIN for path in LEDGER_PATHS},
    }
)


def add_api(app: web.Application, desk: Desk) -> None:
    """Under ``/api/v1``; the participant's middleware asks for a token or session with the route's least role."""
    allow(app, LEAST_ROLES)
    SearchesApi(desk).add_routes(app, PREFIX)
    contracts_api = ContractsApi(desk)
    contracts_api.add_routes(app, PREFIX)
    BillsApi(desk, contracts_api).add_routes(app, PREFIX)
    ReportsApi(desk).add_routes(app, PREFIX)
    LedgerApi(desk.database).add_routes(app, PREFIX)
    keep_streams(app)
    LiveApi(desk).add_routes(app, PREFIX)

    async def trade_time(_request: web.Request) -> web.Response:
        """Tell the clock of the trade."""
        clocks = desk.clocks
        content: shapes.TradeTime = {
            "trade_time": timestamp_text(clocks.trade()),
            "epoch": timestamp_text(clocks.trade_time.epoch),
            "started": timestamp_text(clocks.trade_time.started),
            "speed": clocks.trade_time.speed,
        }
        return json_response(content)

    app.router.add_get(f"{PREFIX}/trade-time", trade_time)
