"""Calls to peers that misbehave, over real connections: each ends soon, in little memory and with its reason."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from node.client import Answer, Exchange, PeerClient
from protocol.addresses import AddressRules
from protocol.errors import AddressForbidden, PeerFailed
from tests.node.test_addresses import LOOPBACK, PUBLIC, ScriptedResolver
from tests.peers import LOCAL, Arrival, Peer, peer
from tests.ports import free_port

MAX_BYTES = 100_000
GIGABYTE = 1_000_000_000
# How slow a slow peer is; not a wait of the test.
DRIP_S = 0.01
Talk = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def client(
    rules: AddressRules = LOCAL.rules, timeout_s: float = 10, resolver: ScriptedResolver | None = None
) -> AsyncIterator[PeerClient]:
    opened = PeerClient(timeout_s, MAX_BYTES, rules, resolver=resolver)
    await opened.start()
    try:
        yield opened
    finally:
        await opened.stop()


@asynccontextmanager
async def raw_server(talk: Talk) -> AsyncIterator[str]:
    """A server that answers a request with exactly what the test writes; its URL."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        try:
            await talk(writer)
        except ConnectionError:
            pass  # The client hung up, as it should.
        finally:
            writer.close()

    port = free_port()
    server = await asyncio.start_server(answer, LOOPBACK, port)
    try:
        yield f"http://{LOOPBACK}:{port}/beckn"
    finally:
        server.close()


def reply(*headers: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *headers, "", ""]).encode()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    async with peer() as inner, client() as caller:

        async def redirect(writer: asyncio.StreamWriter) -> None:
            writer.write(f"HTTP/1.1 {status} Moved\r\nLocation: {inner.url}\r\nContent-Length: 0\r\n\r\n".encode())

        async with raw_server(redirect) as url:
            with pytest.raises(PeerFailed, match=rf"a redirect \({status}\)"):
                await caller.post(url, b"{}")
        assert inner.arrivals == []


async def test_an_answer_that_drips_is_given_up_when_the_whole_call_has_had_its_time() -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(reply("Content-Length: 1000"))
        while not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(DRIP_S)

    async with client(timeout_s=0.3) as caller, raw_server(drip) as url:
        started = time.perf_counter()
        with pytest.raises(PeerFailed, match=r"none within 0\.3 s"):
            await caller.post(url, b"{}")
        assert time.perf_counter() - started < 3


async def test_headers_that_drip_are_given_up_as_well() -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not writer.is_closing():
            writer.write(b"X-More: of this\r\n")
            await writer.drain()
            await asyncio.sleep(DRIP_S)

    async with client(timeout_s=0.3) as caller, raw_server(drip) as url:
        with pytest.raises(PeerFailed):
            await caller.post(url, b"{}")


