"""Who did what: one entry in the same transaction, for API calls and decisions, without bodies and secrets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest
from aiohttp import web
from sqlalchemy import Connection, delete, insert, select, update

from node import audit as told
from node.audit import Actor, record
from node.database import Database
from node.hashchain import entries
from node.ids import IdMint
from node.inbox import Decision, Inbox, Received
from node.migrations.run import NODE_VERSIONS
from node.problems import problems
from node.tables import DONE, audit, destinations, inbox
from protocol.context import write_body
from protocol.errors import TradeRefused
from tests.messages import context, verified
from tests.ports import free_port
from tests.waiting import until

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
ANNA = Actor("anna", "10.0.0.7")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url, [NODE_VERSIONS])
    opened.around = told.told(lambda: NOW)
    await opened.start()
    yield opened
    await opened.stop()


async def changes(database: Database) -> list[tuple[str, dict[str, Any]]]:
    found = await database.read(lambda tx: list(entries(tx, audit)))
    return [(entry.actor, orjson.loads(entry.change)) for entry in found]


def effect(tx: Connection, name: str) -> None:
    tx.execute(insert(destinations).values(destination=name, failures=0, retry_at_ms=0))


async def test_an_entry_falls_with_the_change_that_it_tells_of(database: Database) -> None:
    def change(tx: Connection) -> None:
        record(tx, NOW, ANNA, "drop letter", outbox_id=1)
        raise LookupError("a bug")

    with pytest.raises(LookupError):
        await database.write(change)
    assert await changes(database) == []


async def test_fifty_entries_at_once_make_one_chain_that_holds(database: Database) -> None:
    await asyncio.gather(*(database.write(lambda tx: record(tx, NOW, ANNA, "retry letter")) for _ in range(50)))
    last, fault = await database.read(told.verify)
    assert last is not None
    assert (last.seq, fault) == (50, None)


@pytest.mark.parametrize(
    "wrong", [update(audit).where(audit.c.seq == 2).values(actor="bert"), delete(audit).where(audit.c.seq == 2)]
)
async def test_a_changed_and_a_removed_entry_show(database: Database, wrong: Any) -> None:
    for _ in range(3):
        await database.write(lambda tx: record(tx, NOW, ANNA, "retry letter"))
    await database.write(lambda tx: tx.execute(wrong).rowcount)
    _, fault = await database.read(told.verify)
    assert fault is not None
    assert fault.seq == 2


async def test_a_chain_whose_end_was_cut_off_lacks_the_entry_that_was_noted(database: Database) -> None:
    for _ in range(2):
        noted = await database.write(lambda tx: record(tx, NOW, ANNA, "retry letter"))
    text = f"{noted.seq}:{noted.hash}"
    assert await database.read(lambda tx: told.holds(tx, text))
    await database.write(lambda tx: tx.execute(delete(audit).where(audit.c.seq == 2)).rowcount)
    assert (await database.read(told.verify))[1] is None
    assert not await database.read(lambda tx: told.holds(tx, text))


async def test_an_export_has_every_entry_with_its_hashes(database: Database) -> None:
    for _ in range(3):
        last = await database.write(lambda tx: record(tx, NOW, ANNA, "retry letter"))
    lines = await database.read(lambda tx: list(told.exported(tx, after_seq=1)))
    assert [orjson.loads(line)["seq"] for line in lines] == [2, 3]
    assert orjson.loads(lines[-1])["hash"] == last.hash


@pytest.mark.parametrize("member", ["email", "name", "body", "billing", "authorization"])
async def test_an_entry_with_a_member_for_personal_data_is_refused(database: Database, member: str) -> None:
    facts: Any = {member: "Asha"}
    with pytest.raises(ValueError, match=f"has no {member}"):
        await database.write(lambda tx: record(tx, NOW, ANNA, "retry letter", **facts))
    assert await changes(database) == []


# -- API calls ----------------------------------------------------------------------------------------------


@pytest.fixture
async def api(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """An API whose handlers write, behind the middlewares of a participant."""

    async def write(request: web.Request) -> web.Response:
        name = f"{request.method} {request.path}"
        await database.write(lambda tx: effect(tx, name))
        return web.Response()

    async def look(_request: web.Request) -> web.Response:
        await database.read(lambda tx: tx.scalar(select(destinations.c.destination)))
        return web.Response()

    @web.middleware
    async def account(request: web.Request, handler: Any) -> Any:
        if "X-Account" in request.headers:
            request[told.ACCOUNT] = request.headers["X-Account"]
        return await handler(request)

    app = web.Application(middlewares=[problems, account, told.audited_calls])
    app.router.add_post("/api/v1/contracts/{contract_id}/cancel", write)
    app.router.add_post("/api/v1/look", look)
    app.router.add_get("/api/v1/contracts", write)
    app.router.add_post("/api/v1/telemetry", write)
    app.router.add_post("/beckn/forms/{token}", write)
    app.router.add_post("/beckn/confirm", write)
    runner, port = web.AppRunner(app), free_port()
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        yield client
    await runner.cleanup()


async def test_a_call_that_writes_is_told_with_account_address_path_and_subject(
    api: httpx.AsyncClient, database: Database
) -> None:
    answer = await api.post("/api/v1/contracts/c-1/cancel", headers={"X-Account": "anna"})
    assert answer.status_code == 200
    what = "POST /api/v1/contracts/{contract_id}/cancel"
    assert await changes(database) == [("anna", {"what": what, "from": "127.0.0.1", "subject": "c-1"})]


async def test_an_account_less_call_is_told_as_the_api_token(api: httpx.AsyncClient, database: Database) -> None:
    await api.post("/api/v1/contracts/c-1/cancel")
    assert [actor for actor, _ in await changes(database)] == [told.API_TOKEN]


async def test_the_secret_in_a_forms_address_is_not_told(api: httpx.AsyncClient, database: Database) -> None:
    await api.post("/beckn/forms/very-secret")
    [(actor, change)] = await changes(database)
    assert (actor, change) == (told.OPEN_PAGE, {"what": "POST /beckn/forms/{token}", "from": "127.0.0.1"})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/contracts"),
        ("POST", "/api/v1/look"),
        ("POST", "/api/v1/telemetry"),
        ("POST", "/beckn/confirm"),
        ("POST", "/api/v1/nothing"),
    ],
)
async def test_reads_meter_readings_and_messages_leave_no_entry_of_a_call(
    api: httpx.AsyncClient, database: Database, method: str, path: str
) -> None:
    await api.request(method, path)
    assert await changes(database) == []


# -- decisions on messages ----------------------------------------------------------------------------------


class Decider:
    """Decides ``select`` and refuses ``confirm``."""

    def __init__(self, database: Database) -> None:
        handlers = {"select": self.decide, "confirm": self.refuse}
        self.inbox = Inbox(database, IdMint(), lambda: NOW, handlers, self.refused, 4)

    async def decide(self, _received: Received) -> Decision:
        return lambda tx: effect(tx, "decided")

    async def refuse(self, _received: Received) -> Decision:
        raise TradeRefused("40002", "not enough")

    def refused(self, _received: Received, _refusal: TradeRefused) -> Decision:
        return lambda tx: effect(tx, "refused")


async def test_decisions_and_refusals_are_told_with_sender_message_and_digest(database: Database) -> None:
    decider = Decider(database)
    accepted = [verified(action, write_body(context(action, NOW), {})) for action in ("select", "confirm")]

    async def done(count: int) -> bool:
        return (
            len(await database.read(lambda tx: tx.scalars(select(inbox.c.id).where(inbox.c.state == DONE)).all()))
            == count
        )

    for count, message in enumerate(accepted, 1):
        await decider.inbox.accept(message, "Signature secret")
        await until(lambda count=count: done(count))  # type: ignore[misc]
    told_of = await changes(database)
    assert [(actor, change["what"], change.get("code")) for actor, change in told_of] == [
        ("bap.test", "decided", None),
        ("bap.test", "refused", "40002"),
    ]
    assert [change["digest"] for _, change in told_of] == [message.digest.hex() for message in accepted]
    assert [change["message_id"] for _, change in told_of] == [one.context.message_id for one in accepted]
    assert "secret" not in str(told_of)
