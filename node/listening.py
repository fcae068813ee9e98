"""Opening the door: one port for a participant's messages, its API and its pages, and closing it in good order."""

from __future__ import annotations

import errno
from dataclasses import dataclass

from aiohttp import web

from node.addresses import check_own_addresses
from node.clocks import Now
from node.front import Front, Receive
from node.settings import NodeSettings
from node.tls import server_context
from protocol.errors import SettingsWrong


@dataclass(frozen=True, slots=True)
class Messages:
    """Which ``actions`` are posted here by peers, who takes them in, and the wire clock of the answers' date."""

    actions: frozenset[str]
    receive: Receive
    now: Now


class Listener:
    """An open door."""

    def __init__(self, runner: web.AppRunner, front: Front | None, within_s: float) -> None:
        self._runner = runner
        self._front = front
        self._within_s = within_s

    async def stop(self) -> None:
        """Accept nothing more, answer what is in hand, close every connection."""
        if self._front is not None:
            await self._front.close(self._within_s)
        await self._runner.cleanup()


async def listen(app: web.Application, settings: NodeSettings, messages: Messages | None = None) -> Listener:
    """Serve ``app`` on the settings' host and port, with TLS where they have it; ``messages`` go by the front door.

    Raises:
        SettingsWrong: the address can not be had, or is off this machine without TLS.
    """
    check_own_addresses(settings)
    encrypted = server_context(settings.tls)
    within_s = settings.times.stop_within_s / 2
    runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=within_s)
    await runner.setup()
    try:
        if messages is None:
            front = None
            await web.TCPSite(runner, settings.host, settings.port, backlog=1_024, ssl_context=encrypted).start()
        else:
            assert runner.server is not None
            limit = settings.sizes.max_body_bytes
            front = Front(messages.actions, messages.receive, runner.server, messages.now, limit)
            await front.listen(settings.host, settings.port, encrypted)
    except OSError as error:
        await runner.cleanup()
        reason = "is in use" if error.errno == errno.EADDRINUSE else str(error.strerror or error)
        raise SettingsWrong(f"port {settings.port} on {settings.host} {reason}") from None
    return Listener(runner, front, within_s)
