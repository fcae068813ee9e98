"""A payment gateway: links to pay at, and its signed events, which are applied once each.

The gateway's API takes ``POST /payment-links`` with reference, amount and currency under an ``Idempotency-Key``, and
answers ``payment_id`` and ``url``. Its events are Standard Webhooks (`energy.payment_webhooks`) of these types:
``payment.captured``, ``payment.failed``, ``payment.charged_back``, ``payment.refunded``. Of an event only its ids, its
amount and its reference are kept, beside the digest of its bytes: no card data can get into the database by it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

import orjson
from sqlalchemy import Connection

from bpp.payments.booking import GATEWAY, Book, Came, open_book, payment_id_of
from bpp.payments.port import Instructions
from bpp.payments.settings import GatewaySettings
from bpp.store import payments as store
from energy.payment_webhooks import WebhookRefused
from energy.payments import Due, Payment, PaymentRefused, State, Way, arrived, failed, refunded
from energy.quantities import Money, QuantityError
from node.client import PeerClient
from node.clocks import Now
from node.database import Database
from protocol.errors import Diagnosis, PeerFailed
from protocol.urls import same_origin

MADE_BY = "the payment gateway"
_ID_LENGTH_MAX = 100
_TEXT_LENGTH_MAX = 140
_LINK_LENGTH_MAX = 2_000


@dataclass(frozen=True, slots=True)
class GatewayEvent:
    """One event. ``refund_id`` is the refund's own id, where it is about one."""

    event_id: str
    kind: str
    payment_id: str
    amount: Money
    reference: str
    refund_id: str
    digest_sha256: str


@dataclass(frozen=True, slots=True)
class GatewayPort:
    """The adapter; ``now`` is trade time."""

    settings: GatewaySettings
    client: PeerClient
    database: Database
    now: Now

    async def instructions(self, due: Due) -> Instructions | None:
        """A link for what is open of a document; the same link as long as the amount is the same.

        Raises:
            PeerFailed: the gateway can not be reached, or makes no link.
        """
        if due.open.amount_minor <= 0:
            return None
        _, known = await self.database.read(lambda tx: store.standing(tx, due.number))
        url = known or await self._made(due)
        return Instructions(Way.GATEWAY, due.number, url=url, code=url)

    async def _made(self, due: Due) -> str:
        asked = {"reference": due.number, "amount": due.open.text, "currency": due.open.currency}
        headers = {
            "Authorization": f"Bearer {self.settings.key}",
            "Idempotency-Key": payment_id_of(GATEWAY, f"{due.number}:{due.open.amount_minor}:{due.open.currency}"),
        }
        url = f"{self.settings.url.rstrip('/')}/payment-links"
        answer = await self.client.post(url, orjson.dumps(asked), headers)
        content = answer.json()
        told = content if isinstance(content, dict) else {}
        link_id, link = str(told.get("payment_id", "")), str(told.get("url", ""))
        if answer.status not in {200, 201} or not (_is_id(link_id) and _is_link(link, url)):
            raise PeerFailed(
                f"{url} made no payment link: status {answer.status}.",
                Diagnosis("payment-link", url, "payment_id and url", f"status {answer.status}"),
            )
        at = self.now()

        def note(tx: Connection) -> None:
            payment = Payment(payment_id_of(GATEWAY, link_id), Way.GATEWAY, due.open, State.EXPECTED)
            with open_book(tx, at, MADE_BY) as book:
                came = Came(GATEWAY, link_id, Way.GATEWAY, due.open, at, (due.number,))
                if book.add(payment, came, due.number):
                    store.note_link(tx, payment.payment_id, link)

        await self.database.write(note)
        return link


def read_event(event_id: str, body: bytes) -> GatewayEvent:
    """An event whose signature was verified.

    Raises:
        WebhookRefused: it is not in the gateway's form.
    """
    try:
        content = orjson.loads(body)
        data = content["data"]
        event = GatewayEvent(
            event_id=event_id,
            kind=str(content["type"]),
            payment_id=data["payment_id"],
            amount=Money.parse(data["amount"], data["currency"]),
            reference=str(data.get("reference") or "")[:_TEXT_LENGTH_MAX],
            refund_id=str(data.get("refund_id") or "")[:_ID_LENGTH_MAX],
            digest_sha256=hashlib.sha256(body).hexdigest(),
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, QuantityError) as error:
        raise WebhookRefused(f"The event can not be read: {type(error).__name__} {error}.") from None
    if not _is_id(event.payment_id) or event.amount.amount_minor <= 0:
        raise WebhookRefused("The event needs a payment_id, and an amount above zero.")
    return event


