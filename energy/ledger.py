"""The ledger: double entry in whole numbers, of money and of energy alike.

The rules:

1. An entry moves amounts between accounts. A debit is positive, a credit negative, and in each unit (``"Wh"`` or a
   currency) the postings of an entry add up to zero. So all accounts of a ledger add up to zero, always.
2. An entry is never changed. What was wrong is taken back by a reversal, which has the same postings the other way,
   and booked anew. A reversal is not reversed.
3. An entry has a reference that says what it was made from, and there is one entry of each reference. Whoever books
   the same thing twice books it once.
4. Amounts are integers: watt-hours, and minor units of a currency.

Accounts tell by their kind what lies on them and by their owner whose it is. What energy does in a battery is in
`energy.ledger_lots`, what a document or a payment does in `energy.ledger_money`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

WATT_HOURS = "Wh"
REVERSED = "/reversed"


class Kind(StrEnum):
    """What lies on an account. A debit balance (positive) is had, lost or spent; a credit balance is owed or earned."""

    # Money.
    BANK = "bank"
    IN_TRANSIT = "payments-in-transit"
    RECEIVABLE = "receivable"
    PAYABLE = "payable"
    DEPOSITS = "deposits"
    REFUNDS = "refunds"
    REVENUE = "revenue"
    FEES = "fees"
    PENALTIES = "penalties"
    COSTS = "costs"
    TAX_PAYABLE = "tax-payable"
    TAX_PAID = "tax-paid"
    # Energy.
    GENERATED = "generated"
    IN_STORE = "in-store"
    SET_ASIDE = "set-aside"
    LOST = "lost"
    RETURNED = "returned"
    CONSUMED = "consumed"
    OWN = "own"


class Event(StrEnum):
    """What an entry was made for."""

    ENERGY_MOVED = "energy-moved"
    LOSS_PROVEN = "loss-proven"
    LOT_CLOSED = "lot-closed"
    DOCUMENT_ISSUED = "document-issued"
    DOCUMENT_RECEIVED = "document-received"
    ENERGY_BILLED = "energy-billed"
    DEPOSIT = "deposit"
    PAYMENT = "payment"
    REFUND = "refund"
    CHARGEBACK = "chargeback"
    REVERSAL = "reversal"


class Unbalanced(ValueError):
    """An entry whose debits are not its credits."""


@dataclass(frozen=True, slots=True, order=True)
class Account:
    """One account: ``owner`` is a subscriber id or a battery, ``detail`` a lot, a line's title, or how it was lost."""

    kind: Kind
    owner: str
    detail: str = ""

    @property
    def name(self) -> str:
        """How it is shown: ``"lost/battery-1/standing"``."""
        return "/".join(part for part in (self.kind.value, self.owner, self.detail) if part)


@dataclass(frozen=True, slots=True)
class Posting:
    """An amount on an account: a debit is positive, a credit negative. ``unit`` is ``"Wh"`` or a currency."""

    account: Account
    amount: int
    unit: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. ``sentence`` says to a person what happened; ``reverses`` is the reference that it takes back.

    Raises:
        Unbalanced: the postings of a unit do not add up to zero.
        ValueError: nothing is posted, or a posting of nothing.
    """

    reference: str
    event: Event
    contract_id: str
    sentence: str
    postings: tuple[Posting, ...]
    reverses: str | None = None

    def __post_init__(self) -> None:
        if not self.postings or any(posting.amount == 0 for posting in self.postings):
            raise ValueError(f"entry {self.reference} posts nothing")
        for unit, left in sums(self.postings).items():
            if left:
                raise Unbalanced(f"entry {self.reference} does not balance: {left} {unit} are left over")


def entry_of(
    reference: str, event: Event, contract_id: str, sentence: str, amounts: Mapping[Account, int], unit: str
) -> Entry | None:
    """The entry that posts these amounts; None when all of them are zero.

    Raises:
        Unbalanced: they do not add up to zero.
    """
    postings = tuple(Posting(account, amount, unit) for account, amount in amounts.items() if amount)
    return Entry(reference, event, contract_id, sentence, postings) if postings else None


def reversal(entry: Entry) -> Entry:
    """The entry that takes ``entry`` back.

    Raises:
        ValueError: it is a reversal itself; book anew what it took back.
    """
    if entry.reverses is not None:
        raise ValueError(f"entry {entry.reference} is a reversal, which is not reversed")
    return Entry(
        reference=entry.reference + REVERSED,
        event=Event.REVERSAL,
        contract_id=entry.contract_id,
        sentence=f"Taken back: {entry.sentence}",
        postings=tuple(Posting(each.account, -each.amount, each.unit) for each in entry.postings),
        reverses=entry.reference,
    )


def standing(entries: Iterable[Entry]) -> list[Entry]:
    """The entries that were not taken back, and no reversals, in their order."""
    kept = list(entries)
    taken_back = {entry.reverses for entry in kept if entry.reverses is not None}
    return [entry for entry in kept if entry.reverses is None and entry.reference not in taken_back]


def balances(entries: Iterable[Entry]) -> dict[tuple[Account, str], int]:
    """What lies on each account in each unit; accounts that are empty again stay, with 0."""
    found: dict[tuple[Account, str], int] = defaultdict(int)
    for entry in entries:
        for posting in entry.postings:
            found[posting.account, posting.unit] += posting.amount
    return dict(found)


def sums(postings: Iterable[Posting]) -> dict[str, int]:
    """What the postings of each unit add up to."""
    found: dict[str, int] = defaultdict(int)
    for posting in postings:
        found[posting.unit] += posting.amount
    return dict(found)
