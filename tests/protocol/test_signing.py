"""The signature header: the published vector bit for bit, and every odd or garbled form of the header."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from protocol import signing
from protocol.errors import NotAuthenticated
from protocol.keys import KeyId, signing_private_key

# The signing example that BECKN-006 implementations share, reproduced with libsodium.
BODY = (
    b'{"context":{"domain":"nic2004:60212","country":"IND","city":"Kochi","action":"search","core_version":"0.9.1",'
    b'"bap_id":"bap.stayhalo.in","bap_uri":"https://8f9f-49-207-209-131.ngrok.io/protocol/",'
    b'"transaction_id":"e6d9f908-1d26-4ff3-a6d1-3af3d3721054","message_id":"a2fe6d52-9fe4-4d1a-9d0b-dccb8b48522d",'
    b'"timestamp":"2022-01-04T09:17:55.971Z","ttl":"P1M"},"message":{"intent":{"fulfillment":'
    b'{"start":{"location":{"gps":"10.108768, 76.347517"}},"end":{"location":{"gps":"10.102997, 76.353480"}}}}}}'
)
DIGEST = "b6lf6lRgOweajukcvcLsagQ2T60+85kRh/Rd2bdS+TG/5ALebOEgDJfyCrre/1+BMu5nA94o4DT3pTFXuUg7sw=="
CREATED = 1641287875
EXPIRES = 1641291475
SECRET = "lP3sHA+9gileOkXYJXh4Jg8tK0gEEMbf9yCPnFpbldhrAY+NErqL9WD+Vav7TE5tyVXGXBle9ONZi2W7o144eQ=="
PUBLIC = "awGPjRK6i/Vg/lWr+0xObclVxlwZXvTjWYtlu6NeOHk="
SIGNATURE = "cjbhP0PFyrlSCNszJM1F/YmHDVAWsZqJUPzojnE/7TJU3fJ/rmIlgaUHEr5E0/2PIyf0tpSnWtT6cyNNlpmoAQ=="
SUBSCRIBER = "example-bap.com"
KEY = "ae3ea24b-cfec-495e-81f8-044aaef164ac"
HEADER = (
    f'Signature keyId="{SUBSCRIBER}|{KEY}|ed25519",algorithm="ed25519",created="{CREATED}",expires="{EXPIRES}",'
    f'headers="(created) (expires) digest",signature="{SIGNATURE}"'
)
PARAMETERS = {
    "keyId": f"{SUBSCRIBER}|{KEY}|ed25519",
    "algorithm": "ed25519",
    "created": str(CREATED),
    "expires": str(EXPIRES),
    "headers": "(created) (expires) digest",
    "signature": SIGNATURE,
}
PARSED = signing.SignatureHeader(KeyId(SUBSCRIBER, KEY), CREATED, EXPIRES, base64.b64decode(SIGNATURE))
VECTORS = Path(__file__).parents[3] / "shared" / "spec" / "signing-vectors.json"


def header_of(**changes: str | None) -> str:
    """The vector's header with some parameters changed; None takes one away."""
    parameters = {name: value for name, value in (PARAMETERS | changes).items() if value is not None}
    return "Signature " + ",".join(f'{name}="{value}"' for name, value in parameters.items())


def assert_refused(value: str, rule: str) -> NotAuthenticated:
    with pytest.raises(NotAuthenticated) as caught:
        signing.parse_header(value, "X-Some-Header")
    assert type(caught.value) is NotAuthenticated
    assert caught.value.diagnosis.rule == rule
    assert caught.value.diagnosis.path == "X-Some-Header"
    return caught.value


# -- writing ------------------------------------------------------------------------------------------------


def test_the_digest_of_the_published_body_is_its_blake2b_512() -> None:
    assert base64.b64encode(signing.digest(BODY)).decode() == DIGEST


def test_the_signing_string_of_the_published_vector_has_three_lines_and_no_line_feed_at_the_end() -> None:
    written = signing.signing_string(CREATED, EXPIRES, base64.b64decode(DIGEST))
    assert written == f"(created): {CREATED}\n(expires): {EXPIRES}\ndigest: BLAKE-512={DIGEST}".encode()


def test_the_published_header_is_written_bit_for_bit() -> None:
    key = signing_private_key(SECRET)
    assert base64.b64encode(bytes(key.verify_key)).decode() == PUBLIC
    assert signing.sign(BODY, key, KeyId(SUBSCRIBER, KEY), created=CREATED, expires=EXPIRES) == HEADER


