"""Keys in every form that peers write them, and the keys that nobody may use."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import crypto_core_ed25519_add, crypto_sign_seed_keypair
from nacl.signing import SigningKey

from protocol import keys
from protocol.keys import KeyId, KeyUnusable, OwnKeys

P = 2**255 - 19
SEED = bytes(range(32))
SIGNING = Ed25519PrivateKey.from_private_bytes(SEED)
ENCRYPTION = X25519PrivateKey.from_private_bytes(SEED)
SIGNING_PUBLIC = SIGNING.public_key().public_bytes_raw()
ENCRYPTION_PUBLIC = ENCRYPTION.public_key().public_bytes_raw()
SPKI = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
PKCS8 = (Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
PEM_SPKI = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
PEM_PKCS8 = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
READERS = [keys.signing_public_key, keys.signing_private_key, keys.encryption_public_key, keys.encryption_private_key]
_SEEDS = st.binary(min_size=32, max_size=32)

# The eight points of small order in their canonical form: y and the sign of x.
ORDER_8_Y = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
OTHER_ORDER_8_Y = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def encoded(y: int, *, x_is_odd: bool = False) -> bytes:
    """A point's 32 bytes, whether such a point exists or not."""
    return (y | x_is_odd << 255).to_bytes(32, "little")


SMALL_ORDER = {
    "order 1": encoded(1),
    "order 2": encoded(P - 1),
    "order 4": encoded(0),
    "order 4, the other": encoded(0, x_is_odd=True),
    "order 8": ORDER_8_Y,
    "order 8, the second": encoded(int.from_bytes(ORDER_8_Y, "little"), x_is_odd=True),
    "order 8, the third": OTHER_ORDER_8_Y,
    "order 8, the fourth": encoded(int.from_bytes(OTHER_ORDER_8_Y, "little"), x_is_odd=True),
}


# -- signing public keys ------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [SIGNING_PUBLIC, SIGNING.public_key().public_bytes(*SPKI)], ids=["raw", "SPKI"])
def test_a_signing_public_key_is_read_raw_and_as_spki(raw: bytes) -> None:
    assert keys.signing_public_key(b64(raw)) == SIGNING_PUBLIC


@given(_SEEDS)
def test_the_public_key_of_any_seed_is_usable(seed: bytes) -> None:
    public, _ = crypto_sign_seed_keypair(seed)
    assert keys.signing_public_key(b64(public)) == public


@pytest.mark.parametrize("raw", SMALL_ORDER.values(), ids=SMALL_ORDER.keys())
def test_a_signing_public_key_of_small_order_is_refused(raw: bytes) -> None:
    with pytest.raises(KeyUnusable, match="not a canonical point"):
        keys.signing_public_key(b64(raw))


@pytest.mark.parametrize("y", range(P, 2**255), ids=lambda y: f"p+{y - P}")
@pytest.mark.parametrize("x_is_odd", [False, True])
def test_a_signing_public_key_that_is_not_canonical_is_refused(y: int, x_is_odd: bool) -> None:
    with pytest.raises(KeyUnusable, match="not a canonical point"):
        keys.signing_public_key(b64(encoded(y, x_is_odd=x_is_odd)))


def test_a_signing_public_key_with_a_part_of_small_order_is_refused() -> None:
    mixed = crypto_core_ed25519_add(SIGNING_PUBLIC, ORDER_8_Y)
    with pytest.raises(KeyUnusable, match="main subgroup"):
        keys.signing_public_key(b64(mixed))


def test_a_signing_public_key_that_is_no_point_is_refused() -> None:
    with pytest.raises(KeyUnusable, match="not a canonical point"):
        keys.signing_public_key(b64(encoded(2)))


def test_an_encryption_key_s_spki_is_no_signing_key() -> None:
    with pytest.raises(KeyUnusable, match="44 bytes"):
        keys.signing_public_key(b64(ENCRYPTION.public_key().public_bytes(*SPKI)))


# -- signing private keys -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [SEED, SEED + SIGNING_PUBLIC, SIGNING.private_bytes(*PKCS8)],
    ids=["32-byte seed", "64-byte libsodium secret", "PKCS#8"],
)
def test_a_signing_private_key_is_read_as_seed_as_libsodium_secret_and_as_pkcs8(raw: bytes) -> None:
    assert bytes(keys.signing_private_key(b64(raw)).verify_key) == SIGNING_PUBLIC


@given(_SEEDS)
def test_seed_and_libsodium_secret_of_one_key_sign_alike(seed: bytes) -> None:
    _, secret = crypto_sign_seed_keypair(seed)
    assert keys.signing_private_key(b64(secret)).sign(b"m") == keys.signing_private_key(b64(seed)).sign(b"m")


def test_a_libsodium_secret_whose_halves_do_not_belong_together_is_refused() -> None:
    with pytest.raises(KeyUnusable, match="do not belong together"):
        keys.signing_private_key(b64(SEED + bytes(32)))


# -- encryption keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [ENCRYPTION_PUBLIC, ENCRYPTION.public_key().public_bytes(*SPKI)], ids=["raw", "SPKI"])
def test_an_encryption_public_key_is_read_raw_and_as_spki(raw: bytes) -> None:
    assert keys.encryption_public_key(b64(raw)).public_bytes_raw() == ENCRYPTION_PUBLIC


