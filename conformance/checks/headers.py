"""The Authorization header: what BECKN-006 does not let pass has to be answered with 401, and never called back.

A forger makes, from a valid search, the header and the body that travel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from nacl.signing import SigningKey

from conformance import messages
from conformance.bench import Bench
from conformance.conversation import UNAUTHORISED, nothing_called_back, refused
from conformance.messages import Letter
from conformance.peer import Peer
from conformance.verdicts import Afterwards, Check
from node.ids import new_uuid
from protocol import signing
from protocol.keys import ALGORITHM, OwnKeys

WEEK_S = 7 * 24 * 3_600
_TEN_MINUTES_S = 600
_CHALLENGES = ("realm", "headers")

Forger = Callable[[Peer, bytes], tuple[str | None, bytes]]


def unauthenticated(forge: Forger) -> Check:
    """A search with this header and body is answered with 401 and what is missing, and with nothing else."""

    async def check(bench: Bench) -> Afterwards:
        letter = bench.writer.letter("search", messages.intent(bench.use))
        return await _try(bench, letter, *forge(bench.peer, letter.body))

    return check


async def unknown_subscriber(bench: Bench) -> Afterwards:
    """A search of somebody whom the registry does not know; its context names the same stranger."""
    stranger = _keys(f"{messages.UNKNOWN_ID}.invalid")
    letter = bench.writer.letter("search", messages.intent(bench.use)).with_context(bap_id=stranger.subscriber_id)
    return await _try(bench, letter, bench.peer.sign(letter.body, keys=stranger), letter.body)


def no_header(_peer: Peer, body: bytes) -> tuple[str | None, bytes]:
    """The body alone."""
    return None, body


def garbled(_peer: Peer, body: bytes) -> tuple[str | None, bytes]:
    """A header that is none."""
    return "Signature gibberish", body


def wrong_key(peer: Peer, body: bytes) -> tuple[str | None, bytes]:
    """Our key id, but another key has signed."""
    other = replace(peer.own, signing=SigningKey.generate())
    return peer.sign(body, keys=other), body


def tampered(peer: Peer, body: bytes) -> tuple[str | None, bytes]:
    """A space more than what was signed: the same JSON in other bytes."""
    return peer.sign(body), body + b" "


def expired(peer: Peer, body: bytes) -> tuple[str | None, bytes]:
    """A signature that held until five minutes ago."""
    return peer.sign(body, created_in_s=-_TEN_MINUTES_S, window_s=_TEN_MINUTES_S // 2), body


def created_in_the_future(peer: Peer, body: bytes) -> tuple[str | None, bytes]:
    """A signature that holds in ten minutes."""
    return peer.sign(body, created_in_s=_TEN_MINUTES_S), body


def too_long_a_window(peer: Peer, body: bytes) -> tuple[str | None, bytes]:
    """A signature for a week."""
    return peer.sign(body, window_s=WEEK_S), body


def wrong_algorithm(peer: Peer, body: bytes) -> tuple[str | None, bytes]:
    """Our signature under another algorithm's name."""
    return peer.sign(body).replace(ALGORITHM, "rsa-sha256"), body


def without_headers(peer: Peer, body: bytes) -> tuple[str | None, bytes]:
    """A header that does not say what was signed."""
    return peer.sign(body).replace(f'headers="{signing.SIGNED_HEADERS}",', ""), body


async def _try(bench: Bench, letter: Letter, authorization: str | None, body: bytes) -> Afterwards:
    sent = await bench.peer.post(bench.url(letter.action), body, authorization)
    refused(sent, UNAUTHORISED)
    challenge = sent.headers.get("www-authenticate", "")
    if not all(f"{parameter}=" in challenge for parameter in _CHALLENGES):
        expected = f'WWW-Authenticate: Signature realm="…",headers="{signing.SIGNED_HEADERS}"'
        raise sent.breach(expected, challenge or "no such header")
    return nothing_called_back(bench, letter, sent)


def _keys(subscriber_id: str) -> OwnKeys:
    return OwnKeys(subscriber_id, new_uuid(), SigningKey.generate(), X25519PrivateKey.generate())
