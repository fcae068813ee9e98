"""Signature headers as other implementations write them (INTEROP 1 and 2), against a running platform."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from energy.wire.v1.writer import write
from protocol import signing
from protocol.context import write_body
from protocol.keys import OwnKeys
from tests.interop.platform import Platform
from tests.journeys.subscriber import Reply
from tests.messages import context, intent

pytestmark = pytest.mark.asyncio(loop_scope="module")


def now_s() -> int:
    return int(datetime.now(UTC).timestamp())


def taken(reply: Reply) -> bool:
    return (reply.status, reply.content) == (200, {"message": {"ack": {"status": "ACK"}}})


def rule_of(reply: Reply) -> str:
    tags = reply.content["message"]["ack"]["tags"][0]["list"]
    rule: str = next(tag["value"] for tag in tags if tag["descriptor"]["code"] == "rule")
    return rule


def signed(body: bytes, keys: OwnKeys, *, created: int, window_s: int, label: str = "BLAKE-512") -> str:
    """A header made step by step, as another implementation would."""
    text = signing.signing_string(created, created + window_s, signing.digest(body), label)
    signature = base64.b64encode(keys.signing.sign(text).signature).decode()
    return (
        f'Signature keyId="{keys.id.text}",algorithm="ed25519",created="{created}",expires="{created + window_s}",'
        f'headers="(created) (expires) digest",signature="{signature}"'
    )


VARIANTS: dict[str, Callable[[str], str]] = {
    "onix_the_usual_form": lambda header: header,
    "the_ondc_python_util_wraps_the_whole_header_in_quotes": lambda header: f'"{header}"',
    "without_the_signature_prefix": lambda header: header.removeprefix("Signature "),
    "with_bare_integers": lambda header: re.sub(r'(created|expires)="(\d+)"', r"\1=\2", header),
    "with_spaces_after_the_commas": lambda header: header.replace('",', '", '),
    "with_a_key_id_of_two_parts": lambda header: re.sub(r"\|[^|]+\|ed25519", "|ed25519", header),
    "with_parameters_in_another_order": lambda header: (
        "Signature " + ",".join(reversed(header.removeprefix("Signature ").split(",")))
    ),
}


@pytest.mark.parametrize("quirk", VARIANTS)
async def test_a_header_variant_is_acknowledged(shared: Platform, quirk: str) -> None:
    body = shared.body()
    assert taken(await shared.post(body, {"Authorization": VARIANTS[quirk](shared.header(body))}))


async def test_ps_writes_the_header_s_name_in_lower_case(shared: Platform) -> None:
    body = shared.body()
    assert taken(await shared.post(body, {"authorization": shared.header(body)}))


async def test_ps_signs_for_an_hour_and_dates_created_back_by_a_minute(shared: Platform) -> None:
    body = shared.body()
    header = signed(body, shared.producer, created=now_s() - 60, window_s=3_600)
    assert taken(await shared.post(body, {"Authorization": header}))


async def test_a_clock_that_is_four_seconds_ahead_is_within_onix_s_skew(shared: Platform) -> None:
    body = shared.body()
    header = signed(body, shared.producer, created=now_s() + 4, window_s=300)
    assert taken(await shared.post(body, {"Authorization": header}))


async def test_the_newer_digest_label_of_nfh_007_is_acknowledged(shared: Platform) -> None:
    body = shared.body()
    header = signed(body, shared.producer, created=now_s(), window_s=300, label="BLAKE2b-512")
    assert taken(await shared.post(body, {"Authorization": header}))


async def test_pypl_signs_utf_8_and_sends_ascii_so_a_body_that_is_not_ascii_is_refused(shared: Platform) -> None:
    said = json.loads(shared.body())
    said["message"]["order"]["provider"]["descriptor"] = {"name": "Möhren & Söhne"}
    as_signed, as_sent = json.dumps(said, ensure_ascii=False).encode(), json.dumps(said).encode()
    reply = await shared.post(as_sent, {"Authorization": shared.header(as_signed)})
    assert (reply.status, rule_of(reply)) == (401, "V6-signature")
    assert reply.headers["WWW-Authenticate"] == 'Signature realm="bpp.test",headers="(created) (expires) digest"'


async def test_onix_answers_500_to_a_bad_key_id_and_we_answer_401_with_the_parameter(shared: Platform) -> None:
    body = shared.body()
    header = shared.header(body).replace("|ed25519", "|ed25519|more")
    reply = await shared.post(body, {"Authorization": header})
    assert (reply.status, rule_of(reply), reply.content["error"]["paths"]) == (401, "V2-header", "Authorization")


# -- the gateway's header ---------------------------------------------------------------------------------------


def search(shared: Platform) -> bytes:
    return write_body(context("search", datetime.now(UTC)), write("search", intent()))


@pytest.mark.parametrize("name", ["X-Gateway-Authorization", "proxy-authorization", "Proxy-Authorization"])
async def test_a_gateway_s_header_is_verified_under_either_of_its_names(shared: Platform, name: str) -> None:
    body = search(shared)
    headers = {"Authorization": shared.header(body), name: shared.header(body, shared.gateway)}
    assert taken(await shared.post(body, headers, "search"))


@pytest.mark.parametrize("name", ["X-Gateway-Authorization", "proxy-authorization"])
async def test_a_gateway_s_header_that_does_not_hold_is_refused_under_either_of_its_names(
    shared: Platform, name: str
) -> None:
    body = search(shared)
    headers = {"Authorization": shared.header(body), name: shared.header(b"{}", shared.gateway)}
    reply = await shared.post(body, headers, "search")
    assert (reply.status, rule_of(reply)) == (401, "V6-signature")
    assert reply.headers["Proxy-Authenticate"].startswith("Signature realm=")


async def test_a_password_for_a_proxy_on_the_way_is_none_of_a_gateway(shared: Platform) -> None:
    body = shared.body()
    headers = {"Authorization": shared.header(body), "Proxy-Authorization": "Basic dXNlcjpwYXNz"}
    assert taken(await shared.post(body, headers))


async def test_dpi_s_gateway_header_does_not_stand_in_for_the_sender_s(shared: Platform) -> None:
    body = search(shared)
    reply = await shared.post(body, {"X-Gateway-Authorization": shared.header(body, shared.gateway)}, "search")
    assert (reply.status, rule_of(reply)) == (401, "V2-header")


async def test_what_we_sign_has_three_key_id_parts_and_quoted_integers(shared: Platform) -> None:
    assert re.fullmatch(
        r'Signature keyId="bpp\.test\|[^|"]+\|ed25519",algorithm="ed25519",created="\d+",expires="\d+",'
        r'headers="\(created\) \(expires\) digest",signature="[A-Za-z0-9+/]{86}=="',
        shared.participant.keyring.authorization(b"{}"),
    )


async def test_what_we_write_is_what_javascript_makes_of_it(shared: Platform) -> None:
    body = shared.body()
    assert body == json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":")).encode()
    assert b"\\/" not in body
    assert not re.search(rb"[0-9]\.0[,}\]]", body)
