"""What must hold, told from the databases alone: after every commit (`always`), and when all is calm (`finally_`).

`tests.faults` asks the same of the files that real processes leave (`Rows`).

The capacity check is written anew here, so that a fault in `bpp.capacity` does not excuse itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import orjson

from protocol import signing
from protocol.actions import Role
from protocol.errors import PeerFailed
from tests.energy.examples import BATTERY
from tests.simulation.disks import Disk

EXPECTED_ERRORS = (PeerFailed,)
"""What may be logged with a traceback: the registry or a peer could not be asked."""
_TWICE = "SELECT action, message_id, count(*) FROM outbox WHERE {} GROUP BY destination, action, message_id, {}"
_SLOT_MS = 900_000
_COMMITTED = (
    "SELECT battery_id, charge_start_ms, charge_end_ms, giveback_start_ms, giveback_end_ms, charge_w, discharge_w, "
    "stored_wh FROM bookings WHERE state = 'COMMITTED'"
)


class Rows(Protocol):
    """A participant's database, past all product code."""

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a query gives."""


def is_stored(disk: Disk, body: bytes) -> bool:
    """Whether the inbox has these bytes."""
    return bool(disk.rows("SELECT id FROM inbox WHERE digest = ?", signing.digest(body)))


def is_idle(role: Role, disk: Disk) -> bool:
    """Whether nothing is left to decide, to send, or to carry out."""
    waiting = (
        "SELECT (SELECT count(*) FROM inbox WHERE state = 'PENDING') + "
        "(SELECT count(*) FROM outbox WHERE state = 'PENDING')"
    )
    left = disk.rows(waiting)[0][0]
    if role is Role.BPP:
        left += disk.rows("SELECT count(*) FROM contracts WHERE stage = 'ACTIVE'")[0][0]
    return bool(left == 0)


def always(role: Role, disk: Rows) -> Iterator[str]:
    """What does not hold in one participant's database; nothing when all is well."""
    callbacks = "action LIKE 'on_%' AND coalesce_key IS NULL"
    for action, message_id, count in disk.rows(f"{_TWICE.format(callbacks, 'body')} HAVING count(*) > 1"):
        yield f"{action} {message_id} is in the outbox {count} times"
    yield from _ledger(disk)
    if role is Role.BPP:
        yield from _answered_twice(disk)
        yield from _oversold(disk)
        yield from _bookings_and_contracts(disk)
        yield from _invoices(disk)
        yield from _documents_are_booked(disk)


def finally_(disks: Mapping[str, Disk], acks: Sequence[tuple[str, bytes]]) -> Iterator[str]:
    """What does not hold once all is calm."""
    for name, body in acks:
        yield from _carried_out(name, disks[name], body)
    for name in ("bap-1", "bap-2"):
        yield from agreement(name, disks[name], disks["bpp"])


def facts(disks: Mapping[str, Disk]) -> dict[str, int]:
    """How much happened, so that a run that does nothing shows."""
    counted = {
        "contracts": "SELECT count(*) FROM contracts",
        "orders": "SELECT count(*) FROM contracts WHERE created_at_ms IS NOT NULL",
        "invoices": "SELECT count(*) FROM invoices",
        "dead": "SELECT count(*) FROM outbox WHERE state = 'DEAD'",
        "sent": "SELECT count(*) FROM outbox WHERE state = 'SENT'",
        "received": "SELECT count(*) FROM inbox",
    }
    return {name: disks["bpp"].rows(query)[0][0] for name, query in counted.items()}


# -- at every moment ------------------------------------------------------------------------------------------


def _answered_twice(disk: Rows) -> Iterator[str]:
    # A request has one answer, and it is written with the request's end in one transaction.
    query = (
        "SELECT i.action, i.message_id, i.state, count(o.id) FROM inbox i LEFT JOIN outbox o "
        "ON o.message_id = i.message_id AND o.action = 'on_' || i.action GROUP BY i.id"
    )
    for action, message_id, state, answers in disk.rows(query):
        if answers > 1:
            yield f"{action} {message_id} was carried out {answers} times"
        elif answers == 1 and state != "DONE":
            yield f"{action} {message_id} is answered but {state}"
        elif answers == 0 and state == "DONE" and action != "search":
            yield f"{action} {message_id} is done without an answer"


