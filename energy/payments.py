"""Payments: money that moved, what it was used for, and what is still to be paid.

A payment is a fact with one amount: positive when it came in, negative when it went out. What it is used for is told by
allocations, which are only ever added:

* ``invoice``: it pays a document. The target is the document's number.
* ``deposit``: it waits for an order's bills (payment term PRE-ORDER). The target is the order.
* ``refund``: it goes back. The target is the reference of the transfer that will carry it; that transfer, once it shows
  in a statement, is a payment with a negative amount and the same target, so the two add up to zero.

At every time ``amount = allocated + open``, nothing of it is used twice, and no document is paid beyond what it asks
for: what is more stays open, which is the payer's credit until a person decides. A mistake is corrected by an
allocation of the opposite amount. When the payer's bank takes money back (a chargeback), all that it had paid is owed
again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from energy.quantities import Money, total


class Way(StrEnum):
    """How money moved."""

    TRANSFER = "bank-transfer"
    UPI = "upi"
    GATEWAY = "gateway"


class State(StrEnum):
    """How far a payment is. Only what is OPEN or USED is money that we have."""

    EXPECTED = "EXPECTED"
    """It was started, by a payment link, and has not come."""
    OPEN = "OPEN"
    """It came, and a part of it or all is not used yet."""
    USED = "USED"
    """It came, and every part of it is allocated."""
    FAILED = "FAILED"
    """It was started and will not come."""
    CHARGED_BACK = "CHARGED_BACK"
    """It came and was taken back."""


class Event(StrEnum):
    """What happens to a payment."""

    ARRIVE = "arrive"
    FAIL = "fail"
    ALLOCATE = "allocate"
    CHARGE_BACK = "charge back"


_HELD = frozenset({State.OPEN, State.USED})
_POSSIBLE = MappingProxyType(
    {
        # A link that had failed may be paid all the same: the payer tried again.
        Event.ARRIVE: frozenset({State.EXPECTED, State.FAILED}),
        Event.FAIL: frozenset({State.EXPECTED}),
        Event.ALLOCATE: _HELD,
        Event.CHARGE_BACK: _HELD,
    }
)


class Use(StrEnum):
    """What a part of a payment is for."""

    INVOICE = "invoice"
    DEPOSIT = "deposit"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class Allocation:
    """A part of a payment; ``target`` as the module says. ``amount`` counts as the payment does."""

    use: Use
    target: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Payment:
    """One movement of money. ``reason`` says why a person is asked about what is open of it."""

    payment_id: str
    way: Way
    amount: Money
    state: State
    allocations: tuple[Allocation, ...] = ()
    reason: str | None = None

    @property
    def used(self) -> Money:
        """What is allocated of it."""
        return total([part.amount for part in self.allocations], self.amount.currency)

    @property
    def open(self) -> Money:
        """What is not; nothing of a payment that we do not have."""
        return self.amount - self.used if self.state in _HELD else Money(0, self.amount.currency)

    def used_for(self, use: Use, target: str) -> Money:
        """What of it is allocated to one target."""
        parts = [part.amount for part in self.allocations if (part.use, part.target) == (use, target)]
        return total(parts, self.amount.currency)


@dataclass(frozen=True, slots=True)
class Due:
    """What a document with its notes still asks for, of ``billed`` in all; negative where the operator has to pay."""

    number: str
    contract_id: str
    billed: Money
    open: Money
    due_at: datetime

    @property
    def is_paid(self) -> bool:
        """Whether nothing is left to pay."""
        return not self.open.amount_minor


class PaymentRefused(Exception):
    """It can not be done with this payment. ``sentence`` says why, for a person."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def arrived(payment: Payment, amount: Money) -> Payment:
    """A payment that was started has come, with what really came.

    Raises:
        PaymentRefused: it came before, or the currency is another.
    """
    _check(payment, Event.ARRIVE)
    if amount.currency != payment.amount.currency:
        raise PaymentRefused(f"{payment.amount.currency} were asked for, and {amount.currency} came.")
    return replace(payment, amount=amount, state=State.OPEN)


def failed(payment: Payment) -> Payment:
    """A payment that was started will not come.

    Raises:
        PaymentRefused: it has come, or is known to have failed.
    """
    _check(payment, Event.FAIL)
    return replace(payment, state=State.FAILED)


def paid(payment: Payment, due: Due, amount: Money | None = None) -> Payment:
    """Pay a document with this much of the payment; None: with as much as both have.

    Raises:
        PaymentRefused: another currency or direction, more than is open of either, or nothing.
    """
    _check(payment, Event.ALLOCATE)
    _check_currency(payment, due.open.currency, f"document {due.number}")
    if due.is_paid:
        raise PaymentRefused(f"Document {due.number} is paid already.")
    if (due.open.amount_minor > 0) != (payment.amount.amount_minor > 0):
        direction = "to be paid to us" if due.open.amount_minor > 0 else "to be paid by us"
        moved = "came in" if payment.amount.amount_minor > 0 else "went out"
        raise PaymentRefused(f"Document {due.number} is {direction}, and this money {moved}.")
    given = amount or _smaller(payment.open, due.open)
    if abs(given.amount_minor) > abs(due.open.amount_minor):
        raise PaymentRefused(f"Document {due.number} asks for {_text(due.open)}, which is less than {_text(given)}.")
    return _with(payment, Allocation(Use.INVOICE, due.number, given))


