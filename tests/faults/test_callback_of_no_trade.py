"""A callback is about a transaction that nobody knows: it is acknowledged, refused, and nothing changes."""

from __future__ import annotations

import pytest

from bap.store import contracts
from node.audit import REFUSED
from node.ids import new_uuid
from protocol.errors import ORDER_NOT_FOUND
from tests.bap import examples
from tests.faults.scripted_operator import ACK, Scene

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_callback_of_an_unknown_transaction_is_acknowledged_and_refused_in_the_audit(scene: Scene) -> None:
    unknown = new_uuid()
    body = scene.body("on_select", examples.SELECTED, transaction_id=unknown)
    assert (await scene.send("on_select", body)).content == ACK
    await scene.decided(1, unknown)
    assert await scene.outcomes(unknown) == [("on_select", REFUSED, ORDER_NOT_FOUND)]
    assert await scene.database.read(lambda tx: contracts.load(tx, unknown)) is None
