"""Set-points over HTTPS: agents ask for theirs, operators give them by hand, and stop and release batteries.

* ``GET /api/v1/setpoints/{battery_id}`` is for the battery's agent. With ``after`` (the number it knows) the answer
  waits up to ``wait_s`` seconds for another one. What is told holds for ``revert_after_s`` seconds from then on.
* ``PUT`` and ``DELETE`` on the same give and take back a set-point by hand.
* ``/api/v1/stops`` are emergency stops of a battery or the whole fleet; they stand until they are released.
* ``GET /api/v1/dispatch/instructions`` lists what has to be done by hand for contracts with manual dispatch.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from bpp.api.requests import time_of
from bpp.api.shapes import window_json
from bpp.commanding import Commanded, Commanding
from bpp.desk import Desk
from bpp.mailbox import Mailbox, Outcome, Slip
from bpp.setpoints import WHOLE_FLEET, Instruction, Order, SetpointRefused, Stop, instructions
from bpp.store import fleet, stops, trade
from energy.intervals import Interval
from node.callers import AccessRole, caller_of, check_role
from node.problems import Problem, json_object, json_response
from protocol.moments import timestamp_text

WAIT_S_MAX = 30
POWER_W_MAX = 10**12
TEXT_LENGTH_MAX = 500
INSTRUCTIONS_DEFAULT = timedelta(days=2)
INSTRUCTIONS_MAX = timedelta(days=31)
_TOLD = frozenset({Outcome.APPLIED.value, Outcome.REFUSED.value})


class SetpointsApi:
    """The handlers."""

    def __init__(self, desk: Desk, commanding: Commanding, mailbox: Mailbox) -> None:
        self._desk = desk
        self._commanding = commanding
        self._mailbox = mailbox

    def add_routes(self, app: web.Application, prefix: str) -> None:
        """Register the routes."""
        one = f"{prefix}/setpoints/{{battery_id}}"
        app.router.add_get(f"{prefix}/setpoints", self._list)
        app.router.add_get(one, self._take)
        app.router.add_put(one, self._give)
        app.router.add_delete(one, self._withdraw)
        app.router.add_post(f"{one}/outcome", self._note)
        app.router.add_get(f"{prefix}/stops", self._stops)
        app.router.add_post(f"{prefix}/stops", self._stop)
        app.router.add_delete(f"{prefix}/stops/{{battery_id}}", self._release)
        app.router.add_get(f"{prefix}/dispatch/instructions", self._instructions)

    # -- agents ---------------------------------------------------------------------------------------------

    async def _take(self, request: web.Request) -> web.Response:
        """Tell an agent what its battery has to do, at once or when it is another than it knows."""
        battery_id, after = self._own(request), _number(request, "after")
        wait_s = min(_number(request, "wait_s") or 0, WAIT_S_MAX)
        return json_response(_slip_json(battery_id, await self._mailbox.take(battery_id, after, wait_s)))

    async def _note(self, request: web.Request) -> web.Response:
        """Note what became of a set-point: ``outcome`` is "applied" or "refused", with a ``detail``."""
        battery_id, content = self._own(request), await json_object(request)
        number, outcome, detail = content.get("number"), content.get("outcome"), content.get("detail", "")
        if type(number) is not int or outcome not in _TOLD or not _is_text(detail, least=0):
            sentence = "Send number, outcome (applied or refused) and, if there is one, a detail as a text."
            raise Problem(422, "Invalid outcome", sentence)
        if not self._mailbox.note(battery_id, number, Outcome(outcome), str(detail)):
            raise Problem(409, "Another set-point", f"The set-point {number} is not the one that {battery_id} has now.")
        return json_response(_slip_json(battery_id, self._mailbox.read(battery_id)))

    def _own(self, request: web.Request) -> str:
        """The battery in the path.

        Raises:
            Problem: 403, a device asks for another one's.
        """
        battery_id, caller = request.match_info["battery_id"], caller_of(request)
        if caller.role is not AccessRole.DEVICE:
            check_role(caller, AccessRole.OPERATOR)
        elif caller.account != battery_id:
            raise Problem(403, "Forbidden", f"This token is that of {caller.account}.")
        return battery_id

    # -- operators ------------------------------------------------------------------------------------------

    async def _list(self, _request: web.Request) -> web.Response:
        """List the batteries that are told something, by whom, and how it goes."""
        commanded = self._commanding.commanded
        return json_response(
            {
                "setpoints": [
                    _commanded_json(battery_id, commanded[battery_id], self._mailbox.read(battery_id))
                    for battery_id in sorted(commanded)
                ],
                "stops": [_stop_json(stop) for stop in self._commanding.stops],
            }
        )

    async def _give(self, request: web.Request) -> web.Response:
        """Give a battery a set-point by hand: ``power_w`` (positive charges) for ``for_s`` seconds."""
        battery_id, content = request.match_info["battery_id"], await json_object(request)
        power_w, for_s = content.get("power_w"), content.get("for_s")
        if type(power_w) is not int or abs(power_w) > POWER_W_MAX:
            raise Problem(422, "Invalid set-point", "power_w is a whole number of watts, positive for charging.")
        longest_s = self._desk.settings.setpoints.by_hand_s_max
        if type(for_s) is not int or not 1 <= for_s <= longest_s:
            raise Problem(422, "Invalid set-point", f"for_s is a whole number of seconds from 1 to {longest_s}.")
        until = self._desk.moment().wire + timedelta(seconds=for_s)
        try:
            await self._commanding.order(battery_id, Order(power_w, until, caller_of(request).name))
        except SetpointRefused as refusal:
            raise Problem(409, "Set-point refused", str(refusal)) from None
        commanded = self._commanding.commanded[battery_id]
        return json_response(_commanded_json(battery_id, commanded, self._mailbox.read(battery_id)))

    async def _withdraw(self, request: web.Request) -> web.Response:
        """Take a set-point that was given by hand back."""
        battery_id = request.match_info["battery_id"]
        if not await self._commanding.withdraw(battery_id):
            raise Problem(404, "Not found", f"{battery_id[:64]} has no set-point that was given by hand.")
        return json_response({"battery_id": battery_id})

    async def _stops(self, _request: web.Request) -> web.Response:
        """List the emergency stops that stand."""
        found = await self._desk.database.read(stops.standing)
        return json_response({"stops": [_stop_json(stop) for stop in found]})

    async def _stop(self, request: web.Request) -> web.Response:
        """Stop a battery at once, or all of them (``battery_id`` "*"), until the stop is released."""
        content = await json_object(request)
        battery_id, reason = content.get("battery_id"), content.get("reason")
        if not _is_text(reason, least=1):
            raise Problem(422, "Invalid stop", f"reason is a text of 1 to {TEXT_LENGTH_MAX} characters.")
        known = await self._desk.database.read(fleet.known_ids)
        if battery_id != WHOLE_FLEET and battery_id not in known:
            raise Problem(404, "Not found", f"There is no battery {str(battery_id)[:64]} in this fleet.")
        stop = Stop(str(battery_id), self._desk.moment().wire, caller_of(request).name, str(reason))
        await self._desk.database.write(lambda tx: stops.add(tx, stop))
        await self._commanding.look()
        return json_response(_stop_json(stop), 201)

    async def _release(self, request: web.Request) -> web.Response:
        """Release an emergency stop: the battery does again what it has to do."""
        battery_id = request.match_info["battery_id"]
        if not await self._desk.database.write(lambda tx: stops.release(tx, battery_id)):
            raise Problem(404, "Not found", f"There is no stop of {battery_id[:64]}.")
        await self._commanding.look()
        return json_response({"battery_id": battery_id})

    async def _instructions(self, request: web.Request) -> web.Response:
        """List what has to be done by hand, and when, for contracts with manual dispatch."""
        now = self._desk.moment().trade
        start = time_of(request, "from", now)
        until = time_of(request, "until", start + INSTRUCTIONS_DEFAULT)
        if not timedelta(0) < until - start <= INSTRUCTIONS_MAX:
            sentence = f"until must be later than from, by at most {INSTRUCTIONS_MAX.days} days."
            raise Problem(400, "Invalid query", sentence)
        window = Interval(start, until)
        contracts = await self._desk.database.read(lambda tx: trade.planned(tx, window))
        told = [_instruction_json(one, now) for one in instructions(contracts, window)]
        return json_response({"trade_time": timestamp_text(now), "instructions": told})


def _slip_json(battery_id: str, slip: Slip) -> dict[str, Any]:
    """What an agent is told; ``power_w`` null: the battery is its own."""
    command = slip.command
    return {
        "battery_id": battery_id,
        "number": slip.number,
        "power_w": None if command is None else command.power_w,
        "revert_after_s": None if command is None else command.revert_after_s,
        "by": None if command is None else command.by.value,
        "written_at": timestamp_text(slip.written_at),
        "asked_at": None if slip.asked_at is None else timestamp_text(slip.asked_at),
        "outcome": slip.outcome.value,
        "detail": slip.detail,
    }


def _commanded_json(battery_id: str, one: Commanded, slip: Slip) -> Mapping[str, Any]:
    return {
        "battery_id": battery_id,
        "power_w": one.command.power_w,
        "by": one.command.by.value,
        "revert_after_s": one.command.revert_after_s,
        "since": timestamp_text(one.since.wire),
        "measured_w": one.measured_w,
        "missed_since": None if one.missed_since is None else timestamp_text(one.missed_since),
        "problem": one.problem,
        "agent": None if slip.command != one.command else _slip_json(battery_id, slip),
    }


def _stop_json(stop: Stop) -> dict[str, Any]:
    at = timestamp_text(stop.at)
    return {"battery_id": stop.battery_id, "stopped_at": at, "stopped_by": stop.by, "reason": stop.reason}


def _instruction_json(one: Instruction, now: datetime) -> dict[str, Any]:
    contract = one.contract
    return {
        "contract_id": contract.contract_id,
        "battery_id": contract.battery_id,
        "do": one.what,
        "window": window_json(one.interval),
        "power_w": one.power_w,
        "energy_wh": one.energy_wh,
        "is_due": one.interval.contains(now),
        "state": contract.state.value,
    }


def _number(request: web.Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise Problem(400, "Invalid query", f"{name} must be a whole number.")
    return int(text)


def _is_text(value: object, least: int) -> bool:
    return isinstance(value, str) and least <= len(value) <= TEXT_LENGTH_MAX
