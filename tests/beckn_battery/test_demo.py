"""What ``demo --json`` prints is checked as a stranger would: with the printed keys, bytes and schemas alone.

Nothing of ``protocol.signing`` is used for it: the header is taken apart here, the digest is hashlib's and the
signature PyNaCl's. The command runs once for the module.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

import pytest
import yaml
from jsonschema import Draft202012Validator
from nacl.signing import VerifyKey
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from energy.invoices import check
from protocol.actions import ACTIONS
from schemas.loader import ack, core, storage
from tests.beckn_battery.command import PROJECT, finished

SPECIFICATION = PROJECT.parent / "shared" / "spec" / "beckn-core-1.1.1.yaml"
HEADER = re.compile(
    r'Signature keyId="([^"|]+)\|([^"|]+)\|ed25519",algorithm="ed25519",created="(\d+)",expires="(\d+)",'
    r'headers="\(created\) \(expires\) digest",signature="([^"]+)"'
)
GATEWAY = "gateway.beckn-battery.local"

Message = Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """One run of the command: what it printed, and how long it took."""

    stdout: str
    took_s: float


@pytest.fixture(scope="module")
def run() -> Run:
    """The one run that all tests look at."""
    started = time.monotonic()
    ended = finished("demo", "--json", timeout_s=100)
    assert ended.returncode == 0, ended.stderr.decode()
    return Run(ended.stdout.decode(), time.monotonic() - started)


@pytest.fixture(scope="module")
def story(run: Run) -> dict[str, Any]:
    """The object that it printed."""
    content: dict[str, Any] = json.loads(run.stdout)
    return content


@pytest.fixture(scope="module")
def messages(story: dict[str, Any]) -> list[Message]:
    """Its messages, each with its parsed body as ``content``."""
    return [{**message, "content": json.loads(message["body"])} for message in story["messages"]]


def named(messages: list[Message], action: str) -> list[Message]:
    """The messages of one action."""
    return [message for message in messages if message["action"] == action]


def signer(header: str, body: str, public_keys: Mapping[str, str]) -> tuple[str, int, int]:
    """Who signed these bytes, and from when to when that holds; a signature that does not verify fails the test."""
    match = HEADER.fullmatch(header)
    assert match is not None, header
    subscriber_id, key_id, created, expires, signature = match.groups()
    digest = base64.b64encode(hashlib.blake2b(body.encode(), digest_size=64).digest()).decode()
    signed = f"(created): {created}\n(expires): {expires}\ndigest: BLAKE-512={digest}".encode()
    key = VerifyKey(base64.b64decode(public_keys[f"{subscriber_id}|{key_id}"]))
    key.verify(signed, base64.b64decode(signature))
    return subscriber_id, int(created), int(expires)


def moment(text: str) -> datetime:
    """A timestamp as it must be written: UTC with milliseconds."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


