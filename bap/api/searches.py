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
from bap.waiting import Heard, until_quiet
from energy.offers import DispatchMode
from energy.searches import SearchIntent, SortBy
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
        settings = self._desk.settings
        await until_quiet(
            self._desk.database,
            search_id,
            lambda tx: _heard(searches.load(tx, search_id)),
            wait_s,
            quiet_s=settings.quiet_s,
            patience_s=settings.answer_patience_s,
        )

    async def _content(self, request: web.Request, search_id: str) -> shapes.Search:
        search, found = await self._desk.database.read(lambda tx: _loaded(tx, search_id))
        if search is None or not caller_of(request).sees(search.account):
            raise Problem(404, "Not found", f"There is no search {search_id}.")
        # Pricing some hundred offers takes a while: other requests need not wait for it.
        return await asyncio.to_thread(search_json, search, found)


def _loaded(tx: Connection, search_id: str) -> tuple[Search | None, list[FoundOffer]]:
    return searches.load(tx, search_id), searches.offers_of(tx, search_id)


def _heard(search: Search | None) -> Heard:
    if search is None or (search.answers == 0 and search.error is None):
        return Heard.NOTHING
    return Heard.PART if search.pages_missing > 0 else Heard.WHOLE


def _intent(members: Members, trade_now: datetime) -> SearchIntent:
    charge, giveback = members.window("charge"), members.window("giveback")
    if charge.start < trade_now:
        members.wrong("charge/start", f"Charging would begin in the past; it is {timestamp_text(trade_now)} now.")
    if giveback.start < charge.end:
        members.wrong("giveback/start", "Energy can be returned only once it is charged: begin at charge.end or later.")
    near, radius_m = members.optional("near", members.place), members.optional("radius_m", members.positive)
    sort = members.optional("sort", lambda name: members.choice(name, SortBy))
    if near is None and radius_m is not None:
        members.wrong("near", "Name the point that radius_m is around.")
    if near is None and sort is SortBy.DISTANCE:
        members.wrong("near", "Name the point that is to be near, to sort by distance.")
    return SearchIntent(
        energy_wh=members.positive("energy_wh"),
        charge=charge,
        giveback=giveback,
        near=near,
        radius_m=radius_m,
        polygon=members.optional("polygon", members.area) or (),
        city_code=members.optional("city_code", members.text),
        provider_id=members.optional("provider_id", members.text),
        provider_name=members.optional("provider_name", members.text),
        item_id=members.optional("item_id", members.text),
        item_name=members.optional("item_name", members.text),
        text=members.optional("text", members.text),
        min_rating=members.optional("min_rating", lambda name: members.between(name, 1, 5)),
        sort=sort,
        mode=members.optional("mode", lambda name: members.choice(name, DispatchMode)),
        min_power_w=members.optional("min_power_w", members.positive),
        max_price=members.optional("max_price", members.decimal),
        min_efficiency=members.optional("min_efficiency", lambda name: members.between(name, 0, 1)),
    )
