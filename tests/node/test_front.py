"""The front door: messages by the short way, all else by aiohttp, on one port and one connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from node.answers import ACK, Answer
from node.front import HEAD_BYTES_MAX, IDLE_S, REQUEST_S, Front, plain_head
from tests.ports import free_port
from tests.waiting import until

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
LIMIT = 10_000
BY_AIOHTTP = b'{"by":"aiohttp"}'


@dataclass
class House:
    """A front door before a small application. ``seen`` is what came the short way."""

    seen: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    front: Front | None = None

    async def receive(self, action: str, headers: Mapping[str, str], body: bytes, remote: str | None) -> Answer:
        assert remote == "127.0.0.1"
        self.seen.append((action, headers, body))
        await self.go.wait()
        return Answer(200, body)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self, *pieces: bytes) -> bytes:
        """One connection: send, and read one answer's body."""
        reader, writer = await self.connect()
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        answer = await read_answer(reader)
        writer.close()
        return answer[1]


async def read_answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    return head, await reader.readexactly(int(length.partition(b":")[2]))


def post(body: bytes, *lines: str, path: str = "/beckn/select") -> bytes:
    head = [f"POST {path} HTTP/1.1", "Host: bpp.test", "Content-Type: application/json", *lines]
    return "\r\n".join([*head, f"Content-Length: {len(body)}"]).encode() + b"\r\n\r\n" + body


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=BY_AIOHTTP)

    app = web.Application(client_max_size=LIMIT)
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    assert runner.server is not None
    made = House(port=free_port())
    made.go.set()
    made.front = Front(frozenset({"select", "on_search"}), made.receive, runner.server, lambda: NOW, LIMIT)
    await made.front.listen("127.0.0.1", made.port, None)
    yield made
    await made.front.close(1)
    await runner.cleanup()


async def test_a_plain_message_goes_the_short_way_with_the_headers_it_needs(house: House) -> None:
    reader, writer = await house.connect()
    writer.write(post(b'{"a":1}', "AUTHORIZATION:  Signature x \t", "X-Other: 1"))

    head, body = await read_answer(reader)

    assert body == b'{"a":1}'
    assert head.startswith(
        b"HTTP/1.1 200 OK\r\nDate: Fri, 20 Nov 2026 10:00:00 GMT\r\nContent-Type: application/json\r\n"
    )
    assert house.seen == [("select", {"content-type": "application/json", "authorization": "Signature x"}, b'{"a":1}')]
    writer.close()


async def test_a_message_that_comes_byte_by_byte_is_put_together(house: House) -> None:
    whole = post(b'{"a":1}')

    assert await house.ask(*(whole[at : at + 1] for at in range(len(whole)))) == b'{"a":1}'


async def test_messages_sent_without_waiting_are_answered_in_their_order(house: House) -> None:
    reader, writer = await house.connect()
    writer.write(b"".join(post(f"[{number}]".encode()) for number in range(20)))

    answers = [(await read_answer(reader))[1] for _ in range(20)]

    assert answers == [f"[{number}]".encode() for number in range(20)]
    writer.close()


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", id="another method"),
        pytest.param(post(b"{}", path="/api/v1/searches"), id="another path"),
        pytest.param(post(b"{}", path="/beckn/on_select"), id="an action of the other role"),
        pytest.param(post(b"{}", path="/beckn/select?x=1"), id="a query"),
        pytest.param(post(b"{}", "Connection: close"), id="a connection that shall close"),
        pytest.param(post(b"{}", "Authorization: a", "authorization: b"), id="a header twice"),
        pytest.param(post(b"{}", "Content-Encoding: identity"), id="an encoding"),
        pytest.param(
            b"POST /beckn/select HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            id="chunks",
        ),
        pytest.param(post(b"{}").replace(b"HTTP/1.1", b"HTTP/1.0", 1), id="an old version"),
    ],
)
async def test_what_is_no_plain_message_is_answered_by_aiohttp(house: House, request_: bytes) -> None:
    assert await house.ask(request_) == BY_AIOHTTP
    assert house.seen == []


