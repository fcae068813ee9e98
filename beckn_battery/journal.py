"""Every Beckn message of a network as it passes: who → whom, the exact bytes and headers, and the answer.

It listens at the participants' clients (`node.client.Exchange`), so it shows what went over the wire and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from node.client import Exchange
from node.participant import Participant
from protocol import signing
from protocol.actions import ACTIONS


@dataclass(frozen=True, slots=True)
class Passed:
    """One message that was sent; ``response_status`` 0 when no answer came."""

    sender: str
    receiver: str
    action: str
    exchange: Exchange

    @property
    def acknowledged(self) -> bool:
        """Whether the receiver said ACK."""
        return self.exchange.status == 200 and b'"ACK"' in self.exchange.answer

    def as_json(self) -> dict[str, Any]:
        """The message as ``demo --json`` lists it."""
        exchange = self.exchange
        return {
            "sender": self.sender,
            "receiver": self.receiver,
            "url": exchange.url,
            "action": self.action,
            "authorization": exchange.headers[signing.AUTHORIZATION],
            "gateway_authorization": exchange.headers.get(signing.GATEWAY_AUTHORIZATION),
            "body": exchange.body.decode(),
            "response_status": exchange.status,
            "response_body": exchange.answer.decode("utf-8", "replace"),
        }


class Journal:
    """Collects what the participants send; ``shown`` is called for each message in order."""

    def __init__(self, participants: Mapping[str, Participant], shown: Callable[[Passed], None]) -> None:
        self.messages: list[Passed] = []
        self._shown = shown
        self._urls = {one.identity.url: one.identity.subscriber_id for one in participants.values()}
        for one in participants.values():
            one.client.observers.append(self._observer(one.identity.subscriber_id))

    def _observer(self, sender: str) -> Callable[[Exchange], None]:
        def observe(exchange: Exchange) -> None:
            base, _, action = exchange.url.rpartition("/")
            if action in ACTIONS and base in self._urls:
                passed = Passed(sender, self._urls[base], action, exchange)
                self.messages.append(passed)
                self._shown(passed)

        return observe
