"""What must hold in the databases of real processes once all is calm, told from the files alone.

The rules of the simulation (`tests.simulation.invariants`), and what only the files of both sides show: a letter whose
ACK was written down is in its receiver's inbox, decided.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bpp.store.tables import COMMITTED
from node.tables import DEAD, DONE, SENT
from protocol.actions import Role
from tests.faults.load import Told
from tests.faults.processes import PARTICIPANTS, Processes
from tests.simulation import invariants

_LETTERS = "SELECT destination, action, message_id FROM outbox WHERE state = ?"
_UNDECIDED = "SELECT action, message_id, state, last_error FROM inbox WHERE state <> ?"
_STAGES = "SELECT stage, count(*) FROM contracts GROUP BY stage"


class File:
    """One participant's database beside its running process."""

    def __init__(self, processes: Processes, role: str) -> None:
        self._processes, self._role = processes, role

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a query gives."""
        return self._processes.rows(self._role, query, *values)


def violations(processes: Processes, told: Told) -> Iterator[str]:
    """What does not hold; nothing when all is well."""
    files = {role: File(processes, role) for role in PARTICIPANTS}
    yield from _undecided(files)
    yield from _lost(processes, files)
    yield from invariants.always(Role.BPP, files["bpp"])
    yield from invariants.always(Role.BAP, files["bap"])
    yield from invariants.agreement(processes.settings("bap")["subscriber_id"], files["bap"], files["bpp"])
    yield from _untold(files["bap"], told)
    for letter in (row for file in files.values() for row in file.rows(_DEAD_WITHOUT_REASON)):
        yield f"a dead letter says no reason: {letter}"


_DEAD_WITHOUT_REASON = f"SELECT action, message_id FROM outbox WHERE state = '{DEAD}' AND coalesce(last_error, '') = ''"


def facts(processes: Processes) -> dict[str, Any]:
    """How much happened, so that a run in which nothing did shows."""
    stages = dict(processes.rows("bpp", _STAGES))
    letters = [len(processes.rows(role, _LETTERS, state)) for state in (SENT, DEAD) for role in PARTICIPANTS]
    [(booked,)] = processes.rows("bpp", "SELECT count(*) FROM bookings WHERE state = ?", COMMITTED)
    return {"contracts": stages, "booked": booked, "sent": sum(letters[:3]), "dead": sum(letters[3:])}


def _undecided(files: dict[str, File]) -> Iterator[str]:
    for role, file in files.items():
        for row in file.rows(_UNDECIDED, DONE):
            yield f"{role} acknowledged and did not decide {row}"


def _lost(processes: Processes, files: dict[str, File]) -> Iterator[str]:
    """Every letter that was acknowledged is in the inbox of the one who did."""
    received = {
        processes.proxies[role].url: set(file.rows("SELECT action, message_id FROM inbox"))
        for role, file in files.items()
    }
    for sender, file in files.items():
        for destination, action, message_id in file.rows(_LETTERS, SENT):
            if (action, message_id) not in received[destination]:
                yield f"{action} {message_id} of {sender} was acknowledged by {destination} and is not there"


def _untold(bap: File, told: Told) -> Iterator[str]:
    """Whatever the API answered with success is there."""
    contracts = {row[0] for row in bap.rows("SELECT contract_id FROM contracts")}
    searches = {row[0] for row in bap.rows("SELECT search_id FROM searches")}
    for what, answered, there in (("contract", told.contracts, contracts), ("search", told.searches, searches)):
        for one in sorted(answered - there):
            yield f"the producer was told of {what} {one}, which is not there"