def released(payment: Payment, number: str) -> Payment:
    """Take back what the payment had paid of a document: that was a mistake.

    Raises:
        PaymentRefused: it pays nothing of that document.
    """
    _check(payment, Event.ALLOCATE)
    given = payment.used_for(Use.INVOICE, number)
    if not given.amount_minor:
        raise PaymentRefused(f"This payment pays nothing of document {number}.")
    return _stated(payment, (*payment.allocations, Allocation(Use.INVOICE, number, -given)))


def deposited(payment: Payment, order_id: str, amount: Money | None = None) -> Payment:
    """Keep this much of the payment for an order's bills; None: all that is open.

    Raises:
        PaymentRefused: the money went out, more than is open, or nothing.
    """
    _check(payment, Event.ALLOCATE)
    _check_came_in(payment)
    return _with(payment, Allocation(Use.DEPOSIT, order_id, amount or payment.open))


def drawn(payment: Payment, order_id: str, due: Due) -> Payment:
    """Pay a document from what was deposited for its order, as far as that goes.

    Raises:
        PaymentRefused: there is no deposit, or the document is not to be paid to us.
    """
    held = payment.used_for(Use.DEPOSIT, order_id)
    if held.amount_minor <= 0:
        raise PaymentRefused(f"This payment holds no deposit for order {order_id}.")
    given = _smaller(held, due.open)
    freed = _stated(payment, (*payment.allocations, Allocation(Use.DEPOSIT, order_id, -given)))
    return paid(freed, due, given)


def undeposited(payment: Payment, order_id: str) -> Payment:
    """What is left of a deposit is the payer's credit again.

    Raises:
        PaymentRefused: there is no deposit.
    """
    _check(payment, Event.ALLOCATE)
    held = payment.used_for(Use.DEPOSIT, order_id)
    if held.amount_minor <= 0:
        raise PaymentRefused(f"This payment holds no deposit for order {order_id}.")
    return _stated(payment, (*payment.allocations, Allocation(Use.DEPOSIT, order_id, -held)))


def refunded(payment: Payment, reference: str, amount: Money | None = None) -> Payment:
    """Send this much back by a transfer with this reference; None: all that is open.

    Raises:
        PaymentRefused: the money went out, more than is open, or nothing.
    """
    _check(payment, Event.ALLOCATE)
    _check_came_in(payment)
    return _with(payment, Allocation(Use.REFUND, reference, amount or payment.open))


def sent_back(payment: Payment, reference: str, owed: Money) -> Payment:
    """Money that went out is the refund with this reference, of which ``owed`` has not gone out yet.

    Raises:
        PaymentRefused: it came in, or another amount or currency is owed.
    """
    _check(payment, Event.ALLOCATE)
    _check_currency(payment, owed.currency, f"refund {reference}")
    if -payment.open.amount_minor != owed.amount_minor:
        raise PaymentRefused(f"Refund {reference} is of {_text(owed)}, and {_text(-payment.open)} went out.")
    return _with(payment, Allocation(Use.REFUND, reference, payment.open))


def charged_back(payment: Payment) -> Payment:
    """The payer's bank took it back: what it paid is owed again.

    Raises:
        PaymentRefused: we do not have it, or a part of it was refunded, so that a person has to look.
    """
    _check(payment, Event.CHARGE_BACK)
    _check_came_in(payment)
    if any(part.use is Use.REFUND for part in payment.allocations):
        raise PaymentRefused("A part of this payment was sent back, and now all of it is taken back: ask the bank.")
    targets = dict.fromkeys((part.use, part.target) for part in payment.allocations)
    undone = (Allocation(use, target, -payment.used_for(use, target)) for use, target in targets)
    kept = tuple(part for part in undone if part.amount.amount_minor)
    return replace(payment, allocations=(*payment.allocations, *kept), state=State.CHARGED_BACK)


def outstanding(billed: Money, allocations: Iterable[Allocation]) -> Money:
    """What a document still asks for, after the allocations to it."""
    return billed - total([part.amount for part in allocations], billed.currency)


def _with(payment: Payment, part: Allocation) -> Payment:
    given, available = part.amount, payment.open
    _check_currency(payment, given.currency, f"{part.use} {part.target}")
    if not given.amount_minor:
        raise PaymentRefused("Nothing of this payment is open.")
    if (given.amount_minor > 0) != (payment.amount.amount_minor > 0):
        raise PaymentRefused(f"An allocation of {_text(payment.amount)} has the same sign.")
    if abs(given.amount_minor) > abs(available.amount_minor):
        raise PaymentRefused(f"Of this payment {_text(available)} are open, which is less than {_text(given)}.")
    return _stated(payment, (*payment.allocations, part))


def _stated(payment: Payment, allocations: tuple[Allocation, ...]) -> Payment:
    changed = replace(payment, allocations=allocations, state=State.OPEN)
    if changed.open.amount_minor:
        return changed
    return replace(changed, state=State.USED, reason=None)


def _check(payment: Payment, event: Event) -> None:
    if payment.state not in _POSSIBLE[event]:
        raise PaymentRefused(f"A payment that is {payment.state} can not {event}.")


def _check_came_in(payment: Payment) -> None:
    if payment.amount.amount_minor <= 0:
        raise PaymentRefused("This money went out.")


def _check_currency(payment: Payment, currency: str, what: str) -> None:
    if currency != payment.amount.currency:
        raise PaymentRefused(f"This payment is in {payment.amount.currency}, and {what} in {currency}.")


def _smaller(one: Money, other: Money) -> Money:
    return min(one, other, key=lambda amount: abs(amount.amount_minor))


def _text(amount: Money) -> str:
    return f"{amount.text} {amount.currency}"
