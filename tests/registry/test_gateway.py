"""The gateway over real HTTP: fan-out beside slow and dead BPPs, relay of answers, and what a restart leaves to do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from energy.offers import Provider
from energy.searches import Catalog
from energy.wire.v1.writer import write
from node import tables
from node.client import Answer
from node.clocks import Now, wall_clock
from node.settings import NodeSettings, RetrySettings, SizeLimits, TimeLimits
from protocol import signing, verification
from protocol.actions import Role
from protocol.context import Context, write_body
from protocol.keys import KeyRecord
from protocol.policy import Identity, Policy
from protocol.verification import Verified
from registry.app import Registry
from registry.gateway import LOOKUP_CACHE, Gateway
from tests.messages import context, header, intent
from tests.peers import LOCAL, Arrival
from tests.ports import free_port
from tests.registry.platforms import Platform, error_of, platform, record_of, registry_settings
from tests.waiting import until

GATEWAY_ID = "gateway.test"
ELSEWHERE = "std:044"
CATALOG = write("on_search", Catalog(Provider("provider-1", "Provider"), offers=()))


@dataclass
class Net:
    """A registry, a gateway, and a BAP that both know."""

    registry: Registry
    gateway: Gateway
    bap: Platform
    stack: AsyncExitStack

    @property
    def url(self) -> str:
        return self.gateway.participant.identity.url

    def record(self) -> KeyRecord:
        """The gateway as the registry knows it."""
        return record_of(self.gateway.participant.keyring.own, Role.BG, self.url)

    async def bpp(self, subscriber_id: str, **more: Any) -> Platform:
        """One more BPP on the network."""
        made = await self.stack.enter_async_context(
            platform(self.registry.peer_settings, subscriber_id, Role.BPP, **more)
        )
        await made.join()
        return made

    async def dead_bpp(self, subscriber_id: str) -> None:
        """A BPP that subscribed, and is gone."""
        async with platform(self.registry.peer_settings, subscriber_id, Role.BPP) as made:
            await made.join()

    def search(self, **more: Any) -> Context:
        """The context of a search by the BAP."""
        return context("search", wall_clock(), bap_id=self.bap.id, bap_uri=self.bap.url, **more)

    async def send(self, sender: Platform, made: Context, message: dict[str, Any]) -> tuple[bytes, Answer]:
        """POST a signed message to the gateway."""
        body = write_body(made, message)
        headers = {signing.AUTHORIZATION: header(body, sender.keys, wall_clock())}
        return body, await sender.client.post(f"{self.url}/{made.action}", body, headers)

    async def sent_search(self, **more: Any) -> tuple[bytes, Answer]:
        return await self.send(self.bap, self.search(**more), write("search", intent()))

    def count(self, outcome: str) -> float:
        """``beckn_gateway_fanned_out`` of that outcome."""
        sample = self.gateway.participant.metrics.registry.get_sample_value
        return sample("beckn_gateway_fanned_out_total", {"outcome": outcome}) or 0

    async def restart_gateway(self) -> None:
        """A new gateway on what the stopped one left."""
        self.gateway = Gateway(self.gateway.participant.settings)
        await self.gateway.start()


def gateway_settings(folder: Path, registry: Registry, **more: Any) -> NodeSettings:
    port = free_port()
    return NodeSettings(
        subscriber_id=GATEWAY_ID,
        data_dir=folder,
        public_url=f"http://127.0.0.1:{port}/beckn",
        port=port,
        registry=registry.peer_settings,
        network=LOCAL,
        times=TimeLimits(stop_within_s=1),
        **more,
    )


@asynccontextmanager
async def network(folder: Path, wire: Now = wall_clock, **more: Any) -> AsyncIterator[Net]:
    registry = Registry(registry_settings(folder / "registry"))
    await registry.start()
    gateway = Gateway(gateway_settings(folder / "gateway", registry, **more), wire)
    await gateway.start()
    async with AsyncExitStack() as stack:
        bap = await stack.enter_async_context(platform(registry.peer_settings, "bap.test", Role.BAP))
        net = Net(registry, gateway, bap, stack)
        await bap.join()
        await asyncio.wait_for(gateway.participant.subscription.subscribed.wait(), 20)
        yield net
    await net.gateway.stop()
    await net.registry.stop()


@pytest.fixture
async def net(tmp_path: Path) -> AsyncIterator[Net]:
    async with network(tmp_path) as made:
        yield made


def messages(receiver: Platform, action: str) -> list[Arrival]:
    return [arrival for arrival in receiver.peer.arrivals if arrival.path.endswith(f"/{action}")]


async def arrived(receiver: Platform, action: str, count: int = 1) -> list[Arrival]:
    """Wait until so many of these messages reached the platform."""
    await until(lambda: len(messages(receiver, action)) >= count, what=f"{action} at {receiver.id}")
    return messages(receiver, action)


def verified(net: Net, arrival: Arrival, sender: Platform, receiver: Platform) -> Verified:
    """The message as a receiver admits it: both signatures over these bytes, checks 1 to 10."""
    headers = {name.lower(): value for name, value in arrival.headers.items()}
    claims = verification.read(arrival.path.rpartition("/")[2], headers, arrival.body, Policy())
    assert claims.gateway is not None
    own = Identity(receiver.id, receiver.role, receiver.url)
    return verification.judge(claims, [sender.record()], [net.record()], own, Policy(), wall_clock())


# -- search -------------------------------------------------------------------------------------------------


async def test_a_search_reaches_every_bpp_beside_one_that_hangs_and_one_that_is_dead(net: Net) -> None:
    fast = [await net.bpp("bpp-1.test"), await net.bpp("bpp-2.test")]
    hanging = await net.bpp("bpp-hanging.test")
    hanging.peer.script = lambda _arrival: asyncio.Future()
    await net.dead_bpp("bpp-dead.test")
    started = time.monotonic()
    body, answer = await net.sent_search()
    assert (answer.status, answer.nack) == (200, None)
    found = [(await arrived(bpp, "search"))[0] for bpp in fast]
    assert time.monotonic() - started < net.gateway.participant.settings.times.peer_timeout_s / 2
    for bpp, arrival in zip(fast, found, strict=True):
        assert arrival.body == body
        admitted = verified(net, arrival, net.bap, bpp)
        assert (admitted.sender_id, admitted.gateway_id) == (net.bap.id, GATEWAY_ID)
    await arrived(hanging, "search")
    assert net.count("queued") == 4


async def test_a_hundred_searches_pass_a_bpp_that_hangs(net: Net) -> None:
    fast, hanging = await net.bpp("bpp-1.test"), await net.bpp("bpp-hanging.test")
    hanging.peer.script = lambda _arrival: asyncio.Future()
    started = time.monotonic()
    answers = await asyncio.gather(*(net.sent_search() for _ in range(100)))
    assert {answer.status for _, answer in answers} == {200}
    found = await arrived(fast, "search", 100)
    assert time.monotonic() - started < net.gateway.participant.settings.times.peer_timeout_s
    assert {arrival.body for arrival in found} == {body for body, _ in answers}
    assert len(messages(hanging, "search")) <= net.gateway.participant.settings.sizes.flights_per_destination


async def test_a_search_goes_to_the_bpps_of_its_domain_and_city_alone(net: Net) -> None:
    here, everywhere = await net.bpp("bpp-1.test"), await net.bpp("bpp-2.test", details={"location": None})
    elsewhere = await net.bpp("bpp-3.test", details={"location": {"city": {"code": ELSEWHERE}}})
    other_trade = await net.bpp("bpp-4.test", details={"domain": "retail"})
    await net.sent_search()
    await arrived(here, "search")
    await arrived(everywhere, "search")
    await net.sent_search(city_code=ELSEWHERE)
    await arrived(elsewhere, "search")
    await arrived(everywhere, "search", 2)
    assert [len(messages(bpp, "search")) for bpp in (here, elsewhere, other_trade)] == [1, 1, 0]
    assert net.count("queued") == 4


async def test_a_search_that_names_a_bpp_goes_to_that_one(net: Net) -> None:
    named, other = await net.bpp("bpp-1.test"), await net.bpp("bpp-2.test")
    await net.sent_search(bpp_id=named.id, bpp_uri=named.url)
    await arrived(named, "search")
    assert net.count("queued") == 1
    assert messages(other, "search") == []


async def test_a_search_that_finds_nobody_is_counted(net: Net) -> None:
    _, answer = await net.sent_search()
    assert answer.nack is None
    await until(lambda: net.count("nobody") == 1)
    assert net.count("queued") == 0


async def test_the_same_search_again_is_acknowledged_and_passed_on_once(net: Net) -> None:
    bpp = await net.bpp("bpp-1.test")
    made = net.search()
    for _ in range(2):
        _, answer = await net.send(net.bap, made, write("search", intent()))
        assert answer.nack is None
    await net.sent_search()
    await arrived(bpp, "search", 2)
    assert net.count("queued") == 2


async def test_a_search_that_its_bap_did_not_sign_is_refused(net: Net) -> None:
    bpp = await net.bpp("bpp-1.test")
    _, by_bpp = await net.send(bpp, net.search(), write("search", intent()))
    assert (by_bpp.status, error_of(by_bpp)["paths"]) == (403, "/context/action")
    stranger = replace(net.bap, keys=replace(net.bap.keys, signing=bpp.keys.signing))
    _, by_stranger = await net.send(stranger, net.search(), write("search", intent()))
    assert by_stranger.status == 401
    assert messages(bpp, "search") == []


async def test_a_gateway_takes_no_other_action(net: Net) -> None:
    bpp = await net.bpp("bpp-1.test")
    made = replace(net.search(), action="select", bpp_id=bpp.id, bpp_uri=bpp.url)
    _, answer = await net.send(net.bap, made, {"order": {}})
    assert answer.status == 404
    assert "search" in error_of(answer)["message"]


async def test_a_letter_that_no_bpp_takes_is_a_dead_letter_in_the_metrics(tmp_path: Path) -> None:
    async with network(tmp_path, retry=RetrySettings(first_delay_s=0.05, max_attempts=2)) as net:
        await net.dead_bpp("bpp-dead.test")
        await net.sent_search()
        await until(lambda: _letters(net, [(tables.DEAD, 2)]))
        assert net.count("dead") == 1


async def _letters(net: Net, wanted: list[tuple[str, int]]) -> bool:
    """Whether the gateway's letters are in these states after so many attempts."""
    statement = select(tables.outbox.c.state, tables.outbox.c.attempts)
    rows = await net.gateway.participant.database.read(lambda tx: tx.execute(statement).all())
    return [tuple(row) for row in rows] == wanted


