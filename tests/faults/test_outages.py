"""The registry is down, or the peer is: what goes on, what waits, and what is said."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from bap.calls import ApiError
from bap.client import AsyncBapClient
from bap.store.records import UNDELIVERED
from energy.offers import Place, SupportContact
from energy.wire.v1.writer import write
from node.settings import RegistrySettings
from protocol.actions import Role
from protocol.context import write_body
from protocol.errors import INTERNAL_ERROR, PROVIDER_NOT_FOUND
from protocol.policy import Identity
from schemas.loader import ack
from tests import messages
from tests.faults.once import SETTLED_WITHIN_S
from tests.faults.processes import TRACK_TTL_S, Processes
from tests.journeys.subscriber import Reply, Subscriber, send, subscribed
from tests.journeys.trading import WAIT_S, close, need, prepare, put_battery
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONTACT = SupportContact(
    "6a0a21fd-6d54-4a25-9a4d-8a4c5b1b7f01", "+91 80 5550 0199", "desk@bpp.test", "https://bpp.test"
)
FROM = "SELECT action FROM inbox WHERE sender_id = ?"


def peer(processes: Processes, role: str) -> Identity:
    """What a server is to the network."""
    return Identity(processes.settings(role)["subscriber_id"], Role(role.upper()), processes.proxies[role].url)


async def say(speaker: Subscriber, body: bytes) -> Reply:
    """Send these bytes to the speaker's peer."""
    return await send(f"{speaker.peer.url}/on_support", body, speaker.headers(body))


async def test_with_the_registry_down_known_keys_serve_and_an_unknown_key_is_told_to_come_back(
    processes: Processes, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place, tmp_path: Path
) -> None:
    await put_battery(operator, "no-registry", place)
    registry = RegistrySettings(**processes.settings("bpp")["registry"])
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
        body = write_body(unknown.context("on_support"), write("on_support", CONTACT))
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


async def test_with_the_operator_down_a_request_waits_and_is_answered_when_it_is_back(
    processes: Processes, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    await put_battery(operator, "asked-while-down", place)
    search = await client.search(**await need(client, place), wait_s=WAIT_S)
    await processes.kill("bpp")
    contract = await client.select(search["search_id"], search["offers"][0]["offer_id"], wait_s=0)
    assert (contract["stage"], contract["error"]) == ("NEW", None)
    assert contract["pending"] is not None
    assert contract["pending"]["action"] == "select"
    await processes.start("bpp")

    async def quoted() -> bool:
        return (await client.contract(contract["contract_id"]))["stage"] == "SELECTED"

    await until(quoted, SETTLED_WITHIN_S, "the quote")


@pytest.mark.long
async def test_with_the_operator_down_a_request_whose_time_passes_is_told_as_undelivered_and_the_contract_stands(
    processes: Processes, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    await put_battery(operator, "down-for-long", place)
    contract = await close(client, await need(client, place))
    await processes.kill("bpp")
    asked = await client.track(contract["contract_id"], wait_s=0)
    assert asked["pending"] is not None

    async def given_up() -> bool:
        return (await client.contract(contract["contract_id"]))["error"] is not None

    await until(given_up, TRACK_TTL_S + SETTLED_WITHIN_S, "the dead letter")
    known = await client.contract(contract["contract_id"])
    assert known["error"] is not None
    assert (known["error"]["code"], known["stage"], known["pending"]) == (UNDELIVERED, "ACTIVE", None)
    assert "track could not be delivered" in known["error"]["message"]
    await processes.start("bpp")
    tracked = await client.track(contract["contract_id"], wait_s=WAIT_S)
    assert (tracked["error"], tracked["tracking_url"] is not None) == (None, True)


async def test_with_the_operator_down_consent_can_not_be_given_and_the_producer_is_told_so(
    processes: Processes, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    await put_battery(operator, "no-consent-while-down", place)
    contract_id = await prepare(client, await need(client, place))
    await processes.kill("bpp")
    with pytest.raises(ApiError) as refusal:
        await client.confirm(contract_id, consent=True, wait_s=0)
    assert (refusal.value.status, refusal.value.title) == (502, "Peer failed")
    assert (await client.contract(contract_id))["pending"] is None
    await processes.start("bpp")
    confirmed = await client.confirm(contract_id, consent=True, wait_s=WAIT_S)
    assert confirmed["stage"] == "ACTIVE"
