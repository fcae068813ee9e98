"""All routes of the producer's API."""

from __future__ import annotations

from aiohttp import web

from bap import shapes
from bap.api.contracts import ContractsApi
from bap.api.searches import SearchesApi
from bap.desk import Desk
from node.problems import json_response
from protocol.moments import timestamp_text

PREFIX = "/api/v1"


def add_api(app: web.Application, desk: Desk) -> None:
    """Under ``/api/v1``; the participant's middleware asks for the bearer token."""
    SearchesApi(desk).add_routes(app, PREFIX)
    ContractsApi(desk).add_routes(app, PREFIX)

    async def trade_time(_request: web.Request) -> web.Response:
        clocks = desk.clocks
        content: shapes.TradeTime = {
            "trade_time": timestamp_text(clocks.trade()),
            "epoch": timestamp_text(clocks.trade_time.epoch),
            "started": timestamp_text(clocks.trade_time.started),
            "speed": clocks.trade_time.speed,
        }
        return json_response(content)

    app.router.add_get(f"{PREFIX}/trade-time", trade_time)
