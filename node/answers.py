"""ACK and NACK: what the Beckn endpoints answer at once (Beckn core 1.1.1, Ack; BECKN-006 for a 401)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from protocol.errors import BecknError, Diagnosis, GatewayNotAuthenticated, NotAuthenticated, TooManyRequests
from protocol.signing import challenge_header

ACK = orjson.dumps({"message": {"ack": {"status": "ACK"}}})


def ack() -> web.Response:
    """200 ACK."""
    return web.Response(body=ACK, content_type="application/json")


def nack(error: BecknError, realm: str) -> web.Response:
    """The refusal: code, path and sentence in ``error``, the diagnosis in ``ack.tags``."""
    headers = {}
    if isinstance(error, GatewayNotAuthenticated):
        headers["Proxy-Authenticate"] = challenge_header(realm)
    elif isinstance(error, NotAuthenticated):
        headers["WWW-Authenticate"] = challenge_header(realm)
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(error.retry_after_s)
    return web.Response(
        body=orjson.dumps(nack_content(error)),
        status=error.http_status,
        content_type="application/json",
        headers=headers,
    )


def too_many(wait_s: int, whose: str) -> TooManyRequests:
    """The refusal of a message that comes too early."""
    sentence = f"Too many messages {whose}; send the next one in {wait_s} s."
    return TooManyRequests(sentence, Diagnosis("rate", expected=f"a pause of {wait_s} s"), wait_s)


def nack_content(error: BecknError) -> Mapping[str, Any]:
    """The NACK's JSON."""
    diagnosis = error.diagnosis
    members = {"rule": diagnosis.rule, "expected": diagnosis.expected, "got": diagnosis.got}
    tag_list = [{"descriptor": {"code": code}, "value": _printable(value)} for code, value in members.items() if value]
    tags = [{"descriptor": {"code": "diagnosis"}, "list": tag_list}]
    return {
        "message": {"ack": {"status": "NACK", "tags": tags}},
        "error": {"code": error.code, "paths": diagnosis.path, "message": _printable(error.sentence)},
    }


def _printable(text: str) -> str:
    # What a stranger sent may be quoted in the sentence, lone surrogates included.
    return text.encode("utf-8", "replace").decode()[:500]
