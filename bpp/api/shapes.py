"""How contracts, bookings, samples and invoices look in JSON: integers of Wh and W, decimals as texts, times in UTC."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from bpp.capacity import Booking
from bpp.contracts import Contract, PaymentReport
from bpp.desk import Desk
from bpp.store.fleet import Reservation
from bpp.store.money import IssuedInvoice
from energy.intervals import Interval
from energy.metering import Sample
from energy.offers import LiveState, Quote
from energy.quantities import decimal_text
from energy.tariffs import Line
from node.telemetry.sample_json import write_sample
from protocol.moments import timestamp_text


def contract_json(contract: Contract, invoice: IssuedInvoice | None, desk: Desk) -> dict[str, Any]:
    """A contract for its operator. Billing is left out, but for who gave consent: that is what consent is worth."""
    peer, plan, cancellation = contract.peer, contract.profile, contract.cancellation
    return {
        "contract_id": contract.contract_id,
        "order_id": contract.order_id,
        "part_no": contract.part_no,
        "part_count": contract.part_count,
        "transaction_id": peer.transaction_id,
        "bap_id": peer.bap_id,
        "stage": contract.stage.value,
        "state": contract.state.value,
        "state_at": timestamp_text(contract.state_at),
        "battery_id": contract.battery_id,
        "mode": contract.mode.value,
        "energy_wh": contract.use.energy_wh,
        "giveback_wh": plan.giveback_wh,
        "charge": window_json(contract.use.charge) | {"power_w": plan.charge_w},
        "giveback": window_json(contract.use.giveback) | {"power_w": plan.discharge_w},
        "return_wh": contract.use.return_wh,
        "quote": quote_json(contract.quote),
        "consent": _consent_json(contract),
        "created_at": _time(contract.created_at),
        "updated_at": _time(contract.updated_at),
        "cancellation": None
        if cancellation is None
        else {
            "reason_id": cancellation.reason_id,
            "reason": cancellation.reason,
            "time": timestamp_text(cancellation.time),
            "cancelled_by": "CONSUMER" if cancellation.by_consumer else "PROVIDER",
        },
        "payment_report": _report_json(contract.payment_report),
        "live": None if contract.told is None else live_json(contract.told.live),
        "invoice": None if invoice is None else invoice_json(invoice, desk),
        "undelivered": contract.undelivered,
    }


def quote_json(quote: Quote) -> dict[str, Any]:
    """A quote with its breakup."""
    return {
        "quote_id": quote.quote_id,
        "currency": quote.total.currency,
        "total": quote.total.text,
        "lines": [_line_json(line) for line in quote.lines],
    }


def live_json(live: LiveState) -> dict[str, Any]:
    """A live state."""
    return {
        "measured_at": timestamp_text(live.measured_at),
        "soc_percent": _percent(live.soc),
        "stored_wh": live.stored_wh,
        "power_w": live.power_w,
        "energy_in_wh": live.energy_in_wh,
        "energy_out_wh": live.energy_out_wh,
        "stored_for_order_wh": live.stored_for_order_wh,
        "losses_wh": live.losses_wh,
        "quality": live.quality.value,
        "age_s": live.age_s,
    }


def sample_json(sample: Sample) -> dict[str, Any]:
    """A sample as telemetry takes it."""
    return write_sample(sample)


def reservation_json(reservation: Reservation) -> dict[str, Any]:
    """A booking on a battery; ``hold_until`` is wire time, and null for a contract's."""
    booking: Booking = reservation.booking
    return {
        "contract_id": booking.booking_id,
        "charge": window_json(booking.charge) | {"power_w": booking.charge_w},
        "giveback": window_json(booking.giveback) | {"power_w": booking.discharge_w},
        "stored_wh": booking.stored_wh,
        "hold_until": _time(reservation.hold_until),
    }


def invoice_json(invoice: IssuedInvoice, desk: Desk) -> dict[str, Any]:
    """An invoice or a note and where its document is. ``total`` is what the producer owes by it."""
    return {
        "number": invoice.number,
        "kind": invoice.kind.value,
        "corrects": invoice.corrects,
        "contract_id": invoice.contract_id,
        "issued_at": timestamp_text(invoice.issued_at),
        "due_at": timestamp_text(invoice.due_at),
        "currency": invoice.total.currency,
        "total": invoice.total.text,
        "url": desk.url("invoices", invoice.token),
        "digest_sha256": invoice.digest_sha256,
    }


def window_json(window: Interval) -> dict[str, Any]:
    """A window of trade time."""
    return {"start": timestamp_text(window.start), "end": timestamp_text(window.end)}


def _consent_json(contract: Contract) -> dict[str, Any] | None:
    consent = contract.consent
    if consent is None:
        return None
    return {
        "submission_id": consent.submission_id,
        "given_by": consent.given_by,
        "given_at": _time(consent.given_at),
        "agreements": [
            {"page": each.page.value, "at": timestamp_text(each.at), "digest_sha256": each.digest_sha256}
            for each in consent.agreements
        ],
    }


def _report_json(report: PaymentReport | None) -> dict[str, Any] | None:
    """That the other side says it has paid."""
    if report is None:
        return None
    amount = report.amount
    money = {"amount": amount.text, "currency": amount.currency}
    return {"reference": report.reference, **money, "reported_at": timestamp_text(report.at)}


def _line_json(line: Line) -> dict[str, Any]:
    return {
        "title": line.title.value,
        "quantity": None if line.quantity is None else decimal_text(line.quantity),
        "unit": line.unit,
        "rate": None if line.rate is None else decimal_text(line.rate),
        "amount": line.amount.text,
    }


def _percent(share: Decimal | None) -> str | None:
    return None if share is None else decimal_text(share.scaleb(2))


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else timestamp_text(moment)
