"""What the API says: records of the store as the JSON of `bap.shapes`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bap import shapes
from bap.matching import RankedOffer, rank
from bap.monitoring import SILENT_S, alerts
from bap.store.records import Contract, Failure, FoundOffer, Request, Search, Ticket
from energy.battery import profile
from energy.intervals import Interval
from energy.offers import Cancellation, ConsentForm, LiveState, Payment, Place, Provider, Quote, SupportContact
from energy.quantities import Money, decimal_text, total
from energy.searches import FreeSlot, SearchIntent, UnitPrice
from energy.tariffs import Line, Tariff
from protocol.lifecycle import Stage
from protocol.moments import timestamp_text


def search_summary(search: Search) -> shapes.SearchSummary:
    """A search without its offers."""
    return {
        "search_id": search.search_id,
        "created_at": timestamp_text(search.created_at),
        "intent": _intent(search.intent),
        "answers": search.answers,
        "pages_missing": search.pages_missing,
        "error": _failure(search.error),
    }


def search_json(search: Search, found: Sequence[FoundOffer]) -> shapes.Search:
    """A search with its offers, ranked by what this use costs."""
    by_offer = {id(one.offer): one for one in found}
    ranked = rank(search.intent, [one.offer for one in found])
    return {**search_summary(search), "offers": [_offer(one, by_offer[id(one.offer)]) for one in ranked]}


def contract_json(contract: Contract, pending: Request | None, trade_now: datetime, speed: int) -> shapes.Contract:
    """A contract; ``trade_now`` and the clock's ``speed`` say how old its live state is."""
    return {
        "contract_id": contract.contract_id,
        "search_id": contract.search_id,
        "offer_id": contract.offer_id,
        "order_id": contract.order_id,
        "bpp_id": contract.bpp_id,
        "provider": _provider(contract.provider),
        "item_id": contract.item_id,
        "item_name": contract.item_name,
        "stage": contract.stage.value,
        "status": None if contract.status is None else contract.status.value,
        "state": None if contract.state is None else contract.state.value,
        "energy_wh": contract.use.energy_wh,
        "charge": window(contract.use.charge),
        "giveback": window(contract.use.giveback),
        "giveback_wh": _giveback_wh(contract),
        "transferred_wh": contract.transferred_wh,
        "mode": contract.mode.value,
        "quote": _quote(contract.quote, contract.quote_expires_at),
        "negotiation": _negotiation(contract),
        "consent": _consent(contract.form),
        "payment": _payment(contract.payment),
        "live": None if contract.live is None else _live_now(contract.live, trade_now),
        "alerts": _alerts(contract, trade_now, speed),
        "tracking_url": contract.tracking_url,
        "feedback_url": contract.feedback_url,
        "tickets": [ticket_json(ticket) for ticket in contract.tickets],
        "cancellation_quote": _quote(contract.cancellation_quote, None),
        "support": _support(contract.support),
        "invoice": _invoice(contract),
        "cancellation": _cancellation(contract.cancellation),
        "pending": _pending(pending),
        "error": _failure(contract.error),
        "created_at": timestamp_text(contract.created_at),
        "updated_at": timestamp_text(contract.updated_at),
        "order_total": _order_total(contract),
        "others": [contract_json(part, None, trade_now, speed) for part in contract.others],
    }


def reading(live: LiveState) -> shapes.Reading:
    """A live state as it was told."""
    return {
        "measured_at": timestamp_text(live.measured_at),
        "soc_percent": None if live.soc is None else decimal_text(live.soc * 100),
        "stored_wh": live.stored_wh,
        "power_w": live.power_w,
        "energy_in_wh": live.energy_in_wh,
        "energy_out_wh": live.energy_out_wh,
        "stored_for_order_wh": live.stored_for_order_wh,
        "losses_wh": live.losses_wh,
        "quality": live.quality.value,
        "age_s": live.age_s,
    }


