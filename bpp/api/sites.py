"""The operator's API of sites: ``/api/v1/sites``, the grid connections that several batteries share.

A limit is a fact of the grid and is always taken; where less gets through than was sold, the answer names the contracts
that do not fit any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from bpp.api.fleet_schemas import SITE
from bpp.api.shapes import window_json
from bpp.desk import Desk
from bpp.fleet_json import INTEGER_MAX, TEXT_LENGTH_MAX
from bpp.roster import broken_contracts
from bpp.store import fleet, roster
from bpp.store import sites as store
from energy.intervals import Interval, IntervalError
from energy.sites import Curtailment, Site
from node.clocks import Moment
from node.openapi import body
from node.problems import Problem, json_object, json_response
from protocol.moments import parse_timestamp

CURTAILMENTS_MAX = 1_000
_LIMITS = ("import_limit_w", "export_limit_w")


class SitesApi:
    """Sites: describe, list, look at."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_routes(self, app: web.Application, prefix: str) -> None:
        """Register the routes."""
        one = f"{prefix}/sites/{{site_id}}"
        app.router.add_get(f"{prefix}/sites", self._list)
        app.router.add_get(one, self._show)
        app.router.add_put(one, self._put)

    async def _list(self, _request: web.Request) -> web.Response:
        """List the sites that were described."""
        found = await self._desk.database.read(store.everything)
        return json_response({"sites": [_json(site) for site in found]})

    async def _show(self, request: web.Request) -> web.Response:
        """Show one site with its batteries."""
        site_id = request.match_info["site_id"]

        def read(tx: Connection) -> tuple[Site | None, list[str]]:
            return store.of_ids(tx, [site_id]).get(site_id), roster.at_site(tx, site_id)

        site, battery_ids = (None, []) if "\x00" in site_id else await self._desk.database.read(read)
        if site is None and not battery_ids:
            raise Problem(404, "Not found", f"There is no site {site_id[:64]} here.")
        return json_response(_json(site or Site(site_id)) | {"batteries": battery_ids})

    @body(SITE)
    async def _put(self, request: web.Request) -> web.Response:
        """Say what a site's connection lets through, always and while the grid operator curtails it.

        The answer lists ``broken_contracts``: what was sold on the site's batteries and does not fit any more.
        """
        site, moment = _read(request.match_info["site_id"], await json_object(request)), self._desk.moment()
        broken = await self._desk.database.write(lambda tx: _save(tx, self._desk, site, moment))
        listed = [{"contract_id": contract_id, "detail": sentence} for contract_id, sentence in broken.items()]
        return json_response(_json(site) | {"broken_contracts": listed})


def _save(tx: Connection, desk: Desk, site: Site, moment: Moment) -> dict[str, str]:
    store.save(tx, site)
    broken: dict[str, str] = {}
    for listed in fleet.listed_of(tx, desk.cancellation, roster.at_site(tx, site.site_id)).values():
        broken |= broken_contracts(tx, listed.battery, moment)
    return broken


def _json(site: Site) -> dict[str, Any]:
    return {
        "site_id": site.site_id,
        **{name: getattr(site, name) for name in _LIMITS},
        "curtailments": [
            window_json(each.interval) | {name: getattr(each, name) for name in _LIMITS} for each in site.curtailments
        ],
    }


def _read(site_id: str, content: dict[str, Any]) -> Site:
    if not site_id.strip() or len(site_id) > TEXT_LENGTH_MAX or "\x00" in site_id:
        raise _wrong("/site_id", f"Name the site with 1 to {TEXT_LENGTH_MAX} characters.")
    _check_members(content, {*_LIMITS, "curtailments"}, "")
    listed = content.get("curtailments", [])
    if not isinstance(listed, list) or len(listed) > CURTAILMENTS_MAX:
        raise _wrong("/curtailments", f"Write a list of at most {CURTAILMENTS_MAX} curtailments.")
    return Site(site_id, *_limits(content, ""), tuple(_curtailments(listed)))


def _curtailments(listed: list[object]) -> Iterator[Curtailment]:
    for index, content in enumerate(listed):
        pointer = f"/curtailments/{index}"
        if not isinstance(content, dict):
            raise _wrong(pointer, "Write an object with start, end, and the limits that are lowered.")
        _check_members(content, {"start", "end", *_LIMITS}, pointer)
        yield Curtailment(_interval(content, pointer), *_limits(content, pointer))


def _interval(content: dict[str, Any], pointer: str) -> Interval:
    times = []
    for name in ("start", "end"):
        try:
            times.append(parse_timestamp(str(content.get(name))))
        except ValueError:
            raise _wrong(f"{pointer}/{name}", "Write a time such as 2026-11-20T10:00:00Z.") from None
    try:
        return Interval(*times)
    except IntervalError:
        raise _wrong(f"{pointer}/end", "The end must be later than the start.") from None


def _limits(content: dict[str, Any], pointer: str) -> tuple[int | None, int | None]:
    for name in _LIMITS:
        value = content.get(name)
        if value is not None and not (type(value) is int and 0 <= value <= INTEGER_MAX):
            raise _wrong(f"{pointer}/{name}", f"Write a whole number of watts from 0 to {INTEGER_MAX}, or null.")
    return content.get("import_limit_w"), content.get("export_limit_w")


def _check_members(content: dict[str, Any], known: set[str], pointer: str) -> None:
    for name in content.keys() - known:
        raise _wrong(f"{pointer}/{name[:64]}", f"This member is not known here; known: {', '.join(sorted(known))}.")


def _wrong(pointer: str, sentence: str) -> Problem:
    return Problem(422, "Invalid site", f"{pointer}: {sentence}", errors=[{"pointer": pointer, "detail": sentence}])
