"""Bodies that are no message and addresses that are no endpoint: each is a NACK with 4xx, and never a 5xx."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping

from conformance import messages
from conformance.bench import Bench
from conformance.conversation import CLIENT_ERROR, error_of, nothing_called_back, refused
from conformance.verdicts import Afterwards, Check, Request
from schemas.loader import ack

LARGE_BYTES = 5 * 1024 * 1024
DEEP_LEVELS = 500

Spoiler = Callable[[bytes], bytes]


def spoilt(spoil: Spoiler, headers: Mapping[str, str] | None = None) -> Check:
    """A search whose body was spoilt before it was signed."""

    async def check(bench: Bench) -> None:
        body = spoil(bench.writer.letter("search", messages.intent(bench.use)).body)
        sent = await bench.peer.post(bench.url("search"), body, bench.peer.sign(body), headers)
        refused(sent, CLIENT_ERROR)

    return check


def not_json(body: bytes) -> bytes:
    """The first half."""
    return body[: len(body) // 2]


def in_an_array(body: bytes) -> bytes:
    """A valid message, but in an array."""
    return b"[" + body + b"]"


def with_a_key_twice(body: bytes) -> bytes:
    """Two messages in one: readers do not agree on which of them counts."""
    return body[:-1] + b',"message":{}}'


def of_five_megabytes(body: bytes) -> bytes:
    """A valid message with a very long text."""
    return _with_member(body, b'"short_desc":"' + b"x" * LARGE_BYTES + b'"')


def nested_deeply(body: bytes) -> bytes:
    """A valid message with an array in an array in an array…"""
    return _with_member(body, b'"nested":' + b"[" * DEEP_LEVELS + b"]" * DEEP_LEVELS)


def compressed(body: bytes) -> bytes:
    """As gzip makes it."""
    return gzip.compress(body)


async def unknown_action(bench: Bench) -> Afterwards:
    """An action that Beckn does not have, in a message that is valid but for that."""
    letter = bench.writer.letter("search", messages.intent(bench.use)).with_context(action="frobnicate")
    body = letter.body
    sent = await bench.peer.post(bench.url("frobnicate"), body, bench.peer.sign(body))
    refused(sent, CLIENT_ERROR)
    return nothing_called_back(bench, letter, sent)


async def unknown_route(bench: Bench) -> Afterwards:
    """A valid message at an address that is no endpoint."""
    letter = bench.writer.letter("search", messages.intent(bench.use))
    body = letter.body
    sent = await bench.peer.post(bench.url("no/such/search"), body, bench.peer.sign(body))
    refused(sent, CLIENT_ERROR)
    return nothing_called_back(bench, letter, sent)


async def unknown_method(bench: Bench) -> None:
    """GET of an action."""
    refused(await bench.peer.request(Request("GET", bench.url("search"), {}, b"")), CLIENT_ERROR)


async def nack_explains(bench: Bench) -> None:
    """A NACK says so, with a code and a sentence in ``error``, which may stand beside or inside ``message``."""
    sent = await bench.send(bench.writer.letter("search", messages.intent(bench.use)).without_context("message_id"))
    refused(sent)
    message = sent.content.get("message")
    ack_member = message.get("ack") if isinstance(message, dict) else None
    error = error_of(sent.content)
    if not isinstance(ack_member, dict) or ack_member.get("status") != "NACK":
        raise sent.breach('{"message":{"ack":{"status":"NACK"}}, …}')
    if not all(error.get(member) for member in ("code", "message")):
        raise sent.breach("an error with code and message")


async def nack_fits_core(bench: Bench) -> None:
    """A NACK is valid by Beckn core to the letter: ``error`` beside ``message``, its code a text."""
    sent = await bench.send(bench.writer.letter("search", messages.intent(bench.use)).without_context("message_id"))
    refused(sent)
    violations = ack().explain(sent.content)
    if violations:
        raise sent.breach(violations[0].expected, violations[0].sentence)
    if not isinstance(sent.content.get("error"), dict):
        raise sent.breach("error beside message")


def _with_member(body: bytes, member: bytes) -> bytes:
    """The message with one more member of its intent."""
    return body.replace(b'"intent":{', b'"intent":{' + member + b",", 1)
