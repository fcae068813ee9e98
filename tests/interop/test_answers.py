"""ACK and NACK in every form of INTEROP 3: what we read of others, and what we say where the settings ask for it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import orjson
import pytest
import tomli_w

from node.answers import AnswerForm, nack_content
from node.client import Answer
from node.settings import AnswerSettings, NodeSettings, PeerAnswerSettings, load
from protocol.errors import Diagnosis, NotValid, SettingsWrong
from schemas.loader import ack
from tests.interop.platform import Platform, item, platform
from tests.messages import BAP_ID

NACK: dict[str, Any] = {"ack": {"status": "NACK"}}
CONTEXT = {"action": "select", "message_id": "m-1"}

# Who says yes, the status and the body.
TAKEN: dict[str, tuple[int, object]] = {
    "onix_before_version_2": (200, {"message": {"ack": {"status": "ACK"}}}),
    "onix_from_version_2": (200, {"message": {"status": "ACK", "messageId": "m-1"}}),
    "onix_ack_no_callback": (202, {"message": {"status": "ACK", "messageId": "m-1"}}),
    "ps": (202, {"context": CONTEXT, "message": {"ack": {"status": "ACK"}}}),
    "an_ack_beside_an_empty_error": (200, {"message": {"ack": {"status": "ACK"}}, "error": {}}),
    "an_ack_beside_a_null_error": (200, {"message": {"ack": {"status": "ACK"}}, "error": None}),
    "created": (201, {"message": {"ack": {"status": "ACK"}}}),
    "no_content": (204, None),
    "an_empty_body": (200, None),
}
# Who says no, the status, the body, and what is told of it.
REFUSED: dict[str, tuple[int, object, str]] = {
    "core_1_1_1": (400, {"message": NACK, "error": {"code": "30000", "message": "Bad."}}, "30000: Bad."),
    "onix_before_version_2": (
        401,
        {"message": {**NACK, "error": {"code": "AUT_SIGNATURE_INVALID", "message": "Bad signature"}}},
        "AUT_SIGNATURE_INVALID: Bad signature",
    ),
    "onix_from_version_2": (
        400,
        {"message": {"status": "NACK", "messageId": "m-1", "error": {"code": "SCH_INVALID_JSON", "message": "Bad"}}},
        "SCH_INVALID_JSON: Bad",
    ),
    "onix_ack_no_callback": (
        202,
        {"message": {"status": "NACK", "error": {"code": "POL_X", "message": "Not now"}}},
        "POL_X: Not now",
    ),
    "onix_before_its_router": (400, {"code": "SCH_INVALID_FORMAT", "message": "Bad"}, "SCH_INVALID_FORMAT: Bad"),
    "onix_upstream_down": (502, None, "502: refused without a reason"),
    "onix_unknown_route": (
        500,
        {"message": {"status": "NACK", "error": {"code": "NET_INTERNAL_ERROR", "message": "Internal server error"}}},
        "NET_INTERNAL_ERROR: Internal server error",
    ),
    "ps_authentication": (
        401,
        {"message": NACK, "error": {"message": "Authentication failed"}},
        "401: Authentication failed",
    ),
    "ps_schema": (
        400,
        {
            "message": NACK,
            "error": {"code": 400, "message": "Schema validation failed", "data": [], "type": "DOMAIN-ERROR"},
        },
        "400: Schema validation failed",
    ),
    "ps_business": (
        202,
        {"context": CONTEXT, "message": NACK, "error": {"type": "CORE-ERROR", "code": 651641, "message": "No"}},
        "651641: No",
    ),
    "pypl_signature": (
        401,
        {"context": CONTEXT, "message": NACK, "error": {"code": "10001", "message": "Invalid Signature"}},
        "10001: Invalid Signature",
    ),
    "pypl_schema": (
        200,
        {"message": NACK, "error": {"type": "JSON-SCHEMA-ERROR", "code": "20000", "message": "Bad"}},
        "20000: Bad",
    ),
    "autoapi_always_200": (200, {"message": NACK, "error": {"code": "30000", "message": "Rule"}}, "30000: Rule"),
    "dpi_gateway": (400, {"message": NACK, "error": {"code": "X"}}, "X: refused without a reason"),
    "dpi_registry": (
        401,
        {"error": {"type": "AUTH_ERROR", "code": "AUTH_ERROR_CODE_1", "message": "No"}},
        "AUTH_ERROR_CODE_1: No",
    ),
    "beckn_006": (401, {"message": NACK}, "401: refused without a reason"),
    "a_200_with_an_error_and_no_ack": (200, {"error": {"code": "1", "message": "No"}}, "1: No"),
    "an_error_that_is_a_text": (403, {"error": "Forbidden"}, "403: Forbidden"),
    "a_page_of_a_proxy": (503, "<html>", "503: refused without a reason"),
}


def answered(status: int, content: object) -> Answer:
    return Answer(status, b"" if content is None else orjson.dumps(content))


@pytest.mark.parametrize("who", TAKEN)
def test_an_ack_is_read_as(who: str) -> None:
    assert answered(*TAKEN[who]).nack is None


@pytest.mark.parametrize("who", REFUSED)
def test_a_nack_is_read_as(who: str) -> None:
    status, content, told = REFUSED[who]
    assert answered(status, content).nack == told


# -- ours ---------------------------------------------------------------------------------------------------------

ERROR = NotValid(
    "Add the order.", Diagnosis("V13-core-1.1.1/required", "/message/order", "the member order", "nothing")
)


def test_our_nack_is_core_s_with_the_error_beside_the_message_and_a_link_to_its_remedy() -> None:
    content = nack_content(ERROR)
    tags = {tag["descriptor"]["code"]: tag["value"] for tag in content["message"]["ack"]["tags"][0]["list"]}
    assert content["error"] == {"code": "30000", "paths": "/message/order", "message": "Add the order."}
    assert tags == {
        "rule": "V13-core-1.1.1/required",
        "path": "/message/order",
        "expected": "the member order",
        "got": "nothing",
        "help": "docs/errors.md#v13-core",
    }
    assert ack().explain(content) == []


def test_our_nack_for_onix_has_the_error_inside_the_message() -> None:
    content = nack_content(ERROR, AnswerForm(error_inside=True, docs_url="https://docs.test/errors"))
    assert content["message"]["error"]["code"] == "30000"
    assert "error" not in content
    assert answered(400, content).nack == "30000: Add the order."
    assert orjson.dumps(content).count(b"https://docs.test/errors#v13-core") == 1
    assert ack().explain(content) == []


async def test_each_peer_is_answered_in_the_form_that_the_settings_give_it(tmp_path: Path) -> None:
    answers = AnswerSettings("https://docs.test/errors", (PeerAnswerSettings(BAP_ID, 202, "inside"),))
    async with platform(tmp_path, answers) as running:
        running.registry.items = [item(running.producer)]
        taken, refused = await running.say(), await say_nonsense(running)
        running.producer = other = type(running.producer)(
            "other.test", running.producer.key_id, running.producer.signing, running.producer.encryption
        )
        to_others = await say_nonsense(running)
    assert (taken.status, taken.content) == (202, {"message": {"ack": {"status": "ACK"}}})
    assert (refused.status, refused.content["message"]["error"]["code"]) == (400, "30000")
    assert "https://docs.test/errors#v1-body" in refused.body.decode()
    assert (to_others.status, to_others.content["error"]["code"], other.subscriber_id) == (400, "30000", "other.test")


async def say_nonsense(running: Platform) -> Any:
    body = b"[]"
    return await running.post(body, {"Authorization": running.header(body)})


def test_the_form_of_a_peer_stands_in_the_settings_file(tmp_path: Path) -> None:
    file = tmp_path / "bpp.toml"
    peer = {"subscriber_id": "onix.test", "error": "inside"}
    content = {"subscriber_id": "bpp.test", "data_dir": "data", "public_url": "https://bpp.test/beckn"}
    file.write_bytes(tomli_w.dumps(content | {"answers": {"peers": [peer]}}).encode())
    assert tomllib.loads(file.read_text())["answers"]["peers"] == [peer]
    assert load(file, NodeSettings).answers.peers == (PeerAnswerSettings("onix.test", 200, "inside"),)


@pytest.mark.parametrize("wrong", [{"ack_status": 500}, {"error": "somewhere"}])
def test_another_form_than_those_is_no_setting(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsWrong, match=next(iter(wrong))):
        PeerAnswerSettings("onix.test", **wrong)
