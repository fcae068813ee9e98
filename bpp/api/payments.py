"""The operator's API of money: payments, what is parked, what is due, statements, and the gateway's events.

Amounts are decimal texts in major units with their currency. What can not be done with a payment is 409, with the
reason.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from aiohttp import web
from sqlalchemy import Connection

from bpp.api.requests import limit_of
from bpp.desk import Desk
from bpp.payments.booking import Book, open_book
from bpp.payments.gateway import GatewayPort, apply, read_event
from bpp.payments.port import Instructions, PaymentPort, TransferPort, UpiPort
from bpp.payments.statements import Form, Imported, import_into, read
from bpp.store import payments as store
from bpp.store.payments import Booked, PastAllocation
from energy.payment_matching import alike
from energy.payment_webhooks import WebhookRefused, verify
from energy.payments import Due, PaymentRefused, State
from energy.quantities import Money, QuantityError
from energy.statements import StatementUnreadable
from node.callers import caller_of
from node.openapi import body, query
from node.problems import Problem, json_object, json_response
from node.server import PREFIX
from protocol.moments import timestamp_text

T = TypeVar("T")

_TEXT = {"type": "string"}
_AMOUNT = {"type": "string", "examples": ["2366.27"]}
_DAY = timedelta(days=1)


class PaymentsApi:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_routes(self, app: web.Application, prefix: str) -> None:
        """Register the routes; the gateway's events stand below ``/beckn``, before its catch-all."""
        one = f"{prefix}/payments/{{payment_id}}"
        app.router.add_get(f"{prefix}/payments", self._list)
        app.router.add_get(f"{prefix}/payments/unmatched", self._unmatched)
        app.router.add_get(f"{prefix}/payments/dues", self._dues)
        app.router.add_get(f"{prefix}/payments/instructions", self._instructions)
        app.router.add_post(f"{prefix}/payments/statements", self._import)
        app.router.add_post(f"{prefix}/payments/match", self._match)
        app.router.add_get(one, self._show)
        app.router.add_post(f"{one}/allocate", self._allocate)
        app.router.add_post(f"{one}/release", self._release)
        app.router.add_post(f"{one}/deposit", self._deposit)
        app.router.add_post(f"{one}/undeposit", self._undeposit)
        app.router.add_post(f"{one}/refund", self._refund)
        app.router.add_post(f"{one}/charge-back", self._charge_back)
        app.router.add_post(f"{PREFIX}/payments/{{adapter}}", self._event)

    # -- reading ------------------------------------------------------------------------------------------

    @query(limit={"type": "integer"}, state={"enum": [state.value for state in State]}, after=_TEXT)
    async def _list(self, request: web.Request) -> web.Response:
        """List the payments, the newest first; those older than the payment ``after``."""
        limit, state, after = limit_of(request), request.query.get("state"), request.query.get("after")
        if state is not None and state not in set(State):
            raise Problem(400, "Invalid query", f"state must be one of {', '.join(State)}.")
        wanted = None if state is None else State(state)
        found = await self._desk.database.read(lambda tx: store.latest(tx, limit, wanted, after))
        return json_response({"payments": [payment_json(booked) for booked in found]})

    async def _unmatched(self, request: web.Request) -> web.Response:
        """List what is open of payments, why, and which documents ask for exactly that."""
        limit = limit_of(request)
        found, dues = await self._desk.database.read(
            lambda tx: (store.latest(tx, limit, State.OPEN), list(store.dues(tx).values()))
        )
        rows = [
            payment_json(booked) | {"may_be_for": [due_json(due) for due in alike(booked.payment, dues)]}
            for booked in found
        ]
        return json_response({"payments": rows})

    async def _dues(self, _request: web.Request) -> web.Response:
        """List what is not paid yet, the longest overdue first, in ageing classes of 30 days."""
        now = self._desk.moment().trade
        dues = await self._desk.database.read(lambda tx: list(store.dues(tx).values()))
        unpaid = sorted((due for due in dues if not due.is_paid), key=lambda due: (due.due_at, due.number))
        rows = [due_json(due) | {"overdue_days": max(0, (now - due.due_at) // _DAY)} for due in unpaid]
        return json_response({"dues": rows})

    async def _show(self, request: web.Request) -> web.Response:
        """Show one payment with the history of what it was used for."""
        payment_id = request.match_info["payment_id"]
        booked, past = await self._desk.database.read(
            lambda tx: (store.find(tx, payment_id), store.history(tx, payment_id))
        )
        if booked is None:
            raise Problem(404, "Not found", f"There is no payment {payment_id[:64]} here.")
        return json_response(payment_json(booked) | {"history": [_past_json(each) for each in past]})

    @query(number=_TEXT)
    async def _instructions(self, request: web.Request) -> web.Response:
        """Tell every way to pay a document; with a gateway, a payment link is made."""
        number = request.query.get("number", "")
        due = (await self._desk.database.read(lambda tx: store.dues(tx, [number]))).get(number)
        if due is None:
            raise Problem(404, "Not found", f"There is no document {number[:40]!r} to pay.")
        ways = [await port.instructions(due) for port in ports_of(self._desk)]
        return json_response(due_json(due) | {"ways": [_way_json(way) for way in ways if way is not None]})

    # -- deciding -----------------------------------------------------------------------------------------

    @query(format={"enum": [form.value for form in Form]}, name=_TEXT)
    async def _import(self, request: web.Request) -> web.Response:
        """Import a bank statement: its bytes are the body.

        ``format`` is camt.053 or csv (columns as the settings name them). A file that can not be read as a whole is
        refused with the line; one that came before, or lines of it, change nothing.
        """
        form = request.query.get("format", Form.CAMT053.value)
        if form not in set(Form):
            raise Problem(400, "Invalid query", f"format must be {' or '.join(Form)}.")
        content, columns = await request.read(), self._desk.settings.payments.csv
        try:
            statements = read(content, Form(form), columns)
        except StatementUnreadable as error:
            raise Problem(422, "Statement unreadable", f"Nothing was taken: {error}.") from None
        name, at = request.query.get("name", "statement"), self._desk.moment().trade
        done = await self._desk.database.write(lambda tx: import_into(tx, statements, content, name, at))
        return json_response(imported_json(done), 200 if done.again else 201)

    async def _match(self, request: web.Request) -> web.Response:
        """Match what is parked once more, by the documents and reports that there are now."""
        tally = await self._book(request, lambda book: book.match_again())
        return json_response({"used": tally.used, "parked": tally.parked})

    @body({"type": "object", "properties": {"number": _TEXT, "amount": _AMOUNT}, "required": ["number"]})
    async def _allocate(self, request: web.Request) -> web.Response:
        """Pay a document with a payment: with as much as both have, or with this amount."""
        content, payment_id = await _members(request, {"number", "amount"}), request.match_info["payment_id"]
        number, amount = _text(content, "number"), await self._amount(content, payment_id)
        return await self._changed(request, lambda book: book.allocate(payment_id, number, amount))

    @body({"type": "object", "properties": {"number": _TEXT}, "required": ["number"]})
    async def _release(self, request: web.Request) -> web.Response:
        """Take back what a payment paid of a document."""
        number, payment_id = _text(await _members(request, {"number"}), "number"), request.match_info["payment_id"]
        return await self._changed(request, lambda book: book.release(payment_id, number))

    @body({"type": "object", "properties": {"order_id": _TEXT, "amount": _AMOUNT}, "required": ["order_id"]})
    async def _deposit(self, request: web.Request) -> web.Response:
        """Keep money for the bills of an order that are to come."""
        content, payment_id = await _members(request, {"order_id", "amount"}), request.match_info["payment_id"]
        order_id, amount = _text(content, "order_id"), await self._amount(content, payment_id)
        return await self._changed(request, lambda book: book.deposit(payment_id, order_id, amount))

    @body({"type": "object", "properties": {"order_id": _TEXT}, "required": ["order_id"]})
    async def _undeposit(self, request: web.Request) -> web.Response:
        """Make what is left of a deposit the payer's credit."""
        content, payment_id = await _members(request, {"order_id"}), request.match_info["payment_id"]
        order_id = _text(content, "order_id")
        return await self._changed(request, lambda book: book.undeposit(payment_id, order_id))

    @body({"type": "object", "properties": {"amount": _AMOUNT}})
    async def _refund(self, request: web.Request) -> web.Response:
        """Send money back: the answer's ``reference`` is what the transfer has to carry."""
        content, payment_id = await _members(request, {"amount"}), request.match_info["payment_id"]
        amount = await self._amount(content, payment_id)
        booked, reference = await self._book(request, lambda book: book.refund(payment_id, amount))
        return json_response(payment_json(booked) | {"reference": reference})

    async def _charge_back(self, request: web.Request) -> web.Response:
        """Note that the payer's bank took a payment back."""
        payment_id = request.match_info["payment_id"]
        return await self._changed(request, lambda book: book.charge_back(payment_id))

    async def _event(self, request: web.Request) -> web.Response:
        """Take an event of the payment gateway, signed as Standard Webhooks are."""
        gateway = self._desk.settings.payments.gateway
        if gateway is None or request.match_info["adapter"] != "gateway":
            raise Problem(404, "Not found", "There is no such payment adapter here.")
        content, moment = await request.read(), self._desk.moment()
        try:
            event_id = verify(gateway.secret, request.headers, content, int(moment.wire.timestamp()))
        except WebhookRefused as refusal:
            raise Problem(401, "Event refused", refusal.sentence) from None
        try:
            event = read_event(event_id, content)
            outcome = await self._desk.database.write(lambda tx: apply(tx, event, moment.trade))
        except WebhookRefused as refusal:
            raise Problem(409, "Event refused", refusal.sentence) from None
        return json_response({"event_id": event_id, "outcome": outcome})

    # -- how --------------------------------------------------------------------------------------------------

    async def _amount(self, content: dict[str, Any], payment_id: str) -> Money | None:
        """The amount in the payment's currency; None where none is told."""
        if content.get("amount") is None:
            return None
        booked = await self._desk.database.read(lambda tx: store.find(tx, payment_id))
        if booked is None:
            raise Problem(404, "Not found", f"There is no payment {payment_id[:64]} here.")
        try:
            return Money.parse(_text(content, "amount"), booked.payment.amount.currency)
        except QuantityError as error:
            raise Problem(422, "Invalid request", f"/amount: {error}.") from None

    async def _changed(self, request: web.Request, change: Callable[[Book], Booked]) -> web.Response:
        return json_response(payment_json(await self._book(request, change)))

    async def _book(self, request: web.Request, use: Callable[[Book], T]) -> T:
        at, made_by = self._desk.moment().trade, caller_of(request).name

        def write(tx: Connection) -> T:
            with open_book(tx, at, made_by) as book:
                return use(book)

        try:
            return await self._desk.database.write(write)
        except PaymentRefused as refusal:
            raise Problem(409, "Payment refused", refusal.sentence) from None


def ports_of(desk: Desk) -> tuple[PaymentPort, ...]:
    """The adapters that the settings have."""
    pay_to, payments = desk.settings.invoicing.pay_to, desk.settings.payments
    found: list[PaymentPort] = [] if pay_to is None else [UpiPort(pay_to), TransferPort(pay_to)]
    if payments.gateway is not None:
        clocks = desk.participant.clocks
        found.append(GatewayPort(payments.gateway, desk.participant.client, desk.database, clocks.trade))
    return tuple(found)


def payment_json(booked: Booked) -> dict[str, Any]:
    """A payment."""
    payment = booked.payment
    return {
        "payment_id": payment.payment_id,
        "way": payment.way.value,
        "origin": booked.origin,
        "source_id": booked.source_id,
        "state": payment.state.value,
        "amount": payment.amount.text,
        "open": payment.open.text,
        "currency": payment.amount.currency,
        "booked_at": timestamp_text(booked.booked_at),
        "payer": booked.payer,
        "texts": list(booked.texts),
        "reason": payment.reason,
        "asked_for": booked.asked_for,
        "url": booked.url,
        "allocations": [
            {"use": part.use.value, "target": part.target, "amount": part.amount.text} for part in payment.allocations
        ],
    }


def due_json(due: Due) -> dict[str, Any]:
    """What a document asks for."""
    return {
        "number": due.number,
        "contract_id": due.contract_id,
        "currency": due.billed.currency,
        "billed": due.billed.text,
        "open": due.open.text,
        "due_at": timestamp_text(due.due_at),
    }


def imported_json(done: Imported) -> dict[str, Any]:
    """What an import did."""
    tally = done.tally
    return {
        "lines": done.lines,
        "known": tally.known,
        "new": tally.new,
        "used": tally.used,
        "parked": tally.parked,
        "matched_earlier": done.matched_earlier,
        "again": done.again,
    }


def _past_json(past: PastAllocation) -> dict[str, Any]:
    part = past.allocation
    return {
        "use": part.use.value,
        "target": part.target,
        "amount": part.amount.text,
        "at": timestamp_text(past.at),
        "made_by": past.made_by,
    }


def _way_json(way: Instructions) -> dict[str, Any]:
    return {
        "way": way.way.value,
        "reference": way.reference,
        "url": way.url,
        "code": way.code,
        "details": way.details,
    }


async def _members(request: web.Request, known: set[str]) -> dict[str, Any]:
    content = await json_object(request) if request.can_read_body else {}
    unknown = sorted(content.keys() - known)
    if unknown:
        raise Problem(422, "Invalid request", f"/{unknown[0][:40]}: this member is not known here.")
    return content


def _text(content: dict[str, Any], name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 64:
        raise Problem(422, "Invalid request", f"/{name}: write a text of 1 to 64 characters.")
    return value
