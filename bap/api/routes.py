"""All routes of the producer's API."""

from __future__ import annotations

from types import MappingProxyType

from aiohttp import web

from bap import shapes
from bap.api.contracts import ContractsApi
from bap.api.searches import SearchesApi
from bap.desk import Desk
from node.callers import AccessRole, LeastRoles, allow
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
        ("GET", f"{_ONE}/invoice"): AccessRole.VIEWER,
        ("GET", f"{_ONE}/tickets"): AccessRole.VIEWER,
        ("POST", f"{_ONE}/tickets"): AccessRole.TRADER,
        ("POST", f"{_ONE}/tickets/{{ticket_id}}"): AccessRole.TRADER,
        **{("POST", f"{_ONE}/{step}"): AccessRole.TRADER for step in _STEPS},
        ("GET", f"{PREFIX}/trade-time"): AccessRole.VIEWER,
    }
)


def add_api(app: web.Application, desk: Desk) -> None:
    """Under ``/api/v1``; the participant's middleware asks for a token or session with the route's least role."""
    allow(app, LEAST_ROLES)
    SearchesApi(desk).add_routes(app, PREFIX)
    ContractsApi(desk).add_routes(app, PREFIX)

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
