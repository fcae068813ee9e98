"""The signature header of BECKN-006: digest, signing string, header, for ``Authorization`` and the gateway's own.

The signing string has three lines, LF between them and none at the end::

    (created): 1641287875
    (expires): 1641291475
    digest: BLAKE-512=<base64 of BLAKE2b-512 over the raw body bytes>

Despite its label the digest is BLAKE2b with 64 bytes: every implementation does so (INTEROP 1). The newer label
``BLAKE2b-512`` is accepted when reading and never written.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from nacl.signing import SigningKey

from protocol.errors import Diagnosis, NotAuthenticated
from protocol.keys import ALGORITHM, KeyId

AUTHORIZATION = "Authorization"
GATEWAY_AUTHORIZATION = "X-Gateway-Authorization"
PROXY_AUTHORIZATION = "Proxy-Authorization"
SIGNED_HEADERS = "(created) (expires) digest"
LABELS = ("BLAKE-512", "BLAKE2b-512")
SIGNATURE_BYTES = 64
_HEADER_LENGTH_MAX = 2_000
_SCHEME = re.compile(r"\Asignature\s+(?=[a-z])", re.IGNORECASE)
_UNIX_SECONDS = re.compile(r"[0-9]{1,12}")
_PARAMETER = re.compile(r'\s*([A-Za-z]+)\s*=\s*(?:"([^"]*)"|([^",\s]+))\s*(?:,|$)')
# The form that everyone writes, in one step; whatever is not exactly this is read parameter by parameter.
_USUAL = re.compile(
    r'Signature keyId="([^"]*)",algorithm="ed25519",created="([0-9]{1,12})",expires="([0-9]{1,12})",'
    r'headers="\(created\) \(expires\) digest",signature="([^"]*)"'
)
_PARAMETERS = ("keyId", "algorithm", "created", "expires", "headers", "signature")


@dataclass(frozen=True, slots=True)
class SignatureHeader:
    """A well-formed signature header: its claims, none of them proven. Times are unix seconds."""

    key_id: KeyId
    created: int
    expires: int
    signature: bytes


def digest(body: bytes) -> bytes:
    """BLAKE2b-512 of the raw body: 64 bytes."""
    return hashlib.blake2b(body, digest_size=64).digest()


def signing_string(created: int, expires: int, body_digest: bytes, label: str = LABELS[0]) -> bytes:
    """The three lines that are signed."""
    encoded = base64.b64encode(body_digest).decode()
    return f"(created): {created}\n(expires): {expires}\ndigest: {label}={encoded}".encode()


def sign(body: bytes, key: SigningKey, key_id: KeyId, *, created: int, expires: int) -> str:
    """The header's value for ``body``; ``created`` and ``expires`` are unix seconds (wire time)."""
    signature = key.sign(signing_string(created, expires, digest(body))).signature
    return (
        f'Signature keyId="{key_id.text}",algorithm="{ALGORITHM}",created="{created}",expires="{expires}",'
        f'headers="{SIGNED_HEADERS}",signature="{base64.b64encode(signature).decode()}"'
    )


def challenge_header(realm: str) -> str:
    """The value of ``WWW-Authenticate`` (``Proxy-Authenticate``) on a 401 (BECKN-006)."""
    return f'Signature realm="{realm}",headers="{SIGNED_HEADERS}"'


def parse_header(value: str, name: str = AUTHORIZATION) -> SignatureHeader:
    """The claims of a header (checks 2 and 3). Parameters may come in any order and spacing, each once.

    Raises:
        NotAuthenticated: the diagnosis names the parameter.
    """
    usual = _USUAL.fullmatch(value) if len(value) <= _HEADER_LENGTH_MAX else None
    if usual is not None:
        key_id, created, expires, signature = usual.groups()
        return SignatureHeader(_key_id(key_id, name), int(created), int(expires), _signature(signature, name))
    parameters = _parameters(value, name)
    for needed in _PARAMETERS:
        if needed not in parameters:
            raise _refused("V2-header", name, f"a parameter {needed}", "none")
    if " ".join(parameters["headers"].split()) != SIGNED_HEADERS:
        raise _refused("V2-header", name, f'headers="{SIGNED_HEADERS}"', parameters["headers"])
    key_id = _key_id(parameters["keyId"], name)
    if parameters["algorithm"].lower() != ALGORITHM:
        raise _refused("V3-algorithm", name, f'algorithm="{ALGORITHM}"', parameters["algorithm"])
    return SignatureHeader(
        key_id=key_id,
        created=_seconds(parameters["created"], "created", name),
        expires=_seconds(parameters["expires"], "expires", name),
        signature=_signature(parameters["signature"], name),
    )


def _parameters(value: str, name: str) -> dict[str, str]:
    if len(value) > _HEADER_LENGTH_MAX:
        raise _refused("V2-header", name, f"at most {_HEADER_LENGTH_MAX} characters", f"{len(value)}")
    text = _SCHEME.sub("", _unwrapped(value.strip()), count=1)
    parameters: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _PARAMETER.match(text, position)
        if match is None:
            raise _refused("V2-header", name, 'parameters as name="value"', text[position : position + 40])
        key, quoted, bare = match.groups()
        if key in parameters:
            raise _refused("V2-header", name, f"one parameter {key}", "more than one")
        parameters[key] = quoted if quoted is not None else bare
        position = match.end()
    return parameters


def _unwrapped(value: str) -> str:
    """One known signer puts the whole header into quotes (INTEROP 1); its own last quote follows the signature's."""
    return value[1:-1] if value.startswith('"') and value.endswith('""') else value


def _key_id(text: str, name: str) -> KeyId:
    parts = text.split("|")
    if len(parts) not in {2, 3} or not all(parts) or not text.isprintable():
        raise _refused("V2-header", name, 'keyId="subscriber|key|ed25519"', text)
    if parts[-1].lower() != ALGORITHM:
        raise _refused("V3-algorithm", name, f"a keyId that ends in |{ALGORITHM}", text)
    return KeyId(parts[0], parts[1] if len(parts) == 3 else None)


def _seconds(text: str, parameter: str, name: str) -> int:
    if _UNIX_SECONDS.fullmatch(text) is None:
        raise _refused("V2-header", name, f"{parameter} in unix seconds", text)
    return int(text)


def _signature(text: str, name: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != SIGNATURE_BYTES:
        raise _refused("V2-header", name, "a signature of 64 bytes in standard base64", text[:20])
    return raw


def _refused(rule: str, name: str, expected: str, got: str) -> NotAuthenticated:
    return NotAuthenticated(
        f"The {name} header must have {expected}, but it has {got[:100]!r}.",
        Diagnosis(rule=rule, path=name, expected=expected, got=got[:200]),
    )
