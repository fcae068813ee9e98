"""Payments and their allocations, what documents still ask for, and the files and events that told of payments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update

from bpp.store.documents import payment_report_of
from bpp.store.payment_tables import allocations, paid_news, payment_events, payments, statements
from bpp.store.rows import insert_into
from bpp.store.tables import contracts, invoices
from energy.invoices import Kind
from energy.payments import Allocation, Due, Payment, State, Use, Way
from energy.quantities import Money
from node.clocks import milliseconds, moment_of
from node.database import lock, notify
from node.personal_columns import opened, sealed
from protocol.lifecycle import Stage

CHANNEL = "payments"
_NOTES = tuple(kind.value for kind in Kind if kind.is_note)


@dataclass(frozen=True, slots=True)
class Booked:
    """A payment as it is stored. ``origin`` and ``source_id`` name it where it came from, and are there once.

    ``asked_for`` is the document or contract that a payment link was made for, ``url`` the link. ``payer`` and
    ``texts`` are personal data.
    """

    payment: Payment
    origin: str
    source_id: str
    booked_at: datetime
    asked_for: str | None = None
    url: str | None = None
    payer: str | None = None
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PastAllocation:
    """An allocation with when it was made (trade time) and by whom."""

    allocation: Allocation
    at: datetime
    made_by: str


# -- payments -----------------------------------------------------------------------------------------------


def add(tx: Connection, booked: Booked, at: datetime, made_by: str) -> bool:
    """Store a payment with its allocations; False when one of its source is there already."""
    payment = booked.payment
    details = orjson.dumps({"name": booked.payer, "texts": booked.texts})
    values = {
        "payment_id": payment.payment_id,
        "origin": booked.origin,
        "source_id": booked.source_id,
        "way": payment.way.value,
        "booked_at_ms": milliseconds(booked.booked_at),
        "asked_for": booked.asked_for,
        "url": booked.url,
        "details": sealed(tx, payments.c.details, payment.payment_id, details),
        **_stated(payment),
    }
    if tx.execute(insert_into(tx, payments).values(values).on_conflict_do_nothing()).rowcount == 0:
        return False
    _add_allocations(tx, payment, 0, at, made_by)
    return True


def save(tx: Connection, before: Payment, after: Payment, at: datetime, made_by: str) -> None:
    """Write what changed of a payment that is `held`: its state, and the allocations that were added."""
    assert after.allocations[: len(before.allocations)] == before.allocations, "allocations are only added"
    tx.execute(update(payments).where(payments.c.payment_id == after.payment_id).values(_stated(after)))
    _add_allocations(tx, after, len(before.allocations), at, made_by)


def note_link(tx: Connection, payment_id: str, url: str) -> None:
    """Where an expected payment can be made."""
    tx.execute(update(payments).where(payments.c.payment_id == payment_id).values(url=url))


def hold(tx: Connection, payment_id: str) -> Booked | None:
    """A payment, which nobody else changes until the transaction ends."""
    lock(tx, payments, [payment_id])
    return find(tx, payment_id)


def find(tx: Connection, payment_id: str) -> Booked | None:
    """A payment."""
    found = _all(tx, payments.c.payment_id == payment_id)
    return found[0] if found else None


def of_source(tx: Connection, origin: str, source_id: str) -> Booked | None:
    """The payment that a source calls so."""
    found = _all(tx, (payments.c.origin == origin) & (payments.c.source_id == source_id))
    return found[0] if found else None


def asked_for(tx: Connection, target: str) -> list[Booked]:
    """The payments that were started for a document or contract."""
    return _all(tx, payments.c.asked_for == target)


def latest(tx: Connection, limit: int, state: State | None = None, after: str | None = None) -> list[Booked]:
    """The payments (of that state), the newest first; those older than the payment ``after``, where it is told."""
    conditions: list[ColumnElement[bool]] = [] if state is None else [payments.c.state == state.value]
    if after is not None:
        last_ms = tx.scalar(select(payments.c.booked_at_ms).where(payments.c.payment_id == after)) or 0
        same = (payments.c.booked_at_ms == last_ms) & (payments.c.payment_id < after)
        conditions.append((payments.c.booked_at_ms < last_ms) | same)
    return _all(tx, *conditions, limit=limit)


def open_ids(tx: Connection) -> list[str]:
    """The payments of which something is open, the oldest first."""
    of_them = select(payments.c.payment_id).where(payments.c.state == State.OPEN.value)
    return list(tx.scalars(of_them.order_by(payments.c.booked_at_ms, payments.c.payment_id)))


def history(tx: Connection, payment_id: str) -> list[PastAllocation]:
    """What a payment was used for, in order."""
    rows = select(allocations).where(allocations.c.payment_id == payment_id).order_by(allocations.c.position)
    return [PastAllocation(_allocation_of(row), moment_of(row.at_ms), row.made_by) for row in tx.execute(rows)]


# -- what is due --------------------------------------------------------------------------------------------


def dues(tx: Connection, numbers: Collection[str] | None = None) -> dict[str, Due]:
    """What documents ask for, with their notes, by number; None: all documents that are no notes."""
    wanted = select(invoices).where(invoices.c.kind.not_in(_NOTES))
    if numbers is not None:
        wanted = wanted.where(invoices.c.number.in_(numbers))
    noted, given = _noted(tx, numbers), _given(tx, numbers)
    found = {}
    for row in tx.execute(wanted.order_by(invoices.c.number)):
        billed = row.total_minor + noted.get(row.number, 0)
        left = billed - given.get(row.number, 0)
        found[row.number] = Due(
            number=row.number,
            contract_id=row.contract_id,
            billed=Money(billed, row.currency),
            open=Money(left, row.currency),
            due_at=moment_of(row.due_at_ms),
        )
    return found


def hold_due(tx: Connection, number: str) -> Due | None:
    """What one document asks for; nobody else pays it until the transaction ends."""
    lock(tx, invoices, [number])
    return dues(tx, [number]).get(number)


def dues_of_order(tx: Connection, order_id: str) -> list[Due]:
    """What the bills of an order ask for, in the order of their numbers."""
    joined = invoices.join(contracts, contracts.c.contract_id == invoices.c.contract_id)
    rows = select(invoices.c.number).select_from(joined)
    numbers = tx.scalars(rows.where(contracts.c.order_id == order_id, invoices.c.kind.not_in(_NOTES))).all()
    return list(dues(tx, numbers).values())


def standing(tx: Connection, number: str) -> tuple[bool, str | None]:
    """Whether a document is paid, and the payment link that there is for what it asks for."""
    due = dues(tx, [number])[number]
    links = [
        booked.url
        for booked in asked_for(tx, number)
        if booked.payment.state is State.EXPECTED and booked.payment.amount == due.open
    ]
    return due.is_paid, links[0] if links else None


def is_deposited(tx: Connection, order_id: str, amount: Money) -> bool:
    """Whether as much is kept for the bills of an order; of an order that costs nothing, nothing is."""
    return 0 < amount.amount_minor <= sum(deposits(tx, order_id).values())


def deposits(tx: Connection, order_id: str) -> dict[str, int]:
    """How much each payment holds for the bills of an order, in minor units."""
    rows = _sums(tx, Use.DEPOSIT, [order_id], allocations.c.payment_id)
    return {payment_id: amount for payment_id, amount in rows.items() if amount > 0}


def owed_refunds(tx: Connection) -> dict[str, Money]:
    """The refunds that have not gone out yet, by their references."""
    left = func.sum(allocations.c.amount_minor)
    rows = select(allocations.c.target, allocations.c.currency, left.label("left"))
    rows = rows.where(allocations.c.purpose == Use.REFUND.value)
    grouped = rows.group_by(allocations.c.target, allocations.c.currency).having(left > 0)
    return {row.target: Money(int(row.left), row.currency) for row in tx.execute(grouped)}


def reported(tx: Connection) -> dict[str, set[str]]:
    """What producers said they paid under: reference → the numbers of the bills that they said it of."""
    joined = contracts.join(invoices, invoices.c.contract_id == contracts.c.contract_id)
    rows = select(contracts.c.payment_report, invoices.c.number).select_from(joined)
    wanted = rows.where(contracts.c.payment_report.is_not(None), invoices.c.kind.not_in(_NOTES))
    found: dict[str, set[str]] = defaultdict(set)
    for row in tx.execute(wanted):
        report = payment_report_of(row.payment_report)
        if report is not None:
            found[report.reference].add(row.number)
    return found


def unbilled(tx: Connection) -> list[str]:
    """The orders that a deposit may be meant for: they have terms, and a contract without a bill."""
    billed = select(invoices.c.contract_id)
    stages = (Stage.INITIALISED.value, Stage.ACTIVE.value)
    wanted = select(contracts.c.order_id).where(contracts.c.stage.in_(stages))
    return list(tx.scalars(wanted.where(contracts.c.contract_id.not_in(billed)).distinct()))


def producers(tx: Connection, ids: Collection[str]) -> dict[str, str]:
    """The producer's platform of each of these contracts and orders."""
    either = contracts.c.contract_id.in_(ids) | contracts.c.order_id.in_(ids)
    rows = tx.execute(select(contracts.c.contract_id, contracts.c.order_id, contracts.c.bap_id).where(either)).all()
    return {row.order_id: row.bap_id for row in rows} | {row.contract_id: row.bap_id for row in rows}


