"""What is traded: the version-neutral objects of a storage trade, from a selection to the settled invoice.

The wire codec (``energy/wire/v1``) turns them into Beckn messages and back; the roles compute with these and never with
the shape of a message. Searches and catalogs are `energy.searches`. All are immutable. Times are trade time in UTC
unless said.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from energy.intervals import Interval
from energy.quantities import Money
from energy.tariffs import Line


class DispatchMode(StrEnum):
    """Who commands the battery (DENT's spelling, kept on the wire)."""

    AUTOMATIC = "Automatic Dispatch"
    MANUAL = "Manual Dispatch"


class ContractState(StrEnum):
    """The states of a contract, by their wire codes (ENERGY 1.1, the last five are ours)."""

    QUOTED = "transaction-quoted"
    INITIATED = "transaction-initiated"
    CONFIRMED = "transaction-confirmed"
    NOT_STARTED = "transaction-not-started"
    IN_PROGRESS = "transaction-in-progress"
    UPDATED = "transaction-updated"
    CANCELLED = "transaction-cancelled"
    HOLDING = "transaction-holding"
    RETURNING = "transaction-returning"
    COMPLETED = "transaction-completed"
    SETTLED = "transaction-settled"
    FAILED = "transaction-failed"


class OrderStatus(StrEnum):
    """Beckn core 1.1.1, Order.status."""

    ACTIVE = "ACTIVE"
    COMPLETE = "COMPLETE"
    CANCELLED = "CANCELLED"


class PaymentType(StrEnum):
    """Beckn core 1.1.1, Payment.type."""

    PRE_ORDER = "PRE-ORDER"
    PRE_FULFILLMENT = "PRE-FULFILLMENT"
    ON_FULFILLMENT = "ON-FULFILLMENT"
    POST_FULFILLMENT = "POST-FULFILLMENT"


class Quality(StrEnum):
    """How far a live value may be trusted (fresh, stale or lost by age; suspect by plausibility)."""

    FRESH = "fresh"
    STALE = "stale"
    LOST = "lost"
    SUSPECT = "suspect"


@dataclass(frozen=True, slots=True)
class Place:
    """A point in WGS 84 degrees, at most six decimals (0.1 m)."""

    latitude: Decimal
    longitude: Decimal


@dataclass(frozen=True, slots=True)
class StorageUse:
    """What a producer wants: ``energy_wh`` (AC, at the meter) taken in during ``charge``, given back in ``giveback``.

    Both windows are aligned to 15 minutes and ``giveback`` starts at or after the end of ``charge``. ``return_wh`` is
    how much of it (AC) is asked back; None: all that the battery can give.
    """

    energy_wh: int
    charge: Interval
    giveback: Interval
    return_wh: int | None = None

    @property
    def booked(self) -> Interval:
        """From the start of charging to the end of the return: as long as capacity is reserved."""
        return Interval(self.charge.start, self.giveback.end)


@dataclass(frozen=True, slots=True)
class CancellationTerms:
    """What cancelling before the charge window costs: a share of the quote, as percent (``Decimal("10")``)."""

    fee_percent: Decimal


@dataclass(frozen=True, slots=True)
class Provider:
    """The battery operator as its catalog names it."""

    provider_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Quote:
    """A price for one use. ``total`` = sum of lines = net payable by the BAP to the BPP; negative: by the BPP."""

    quote_id: str
    lines: tuple[Line, ...]
    total: Money
    ttl_s: int


@dataclass(frozen=True, slots=True)
class Negotiation:
    """A price that is bargained for. All are totals of the order, taxes included, in the quote's currency.

    ``offered`` is what the producer offers to pay, ``listed`` what the operator asks without bargaining, and
    ``rounds_left`` how many more counter-offers it will make. A ``select`` says ``offered`` only. The quote is the
    answer: when it is at most ``offered``, that is accepted; otherwise the quote is the counter-offer.
    """

    offered: Money
    listed: Money | None = None
    rounds_left: int | None = None


@dataclass(frozen=True, slots=True)
class Billing:
    """Who pays (personal data: never logged)."""

    name: str
    email: str | None = None
    phone: str | None = None
    address: str | None = None
    tax_id: str | None = None
    state_code: str | None = None


@dataclass(frozen=True, slots=True)
class ConsentForm:
    """The form that hands control of charging over: where it is, and the id of its submission once there is one."""

    url: str | None
    submission_id: str | None = None
    required: bool = True


@dataclass(frozen=True, slots=True)
class Payment:
    """How and when the quote is paid. ``payment_id`` is the BPP's; ``reference`` what a transfer must carry.

    ``reported`` is the reference under which the payer says that it was paid, as long as nobody has found the money.
    """

    payment_type: PaymentType
    amount: Money
    paid: bool = False
    payment_id: str | None = None
    url: str | None = None
    reference: str | None = None
    reported: str | None = None


@dataclass(frozen=True, slots=True)
class LiveState:
    """A battery's state as a contract sees it. ``power_w`` is positive while charging.

    ``energy_in_wh``/``energy_out_wh`` are this contract's AC energy so far; ``stored_for_order_wh`` what is in store
    for it; ``soc`` is a fraction of one, or None when unknown. ``age_s`` is how old the measurement was when sent.
    """

    measured_at: datetime
    soc: Decimal | None
    stored_wh: int | None
    power_w: int
    energy_in_wh: int
    energy_out_wh: int
    stored_for_order_wh: int
    losses_wh: int
    quality: Quality
    age_s: int


@dataclass(frozen=True, slots=True)
class Cancellation:
    """Who ended the contract, when (trade time) and why."""

    by_consumer: bool
    reason_id: str
    reason: str
    time: datetime


@dataclass(frozen=True, slots=True)
class InvoiceReference:
    """Where an invoice document is, and the SHA-256 (hex) of its exact bytes, vouched for by the signed message.

    ``kind`` is `energy.invoices.Kind`'s, ``corrects`` the number of the invoice that a note belongs to. ``signature``
    is the operator's over those bytes, in base64, by ``algorithm`` (``"ed25519"``).
    """

    number: str
    url: str
    media_type: str
    digest_sha256: str
    due_at: datetime
    kind: str = "invoice"
    corrects: str | None = None
    signature: str | None = None
    algorithm: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """A contract as one side tells it to the other, at any stage from ``select`` to the settled invoice.

    Requests fill in what the stage needs (``select``: provider, item, use, mode; ``init``: also billing and
    payment; ``confirm``: also quote and form); answers carry everything known. The meters are DER addresses.
    ``transferred_wh`` is for peers that tell in a sentence how much has moved, and nothing else (``live`` is None).
    ``notes`` are the credit and debit notes to its invoice, the oldest first.

    An order for several batteries is one contract for each, asked for, quoted and booked together: ``others`` are all
    but the first, each as an order of its own (`energy.orders`).
    """

    provider: Provider
    item_id: str
    use: StorageUse
    mode: DispatchMode
    item_name: str | None = None
    order_id: str | None = None
    status: OrderStatus | None = None
    state: ContractState | None = None
    state_updated_at: datetime | None = None
    quote: Quote | None = None
    billing: Billing | None = None
    payment: Payment | None = None
    form: ConsentForm | None = None
    cancellation_terms: CancellationTerms | None = None
    cancellation: Cancellation | None = None
    live: LiveState | None = None
    invoice: InvoiceReference | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    producer_meter_address: str | None = None
    battery_meter_address: str | None = None
    transferred_wh: int | None = None
    negotiation: Negotiation | None = None
    notes: tuple[InvoiceReference, ...] = ()
    others: tuple[Order, ...] = ()

    @property
    def each(self) -> tuple[Order, ...]:
        """The order of each battery by itself, in the order in which they were asked for."""
        return (replace(self, others=()), *self.others) if self.others else (self,)


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """``status``: which order."""

    order_id: str


@dataclass(frozen=True, slots=True)
class TrackRequest:
    """``track``: which order, and optionally where to call back."""

    order_id: str
    callback_url: str | None = None


@dataclass(frozen=True, slots=True)
class UpdateRequest:
    """``update``: what changes. ``target`` names it, by commas: items, fulfillments, billing, payments.

    ``items`` is another amount to store; ``fulfillments`` other windows, and how much is asked back (``return_wh``);
    ``billing`` who pays; ``payments`` that it was paid, with the payment's reference. In an order of several batteries
    ``item_id`` names the one whose amount, and ``fulfillment_id`` the one whose windows are to change.
    """

    order_id: str
    target: str
    energy_wh: int | None = None
    item_id: str | None = None
    charge: Interval | None = None
    giveback: Interval | None = None
    return_wh: int | None = None
    billing: Billing | None = None
    payment: Payment | None = None
    fulfillment_id: str | None = None

    @property
    def targets(self) -> frozenset[str]:
        """What is named, each in the form that the order has it; one ``item`` is of the ``items``."""
        named = (name.strip() for name in self.target.split(","))
        return frozenset(name if name in {"billing"} or name.endswith("s") else f"{name}s" for name in named)

    def applied_to(self, use: StorageUse) -> StorageUse:
        """The use as it is when the update is made; what it does not name stays as it was."""
        changed = replace(
            use,
            energy_wh=use.energy_wh if self.energy_wh is None else self.energy_wh,
            charge=self.charge or use.charge,
            giveback=self.giveback or use.giveback,
            return_wh=self.return_wh,
        )
        # Another amount or window is all asked back again, unless it is said how much.
        is_other = replace(changed, return_wh=use.return_wh) != use
        return changed if is_other or self.return_wh is not None else use


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """``cancel``: which order and why. ``soft`` only asks what it would cost; the order goes on."""

    order_id: str
    reason_id: str
    reason: str
    soft: bool = False


@dataclass(frozen=True, slots=True)
class RatingRequest:
    """``rating``: an order or a provider, from "1" to "5"."""

    category: str
    rated_id: str
    value: Decimal


@dataclass(frozen=True, slots=True)
class SupportRequest:
    """``support``: about which order."""

    ref_id: str


@dataclass(frozen=True, slots=True)
class Tracking:
    """``on_track``: where live values can be read."""

    tracking_id: str
    url: str
    active: bool


@dataclass(frozen=True, slots=True)
class FeedbackForm:
    """``on_rating``: a form for more words, if the operator has one."""

    url: str | None


@dataclass(frozen=True, slots=True)
class SupportContact:
    """``on_support``: whom to call."""

    ref_id: str
    phone: str
    email: str
    url: str
