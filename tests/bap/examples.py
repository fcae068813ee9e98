"""One trade as the producer's tests tell it: an offer, the orders that come of it, and the contract at every stage."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from bap.store.records import Asked, Contract, FoundOffer, Request, Search
from energy.battery import profile
from energy.intervals import slots
from energy.invoices import Invoice, Party, document_bytes, evidence
from energy.metering import MeterInterval, ReadingQuality
from energy.offers import (
    Billing,
    Cancellation,
    CancellationTerms,
    ConsentForm,
    ContractState,
    DispatchMode,
    InvoiceReference,
    LiveState,
    Order,
    OrderStatus,
    Payment,
    PaymentType,
    Place,
    Provider,
    Quality,
    Quote,
    StorageUse,
    UpdateRequest,
)
from energy.searches import FreeSlot, Offer, SearchIntent
from energy.settlement import planned_usage, settle
from energy.tariffs import lines_total, price
from protocol.lifecycle import Stage
from tests.energy.examples import BATTERY, TARIFF, USE, at, hours

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
BPP_ID = "bpp.test"
QUOTE_ID = "9b0f2c44-6f0e-4a7c-8c1d-3e5a7f9b1c44"
BPP_URI = "http://127.0.0.1:4002/beckn"
PROVIDER = Provider("operator", "Bengaluru Storage")
BILLING = Billing("Asha Farms", "asha@farms.example", "+91 80 5550 0100", "Hebbal, Bengaluru", None, "29")
ORDER_ID = "order-1"

INTENT = SearchIntent(
    energy_wh=USE.energy_wh,
    charge=USE.charge,
    giveback=USE.giveback,
    near=Place(Decimal("12.971600"), Decimal("77.594600")),
    radius_m=40_000,
)

OFFER = Offer(
    provider=PROVIDER,
    item_id=BATTERY.battery_id,
    name=BATTERY.name,
    place=BATTERY.place,
    meter_address=BATTERY.meter_address,
    modes=(DispatchMode.AUTOMATIC, DispatchMode.MANUAL),
    tariff=TARIFF,
    specification=BATTERY.specification,
    free_energy_wh=380_000,
    min_energy_wh=1_000,
    cancellation=CancellationTerms(Decimal(10)),
    window=USE.booked,
    profile=(FreeSlot(hours(0, 60), 380_000, 100_000, 80_000), FreeSlot(hours(60, 120), 350_000, 100_000, 80_000)),
)

SEARCH = Search("0f6f1c9e-3f0d-4a63-9f5e-6b1f2f0c9a11", "5d1c7b0a-52f4-4f0e-8f39-0a7c2f6f7c22", NOW, INTENT)
SUBMISSION_ID = "c1f0a6de-8a2b-4d55-b0c5-2f4f9d0e7d33"
FOUND = FoundOffer("offer-1", SEARCH.search_id, BPP_ID, BPP_URI, OFFER)


def quote(use: StorageUse = USE, quote_id: str = QUOTE_ID) -> Quote:
    """The price of a use: 5 610.90 for the example's."""
    lines = price(TARIFF, planned_usage(use, profile(BATTERY, use)))
    return Quote(quote_id, lines, lines_total(lines, TARIFF.currency), 600)


QUOTE = quote()
PAYMENT = Payment(PaymentType.POST_FULFILLMENT, QUOTE.total)
FORM = ConsentForm(f"{BPP_URI}/forms/secret")


def order(**more: Any) -> Order:
    """The order with what every message tells of it."""
    return Order(PROVIDER, BATTERY.battery_id, **{"use": USE, "mode": DispatchMode.AUTOMATIC, **more})


SELECTED = order(quote=QUOTE, state=ContractState.QUOTED, item_name=BATTERY.name)
INITIALISED = replace(SELECTED, payment=PAYMENT, form=FORM, state=ContractState.INITIATED, billing=BILLING)
CONFIRMED = replace(INITIALISED, order_id=ORDER_ID, status=OrderStatus.ACTIVE, state=ContractState.CONFIRMED, form=None)


