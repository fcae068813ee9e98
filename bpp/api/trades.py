"""The operator's API of what was sold: contracts, what the batteries have to do, and the trade's clock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from bpp.api.requests import limit_of, time_of
from bpp.api.shapes import contract_json, window_json
from bpp.contracts import Contract
from bpp.desk import Desk
from bpp.dispatch import Plan, schedule
from bpp.store import fleet, money, trade
from bpp.store.money import IssuedInvoice
from energy.intervals import Interval
from node.problems import Problem, json_response
from protocol.moments import timestamp_text

SCHEDULE_DEFAULT = timedelta(hours=1)
SCHEDULE_MAX = timedelta(days=31)
_LAST_START = datetime.max.replace(tzinfo=UTC) - SCHEDULE_MAX


class TradesApi:
    """Contracts, dispatch and trade time, to read."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_routes(self, app: web.Application, prefix: str) -> None:
        """Register the routes."""
        app.router.add_get(f"{prefix}/contracts", self._contracts)
        app.router.add_get(f"{prefix}/contracts/{{contract_id}}", self._contract)
        app.router.add_get(f"{prefix}/dispatch", self._dispatch)
        app.router.add_get(f"{prefix}/trade-time", self._trade_time)

    async def _contracts(self, request: web.Request) -> web.Response:
        """List the contracts, the latest first."""
        limit = limit_of(request)

        def read(tx: Connection) -> list[tuple[Contract, IssuedInvoice | None]]:
            return [(each, money.of_contract(tx, each.contract_id)) for each in trade.orders(tx, limit)]

        found = await self._desk.database.read(read)
        return json_response({"contracts": [contract_json(each, invoice, self._desk) for each, invoice in found]})

    async def _contract(self, request: web.Request) -> web.Response:
        """Show one contract."""
        contract_id = request.match_info["contract_id"]
        contract = await self._desk.database.read(lambda tx: trade.find(tx, contract_id))
        if contract is None:
            raise Problem(404, "Not found", f"There is no contract {contract_id[:64]} here.")
        invoice = await self._desk.database.read(lambda tx: money.of_contract(tx, contract_id))
        return json_response(contract_json(contract, invoice, self._desk))

    async def _dispatch(self, request: web.Request) -> web.Response:
        """List what the batteries have to do, and when."""
        clocks, now = self._desk.participant.clocks, self._desk.moment().trade
        window = _window(request, now)
        batteries = await self._desk.database.read(fleet.known_ids)
        contracts = await self._desk.database.read(lambda tx: trade.planned(tx, window))
        plans: dict[str, list[Plan]] = defaultdict(list)
        for contract in contracts:
            plans[contract.battery_id].append(contract.plan)
        return json_response(
            {
                "trade_time": timestamp_text(now),
                "speed": clocks.trade_time.speed,
                "schedules": [_schedule_json(each, plans[each], window) for each in sorted(batteries)],
            }
        )

    async def _trade_time(self, _request: web.Request) -> web.Response:
        """Tell the clock of the trade."""
        settings = self._desk.participant.clocks.trade_time
        return json_response(
            {
                "trade_time": timestamp_text(self._desk.moment().trade),
                "epoch": timestamp_text(settings.epoch),
                "started": timestamp_text(settings.started),
                "speed": settings.speed,
            }
        )


def _window(request: web.Request, now: datetime) -> Interval:
    start = time_of(request, "from", now)
    until = time_of(request, "until", min(start, _LAST_START) + SCHEDULE_DEFAULT)
    if not timedelta(0) < until - start <= SCHEDULE_MAX:
        raise Problem(400, "Invalid query", f"until must be later than from, by at most {SCHEDULE_MAX.days} days.")
    return Interval(start, until)


def _schedule_json(battery_id: str, plans: Sequence[Plan], window: Interval) -> dict[str, Any]:
    """What one battery has to do; after ``valid_until`` nothing is told, and a battery does nothing untold."""
    powers = schedule(plans, window.start, window.end)
    return {
        "battery_id": battery_id,
        "valid_until": timestamp_text(window.end),
        "intervals": [
            window_json(power.interval) | {"charge_w": power.charge_w, "discharge_w": power.discharge_w}
            for power in powers
        ],
    }
