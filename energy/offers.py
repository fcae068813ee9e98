"""What is traded: the version-neutral objects of a storage trade, from a search to a running contract.

The wire codec (``energy/wire/v1``) turns them into Beckn messages and back; the roles compute with these
and never with the shape of a message. All are immutable. Times are trade time in UTC unless said.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from energy.intervals import Interval
from energy.quantities import Money
from energy.tariffs import Line, Tariff


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

    Both windows are aligned to 15 minutes and ``giveback`` starts at or after the end of ``charge``.
    """

    energy_wh: int
    charge: Interval
    giveback: Interval

    @property
    def booked(self) -> Interval:
        """From the start of charging to the end of the return: as long as capacity is reserved."""
        return Interval(self.charge.start, self.giveback.end)


@dataclass(frozen=True, slots=True)
class SearchIntent:
    """A search. Everything but the use may be absent: a tolerant reader meets searches without place or window."""

    energy_wh: int
    charge: Interval | None = None
    giveback: Interval | None = None
    near: Place | None = None
    radius_m: int | None = None
    mode: DispatchMode | None = None
    min_power_w: int | None = None
    max_price: Decimal | None = None
    min_efficiency: Decimal | None = None
    provider_id: str | None = None
    item_id: str | None = None
    meter_address: str | None = None

    @property
    def use(self) -> StorageUse | None:
        """The storage use, when the search names both windows."""
        if self.charge is None or self.giveback is None:
            return None
        return StorageUse(self.energy_wh, self.charge, self.giveback)


@dataclass(frozen=True, slots=True)
class FreeSlot:
    """What one battery can still take in one interval: AC energy for one more contract, and power each way."""

    interval: Interval
    energy_wh: int
    charge_power_w: int
    discharge_power_w: int


@dataclass(frozen=True, slots=True)
class BatterySpecification:
    """What an offer tells about the equipment (ENERGY 2.1). Efficiencies and shares are fractions of one."""

    energy_nominal_wh: int
    usable_energy_wh: int
    charge_power_w: int
    discharge_power_w: int
    efficiency_charge: Decimal
    efficiency_discharge: Decimal
    standing_loss_per_day: Decimal
    chemistry: str
    soh: Decimal

    @property
    def efficiency_round_trip(self) -> Decimal:
        """eta_c × eta_d."""
        return self.efficiency_charge * self.efficiency_discharge


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
class Offer:
    """One battery (or pool) on offer. ``free_energy_wh`` is the least free AC energy over the searched window."""

    provider: Provider
    item_id: str
    name: str
    place: Place
    meter_address: str
    modes: tuple[DispatchMode, ...]
    tariff: Tariff
    specification: BatterySpecification
    free_energy_wh: int
    min_energy_wh: int
    cancellation: CancellationTerms
    window: Interval | None = None
    profile: tuple[FreeSlot, ...] = ()
    rating: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Catalog:
    """The answer to a search; ``offers`` may be empty. ``expires_at`` is wire time."""

    provider: Provider
    offers: tuple[Offer, ...]
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """A price for one use. ``total`` = sum of lines = net payable by the BAP to the BPP; negative: by the BPP."""

    quote_id: str
    lines: tuple[Line, ...]
    total: Money
    ttl_s: int


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
    """How and when the quote is paid. ``payment_id`` is the BPP's; ``reference`` what a transfer must carry."""

    payment_type: PaymentType
    amount: Money
    paid: bool = False
    payment_id: str | None = None
    url: str | None = None
    reference: str | None = None


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
    """Where the invoice document is, and the SHA-256 (hex) of its exact bytes, vouched for by the signed message."""

    number: str
    url: str
    media_type: str
    digest_sha256: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Order:
    """A contract as one side tells it to the other, at any stage from ``select`` to the settled invoice.

    Requests fill in what the stage needs (``select``: provider, item, use, mode; ``init``: also billing and
    payment; ``confirm``: also quote and form); answers carry everything known. The meters are DER addresses.
    ``transferred_wh`` is for peers that tell in a sentence how much has moved, and nothing else (``live`` is None).
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
    """``update``: what changes. ``target`` is ``items`` (another amount) in this version."""

    order_id: str
    target: str
    energy_wh: int | None
    item_id: str | None = None


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """``cancel``: which order and why."""

    order_id: str
    reason_id: str
    reason: str


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


Message = (
    SearchIntent | Catalog | Order | StatusRequest | TrackRequest | UpdateRequest | CancelRequest
    | RatingRequest | SupportRequest | Tracking | FeedbackForm | SupportContact
)  # fmt: skip
