"""An MQTT broker in this process, for a network on one machine: on the loopback interface only, for whoever is there.

It keeps the sessions of clients that are away, in memory: what they missed waits for them as long as this process runs.
"""

from __future__ import annotations

import logging
from typing import Any

from amqtt.broker import Broker
from amqtt.plugins.base import BaseAuthPlugin

HOST = "127.0.0.1"


class WhoeverIsHere(BaseAuthPlugin):  # type: ignore[misc]  # amqtt has no types
    """Lets every client in by its name. An anonymous one, in amqtt's sense, would have no session to come back to."""

    async def authenticate(self, *, session: Any) -> bool:
        """Every client."""
        return True


class LocalBroker:
    """Listens on ``port`` between `start` and `stop`."""

    def __init__(self, port: int) -> None:
        # It says at every message what it does with it, down to the level of warnings.
        logging.getLogger("amqtt").setLevel(logging.ERROR)
        logging.getLogger("transitions").setLevel(logging.ERROR)
        plugin = f"{WhoeverIsHere.__module__}.{WhoeverIsHere.__name__}"
        listener = {"type": "tcp", "bind": f"{HOST}:{port}"}
        self._broker = Broker({"listeners": {"default": listener}, "plugins": {plugin: {}}})

    async def start(self) -> None:
        """Listen."""
        await self._broker.start()

    async def stop(self) -> None:
        """End every connection."""
        await self._broker.shutdown()
