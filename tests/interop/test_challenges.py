"""The registry's challenge in every form of INTEROP 6, sent to a running platform by a scripted registry."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
import pytest_asyncio
from nacl.signing import SigningKey

from protocol import challenge
from protocol.keys import OwnKeys, encryption_public_key
from tests import messages
from tests.interop.platform import Platform, der, platform
from tests.journeys.subscriber import Reply

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = "83120749561038475610293847561029"


def encrypted(running: Platform, text: str = TEXT) -> str:
    """The text as a registry encrypts it for the platform's key."""
    own = running.participant.keyring.own
    return challenge.encrypt(text, running.registry.keys.encryption, encryption_public_key(own.encryption_public_b64))


async def sent(running: Platform, content: dict[str, Any], signer: OwnKeys | None) -> Reply:
    body = orjson.dumps(content)
    signature = {} if signer is None else {"Authorization": messages.header(body, signer, datetime.now(UTC))}
    return await running.post(body, signature, "on_subscribe")


async def test_succinct_s_signed_challenge_is_answered_with_its_plain_text(shared: Platform) -> None:
    own = shared.participant.keyring.own
    content = {"subscriber_id": own.subscriber_id, "pub_key_id": own.key_id, "challenge": encrypted(shared)}
    reply = await sent(shared, content, shared.registry.keys)
    assert (reply.status, reply.content) == (200, {"answer": TEXT})


async def test_ondc_s_challenge_names_no_key(shared: Platform) -> None:
    content = {"subscriber_id": shared.participant.keyring.own.subscriber_id, "challenge": encrypted(shared)}
    assert (await sent(shared, content, shared.registry.keys)).content == {"answer": TEXT}


@pytest_asyncio.fixture(loop_scope="module")
async def unsigned(tmp_path: Any) -> AsyncIterator[Platform]:
    """A platform whose settings say that its registry signs no challenge."""
    async with platform(tmp_path, signs_challenges=False) as running:
        yield running


async def test_dpi_s_unsigned_challenge_is_answered_where_the_settings_say_so(unsigned: Platform) -> None:
    reply = await sent(unsigned, {"message_id": "m-1", "challenge": encrypted(unsigned)}, None)
    assert (reply.status, reply.content) == (200, {"answer": TEXT})


async def test_dpi_s_unsigned_challenge_is_refused_by_default(shared: Platform) -> None:
    reply = await sent(shared, {"message_id": "m-1", "challenge": encrypted(shared)}, None)
    assert reply.status == 401


async def test_a_wrong_signature_is_refused_also_where_none_is_needed(unsigned: Platform) -> None:
    content = {"message_id": "m-1", "challenge": encrypted(unsigned)}
    assert (await sent(unsigned, content, unsigned.producer)).status == 401


async def test_ondc_s_registry_key_in_der_is_read_from_the_settings(tmp_path: Any) -> None:
    keys = messages.own_keys("registry.test")
    async with platform(tmp_path, encr_public_key=der(keys), signs_challenges=False) as running:
        own = running.participant.keyring.own
        text = challenge.encrypt(TEXT, keys.encryption, encryption_public_key(own.encryption_public_b64))
        assert (await sent(running, {"challenge": text}, None)).content == {"answer": TEXT}


async def test_ps_would_sign_any_text_and_we_sign_none(unsigned: Platform) -> None:
    own: SigningKey = unsigned.participant.keyring.own.signing
    for text in ("hello", "(created): 1\n(expires): 2\ndigest: BLAKE-512=", base64.b64encode(b"x" * 32).decode()):
        reply = await sent(unsigned, {"subscriber_id": "bpp.test", "challenge": text}, None)
        assert reply.status == 400
        assert base64.b64encode(own.sign(text.encode()).signature) not in reply.body


async def test_a_challenge_for_another_subscriber_at_our_url_is_refused(unsigned: Platform) -> None:
    content = {"subscriber_id": "thief.test", "challenge": encrypted(unsigned)}
    assert (await sent(unsigned, content, None)).status == 403