# -- files, events and news ---------------------------------------------------------------------------------


def statement_known(tx: Connection, digest_sha256: str) -> bool:
    """Whether this very file was imported before."""
    return tx.scalar(select(statements.c.name).where(statements.c.digest_sha256 == digest_sha256)) is not None


def add_statement(tx: Connection, digest_sha256: str, name: str, at: datetime, lines: int, new: int) -> None:
    """Note that a file was imported."""
    row = {"digest_sha256": digest_sha256, "name": name[:255], "imported_at_ms": milliseconds(at)}
    tx.execute(insert(statements).values(row | {"line_count": lines, "new_count": new}))


def event_digest(tx: Connection, event_id: str) -> str | None:
    """The digest of the event with this id; None: it never came."""
    found: str | None = tx.scalar(select(payment_events.c.digest_sha256).where(payment_events.c.event_id == event_id))
    return found


def add_event(tx: Connection, event_id: str, kind: str, digest_sha256: str, outcome: str, at: datetime) -> bool:
    """Note an event and what came of it; False: another process noted it at this moment."""
    row = {"event_id": event_id, "kind": kind[:40], "digest_sha256": digest_sha256, "outcome": outcome}
    statement = insert_into(tx, payment_events).values(row | {"received_at_ms": milliseconds(at)})
    return bool(tx.execute(statement.on_conflict_do_nothing()).rowcount)


