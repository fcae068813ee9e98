"""Talking to the target: the scripted peer, a writer of valid messages, and what all checks expect of the answers.

A message counts as delivered, and as refused, in every form that platforms in use answer with (INTEROP 3): which form
Beckn core asks for is a rule of its own. Whatever is not as expected raises `Breach`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from conformance.messages import Letter, Parties, Writer
from conformance.peer import Arrival, Peer, Sent, refusal
from conformance.verdicts import Afterwards
from energy.offers import StorageUse
from node.clocks import wall_clock
from protocol.errors import BecknError
from protocol.verification import Verified

OK_OR_CLIENT_ERROR = range(200, 500)
REDIRECTS = range(300, 400)
CLIENT_ERROR = range(400, 500)
UNAUTHORISED = range(401, 402)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long is waited at most, in seconds of wall time.

    ``quiet_s`` is waited once, at the end of a run, for callbacks that must not come.
    """

    answer_s: int = 5
    on_search_s: float = 2.0
    callback_s: float = 5.0
    quiet_s: float = 1.0
    rule_s: float = 30.0
    join_s: float = 15.0


class Conversation:
    """With one target. ``use`` is the storage use that the trade of the run is about."""

    def __init__(self, peer: Peer, target: str, parties: Parties, use: StorageUse, limits: Limits) -> None:
        self.peer = peer
        self.target = target
        self.use = use
        self.limits = limits
        self.writer = Writer(parties, wall_clock)

    def url(self, path: str) -> str:
        """An address below the target's."""
        return f"{self.target}/{path}"

    async def send(self, letter: Letter) -> Sent:
        """Send a letter as it should be, whatever the answer."""
        body = letter.body
        return await self.peer.post(self.url(letter.action), body, self.peer.sign(body))

    async def deliver(self, letter: Letter) -> Sent:
        """Send a letter that has to be acknowledged."""
        sent = await self.send(letter)
        acknowledged(sent)
        return sent

    async def converse(self, letter: Letter) -> tuple[Sent, Verified]:
        """Send a letter that has to be acknowledged and then answered, in time, by a callback that verifies."""
        sent = await self.deliver(letter)
        arrival = await self.callback(letter, sent, self.limits.callback_s)
        return sent, await self.verified(letter, sent, arrival)

    async def callback(self, letter: Letter, sent: Sent, within_s: float) -> Arrival:
        """The callback to a letter that was sent."""
        arrival = await self.peer.arrival(letter, within_s)
        if arrival is None:
            raise sent.breach(f"on_{letter.action} within {within_s:g} s", "no such callback")
        return arrival

    async def verified(self, letter: Letter, sent: Sent, arrival: Arrival) -> Verified:
        """The callback, once it has passed all checks of a BAP and names the message that it answers."""
        try:
            verified = await self.peer.verify(arrival)
        except BecknError as error:
            raise sent.breach(f"{arrival.action} that verifies", refusal(error)) from None
        same_ids(letter, sent, arrival)
        return verified


def acknowledged(sent: Sent) -> None:
    """The message was taken."""
    if sent.answer.nack is not None:
        raise sent.breach("ACK")


def refused(sent: Sent, statuses: range = OK_OR_CLIENT_ERROR) -> None:
    """The message was refused: by a NACK, and with one of these HTTP statuses. A redirect refuses nothing."""
    status = sent.answer.status
    if sent.answer.nack is None or status in REDIRECTS:
        raise sent.breach("a NACK")
    if status not in statuses:
        raise sent.breach(f"a NACK with HTTP status {_range_text(statuses)}")


def same_ids(letter: Letter, sent: Sent, arrival: Arrival) -> None:
    """The callback names the message that it answers."""
    if not arrival.answers(letter):
        got = f"message_id {arrival.message_id!r} in transaction {arrival.transaction_id!r}"
        raise sent.breach(f"message_id {letter.message_id!r} of the request", got)


def nothing_called_back(talk: Conversation, letter: Letter, sent: Sent) -> Afterwards:
    """Look, when the run has been quiet, whether a refused message was answered after all."""

    def look() -> None:
        came = [arrival.action for arrival in talk.peer.arrivals(letter)]
        if came:
            raise sent.breach("no callback to a refused message", ", ".join(came))

    return look


def error_of(content: Mapping[str, object]) -> Mapping[str, object]:
    """The error of an answer, beside ``message`` or inside it (INTEROP 3); empty when there is none."""
    message = content.get("message")
    inside = message.get("error") if isinstance(message, dict) else None
    error = content.get("error") or inside
    return error if isinstance(error, dict) else {}


def _range_text(statuses: range) -> str:
    return str(statuses[0]) if len(statuses) == 1 else f"{statuses[0]} to {statuses[-1]}"