# -- on_search ----------------------------------------------------------------------------------------------


def answer_to(search: Context, bpp: Platform, **more: Any) -> Context:
    answered = search.answered_by("on_search", wall_clock(), bpp_id=bpp.id, bpp_uri=bpp.url)
    return replace(answered, **more)


async def test_an_answer_is_relayed_to_the_bap_with_both_signatures(net: Net) -> None:
    bpp = await net.bpp("bpp-1.test")
    body, answer = await net.send(bpp, answer_to(net.search(), bpp), CATALOG)
    assert answer.nack is None, answer.body
    (arrival,) = await arrived(net.bap, "on_search")
    assert arrival.body == body
    admitted = verified(net, arrival, bpp, net.bap)
    assert (admitted.sender_id, admitted.gateway_id) == (bpp.id, GATEWAY_ID)


async def test_an_answer_for_a_url_that_is_not_the_baps_is_not_relayed(net: Net) -> None:
    bpp, other = await net.bpp("bpp-1.test"), await net.bpp("bpp-2.test")
    for changes in ({"bap_uri": other.url}, {"bap_id": "nobody.test"}, {"bap_id": other.id, "bap_uri": other.url}):
        _, answer = await net.send(bpp, answer_to(net.search(), bpp, **changes), CATALOG)
        assert answer.nack is None, answer.body
    await until(lambda: net.count("nobody") == 3)
    assert messages(other, "on_search") == messages(net.bap, "on_search") == []


