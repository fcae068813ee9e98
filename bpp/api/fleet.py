"""The operator's API of the fleet: ``/api/v1/batteries``.

A battery that is another account's does not exist here (`bpp.api.visibility`). What is wrong is told member by member
with its JSON pointer, and then nothing is stored. What was sold binds: see `bpp.roster`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from sqlalchemy import Connection

from bpp import fleet_import
from bpp.api.fleet_schemas import BATTERIES, CHANGES, IMPORT, STATE
from bpp.api.requests import flag_of, limit_of, text_of
from bpp.api.shapes import reservation_json, sample_json
from bpp.api.visibility import battery_id_of, keeper_of, sees_only, unknown, visible_battery
from bpp.catalog import ListedBattery
from bpp.desk import Desk
from bpp.fleet_import import FileUnreadable, Row
from bpp.fleet_json import BatteryUnreadable, Mistake, read_battery, write_battery
from bpp.roster import Keeper, StateRefused, judge, set_state
from bpp.store import fleet, roster
from bpp.store.roster import Entry, ServiceState, Wanted
from energy.metering import Sample
from node.openapi import body, query
from node.problems import Problem, json_object, json_response, json_value
from protocol.moments import timestamp_text

BATTERIES_PER_REQUEST = 1_000
ROWS_PER_IMPORT = 5_000
_CSV = "text/csv"
_FLAG = {"type": "boolean"}


class FleetApi:
    """Batteries: take in, list, look at, change, take out of service, return and retire."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_routes(self, app: web.Application, prefix: str) -> None:
        """Register the routes."""
        one = f"{prefix}/batteries/{{battery_id}}"
        app.router.add_post(f"{prefix}/batteries", self._put)
        app.router.add_get(f"{prefix}/batteries", self._list)
        app.router.add_post(f"{prefix}/batteries/import", self._import)
        app.router.add_get(one, self._show)
        app.router.add_patch(one, self._change)
        app.router.add_put(f"{one}/state", self._set_state)

    @query(despite_contracts=_FLAG, account={"type": "string"})
    @body(BATTERIES)
    async def _put(self, request: web.Request) -> web.Response:
        """Take batteries into the fleet, or replace them: one, or a list of which all are stored or none.

        What would break contracts is refused with 409, unless ``despite_contracts`` is true.
        """
        content = await json_value(request)
        is_list = isinstance(content, list)
        wanted = self._read(content if is_list else [content], is_list)
        return json_response([_json(entry) for entry in await self._save(keeper_of(self._desk, request), wanted)])

    @query(
        state={"enum": [state.value for state in ServiceState]},
        site_id={"type": "string"},
        after={"type": "string"},
        limit={"type": "integer", "minimum": 1, "maximum": 1_000},
    )
    async def _list(self, request: web.Request) -> web.Response:
        """List the batteries by id, without the retired ones unless they are asked for.

        Where there are more than ``limit``, the header ``Link`` names the next page.
        """
        limit, after = limit_of(request), text_of(request, "after") or ""
        wanted = Wanted(
            sees_only(self._desk, request), _state_of(request.query.get("state")), text_of(request, "site_id")
        )
        found = await self._desk.database.read(
            lambda tx: roster.page(tx, self._desk.cancellation, wanted, after, limit + 1)
        )
        latest = await self._desk.meters.latest_of_all()
        entries = found[:limit]
        response = json_response([_with_latest(entry, latest.get(entry.battery_id)) for entry in entries])
        if len(found) > limit:
            asked = {name: value for name, value in request.query.items() if name != "after"}
            following = urlencode(asked | {"after": entries[-1].battery_id})
            response.headers["Link"] = f'<{request.path}?{following}>; rel="next"'
        return response

    async def _show(self, request: web.Request) -> web.Response:
        """Show one battery with its newest sample and what is booked on it."""
        entry, moment = await visible_battery(self._desk, request), self._desk.moment()
        booked = await self._desk.database.read(lambda tx: fleet.reservations(tx, moment, entry.battery_id))
        latest = await self._desk.meters.latest(entry.battery_id)
        bookings = [reservation_json(reservation) for reservation in booked]
        return json_response(_with_latest(entry, latest) | {"bookings": bookings})

    @query(despite_contracts=_FLAG)
    @body(CHANGES)
    async def _change(self, request: web.Request) -> web.Response:
        """Change some members of a battery; null takes an optional one away.

        ``place`` and ``tariff`` are replaced as a whole. What would break contracts is refused with 409, unless
        ``despite_contracts`` is true. Contracts keep the terms on which they were made.
        """
        changes, keeper = await json_object(request), keeper_of(self._desk, request)
        _check_changes(changes)
        entry = await visible_battery(self._desk, request)
        merged = {**write_battery(entry.listed), **changes}
        kept = {name: value for name, value in merged.items() if value is not None}
        (changed,) = await self._save(keeper, self._read([kept], is_list=False))
        return json_response(_json(changed))

    @body(STATE)
    async def _set_state(self, request: web.Request) -> web.Response:
        """Take a battery out of service, return it, or retire it for good.

        Out of service it is not offered, and its contracts go on. Retiring is refused while contracts are running,
        not billed, or held; ``errors`` names them.
        """
        content = await json_object(request)
        state = _state_of(content.get("state"), of="/state")
        if state is None or content.keys() != {"state"}:
            raise Problem(422, "Invalid state", "Write an object with the member state and nothing else.")
        battery_id, keeper = battery_id_of(request), keeper_of(self._desk, request)
        try:
            entry = await self._desk.database.write(lambda tx: set_state(tx, keeper, battery_id, state))
        except StateRefused as refusal:
            errors = [{"in_the_way": each.pointer, "detail": each.sentence} for each in refusal.obstacles]
            raise Problem(409, "Not possible", str(refusal), errors=errors) from None
        if entry is None:
            raise unknown(battery_id)
        return json_response(_json(entry))

    @query(partial=_FLAG, dry_run=_FLAG, despite_contracts=_FLAG, account={"type": "string"})
    @body(IMPORT, _CSV)
    async def _import(self, request: web.Request) -> web.Response:
        """Take a fleet in from JSON or CSV, and report what became of every row.

        All or nothing: one wrong row refuses the file with 422 and the report, unless ``partial`` is true.
        ``dry_run`` reports and stores nothing. The same file a second time changes nothing.
        """
        keeper, partially = keeper_of(self._desk, request), flag_of(request, "partial")
        dry_run, rows = flag_of(request, "dry_run"), await self._rows(request)
        report = await self._desk.database.write(
            lambda tx: fleet_import.take_in(tx, keeper, rows, partial=partially, dry_run=dry_run)
        )
        if not (report.stored or dry_run):
            sentence = "Nothing was stored; mend the rows that were refused, or import with partial=true."
            raise Problem(422, "Import refused", sentence, report=report.as_json)
        return json_response(report.as_json)

    async def _rows(self, request: web.Request) -> list[Row]:
        try:
            if request.content_type == _CSV:
                rows = fleet_import.rows_of_csv((await request.read()).decode("utf-8"), self._desk.cancellation)
            else:
                rows = fleet_import.rows_of_json(await json_value(request), self._desk.cancellation)
        except UnicodeDecodeError:
            raise Problem(422, "Invalid import", "Save the file as UTF-8.") from None
        except FileUnreadable as error:
            raise Problem(422, "Invalid import", str(error)) from None
        if len(rows) > ROWS_PER_IMPORT:
            raise Problem(413, "Too many batteries", f"Import at most {ROWS_PER_IMPORT} rows at once, not {len(rows)}.")
        return rows

    def _read(self, items: Sequence[object], is_list: bool) -> list[ListedBattery]:
        if len(items) > BATTERIES_PER_REQUEST:
            sentence = f"Send at most {BATTERIES_PER_REQUEST} batteries at once, not {len(items)}."
            raise Problem(413, "Too many batteries", sentence)
        wanted: dict[str, ListedBattery] = {}
        mistakes: list[Mistake] = []
        for index, item in enumerate(items):
            pointer = f"/{index}" if is_list else ""
            try:
                listed = read_battery(item, self._desk.cancellation, pointer)
            except BatteryUnreadable as error:
                mistakes += error.mistakes
                continue
            if wanted.setdefault(listed.battery.battery_id, listed) is not listed:
                mistakes.append(Mistake(f"{pointer}/battery_id", "This list has this battery_id before."))
        if mistakes:
            raise _invalid(mistakes)
        return list(wanted.values())

    async def _save(self, keeper: Keeper, wanted: Sequence[ListedBattery]) -> list[Entry]:
        """Store all, or none.

        Raises:
            Problem: 409, with the reason for each that can not be stored.
        """
        return await self._desk.database.write(partial(_save, keeper=keeper, wanted=wanted))


