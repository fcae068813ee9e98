"""A valid search: its acknowledgement, and all that its answer has to be."""

from __future__ import annotations

from typing import Any

from conformance.bench import Bench
from conformance.conversation import acknowledged, same_ids
from conformance.peer import Sent, refusal
from conformance.verdicts import Breach, NotReached
from protocol.errors import BecknError, NotAuthenticated
from protocol.jsontext import parse_object
from schemas.loader import MessageSchema, core, storage

_DEPTH_MAX = 64


async def is_acknowledged(bench: Bench) -> None:
    """ACK, in the shape of Beckn core."""
    _, sent = await bench.trade.search()
    acknowledged(sent)
    message = sent.content.get("message")
    ack = message.get("ack") if isinstance(message, dict) else None
    if not isinstance(ack, dict) or ack.get("status") != "ACK":
        raise sent.breach('{"message":{"ack":{"status":"ACK"}}}')


async def is_answered(bench: Bench) -> None:
    """``on_search`` in time."""
    await bench.trade.on_search()


async def is_signed(bench: Bench) -> None:
    """Its signature holds, by a key that the registry has."""
    _, sent, arrival = await bench.trade.on_search()
    try:
        await bench.peer.authenticate(arrival)
    except BecknError as error:
        raise sent.breach("a signature that holds by the registry's key", refusal(error)) from None


async def names_the_search(bench: Bench) -> None:
    """Its context names the search, both sides as the registry has them, and the action of its path."""
    letter, sent, arrival = await bench.trade.on_search()
    same_ids(letter, sent, arrival)
    try:
        await bench.peer.judge(arrival)
    except NotAuthenticated as error:
        raise NotReached(f"it needs a signature that holds: {error}"[:300]) from None
    except BecknError as error:
        raise sent.breach("a context that names both sides as the registry does", refusal(error)) from None


async def fits_core(bench: Bench) -> None:
    """It is valid by Beckn core."""
    _, sent, arrival = await bench.trade.on_search()
    fits(core("on_search"), _content(sent, arrival.body), sent)


async def fits_storage(bench: Bench) -> None:
    """It is valid by the closed schemas of the storage trade."""
    _, sent, arrival = await bench.trade.on_search()
    fits(storage("on_search"), _content(sent, arrival.body), sent)


def fits(schema: MessageSchema, content: object, sent: Sent) -> None:
    """The message is valid; ``sent`` asked for it."""
    violations = schema.explain(content)
    if violations:
        first = violations[0]
        raise sent.breach(f"{first.path or '/'}: {first.expected}", f"{first.got}: {first.sentence} ({first.rule})")


def _content(sent: Sent, body: bytes) -> dict[str, Any]:
    try:
        return parse_object(body, _DEPTH_MAX)
    except BecknError as error:
        raise Breach("a callback whose body is a JSON object", error.sentence, sent.request) from None
