"""What each refusal means and how to mend it: every wire code of BECKN-005, and every rule that a diagnosis names.

``docs/errors.md`` is `page`, which a test compares, and the link in a NACK (`anchor`) leads into it. The ids there are
written by hand and never change with the words around them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from protocol import errors

TITLE = "# Errors"
_INTRODUCTION = """\
What a refusal means, and how to mend it. A NACK has a code (BECKN-005) in `error.code`, a JSON pointer or a header's
name in `error.paths` and a sentence in `error.message`. The rule that refused, what it expected and what it got
stand in `message.ack.tags`, in the group `diagnosis`, and its tag `help` leads to the rule's place on this page. A
business refusal is acknowledged first; the callback then carries `error` with code, paths and message.

This page is made from `protocol/errors.py` and `protocol/remedies.py`; a test compares it."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """Why it comes to this refusal, and what the sender does about it."""

    title: str
    cause: str
    remedy: str


_CODE_ROWS: tuple[tuple[str, str, str, str], ...] = (
    (
        errors.INVALID_REQUEST,
        "invalid request",
        "The message, its header or one of its values is not as it must be.",
        "Read the rule, the path, what was expected and what was there; change that member and send a new message.",
    ),
    (
        errors.PROVIDER_NOT_FOUND,
        "provider not found",
        "`provider.id` names no operator of this platform.",
        "Take the provider's id from the `on_search` of this platform.",
    ),
    (
        errors.PROVIDER_LOCATION_NOT_FOUND,
        "provider location not found",
        "A location is named that the provider does not have.",
        "Take location ids from the catalog.",
    ),
    (
        errors.PROVIDER_CATEGORY_NOT_FOUND,
        "provider category not found",
        "A category is named that the provider does not have.",
        "Leave the category out: batteries are not sorted into categories.",
    ),
    (
        errors.ITEM_NOT_FOUND,
        "item not found",
        "The battery is not on offer, or is out of service.",
        "Search again and select a battery of that answer. A contract stays with its battery.",
    ),
    (
        errors.CATEGORY_NOT_FOUND,
        "category not found",
        "A category is named that this platform does not have.",
        "Leave the category out.",
    ),
    (
        errors.OFFER_NOT_FOUND,
        "offer not found",
        "The order names an offer that the provider does not make, or no longer makes.",
        "Take offer ids from the latest catalog, or select without an offer.",
    ),
    (
        errors.ADD_ON_NOT_FOUND,
        "add-on not found",
        "The order names an add-on that the battery does not have.",
        "Leave add-ons out, or take their ids from the catalog.",
    ),
    (
        errors.FULFILLMENT_NOT_FOUND,
        "fulfillment not found",
        "The battery is not offered with this dispatch mode.",
        "Choose one of the item's `fulfillment_ids`.",
    ),
    (
        errors.FULFILLMENT_PROVIDER_NOT_FOUND,
        "fulfillment provider not found",
        "Somebody else than the provider is asked to fulfil the order.",
        "Leave the agent out: the provider itself commands its batteries.",
    ),
    (
        errors.ORDER_NOT_FOUND,
        "order not found",
        "There is no such order, or it is another platform's.",
        "Use the order id of `on_confirm`, and the platform that made the contract.",
    ),
    (
        errors.INVALID_CANCELLATION_REASON,
        "invalid cancellation reason",
        "`cancellation_reason_id` is none of the reasons here.",
        "The message lists the reasons: name one.",
    ),
    (
        errors.INVALID_UPDATE_TARGET,
        "invalid update target",
        "`update_target` is nothing that can be changed here.",
        "The message lists the targets: name one.",
    ),
    (
        errors.UPDATE_BEYOND_TARGET,
        "update touches more than its target",
        "The order in the update differs from the contract outside of `update_target`.",
        "Send only what the target covers, or one update for each target.",
    ),
    (
        errors.RATED_ENTITY_NOT_FOUND,
        "entity to rate not found",
        "The rated id is no order, battery or provider that the sender has dealt with.",
        "Rate what an order of yours names.",
    ),
    (
        errors.INVALID_RATING,
        "invalid rating value",
        "The rating is outside of the scale.",
        "Give a value on the scale that the message names.",
    ),
    (
        errors.BUSINESS_ERROR,
        "business error",
        "A condition of the trade is not met; the message says which.",
        "Do what the message says, such as giving the consent that the form asks for, and send the step again.",
    ),
    (
        errors.ACTION_NOT_APPLICABLE,
        "action not applicable",
        "The step does not fit the order as it stands.",
        "Ask for `status`, and take a step that the order's stage allows (`docs/lifecycle.md`).",
    ),
    (
        errors.QUANTITY_UNAVAILABLE,
        "quantity unavailable",
        "The battery can not take this energy in these windows.",
        "The message says how much is free: ask for less, for longer windows, or for another battery.",
    ),
    (
        errors.QUOTE_UNAVAILABLE,
        "quote no longer available",
        "The quote's time is over, the price has changed, or its windows have begun.",
        "Send `select` again and go on with the new quote.",
    ),
    (
        errors.PAYMENT_NOT_SUPPORTED,
        "payment not supported",
        "The order asks for another kind of payment than the terms name.",
        "Take the payment as `on_init` gives it.",
    ),
    (
        errors.TRACKING_NOT_SUPPORTED,
        "tracking not supported",
        "There are no live values for this order.",
        "Ask for `status` instead.",
    ),
    (
        errors.FULFILLMENT_AGENT_UNAVAILABLE,
        "fulfillment agent unavailable",
        "Nobody is there to fulfil the order.",
        "Select another battery.",
    ),
    (
        errors.INTERNAL_ERROR,
        "policy error",
        "Something failed on our side, or a policy of the platform forbids it.",
        "Send the message again later; if it comes back, tell the operator the transaction id.",
    ),
    (
        errors.CANCELLATION_NOT_POSSIBLE,
        "cancellation not possible",
        "The order is at a stage that can not be cancelled.",
        "Let it come to its end; the terms of `on_init` say until when it can be cancelled.",
    ),
    (
        errors.UPDATE_NOT_POSSIBLE,
        "update not possible",
        "The order is at a stage where this can not be changed.",
        "Leave it as it is, or make a second contract.",
    ),
    (
        errors.RATING_CATEGORY_NOT_SUPPORTED,
        "rating category not supported",
        "The rating is for a category that is not rated here.",
        "The message lists the categories: name one.",
    ),
    (
        errors.SUPPORT_UNAVAILABLE,
        "support unavailable",
        "There is nobody to ask about this.",
        "Write to the address in the provider's catalog entry.",
    ),
)

_RULE_ROWS: tuple[tuple[str, str, str, str], ...] = (
    ("V1-size", "check 1: size", "The body is longer than this platform reads.", "Send less, such as fewer items."),
    (
        "V1-encoding",
        "check 1: content encoding",
        "The body is compressed; the signature covers the bytes as they travel.",
        "Send it without Content-Encoding.",
    ),
    (
        "V1-media",
        "check 1: media type",
        "The body is not declared as application/json.",
        "Send Content-Type: application/json.",
    ),
    (
        "V1-body",
        "check 1: JSON",
        "The bytes are not one JSON object in UTF-8, are nested too deeply, or hold NaN, an infinite number, a "
        "number of thousands of digits, or half of a surrogate pair.",
        "Write the body with a JSON library, in UTF-8; the diagnosis names the place.",
    ),
    (
        "V1-duplicate-key",
        "check 1: duplicate key",
        "An object has the same key twice, so two readers could understand two things.",
        "Leave one of them.",
    ),
    (
        "V2-header",
        "check 2: signature header",
        "The header is missing or not as BECKN-006 describes.",
        'Send `Signature keyId="subscriber|key|ed25519",algorithm="ed25519",created="…",expires="…",'
        'headers="(created) (expires) digest",signature="…"`.',
    ),
    (
        "V3-algorithm",
        "check 3: algorithm",
        "The algorithm, in the header or in the keyId, is not ed25519.",
        "Sign with Ed25519 and say so in both places.",
    ),
    (
        "V4-window",
        "check 4: time window",
        "Now is not between `created` and `expires`, the window is too long, or it outlasts the key.",
        "Set the clock (NTP), sign when you send, and keep the window at 300 seconds.",
    ),
    (
        "V5-key",
        "check 5: key",
        "The registry does not know the key, it is not valid now, its subscriber is not SUBSCRIBED, or the registry "
        "does not answer (503: send it again later).",
        "Look yourself up at the registry; subscribe, or sign with a key that it lists.",
    ),
    (
        "V6-signature",
        "check 6: signature",
        "The signature is not over these bytes by that key.",
        "Sign BLAKE2b-512 of exactly the bytes that are sent. Serialise once: a second dump, other spaces or escaped "
        "non-ASCII letters make other bytes.",
    ),
    (
        "V7-gateway",
        "check 7: gateway",
        "The gateway's header does not hold, is not a gateway's, or the action does not travel through one.",
        "The gateway has to sign the sender's bytes; only search and on_search pass it.",
    ),
    (
        "V8-role",
        "check 8: role",
        "The signer's type in the registry may not send this action.",
        "Requests come from a BAP, callbacks from a BPP.",
    ),
    (
        "V8-signer",
        "check 8: sender",
        "The context names another sender than the one who signed.",
        "Put your own subscriber id into `bap_id` (requests) or `bpp_id` (callbacks).",
    ),
    (
        "V8-receiver",
        "check 8: receiver",
        "The context names another receiver than this platform.",
        "Send it to the URL of the participant that the context names.",
    ),
    (
        "V9-url",
        "check 9: URL",
        "`bap_uri` or `bpp_uri` is not the URL that the registry holds.",
        "Write the registered URL, or register the new one.",
    ),
    (
        "V10-context",
        "check 10: context",
        "A member of the context is missing or can not be read.",
        "Add or mend the member that the path names.",
    ),
    (
        "V10-action",
        "check 10: action, version, domain",
        "`context.action` is not the action of the path, or version or domain are not spoken here.",
        "Post to the path of the action; use the version and a domain that the diagnosis names.",
    ),
    (
        "V11-duplicate",
        "check 11: duplicate",
        "The message id was used before with another body.",
        "Give each new message a new message_id; repeat the same bytes when you retry.",
    ),
    (
        "V12-ttl",
        "check 12: lifetime",
        "timestamp + ttl has passed, or the timestamp lies in the future.",
        "Send it again with a new timestamp and message_id; check the clock.",
    ),
    (
        "V13-core",
        "check 13: Beckn core 1.1.1",
        "The message breaks the core schema; the rule ends in the keyword that it broke.",
        "Mend the member that the path names: the diagnosis says what may stand there.",
    ),
    (
        "V14-",
        "check 14: the storage trade",
        "The message is valid core, but not a message of this trade: something is missing, contradicts itself or does "
        "not add up.",
        "Mend the member that the path names. `beckn-battery explain` tells the same for a file.",
    ),
    ("route", "no such endpoint", "There is nothing at this method and path.", "The diagnosis lists what there is."),
    ("rate", "too many requests", "The sender is over its rate.", "Wait as long as Retry-After says."),
    (
        "challenge",
        "the registry's challenge",
        "The challenge is not for this subscriber and key, or was not encrypted for it.",
        "Encrypt it for the key that the application carries (AES-256-ECB under the X25519 secret).",
    ),
    (
        "registry-",
        "the registry",
        "The registry can not take the application, the lookup or the decision.",
        "Mend the member that the path names.",
    ),
    (
        "internal",
        "an error on our side",
        "Something failed that we did not foresee; nothing was stored.",
        "Send the message again later; the operator's log has the trace.",
    ),
)

CODES: Mapping[str, Remedy] = MappingProxyType({code: Remedy(*texts) for code, *texts in _CODE_ROWS})
"""Every code of BECKN-005, in its order."""
RULES: Mapping[str, Remedy] = MappingProxyType({rule: Remedy(*texts) for rule, *texts in _RULE_ROWS})
"""Every rule that a diagnosis names, by how its name begins."""


def rule_of(rule: str) -> str | None:
    """The key of `RULES` that explains a diagnosis' rule ("V13-core-1.1.1/type"), or None."""
    return next((known for known in RULES if rule.startswith(known)), None)


def anchor(rule: str, code: str) -> str:
    """Where on the page a refusal is explained: at its rule, or else at its code."""
    known = rule_of(rule)
    return _id(known) if known is not None else code


def page() -> str:
    """``docs/errors.md``."""
    codes = [_section(code, f"{code} {remedy.title}", remedy) for code, remedy in CODES.items()]
    rules = [_section(_id(rule), f"{_name(rule)} ({remedy.title})", remedy) for rule, remedy in RULES.items()]
    return "\n\n".join((TITLE, _INTRODUCTION, "## Codes", *codes, "## Rules", *rules)) + "\n"


def _section(anchor_id: str, heading: str, remedy: Remedy) -> str:
    return f'<a id="{anchor_id}"></a>\n**{heading}**<br>\nCause: {remedy.cause}<br>\nRemedy: {remedy.remedy}'


def _name(rule: str) -> str:
    return f"{rule}…" if rule.endswith("-") else rule


def _id(rule: str) -> str:
    return rule.strip("-").lower()