def note_news(tx: Connection, contract_ids: Iterable[str], at: datetime) -> None:
    """The other sides of these contracts have to hear how their bills stand."""
    for contract_id in sorted(set(contract_ids)):
        row = insert_into(tx, paid_news).values(contract_id=contract_id, noted_at_ms=milliseconds(at))
        tx.execute(row.on_conflict_do_nothing())
        notify(tx, CHANNEL)


def news(tx: Connection) -> list[str]:
    """Whose other sides have to hear."""
    return list(tx.scalars(select(paid_news.c.contract_id).order_by(paid_news.c.noted_at_ms)))


def forget_news(tx: Connection, contract_id: str) -> bool:
    """It is told; False: it was told before."""
    return bool(tx.execute(delete(paid_news).where(paid_news.c.contract_id == contract_id)).rowcount)


# -- how ----------------------------------------------------------------------------------------------------


def _noted(tx: Connection, numbers: Collection[str] | None) -> dict[str, int]:
    rows = select(invoices.c.corrects, func.sum(invoices.c.total_minor)).where(invoices.c.corrects.is_not(None))
    if numbers is not None:
        rows = rows.where(invoices.c.corrects.in_(numbers))
    return {number: int(amount) for number, amount in tx.execute(rows.group_by(invoices.c.corrects))}


def _given(tx: Connection, numbers: Collection[str] | None) -> dict[str, int]:
    return _sums(tx, Use.INVOICE, numbers, allocations.c.target)


def _sums(tx: Connection, use: Use, targets: Collection[str] | None, by: Any) -> dict[str, int]:
    rows = select(by, func.sum(allocations.c.amount_minor)).where(allocations.c.purpose == use.value)
    if targets is not None:
        rows = rows.where(allocations.c.target.in_(targets))
    return {key: int(amount) for key, amount in tx.execute(rows.group_by(by))}


def _stated(payment: Payment) -> dict[str, Any]:
    return {
        "state": payment.state.value,
        "currency": payment.amount.currency,
        "amount_minor": payment.amount.amount_minor,
        "reason": payment.reason,
    }


def _add_allocations(tx: Connection, payment: Payment, known: int, at: datetime, made_by: str) -> None:
    for position, part in enumerate(payment.allocations[known:], start=known):
        tx.execute(
            insert(allocations).values(
                payment_id=payment.payment_id,
                position=position,
                purpose=part.use.value,
                target=part.target,
                currency=part.amount.currency,
                amount_minor=part.amount.amount_minor,
                at_ms=milliseconds(at),
                made_by=made_by[:255],
            )
        )


def _all(tx: Connection, *conditions: ColumnElement[bool], limit: int | None = None) -> list[Booked]:
    wanted = select(payments).where(*conditions).order_by(payments.c.booked_at_ms.desc(), payments.c.payment_id.desc())
    rows = tx.execute(wanted if limit is None else wanted.limit(limit)).all()
    parts = _parts(tx, [row.payment_id for row in rows])
    return [_booked_of(tx, row, parts[row.payment_id]) for row in rows]


def _parts(tx: Connection, payment_ids: Sequence[str]) -> Mapping[str, list[Allocation]]:
    found: dict[str, list[Allocation]] = defaultdict(list)
    wanted = select(allocations).where(allocations.c.payment_id.in_(payment_ids))
    for row in tx.execute(wanted.order_by(allocations.c.payment_id, allocations.c.position)):
        found[row.payment_id].append(_allocation_of(row))
    return found


def _allocation_of(row: Row[Any]) -> Allocation:
    return Allocation(Use(row.purpose), row.target, Money(row.amount_minor, row.currency))


def _booked_of(tx: Connection, row: Row[Any], parts: Sequence[Allocation]) -> Booked:
    details = orjson.loads(opened(tx, payments.c.details, row.payment_id, row.details))
    amount = Money(row.amount_minor, row.currency)
    payment = Payment(row.payment_id, Way(row.way), amount, State(row.state), tuple(parts), row.reason)
    return Booked(
        payment=payment,
        origin=row.origin,
        source_id=row.source_id,
        booked_at=moment_of(row.booked_at_ms),
        asked_for=row.asked_for,
        url=row.url,
        payer=details["name"],
        texts=tuple(details["texts"]),
    )
