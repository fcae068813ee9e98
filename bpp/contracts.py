"""One trade as the battery side holds it, from the first quote to the invoice, and how it is told as a Beckn order.

A contract is about one battery. A transaction of a BAP makes at most one order, which is one contract, or several that
were selected together and go on together (`energy.orders`). Ids are made with the first quote; that of the first
contract becomes the order's id when it is confirmed; until then nobody outside is told it. The battery's data and
terms are kept as they were when the quote was given, so that later changes of the fleet do not change what was agreed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from bpp.bargaining import Bargain
from bpp.capacity import Booking
from bpp.catalog import ListedBattery, use_lines
from bpp.dispatch import Plan
from bpp.planner import Placement, planned_profile
from energy.battery import PowerProfile, profile
from energy.offers import (
    Billing,
    Cancellation,
    ConsentForm,
    ContractState,
    DispatchMode,
    InvoiceReference,
    LiveState,
    Negotiation,
    Order,
    OrderStatus,
    Payment,
    PaymentType,
    Provider,
    Quote,
    StorageUse,
)
from energy.quantities import Money
from energy.tariffs import lines_total
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


class FormPage(StrEnum):
    """A page of the form that has to be submitted before ``confirm``."""

    CONSENT = "consent"
    TERMS = "terms"


@dataclass(frozen=True, slots=True)
class Agreement:
    """That a page was agreed to, at a wire time; the digest is the SHA-256 (hex) of what it told (`bpp.terms`)."""

    page: FormPage
    at: datetime
    digest_sha256: str


@dataclass(frozen=True, slots=True)
class Consent:
    """The form of a trade: asked for at ``form_token``, page by page, and given once there is a submission.

    ``once`` is what the next page has to be sent with; it is good for one page. ``given_at`` is wire time.
    """

    form_token: str
    once: str = ""
    agreements: tuple[Agreement, ...] = ()
    submission_id: str | None = None
    given_by: str | None = None
    given_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PaymentReport:
    """That the producer's platform says it has paid; nobody has found the money yet. ``at`` is trade time."""

    reference: str
    amount: Money
    at: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """The live state that the producer's platform heard last; ``sent_at`` is wire time."""

    live: LiveState
    sent_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A trade. ``quote_until`` is wire time, other times are trade time.

    ``created_at`` is when it was confirmed. ``undelivered`` says why the last message to the peer never arrived.
    It is the ``part_no``-th of the ``part_count`` contracts of its order; the form is asked for at the first.
    """

    contract_id: str
    order_id: str
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
    bargain: Bargain | None = None
    payment_report: PaymentReport | None = None
    part_no: int = 1
    part_count: int = 1
    placement: Placement | None = None

    @property
    def battery_id(self) -> str:
        """Which battery of the fleet."""
        return self.listed.battery.battery_id

    @property
    def discount(self) -> Decimal | None:
        """The percentage off all charges that was bargained for, of which its bill has the benefit too."""
        return None if self.bargain is None else self.bargain.discount

    @property
    def profile(self) -> PowerProfile:
        """The fixed plan that was sold."""
        return profile(self.listed.battery, self.use)

    @property
    def planned(self) -> PowerProfile:
        """The powers at which it is carried out, in the windows of its placement where it has one."""
        return planned_profile(self.listed.battery, self.use, self._planned_use)

    @property
    def plan(self) -> Plan:
        """The same for dispatch, in the windows of the placement."""
        return Plan(self.contract_id, self._planned_use, self.planned)

    @property
    def booking(self) -> Booking:
        """The same for the capacity book."""
        return Booking.of(self.contract_id, self._planned_use, self.planned)

    @property
    def _planned_use(self) -> StorageUse:
        return self.use if self.placement is None else self.placement.planned(self.use)

    @property
    def pages(self) -> tuple[FormPage, ...]:
        """What has to be agreed to before ``confirm``: automatic dispatch hands control over, too (ENERGY 1.1)."""
        handed_over = (FormPage.CONSENT,) if self.mode is DispatchMode.AUTOMATIC else ()
        return (*handed_over, FormPage.TERMS)

    @property
    def open_page(self) -> FormPage | None:
        """The page that has to be agreed to next; None when nothing is asked for, or all is given."""
        if self.consent is None or self.stage is not Stage.INITIALISED:
            return None
        agreed = {agreement.page for agreement in self.consent.agreements}
        return next((page for page in self.pages if page not in agreed), None)

    @property
    def is_order(self) -> bool:
        """Whether it was confirmed, so that the other side knows it by its id."""
        return self.stage in _STATUSES


def going_on(parts: Sequence[Contract]) -> Contract:
    """The contract of an order by which its stage is told: the first that is active, as long as one is."""
    return next((part for part in parts if part.stage is Stage.ACTIVE), parts[0])


def order_of(
    contract: Contract,
    provider: Provider,
    *,
    form_url: str | None = None,
    live: LiveState | None = None,
    invoice: InvoiceReference | None = None,
) -> Order:
    """The order as it is told to the other side at the contract's stage.

    The form is asked for until the order is confirmed; the payment is one term of the quoted total, after fulfillment.
    """
    known = contract.stage is not Stage.SELECTED
    return Order(
        provider=provider,
        item_id=contract.battery_id,
        use=contract.use,
        mode=contract.mode,
        item_name=contract.listed.battery.name,
        order_id=contract.order_id if contract.is_order else None,
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
        negotiation=None if known else _negotiation(contract),
    )


def _negotiation(contract: Contract) -> Negotiation | None:
    """What was offered for this selection, beside the price without bargaining."""
    bargain, listed = contract.bargain, contract.listed
    if bargain is None or bargain.offered is None:
        return None
    total = lines_total(use_lines(listed, contract.use), listed.tariff.currency)
    return Negotiation(bargain.offered, total, bargain.rounds_left)


def _payment(contract: Contract, invoice: InvoiceReference | None) -> Payment:
    return Payment(
        payment_type=PaymentType.POST_FULFILLMENT,
        amount=contract.quote.total,
        payment_id=contract.order_id,
        reference=None if invoice is None else invoice.number,
        reported=None if contract.payment_report is None else contract.payment_report.reference,
    )


def _form(contract: Contract, form_url: str | None) -> ConsentForm | None:
    if contract.consent is None or contract.stage is not Stage.INITIALISED:
        return None
    return ConsentForm(form_url, contract.consent.submission_id)
