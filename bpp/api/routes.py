"""All HTTP routes of the battery operator's platform beside the network's endpoints."""

from __future__ import annotations

from types import MappingProxyType

from aiohttp import web

from bpp.api.alerts import AlertsApi
from bpp.api.cancellations import CancellationsApi
from bpp.api.console_data import ConsoleDataApi
from bpp.api.fleet import FleetApi
from bpp.api.forms import AgreementForms
from bpp.api.history import HistoryApi
from bpp.api.invoices import InvoicesApi
from bpp.api.ledger import LotsApi
from bpp.api.live import LiveValues
from bpp.api.payments import PaymentsApi
from bpp.api.public import PublicPages
from bpp.api.reports import ReportsApi
from bpp.api.service_pages import FeedbackPages, TicketPages
from bpp.api.sites import SitesApi
from bpp.api.telemetry import TelemetryApi
from bpp.api.tickets import TicketsApi
from bpp.api.trades import TradesApi
from bpp.desk import Desk
from bpp.history import History
from bpp.telemetry import Telemetry
from node.callers import AccessRole, LeastRoles, allow
from node.event_stream import keep_streams
from node.ledger_api import LEDGER_PATHS, LedgerApi

API_PREFIX = "/api/v1"
_BATTERY = f"{API_PREFIX}/batteries/{{battery_id}}"
_INVOICE = f"{API_PREFIX}/invoices/{{series}}/{{year}}/{{serial}}"
_TICKET = f"{API_PREFIX}/tickets/{{ticket_id}}"
_PAYMENTS = f"{API_PREFIX}/payments"
_PAYMENT_STEPS = ("allocate", "release", "deposit", "undeposit", "refund", "charge-back")
_SETPOINT = f"{API_PREFIX}/setpoints/{{battery_id}}"
LEAST_ROLES: LeastRoles = MappingProxyType(
    {
        ("GET", f"{API_PREFIX}/batteries"): AccessRole.VIEWER,
        ("POST", f"{API_PREFIX}/batteries"): AccessRole.OPERATOR,
        ("POST", f"{API_PREFIX}/batteries/import"): AccessRole.OPERATOR,
        ("GET", _BATTERY): AccessRole.VIEWER,
        ("PATCH", _BATTERY): AccessRole.OPERATOR,
        ("PUT", f"{_BATTERY}/state"): AccessRole.OPERATOR,
        ("GET", f"{_BATTERY}/history"): AccessRole.VIEWER,
        ("GET", f"{_BATTERY}/day"): AccessRole.VIEWER,
        ("GET", f"{API_PREFIX}/overview"): AccessRole.VIEWER,
        ("GET", f"{API_PREFIX}/calendar"): AccessRole.VIEWER,
        ("GET", f"{API_PREFIX}/sites"): AccessRole.VIEWER,
        ("GET", f"{API_PREFIX}/sites/{{site_id}}"): AccessRole.VIEWER,
        ("PUT", f"{API_PREFIX}/sites/{{site_id}}"): AccessRole.OPERATOR,
        ("POST", f"{API_PREFIX}/telemetry"): AccessRole.DEVICE,
        ("GET", f"{API_PREFIX}/telemetry/health"): AccessRole.VIEWER,
        ("POST", f"{API_PREFIX}/telemetry/meter-changes"): AccessRole.OPERATOR,
        ("POST", f"{API_PREFIX}/telemetry/set-aside/replay"): AccessRole.OPERATOR,
        ("GET", f"{API_PREFIX}/contracts"): AccessRole.VIEWER,
        ("GET", f"{API_PREFIX}/contracts/{{contract_id}}"): AccessRole.VIEWER,
        ("POST", f"{API_PREFIX}/contracts/{{contract_id}}/cancel"): AccessRole.OPERATOR,
        ("GET", f"{API_PREFIX}/cancellation-reasons"): AccessRole.VIEWER,
        ("GET", f"{API_PREFIX}/invoices"): AccessRole.VIEWER,
        ("GET", _INVOICE): AccessRole.OPERATOR,
        ("POST", f"{_INVOICE}/notes"): AccessRole.OPERATOR,
        ("GET", f"{API_PREFIX}/tax-report"): AccessRole.OPERATOR,
        ("GET", f"{API_PREFIX}/tickets"): AccessRole.VIEWER,
        ("POST", f"{API_PREFIX}/tickets"): AccessRole.OPERATOR,
        ("GET", _TICKET): AccessRole.VIEWER,
        ("POST", f"{_TICKET}/notes"): AccessRole.OPERATOR,
        ("PUT", f"{_TICKET}/state"): AccessRole.OPERATOR,
        ("PUT", f"{_TICKET}/maintenance"): AccessRole.OPERATOR,
        ("DELETE", f"{_TICKET}/maintenance"): AccessRole.OPERATOR,
        ("GET", f"{API_PREFIX}/ratings"): AccessRole.VIEWER,
        ("GET", f"{API_PREFIX}/dispatch"): AccessRole.OPERATOR,
        **{("GET", f"{API_PREFIX}/reports/{name}"): AccessRole.OPERATOR for name in ("ageing", "payments", "energy")},
        ("GET", _PAYMENTS): AccessRole.OPERATOR,
        ("GET", f"{_PAYMENTS}/unmatched"): AccessRole.OPERATOR,
        ("GET", f"{_PAYMENTS}/dues"): AccessRole.OPERATOR,
        ("GET", f"{_PAYMENTS}/instructions"): AccessRole.OPERATOR,
        ("GET", f"{_PAYMENTS}/{{payment_id}}"): AccessRole.OPERATOR,
        ("POST", f"{_PAYMENTS}/statements"): AccessRole.OPERATOR,
        ("POST", f"{_PAYMENTS}/match"): AccessRole.OPERATOR,
        **{("POST", f"{_PAYMENTS}/{{payment_id}}/{step}"): AccessRole.OPERATOR for step in _PAYMENT_STEPS},
        ("GET", f"{API_PREFIX}/trade-time"): AccessRole.VIEWER,
        **{("GET", f"{API_PREFIX}/{path}"): AccessRole.OPERATOR for path in LEDGER_PATHS},
        ("GET", f"{API_PREFIX}/ledger/lots"): AccessRole.VIEWER,
        ("GET", f"{API_PREFIX}/ledger/alarms"): AccessRole.VIEWER,
        ("GET", f"{API_PREFIX}/dispatch/instructions"): AccessRole.OPERATOR,
        ("GET", f"{API_PREFIX}/setpoints"): AccessRole.VIEWER,
        ("GET", _SETPOINT): AccessRole.DEVICE,
        ("PUT", _SETPOINT): AccessRole.OPERATOR,
        ("DELETE", _SETPOINT): AccessRole.OPERATOR,
        ("POST", f"{_SETPOINT}/outcome"): AccessRole.DEVICE,
        ("GET", f"{API_PREFIX}/stops"): AccessRole.VIEWER,
        ("POST", f"{API_PREFIX}/stops"): AccessRole.OPERATOR,
        ("DELETE", f"{API_PREFIX}/stops/{{battery_id}}"): AccessRole.OPERATOR,
        ("GET", f"{API_PREFIX}/alerts"): AccessRole.VIEWER,
        ("GET", f"{API_PREFIX}/alerts/stream"): AccessRole.VIEWER,
        ("POST", f"{API_PREFIX}/alerts/{{alert_id}}/acknowledge"): AccessRole.OPERATOR,
    }
)


