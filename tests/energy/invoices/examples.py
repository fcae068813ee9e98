"""The invoice of the worked example (ENERGY 2.3): 300 kWh for five days, CGST and SGST."""

from __future__ import annotations

from energy.battery import profile
from energy.intervals import slots
from energy.invoices import Invoice, Party, evidence
from energy.metering import MeterInterval, ReadingQuality
from energy.offers import StorageUse
from energy.settlement import Settlement, settle
from energy.tariffs import Tariff
from tests.energy.examples import BATTERY, TARIFF, USE, at

SELLER = Party("Hebbal Storage", "1 Ring Road, Bengaluru", "29AAAAA0000A1Z5", "29", "bills@storage.example")
BUYER = Party("Rooftop Growers", "2 Lake View, Bengaluru", state_code="29")
INTERVALS = (
    *(MeterInterval(slot, 18_750, 0, ReadingQuality.VALID) for slot in slots(USE.charge)),
    *(MeterInterval(slot, 0, 16_484, ReadingQuality.DERIVED) for slot in slots(USE.giveback)),
)
SETTLEMENT = settle(TARIFF, USE, profile(BATTERY, USE), INTERVALS)


def invoice_of(settlement: Settlement, tariff: Tariff = TARIFF, use: StorageUse = USE) -> Invoice:
    return Invoice(
        number="BB/26-27/000001",
        issued_at=at(120),
        due_at=at(120 + 360),
        seller=SELLER,
        buyer=BUYER,
        contract_id="contract-1",
        supply=use.booked,
        lines=settlement.lines,
        total=settlement.total,
        currency=tariff.currency,
        service_code=tariff.tax.code,
        evidence=evidence(settlement),
    )


INVOICE = invoice_of(SETTLEMENT)