def _save(tx: Connection, keeper: Keeper, wanted: Sequence[ListedBattery]) -> list[Entry]:
    verdicts = judge(tx, keeper, wanted)
    mistakes = [
        Mistake(f"/{index}{each.pointer}" if len(wanted) > 1 else each.pointer, each.sentence)
        for index, verdict in enumerate(verdicts)
        for each in verdict.mistakes
    ]
    if mistakes:
        raise Problem(409, "Not possible", _sentence(mistakes), errors=_errors(mistakes))
    roster.save(tx, [one for one, verdict in zip(wanted, verdicts, strict=True) if verdict.is_changed], keeper.account)
    ids = [listed.battery.battery_id for listed in wanted]
    stored = roster.of_ids(tx, keeper.cancellation, ids)
    return [stored[battery_id] for battery_id in ids]


def _invalid(mistakes: Sequence[Mistake]) -> Problem:
    return Problem(422, "Invalid battery", _sentence(mistakes), errors=_errors(mistakes))


def _sentence(mistakes: Sequence[Mistake]) -> str:
    """One mistake is told at once, several as a list."""
    if len(mistakes) > 1:
        return "Nothing was stored; mend what errors lists."
    return f"Nothing was stored. {mistakes[0].pointer}: {mistakes[0].sentence}".replace(" : ", " ")


def _errors(mistakes: Sequence[Mistake]) -> list[dict[str, str]]:
    return [{"pointer": mistake.pointer, "detail": mistake.sentence} for mistake in mistakes]


def _check_changes(changes: dict[str, Any]) -> None:
    mistakes = []
    if "battery_id" in changes:
        mistakes.append(Mistake("/battery_id", "A battery keeps its id; add another one, and retire this."))
    if "in_service" in changes:
        mistakes.append(Mistake("/in_service", "Use PUT …/state to take it out of service or to return it."))
    if mistakes:
        raise _invalid(mistakes)


def _state_of(text: object, of: str | None = None) -> ServiceState | None:
    if text is None:
        return None
    for state in ServiceState:
        if text == state.value:
            return state
    sentence = f"state must be one of: {', '.join(ServiceState)}."
    raise Problem(400, "Invalid query", sentence) if of is None else Problem(422, "Invalid state", sentence)


def _json(entry: Entry) -> dict[str, Any]:
    return write_battery(entry.listed) | {
        "state": entry.state.value,
        "account": entry.account,
        "retired_at": None if entry.retired_at is None else timestamp_text(entry.retired_at),
    }


def _with_latest(entry: Entry, latest: Sample | None) -> dict[str, Any]:
    return _json(entry) | {"latest": None if latest is None else sample_json(latest)}
