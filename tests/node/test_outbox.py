"""How letters leave: order in a lane, leases, retries, back-off, dead letters. The peer is a real HTTP server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import Connection, Row, select

from node.answers import ACK
from node.client import PeerClient
from node.clocks import milliseconds
from node.database import Database
from node.ids import IdMint
from node.lanes import LEASE_MS, claim
from node.migrations.run import NODE_VERSIONS
from node.outbox import Letter, Outbox, enqueue
from node.tables import DEAD, PENDING, SENT, destinations, outbox
from protocol.retry import RetrySchedule
from tests.peers import LOCAL, Arrival, Peer, peer
from tests.ports import free_port
from tests.waiting import until

START = datetime(2026, 11, 20, 10, tzinfo=UTC)
SCHEDULE = RetrySchedule(first_delay_s=0.5, max_delay_s=8, max_attempts=5)


class Office:
    """An outbox on a database with a clock moved by hand; it notes its dead letters."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = START
        self.dead: list[tuple[str, str]] = []
        self.client = PeerClient(timeout_s=60, max_answer_bytes=10_000, rules=LOCAL.rules)
        self.ids = IdMint()
        self.outbox = self.new_outbox()

    def new_outbox(self, flights: int = 64) -> Outbox:
        return Outbox(
            self.database,
            self.client,
            lambda: self.now,
            lambda body, relayed: {"Authorization": relayed or f"signed {len(body)}"},
            SCHEDULE,
            self._on_dead,
            flights=flights,
            flights_per_destination=16,
            jitter=lambda: 1.0,
        )

    def _on_dead(self, _tx: Connection, row: Row[Any], reason: str) -> None:
        self.dead.append((row.message_id, reason))

    async def post(self, destination: str, message_id: str, transaction_id: str = "t1", **more: Any) -> None:
        letter = Letter(
            destination=destination,
            action="on_select",
            transaction_id=transaction_id,
            message_id=message_id,
            body=message_id.encode(),
            not_after=self.now + timedelta(minutes=5),
            **more,
        )
        await self.database.write(lambda tx: enqueue(tx, self.ids, letter, self.now))

    async def states(self) -> dict[str, str]:
        rows = await self.database.read(lambda tx: tx.execute(select(outbox.c.message_id, outbox.c.state)).all())
        return dict(tuple(row) for row in rows)  # type: ignore[arg-type]

    async def all_in(self, *states: str) -> bool:
        found = await self.states()
        return bool(found) and set(found.values()) <= set(states)

    def wake(self) -> None:
        self.database.channel("outbox").set()


@pytest.fixture
async def office(database_url: str) -> AsyncIterator[Office]:
    database = Database(database_url, [NODE_VERSIONS])
    await database.start()
    made = Office(database)
    await made.client.start()
    await made.outbox.start()
    yield made
    await made.outbox.stop(0.2)
    await made.client.stop()
    await database.stop()


def bodies(listening: Peer) -> list[str]:
    return [arrival.body.decode() for arrival in listening.arrivals]


async def test_a_letter_is_signed_when_it_is_sent_and_delivered_once(office: Office) -> None:
    async with peer() as listening:
        await office.post(listening.url, "m1")
        await until(lambda: office.all_in(SENT))
        (arrival,) = listening.arrivals
        assert arrival.path == "/beckn/on_select"
        assert arrival.headers["Authorization"] == "signed 2"


async def test_letters_of_one_lane_arrive_in_order_though_the_first_fails_twice(office: Office) -> None:
    answers = iter([500, 503])

    def script(_arrival: Arrival) -> web.Response:
        status = next(answers, 200)
        return web.Response(status=status, body=ACK if status == 200 else b"")

    async with peer(script) as listening:
        for name in ("m1", "m2", "m3"):
            await office.post(listening.url, name)
        for attempt in range(1, 3):
            await listening.received(attempt)
            await until(lambda count=attempt: _failures(office, listening, count))  # type: ignore[misc]
            office.now += timedelta(seconds=30)
            office.wake()
        await until(lambda: office.all_in(SENT))
        assert bodies(listening) == ["m1", "m1", "m1", "m2", "m3"]


async def _failures(office: Office, listening: Peer, count: int) -> bool:
    query = select(destinations.c.failures).where(destinations.c.destination == listening.url)
    return await office.database.read(lambda tx: tx.scalar(query)) == count


async def test_a_peer_that_hangs_delays_no_other(office: Office) -> None:
    release = asyncio.Event()

    async def hang(_arrival: Arrival) -> web.Response:
        await release.wait()
        return web.Response(body=ACK)

    async with peer(hang) as slow, peer() as fast:
        for number in range(40):
            await office.post(slow.url, f"slow-{number}", f"slow-{number}")
        await slow.received(16)
        for number in range(20):
            await office.post(fast.url, f"fast-{number}", f"fast-{number}")
        await fast.received(20)
        assert len(slow.arrivals) == 16, "no more than 16 flights to one destination"
        release.set()
        await until(lambda: office.all_in(SENT))


