"""The operator's API of the fleet: ``/api/v1/batteries``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from bpp.api.shapes import reservation_json, sample_json
from bpp.catalog import ListedBattery
from bpp.desk import Desk
from bpp.fleet_json import BatteryUnreadable, Mistake, read_battery, write_battery
from bpp.store import fleet
from energy.metering import Sample
from node.problems import Problem, json_response, json_value

BATTERIES_PER_REQUEST = 1_000
_CHUNK = 50
"""As many batteries are written in one function, which then takes a few milliseconds."""


class FleetApi:
    """Batteries: add or replace, list, look at one."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_routes(self, app: web.Application, prefix: str) -> None:
        """Register the routes."""
        app.router.add_post(f"{prefix}/batteries", self._put)
        app.router.add_get(f"{prefix}/batteries", self._list)
        app.router.add_get(f"{prefix}/batteries/{{battery_id}}", self._show)

    async def _put(self, request: web.Request) -> web.Response:
        content = await json_value(request)
        wanted = self._read(content if isinstance(content, list) else [content], isinstance(content, list))
        for start in range(0, len(wanted), _CHUNK):
            await self._desk.database.write(partial(_save, batteries=wanted[start : start + _CHUNK]))
        return json_response([write_battery(listed) for listed in wanted])

    async def _list(self, _request: web.Request) -> web.Response:
        known = await self._desk.database.read(lambda tx: fleet.all_batteries(tx, self._desk.cancellation))
        latest = await self._desk.meters.latest_of_all()
        return json_response([_with_latest(listed, latest.get(listed.battery.battery_id)) for listed in known])

    async def _show(self, request: web.Request) -> web.Response:
        battery_id, moment = request.match_info["battery_id"], self._desk.moment()
        listed = await self._desk.database.read(lambda tx: fleet.battery(tx, battery_id, self._desk.cancellation))
        if listed is None:
            raise Problem(404, "Not found", f"There is no battery {battery_id[:64]} in this fleet.")
        booked = await self._desk.database.read(lambda tx: fleet.reservations(tx, moment, battery_id))
        latest = await self._desk.meters.latest(battery_id)
        bookings = [reservation_json(reservation) for reservation in booked]
        return json_response(_with_latest(listed, latest) | {"bookings": bookings})

    def _read(self, items: Sequence[object], is_list: bool) -> list[ListedBattery]:
        if len(items) > BATTERIES_PER_REQUEST:
            sentence = f"Send at most {BATTERIES_PER_REQUEST} batteries at once, not {len(items)}."
            raise Problem(413, "Too many batteries", sentence)
        wanted: list[ListedBattery] = []
        mistakes: list[Mistake] = []
        for index, item in enumerate(items):
            try:
                wanted.append(read_battery(item, self._desk.cancellation, f"/{index}" if is_list else ""))
            except BatteryUnreadable as error:
                mistakes += error.mistakes
        if mistakes:
            errors = [{"pointer": mistake.pointer, "detail": mistake.sentence} for mistake in mistakes]
            raise Problem(422, "Invalid battery", "Nothing was stored; mend what errors lists.", errors=errors)
        return wanted


def _with_latest(listed: ListedBattery, latest: Sample | None) -> dict[str, Any]:
    return write_battery(listed) | {"latest": None if latest is None else sample_json(latest)}


def _save(tx: Connection, batteries: Sequence[ListedBattery]) -> None:
    for listed in batteries:
        fleet.save_battery(tx, listed)
