"""The network under faults: 200 seeds keep every invariant, a seed replays exactly, and broken rules are noticed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from sqlalchemy import delete

from node.tables import inbox, ledger_balances
from protocol.actions import Role
from protocol.verification import Verified
from tests.simulation.many import results
from tests.simulation.settings import Member
from tests.simulation.world import Change, run

pytestmark = pytest.mark.simulation

SEEDS = 200
FOUND_WITHIN = 25


@pytest.mark.timeout(600)
def test_every_invariant_holds_in_two_hundred_seeds_of_faults_and_crashes() -> None:
    totals: Counter[str] = Counter()
    for result in results(range(SEEDS), os.cpu_count() or 1):
        assert result.violation is None, _report(result.seed, result.trace, result.violation)
        totals.update(result.facts)
    # The runs are worth something only if much was traded and much went wrong in them.
    assert totals["orders"] > SEEDS // 2, totals
    assert totals["invoices"] > SEEDS // 4, totals
    assert totals["crashes"] > SEEDS, totals
    assert totals["dead"] > SEEDS // 10, totals


@pytest.mark.parametrize("seed", [7, 11])
def test_a_seed_run_twice_gives_the_same_trace_line_by_line(seed: int) -> None:
    assert run(seed).trace == run(seed).trace


def test_two_seeds_give_different_traces() -> None:
    assert run(1).trace != run(2).trace


# -- rules broken on purpose ----------------------------------------------------------------------------------


class _Forgetful:
    """An inbox that acknowledges and stores nothing."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def accept(self, _verified: Verified, _authorization: str) -> bool:
        return True


def acknowledge_before_storing(platform: Any, _member: Member) -> None:
    server = platform.participant.server
    server._inbox = _Forgetful(server._inbox)


def _on_operator(wrap: Callable[[Any], Any], *actions: str) -> Callable[[Any, Member], None]:
    def apply(platform: Any, member: Member) -> None:
        if member.role is Role.BPP:
            handlers = platform.participant.inbox._handlers
            broken = {action: wrap(handlers[action]) for action in actions}
            platform.participant.inbox._handlers = {**handlers, **broken}

    return apply


def _twice(handle: Any) -> Any:
    """Each decision is carried out twice."""

    async def handle_twice(received: Any) -> Any:
        first, second = await handle(received), await handle(received)

        def decide(tx: Any) -> None:
            first(tx)
            second(tx)

        return decide

    return handle_twice


def _unchecked(handle: Any) -> Any:
    """The operator does not see what is booked when it looks whether a use fits."""

    async def handle_unchecked(received: Any) -> Any:
        decide = await handle(received)
        return lambda tx: _without_bookings(tx, decide)

    return handle_unchecked


def _without_bookings(tx: Any, decide: Any) -> None:
    from bpp.store.tables import bookings

    kept = tx.execute(bookings.select()).all()
    tx.execute(delete(bookings))
    decide(tx)
    now = {row.booking_id for row in tx.execute(bookings.select())}
    for row in kept:
        if row.booking_id not in now:
            tx.execute(bookings.insert().values(**row._mapping))


def _lost(_handle: Any) -> Any:
    """A message is dropped from the inbox when its turn comes."""

    async def handle_lost(received: Any) -> Any:
        return lambda tx: tx.execute(delete(inbox).where(inbox.c.id == received.inbox_id))

    return handle_lost


def _uneven(handle: Any) -> Any:
    """Money appears on one account, and is missing on none."""

    async def handle_uneven(received: Any) -> Any:
        decide = await handle(received)

        def decide_and_add(tx: Any) -> None:
            decide(tx)
            key = {"kind": "bank", "owner": received.verified.context.message_id, "detail": "", "unit": "INR"}
            tx.execute(ledger_balances.insert().values(**key, amount=1))

        return decide_and_add

    return handle_uneven


BROKEN: Mapping[str, Callable[[Any, Member], None]] = {
    "acknowledged and not stored": acknowledge_before_storing,
    "acknowledged and lost": _on_operator(_lost, "select"),
    "carried out twice": _on_operator(_twice, "init"),
    "booked on one side": _on_operator(_uneven, "init"),
    "sold twice": _on_operator(_unchecked, "select", "confirm", "update"),
}
SAID: Mapping[str, str] = {
    "acknowledged and not stored": "acknowledged what it has not stored",
    "acknowledged and lost": "lost it",
    "carried out twice": "is in the outbox 2 times",
    "booked on one side": "the ledger does not balance",
    "sold twice": "is sold twice",
}


@pytest.mark.parametrize("rule", sorted(BROKEN))
def test_a_platform_that_breaks_a_rule_is_found_within_a_few_seeds(rule: str) -> None:
    change = Change(BROKEN[rule])
    found = next((result for seed in range(FOUND_WITHIN) if (result := run(seed, change=change)).violation), None)
    assert found is not None, f"{FOUND_WITHIN} seeds did not notice that messages are {rule}"
    assert SAID[rule] in str(found.violation)


def _report(seed: int, trace: tuple[str, ...], violation: str | None) -> str:
    lines = "\n".join(trace[-60:])
    return f"seed {seed}: {violation}\nreplay: python -m tests.simulation --seed {seed}\n{lines}"
