"""The JSON of the producer's API, as types: what the server writes and the client reads.

Energies are integers of watt-hours, powers integers of watts, distances integers of metres; amounts, rates, shares and
degrees are decimal texts; times are RFC 3339 texts in UTC. This module imports nothing of the project.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

DispatchMode = Literal["Automatic Dispatch", "Manual Dispatch"]
SortBy = Literal["price", "distance"]
RatingCategory = Literal["Order", "Item", "Fulfillment", "Provider", "Support"]
Stage = Literal["NEW", "SELECTED", "INITIALISED", "ACTIVE", "COMPLETE", "CANCELLED"]


class Window(TypedDict):
    """A half-open interval of trade time."""

    start: str
    end: str


class Place(TypedDict):
    """A point in WGS 84 degrees."""

    latitude: str
    longitude: str


class Amount(TypedDict):
    """Money in major units."""

    amount: str
    currency: str


class Line(TypedDict):
    """A line of a quote; ``quantity`` × ``rate`` explains ``amount`` (of a "%" line: percent of the quantity)."""

    title: str
    amount: str
    quantity: str | None
    unit: str | None
    rate: str | None


class Provider(TypedDict):
    """A battery operator as its catalog names it."""

    id: str
    name: str


class Rate(TypedDict):
    """A price per unit, such as ``per-kWh-month``."""

    unit: str
    price: str


class TaxPart(TypedDict):
    """One tax in percent."""

    title: str
    percent: str


class Tax(TypedDict):
    """How the service is taxed."""

    code: str
    parts: list[TaxPart]


class Tariff(TypedDict):
    """A price model."""

    tariff_id: str
    currency: str
    rates: list[Rate]
    tax: Tax


class FreeSlot(TypedDict):
    """What a battery can still take in one interval."""

    start: str
    end: str
    energy_wh: int
    charge_power_w: int
    discharge_power_w: int


class UnitPrice(TypedDict):
    """What a kWh costs, where that is all that is told."""

    per_kwh: str
    currency: str


class Offer(TypedDict):
    """An offer, priced for the searched use. ``reason`` says why it does not fit.

    What its operator does not tell, and what can not be computed without it, is null, and ``lines`` is empty;
    ``unit_price`` is then what is known of the price.
    """

    offer_id: str
    bpp_id: str
    provider: Provider
    item_id: str
    name: str
    fits: bool
    reason: str | None
    total: Amount | None
    cost_per_kwh: str | None
    lines: list[Line]
    distance_m: int | None
    efficiency: str | None
    giveback_wh: int | None
    free_energy_wh: int
    modes: list[DispatchMode]
    rating: str | None
    place: Place
    tariff: Tariff | None
    unit_price: UnitPrice | None
    profile: list[FreeSlot]


class Intent(TypedDict):
    """What was searched for."""

    energy_wh: int
    charge: Window | None
    giveback: Window | None
    near: Place | None
    radius_m: int | None
    mode: DispatchMode | None
    min_power_w: int | None
    max_price: str | None
    min_efficiency: str | None
    polygon: list[Place]
    city_code: str | None
    provider_id: str | None
    provider_name: str | None
    item_id: str | None
    item_name: str | None
    text: str | None
    min_rating: str | None
    sort: SortBy | None


class Failure(TypedDict):
    """Why a request came to nothing."""

    code: str
    message: str
    path: str


class SearchSummary(TypedDict):
    """A search without its offers. ``answers`` is how many platforms have answered, ``pages_missing`` how many pages
    they have announced that have not come yet.
    """

    search_id: str
    created_at: str
    intent: Intent
    answers: int
    pages_missing: int
    error: Failure | None


class Search(SearchSummary):
    """A search with its offers: those that fit first, in the order that was asked for."""

    offers: list[Offer]


class Quote(TypedDict):
    """A price; ``total`` is payable by the producer, negative: to the producer. ``expires_at`` is wire time."""

    quote_id: str
    total: Amount
    lines: list[Line]
    expires_at: str | None


class Negotiation(TypedDict):
    """A price that was offered. ``listed`` is the operator's without bargaining; ``accepted``: the quote is no dearer
    than what was offered; ``rounds_left``: how many more offers the operator answers, None: it does not say.
    """

    offered: Amount
    listed: Amount | None
    accepted: bool | None
    rounds_left: int | None


class Consent(TypedDict):
    """Whether control of charging has to be handed over by a form, and whether it was."""

    required: bool
    url: str | None
    submitted: bool


class Payment(TypedDict):
    """How and when the quote is paid; ``status`` is PAID or NOT-PAID.

    ``reported`` is the reference under which we said that it was paid, while the operator has not found the money.
    """

    type: str
    status: str
    amount: str
    currency: str
    reported: str | None


class Reading(TypedDict):
    """A battery's state as the contract sees it; ``power_w`` is positive while charging.

    ``age_s``: in a contract how old the measurement is now, in a list of readings how old it was when it was sent.
    """

    measured_at: str
    soc_percent: str | None
    stored_wh: int | None
    power_w: int
    energy_in_wh: int
    energy_out_wh: int
    stored_for_order_wh: int
    losses_wh: int
    quality: str
    age_s: int


class Support(TypedDict):
    """Whom to call."""

    phone: str
    email: str
    url: str


TicketKind = Literal["issue", "maintenance", "question", "document-request"]


class TicketNote(TypedDict):
    """One message of a ticket; ``side`` is producer or operator."""

    side: str
    text: str
    at: str


class Ticket(TypedDict):
    """A ticket at the operator's; ``state`` is open, answered or closed."""

    ticket_id: str
    kind: str
    state: str
    subject: str
    updated_at: str
    notes: list[TicketNote]