_DIVIDED = tuple(f"{API_PREFIX}/{name}" for name in ("batteries", "overview", "calendar", "trade-time"))
_BY_DEVICES = ("POST", f"{API_PREFIX}/telemetry")


def least_roles(*, shared_fleet: bool) -> LeastRoles:
    """The least role of each route. Where every account has a fleet of its own, what is not divided by them is for
    administrators, and samples come from devices, each of its own battery.
    """
    if shared_fleet:
        return LEAST_ROLES
    closed = {route for route in LEAST_ROLES if not route[1].startswith(_DIVIDED) and route != _BY_DEVICES}
    return {route: AccessRole.ADMIN if route in closed else role for route, role in LEAST_ROLES.items()}


def add_routes(app: web.Application, desk: Desk, telemetry: Telemetry, history: History) -> None:
    """Register the public pages and the operator's API, each route of which asks for its least role."""
    allow(app, least_roles(shared_fleet=desk.settings.shared_fleet))
    keep_streams(app)
    PublicPages(desk).add_routes(app)
    LiveValues(desk).add_routes(app)
    AgreementForms(desk).add_routes(app)
    FeedbackPages(desk).add_routes(app)
    TicketPages(desk).add_routes(app)
    TicketsApi(desk).add_routes(app, API_PREFIX)
    CancellationsApi(desk).add_routes(app, API_PREFIX)
    FleetApi(desk).add_routes(app, API_PREFIX)
    HistoryApi(desk, history).add_routes(app, API_PREFIX)
    ConsoleDataApi(desk, telemetry.samples, history).add_routes(app, API_PREFIX)
    SitesApi(desk).add_routes(app, API_PREFIX)
    TelemetryApi(desk, telemetry).add_routes(app, API_PREFIX)
    TradesApi(desk).add_routes(app, API_PREFIX)
    LedgerApi(desk.database).add_routes(app, API_PREFIX)
    LotsApi(desk).add_routes(app, API_PREFIX)
    PaymentsApi(desk).add_routes(app, API_PREFIX)
    ReportsApi(desk).add_routes(app, API_PREFIX)
    AlertsApi(desk).add_routes(app, API_PREFIX)
    InvoicesApi(desk).add_routes(app, API_PREFIX)
