"""All HTTP routes of the battery operator's platform beside the network's endpoints."""

from __future__ import annotations

from types import MappingProxyType

from aiohttp import web

from bpp.api.fleet import FleetApi
from bpp.api.public import PublicPages
from bpp.api.telemetry import TelemetryApi
from bpp.api.trades import TradesApi
from bpp.desk import Desk
from node.callers import AccessRole, LeastRoles, allow
from node.database import Database

API_PREFIX = "/api/v1"
LEAST_ROLES: LeastRoles = MappingProxyType(
    {
        ("GET", f"{API_PREFIX}/batteries"): AccessRole.VIEWER,
        ("POST", f"{API_PREFIX}/batteries"): AccessRole.OPERATOR,
        ("GET", f"{API_PREFIX}/batteries/{{battery_id}}"): AccessRole.VIEWER,
        ("POST", f"{API_PREFIX}/telemetry"): AccessRole.OPERATOR,
        ("GET", f"{API_PREFIX}/contracts"): AccessRole.VIEWER,
        ("GET", f"{API_PREFIX}/contracts/{{contract_id}}"): AccessRole.VIEWER,
        ("GET", f"{API_PREFIX}/invoices"): AccessRole.VIEWER,
        ("GET", f"{API_PREFIX}/dispatch"): AccessRole.OPERATOR,
        ("GET", f"{API_PREFIX}/trade-time"): AccessRole.VIEWER,
    }
)


def add_routes(app: web.Application, desk: Desk, samples_database: Database) -> None:
    """Register the public pages and the operator's API, each route of which asks for its least role.

    The platform is one operator's: its accounts are people and programs of that operator, and all see the whole fleet.
    """
    allow(app, LEAST_ROLES)
    PublicPages(desk).add_routes(app)
    FleetApi(desk).add_routes(app, API_PREFIX)
    TelemetryApi(desk, samples_database).add_routes(app, API_PREFIX)
    TradesApi(desk).add_routes(app, API_PREFIX)