def window(interval: Interval) -> shapes.Window:
    """An interval."""
    return {"start": timestamp_text(interval.start), "end": timestamp_text(interval.end)}


def _window(interval: Interval | None) -> shapes.Window | None:
    return None if interval is None else window(interval)


def _live_now(live: LiveState, trade_now: datetime) -> shapes.Reading:
    age_s = max(live.age_s, (trade_now - live.measured_at) // timedelta(seconds=1))
    return {**reading(live), "age_s": age_s}


def _giveback_wh(contract: Contract) -> int | None:
    """What comes back by plan; None where the offer told no battery."""
    battery = contract.specification
    return None if battery is None else profile(battery, contract.use).giveback_wh


def _alerts(contract: Contract, trade_now: datetime, speed: int) -> list[str]:
    if contract.live is None or contract.stage is not Stage.ACTIVE:
        return []
    found = alerts(contract.use, _giveback_wh(contract), contract.live, trade_now, SILENT_S * speed)
    return [alert.sentence for alert in found]


def _intent(intent: SearchIntent) -> shapes.Intent:
    return {
        "energy_wh": intent.energy_wh,
        "charge": _window(intent.charge),
        "giveback": _window(intent.giveback),
        "near": None if intent.near is None else _place(intent.near),
        "radius_m": intent.radius_m,
        "mode": None if intent.mode is None else intent.mode.value,
        "min_power_w": intent.min_power_w,
        "max_price": None if intent.max_price is None else decimal_text(intent.max_price),
        "min_efficiency": None if intent.min_efficiency is None else decimal_text(intent.min_efficiency),
        "polygon": [_place(corner) for corner in intent.polygon],
        "city_code": intent.city_code,
        "provider_id": intent.provider_id,
        "provider_name": intent.provider_name,
        "item_id": intent.item_id,
        "item_name": intent.item_name,
        "text": intent.text,
        "min_rating": None if intent.min_rating is None else decimal_text(intent.min_rating),
        "sort": None if intent.sort is None else intent.sort.value,
    }


def _offer(ranked: RankedOffer, found: FoundOffer) -> shapes.Offer:
    offer = ranked.offer
    return {
        "offer_id": found.offer_id,
        "bpp_id": found.bpp_id,
        "provider": _provider(offer.provider),
        "item_id": offer.item_id,
        "name": offer.name,
        "fits": ranked.fits,
        "reason": ranked.reason,
        "total": None if ranked.total is None else _money(ranked.total),
        "cost_per_kwh": None if ranked.cost_per_kwh is None else decimal_text(ranked.cost_per_kwh),
        "lines": [_line(line) for line in ranked.lines],
        "distance_m": ranked.distance_m,
        "efficiency": None if ranked.efficiency is None else decimal_text(ranked.efficiency),
        "giveback_wh": ranked.giveback_wh,
        "free_energy_wh": offer.free_energy_wh,
        "modes": [mode.value for mode in offer.modes],
        "rating": None if offer.rating is None else decimal_text(offer.rating),
        "place": _place(offer.place),
        "tariff": None if offer.tariff is None else _tariff(offer.tariff),
        "unit_price": None if offer.unit_price is None else _unit_price(offer.unit_price),
        "profile": [_slot(slot) for slot in offer.profile],
    }


def _slot(slot: FreeSlot) -> shapes.FreeSlot:
    return {
        **window(slot.interval),
        "energy_wh": slot.energy_wh,
        "charge_power_w": slot.charge_power_w,
        "discharge_power_w": slot.discharge_power_w,
    }


def _tariff(tariff: Tariff) -> shapes.Tariff:
    parts: list[shapes.TaxPart] = [
        {"title": part.title.value, "percent": decimal_text(part.percent)} for part in tariff.tax.parts
    ]
    return {
        "tariff_id": tariff.tariff_id,
        "currency": tariff.currency,
        "rates": [{"unit": rate.unit.value, "price": decimal_text(rate.price)} for rate in tariff.rates],
        "tax": {"code": tariff.tax.code, "parts": parts},
    }


def _unit_price(price: UnitPrice) -> shapes.UnitPrice:
    return {"per_kwh": decimal_text(price.per_kwh), "currency": price.currency}


def _provider(provider: Provider) -> shapes.Provider:
    return {"id": provider.provider_id, "name": provider.name}


def _place(place: Place) -> shapes.Place:
    return {"latitude": decimal_text(place.latitude), "longitude": decimal_text(place.longitude)}


def _money(money: Money) -> shapes.Amount:
    return {"amount": money.text, "currency": money.currency}


def _line(line: Line) -> shapes.Line:
    return {
        "title": line.title.value,
        "amount": line.amount.text,
        "quantity": None if line.quantity is None else decimal_text(line.quantity),
        "unit": line.unit,
        "rate": None if line.rate is None else decimal_text(line.rate),
    }


def _quote(quote: Quote | None, expires_at: datetime | None) -> shapes.Quote | None:
    if quote is None:
        return None
    return {
        "quote_id": quote.quote_id,
        "total": _money(quote.total),
        "lines": [_line(line) for line in quote.lines],
        "expires_at": None if expires_at is None else timestamp_text(expires_at),
    }


def _order_total(contract: Contract) -> shapes.Amount | None:
    """What all batteries of the order are quoted at; None while one has no quote."""
    totals = [part.quote.total for part in contract.each if part.quote is not None]
    if len(totals) < len(contract.each):
        return None
    return _money(total(totals, totals[0].currency))


def _negotiation(contract: Contract) -> shapes.Negotiation | None:
    found, quote = contract.negotiation, contract.quote
    if found is None:
        return None
    return {
        "offered": _money(found.offered),
        "listed": None if found.listed is None else _money(found.listed),
        "accepted": None if quote is None else quote.total <= found.offered,
        "rounds_left": found.rounds_left,
    }


def _consent(form: ConsentForm | None) -> shapes.Consent:
    if form is None:
        return {"required": False, "url": None, "submitted": False}
    return {"required": form.required, "url": form.url, "submitted": form.submission_id is not None}


def _payment(payment: Payment | None) -> shapes.Payment | None:
    if payment is None:
        return None
    return {
        "type": payment.payment_type.value,
        "status": "PAID" if payment.paid else "NOT-PAID",
        "amount": payment.amount.text,
        "currency": payment.amount.currency,
        "reported": payment.reported,
    }


def _support(support: SupportContact | None) -> shapes.Support | None:
    return None if support is None else {"phone": support.phone, "email": support.email, "url": support.url}


def ticket_json(ticket: Ticket) -> shapes.Ticket:
    """A ticket as the operator told it."""
    return {
        "ticket_id": ticket.ticket_id,
        "kind": ticket.kind,
        "state": ticket.state,
        "subject": ticket.subject,
        "updated_at": ticket.updated_at,
        "notes": [{"side": note.side, "text": note.text, "at": note.at} for note in ticket.notes],
    }


def _invoice(contract: Contract) -> shapes.InvoiceReference | None:
    invoice = contract.invoice
    return None if invoice is None else {"number": invoice.number, "due_at": timestamp_text(invoice.due_at)}


def _cancellation(cancellation: Cancellation | None) -> shapes.Cancellation | None:
    if cancellation is None:
        return None
    return {
        "by_consumer": cancellation.by_consumer,
        "reason_id": cancellation.reason_id,
        "reason": cancellation.reason,
        "time": timestamp_text(cancellation.time),
    }


def _pending(request: Request | None) -> shapes.Pending | None:
    if request is None:
        return None
    return {"action": request.action, "message_id": request.message_id, "sent_at": timestamp_text(request.sent_at)}


def _failure(failure: Failure | None) -> shapes.Failure | None:
    return None if failure is None else {"code": failure.code, "message": failure.message, "path": failure.path}