@pytest.mark.parametrize("head", [f"Content-Length: {GIGABYTE}", "Connection: close"])
async def test_an_answer_of_a_gigabyte_is_cut_off_at_its_beginning(head: str) -> None:
    sent = 0

    async def flood(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(reply(head))
        while sent < GIGABYTE:
            writer.write(b" " * 100_000)
            await writer.drain()
            sent += 100_000

    async with client() as caller, raw_server(flood) as url:
        with pytest.raises(PeerFailed, match=f"at most {MAX_BYTES} bytes"):
            await caller.post(url, b"{}")
    assert sent < GIGABYTE / 20


async def test_a_compressed_answer_is_neither_asked_for_nor_unpacked() -> None:
    bomb = gzip.compress(b" " * 20_000_000)

    async def explode(writer: asyncio.StreamWriter) -> None:
        writer.write(reply("Content-Encoding: gzip", f"Content-Length: {len(bomb)}") + bomb)

    async with client() as caller, raw_server(explode) as url:
        answer = await caller.post(url, b"{}")
    assert answer.body == bomb
    assert answer.json() is None


async def test_a_call_says_that_it_wants_no_compression(caller_and_peer: tuple[PeerClient, Peer]) -> None:
    caller, called = caller_and_peer
    await caller.post(called.url, b"{}")
    assert called.arrivals[0].headers["Accept-Encoding"] == "identity"


@pytest.fixture
async def caller_and_peer() -> AsyncIterator[tuple[PeerClient, Peer]]:
    async with client() as caller, peer() as called:
        yield caller, called


async def test_garbage_instead_of_http_is_a_failure_of_the_peer() -> None:
    async def babble(writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x00\xff" * 1_000)

    async with client() as caller, raw_server(babble) as url:
        with pytest.raises(PeerFailed):
            await caller.post(url, b"{}")


async def test_a_peer_that_hangs_up_without_an_answer_has_failed() -> None:
    async def hang_up(writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with client() as caller, raw_server(hang_up) as url:
        with pytest.raises(PeerFailed):
            await caller.post(url, b"{}")


async def test_an_address_on_this_machine_is_not_called_and_the_observers_hear_why() -> None:
    seen: list[Exchange] = []
    async with client(AddressRules()) as caller, peer() as inner:
        caller.observers.append(seen.append)
        for call in (caller.post(inner.url, b"{}"), caller.get(inner.url), caller.submit(inner.url, b"a=b")):
            with pytest.raises(AddressForbidden):
                await call
        assert inner.arrivals == []
    assert [(exchange.status, "is not called" in (exchange.error or "")) for exchange in seen] == [(0, True)] * 3


async def test_a_name_that_leads_to_this_machine_when_we_connect_is_refused() -> None:
    # The rebinding attack: the name was public while the registry held it, and leads here when it is called.
    resolver = ScriptedResolver([LOOPBACK])
    rules = AddressRules(allow_plain_http=True)
    async with client(rules, resolver=resolver) as caller, peer() as inner:
        port = inner.url.rpartition(":")[2].partition("/")[0]
        with pytest.raises(AddressForbidden, match=LOOPBACK):
            await caller.post(f"http://rebound.example:{port}/beckn", b"{}")
        assert inner.arrivals == []
    assert resolver.questions == 1


async def test_a_name_with_one_private_address_is_called_at_none_of_its_addresses() -> None:
    rules = AddressRules(allow_plain_http=True)
    async with client(rules, resolver=ScriptedResolver([PUBLIC, LOOPBACK])) as caller, peer() as inner:
        port = inner.url.rpartition(":")[2].partition("/")[0]
        with pytest.raises(AddressForbidden, match=LOOPBACK):
            await caller.post(f"http://mixed.example:{port}/beckn", b"{}")
        assert inner.arrivals == []


async def test_a_name_is_called_where_the_settings_allow_what_it_leads_to() -> None:
    rules = AddressRules(allow_private=True, plain_http_hosts=frozenset({"bpp.internal"}))
    async with client(rules, resolver=ScriptedResolver([LOOPBACK])) as caller, peer() as called:
        port = called.url.rpartition(":")[2].partition("/")[0]
        answer = await caller.post(f"http://bpp.internal:{port}/beckn", b"{}")
        assert (answer.nack, len(called.arrivals)) == (None, 1)


async def test_plain_http_to_a_name_off_this_machine_is_refused_before_it_is_resolved() -> None:
    resolver = ScriptedResolver([PUBLIC])
    async with client(AddressRules(), resolver=resolver) as caller:
        with pytest.raises(AddressForbidden, match="TLS"):
            await caller.post("http://bpp.example/beckn", b"{}")
    assert resolver.questions == 0


async def test_a_form_is_sent_as_one() -> None:
    async with client() as caller, peer() as called:
        await caller.submit(called.url, b"consent=yes")
        (arrival,) = called.arrivals
    assert isinstance(arrival, Arrival)
    assert (arrival.headers["Content-Type"], arrival.body) == ("application/x-www-form-urlencoded", b"consent=yes")


@pytest.mark.parametrize(
    ("status", "body", "garbage"),
    [
        (200, b'{"message":{"ack":{"status":"ACK"}}}', False),
        (202, b"", False),
        (204, b"", False),
        (200, b"<html>Welcome</html>", True),
        (200, b'{"message":', True),
        (202, b"\x80\x81", True),
        (502, b"<html>Bad gateway</html>", False),
    ],
)
def test_a_body_that_is_no_json_is_no_acknowledgement_whatever_the_status_says(
    status: int, body: bytes, garbage: bool
) -> None:
    assert Answer(status, body).is_garbage is garbage
