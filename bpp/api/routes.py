"""All HTTP routes of the battery operator's platform beside the network's endpoints."""

from __future__ import annotations

from aiohttp import web

from bpp.api.fleet import FleetApi
from bpp.api.public import PublicPages
from bpp.api.telemetry import TelemetryApi
from bpp.api.trades import TradesApi
from bpp.desk import Desk
from node.database import Database

API_PREFIX = "/api/v1"


def add_routes(app: web.Application, desk: Desk, samples_database: Database) -> None:
    """Register the public pages and the operator's API, whose token the participant's middleware asks for."""
    PublicPages(desk).add_routes(app)
    FleetApi(desk).add_routes(app, API_PREFIX)
    TelemetryApi(desk, samples_database).add_routes(app, API_PREFIX)
    TradesApi(desk).add_routes(app, API_PREFIX)
