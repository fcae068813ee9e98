"""Running servers until a signal: start in order, wait, stop in the opposite order, whatever happens in between."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol

import uvloop

from node.process import quieten_garbage_collector


class Server(Protocol):
    """Whatever is started and stopped: a registry, a participant, the simulator."""

    async def start(self) -> None:
        """Open and listen."""

    async def stop(self) -> None:
        """Finish what is in hand and close."""


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run a command's coroutine on the fast event loop; its exit code."""
    quieten_garbage_collector()
    return uvloop.run(main)


async def serve_until_stopped(
    servers: Sequence[Server], started: Callable[[], Awaitable[None]], reload: Callable[[], None]
) -> int:
    """Start the servers, call ``started``, and stop them on Ctrl-C or SIGTERM. Exit code 0.

    SIGHUP calls ``reload``, which looks at once at the files that may change while a server runs.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, reload)
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    running: list[Server] = []
    try:
        for server in servers:
            await server.start()
            running.append(server)
        await started()
        await stop.wait()
    finally:
        for server in reversed(running):
            await server.stop()
    return 0