@cache
def specified(action: str) -> Draft202012Validator:
    """The published schema of a whole message, in the reference implementation."""
    document = yaml.load(SPECIFICATION.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    registry = Registry().with_resource("core:", DRAFT202012.create_resource(document))
    reference = f"core:#/paths/~1{action}/post/requestBody/content/application~1json/schema"
    checker = Draft202012Validator.FORMAT_CHECKER
    return Draft202012Validator({"$ref": reference}, registry=registry, format_checker=checker)


# -- the messages -------------------------------------------------------------------------------------------


def test_the_whole_story_takes_less_than_thirty_seconds(run: Run) -> None:
    assert run.took_s < 30


def test_stdout_is_one_json_object_with_the_promised_members_and_nothing_else(run: Run) -> None:
    content, end = json.JSONDecoder().raw_decode(run.stdout)
    assert run.stdout[end:] == "\n"
    assert list(content) == ["messages", "public_keys", "contract", "readings", "invoice"]
    members = ["sender", "receiver", "url", "action", "authorization", "gateway_authorization", "body"]
    members += ["response_status", "response_body"]
    assert all(list(message) == members for message in content["messages"])


def test_every_request_of_beckn_and_every_callback_was_sent(messages: list[Message]) -> None:
    assert {message["action"] for message in messages} == set(ACTIONS)


def test_every_message_verifies_with_the_printed_key_of_the_platform_that_speaks(
    story: dict[str, Any], messages: list[Message]
) -> None:
    for message in messages:
        context = message["content"]["context"]
        said_by = context["bpp_id"] if message["action"].startswith("on_") else context["bap_id"]
        subscriber_id, created, expires = signer(message["authorization"], message["body"], story["public_keys"])
        assert subscriber_id == said_by
        assert 0 < expires - created <= 3_660
        assert abs(created - moment(context["timestamp"]).timestamp()) < 60
        if message["sender"] != GATEWAY:
            assert message["sender"] == said_by


def test_only_what_the_gateway_passed_on_carries_its_signature_and_the_senders_bytes(
    story: dict[str, Any], messages: list[Message]
) -> None:
    passed_on = [message for message in messages if message["gateway_authorization"] is not None]
    assert passed_on == [message for message in messages if message["sender"] == GATEWAY]
    assert passed_on != []
    for message in passed_on:
        assert signer(message["gateway_authorization"], message["body"], story["public_keys"])[0] == GATEWAY
        came = [one for one in messages if one["receiver"] == GATEWAY and one["body"] == message["body"]]
        assert [one["authorization"] for one in came] == [message["authorization"]]


def test_every_message_was_acknowledged_at_the_url_of_its_action(messages: list[Message]) -> None:
    for message in messages:
        assert message["url"].endswith(f"/beckn/{message['action']}")
        assert message["response_status"] == 200
        answer = json.loads(message["response_body"])
        assert answer["message"]["ack"]["status"] == "ACK"
        assert ack().explain(answer) == []


def test_every_message_is_valid_by_core_1_1_1_and_by_the_closed_storage_schema(messages: list[Message]) -> None:
    for message in messages:
        action, content = message["action"], message["content"]
        assert content["context"]["action"] == action
        assert core(action, formats=True).explain(content) == []
        assert storage(action).explain(content) == []


@pytest.mark.skipif(not SPECIFICATION.exists(), reason=f"the specification {SPECIFICATION.name} is not here")
def test_every_message_is_valid_by_the_published_file_in_the_reference_implementation(messages: list[Message]) -> None:
    for message in messages:
        assert [error.message for error in specified(message["action"]).iter_errors(message["content"])] == []


def test_a_peer_that_parses_and_writes_a_body_again_gets_the_same_bytes(messages: list[Message]) -> None:
    for message in messages:
        assert json.dumps(message["content"], separators=(",", ":"), ensure_ascii=False) == message["body"]


# -- who answers whom -----------------------------------------------------------------------------------------


def test_every_callback_answers_an_earlier_request_under_its_ids_or_is_a_status_of_its_own(
    messages: list[Message],
) -> None:
    asked: dict[tuple[str, str], str] = {}
    unasked: Counter[str] = Counter()
    for message in messages:
        action, context = message["action"], message["content"]["context"]
        UUID(context["transaction_id"])
        UUID(context["message_id"])
        if not action.startswith("on_"):
            asked[action, context["message_id"]] = context["transaction_id"]
        elif (action.removeprefix("on_"), context["message_id"]) in asked:
            assert asked[action.removeprefix("on_"), context["message_id"]] == context["transaction_id"]
        else:
            unasked[action] += 1
    assert set(unasked) == {"on_status"}
    assert len({message_id for _, message_id in asked}) == len(asked)


def test_every_request_was_answered_without_an_error(messages: list[Message]) -> None:
    answered = {(one["action"], one["content"]["context"]["message_id"]) for one in messages}
    for message in messages:
        assert "error" not in message["content"]
        if not message["action"].startswith("on_"):
            assert (f"on_{message['action']}", message["content"]["context"]["message_id"]) in answered


# -- the trade ------------------------------------------------------------------------------------------------


def test_the_contract_is_complete_and_is_the_order_that_was_confirmed(
    story: dict[str, Any], messages: list[Message]
) -> None:
    contract = story["contract"]
    assert (contract["stage"], contract["status"], contract["state"]) == (
        "COMPLETE",
        "COMPLETE",
        "transaction-settled",
    )
    assert (contract["error"], contract["pending"]) == (None, None)
    orders = [one["content"]["message"]["order"]["id"] for one in named(messages, "on_confirm")]
    assert contract["order_id"] in orders
    assert len(set(orders)) == len(orders)


def test_the_readings_rise_to_the_stored_energy_and_fall_as_it_is_given_back(story: dict[str, Any]) -> None:
    readings = story["readings"]
    levels = [Decimal(reading["soc_percent"]) for reading in readings]
    peak = levels.index(max(levels))
    assert 0 < peak < len(levels) - 1
    assert levels[peak] - levels[0] > 10
    assert levels[peak] - levels[-1] > 10
    for register in ("energy_in_wh", "energy_out_wh"):
        assert [one[register] for one in readings] == sorted(one[register] for one in readings)
    times = [moment(reading["measured_at"]) for reading in readings]
    assert times == sorted(set(times))
    assert readings[-1]["energy_in_wh"] == story["contract"]["energy_wh"]
    assert any(reading["power_w"] > 0 for reading in readings)
    assert any(reading["power_w"] < 0 for reading in readings)


def test_the_invoice_adds_up_and_is_what_the_settled_quote_and_the_meter_say(story: dict[str, Any]) -> None:
    contract, invoice = story["contract"], story["invoice"]
    document = invoice["document"]
    assert check(document) == []
    assert invoice["differences"] == []
    assert {"amount": document["total"], "currency": document["currency"]} == contract["quote"]["total"]
    assert document["contract_id"] == contract["order_id"]
    assert (invoice["number"], invoice["due_at"]) == (contract["invoice"]["number"], contract["invoice"]["due_at"])
    assert {line["title"] for line in document["lines"]} >= {"CGST", "SGST"}
    meter, last = document["meter"], story["readings"][-1]
    assert meter["energy_in_wh"] == last["energy_in_wh"]
    assert meter["energy_out_wh"] == last["energy_out_wh"]
    assert sum(one["energy_in_wh"] for one in document["intervals"]) == meter["energy_in_wh"]


def test_the_digest_of_the_invoice_is_in_a_message_that_the_operator_signed(
    story: dict[str, Any], messages: list[Message]
) -> None:
    canonical = json.dumps(story["invoice"]["document"], separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    assert digest == story["invoice"]["digest_sha256"]
    assert any(digest in one["body"] for one in named(messages, "on_status"))
