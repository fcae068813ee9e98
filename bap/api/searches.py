"""``/api/v1/searches``: send a search, read the offers that came."""

from __future__ import annotations

import asyncio
from datetime import datetime

from aiohttp import web
from sqlalchemy import Connection

from bap import shapes
from bap.api.contents import search_json, search_summary
from bap.api.members import Members, members_of
from bap.desk import Desk
from bap.store import searches
from bap.store.records import FoundOffer, Search
from bap.waiting import until_quiet
from energy.offers import DispatchMode, SearchIntent
from node.callers import caller_of
from node.problems import Problem, json_response
from protocol.moments import timestamp_text

LISTED = 50


class SearchesApi:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_routes(self, app: web.Application, prefix: str) -> None:
        """Under ``prefix``."""
        app.router.add_post(f"{prefix}/searches", self.create)
        app.router.add_get(f"{prefix}/searches", self.list)
        app.router.add_get(f"{prefix}/searches/{{search_id}}", self.read)

    async def create(self, request: web.Request) -> web.Response:
        """Send a search; wait for offers when the request says so."""
        members = await members_of(request)
        intent, wait_s = _intent(members, self._desk.clocks.trade()), members.wait_s()
        members.done()
        now, account = self._desk.clocks.wire(), caller_of(request).account
        search = await self._desk.database.write(lambda tx: self._desk.requests.search(tx, intent, now, account))
        if wait_s:
            await self._wait(search.search_id, wait_s)
        return json_response(await self._content(request, search.search_id), 201)

    async def read(self, request: web.Request) -> web.Response:
        """A search with its offers."""
        return json_response(await self._content(request, request.match_info["search_id"]))

    async def list(self, request: web.Request) -> web.Response:
        """The newest searches of the caller, newest first, without their offers."""
        only = caller_of(request).sees_only
        latest = await self._desk.database.read(lambda tx: searches.latest(tx, LISTED, only))
        return json_response({"searches": [search_summary(search) for search in latest]})

    async def _wait(self, search_id: str, wait_s: float) -> None:
        def any_news(tx: Connection) -> bool:
            search = searches.load(tx, search_id)
            return search is not None and (search.answers > 0 or search.error is not None)

        await until_quiet(self._desk.database, search_id, any_news, wait_s, self._desk.settings.quiet_s)

    async def _content(self, request: web.Request, search_id: str) -> shapes.Search:
        search, found = await self._desk.database.read(lambda tx: _loaded(tx, search_id))
        if search is None or not caller_of(request).sees(search.account):
            raise Problem(404, "Not found", f"There is no search {search_id}.")
        # Pricing some hundred offers takes a while: other requests need not wait for it.
        return await asyncio.to_thread(search_json, search, found)


def _loaded(tx: Connection, search_id: str) -> tuple[Search | None, list[FoundOffer]]:
    return searches.load(tx, search_id), searches.offers_of(tx, search_id)


def _intent(members: Members, trade_now: datetime) -> SearchIntent:
    charge, giveback = members.window("charge"), members.window("giveback")
    if charge.start < trade_now:
        members.wrong("charge/start", f"Charging would begin in the past; it is {timestamp_text(trade_now)} now.")
    if giveback.start < charge.end:
        members.wrong("giveback/start", "Energy can be returned only once it is charged: begin at charge.end or later.")
    return SearchIntent(
        energy_wh=members.positive("energy_wh"),
        charge=charge,
        giveback=giveback,
        near=members.place("near"),
        radius_m=members.positive("radius_m"),
        mode=members.optional("mode", lambda name: members.choice(name, DispatchMode)),
        min_power_w=members.optional("min_power_w", members.positive),
        max_price=members.optional("max_price", members.decimal),
        min_efficiency=members.optional("min_efficiency", lambda name: members.between(name, 0, 1)),
    )
