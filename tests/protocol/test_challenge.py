"""The registry's challenge: only the right subscriber, with the right registry's key, reads its plain text."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from protocol import challenge
from protocol.errors import Malformed

# RFC 7748, section 6.1: two private keys and the secret that they share.
REGISTRY = X25519PrivateKey.from_private_bytes(
    bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
)
SUBSCRIBER = X25519PrivateKey.from_private_bytes(
    bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
)
SHARED = bytes.fromhex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
STRANGER = X25519PrivateKey.from_private_bytes(b"\x07" * 32)
TEXT = "40271893650127448190365527184093"


def encrypted_by_hand(padded: bytes, key: bytes = SHARED) -> str:
    """Whole blocks under AES-256-ECB in base64, written here once more from the primitives."""
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def assert_malformed(text: str, own: X25519PrivateKey = SUBSCRIBER, peer: X25519PrivateKey = REGISTRY) -> None:
    with pytest.raises(Malformed) as caught:
        challenge.answer(text, own, peer.public_key())
    assert type(caught.value) is Malformed
    assert (caught.value.diagnosis.rule, caught.value.diagnosis.path) == ("challenge", "/challenge")


def test_a_challenge_is_aes_256_ecb_of_the_padded_text_under_the_shared_secret_itself() -> None:
    # 32 digits fill two blocks, so PKCS#7 adds a whole third one of sixteens.
    expected = encrypted_by_hand(TEXT.encode() + bytes([16] * 16))
    assert challenge.encrypt(TEXT, REGISTRY, SUBSCRIBER.public_key()) == expected


def test_a_challenge_made_by_another_implementation_is_answered() -> None:
    assert (
        challenge.answer(encrypted_by_hand(b"hello" + bytes([11] * 11)), SUBSCRIBER, REGISTRY.public_key()) == "hello"
    )


@given(
    text=st.text(max_size=1_000),
    seeds=st.tuples(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32)),
)
def test_the_subscriber_answers_with_what_the_registry_encrypted(text: str, seeds: tuple[bytes, bytes]) -> None:
    registry, subscriber = (X25519PrivateKey.from_private_bytes(seed) for seed in seeds)
    sent = challenge.encrypt(text, registry, subscriber.public_key())
    assert challenge.answer(sent, subscriber, registry.public_key()) == text


@pytest.mark.parametrize(
    ("own", "peer"), [(STRANGER, REGISTRY), (SUBSCRIBER, STRANGER)], ids=["our key", "registry's key"]
)
def test_a_challenge_under_another_key_is_refused(own: X25519PrivateKey, peer: X25519PrivateKey) -> None:
    assert_malformed(challenge.encrypt(TEXT, REGISTRY, SUBSCRIBER.public_key()), own, peer)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("hello", id="plain text"),
        pytest.param("%%%%", id="no base64"),
        pytest.param("ÄÄÄÄ", id="not ASCII"),
        pytest.param(base64.b64encode(b"x" * 15).decode(), id="less than a block"),
        pytest.param(base64.b64encode(b"x" * 17).decode(), id="a block and a byte"),
        pytest.param(encrypted_by_hand(b"x" * 16), id="no padding"),
        pytest.param(encrypted_by_hand(b"x" * 15 + b"\0"), id="padding of nothing"),
        pytest.param(encrypted_by_hand(b"x" * 14 + b"\x03\x03"), id="padding that is cut short"),
        pytest.param(encrypted_by_hand(b"\xff" * 15 + b"\x01"), id="a plain text that is no UTF-8"),
    ],
)
def test_garbage_is_refused(text: str) -> None:
    assert_malformed(text)


def test_a_challenge_of_four_kilobytes_is_answered_and_one_block_more_is_refused() -> None:
    longest = "x" * 4_095
    assert challenge.answer(encrypted_by_hand(longest.encode() + b"\x01"), SUBSCRIBER, REGISTRY.public_key()) == longest
    assert_malformed(encrypted_by_hand(b"x" * 4_096 + bytes([16] * 16)))


def test_a_registry_key_that_shares_no_secret_is_refused() -> None:
    with pytest.raises(Malformed):
        challenge.answer(encrypted_by_hand(b"x" * 16), SUBSCRIBER, X25519PublicKey.from_public_bytes(bytes(32)))


@given(st.text(st.characters(), max_size=200) | st.binary(max_size=200).map(lambda raw: base64.b64encode(raw).decode()))
def test_any_text_is_answered_or_malformed(text: str) -> None:
    try:
        answer = challenge.answer(text, SUBSCRIBER, REGISTRY.public_key())
    except Malformed:
        return
    assert challenge.encrypt(answer, SUBSCRIBER, REGISTRY.public_key()) == text
