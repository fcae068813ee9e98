"""THE table of the rules, by the role of the target. The order is the order of a run.

MUST is what Beckn core and its signature rules ask for, or what nobody could trade without. SHOULD is what a platform
may do otherwise without breaking the other side: closed schemas, limits that every platform sets for itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from conformance.checks import bodies, business, envelope, flow, headers, market, search, service
from conformance.checks.headers import unauthenticated
from conformance.verdicts import Check, Rule, Severity
from protocol.actions import Role

_ACK = "Beckn core 1.1.1, Ack"
_CONTEXT = "Beckn core 1.1.1, Context"
_SIGNATURE = "BECKN-006"
_CODES = "BECKN-005"
_UPDATE = "Beckn core 1.1.1, /on_update"
_STORAGE = "battery-storage schemas 1"

_MUST = Severity.MUST
_SHOULD = Severity.SHOULD

# What an answer can not be sent without; the other members of a context are asked for by the trade.
_NEEDED = ("action", "bap_id", "bap_uri", "transaction_id", "message_id")
_WANTED = ("domain", "version", "timestamp")

_SEARCH: tuple[Rule, ...] = (
    Rule("search-ack", "A valid signed search is acknowledged", _ACK, _MUST, search.is_acknowledged),
    Rule(
        "search-answer",
        "It is answered by on_search within 2 s",
        "Beckn core 1.1.1, /on_search",
        _MUST,
        search.is_answered,
    ),
    Rule("search-signature", "on_search is signed by a key of the registry", _SIGNATURE, _MUST, search.is_signed),
    Rule("search-context", "on_search names the search and both sides", _CONTEXT, _MUST, search.names_the_search),
    Rule("search-core", "on_search is valid", "Beckn core 1.1.1, /on_search", _MUST, search.fits_core),
    Rule("search-storage", "on_search is a storage catalog", _STORAGE, _SHOULD, search.fits_storage),
)


def _header(id_: str, what: str, check: Check, severity: Severity = _MUST) -> Rule:
    return Rule(f"auth-{id_}", f"{what}: 401, a challenge, no callback", _SIGNATURE, severity, check)


_HEADERS: tuple[Rule, ...] = (
    _header("missing", "No Authorization header", unauthenticated(headers.no_header)),
    _header("garbled", "A garbled header", unauthenticated(headers.garbled)),
    _header("wrong-key", "A signature by another key", unauthenticated(headers.wrong_key)),
    _header("tampered", "Other bytes than were signed", unauthenticated(headers.tampered)),
    _header("expired", "An expired signature", unauthenticated(headers.expired)),
    _header("future", "A signature created in the future", unauthenticated(headers.created_in_the_future)),
    # BECKN-006 bounds the window by the key's end alone; how long is too long is every platform's own choice.
    _header("window", "A signature for a week", unauthenticated(headers.too_long_a_window), _SHOULD),
    _header("algorithm", "Another algorithm", unauthenticated(headers.wrong_algorithm)),
    _header("headers", "A header without headers=", unauthenticated(headers.without_headers)),
    _header("stranger", "A subscriber that the registry does not know", headers.unknown_subscriber),
)


def _envelope(id_: str, what: str, check: Check, severity: Severity = _MUST) -> Rule:
    return Rule(f"context-{id_}", f"{what}: NACK, no callback", _CONTEXT, severity, check)


_ENVELOPES: tuple[Rule, ...] = (
    _envelope("action", "context.action differs from the path", envelope.another_action),
    _envelope("receiver", "A message for another bpp_id", envelope.another_receiver),
    _envelope("sender", "A bap_id that is not the signer", envelope.another_sender),
    _envelope("url", "A bap_uri that is not the registered one", envelope.another_url),
    _envelope("ttl", "A message whose ttl has passed", envelope.past_its_ttl),
    *(_envelope(f"no-{member}", f"No {member}", envelope.without(member)) for member in _NEEDED),
    *(_envelope(f"no-{member}", f"No {member}", envelope.without(member), _SHOULD) for member in _WANTED),
)


def _body(id_: str, what: str, check: Check, severity: Severity = _MUST) -> Rule:
    return Rule(f"body-{id_}", f"{what}: NACK with 4xx", _ACK, severity, check)


_BODIES: tuple[Rule, ...] = (
    _body("not-json", "A body that is no JSON", bodies.spoilt(bodies.not_json)),
    _body("array", "An array", bodies.spoilt(bodies.in_an_array)),
    _body("duplicate-key", "A key that stands twice", bodies.spoilt(bodies.with_a_key_twice), _SHOULD),
    _body("large", "A body of 5 MB", bodies.spoilt(bodies.of_five_megabytes), _SHOULD),
    _body("deep", "A body 500 levels deep", bodies.spoilt(bodies.nested_deeply), _SHOULD),
    _body("compressed", "A compressed body", bodies.spoilt(bodies.compressed, {"Content-Encoding": "gzip"}), _SHOULD),
    _body("unknown-action", "An action that Beckn does not have", bodies.unknown_action),
    _body("unknown-route", "A message at no endpoint", bodies.unknown_route),
    _body("unknown-method", "GET of an action", bodies.unknown_method),
    Rule("nack-shape", "A NACK gives a code and a sentence", _CODES, _MUST, bodies.nack_explains),
    Rule("nack-core", "A NACK is valid by core to the letter", _ACK, _SHOULD, bodies.nack_fits_core),
)

_BUSINESS: tuple[Rule, ...] = (
    Rule("select-no-order", "select without order: NACK", "Beckn core 1.1.1, /select", _MUST, business.without_order),
    Rule("select-unknown-item", "select of an unknown item: error 30004", _CODES, _MUST, business.unknown_item),
    Rule(
        "select-unknown-beside",
        "select of two items, one unknown: no quote for a part",
        _STORAGE,
        _SHOULD,
        business.unknown_beside,
    ),
    Rule("status-unknown-order", "status of an unknown order: error 30010", _CODES, _MUST, business.unknown_order),
    Rule("confirm-first", "confirm before init: on_confirm with error", _CODES, _MUST, business.confirm_first),
    Rule("same-bytes", "The same bytes twice: two ACKs, one callback", _CONTEXT, _MUST, business.same_bytes_twice),
    Rule("same-id", "Other bytes under a known message_id: NACK", _CONTEXT, _MUST, business.same_id_twice),
)

_MARKET: tuple[Rule, ...] = (
    Rule("catalog-pages", "The pages of an answer make one catalog", _STORAGE, _SHOULD, market.pages_fit_together),
    Rule(
        "catalog-elsewhere",
        "A search far from every battery finds none",
        "Beckn core 1.1.1, Circle",
        _SHOULD,
        market.nothing_is_elsewhere,
    ),
)

_FLOW: tuple[Rule, ...] = (
    Rule("flow-select", "select is answered with a quote", "Beckn core 1.1.1, /on_select", _MUST, flow.selected),
    Rule("flow-init", "init is answered with terms", "Beckn core 1.1.1, /on_init", _MUST, flow.initialised),
    Rule("flow-form", "The form of on_init can be submitted", "Beckn core 1.1.1, XInput", _MUST, flow.consented),
    Rule("flow-confirm", "confirm makes an active order", "Beckn core 1.1.1, /on_confirm", _MUST, flow.confirmed),
    Rule("flow-status", "status tells the order", "Beckn core 1.1.1, /on_status", _MUST, flow.told),
    Rule(
        "flow-track", "track is answered with a URL, or 40005", "Beckn core 1.1.1, /on_track", _SHOULD, service.tracked
    ),
    Rule("flow-update", "update of items changes amount and quote", _UPDATE, _SHOULD, service.updated),
    Rule("flow-update-target", "An unknown update_target: NACK or error 30012", _CODES, _SHOULD, service.other_target),
    Rule("flow-rating", "A rating of the order is taken", "Beckn core 1.1.1, /on_rating", _SHOULD, service.rated),
    Rule("flow-rating-value", "A rating of 99: error 30015", _CODES, _SHOULD, service.rated_beyond),
    Rule("flow-support", "support names whom to reach", "Beckn core 1.1.1, /on_support", _SHOULD, service.supported),
    Rule("flow-cancel", "cancel ends the order", "Beckn core 1.1.1, /on_cancel", _MUST, flow.cancelled),
    Rule("flow-storage", "The answers are storage contracts", _STORAGE, _SHOULD, flow.fits_storage),
    Rule(
        "offer-above",
        "Who offers more than the price is not charged more",
        "Beckn core 1.1.1, Price",
        _SHOULD,
        market.an_offer_is_not_charged_more,
    ),
)

RULES: Mapping[Role, tuple[Rule, ...]] = MappingProxyType(
    {Role.BPP: (*_SEARCH, *_HEADERS, *_ENVELOPES, *_BODIES, *_BUSINESS, *_MARKET, *_FLOW)}
)
