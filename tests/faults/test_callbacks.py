"""Callbacks that come too early, twice, late, out of order, or about nothing: each has one defined answer.

Over HTTP against a whole network: a scripted operator that is properly subscribed sends the callbacks by hand. A
refusal of an acknowledged callback changes nothing, and the audit chain says that it was refused, and why.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from sqlalchemy import Connection, select

from bap.store import contracts
from bap.store.records import Contract, Request
from beckn_battery.network import Network
from energy.offers import ContractState, Order, OrderStatus
from energy.wire.v1.writer import write
from node.audit import DECIDED, REFUSED
from node.hashchain import entries
from node.ids import new_uuid
from node.tables import audit, inbox
from protocol.context import write_body
from protocol.errors import ACTION_NOT_APPLICABLE, ORDER_NOT_FOUND
from protocol.lifecycle import Stage
from tests.bap import examples
from tests.journeys import network as networks
from tests.journeys.subscriber import Reply, Subscriber, send, subscribed
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

ACK = {"message": {"ack": {"status": "ACK"}}}


@dataclass
class Scene:
    """A producer's platform that has asked ``operator`` for a quote: the request's row is there once `ask` wrote it."""

    network: Network
    operator: Subscriber
    contract: Contract
    message_id: str

    async def ask(self, action: str = "select") -> None:
        request = Request(self.message_id, self.contract.contract_id, action, self.contract.created_at)

        def put(tx: Connection) -> None:
            contracts.add(tx, self.contract)
            contracts.add_request(tx, request)

        await self.database.write(put)

    @property
    def database(self) -> Any:
        return self.network.bap.participant.database

    def body(self, action: str, content: Order, **context: Any) -> bytes:
        about = {"transaction_id": self.contract.contract_id, "message_id": self.message_id} | context
        return write_body(self.operator.context(action, **about), write(action, content))

    async def send(self, action: str, body: bytes) -> Reply:
        return await send(f"{self.operator.peer.url}/{action}", body, self.operator.headers(body))

    async def known(self) -> Contract:
        found: Contract | None = await self.database.read(lambda tx: contracts.load(tx, self.contract.contract_id))
        assert found is not None
        return found

    async def outcomes(self, transaction_id: str | None = None) -> list[tuple[str, str, str | None]]:
        """Action, outcome and code of every decision on this transaction."""
        found = await self.database.read(lambda tx: [orjson.loads(entry.change) for entry in entries(tx, audit)])
        wanted = transaction_id or self.contract.contract_id
        return [(one["action"], one["what"], one.get("code")) for one in found if one.get("transaction_id") == wanted]

    async def tell(self, action: str, content: Order, **context: Any) -> None:
        """Send a callback that is acknowledged, and wait until it is decided."""
        before = len(await self.outcomes())
        assert (await self.send(action, self.body(action, content, **context))).content == ACK
        await self.decided(before + 1)

    async def decided(self, count: int, transaction_id: str | None = None) -> None:
        async def enough() -> bool:
            return len(await self.outcomes(transaction_id)) >= count

        await until(enough, what=f"{count} decisions")

    async def stored(self) -> int:
        rows = select(inbox.c.id).where(inbox.c.transaction_id == self.contract.contract_id)
        return len(await self.database.read(lambda tx: tx.scalars(rows).all()))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(tmp_path_factory: Any) -> AsyncIterator[tuple[Network, Subscriber]]:
    """A network, and an operator of the test's own on it."""
    folder: Path = tmp_path_factory.mktemp("callbacks")
    async with networks.running(folder) as network:
        bap = network.bap.participant
        assert bap.settings.registry is not None
        async with subscribed(bap.settings.registry, bap.identity, folder / "operator") as operator:
            yield network, operator


@pytest_asyncio.fixture(loop_scope="session")
async def scene(stage: tuple[Network, Subscriber]) -> Scene:
    """A fresh contract of the producer with the scripted operator."""
    network, operator = stage
    own = operator.participant.identity
    made = replace(examples.contract(), contract_id=new_uuid(), bpp_id=own.subscriber_id, bpp_uri=own.url)
    return Scene(network, operator, made, new_uuid())