def _oversold(disk: Rows) -> Iterator[str]:
    by_battery: dict[str, list[Any]] = {}
    for battery_id, *booking in disk.rows(_COMMITTED):
        by_battery.setdefault(battery_id, []).append(booking)
    for battery_id, booked in by_battery.items():
        for at in {edge for booking in booked for edge in booking[:4]}:
            stored = sum(one[6] for one in booked if one[0] <= at < one[3])
            charging = sum(one[4] for one in booked if one[0] <= at < one[1])
            returning = sum(one[5] for one in booked if one[2] <= at < one[3])
            limits = (BATTERY.usable_energy_wh, BATTERY.charge_power_w, BATTERY.discharge_power_w)
            if any(used > limit for used, limit in zip((stored, charging, returning), limits, strict=True)):
                yield f"{battery_id} is sold twice: {stored} Wh, {charging} W, {returning} W at {at}"


def _bookings_and_contracts(disk: Rows) -> Iterator[str]:
    rows = disk.rows(
        "SELECT c.contract_id, c.stage, c.state_at_ms, b.state, b.charge_start_ms, b.giveback_end_ms "
        "FROM contracts c LEFT JOIN bookings b ON b.booking_id = c.contract_id"
    )
    for contract_id, stage, state_at_ms, state, start_ms, end_ms in rows:
        if stage == "CANCELLED" and state == "COMMITTED":
            # What had happened stays booked, to the end of that quarter of an hour, and one that stands for its return.
            if not (start_ms <= state_at_ms and end_ms <= state_at_ms + 2 * _SLOT_MS):
                yield f"contract {contract_id} was cancelled, but what was to come is still booked"
        elif (stage in {"ACTIVE", "COMPLETE"}) != (state == "COMMITTED"):
            yield f"contract {contract_id} is {stage}, but its booking {state}"


def _invoices(disk: Rows) -> Iterator[str]:
    [(issued,)] = disk.rows("SELECT count(*) FROM invoices")
    [(numbers,)] = disk.rows("SELECT coalesce(sum(last_number), 0) FROM invoice_series")
    if issued != numbers:
        yield f"{issued} invoices are issued, {numbers} numbers used"
    billed = "SELECT c.contract_id, c.stage, count(i.number) FROM contracts c {} JOIN invoices i USING (contract_id) {}"
    settled = billed.format("LEFT", "WHERE c.stage = 'COMPLETE' GROUP BY c.contract_id HAVING count(i.number) <> 1")
    # A contract that was cancelled may cost something.
    other = billed.format("", "WHERE c.stage <> 'COMPLETE' GROUP BY c.contract_id")
    for contract_id, stage, count in [*disk.rows(settled), *disk.rows(other)]:
        if stage != "CANCELLED" or count > 1:
            yield f"contract {contract_id} is {stage} and has {count} invoices"


def _ledger(disk: Rows) -> Iterator[str]:
    """The ledger balances: its accounts add up to zero, and the entries are those that the accounts show."""
    for unit, left in disk.rows("SELECT unit, sum(amount) FROM ledger_balances GROUP BY unit HAVING sum(amount) <> 0"):
        yield f"the ledger does not balance: {left} {unit} are left over"
    told: dict[tuple[str, ...], int] = {}
    for (change,) in disk.rows("SELECT change FROM ledger ORDER BY seq"):
        for kind, owner, detail, amount, unit in orjson.loads(change)["postings"]:
            told[kind, owner, detail, unit] = told.get((kind, owner, detail, unit), 0) + amount
    rows = disk.rows("SELECT kind, owner, detail, unit, amount FROM ledger_balances")
    kept = {tuple(row[:4]): row[4] for row in rows}
    if kept != {account: amount for account, amount in told.items() if amount}:
        yield f"the ledger's accounts have {kept}, its entries add up to {told}"


