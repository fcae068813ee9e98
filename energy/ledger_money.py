"""Money in the ledger: what a document does on the books of the operator and of the producer.

Both sides book the same document (`energy.invoices.document`), which is all that they share: the operator what it is
owed and what it owes, the producer the same the other way. Every line has an account: charges are revenue or costs by
their title, taxes are owed to the tax office or paid to the operator, fees and penalties stand apart. A document that
pays the producer counts the other way round.

What a payment does is `bpp.payments.entries`'.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from energy.invoices import pays_producer
from energy.ledger import WATT_HOURS, Account, Entry, Event, Kind, entry_of
from energy.quantities import Money, kilo_text
from energy.tariffs import TAX_TITLES, LineTitle

STORAGE = "storage"
_FEES = frozenset({LineTitle.CANCELLATION_FEE, LineTitle.LATE_FEE})
_PENALTIES = frozenset({LineTitle.IMBALANCE_PENALTY, LineTitle.RTE_ADJUSTMENT, LineTitle.AVAILABILITY_CREDIT})


def issued(document: Mapping[str, Any], producer: str) -> Entry | None:
    """What a document is on the books of the operator who issued it; None: it is about nothing.

    Raises:
        KeyError, ValueError: it is no invoice document.
        Unbalanced: its lines are not its total.
    """
    owed = Kind.PAYABLE if _pays_by_itself(document) else Kind.RECEIVABLE
    lines = _lines(document, producer, charges=Kind.REVENUE, taxes=Kind.TAX_PAYABLE, sign=-1)
    amounts = {Account(owed, producer): _net_minor(document), **lines}
    return _of_document(document, producer, Event.DOCUMENT_ISSUED, amounts)


def received(document: Mapping[str, Any], operator: str) -> Entry | None:
    """The same on the books of the producer who was sent it. Raises as `issued`."""
    owed = Kind.RECEIVABLE if _pays_by_itself(document) else Kind.PAYABLE
    lines = _lines(document, operator, charges=Kind.COSTS, taxes=Kind.TAX_PAID, sign=1)
    amounts = {Account(owed, operator): -_net_minor(document), **lines}
    return _of_document(document, operator, Event.DOCUMENT_RECEIVED, amounts)


def energy_billed(document: Mapping[str, Any], producer: str, operator: str) -> Entry | None:
    """The energy of a bill on the producer's books: what it generated for storage was consumed later, or lost.

    The producer does not see inside the battery, so its loss is one. Raises `KeyError` as `issued`.
    """
    meter = document["meter"]
    if meter is None:
        return None
    taken_wh, given_wh = int(meter["energy_in_wh"]), int(meter["energy_out_wh"])
    amounts = {
        Account(Kind.GENERATED, producer): -taken_wh,
        Account(Kind.CONSUMED, producer): given_wh,
        Account(Kind.LOST, operator, STORAGE): taken_wh - given_wh,
    }
    sentence = f"Billed in {document['number']}: {kilo_text(taken_wh)} kWh stored, {kilo_text(given_wh)} kWh returned."
    reference = f"energy-of/{operator}/{document['number']}"
    return entry_of(reference, Event.ENERGY_BILLED, document["contract_id"], sentence, amounts, WATT_HOURS)


def _of_document(document: Mapping[str, Any], other: str, event: Event, amounts: Mapping[Account, int]) -> Entry | None:
    currency, done = document["currency"], "issued" if event is Event.DOCUMENT_ISSUED else "received"
    sentence = (
        f"{str(document['document']).capitalize()} {document['number']} over {document['total']} {currency} was {done}."
    )
    reference = f"document/{other}/{document['number']}"
    return entry_of(reference, event, document["contract_id"], sentence, amounts, currency)


def _lines(
    document: Mapping[str, Any], other: str, *, charges: Kind, taxes: Kind, sign: int
) -> defaultdict[Account, int]:
    """The lines by account, counted as debits of who is owed them times ``sign``."""
    amounts: defaultdict[Account, int] = defaultdict(int)
    way = -sign if pays_producer(document) else sign
    for line in document["lines"]:
        title = LineTitle(line["title"])
        amount = Money.parse(line["amount"], document["currency"]).amount_minor
        amounts[Account(_kind_of(title, charges, taxes), other, title.value)] += way * amount
    return amounts


def _kind_of(title: LineTitle, charges: Kind, taxes: Kind) -> Kind:
    if title in TAX_TITLES:
        return taxes
    if title in _FEES:
        return Kind.FEES
    return Kind.PENALTIES if title in _PENALTIES else charges


def _net_minor(document: Mapping[str, Any]) -> int:
    """What the producer owes the operator by it."""
    total = Money.parse(document["total"], document["currency"]).amount_minor
    return -total if pays_producer(document) else total


def _pays_by_itself(document: Mapping[str, Any]) -> bool:
    """Whether the operator has to pay it; a credit note only makes an invoice less."""
    return pays_producer(document) and document.get("corrects") is None
