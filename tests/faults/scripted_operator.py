"""A producer's platform that has asked for a quote, and an operator of the test's own that sends callbacks by hand.

Over HTTP against a whole network. A refusal of an acknowledged callback changes nothing, and the audit chain says that
it was refused, and why.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, select

from bap.store import contracts
from bap.store.records import Contract, Request
from beckn_battery.network import Network
from energy.offers import Order
from energy.wire.v1.writer import write
from node.hashchain import entries
from node.ids import new_uuid
from node.tables import audit, inbox
from protocol.context import write_body
from tests.bap import examples
from tests.journeys import network as networks
from tests.journeys.subscriber import Reply, Subscriber, send, subscribed
from tests.waiting import until

ACK = {"message": {"ack": {"status": "ACK"}}}


@dataclass
class Scene:
    """A producer's platform that has asked ``operator`` for a quote: the request's row is there once `ask` wrote it."""

    network: Network
    operator: Subscriber
    contract: Contract
    message_id: str

    async def ask(self, action: str = "select") -> None:
        """Write the request, as the producer's API would."""
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


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[tuple[Network, Subscriber]]:
    """A network, and an operator of the test's own on it."""
    async with networks.running(folder) as network:
        bap = network.bap.participant
        assert bap.settings.registry is not None
        async with subscribed(bap.settings.registry, bap.identity, folder / "operator") as operator:
            yield network, operator


def fresh_scene(network: Network, operator: Subscriber) -> Scene:
    """A contract of the producer with the scripted operator, of which nothing was said yet."""
    own = operator.participant.identity
    made = replace(examples.contract(), contract_id=new_uuid(), bpp_id=own.subscriber_id, bpp_uri=own.url)
    return Scene(network, operator, made, new_uuid())
