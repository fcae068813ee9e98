"""The live values of a contract, behind the link that ``on_track`` tells (`bpp.tracking`): once, or as a stream.

``GET`` gives the values of this moment as JSON; with ``Accept: text/event-stream`` what is told from now on, an event
``live`` for each ``on_status``, and after ``Last-Event-ID`` also what was told since. A stream that begins anew begins
with what was told last. It ends when the contract or the link does, and so does the link.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from bpp.api.shapes import live_json
from bpp.contracts import Contract
from bpp.desk import Desk
from bpp.store import live, trade
from bpp.store.live import ToldState
from bpp.tracking import Link, read
from node.clocks import Moment
from node.event_stream import END, Event, last_event_id, stream, wants_stream
from node.problems import Problem, json_response
from node.server import PREFIX
from protocol.lifecycle import Stage
from protocol.moments import timestamp_text

EVENTS_AT_ONCE = 100
HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


class LiveValues:
    """See the module."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_routes(self, app: web.Application) -> None:
        """Register the route; call it before the catch-all below ``/beckn``."""
        app.router.add_get(f"{PREFIX}/track/{{token}}", self._track)

    async def _track(self, request: web.Request) -> web.StreamResponse:
        link, contract = await self._followed(request.match_info["token"])
        if wants_stream(request):
            following = _Following(self._desk, link, last_event_id(request))
            with self._desk.database.watch(trade.news(link.contract_id)) as news:
                return await stream(request, link.contract_id, news, following.next_events, HEADERS)
        response = json_response(await self._now(contract))
        response.headers.update(HEADERS)
        return response

    async def _followed(self, token: str) -> tuple[Link, Contract]:
        """The contract that the link is for.

        Raises:
            Problem: 404, nobody made this link; 410, it was good once.
        """
        link = read(token)
        contract = None if link is None else await self._contract(link)
        if link is None or contract is None or not link.is_signed(contract.track_token):
            raise Problem(404, "Not found", "There is no contract at this address.")
        if contract.stage is not Stage.ACTIVE:
            raise Problem(410, "Contract over", "The contract is over, and so is this address.")
        if self._desk.moment().wire >= link.until:
            sentence = f"This address was good until {timestamp_text(link.until)}: send track for a new one."
            raise Problem(410, "Link expired", sentence)
        return link, contract

    async def _contract(self, link: Link) -> Contract | None:
        return await self._desk.database.read(lambda tx: trade.find(tx, link.contract_id))

    async def _now(self, contract: Contract) -> dict[str, object]:
        """The contract as it stands, and in ``others`` those of the further batteries of its order."""
        moment = self._desk.moment()
        parts = await self._desk.database.read(lambda tx: trade.parts_with(tx, contract))
        others = [part for part in parts if part.contract_id != contract.contract_id]
        return {
            "order_id": contract.order_id,
            "trade_time": timestamp_text(moment.trade),
            **await self._course(contract, moment),
            "others": [await self._course(part, moment) for part in others],
        }

    async def _course(self, contract: Contract, moment: Moment) -> dict[str, object]:
        values = await self._desk.live(contract, moment)
        return {
            "item_id": contract.battery_id,
            "stage": contract.stage.value,
            "state": contract.state.value,
            "live": None if values is None else live_json(values),
        }


class _Following:
    """One reader's way through what was told."""

    def __init__(self, desk: Desk, link: Link, seen: int | None) -> None:
        self._desk = desk
        self._link = link
        self._seen = seen

    async def next_events(self) -> Sequence[Event]:
        """What was told since; at the end what ended it."""
        database, contract_id = self._desk.database, self._link.contract_id
        # The contract is looked at first: what ends it is told before or with its end, and so is read below.
        contract = await database.read(lambda tx: trade.find(tx, contract_id))
        events = await self._told()
        if len(events) == EVENTS_AT_ONCE:
            return events
        if contract is None or contract.stage is not Stage.ACTIVE:
            stage = None if contract is None else contract.stage.value
            return [*events, Event(END, {"reason": "contract-over", "stage": stage})]
        if self._desk.moment().wire >= self._link.until:
            return [*events, Event(END, {"reason": "link-expired"})]
        return events

    async def _told(self) -> list[Event]:
        contract_id, seen = self._link.contract_id, self._seen
        if seen is None:
            latest = await self._desk.database.read(lambda tx: live.latest(tx, contract_id))
            found = [] if latest is None else [latest]
        else:
            found = await self._desk.database.read(lambda tx: live.since(tx, contract_id, seen, EVENTS_AT_ONCE))
        self._seen = found[-1].event_id if found else seen or 0
        return [_event(one) for one in found]


def _event(told: ToldState) -> Event:
    values = None if told.live is None else live_json(told.live)
    return Event("live", {"state": told.state.value, "live": values}, told.event_id)