def live(hour: float = 1, **more: Any) -> LiveState:
    """The battery so many hours into the trade."""
    told: dict[str, Any] = {
        "measured_at": at(hour),
        "soc": Decimal("0.42"),
        "stored_wh": 210_000,
        "power_w": 75_000,
        "energy_in_wh": 75_000,
        "energy_out_wh": 0,
        "stored_for_order_wh": 70_500,
        "losses_wh": 4_500,
        "quality": Quality.FRESH,
        "age_s": 2,
    }
    return LiveState(**(told | more))


def status(hour: float = 1, **more: Any) -> Order:
    """An ``on_status`` while energy moves."""
    return replace(CONFIRMED, state=ContractState.IN_PROGRESS, live=live(hour), **more)


INVOICE = InvoiceReference("BB/26-27/000001", f"{BPP_URI}/invoices/secret", "application/json", "0" * 64, at(480))
CANCELLATION = Cancellation(by_consumer=True, reason_id="5", reason="grid down", time=at(1))
CANCELLED = replace(CONFIRMED, status=OrderStatus.CANCELLED, state=ContractState.CANCELLED, cancellation=CANCELLATION)


def contract(stage: Stage = Stage.NEW, **more: Any) -> Contract:
    """What is remembered of the trade at a stage."""
    told: dict[str, Any] = {}
    if stage is not Stage.NEW:
        told |= {"quote": QUOTE, "quote_expires_at": NOW + timedelta(seconds=600), "state": ContractState.QUOTED}
    if stage not in {Stage.NEW, Stage.SELECTED}:
        told |= {"billing": BILLING, "payment": PAYMENT, "form": FORM, "state": ContractState.INITIATED}
    if stage in {Stage.ACTIVE, Stage.COMPLETE, Stage.CANCELLED}:
        told |= {"order_id": ORDER_ID, "agreed": QUOTE, "status": OrderStatus(stage.value), "told_at": NOW}
        told |= {"state": ContractState.CONFIRMED}
    begun = Contract(
        contract_id=SEARCH.search_id,
        search_id=SEARCH.search_id,
        offer_id=FOUND.offer_id,
        bpp_id=BPP_ID,
        bpp_uri=BPP_URI,
        provider=PROVIDER,
        item_id=OFFER.item_id,
        item_name=OFFER.name,
        use=USE,
        mode=DispatchMode.AUTOMATIC,
        tariff=TARIFF,
        specification=OFFER.specification,
        created_at=NOW,
        updated_at=NOW,
        stage=stage,
    )
    return replace(begun, **(told | more))


def request(action: str, message_id: str = "message-1", **more: Any) -> Request:
    """A request of the contract that waits for its answer."""
    return Request(message_id, SEARCH.search_id, action, more.pop("sent_at", NOW), **more)


def amount_asked(energy_wh: int) -> Asked:
    """What a request for another amount asked."""
    return Asked(update=UpdateRequest(ORDER_ID, "items", energy_wh))


def invoice_bytes(**more: Any) -> bytes:
    """The operator's invoice for the example, of which 288 of 300 kWh came in and 256 were returned."""
    taken = [MeterInterval(slot, 18_000, 0, ReadingQuality.VALID) for slot in slots(USE.charge)]
    returned = [MeterInterval(slot, 0, 16_000, ReadingQuality.VALID) for slot in slots(USE.giveback)]
    settled = settle(TARIFF, USE, profile(BATTERY, USE), (*taken, *returned))
    members: dict[str, Any] = {
        "number": INVOICE.number,
        "issued_at": USE.giveback.end,
        "due_at": INVOICE.due_at,
        "seller": Party("Bengaluru Storage", "Bengaluru", state_code="29"),
        "buyer": Party(BILLING.name, "Hebbal, Bengaluru", state_code="29"),
        "contract_id": ORDER_ID,
        "supply": USE.booked,
        "lines": settled.lines,
        "total": settled.total,
        "currency": TARIFF.currency,
        "service_code": TARIFF.tax.code,
        "evidence": evidence(settled),
    }
    return document_bytes(Invoice(**(members | more)), (*taken, *returned))


def referring_to(document: bytes, url: str) -> InvoiceReference:
    """The signed reference to a document."""
    return replace(INVOICE, url=url, digest_sha256=hashlib.sha256(document).hexdigest())