async def test_a_peer_that_refuses_gets_no_second_copy_and_the_letter_is_dead_with_the_reason(office: Office) -> None:
    refusal = b'{"message":{"ack":{"status":"NACK"}},"error":{"code":"30000","message":"wrong item"}}'
    async with peer(lambda _: web.Response(status=400, body=refusal)) as listening:
        await office.post(listening.url, "m1")
        await until(lambda: office.all_in(DEAD))
        assert office.dead == [("m1", "30000: wrong item")]
        assert len(listening.arrivals) == 1


async def test_a_nack_inside_a_200_is_a_refusal_too(office: Office) -> None:
    async with peer(lambda _: web.Response(body=b'{"message":{"ack":{"status":"NACK"}}}')) as listening:
        await office.post(listening.url, "m1")
        await until(lambda: office.all_in(DEAD))
        assert office.dead[0][0] == "m1"


async def test_a_letter_whose_ttl_passes_while_the_peer_is_down_is_dead_and_says_so(office: Office) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/beckn"
    await office.post(nobody, "m1")
    await until(lambda: _resting(office, nobody))
    office.now += timedelta(minutes=6)
    office.wake()
    await until(lambda: office.all_in(DEAD))
    assert office.dead == [("m1", "its ttl has passed")]


async def _resting(office: Office, destination: str) -> bool:
    query = select(destinations.c.retry_at_ms).where(destinations.c.destination == destination)
    retry_at_ms = await office.database.read(lambda tx: tx.scalar(query))
    return retry_at_ms is not None and retry_at_ms > milliseconds(office.now)


async def test_a_valid_message_from_a_peer_ends_its_back_off(office: Office) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/beckn"
    await office.post(url, "m1")
    await until(lambda: _resting(office, url))
    async with peer(port=port) as listening:
        await office.outbox.cleared(url)
        await listening.received(1)
        await until(lambda: office.all_in(SENT))
        assert bodies(listening) == ["m1"]


async def test_an_unsent_letter_is_replaced_by_the_next_with_its_coalesce_key(office: Office) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/beckn"
    await office.post(nobody, "blocks the lane")
    await until(lambda: _resting(office, nobody))
    for number in range(5):
        await office.post(nobody, f"status-{number}", coalesce_key="status:order-1")
    assert set(await office.states()) == {"blocks the lane", "status-4"}


async def test_a_redirect_is_not_followed(office: Office) -> None:
    async with peer() as elsewhere:
        moved = web.Response(status=302, headers={"Location": elsewhere.url})
        async with peer(lambda _: moved) as listening:
            await office.post(listening.url, "m1")
            await until(lambda: _resting(office, listening.url))
            assert elsewhere.arrivals == []


async def test_an_endless_answer_is_cut_off_and_tried_again(office: Office) -> None:
    async with peer(lambda _: web.Response(body=b"x" * 1_000_000)) as listening:
        await office.post(listening.url, "m1")
        await until(lambda: _resting(office, listening.url))
        assert await office.all_in(PENDING)


async def test_the_attempts_run_out_and_the_letter_is_dead(office: Office) -> None:
    async with peer(lambda _: web.Response(status=500)) as listening:
        await office.post(listening.url, "m1")
        for attempt in range(1, SCHEDULE.max_attempts):
            await until(lambda count=attempt: _failures(office, listening, count))  # type: ignore[misc]
            office.now += timedelta(seconds=20)
            office.wake()
        await until(lambda: office.all_in(DEAD))
        assert office.dead[0][1].startswith("5 attempts")


async def test_a_letter_to_an_address_that_is_not_called_is_dead_at_once_with_the_reason(office: Office) -> None:
    await office.post("http://169.254.169.254/beckn", "m1")
    await office.post("http://bpp.example/beckn", "m2")
    await until(lambda: office.all_in(DEAD))
    dead = dict(office.dead)
    assert "169.254.169.254" in dead["m1"]
    assert "plain HTTP" in dead["m2"]
    rows = await office.database.read(lambda tx: tx.execute(select(outbox.c.attempts)).scalars().all())
    assert list(rows) == [1, 1]


async def test_two_claims_never_lease_the_same_row_and_a_dead_senders_lease_ends(database_url: str) -> None:
    database = Database(database_url, [NODE_VERSIONS])
    await database.start()
    office = Office(database)
    for number in range(30):
        await office.post("http://127.0.0.1:9/beckn", f"m{number}", f"t{number}")
    now_ms = milliseconds(START)

    async def leased(token: str, at_ms: int) -> list[str]:
        return [row.message_id for row in await database.write(lambda tx: claim(tx, token, at_ms, 10, 16, {}))]

    first, second = await asyncio.gather(leased("a", now_ms), leased("b", now_ms))
    assert len(first) + len(second) == len({*first, *second})
    again = await leased("c", now_ms + LEASE_MS)
    assert again, "the lease of a sender that died has ended"
    await database.stop()