# -- restarts and outages -----------------------------------------------------------------------------------


async def test_a_search_that_was_acknowledged_before_a_stop_is_passed_on_after_the_next_start(net: Net) -> None:
    bpp = await net.bpp("bpp-1.test")
    await net.sent_search(city_code=ELSEWHERE)  # The gateway knows the BAP's key from here on.
    await until(lambda: net.count("nobody") == 1)
    await net.registry.stop()
    body, answer = await net.sent_search(ttl=timedelta(minutes=5))
    assert answer.nack is None
    await until(lambda: net.count("no_registry") >= 1)
    await net.gateway.stop()
    assert messages(bpp, "search") == []
    net.registry = Registry(net.registry.settings)
    await net.registry.start()
    await net.restart_gateway()
    (arrival,) = await arrived(bpp, "search")
    assert arrival.body == body
    assert verified(net, arrival, net.bap, bpp).gateway_id == GATEWAY_ID


async def test_letters_that_were_written_before_a_stop_go_out_after_the_next_start(net: Net) -> None:
    bpp = await net.bpp("bpp-1.test")
    bpp.peer.script = lambda _arrival: asyncio.Future()
    body, _ = await net.sent_search(ttl=timedelta(minutes=5))
    await arrived(bpp, "search")
    await net.gateway.stop()
    bpp.peer.script = bpp.answer
    await net.restart_gateway()
    again = await arrived(bpp, "search", 2)
    assert [arrival.body for arrival in again] == [body, body]