@pytest.mark.skipif(not VECTORS.exists(), reason="the shared specification folder is not beside this project")
def test_the_shared_vector_file_says_the_same_as_our_constants() -> None:
    vector = json.loads(VECTORS.read_bytes())
    key = signing_private_key(vector["signing_private_key_b64_64_bytes"])
    body_digest = signing.digest(vector["body"].encode())
    created, expires = vector["created"], vector["expires"]
    assert base64.b64encode(body_digest).decode() == vector["digest_b64"] == DIGEST
    assert signing.signing_string(created, expires, body_digest).decode() == vector["signing_string"]
    header = signing.sign(vector["body"].encode(), key, KeyId(SUBSCRIBER, KEY), created=created, expires=expires)
    assert header == vector["authorization"] == HEADER


def test_a_401_asks_for_a_signature_over_created_expires_and_digest() -> None:
    assert (
        signing.challenge_header("bpp.example") == 'Signature realm="bpp.example",headers="(created) (expires) digest"'
    )


# -- reading what peers write -------------------------------------------------------------------------------


def test_the_published_header_is_read() -> None:
    assert signing.parse_header(HEADER) == PARSED


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(HEADER.removeprefix("Signature "), id="without the scheme"),
        pytest.param(HEADER.replace("Signature ", "signature   "), id="scheme in lower case, more spaces"),
        pytest.param(HEADER.replace("Signature ", "Signature\t"), id="a tab after the scheme"),
        pytest.param(HEADER.replace(",", " , ").replace("=", " = ", 1), id="spaces around commas and equals"),
        pytest.param(f"  {HEADER}\t", id="space around all"),
        pytest.param(HEADER + ",", id="a last comma"),
        pytest.param(f'"{HEADER}"', id="the whole header in quotes"),
        pytest.param(header_of(headers="(created)  (expires)   digest"), id="more spaces between the signed headers"),
        pytest.param(header_of(algorithm="Ed25519"), id="algorithm in another case"),
        pytest.param(header_of().replace(f'"{CREATED}"', f"{CREATED}"), id="created as a bare integer"),
        pytest.param(header_of().replace(f'"{EXPIRES}"', f"{EXPIRES}"), id="expires as a bare integer"),
        pytest.param(HEADER[:-1] + '",nonce="one of their own"', id="a parameter that nobody asked for"),
    ],
)
def test_a_header_in_a_form_that_peers_use_is_read_like_the_strict_one(value: str) -> None:
    assert signing.parse_header(value) == PARSED


@given(
    order=st.permutations(sorted(PARAMETERS)),
    spaces=st.lists(st.sampled_from(["", " ", "  ", "\t"]), min_size=4, max_size=4),
    scheme=st.sampled_from(["Signature ", "signature ", "SIGNATURE  ", ""]),
    bare=st.booleans(),
)
@example(order=["signature", *sorted(PARAMETERS.keys() - {"signature"})], spaces=[" "] * 4, scheme="", bare=False)
def test_any_order_and_spacing_of_the_parameters_reads_the_same(
    order: list[str], spaces: list[str], scheme: str, bare: bool
) -> None:
    written = []
    for name in order:
        plain = bare and name in {"created", "expires", "algorithm"}
        value = PARAMETERS[name] if plain else f'"{PARAMETERS[name]}"'
        written.append(f"{spaces[0]}{name}{spaces[1]}={spaces[2]}{value}{spaces[3]}")
    assert signing.parse_header(scheme + ",".join(written)) == PARSED


def test_a_key_id_of_two_parts_names_a_subscriber_and_no_key() -> None:
    assert signing.parse_header(header_of(keyId="example-bap.com|ed25519")).key_id == KeyId("example-bap.com", None)


_ID = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters='|"'), min_size=1, max_size=200)
_UNIX_S = st.integers(min_value=0, max_value=999_999_999_999)


@given(
    body=st.binary(max_size=2_000),
    seed=st.binary(min_size=32, max_size=32),
    key_id=st.builds(KeyId, _ID, _ID),
    created=_UNIX_S,
    expires=_UNIX_S,
)
def test_what_sign_wrote_is_read_back_and_verifies(
    body: bytes, seed: bytes, key_id: KeyId, created: int, expires: int
) -> None:
    key = SigningKey(seed)
    header = signing.parse_header(signing.sign(body, key, key_id, created=created, expires=expires))
    assert (header.key_id, header.created, header.expires) == (key_id, created, expires)
    signed = signing.signing_string(created, expires, signing.digest(body))
    assert key.verify_key.verify(signed, header.signature) == signed


# -- refusing -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_a_header_without_one_of_its_parameters_is_refused_by_its_name(name: str) -> None:
    assert name in assert_refused(header_of(**{name: None}), "V2-header").diagnosis.expected


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_a_parameter_that_comes_twice_is_refused(name: str) -> None:
    error = assert_refused(f'{HEADER},{name}="{PARAMETERS[name]}"', "V2-header")
    assert error.diagnosis.expected == f"one parameter {name}"


