"""Which batteries exist for a caller, and who keeps the fleet in a request.

On a platform with a shared fleet they all do; on one without, those of the caller's account, and all for an
administrator. What does not exist for somebody is answered exactly as what exists for nobody.
"""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from bpp.api.requests import flag_of, text_of
from bpp.desk import Desk
from bpp.roster import Keeper
from bpp.store import roster
from bpp.store.roster import Entry
from node.callers import DEFAULT_ACCOUNT, caller_of
from node.problems import Problem


def sees_only(desk: Desk, request: web.Request) -> str | None:
    """The account whose batteries alone exist for the caller; None: all of them do."""
    return None if desk.settings.shared_fleet else caller_of(request).sees_only


def keeper_of(desk: Desk, request: web.Request) -> Keeper:
    """Who keeps the fleet in this request; an administrator may add to any ``account``."""
    caller = caller_of(request)
    account = DEFAULT_ACCOUNT if desk.settings.shared_fleet else caller.account
    named = text_of(request, "account") or account
    if not caller.sees(named) and named != account:
        raise Problem(403, "Forbidden", "Only an administrator adds batteries to another account than its own.")
    keeper = Keeper(named, sees_only(desk, request), desk.cancellation, desk.moment())
    return replace(keeper, despite_contracts=flag_of(request, "despite_contracts"))


def battery_id_of(request: web.Request) -> str:
    """The battery that the path names.

    Raises:
        Problem: 404, no database can hold such an id.
    """
    battery_id = request.match_info["battery_id"]
    if "\x00" in battery_id:
        raise unknown(battery_id)
    return battery_id


async def visible_battery(desk: Desk, request: web.Request) -> Entry:
    """The battery that the path names.

    Raises:
        Problem: 404, it does not exist for the caller.
    """
    battery_id, only = battery_id_of(request), sees_only(desk, request)
    found = await desk.database.read(lambda tx: roster.find(tx, desk.cancellation, battery_id))
    if found is None or only not in {None, found.account}:
        raise unknown(battery_id)
    return found


def unknown(battery_id: str) -> Problem:
    """What is said of a battery that does not exist for the caller."""
    return Problem(404, "Not found", f"There is no battery {battery_id[:64]} in this fleet.")
