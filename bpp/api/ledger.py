"""The operator's API of energy in the ledger: what contracts have in a battery, and where that can not be.

Accounts, entries and roots are `node.ledger_api`'s.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from bpp.desk import Desk
from bpp.store import ledger as store
from energy.ledger_lots import Position
from node.openapi import query
from node.problems import Problem, json_response
from protocol.moments import timestamp_text


class LotsApi:
    """Lots and alarms, to read."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_routes(self, app: web.Application, prefix: str) -> None:
        """Register the routes."""
        app.router.add_get(f"{prefix}/ledger/lots", self._lots)
        app.router.add_get(f"{prefix}/ledger/alarms", self._alarms)

    @query(battery_id={"type": "string"})
    async def _lots(self, request: web.Request) -> web.Response:
        """List what the running contracts have in the battery ``battery_id``, by lot, as far as it is booked."""
        battery_id = request.query.get("battery_id")
        if not battery_id:
            raise Problem(400, "Invalid query", "Name the battery: battery_id.")
        found = await self._desk.database.read(lambda tx: store.open_positions(tx, battery_id))
        return json_response({"positions": [_position_json(each) for each in found]})

    async def _alarms(self, _request: web.Request) -> web.Response:
        """List the batteries whose contracts have more in store than is measured, with a sentence each."""
        found = await self._desk.database.read(store.alarms)
        return json_response({"alarms": [{"battery_id": each.battery_id, "sentence": each.alarm} for each in found]})


def _position_json(position: Position) -> dict[str, Any]:
    return {
        "contract_id": position.contract_id,
        "battery_id": position.battery_id,
        "origin": position.producer,
        "booked_until": timestamp_text(position.until),
        "energy_in_wh": position.taken_in_wh,
        "energy_out_wh": position.given_out_wh,
        "in_store_wh": position.in_store_wh,
        "set_aside_wh": position.set_aside_wh,
        "lots": [
            {
                "lot_id": lot.lot_id,
                "since": timestamp_text(lot.since),
                "in_store_wh": lot.in_store_wh,
                "set_aside_wh": lot.set_aside_wh,
            }
            for lot in position.lots
        ],
    }
