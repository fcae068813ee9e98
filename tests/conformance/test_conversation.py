"""What counts as an ACK and as a NACK, in every form that platforms in use answer with (INTEROP 3)."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from conformance.conversation import CLIENT_ERROR, UNAUTHORISED, acknowledged, error_of, refused
from conformance.peer import Sent
from conformance.verdicts import Breach, Request
from node.client import Answer

ACK: dict[str, Any] = {"message": {"ack": {"status": "ACK"}}}
NACK: dict[str, Any] = {"message": {"ack": {"status": "NACK"}}}
ERROR = {"code": "30000", "message": "no"}


def sent(status: int, content: object = None) -> Sent:
    """A request that was answered so."""
    body = b"" if content is None else orjson.dumps(content)
    return Sent(Request("POST", "http://127.0.0.1:9/beckn/search", {}, b"{}"), Answer(status, body), {}, at_s=0)


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (200, ACK),
        (202, {"context": {"action": "search"}, **ACK}),
        (200, {"message": {"status": "ACK", "messageId": "1"}}),
        (201, ACK),
        (204, None),
    ],
)
def test_every_form_of_an_ack_is_one_and_refuses_nothing(status: int, content: object) -> None:
    acknowledged(sent(status, content))

    with pytest.raises(Breach, match="a NACK"):
        refused(sent(status, content))


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (400, {**NACK, "error": ERROR}),
        (400, {"message": {**NACK["message"], "error": ERROR}}),
        (401, {**NACK, "error": {"message": "Authentication failed"}}),
        (202, {**NACK, "error": {"code": 6781616, "message": "no"}}),
        (200, {"message": {"status": "NACK", "error": ERROR}}),
        (400, ERROR),
        (404, None),
    ],
)
def test_every_form_of_a_nack_is_one_and_takes_nothing(status: int, content: object) -> None:
    refused(sent(status, content))

    with pytest.raises(Breach, match="expected ACK"):
        acknowledged(sent(status, content))


@pytest.mark.parametrize("status", [301, 500, 503])
def test_a_redirect_and_a_failure_are_neither(status: int) -> None:
    with pytest.raises(Breach):
        refused(sent(status, NACK))
    with pytest.raises(Breach):
        acknowledged(sent(status, ACK))


def test_a_nack_may_have_to_come_with_a_client_error_or_with_401_alone() -> None:
    refused(sent(401, NACK), UNAUTHORISED)
    refused(sent(404, NACK), CLIENT_ERROR)

    with pytest.raises(Breach, match="400 to 499"):
        refused(sent(200, NACK), CLIENT_ERROR)
    with pytest.raises(Breach, match="status 401"):
        refused(sent(403, NACK), UNAUTHORISED)


@pytest.mark.parametrize("content", [{"error": ERROR}, {"message": {"error": ERROR}}])
def test_an_error_is_found_beside_and_inside_the_message(content: dict[str, Any]) -> None:
    assert error_of(content) == ERROR


@pytest.mark.parametrize("content", [{}, {"message": None}, {"error": "no"}, {"message": {"error": []}}])
def test_what_is_no_error_is_not_found(content: dict[str, Any]) -> None:
    assert error_of(content) == {}
