"""The book of payments: what is done with it in one transaction leaves it as it must be, or unchanged.

Money that comes is matched at once by the references that it names; what is not certain is parked with the reason.
Whose bill becomes paid, or is not any more, is noted for `bpp.payments.news` to tell. Nothing here reads a clock or
makes a random id: a payment's id follows from where it came from, so the same line or event is never booked twice.

Locks are taken in the order documents, payments, ledger. What the ledger is told is `bpp.payments.entries`; money that
is parked is not in it, since nobody knows yet whose it is.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from bpp.payments.entries import entries_of
from bpp.store import payments as store
from bpp.store.payments import Booked
from energy.ledger import Entry
from energy.payment_matching import match, named, plain, without_cards
from energy.payments import (
    Due,
    Payment,
    PaymentRefused,
    State,
    Use,
    Way,
    charged_back,
    deposited,
    drawn,
    paid,
    refunded,
    released,
    sent_back,
    undeposited,
)
from energy.quantities import Money
from node import ledger

STATEMENT = "statement"
GATEWAY = "gateway"
BY_RULE = "matching by reference"
_NAMESPACE = uuid.UUID("5b0f3a52-9d0e-4c43-8f0e-6f2f6f3f4d11")

Change = Callable[[Payment], Payment]


@dataclass(frozen=True, slots=True)
class Came:
    """Money that moved, as a source tells it; ``source_id`` names it there, once and for ever."""

    origin: str
    source_id: str
    way: Way
    amount: Money
    booked_at: datetime
    texts: tuple[str, ...] = ()
    payer: str | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of a batch: ``known`` had come before; of the new ones some are used and some parked."""

    known: int = 0
    used: int = 0
    parked: int = 0

    @property
    def new(self) -> int:
        """How many came for the first time."""
        return self.used + self.parked

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.known + other.known, self.used + other.used, self.parked + other.parked)


def payment_id_of(origin: str, source_id: str) -> str:
    """The id of the payment that a source calls so."""
    return str(uuid.uuid5(_NAMESPACE, f"{origin}:{source_id}"))


@contextmanager
def open_book(tx: Connection, at: datetime, made_by: str = BY_RULE) -> Iterator[Book]:
    """The book for this transaction, at trade time ``at``; when it is closed, the ledger is told."""
    book = Book(tx, at, made_by)
    yield book
    ledger.book(tx, at, book.entries)


class Book:
    """See the module; get one from `open_book`. What can not be done raises `PaymentRefused` and changes nothing."""

    def __init__(self, tx: Connection, at: datetime, made_by: str) -> None:
        self._tx = tx
        self._at = at
        self._made_by = made_by
        self.entries: list[Entry] = []

    # -- what came ------------------------------------------------------------------------------------------

    def take(self, came: Iterable[Came]) -> Tally:
        """Book what came, each of it once, and match it."""
        register, tally = Register(self._tx), Tally()
        for one in came:
            payment = Payment(payment_id_of(one.origin, one.source_id), one.way, one.amount, State.OPEN)
            register.hold(one.texts)
            if self.add(payment, one):
                tally += self._match(register, payment, one.texts)
            else:
                tally += Tally(known=1)
        return tally

    def add(self, payment: Payment, one: Came, asked_for: str | None = None) -> bool:
        """Store a payment as it came, without a number of a card in it; False: it is there already."""
        texts = tuple(without_cards(text) for text in one.texts)
        payer = None if one.payer is None else without_cards(one.payer)
        booked = Booked(payment, one.origin, one.source_id, one.booked_at, asked_for, payer=payer, texts=texts)
        return store.add(self._tx, booked, self._at, self._made_by)

    def match_again(self) -> Tally:
        """Match what is parked once more: an invoice may have been issued since, or a payment reported."""
        register, tally = Register(self._tx), Tally()
        for payment_id in store.open_ids(self._tx):
            seen = store.find(self._tx, payment_id)
            if seen is None or seen.payment.allocations:
                # What a person has begun to divide is the person's to finish.
                continue
            register.hold(seen.texts)
            if self._held(payment_id).payment == seen.payment:
                tally += self._match(register, seen.payment, seen.texts)
        return tally

    # -- what a person decides ------------------------------------------------------------------------------

    def allocate(self, payment_id: str, number: str, amount: Money | None = None) -> Booked:
        """Pay a document: as much as both have, or this much."""
        due = store.hold_due(self._tx, number)
        if due is None:
            raise PaymentRefused(f"There is no document {number[:40]} to pay.")
        return self.change(payment_id, lambda payment: paid(payment, due, amount))

    def release(self, payment_id: str, number: str) -> Booked:
        """Undo what `allocate` or a match did."""
        store.hold_due(self._tx, number)
        return self.change(payment_id, lambda payment: released(payment, number))

    def deposit(self, payment_id: str, order_id: str, amount: Money | None = None) -> Booked:
        """Keep money for the bills of an order."""
        if order_id not in store.unbilled(self._tx):
            raise PaymentRefused(f"Order {order_id[:40]} is none that has a bill to come.")
        return self.change(payment_id, lambda payment: deposited(payment, order_id, amount))

    def undeposit(self, payment_id: str, order_id: str) -> Booked:
        """Make what is left of a deposit the payer's credit."""
        return self.change(payment_id, lambda payment: undeposited(payment, order_id))

    def refund(self, payment_id: str, amount: Money | None = None) -> tuple[Booked, str]:
        """Decide that money goes back; the reference that the transfer has to carry.

        The transfer is made at the bank or the gateway; when it shows there, it is matched by that reference.
        """
        known = self._held(payment_id)
        count = sum(part.use is Use.REFUND for part in known.payment.allocations) + 1
        reference = f"RF{payment_id.replace('-', '')[:12].upper()}{count}"
        return self.change(payment_id, lambda payment: refunded(payment, reference, amount)), reference

    def charge_back(self, payment_id: str) -> Booked:
        """The payer's bank took it back."""
        known = store.find(self._tx, payment_id)
        for number in sorted(set() if known is None else _numbers(known.payment)):
            store.hold_due(self._tx, number)
        return self.change(payment_id, charged_back)

    # -- deposits -------------------------------------------------------------------------------------------

    def draw_deposits(self, order_id: str) -> None:
        """Pay the bills of an order from what was deposited for it; what no bill will need is the payer's credit."""
        for due in store.dues_of_order(self._tx, order_id):
            for payment_id in sorted(store.deposits(self._tx, order_id)):
                self._draw(payment_id, order_id, due.number)
        if order_id not in store.unbilled(self._tx):
            for payment_id in sorted(store.deposits(self._tx, order_id)):
                self.undeposit(payment_id, order_id)

    def _draw(self, payment_id: str, order_id: str, number: str) -> None:
        due = store.hold_due(self._tx, number)
        assert due is not None, "a document is never deleted"
        if due.open.amount_minor > 0:
            self.change(payment_id, lambda payment: drawn(payment, order_id, due))

    # -- how ------------------------------------------------------------------------------------------------

    def change(self, payment_id: str, change: Change) -> Booked:
        """Change a payment in any way that `energy.payments` has."""
        known = self._held(payment_id)
        after = change(known.payment)
        self._save(known.payment, after)
        return replace(known, payment=after)

    def _match(self, register: Register, payment: Payment, texts: tuple[str, ...]) -> Tally:
        after = register.matched(payment, texts)
        if after != payment:
            self._save(payment, after)
        return Tally(used=1) if after.state is State.USED else Tally(parked=1)

    def _save(self, before: Payment, after: Payment) -> None:
        numbers = _numbers(after)
        was = store.dues(self._tx, numbers)
        store.save(self._tx, before, after, self._at, self._made_by)
        now = store.dues(self._tx, numbers)
        turned = [due.contract_id for due in now.values() if due.is_paid != was[due.number].is_paid]
        store.note_news(self._tx, turned, self._at)
        self.entries += entries_of(self._tx, after, len(before.allocations), now)

    def _held(self, payment_id: str) -> Booked:
        known = store.hold(self._tx, payment_id)
        if known is None:
            raise PaymentRefused(f"There is no payment {payment_id[:40]}.")
        return known


