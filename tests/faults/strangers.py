"""A platform that the registry has just let in, and that a server under test has not heard of yet."""

from __future__ import annotations

from energy.offers import SupportContact
from energy.wire.v1.writer import write
from node.settings import RegistrySettings
from protocol.actions import Role
from protocol.context import write_body
from protocol.policy import Identity
from tests.faults.processes import Processes
from tests.journeys.subscriber import Reply, Subscriber, send

CONTACT = SupportContact(
    "6a0a21fd-6d54-4a25-9a4d-8a4c5b1b7f01", "+91 80 5550 0199", "desk@bpp.test", "https://bpp.test"
)
FROM = "SELECT action FROM inbox WHERE sender_id = ?"


def peer(processes: Processes, role: str) -> Identity:
    """What a server is to the network."""
    return Identity(processes.settings(role)["subscriber_id"], Role(role.upper()), processes.proxies[role].url)


def registry_of(processes: Processes) -> RegistrySettings:
    """The registry, as a participant knows it."""
    return RegistrySettings(**processes.settings("bpp")["registry"])


def greeting(speaker: Subscriber) -> bytes:
    """A message that needs no trade."""
    return write_body(speaker.context("on_support"), write("on_support", CONTACT))


async def say(speaker: Subscriber, body: bytes) -> Reply:
    """Send these bytes to the speaker's peer, signed now."""
    return await send(f"{speaker.peer.url}/on_support", body, speaker.headers(body))
