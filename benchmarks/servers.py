"""The servers that the benchmarks drive, each a process of its own: ``python -m benchmarks.servers KIND PORT [FILE]``.

``accept`` is a whole participant on uvloop, with SQLite and ``synchronous=FULL``, as every role runs it; only its
registry is a stand-in that knows the sender in FILE, and its decisions wait. ``decide`` is the same with decisions that
change nothing but the message's own row. ``echo`` is an empty aiohttp server on the standard event loop, the
reference. ``sink`` counts bytes and answers; ``ack`` is a peer that acknowledges everything.
"""

from __future__ import annotations

import asyncio
import json
import selectors
import socket
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop
from aiohttp import web

from node import keyfile
from node.answers import ACK
from node.inbox import Decision, Handler, Received
from node.participant import Participant
from node.process import quieten_garbage_collector
from node.rates import Rate
from node.settings import AccessSettings, NetworkSettings, NodeSettings, RegistrySettings
from protocol.actions import Role
from protocol.policy import SUBSCRIBED
from tests.ports import free_port

PLENTY = Rate(per_minute=10_000_000, burst=10_000_000)
SINK_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


async def _decide_nothing(_received: Received) -> Decision:
    return lambda _tx: None


async def _never_decide(_received: Received) -> Decision:
    await asyncio.Event().wait()
    return lambda _tx: None


async def _listen(app: web.Application, port: int) -> None:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1_024).start()


def _registry_app(items: list[dict[str, str]]) -> web.Application:
    """Stands in for the registry: it takes every subscription and knows ``items``."""

    async def lookup(request: web.Request) -> web.Response:
        wanted = await request.json()
        return web.json_response([item for item in items if item["subscriber_id"] == wanted["subscriber_id"]])

    async def subscribe(_request: web.Request) -> web.Response:
        return web.json_response({"status": SUBSCRIBED})

    app = web.Application()
    app.router.add_post("/lookup", lookup)
    app.router.add_post("/subscribe", subscribe)
    return app


async def accept(port: int, facts: dict[str, str], handler: Handler = _never_decide) -> None:
    """A whole participant, whose registry knows the sender of ``facts``."""
    folder, registry_port = Path(tempfile.mkdtemp(prefix="battery-bench-")), free_port()
    keys = keyfile.load_or_make(folder, facts["own_id"])
    known = {"status": SUBSCRIBED, "domain": "dent:0.1.0"}
    sender = known | {name: facts[name] for name in ("subscriber_id", "key_id", "signing_public_key", "type", "url")}
    own = known | {"subscriber_id": keys.subscriber_id, "key_id": keys.key_id, "type": "BPP", "url": facts["own_url"]}
    own["signing_public_key"] = keys.signing_public_b64
    await _listen(_registry_app([sender, own]), registry_port)
    registry = RegistrySettings(
        f"http://127.0.0.1:{registry_port}", "registry", keys.signing_public_b64, keys.encryption_public_b64
    )
    settings = NodeSettings(
        subscriber_id=facts["own_id"],
        data_dir=folder,
        public_url=facts["own_url"],
        port=port,
        registry=registry,
        network=NetworkSettings(allow_private_addresses=True, allow_plain_http=True),
        # One peer from one address sends all that there is: the limits are at work and do not end the measurement.
        access=AccessSettings(peer_rate=PLENTY, address_rate=PLENTY),
    )
    participant = Participant(settings, Role.BPP, ())
    participant.serve({"select": handler}, lambda *_: lambda _tx: None, lambda *_: None)
    await participant.start()


async def decide(port: int, facts: dict[str, str]) -> None:
    """The same, and each message is decided: one more transaction, after the ACK."""
    await accept(port, facts, _decide_nothing)


async def echo(port: int, _facts: dict[str, str]) -> None:
    """An empty server: read the body, send it back."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    app = web.Application()
    app.router.add_post("/beckn/select", answer)
    await _listen(app, port)


async def ack(port: int, _facts: dict[str, str]) -> None:
    """A peer that acknowledges everything."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=ACK, content_type="application/json")

    app = web.Application()
    app.router.add_post("/{tail:.*}", answer)
    await _listen(app, port)


async def serve(start: Callable[[int, dict[str, str]], Awaitable[None]], port: int, facts: dict[str, str]) -> None:
    """Run until the process is killed; its line on stdout says that it listens."""
    await start(port, facts)
    print("listening", flush=True)
    await asyncio.Event().wait()


def sink(port: int, request_bytes: int) -> None:
    """Answer after each ``request_bytes``."""
    selector = selectors.DefaultSelector()
    listener = socket.create_server(("127.0.0.1", port), backlog=256)
    selector.register(listener, selectors.EVENT_READ, None)
    print("listening", flush=True)
    while True:
        for key, _ in selector.select():
            if key.data is None:
                link, _peer = listener.accept()
                selector.register(link, selectors.EVENT_READ, [0])
                continue
            chunk = key.fileobj.recv(65_536)  # type: ignore[union-attr]
            if not chunk:
                selector.unregister(key.fileobj)
                continue
            key.data[0] += len(chunk)
            while key.data[0] >= request_bytes:
                key.data[0] -= request_bytes
                key.fileobj.sendall(SINK_ANSWER)  # type: ignore[union-attr]


def main() -> None:
    """See the module."""
    kind, port = sys.argv[1], int(sys.argv[2])
    if kind == "sink":
        sink(port, int(sys.argv[3]))
    elif kind == "echo":
        asyncio.run(serve(echo, port, {}))
    elif kind == "ack":
        uvloop.run(serve(ack, port, {}))
    else:
        quieten_garbage_collector()
        facts = json.loads(Path(sys.argv[3]).read_text())
        uvloop.run(serve(accept if kind == "accept" else decide, port, facts))


if __name__ == "__main__":
    main()