async def test_a_search_whose_ttl_passed_while_the_gateway_was_down_is_given_up(net: Net) -> None:
    bpp = await net.bpp("bpp-1.test")
    await net.sent_search(city_code=ELSEWHERE)
    await until(lambda: net.count("nobody") == 1)
    await net.registry.stop()
    made = net.search(ttl=timedelta(seconds=1))
    await net.send(net.bap, made, write("search", intent()))
    await until(lambda: net.count("no_registry") >= 1)
    await net.gateway.stop()
    await until(lambda: wall_clock() > made.holds_until)
    net.registry = Registry(net.registry.settings)
    await net.registry.start()
    await net.restart_gateway()
    await until(lambda: net.count("too_late") == 1)
    assert messages(bpp, "search") == []


async def test_known_receivers_are_served_while_the_registry_is_down(tmp_path: Path) -> None:
    ahead = timedelta()
    async with network(tmp_path, wire=lambda: wall_clock() + ahead) as net:
        bpp = await net.bpp("bpp-1.test")
        await net.sent_search()
        await arrived(bpp, "search")
        await net.registry.stop()
        ahead = LOOKUP_CACHE
        await net.sent_search()
        await arrived(bpp, "search", 2)
        assert net.count("no_registry") == 1


async def test_searches_that_wait_for_the_registry_keep_no_answer_from_being_relayed(tmp_path: Path) -> None:
    async with network(tmp_path, sizes=SizeLimits(decisions_at_once=1)) as net:
        bpp = await net.bpp("bpp-1.test")
        await net.send(bpp, answer_to(net.search(), bpp), CATALOG)
        await arrived(net.bap, "on_search")
        await net.sent_search()
        await arrived(bpp, "search")
        await net.registry.stop()
        for _ in range(3):
            await net.sent_search(city_code=ELSEWHERE)
        await until(lambda: net.count("no_registry") >= 1)
        started = time.monotonic()
        await net.send(bpp, answer_to(net.search(), bpp), CATALOG)
        await arrived(net.bap, "on_search", 2)
        # The first of those searches alone is tried again for more than ten seconds.
        assert time.monotonic() - started < 5
