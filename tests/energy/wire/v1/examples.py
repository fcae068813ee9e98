"""One story as the messages tell it: 300 kWh stored for five days of November 2026, 5 610.90 INR (ENERGY 2.3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from energy import offers
from energy.intervals import Interval, slots
from energy.offers import ContractState, OrderStatus
from energy.searches import Catalog, FreeSlot, Offer, SearchIntent
from energy.tariffs import Usage, lines_total, price
from energy.wire.v1.writer import write
from tests.energy.examples import BATTERY, NOVEMBER, TARIFF, USE, at

PROVIDER = offers.Provider("hebbal-storage", "Hebbal Storage")
LINES = price(TARIFF, Usage(USE.booked, USE.energy_wh, 75_000, USE.energy_wh, 0))
QUOTE = offers.Quote("6f0f2a52-6f0e-4d0c-9c1e-5b1f6f1d2a77", LINES, lines_total(LINES, "INR"), 900)
SEARCH = SearchIntent(
    energy_wh=USE.energy_wh,
    charge=USE.charge,
    giveback=USE.giveback,
    near=BATTERY.place,
    radius_m=12_500,
    mode=offers.DispatchMode.AUTOMATIC,
    min_power_w=50_000,
    max_price=Decimal(100),
    min_efficiency=Decimal("0.85"),
    meter_address="der://meter/producer-7",
)
OFFER = Offer(
    provider=PROVIDER,
    item_id="battery-1",
    name="Hebbal 1",
    place=BATTERY.place,
    meter_address=BATTERY.meter_address,
    modes=(offers.DispatchMode.AUTOMATIC, offers.DispatchMode.MANUAL),
    tariff=TARIFF,
    specification=BATTERY.specification,
    free_energy_wh=380_000,
    min_energy_wh=1_000,
    cancellation=offers.CancellationTerms(Decimal(10)),
    window=USE.booked,
    profile=tuple(
        FreeSlot(slot, 380_000 if slot.start < at(24) else 200_000, 100_000, 80_000)
        for slot in slots(Interval(NOVEMBER, at(48)))
    ),
    rating=Decimal("4.5"),
)
CATALOG = Catalog(PROVIDER, (OFFER,), expires_at=NOVEMBER)
SELECTED = offers.Order(
    PROVIDER, "battery-1", USE, offers.DispatchMode.AUTOMATIC, producer_meter_address="der://meter/producer-7"
)
QUOTED = replace(
    SELECTED,
    item_name="Hebbal 1",
    quote=QUOTE,
    state=ContractState.QUOTED,
    battery_meter_address=BATTERY.meter_address,
    cancellation_terms=offers.CancellationTerms(Decimal(10)),
)
BILLING = offers.Billing(
    "Asha Rao", "asha@example.org", "+91 80 1234 5678", "1 Ring Road, Bengaluru", "29ABCDE1234F1Z5", "29"
)
INITIATED = replace(
    QUOTED,
    billing=BILLING,
    state=ContractState.INITIATED,
    payment=offers.Payment(
        offers.PaymentType.POST_FULFILLMENT, QUOTE.total, False, "payment-1", "https://bpp.example/pay", "HS-0001"
    ),
    form=offers.ConsentForm("https://bpp.example/consent"),
)
CONFIRMED = replace(
    INITIATED,
    order_id="HS-0001",
    status=OrderStatus.ACTIVE,
    state=ContractState.CONFIRMED,
    state_updated_at=NOVEMBER,
    form=offers.ConsentForm("https://bpp.example/consent", "0a8c5a6e-3c9f-4b67-9a35-3a4d4f0a9d11"),
    created_at=NOVEMBER,
    updated_at=NOVEMBER + timedelta(milliseconds=250),
)
LIVE = offers.LiveState(
    measured_at=at(3),
    soc=Decimal("0.712345"),
    stored_wh=338_364,
    power_w=-1_500,
    energy_in_wh=200_000,
    energy_out_wh=0,
    stored_for_order_wh=188_000,
    losses_wh=12_000,
    quality=offers.Quality.FRESH,
    age_s=4,
)
IN_PROGRESS = replace(CONFIRMED, state=ContractState.IN_PROGRESS, live=LIVE)
SETTLED = replace(
    CONFIRMED,
    status=OrderStatus.COMPLETE,
    state=ContractState.SETTLED,
    invoice=offers.InvoiceReference(
        "HS/26-27/0001", "https://bpp.example/invoices/1", "application/json", "ab" * 32, at(24 * 14)
    ),
)
CANCELLED = replace(
    CONFIRMED,
    status=OrderStatus.CANCELLED,
    state=ContractState.CANCELLED,
    cancellation=offers.Cancellation(True, "5", "The grid is down", NOVEMBER),
)

CONTENTS: dict[str, Any] = {
    "search": SEARCH,
    "on_search": CATALOG,
    "select": SELECTED,
    "on_select": QUOTED,
    "init": replace(QUOTED, billing=BILLING),
    "on_init": INITIATED,
    "confirm": replace(INITIATED, form=CONFIRMED.form),
    "on_confirm": CONFIRMED,
    "status": offers.StatusRequest("HS-0001"),
    "on_status": IN_PROGRESS,
    "track": offers.TrackRequest("HS-0001", "https://bap.example/track"),
    "on_track": offers.Tracking("track-1", "https://bpp.example/track/1", True),
    "update": offers.UpdateRequest("HS-0001", "items", 200_000, "battery-1"),
    "on_update": replace(CONFIRMED, state=ContractState.UPDATED),
    "cancel": offers.CancelRequest("HS-0001", "5", "The grid is down"),
    "on_cancel": CANCELLED,
    "rating": offers.RatingRequest("Order", "HS-0001", Decimal("4.5")),
    "on_rating": offers.FeedbackForm("https://bpp.example/feedback"),
    "support": offers.SupportRequest("HS-0001"),
    "on_support": offers.SupportContact(
        "HS-0001", "+91 80 5550 0100", "desk@hebbal.example.in", "https://bpp.example/help"
    ),
}
"""What each of the 20 actions carries in this story."""


def written(action: str) -> dict[str, Any]:
    """The story's message for an action, fresh."""
    return write(action, CONTENTS[action])
