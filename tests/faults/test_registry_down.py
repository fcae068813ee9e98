"""The registry is down: who is known trades on, and who is not is told to come again."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from bap.client import AsyncBapClient
from energy.offers import Place
from protocol.errors import INTERNAL_ERROR, PROVIDER_NOT_FOUND
from schemas.loader import ack
from tests import messages
from tests.faults.processes import Processes
from tests.faults.strangers import FROM, greeting, peer, registry_of, say
from tests.journeys.subscriber import subscribed
from tests.journeys.trading import close, need, put_battery

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_with_the_registry_down_known_keys_serve_and_an_unknown_key_is_told_to_come_back(
    processes: Processes, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place, tmp_path: Path
) -> None:
    await put_battery(operator, "no-registry", place)
    registry = registry_of(processes)
    order = messages.order("no-such-battery")
    async with (
        subscribed(registry, peer(processes, "bpp"), tmp_path / "known") as known,
        subscribed(registry, peer(processes, "bap"), tmp_path / "unknown") as unknown,
    ):
        await known.ask("select", order)
        await close(client, await need(client, place, 50_000))
        await processes.kill("registry")
        told = await known.ask("select", order)
        assert told.error is not None
        assert told.error["code"] == PROVIDER_NOT_FOUND
        await close(client, await need(client, place, 50_000))
        body = greeting(unknown)
        refused = await say(unknown, body)
        assert (refused.status, refused.content["message"]["ack"]["status"]) == (503, "NACK")
        assert ack().explain(refused.content) == []
        assert refused.content["error"]["code"] == INTERNAL_ERROR
        assert "again later" in refused.content["error"]["message"]
        own_id = unknown.participant.identity.subscriber_id
        assert processes.rows("bap", FROM, own_id) == []
        await processes.start("registry")
        assert (await say(unknown, body)).status == 200
        assert processes.rows("bap", FROM, own_id) == [("on_support",)]
