"""One trade as the battery side holds it, from the first quote to the invoice, and how it is told as a Beckn order.

A transaction of a BAP has at most one contract. Its id is made with the first quote and becomes the order's id when
it is confirmed; until then nobody outside is told it. The battery's data and terms are kept as they were when the
quote was given, so that later changes of the fleet do not change what was agreed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bpp.capacity import Booking
from bpp.catalog import ListedBattery
from bpp.dispatch import Plan
from energy.battery import PowerProfile, profile
from energy.offers import (
    Billing,
    Cancellation,
    ConsentForm,
    ContractState,
    DispatchMode,
    InvoiceReference,
    LiveState,
    Order,
    OrderStatus,
    Payment,
    PaymentType,
    Provider,
    Quote,
    StorageUse,
)
from protocol.lifecycle import Stage

_STATUSES = {
    Stage.ACTIVE: OrderStatus.ACTIVE,
    Stage.COMPLETE: OrderStatus.COMPLETE,
    Stage.CANCELLED: OrderStatus.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Peer:
    """The producer's platform of a trade, and what its messages said of domain and place."""

    bap_id: str
    bap_uri: str
    transaction_id: str
    domain: str
    city_code: str | None = None
    country_code: str | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """That control of charging is handed over: asked for at ``form_token``, given once there is a submission.

    ``given_at`` is wire time.
    """

    form_token: str
    submission_id: str | None = None
    given_by: str | None = None
    given_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """The live state that the producer's platform heard last; ``sent_at`` is wire time."""

    live: LiveState
    sent_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A trade. ``quote_until`` is wire time, other times are trade time.

    ``created_at`` is when it was confirmed. ``undelivered`` says why the last message to the peer never arrived.
    """

    contract_id: str
    peer: Peer
    stage: Stage
    state: ContractState
    state_at: datetime
    listed: ListedBattery
    use: StorageUse
    mode: DispatchMode
    quote: Quote
    quote_until: datetime
    producer_meter_address: str | None = None
    billing: Billing | None = None
    consent: Consent | None = None
    track_token: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    cancellation: Cancellation | None = None
    told: Told | None = None
    undelivered: str | None = None

    @property
    def battery_id(self) -> str:
        """Which battery of the fleet."""
        return self.listed.battery.battery_id

    @property
    def profile(self) -> PowerProfile:
        """The fixed plan that was sold."""
        return profile(self.listed.battery, self.use)

    @property
    def plan(self) -> Plan:
        """The same for dispatch."""
        return Plan(self.contract_id, self.use, self.profile)

    @property
    def booking(self) -> Booking:
        """The same for the capacity book."""
        return Booking.of(self.contract_id, self.use, self.profile)

    @property
    def is_order(self) -> bool:
        """Whether it was confirmed, so that the other side knows it by its id."""
        return self.stage in _STATUSES


def order_of(
    contract: Contract,
    provider: Provider,
    *,
    form_url: str | None = None,
    live: LiveState | None = None,
    invoice: InvoiceReference | None = None,
) -> Order:
    """The order as it is told to the other side at the contract's stage.

    Consent is asked for until it is confirmed; the payment is one term of the quoted total, after fulfillment.
    """
    known = contract.stage is not Stage.SELECTED
    return Order(
        provider=provider,
        item_id=contract.battery_id,
        use=contract.use,
        mode=contract.mode,
        item_name=contract.listed.battery.name,
        order_id=contract.contract_id if contract.is_order else None,
        status=_STATUSES.get(contract.stage),
        state=contract.state,
        state_updated_at=contract.state_at,
        quote=contract.quote,
        billing=contract.billing if known else None,
        payment=_payment(contract, invoice) if known else None,
        form=_form(contract, form_url),
        cancellation_terms=contract.listed.cancellation,
        cancellation=contract.cancellation,
        live=live,
        invoice=invoice,
        created_at=contract.created_at,
        updated_at=contract.updated_at,
        producer_meter_address=contract.producer_meter_address,
        battery_meter_address=contract.listed.battery.meter_address,
    )


def _payment(contract: Contract, invoice: InvoiceReference | None) -> Payment:
    return Payment(
        payment_type=PaymentType.POST_FULFILLMENT,
        amount=contract.quote.total,
        payment_id=contract.contract_id,
        reference=None if invoice is None else invoice.number,
    )


def _form(contract: Contract, form_url: str | None) -> ConsentForm | None:
    if contract.consent is None or contract.stage is not Stage.INITIALISED:
        return None
    return ConsentForm(form_url, contract.consent.submission_id)
