"""ACK and NACK: what the Beckn endpoints answer at once (Beckn core 1.1.1, Ack; BECKN-006 for a 401).

The form is core's: status 200, and a refusal's ``error`` beside ``message``. Peers that read only another form
(INTEROP 3) get theirs by settings. Which form it is follows from the sender that a message claims: it changes how we
say no, never whether.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from node.settings import AnswerSettings
from protocol.errors import BecknError, Diagnosis, GatewayNotAuthenticated, NotAuthenticated, TooManyRequests
from protocol.remedies import anchor
from protocol.signing import challenge_header

ACK = orjson.dumps({"message": {"ack": {"status": "ACK"}}})
_CLAIMED_SENDER = re.compile(r'keyId\s*=\s*"?([^"|,]{1,255})\|')


@dataclass(frozen=True, slots=True)
class Answer:
    """What a Beckn endpoint answers: JSON, whichever way it leaves (`node.front`, or aiohttp)."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    lines: bytes = field(init=False, repr=False, compare=False)
    """The header lines that belong to the body, and the empty line after them."""

    def __post_init__(self) -> None:
        fields = {"Content-Type": "application/json", "Content-Length": str(len(self.body)), **self.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        object.__setattr__(self, "lines", f"{lines}\r\n".encode("latin-1"))

    @property
    def response(self) -> web.Response:
        """The same for aiohttp."""
        return web.Response(body=self.body, status=self.status, content_type="application/json", headers=self.headers)


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """``ack_status`` is 200 or 202, ``error_inside``: the error stands in ``message`` and not beside it.

    ``docs_url`` is where the page of errors is (``docs/errors.md``), without an anchor.
    """

    ack_status: int = 200
    error_inside: bool = False
    docs_url: str = "docs/errors.md"


CORE = AnswerForm()
_ACKS = {status: Answer(status, ACK) for status in (200, 202)}


class AnswerForms:
    """The form for each peer, as the settings say: ``usual`` for all that they do not name."""

    def __init__(self, settings: AnswerSettings) -> None:
        docs_url = settings.docs_url
        self.usual = AnswerForm(docs_url=docs_url)
        self._special = {
            peer.subscriber_id: AnswerForm(peer.ack_status, peer.error == "inside", docs_url) for peer in settings.peers
        }

    def of(self, headers: Mapping[str, str]) -> AnswerForm:
        """The form for who claims to send; ``headers`` have lower-case names."""
        if not self._special:
            return self.usual
        claimed = _CLAIMED_SENDER.search(headers.get("authorization", ""))
        return self.usual if claimed is None else self._special.get(claimed[1], self.usual)


def ack(form: AnswerForm = CORE) -> Answer:
    """ACK."""
    return _ACKS[form.ack_status]


def nack(error: BecknError, realm: str, form: AnswerForm = CORE) -> Answer:
    """The refusal: code, path and sentence in ``error``, the diagnosis and a link to its remedy in ``ack.tags``."""
    headers = {}
    if isinstance(error, GatewayNotAuthenticated):
        headers["Proxy-Authenticate"] = challenge_header(realm)
    elif isinstance(error, NotAuthenticated):
        headers["WWW-Authenticate"] = challenge_header(realm)
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(error.retry_after_s)
    return Answer(error.http_status, orjson.dumps(nack_content(error, form)), headers)


def too_many(wait_s: int, whose: str) -> TooManyRequests:
    """The refusal of a message that comes too early."""
    sentence = f"Too many messages {whose}; send the next one in {wait_s} s."
    return TooManyRequests(sentence, Diagnosis("rate", expected=f"a pause of {wait_s} s"), wait_s)


def nack_content(error: BecknError, form: AnswerForm = CORE) -> Mapping[str, Any]:
    """The NACK's JSON."""
    diagnosis = error.diagnosis
    members = {"rule": diagnosis.rule, "path": diagnosis.path, "expected": diagnosis.expected, "got": diagnosis.got}
    members["help"] = f"{form.docs_url}#{anchor(diagnosis.rule, error.code)}"
    tag_list = [{"descriptor": {"code": code}, "value": _printable(value)} for code, value in members.items() if value]
    tags = [{"descriptor": {"code": "diagnosis"}, "list": tag_list}]
    message: dict[str, Any] = {"ack": {"status": "NACK", "tags": tags}}
    said = {"code": error.code, "paths": diagnosis.path, "message": _printable(error.sentence)}
    if form.error_inside:
        return {"message": message | {"error": said}}
    return {"message": message, "error": said}


def refusal(status: int, content: object, *, delivered: bool) -> str | None:
    """Why a peer refused, from its answer in any form of INTEROP 3; None when it took the message.

    ``delivered``: the HTTP status says so. A NACK counts whatever the status, and so does an error without an ACK.
    """
    answer = content if isinstance(content, dict) else {}
    message = answer.get("message")
    message = message if isinstance(message, dict) else {}
    ack_member = message.get("ack")
    said = ack_member.get("status") if isinstance(ack_member, dict) else message.get("status")
    error = _error_of(answer, message)
    if delivered and said != "NACK" and (said == "ACK" or not error):
        return None
    code = error.get("code") or error.get("type") or status
    return f"{code}: {error.get('message') or 'refused without a reason'}"[:500]


def _error_of(answer: Mapping[str, Any], message: Mapping[str, Any]) -> Mapping[str, Any]:
    """The error beside the message, inside it, or (onix, before its router) the answer itself."""
    for error in (answer.get("error"), message.get("error"), answer if "code" in answer else None):
        if isinstance(error, dict) and error:
            return error
        if isinstance(error, str) and error:
            return {"message": error}
    return {}


def _printable(text: str) -> str:
    # What a stranger sent may be quoted in the sentence, lone surrogates included.
    return text.encode("utf-8", "replace").decode()[:500]
