"""What the ledger is told of payments: one entry for each allocation, made of what it is for.

Money comes to the bank, or leaves it, and the other side is what is owed: the producer's bill or the operator's, a
deposit, or a refund that was promised. An allocation that takes an earlier one back counts the other way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlalchemy import Connection

from bpp.store import payments as store
from energy.ledger import Account, Entry, Event, Kind, entry_of
from energy.payments import Allocation, Due, Payment, State, Use

_EVENTS = {Use.INVOICE: Event.PAYMENT, Use.DEPOSIT: Event.DEPOSIT, Use.REFUND: Event.REFUND}
_UNKNOWN_PAYER = "unknown payer"


def entries_of(tx: Connection, payment: Payment, known: int, dues: Mapping[str, Due]) -> Iterator[Entry]:
    """The entries for all allocations of a payment but the first ``known``; ``dues`` are the documents it pays."""
    contract_of = {number: due.contract_id for number, due in dues.items()}
    targets = [contract_of.get(part.target, part.target) for part in payment.allocations]
    producers = store.producers(tx, targets)
    whose = [(target, producers[target]) for target in targets if target in producers]
    for position, part in enumerate(payment.allocations[known:], start=known):
        target = targets[position]
        found = (target, producers[target]) if target in producers else (whose or [(target, _UNKNOWN_PAYER)])[-1]
        entry = _entry(payment, position, part, *found, dues.get(part.target))
        if entry is not None:
            yield entry


def _entry(
    payment: Payment, position: int, part: Allocation, contract_id: str, producer: str, due: Due | None
) -> Entry | None:
    minor, currency = part.amount.amount_minor, part.amount.currency
    other = {Use.DEPOSIT: Kind.DEPOSITS, Use.REFUND: Kind.REFUNDS, Use.INVOICE: Kind.RECEIVABLE}[part.use]
    if due is not None and due.billed.amount_minor < 0:
        other = Kind.PAYABLE
    is_charged_back = payment.state is State.CHARGED_BACK
    event = Event.CHARGEBACK if is_charged_back else _EVENTS[part.use]
    amounts = {Account(Kind.BANK, producer): minor, Account(other, producer): -minor}
    done = "taken back" if (minor > 0) != (payment.amount.amount_minor > 0) else "booked"
    sentence = f"{part.amount.text} {currency} were {done} for {part.use.value} {part.target}."
    return entry_of(f"payment/{payment.payment_id}/{position}", event, contract_id, sentence, amounts, currency)
