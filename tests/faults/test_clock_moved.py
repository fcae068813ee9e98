"""A platform's clock is moved by an hour while it runs, and put right again: nothing is lost without a word.

The whole process has the wrong time (`tests.faults.wrong_clock`). Its peers refuse what it signs, and it takes nothing
of what they sign; each such message is a dead letter with its reason, at the latest when its ttl
has passed. When the clock is right, both trade, and agree about all that was.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bap.store.records import UNDELIVERED
from node.tables import DEAD
from tests.faults.load import Told
from tests.faults.once import SETTLED_WITHIN_S, UNDER_WAY
from tests.faults.processes import PARTICIPANTS, Processes, running
from tests.faults.verdict import violations
from tests.faults.wrong_clock import CLOCK
from tests.journeys.trading import close, need, places, put_battery
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

WRONG_CLOCK = (sys.executable, "-m", "tests.faults.wrong_clock")
MOVED = ("bap", "bpp")
HOUR_S = 3_600
ENDS = "SELECT state, last_error FROM outbox WHERE transaction_id = ? AND action = 'track'"
_PLACES = places()


class Clocks:
    """The clocks of the platforms, each with a file that says how wrong it is."""

    def __init__(self, folder: Path) -> None:
        self._files = {role: folder / role for role in MOVED}
        for role in MOVED:
            self.move(role, 0)

    def move(self, role: str, seconds: int) -> None:
        """Set a clock so far ahead of the right time."""
        fresh = self.file(role).with_suffix(".fresh")
        fresh.write_text(str(seconds), encoding="utf-8")
        fresh.replace(self.file(role))

    def file(self, role: str) -> Path:
        """What the role's process reads."""
        return self._files[role]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def network(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Processes, Clocks]]:
    """Processes whose clocks a test may move. Trade time runs as fast as the wall clock, so that an hour is an hour."""
    folder = tmp_path_factory.mktemp("clocks")
    clocks = Clocks(folder)
    async with running(folder / "network", speed=1) as processes:
        for role in MOVED:
            processes.commands[role] = WRONG_CLOCK
            processes.environments[role] = {CLOCK: str(clocks.file(role))}
            await processes.terminate(role)
        await processes.start_missing()
        yield processes, clocks


@pytest.mark.parametrize("role", MOVED)
@pytest.mark.parametrize("seconds", [HOUR_S, -HOUR_S], ids=["ahead", "back"])
async def test_a_clock_that_jumps_by_an_hour_makes_dead_letters_with_reasons_and_both_sides_agree_afterwards(
    network: tuple[Processes, Clocks], role: str, seconds: int
) -> None:
    processes, clocks = network
    place, told = next(_PLACES), Told()
    # The one before may have been left in the middle.
    for one in MOVED:
        clocks.move(one, 0)
    async with processes.producer() as client, processes.operator() as operator:
        await put_battery(operator, f"{role}-{seconds}", place)
        wanted = await need(client, place, 50_000)
        before = await close(client, wanted)
        contract_id = before["contract_id"]
        clocks.move(role, seconds)
        await client.track(contract_id, wait_s=0)

        async def given_up() -> bool:
            known = await client.contract(contract_id)
            return known["error"] is not None and known["error"]["code"] == UNDELIVERED

        await until(given_up, SETTLED_WITHIN_S, "the dead letter")
        [(state, reason)] = processes.rows("bap", ENDS, contract_id)
        assert (state, bool(reason)) == (DEAD, True)
        clocks.move(role, 0)
        after = await close(client, wanted)
        assert after["order_id"] != before["order_id"]
        assert (await client.track(contract_id))["error"] is None
        told.contracts |= {contract_id, after["contract_id"]}
    calm = [(0,)]
    await until(lambda: all(processes.rows(one, UNDER_WAY) == calm for one in PARTICIPANTS), what="calm")
    assert list(violations(processes, told)) == []
