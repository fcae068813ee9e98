"""``/api/v1/contracts/{contract_id}/live``: a contract as server-sent events, for the producer's app and console.

An event ``reading`` for each live state that its operator told, with the id to go on after; an event ``contract`` with
all that ``GET`` on the contract gives, at the beginning and whenever that changed, also when only time has passed and
an alert came of it; ``end`` when the contract is over. After ``Last-Event-ID`` the readings since then come first.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from aiohttp import web
from sqlalchemy import Connection

from bap.api.contents import contract_json, reading
from bap.desk import Desk
from bap.store import contracts
from bap.store.records import Contract, Request
from bap.store.tables import news
from energy.offers import LiveState
from node.callers import caller_of
from node.clocks import milliseconds
from node.event_stream import END, Event, last_event_id, stream
from node.problems import Problem
from protocol.lifecycle import Stage

READINGS_AT_ONCE = 200
_OVER = frozenset({Stage.COMPLETE, Stage.CANCELLED})


class LiveApi:
    """The handler."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_routes(self, app: web.Application, prefix: str) -> None:
        """Under ``prefix``."""
        app.router.add_get(f"{prefix}/contracts/{{contract_id}}/live", self.live)

    async def live(self, request: web.Request) -> web.StreamResponse:
        """Follow a contract: its readings and every change, as server-sent events.

        Send Last-Event-ID to get the readings since that one first.
        """
        contract_id, database = request.match_info["contract_id"], self._desk.database
        account = await database.read(lambda tx: contracts.account_of(tx, contract_id))
        if account is None or not caller_of(request).sees(account):
            raise Problem(404, "Not found", f"There is no contract {contract_id}.")
        following = _Following(self._desk, contract_id, last_event_id(request))
        with database.watch(news(contract_id)) as changed:
            return await stream(request, contract_id, changed, following.next_events)


class _Following:
    """One reader's way through a contract."""

    def __init__(self, desk: Desk, contract_id: str, seen: int | None) -> None:
        self._desk = desk
        self._contract_id = contract_id
        self._seen = seen
        self._shown: object = None

    async def next_events(self) -> Sequence[Event]:
        """What is new since the last call."""
        contract, pending, told = await self._desk.database.read(self._read)
        events = [Event("reading", dict(reading(one)), milliseconds(one.measured_at)) for one in told]
        if events:
            self._seen = events[-1].event_id
        if len(events) == READINGS_AT_ONCE:
            return events
        return [*events, *self._changes(contract, pending)]

    def _changes(self, contract: Contract, pending: Request | None) -> list[Event]:
        clocks = self._desk.clocks
        content = contract_json(contract, pending, clocks.trade(), clocks.trade_time.speed)
        shown = content["updated_at"], content["alerts"], content["pending"]
        events = [] if shown == self._shown else [Event("contract", dict(content))]
        self._shown = shown
        if contract.stage in _OVER:
            events.append(Event(END, {"stage": contract.stage.value}))
        return events

    def _read(self, tx: Connection) -> tuple[Contract, Request | None, list[LiveState]]:
        contract_id = self._contract_id
        contract, pending = contracts.load(tx, contract_id), contracts.waiting_request(tx, contract_id)
        assert contract is not None, "a contract is never forgotten"
        if self._seen is None:
            newest = partial(contracts.readings_of, limit=1)
        else:
            newest = partial(contracts.readings_after, after_ms=self._seen, limit=READINGS_AT_ONCE)
        return contract, pending, newest(tx, contract_id)
