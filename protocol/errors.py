"""Every way a message or a decision can be refused, and what each means on the wire.

The tree::

    BecknError
    ├── Refused                      the sender's mistake: a NACK, nothing stored   (checks 1-14)
    │   ├── Malformed                check 1    the bytes are not an acceptable JSON message   400
    │   │   ├── TooLarge             check 1    more bytes than this platform reads            413
    │   │   └── UnsupportedMedia     check 1    media type or Content-Encoding                 415
    │   ├── NotAuthenticated         checks 2-7 who sent this is not proven                    401
    │   │   └── GatewayNotAuthenticated  check 7   the gateway's header does not hold          401
    │   ├── NotAuthorised            checks 8-9 proven, but may not say this here              403
    │   ├── WrongAction              check 10   path, version or domain do not fit             400
    │   ├── UnknownRoute             -          no such endpoint                               404
    │   ├── Duplicate                check 11   other bytes under a known message id           409
    │   ├── Expired                  check 12   timestamp + ttl has passed                     400
    │   ├── NotValid                 checks 13-14  schema or storage rule                      400
    │   └── TooManyRequests          -          slow down                                      429
    ├── TradeRefused                 a business "no": ACKed, then a signed callback with ``error`` (check 15)
    ├── PeerFailed                   the other side did not answer as it should; may be retried
    │   ├── RegistryUnavailable      the registry could not be asked                           503
    │   ├── CertificateInvalid       the peer's TLS certificate does not hold
    │   └── AddressForbidden         the address is none that we call; never retried
    └── SettingsWrong                our own configuration: one clear line, exit code 2

A NACK carries the wire code (BECKN-005), the path and a sentence; the diagnosis (rule, path, expected,
got) goes into ``ack.tags`` and the log, with a link to what `protocol.remedies` says about the rule. Internal
errors never leak: what is not in this tree becomes a 500 NACK without details, in ``node/server.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

INVALID_REQUEST = "30000"
PROVIDER_NOT_FOUND = "30001"
PROVIDER_LOCATION_NOT_FOUND = "30002"
PROVIDER_CATEGORY_NOT_FOUND = "30003"
ITEM_NOT_FOUND = "30004"
CATEGORY_NOT_FOUND = "30005"
OFFER_NOT_FOUND = "30006"
ADD_ON_NOT_FOUND = "30007"
FULFILLMENT_NOT_FOUND = "30008"
FULFILLMENT_PROVIDER_NOT_FOUND = "30009"
ORDER_NOT_FOUND = "30010"
INVALID_CANCELLATION_REASON = "30011"
INVALID_UPDATE_TARGET = "30012"
UPDATE_BEYOND_TARGET = "30013"
RATED_ENTITY_NOT_FOUND = "30014"
INVALID_RATING = "30015"
BUSINESS_ERROR = "40000"
ACTION_NOT_APPLICABLE = "40001"
QUANTITY_UNAVAILABLE = "40002"
QUOTE_UNAVAILABLE = "40003"
PAYMENT_NOT_SUPPORTED = "40004"
TRACKING_NOT_SUPPORTED = "40005"
FULFILLMENT_AGENT_UNAVAILABLE = "40006"
INTERNAL_ERROR = "50000"
CANCELLATION_NOT_POSSIBLE = "50001"
UPDATE_NOT_POSSIBLE = "50002"
RATING_CATEGORY_NOT_SUPPORTED = "50003"
SUPPORT_UNAVAILABLE = "50004"

_TEXT_LENGTH_MAX = 200


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why something was refused, for the person who must mend it.

    ``rule`` is a stable id such as ``V6-signature``; ``path`` a JSON pointer into the message or a header
    name; ``expected`` and ``got`` short texts, never secrets. All are cut to 200 characters, and bytes of a
    header that are no UTF-8 (lone surrogates in Python) are shown as escapes, so that they can be sent.
    """

    rule: str
    path: str = ""
    expected: str = ""
    got: str = ""

    def __post_init__(self) -> None:
        for member in ("path", "expected", "got"):
            text = getattr(self, member).encode("utf-8", "backslashreplace").decode()
            object.__setattr__(self, member, text[:_TEXT_LENGTH_MAX])


class BecknError(Exception):
    """The root. ``code`` is the wire code (BECKN-005), ``http_status`` what a NACK carries."""

    code: ClassVar[str] = INTERNAL_ERROR
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, sentence: str, diagnosis: Diagnosis | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.diagnosis = diagnosis or Diagnosis(rule=type(self).__name__)


class Refused(BecknError):
    """A message that the ordered checks turn away: the sender has to change something."""

    code = INVALID_REQUEST
    http_status = 400


class Malformed(Refused):
    """Check 1: the bytes are not one acceptable JSON object."""


class TooLarge(Malformed):
    """Check 1: the body is longer than this platform reads."""

    http_status = 413


class UnsupportedMedia(Malformed):
    """Check 1: not application/json, or compressed."""

    http_status = 415


class NotAuthenticated(Refused):
    """Checks 2-6: the sender is not proven (BECKN-006: 401 with ``WWW-Authenticate``)."""

    http_status = 401


class GatewayNotAuthenticated(NotAuthenticated):
    """Check 7: the gateway is not proven (BECKN-006: 401 with ``Proxy-Authenticate``)."""


class NotAuthorised(Refused):
    """Checks 8 and 9: the proven sender may not send this, or not to us, or not from that URL."""

    http_status = 403


class WrongAction(Refused):
    """Check 10: ``context.action``, version or domain do not belong to this endpoint."""


class UnknownRoute(Refused):
    """There is no such endpoint here."""

    http_status = 404


class Duplicate(Refused):
    """Check 11: a known message id arrives with other bytes."""

    http_status = 409


class Expired(Refused):
    """Check 12: the message's own lifetime (``timestamp`` + ``ttl``) has passed."""


class NotValid(Refused):
    """Checks 13 and 14: Beckn core's schema, or a rule of the storage trade."""


class TooManyRequests(Refused):
    """The sender is over its rate."""

    http_status = 429
    retryable = True

    def __init__(self, sentence: str, diagnosis: Diagnosis | None = None, retry_after_s: int = 1) -> None:
        super().__init__(sentence, diagnosis)
        self.retry_after_s = retry_after_s


class TradeRefused(BecknError):
    """A business refusal: the message was ACKed, and a signed callback carries this error.

    ``trade_code`` is one of BECKN-005; ``path`` a JSON pointer into the request.
    """

    http_status = 200

    def __init__(self, trade_code: str, sentence: str, path: str = "") -> None:
        super().__init__(sentence, Diagnosis(rule=f"trade-{trade_code}", path=path))
        self.trade_code = trade_code


class PeerFailed(BecknError):
    """Another participant could not be reached or did not answer as it should."""

    http_status = 502
    retryable = True


class RegistryUnavailable(PeerFailed):
    """The registry could not be asked, so that a sender's key is not known."""

    http_status = 503


class CertificateInvalid(PeerFailed):
    """The peer's TLS certificate does not hold: it has ended, is for another host, or of nobody that we trust."""


class AddressForbidden(PeerFailed):
    """The address is none that we call (`protocol.addresses`); trying again would not change it."""

    retryable = False


class SettingsWrong(BecknError):
    """A setting, key file or port is unusable; the sentence names it, the command exits with 2."""
