"""Whether a message may come in: the ordered checks, as three pure stages. `node` does the IO between them.

*read* — the bytes and headers become `Claims`, nothing of which is proven:
    1  size, media type, no Content-Encoding, UTF-8, depth, JSON without duplicate keys
    2  the signature header is there and well formed, over ``(created) (expires) digest``
    3  the algorithm is ed25519, in the header and in the key id
*judge* — `Claims` and the registry's key records become `Verified`:
    4  time window: not before ``created`` (clock skew allowed), not after ``expires``, not longer than the policy
    5  the key is known, valid now and until ``expires``, and its subscriber is SUBSCRIBED
    6  the signature is over this raw body's digest
    7  the gateway's header, where there is one, passes 4 to 6 too and belongs to a gateway
    8  the signer is the context's ``bap_id`` (requests) or ``bpp_id`` (callbacks), may send this action, and the
       other id is ours (a broadcast ``search`` names no BPP; a gateway is nobody's other side)
    9  ``bap_uri`` and ``bpp_uri`` equal the registered URLs
    10 ``context.action`` is the path's action, version and domain are ours (the signature does not cover the path)
*accept* — the message itself:
    11 duplicates: decided by the inbox, which knows what came before
    12 ``timestamp`` + ``ttl`` has not passed
    13 Beckn core 1.1.1
    14 the storage trade's rules: `node.server`, since they stand in ``schemas`` and ``energy.wire``

A refusal by any check is a NACK and stores nothing. Source: DESIGN 2, BECKN-006, INTEROP 1 and 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any

from protocol import signing
from protocol.actions import ACTIONS, Role
from protocol.authentication import authenticate, refused
from protocol.context import Context, read_context
from protocol.errors import (
    Diagnosis,
    Expired,
    GatewayNotAuthenticated,
    Malformed,
    NotAuthenticated,
    NotAuthorised,
    NotValid,
    TooLarge,
    UnsupportedMedia,
    WrongAction,
)
from protocol.jsontext import parse_object
from protocol.keys import KeyRecord
from protocol.moments import timestamp_text
from protocol.policy import Identity, Policy
from protocol.signing import SignatureHeader
from protocol.urls import same_url
from schemas.loader import core


@dataclass(frozen=True, slots=True)
class Claims:
    """A message as it arrived, parsed and unproven."""

    action: str
    body: bytes = field(repr=False)
    digest: bytes = field(repr=False)
    content: Mapping[str, Any] = field(repr=False)
    context: Context
    authorization: SignatureHeader
    gateway: SignatureHeader | None


@dataclass(frozen=True, slots=True)
class Verified:
    """A message whose sender is proven. Handlers take only this."""

    action: str
    sender_id: str
    key_id: str
    gateway_id: str | None
    context: Context
    body: bytes = field(repr=False)
    digest: bytes = field(repr=False)
    content: Mapping[str, Any] = field(repr=False)

    @property
    def message(self) -> Mapping[str, Any]:
        """The ``message`` member; empty for an error callback."""
        message = self.content.get("message")
        return message if isinstance(message, dict) else {}

    @property
    def error(self) -> Mapping[str, Any] | None:
        """The ``error`` member of a callback that says no."""
        error = self.content.get("error")
        return error if isinstance(error, dict) else None


def read(action: str, headers: Mapping[str, str], body: bytes, policy: Policy) -> Claims:
    """Checks 1 to 3. ``action`` is the path's; ``headers`` have lower-case names.

    Raises:
        Malformed, TooLarge, UnsupportedMedia: check 1.
        NotAuthenticated, GatewayNotAuthenticated: checks 2 and 3.
        NotValid: the context can not be read.
    """
    check_media(headers, len(body), policy)
    content = parse_object(body, policy.max_depth)
    value = headers.get("authorization")
    if value is None:
        raise NotAuthenticated(
            "The Authorization header is missing: sign the body as BECKN-006 describes.",
            Diagnosis(rule="V2-header", path=signing.AUTHORIZATION, expected="a signature header", got="none"),
        )
    authorization = signing.parse_header(value)
    gateway = _gateway_header(headers)
    return Claims(
        action=action,
        body=body,
        digest=signing.digest(body),
        content=content,
        context=read_context(content, policy.zone),
        authorization=authorization,
        gateway=gateway,
    )


def judge(
    claims: Claims,
    senders: Sequence[KeyRecord],
    gateways: Sequence[KeyRecord],
    own: Identity,
    policy: Policy,
    now: datetime,
) -> Verified:
    """Checks 4 to 10. ``senders`` and ``gateways``: the registry's records for the two key ids; ``now``: wire time.

    Raises:
        NotAuthenticated: checks 4 to 6. GatewayNotAuthenticated: check 7. NotAuthorised: checks 8 and 9.
        WrongAction: check 10.
    """
    sender = authenticate(claims.authorization, claims.digest, senders, policy, now, signing.AUTHORIZATION)
    gateway_id = _check_gateway(claims, gateways, policy, now)
    _check_roles(claims, sender, own)
    _check_urls(claims.context, sender, own)
    _check_action(claims, policy)
    return Verified(
        action=claims.action,
        sender_id=sender.subscriber_id,
        key_id=sender.key_id,
        gateway_id=gateway_id,
        context=claims.context,
        body=claims.body,
        digest=claims.digest,
        content=claims.content,
    )


def accept(verified: Verified, now: datetime, policy: Policy) -> None:
    """Checks 12 and 13. ``now`` is wire time.

    Raises:
        Expired: check 12. NotValid: check 13.
    """
    check_in_time(verified.context, now, policy)
    check_core(verified.action, verified.content)


def check_in_time(context: Context, now: datetime, policy: Policy) -> None:
    """Check 12. ``now`` is wire time.

    Raises:
        Expired: the message's lifetime is over, or has not begun.
    """
    if now > context.holds_until:
        raise Expired(
            "The message's own ttl has passed: send it again with a new timestamp and message_id.",
            Diagnosis(
                rule="V12-ttl",
                path="/context/ttl",
                expected=f"arrival before {timestamp_text(context.holds_until)}",
                got=timestamp_text(now),
            ),
        )
    if (context.timestamp - now).total_seconds() > policy.max_window_s:
        raise Expired(
            "The message's timestamp lies in the future: check the sender's clock.",
            Diagnosis(
                rule="V12-ttl",
                path="/context/timestamp",
                expected=f"a time near {timestamp_text(now)}",
                got=timestamp_text(context.timestamp),
            ),
        )


def check_core(action: str, content: Mapping[str, Any]) -> None:
    """Check 13: the whole message by Beckn core 1.1.1, formats apart.

    Raises:
        NotValid: what core does not allow.
    """
    schema = core(action)
    if not schema.is_valid(content):
        first = schema.explain(content)[0]
        raise NotValid(
            first.sentence,
            Diagnosis(rule=f"V13-{first.rule}", path=first.path, expected=first.expected, got=first.got),
        )


def restore(
    action: str, sender_id: str, key_id: str, gateway_id: str | None, body: bytes, zone: tzinfo = UTC
) -> Verified:
    """A message that was verified before it was stored, read again from our own disk; ``zone`` as in `Policy`."""
    content = parse_object(body, max_depth=1_000)
    return Verified(
        action=action,
        sender_id=sender_id,
        key_id=key_id,
        gateway_id=gateway_id,
        context=read_context(content, zone),
        body=body,
        digest=signing.digest(body),
        content=content,
    )


# -- check 1 ------------------------------------------------------------------------------------------------


def check_media(headers: Mapping[str, str], size: int, policy: Policy) -> None:
    """The part of check 1 that needs only the head of a request; ``size`` in bytes.

    Raises:
        TooLarge, UnsupportedMedia, Malformed.
    """
    if size > policy.max_body_bytes:
        raise TooLarge(
            f"The body has {size} bytes; at most {policy.max_body_bytes} are read.",
            Diagnosis(rule="V1-size", expected=f"at most {policy.max_body_bytes} bytes", got=str(size)),
        )
    encoding = headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise UnsupportedMedia(
            "The body must not be compressed: the signature covers the bytes as they travel.",
            Diagnosis(rule="V1-encoding", path="Content-Encoding", expected="none", got=encoding[:50]),
        )
    media = headers.get("content-type", "").split(";")[0].strip().lower()
    if media != "application/json":
        raise UnsupportedMedia(
            "The body must be sent as application/json.",
            Diagnosis(rule="V1-media", path="Content-Type", expected="application/json", got=media[:50]),
        )
    if size == 0:
        raise Malformed("The body is empty.", Diagnosis(rule="V1-body", expected="a JSON object", got="nothing"))


def _gateway_header(headers: Mapping[str, str]) -> SignatureHeader | None:
    value = headers.get(signing.GATEWAY_AUTHORIZATION.lower())
    if value is None:
        # The older name (INTEROP 2). A password for a proxy on the way may stand there too: that is not for us.
        value = headers.get(signing.PROXY_AUTHORIZATION.lower(), "")
        if "keyid=" not in value.lower():
            return None
    try:
        return signing.parse_header(value, signing.GATEWAY_AUTHORIZATION)
    except NotAuthenticated as error:
        raise GatewayNotAuthenticated(error.sentence, error.diagnosis) from None


# -- check 7 ----------------------------------------------------------------------------------------------------


def _check_gateway(claims: Claims, records: Sequence[KeyRecord], policy: Policy, now: datetime) -> str | None:
    if claims.gateway is None:
        return None
    name = signing.GATEWAY_AUTHORIZATION
    try:
        gateway = authenticate(claims.gateway, claims.digest, records, policy, now, name)
        if gateway.role is not Role.BG:
            raise refused("V7-gateway", name, "a subscriber of type BG", gateway.role)
        if not ACTIONS[claims.action].through_gateway:
            raise refused("V7-gateway", name, "no gateway header on this action", "one")
    except NotAuthenticated as error:
        raise GatewayNotAuthenticated(error.sentence, error.diagnosis) from None
    return gateway.subscriber_id


# -- checks 8 to 10 -----------------------------------------------------------------------------------------


def _check_roles(claims: Claims, sender: KeyRecord, own: Identity) -> None:
    action, context = ACTIONS[claims.action], claims.context
    if sender.role is not action.sender:
        raise _not_authorised("V8-role", "/context/action", f"a sender of type {action.sender}", sender.role)
    ids = {"bap_id": context.bap_id, "bpp_id": context.bpp_id}
    member, other_member = ("bap_id", "bpp_id") if action.sender is Role.BAP else ("bpp_id", "bap_id")
    named, other = ids[member], ids[other_member]
    if named != sender.subscriber_id:
        raise _not_authorised("V8-signer", f"/context/{member}", sender.subscriber_id, str(named))
    broadcast = action.name == "search" and other is None
    if own.role is not Role.BG and not broadcast and other != own.subscriber_id:
        raise _not_authorised("V8-receiver", f"/context/{other_member}", own.subscriber_id, str(other))


def _check_urls(context: Context, sender: KeyRecord, own: Identity) -> None:
    sent_by_bap = sender.role is Role.BAP
    pairs = [("bap_uri", context.bap_uri, sender.url if sent_by_bap else own.url)]
    if context.bpp_id is not None:
        pairs.append(("bpp_uri", context.bpp_uri or "", own.url if sent_by_bap else sender.url))
    for member, named, registered in pairs:
        ours = (member == "bap_uri") is not sent_by_bap
        if ours and own.role is Role.BG:
            continue
        if not same_url(named, registered):
            raise _not_authorised("V9-url", f"/context/{member}", registered, named or "nothing")


def _check_action(claims: Claims, policy: Policy) -> None:
    context = claims.context
    if context.action != claims.action:
        raise _wrong_action("action", f"{claims.action}, as the path says", context.action)
    if not (context.version == policy.version_prefix or context.version.startswith(f"{policy.version_prefix}.")):
        raise _wrong_action("version", f"{policy.version_prefix}.x", context.version)
    if context.domain not in policy.domains:
        raise _wrong_action("domain", " or ".join(policy.domains), context.domain)


def _not_authorised(rule: str, path: str, expected: str, got: str) -> NotAuthorised:
    return NotAuthorised(
        f"{path} must be {expected}, but it is {got[:200]}.",
        Diagnosis(rule=rule, path=path, expected=expected, got=got[:200]),
    )


def _wrong_action(member: str, expected: str, got: str) -> WrongAction:
    path = f"/context/{member}"
    return WrongAction(
        f"{path} must be {expected}, but it is {got[:100]}.",
        Diagnosis(rule="V10-action", path=path, expected=expected, got=got[:100]),
    )
