"""Real MQTT brokers for tests: mosquitto where it is installed, and amqtt in this process."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from pathlib import Path
from typing import Protocol

import aiomqtt

from simulator.broker import LocalBroker

MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
MISSING = "mosquitto is not installed (apt-get install mosquitto)"
_LISTENS = b"mosquitto version"


class RunningBroker(Protocol):
    """A broker that can be started and stopped."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class Mosquitto:
    """Debian's mosquitto on a port of its own; what it keeps is on disk in ``folder``, also while it is stopped."""

    def __init__(self, port: int, folder: Path) -> None:
        self._folder = folder
        self._folder.mkdir(exist_ok=True)
        self._file = folder / "mosquitto.conf"
        lines = [
            f"listener {port} 127.0.0.1",
            "allow_anonymous true",
            "persistence true",
            f"persistence_location {folder}/",
            "user root",
        ]
        self._file.write_text("\n".join(lines) + "\n")
        self._port = port
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        assert MOSQUITTO is not None, MISSING
        self._process = await asyncio.create_subprocess_exec(
            MOSQUITTO, "-c", str(self._file), stderr=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
        )
        while not await self._listens():
            assert self._process.returncode is None, "mosquitto ended at once"

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            await self._process.wait()

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return False
        writer.close()
        return True


def broker_of(kind: str, port: int, folder: Path) -> RunningBroker:
    """A broker, not started yet."""
    return Mosquitto(port, folder) if kind == "mosquitto" else LocalBroker(port)


async def publish(port: int, *messages: tuple[str, bytes], qos: int = 1, retain: bool = False) -> None:
    """Publish messages as a device does; with QoS 1 this returns when the broker has them."""
    async with aiomqtt.Client("127.0.0.1", port, identifier="a-device") as client:
        for topic, payload in messages:
            await client.publish(topic, payload, qos=qos, retain=retain)