class InvoiceReference(TypedDict):
    """That there is an invoice."""

    number: str
    due_at: str


class Cancellation(TypedDict):
    """Who ended the contract and why."""

    by_consumer: bool
    reason_id: str
    reason: str
    time: str


class Pending(TypedDict):
    """The request whose answer is awaited."""

    action: str
    message_id: str
    sent_at: str


class Contract(TypedDict):
    """A contract as the producer's platform knows it. ``alerts`` tell what goes otherwise than planned.

    ``others`` are the further batteries of the same order, each with its own amounts, windows, quote, course and
    invoice, in the shape of a contract; what is done is done for all. ``order_total`` is what all are quoted at.
    """

    contract_id: str
    search_id: str
    offer_id: str
    order_id: str | None
    bpp_id: str
    provider: Provider
    item_id: str
    item_name: str
    stage: Stage
    status: str | None
    state: str | None
    energy_wh: int
    charge: Window
    giveback: Window
    giveback_wh: int | None
    transferred_wh: int | None
    mode: DispatchMode
    quote: Quote | None
    negotiation: Negotiation | None
    consent: Consent
    payment: Payment | None
    live: Reading | None
    alerts: list[str]
    tracking_url: str | None
    feedback_url: str | None
    tickets: list[Ticket]
    cancellation_quote: Quote | None
    support: Support | None
    invoice: InvoiceReference | None
    cancellation: Cancellation | None
    pending: Pending | None
    error: Failure | None
    created_at: str
    updated_at: str
    order_total: Amount | None
    others: list[Contract]


class Invoice(TypedDict):
    """An invoice whose bytes have the digest that the operator signed.

    ``differences`` says, one sentence each, what is not as agreed; empty when all of it is. ``document`` is the
    operator's, read as JSON.
    """

    number: str
    due_at: str
    url: str
    digest_sha256: str
    differences: list[str]
    document: dict[str, Any]


class TradeTime(TypedDict):
    """Trade time now, and the three settings that it comes from."""

    trade_time: str
    epoch: str
    started: str
    speed: int