@pytest.mark.parametrize(
    "signed",
    ["", "digest", "(created) (expires)", "(expires) (created) digest", "(created) (expires) digest request-signature"],
)
def test_a_signature_over_other_headers_is_refused(signed: str) -> None:
    error = assert_refused(header_of(headers=signed), "V2-header")
    assert "(created) (expires) digest" in error.diagnosis.expected
    assert error.diagnosis.got == signed


@pytest.mark.parametrize("algorithm", ["rsa-sha256", "hs2019", "none", "", "ed25519 "])
def test_another_algorithm_is_refused(algorithm: str) -> None:
    assert assert_refused(header_of(algorithm=algorithm), "V3-algorithm").diagnosis.got == algorithm


@pytest.mark.parametrize("key_id", ["sub|key|rsa", "sub|key", "sub|ed25519|key"])
def test_a_key_id_that_ends_in_another_algorithm_is_refused(key_id: str) -> None:
    assert assert_refused(header_of(keyId=key_id), "V3-algorithm").diagnosis.got == key_id


@pytest.mark.parametrize(
    "key_id",
    ["", "ed25519", "sub", "|ed25519", "||ed25519", "sub||ed25519", "|key|ed25519", "sub|key|", "sub|key|more|ed25519"],
)
def test_a_key_id_without_two_or_three_parts_is_refused(key_id: str) -> None:
    assert "keyId" in assert_refused(header_of(keyId=key_id), "V2-header").diagnosis.expected


@pytest.mark.parametrize("character", ["\n", "\r", "\0", "\x1b", "\x7f", "\u2028", "\u200b", "\udcff"])
def test_a_key_id_with_a_control_character_is_refused_and_never_shown_raw(character: str) -> None:
    error = assert_refused(header_of(keyId=f"sub{character}|key|ed25519"), "V2-header")
    assert character not in error.sentence


@pytest.mark.parametrize("parameter", ["created", "expires"])
@pytest.mark.parametrize("value", ["", "-1", "+1", "1.0", "1e9", "0x10", "soon", "1 641", "9" * 13, "١٦٤١"])
def test_a_time_that_is_no_unix_second_is_refused(parameter: str, value: str) -> None:
    error = assert_refused(header_of(**{parameter: value}), "V2-header")
    assert error.diagnosis.expected == f"{parameter} in unix seconds"


@pytest.mark.parametrize(
    "signature",
    [
        pytest.param("", id="empty"),
        pytest.param(base64.b64encode(bytes(63)).decode(), id="63 bytes"),
        pytest.param(base64.b64encode(bytes(65)).decode(), id="65 bytes"),
        pytest.param(SIGNATURE.rstrip("="), id="without padding"),
        pytest.param(base64.urlsafe_b64encode(b"\xff" * 64).decode(), id="the URL alphabet"),
        pytest.param(f" {SIGNATURE}", id="with a space"),
        pytest.param("ß" + SIGNATURE[1:], id="not ASCII"),
        pytest.param(bytes(64).hex(), id="hexadecimal"),
    ],
)
def test_a_signature_that_is_not_64_bytes_of_standard_base64_is_refused(signature: str) -> None:
    assert "64 bytes" in assert_refused(header_of(signature=signature), "V2-header").diagnosis.expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "Signature",
        "Signature ",
        "Bearer abc",
        "Basic dXNlcjpwYXNz",
        f'"{HEADER}',
        HEADER[:-1],
        f"{HEADER} x",
        HEADER.replace(",", ";"),
        HEADER.replace(",", ",,", 1),
        HEADER.replace('"', "'"),
        HEADER.replace("=", ":"),
    ],
)
def test_a_garbled_header_is_refused(value: str) -> None:
    assert_refused(value, "V2-header")


def test_a_header_of_two_thousand_characters_is_read_and_one_more_is_refused() -> None:
    filled = f'{HEADER},note="{{}}"'
    room = 2_000 - len(filled.format(""))
    assert signing.parse_header(filled.format("x" * room)) == PARSED
    assert "2000" in assert_refused(filled.format("x" * (room + 1)), "V2-header").diagnosis.expected


_FRAGMENTS = [*PARAMETERS, *PARAMETERS.values(), *'=",| ', "Signature ", "\t", "\x00", "\udcff", "é", "1", HEADER]


@given(st.text(st.characters()) | st.lists(st.sampled_from(_FRAGMENTS), max_size=40).map("".join))
def test_any_text_is_a_header_or_not_authenticated_and_its_diagnosis_can_be_sent(value: str) -> None:
    try:
        header = signing.parse_header(value)
    except NotAuthenticated as error:
        texts = [error.sentence, error.diagnosis.expected, error.diagnosis.got]
        assert json.dumps(texts, ensure_ascii=False).encode("utf-8")
    else:
        assert len(header.signature) == signing.SIGNATURE_BYTES