@pytest.mark.parametrize("raw", [SEED, ENCRYPTION.private_bytes(*PKCS8)], ids=["raw", "PKCS#8"])
def test_an_encryption_private_key_is_read_raw_and_as_pkcs8(raw: bytes) -> None:
    assert keys.encryption_private_key(b64(raw)).public_key().public_bytes_raw() == ENCRYPTION_PUBLIC


@pytest.mark.parametrize("u", [0, 1, P - 1, P, P + 1], ids=["0", "1", "p-1", "p", "p+1"])
def test_an_encryption_public_key_of_small_order_is_refused(u: int) -> None:
    with pytest.raises(KeyUnusable, match="small order"):
        keys.encryption_public_key(b64(u.to_bytes(32, "little")))


@pytest.mark.parametrize(
    ("reader", "raw"),
    [
        (keys.encryption_public_key, SIGNING.public_key().public_bytes(*SPKI)),
        (keys.encryption_private_key, SIGNING.private_bytes(*PKCS8)),
    ],
    ids=["public", "private"],
)
def test_a_signing_key_s_der_form_is_no_encryption_key(reader: Callable[[str], object], raw: bytes) -> None:
    with pytest.raises(KeyUnusable, match=f"{len(raw)} bytes"):
        reader(b64(raw))


# -- all of them --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("length", [0, 1, 31, 33, 44, 48, 63, 65, 100])
def test_a_key_of_another_length_is_refused_with_its_length(reader: Callable[[str], object], length: int) -> None:
    with pytest.raises(KeyUnusable, match=f"has {length} bytes"):
        reader(b64(b"\x05" * length))


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("text", ["%", "abc", b64(SEED)[:-1], "_-" * 22, "ß" * 44, b64(SEED) + "\0", SEED.hex() + "z"])
def test_a_text_that_is_no_standard_base64_is_refused(reader: Callable[[str], object], text: str) -> None:
    with pytest.raises(KeyUnusable, match="is not standard base64"):
        reader(text)


def test_space_around_a_key_as_files_have_it_is_passed_over() -> None:
    assert keys.signing_public_key(f" {b64(SIGNING_PUBLIC)}\r\n") == SIGNING_PUBLIC
    assert keys.signing_private_key(f"{b64(SEED)}\n") == SigningKey(SEED)


@given(st.text(st.characters(), max_size=100) | st.binary(max_size=100).map(b64))
def test_any_text_is_a_key_or_unusable_and_is_never_repeated(text: str) -> None:
    for reader in READERS:
        try:
            assert reader(text)
        except KeyUnusable as error:
            sentence = str(error)
            assert len(text) < 8 or text not in sentence


# -- own keys and key ids -----------------------------------------------------------------------------------

OWN = OwnKeys("producer.example", "key-1", SigningKey(SEED), ENCRYPTION)


def test_own_keys_are_shown_without_their_secrets() -> None:
    assert repr(OWN) == str(OWN) == "OwnKeys(subscriber_id='producer.example', key_id='key-1')"


def test_own_keys_publish_what_the_registry_holds() -> None:
    assert keys.signing_public_key(OWN.signing_public_b64) == SIGNING_PUBLIC
    assert keys.encryption_public_key(OWN.encryption_public_b64).public_bytes_raw() == ENCRYPTION_PUBLIC


def test_a_key_id_is_written_in_three_parts() -> None:
    assert OWN.id == KeyId("producer.example", "key-1")
    assert OWN.id.text == "producer.example|key-1|ed25519"


# -- PEM --------------------------------------------------------------------------------------------------------


def test_each_kind_of_key_is_read_as_pem() -> None:
    assert keys.signing_public_key(SIGNING.public_key().public_bytes(*PEM_SPKI).decode()) == SIGNING_PUBLIC
    assert bytes(keys.signing_private_key(SIGNING.private_bytes(*PEM_PKCS8).decode())) == SEED
    public = keys.encryption_public_key(ENCRYPTION.public_key().public_bytes(*PEM_SPKI).decode())
    assert public.public_bytes_raw() == ENCRYPTION_PUBLIC
    private = keys.encryption_private_key(ENCRYPTION.private_bytes(*PEM_PKCS8).decode())
    assert private.public_key().public_bytes_raw() == ENCRYPTION_PUBLIC


def test_pem_with_the_line_ends_of_windows_and_space_around_it_is_read() -> None:
    pem = SIGNING.public_key().public_bytes(*PEM_SPKI).decode().replace("\n", "\r\n")
    assert keys.signing_public_key(f"\n{pem} ") == SIGNING_PUBLIC


@pytest.mark.parametrize("reader", READERS)
def test_the_pem_of_another_kind_of_key_is_refused_and_not_shown(reader: Callable[[str], object]) -> None:
    pems = {
        keys.signing_public_key: SIGNING.public_key().public_bytes(*PEM_SPKI),
        keys.signing_private_key: SIGNING.private_bytes(*PEM_PKCS8),
        keys.encryption_public_key: ENCRYPTION.public_key().public_bytes(*PEM_SPKI),
        keys.encryption_private_key: ENCRYPTION.private_bytes(*PEM_PKCS8),
    }
    for pem in (pem.decode() for kind, pem in pems.items() if kind is not reader):
        with pytest.raises(KeyUnusable) as caught:
            reader(pem)
        assert pem.splitlines()[1] not in str(caught.value)