async def test_a_callback_before_its_request_was_committed_is_acknowledged_and_changes_nothing(scene: Scene) -> None:
    early = scene.body("on_select", examples.SELECTED)
    assert (await scene.send("on_select", early)).content == ACK
    await scene.decided(1)
    await scene.ask()
    assert (await scene.send("on_select", early)).content == ACK
    assert await scene.outcomes() == [("on_select", REFUSED, ORDER_NOT_FOUND)]
    assert (await scene.known()).quote is None


async def test_a_callback_that_comes_twice_acts_once(scene: Scene) -> None:
    await scene.ask()
    body = scene.body("on_select", examples.SELECTED)
    replies = [await scene.send("on_select", body) for _ in range(3)]
    await scene.decided(1)
    assert [reply.content for reply in replies] == [ACK, ACK, ACK]
    assert await scene.stored() == 1
    assert await scene.outcomes() == [("on_select", DECIDED, None)]
    assert (await scene.known()).stage is Stage.SELECTED


async def test_another_answer_under_a_known_message_id_is_a_nack_and_the_first_holds(scene: Scene) -> None:
    await scene.ask()
    await scene.tell("on_select", examples.SELECTED)
    dearer = scene.body("on_select", replace(examples.SELECTED, quote=examples.quote(quote_id=new_uuid())))
    reply = await scene.send("on_select", dearer)
    assert reply.content["message"]["ack"]["status"] == "NACK"
    assert reply.content["error"]["paths"] == "/context/message_id"
    assert (await scene.known()).quote == examples.SELECTED.quote


async def test_a_callback_after_its_ttl_is_a_nack_and_its_request_waits_on(scene: Scene) -> None:
    await scene.ask()
    sent_at = datetime.now(UTC) - timedelta(minutes=1)
    late = scene.body("on_select", examples.SELECTED, timestamp=sent_at, ttl=timedelta(seconds=30))
    reply = await scene.send("on_select", late)
    assert reply.content["message"]["ack"]["status"] == "NACK"
    assert await scene.stored() == 0
    in_time = scene.body("on_select", examples.SELECTED)
    assert (await scene.send("on_select", in_time)).content == ACK
    await scene.decided(1)
    assert (await scene.known()).stage is Stage.SELECTED


async def test_an_overtaken_status_does_not_put_the_contract_back(scene: Scene) -> None:
    running = examples.contract(Stage.ACTIVE)
    own = scene.operator.participant.identity
    scene.contract = replace(
        running, contract_id=scene.contract.contract_id, bpp_id=own.subscriber_id, bpp_uri=own.url, told_at=None
    )
    await scene.ask("status")
    now = datetime.now(UTC)
    ended = replace(examples.status(2), state=ContractState.COMPLETED, status=OrderStatus.COMPLETE)
    await scene.tell("on_status", ended, timestamp=now)
    await scene.tell("on_status", examples.status(1), timestamp=now - timedelta(seconds=2), message_id=new_uuid())
    known = await scene.known()
    assert (known.stage, known.state) == (Stage.COMPLETE, ContractState.COMPLETED)
    assert known.live == ended.live


async def test_an_answer_to_a_later_step_than_was_asked_for_is_refused(scene: Scene) -> None:
    await scene.ask()
    await scene.tell("on_confirm", examples.CONFIRMED)
    assert await scene.outcomes() == [("on_confirm", REFUSED, ACTION_NOT_APPLICABLE)]
    assert (await scene.known()).stage is Stage.NEW


async def test_a_callback_of_an_unknown_transaction_is_acknowledged_and_refused_in_the_audit(scene: Scene) -> None:
    unknown = new_uuid()
    body = scene.body("on_select", examples.SELECTED, transaction_id=unknown)
    assert (await scene.send("on_select", body)).content == ACK
    await scene.decided(1, unknown)
    assert await scene.outcomes(unknown) == [("on_select", REFUSED, ORDER_NOT_FOUND)]
    assert await scene.database.read(lambda tx: contracts.load(tx, unknown)) is None