async def test_a_message_on_a_connection_that_went_over_is_answered_there(house: House) -> None:
    reader, writer = await house.connect()
    answers = []
    for request_ in (post(b"[1]"), b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", post(b"[2]")):
        writer.write(request_)
        answers.append((await read_answer(reader))[1])

    assert answers == [b"[1]", BY_AIOHTTP, BY_AIOHTTP]
    writer.close()


async def test_a_body_over_the_limit_is_refused_by_aiohttp_before_it_is_read(house: House) -> None:
    reader, writer = await house.connect()
    writer.write(post(b"x" * (LIMIT + 1)))

    head, _ = await read_answer(reader)

    assert head.startswith(b"HTTP/1.1 413")
    assert house.seen == []
    writer.close()


async def test_a_head_without_end_is_refused_by_aiohttp(house: House) -> None:
    reader, writer = await house.connect()
    writer.write(b"POST /beckn/select HTTP/1.1\r\nX: " + b"y" * 2 * HEAD_BYTES_MAX)

    assert (await reader.readline()).split()[1] == b"400"
    writer.close()


async def test_a_sender_that_floods_one_connection_is_not_read_before_its_answer(house: House) -> None:
    house.go.clear()
    reader, writer = await house.connect()
    many = 200
    writer.write(b"".join(post(b"x" * (LIMIT // 10)) for _ in range(many)))
    await until(lambda: len(house.seen) == 1)
    (connection,) = house.front.open if house.front else ()

    await until(lambda: len(connection._buffer) > LIMIT)
    assert len(connection._buffer) < 20 * (LIMIT + HEAD_BYTES_MAX)
    house.go.set()

    for _ in range(many):
        await read_answer(reader)
    assert len(house.seen) == many
    writer.close()


async def test_a_request_that_never_ends_and_a_connection_that_never_asks_are_closed(house: House) -> None:
    slow, slow_writer = await house.connect()
    idle, idle_writer = await house.connect()
    slow_writer.write(post(b"{}")[:-1])
    front = house.front
    assert front is not None
    await until(lambda: sorted(len(one._buffer) > 0 for one in front.open) == [False, True])
    now_s = asyncio.get_running_loop().time()

    for one in tuple(front.open):
        one.end_when_late(now_s + REQUEST_S + 1)
    assert await slow.read() == b""
    (left,) = front.open
    left.end_when_late(now_s + IDLE_S + 1)
    assert await idle.read() == b""
    slow_writer.close()
    idle_writer.close()


async def test_a_listener_that_stops_answers_what_is_in_hand_and_takes_no_more(house: House) -> None:
    house.go.clear()
    reader, writer = await house.connect()
    _, idle_writer = await house.connect()
    writer.write(post(b"[1]") + post(b"[2]"))
    await until(lambda: len(house.seen) == 1)
    assert house.front is not None

    closing = asyncio.create_task(house.front.close(5))
    await until(lambda: house.front is not None and house.front.stopping)
    house.go.set()
    await closing

    assert (await read_answer(reader))[1] == b"[1]"
    assert await reader.read() == b""
    assert len(house.seen) == 1
    with pytest.raises(ConnectionRefusedError):
        await house.connect()
    writer.close()
    idle_writer.close()


async def test_a_sender_that_leaves_before_its_answer_harms_nobody(house: House) -> None:
    house.go.clear()
    _, writer = await house.connect()
    writer.write(post(b"[1]"))
    await until(lambda: len(house.seen) == 1)
    writer.transport.abort()
    house.go.set()
    front = house.front
    assert front is not None

    await until(lambda: not front.open)
    assert await house.ask(post(b"[2]")) == b"[2]"


_TOKENS = st.text("abcXYZ019-", min_size=1, max_size=12)
_VALUES = st.text(st.characters(min_codepoint=0, max_codepoint=255), max_size=30)


@given(headers=st.lists(st.tuples(_TOKENS, _VALUES), max_size=6), length=st.integers(0, 10**6))
def test_a_head_with_anything_but_visible_ascii_in_its_values_is_never_plain(
    headers: list[tuple[str, str]], length: int
) -> None:
    lines = [f"{name}: {value}" for name, value in headers]
    head = plain_head(
        "\r\n".join(["POST /beckn/select HTTP/1.1", *lines, f"Content-Length: {length}"]).encode("latin-1")
    )

    visible = all(char == "\t" or " " <= char <= "~" for _, value in headers for char in value)
    assert (head is not None) == visible
    assert head is None or head.length == length


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 2", "Content-Length: 2"],
        ["Content-Length: +2"],
        ["Content-Length: 2, 2"],
        ["Content-Length: \u00b2"],
        ["Content-Length: 99999999999999999999"],
        [],
        ["Content-Length : 2"],
        [" folded: 1", "Content-Length: 2"],
        ["Content-Length: 2\nX: y"],
        ["Transfer-Encoding: identity", "Content-Length: 2"],
        ["Expect: 100-continue", "Content-Length: 2"],
        ["Connection: upgrade", "Content-Length: 2"],
    ],
)
def test_a_head_that_two_readers_could_read_differently_is_not_plain(lines: list[str]) -> None:
    assert plain_head("\r\n".join(["POST /beckn/select HTTP/1.1", *lines]).encode()) is None


def test_an_ack_carries_its_length_and_type() -> None:
    assert Answer(200, ACK, {"Retry-After": "3"}).lines == (
        b"Content-Type: application/json\r\nContent-Length: 36\r\nRetry-After: 3\r\n\r\n"
    )