def apply(tx: Connection, event: GatewayEvent, at: datetime) -> str:
    """Do once what the event tells, and note what came of it; ``at`` is trade time.

    Raises:
        WebhookRefused: another event came under this id.
    """
    known = store.event_digest(tx, event.event_id)
    if known is not None:
        if known != event.digest_sha256:
            raise WebhookRefused("Another event came under this id before.")
        return "It came before, and changed nothing now."
    applied = _APPLIED.get(event.kind)
    if applied is None:
        outcome = "Events of this type are not used."
    else:
        with open_book(tx, at, MADE_BY) as book:
            outcome = _outcome(applied, tx, book, event, at)
    store.add_event(tx, event.event_id, event.kind, event.digest_sha256, outcome, at)
    return outcome


Apply = Callable[[Connection, Book, GatewayEvent, datetime], str]


def _outcome(applied: Apply, tx: Connection, book: Book, event: GatewayEvent, at: datetime) -> str:
    """What came of it; what can not be done is left to a person, and the gateway needs not send it again."""
    try:
        return applied(tx, book, event, at)
    except PaymentRefused as refusal:
        return f"Left to a person: {refusal.sentence}"


def _captured(tx: Connection, book: Book, event: GatewayEvent, at: datetime) -> str:
    known = store.of_source(tx, GATEWAY, event.payment_id)
    if known is None:
        tally = book.take([_came(event, event.payment_id, event.amount, at)])
        return "It was matched by its reference." if tally.used else "It was parked for a person."
    payment_id = known.payment.payment_id
    book.change(payment_id, lambda payment: arrived(payment, event.amount))
    try:
        after = book.allocate(payment_id, known.asked_for or "")
    except PaymentRefused as refusal:
        sentence = refusal.sentence
        book.change(payment_id, lambda payment: _parked(payment, sentence))
        return f"It was parked for a person: {sentence}"
    if after.payment.open.amount_minor:
        sentence = f"It is more than document {known.asked_for} asks for."
        book.change(payment_id, lambda payment: _parked(payment, sentence))
        return f"It was parked for a person: {sentence}"
    return f"It pays document {known.asked_for}."


def _failed(tx: Connection, book: Book, event: GatewayEvent, at: datetime) -> str:
    book.change(_known(tx, event), failed)
    return "It will not come."


def _charged_back(tx: Connection, book: Book, event: GatewayEvent, at: datetime) -> str:
    book.charge_back(_known(tx, event))
    return "It was taken back, and what it paid is owed again."


def _refunded(tx: Connection, book: Book, event: GatewayEvent, at: datetime) -> str:
    """The gateway has sent money back: a refund that was decided here, or one that was decided at the gateway's."""
    if not event.refund_id:
        raise PaymentRefused("The refund has no refund_id.")
    owed = store.owed_refunds(tx)
    if event.reference not in owed:
        book.change(_known(tx, event), lambda payment: refunded(payment, event.refund_id, event.amount))
    came = _came(event, event.refund_id, -event.amount, at)
    tally = book.take([came])
    return "It was sent back." if tally.used else "What was sent back was parked for a person."


def _known(tx: Connection, event: GatewayEvent) -> str:
    known = store.of_source(tx, GATEWAY, event.payment_id)
    if known is None:
        raise PaymentRefused(f"There is no payment {event.payment_id} of the gateway here.")
    return known.payment.payment_id


def _came(event: GatewayEvent, source_id: str, amount: Money, at: datetime) -> Came:
    texts = tuple(text for text in (event.reference, event.refund_id) if text)
    return Came(GATEWAY, source_id, Way.GATEWAY, amount, at, texts)


def _parked(payment: Payment, sentence: str) -> Payment:
    return Payment(payment.payment_id, payment.way, payment.amount, payment.state, payment.allocations, sentence)


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _ID_LENGTH_MAX


def _is_link(link: str, gateway_url: str) -> bool:
    """Whether producers can be sent there: by TLS, or to the gateway itself however it is reached."""
    return len(link) <= _LINK_LENGTH_MAX and (link.startswith("https://") or same_origin(link, gateway_url))


_APPLIED: MappingProxyType[str, Apply] = MappingProxyType(
    {
        "payment.captured": _captured,
        "payment.failed": _failed,
        "payment.charged_back": _charged_back,
        "payment.refunded": _refunded,
    }
)