class Register:
    """What payments may be for, read once for a batch; a document that is named is held and read again."""

    def __init__(self, tx: Connection) -> None:
        self._tx = tx
        self._dues: dict[str, Due] = store.dues(tx)
        self._refunds = {plain(reference): reference for reference in store.owed_refunds(tx)}
        reported = {plain(reference): numbers for reference, numbers in store.reported(tx).items()}
        self._known = {reference: min(numbers) for reference, numbers in reported.items() if len(numbers) == 1}
        self._known |= {plain(due.contract_id): due.number for due in self._dues.values()}
        self._known |= {plain(number): number for number in self._dues}
        self._unbilled = {plain(order_id): order_id for order_id in store.unbilled(tx)}

    def hold(self, texts: Iterable[str]) -> None:
        """Nobody else pays the documents that these texts name until the transaction ends."""
        for number in sorted(self._named(texts, self._known)):
            due = store.hold_due(self._tx, number)
            assert due is not None, "a document is never deleted"

    def matched(self, payment: Payment, texts: tuple[str, ...]) -> Payment:
        """The payment with what it certainly is for, or with the reason why a person is asked."""
        if payment.amount.amount_minor < 0:
            references = self._named(texts, self._refunds)
            if len(references) == 1:
                return self._sent_back(payment, references.pop())
        numbers = self._named(texts, self._known)
        if not numbers and payment.amount.amount_minor > 0:
            meant = self._named(texts, self._unbilled)
            if len(meant) == 1:
                return deposited(payment, meant.pop())
        found = match(payment, texts, self._known, store.dues(self._tx, numbers))
        return replace(found.payment, reason=found.parked)

    def _sent_back(self, payment: Payment, reference: str) -> Payment:
        owed = store.owed_refunds(self._tx).get(reference, Money(0, payment.amount.currency))
        try:
            return sent_back(payment, reference, owed)
        except PaymentRefused as refusal:
            return replace(payment, reason=refusal.sentence)

    def _named(self, texts: Iterable[str], known: dict[str, str]) -> set[str]:
        return {name for text in texts for name in named(text, known)}


def deposit_of(tx: Connection, order_id: str, currency: str) -> Money:
    """How much is kept for the bills of an order."""
    return Money(sum(store.deposits(tx, order_id).values()), currency)


def _numbers(payment: Payment) -> set[str]:
    return {part.target for part in payment.allocations if part.use is Use.INVOICE}
