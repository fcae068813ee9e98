"""The servers that the benchmarks drive, each a process of its own: ``python -m benchmarks.servers KIND PORT [FILE]``.

``accept`` is the product's own receiving path: `node.server.BecknServer`, inbox and SQLite with ``synchronous=FULL`` on
uvloop, as every participant runs it; only the keys come from FILE instead of a registry, and the decisions wait.
``decide`` is the same with decisions that change nothing but the message's own row. ``echo`` is an empty aiohttp server on the standard event loop, the reference. ``sink`` counts bytes and
answers.
"""

from __future__ import annotations

import asyncio
import base64
import json
import selectors
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

import uvloop
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from nacl.signing import SigningKey

from node.client import PeerClient
from node.clocks import Clocks, wall_clock
from node.database import Database
from node.ids import IdMint
from node.inbox import Decision, Handler, Inbox, Received
from node.keyring import Keyring, _Cached
from node.migrations.run import NODE_VERSIONS
from node.observability import Metrics
from node.server import BecknServer
from node.settings import RegistrySettings, TimeLimits, TradeTimeSettings
from protocol.actions import Role
from protocol.keys import KeyId, KeyRecord, OwnKeys
from protocol.policy import SUBSCRIBED, Identity, Policy

HELD = 1_000_000
SINK_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


async def _decide_nothing(_received: Received) -> Decision:
    return lambda _tx: None


async def _never_decide(_received: Received) -> Decision:
    await asyncio.Event().wait()
    return lambda _tx: None


async def _nothing(_url: str) -> None:
    return None


def _sender(facts: dict[str, str]) -> KeyRecord:
    return KeyRecord(
        subscriber_id=facts["subscriber_id"],
        key_id=facts["key_id"],
        signing_public_key=base64.b64decode(facts["public_key"]),
        role=Role.BAP,
        url=facts["url"],
        status=SUBSCRIBED,
    )


async def accept_app(facts: dict[str, str], handler: Handler = _never_decide) -> web.Application:
    """The accept path with the sender of ``facts`` known."""
    folder = Path(tempfile.mkdtemp(prefix="battery-bench-"))
    database = Database(f"sqlite:///{folder / 'bpp.sqlite'}", [NODE_VERSIONS])
    await database.start()
    registry = RegistrySettings("http://127.0.0.1:9", "registry", "", "")
    own = OwnKeys(facts["own_id"], "k", SigningKey.generate(), X25519PrivateKey.generate())
    keyring = Keyring(own, registry, PeerClient(1, 1_000), wall_clock, TimeLimits(key_cache_s=3_600))
    sender = _sender(facts)
    keyring._cache[KeyId(sender.subscriber_id, sender.key_id)] = _Cached((sender,), wall_clock())
    inbox = Inbox(database, IdMint(), wall_clock, {"select": handler}, lambda *_: lambda _tx: None, HELD)
    identity = Identity(facts["own_id"], Role.BPP, facts["own_url"])
    clocks = Clocks(TradeTimeSettings())
    server = BecknServer(identity, Policy(), keyring, inbox, clocks, Metrics(), _nothing, strict=True)
    app = web.Application()
    server.add_routes(app)
    return app


async def decide_app(facts: dict[str, str]) -> web.Application:
    """The same, and each message is decided: one more transaction, after the ACK."""
    return await accept_app(facts, _decide_nothing)


async def echo_app(_facts: dict[str, str]) -> web.Application:
    """An empty server: read the body, send it back."""

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    app = web.Application()
    app.router.add_post("/beckn/select", echo)
    return app


async def serve(make: Any, port: int, facts: dict[str, str]) -> None:
    """Run an app until the process is killed; its line on stdout says that it listens."""
    runner = web.AppRunner(await make(facts), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1_024).start()
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
        asyncio.run(serve(echo_app, port, {}))
    else:
        app = accept_app if kind == "accept" else decide_app
        uvloop.run(serve(app, port, json.loads(Path(sys.argv[3]).read_text())))


if __name__ == "__main__":
    main()
