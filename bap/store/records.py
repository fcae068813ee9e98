"""What the producer's platform remembers: searches, offers, contracts and the requests it sent.

All are immutable; a change is a new record. Created, updated, sent and told times are wire time, the rest trade time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from energy.offers import (
    Billing,
    Cancellation,
    ConsentForm,
    ContractState,
    DispatchMode,
    InvoiceReference,
    LiveState,
    Negotiation,
    OrderStatus,
    Payment,
    Provider,
    Quote,
    StorageUse,
    SupportContact,
    UpdateRequest,
)
from energy.searches import BatterySpecification, Offer, SearchIntent
from energy.tariffs import Tariff
from node.callers import DEFAULT_ACCOUNT
from protocol.lifecycle import Stage


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the last request of ``action`` came to nothing: the operator's error, or why it could not be delivered.

    ``code`` is one of BECKN-005, or `UNDELIVERED`; ``path`` a JSON pointer into the request, or empty.
    """

    action: str
    code: str
    message: str
    path: str = ""


UNDELIVERED = "undelivered"


@dataclass(frozen=True, slots=True)
class Search:
    """A search that was sent; its id is its transaction's. ``answers`` is how many platforms have answered.

    ``pages_missing``: how many pages they have announced that have not come. ``account``: whose it is.
    """

    search_id: str
    message_id: str
    created_at: datetime
    intent: SearchIntent
    error: Failure | None = None
    answers: int = 0
    pages_missing: int = 0
    account: str = DEFAULT_ACCOUNT


@dataclass(frozen=True, slots=True)
class FoundOffer:
    """An offer as one platform made it in answer to one search. ``bpp_uri`` is where its requests go."""

    offer_id: str
    search_id: str
    bpp_id: str
    bpp_uri: str
    offer: Offer


@dataclass(frozen=True, slots=True)
class TicketNote:
    """One message of a ticket, as the operator told it; ``side`` is producer or operator."""

    side: str
    text: str
    at: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket at the operator's, as it was told last. ``kind`` and ``state`` are the operator's words."""

    ticket_id: str
    kind: str
    state: str
    subject: str
    updated_at: str
    notes: tuple[TicketNote, ...] = ()


@dataclass(frozen=True, slots=True)
class Contract:
    """One trade with one operator, from the first ``select`` on; its id is its transaction's.

    ``tariff`` and ``specification`` are the offer's, to check plan and bill by, or None where it does not tell them.
    ``quote`` is the latest, ``agreed`` the one that was confirmed. ``told_at`` is the timestamp of the newest message
    about its course, ``transferred_wh`` how much has moved where only a sentence says it. ``tracking_url`` and
    ``support`` are what the operator answered to track and support, ``feedback_url`` where it takes more words than a
    rating, ``tickets`` what it told of them last. ``cancellation_quote`` is what cancelling would have cost when it was
    asked last. ``negotiation`` is the price that was offered last, with what the operator answered. ``account``: whose
    it is, as its search was. ``others``: the further batteries of the same order (`bap.parts`).
    """

    contract_id: str
    search_id: str
    offer_id: str
    bpp_id: str
    bpp_uri: str
    provider: Provider
    item_id: str
    item_name: str
    use: StorageUse
    mode: DispatchMode
    tariff: Tariff | None
    specification: BatterySpecification | None
    created_at: datetime
    updated_at: datetime
    stage: Stage = Stage.NEW
    order_id: str | None = None
    status: OrderStatus | None = None
    state: ContractState | None = None
    quote: Quote | None = None
    quote_expires_at: datetime | None = None
    agreed: Quote | None = None
    billing: Billing | None = None
    payment: Payment | None = None
    form: ConsentForm | None = None
    live: LiveState | None = None
    tracking_url: str | None = None
    support: SupportContact | None = None
    invoice: InvoiceReference | None = None
    cancellation: Cancellation | None = None
    error: Failure | None = None
    told_at: datetime | None = None
    transferred_wh: int | None = None
    cancellation_quote: Quote | None = None
    feedback_url: str | None = None
    tickets: tuple[Ticket, ...] = ()
    account: str = DEFAULT_ACCOUNT
    negotiation: Negotiation | None = None
    others: tuple[Contract, ...] = ()

    @property
    def each(self) -> tuple[Contract, ...]:
        """The record of each battery by itself."""
        return (replace(self, others=()), *self.others) if self.others else (self,)


class RequestState(StrEnum):
    """What became of a request: its answer is awaited, came, or will not come or count any more."""

    WAITING = "WAITING"
    ANSWERED = "ANSWERED"
    REFUSED = "REFUSED"
    UNDELIVERED = "UNDELIVERED"
    REPLACED = "REPLACED"


@dataclass(frozen=True, slots=True)
class Asked:
    """What an answer has to be compared with: what an ``update`` changes (but for who pays, which is not kept here),
    and whether a ``cancel`` only asks what it would cost. ``item_id``: whose use changes, in an order of several.
    """

    update: UpdateRequest | None = None
    soft: bool = False
    item_id: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A request that was sent for a contract, and what it asked for where that matters to its answer."""

    message_id: str
    contract_id: str
    action: str
    sent_at: datetime
    state: RequestState = RequestState.WAITING
    asked: Asked = Asked()