def _documents_are_booked(disk: Rows) -> Iterator[str]:
    # What is owed by and to the other side, or was paid: what a payment does to these adds up to nothing.
    kinds = "('receivable', 'payable', 'bank', 'deposits', 'refunds', 'payments-in-transit')"
    [(owed,)] = disk.rows(f"SELECT coalesce(sum(amount), 0) FROM ledger_balances WHERE kind IN {kinds}")
    [(billed,)] = disk.rows("SELECT coalesce(sum(total_minor), 0) FROM invoices")
    if owed != billed:
        yield f"documents over {billed} were issued, {owed} are booked as owed or paid"
    closed = (
        "SELECT c.contract_id, c.stage FROM contracts c LEFT JOIN energy_positions p USING (contract_id) "
        "WHERE c.stage IN ('COMPLETE', 'CANCELLED') AND coalesce(p.is_closed, c.stage = 'CANCELLED') = 0"
    )
    for contract_id, stage in disk.rows(closed):
        yield f"contract {contract_id} is {stage}, but its energy is not closed in the ledger"


# -- in the end -----------------------------------------------------------------------------------------------


def _carried_out(name: str, disk: Disk, body: bytes) -> Iterator[str]:
    rows = disk.rows("SELECT action, state, last_error FROM inbox WHERE digest = ?", signing.digest(body))
    context = orjson.loads(body)["context"]
    what = f"{context['action']} {context['message_id']}"
    if not rows:
        yield f"{name} acknowledged {what} and lost it"
    for _, state, last_error in rows:
        # Only a gateway may give up, when the registry stays away; then the row says why.
        if state != "DONE" and not (name == "gateway" and state == "FAILED" and last_error):
            yield f"{name} acknowledged {what}, which is {state}: {last_error}"


def agreement(name: str, bap: Rows, bpp: Rows) -> Iterator[str]:
    """Where a producer's platform of that id and the operator's do not say the same, and no dead letter says why."""
    query = "SELECT transaction_id, stage, contract_id, energy_wh, quote FROM contracts WHERE bap_id = ?"
    theirs = {row[0]: row[1:] for row in bpp.rows(query, name)}
    for contract_id, document in bap.rows("SELECT contract_id, document FROM contracts"):
        ours = orjson.loads(document)
        difference = _difference(ours, theirs.get(contract_id))
        if difference and not (_dead_letters(bap, contract_id) or _dead_letters(bpp, contract_id)):
            yield f"{name} and bpp differ about {contract_id}, and no dead letter says why: {difference}"
    unknown = set(theirs) - {row[0] for row in bap.rows("SELECT contract_id FROM contracts")}
    for contract_id in sorted(unknown):
        yield f"bpp has contract {contract_id}, which {name} never asked for"


def _difference(ours: Mapping[str, Any], theirs: tuple[Any, ...] | None) -> str:
    if theirs is None:
        return "" if ours["stage"] == "NEW" else f"{ours['stage']} here, unknown there"
    stage, order_id, energy_wh, quote = theirs
    if ours["stage"] != stage:
        return f"{ours['stage']} here, {stage} there"
    if stage not in {"ACTIVE", "COMPLETE", "CANCELLED"}:
        return ""
    if ours["order_id"] != order_id:
        return f"order {ours['order_id']} here, {order_id} there"
    if ours["use"]["energy_wh"] != energy_wh:
        return f"{ours['use']['energy_wh']} Wh here, {energy_wh} Wh there"
    total_minor, told_minor = ours["quote"]["total"]["amount_minor"], orjson.loads(quote)["total_minor"]
    return "" if told_minor == total_minor else f"quoted {total_minor} here, {told_minor} there"


def _dead_letters(disk: Rows, transaction_id: str) -> list[Any]:
    query = "SELECT last_error FROM outbox WHERE transaction_id = ? AND state = 'DEAD' AND last_error <> ''"
    return disk.rows(query, transaction_id)
