"""SIGKILL at random moments, under load, in the middle of starting too: the databases of both sides tell what became.

Every server dies, the registry and the gateway as well, sometimes two at once. At the end everything must be decided
and delivered; `tests.faults.verdict` says what else. A run prints its seed, which chooses who dies and when after the
last start, and what the producers do; the moment itself is the machine's. ``BECKN_SIGKILL_SEED`` gives another.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.faults.load import Told, Trader
from tests.faults.once import UNDER_WAY
from tests.faults.processes import PARTICIPANTS, Processes, running
from tests.faults.verdict import facts, violations
from tests.journeys.trading import places, put_battery
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

FEW, MANY = 3, 100
TRADERS = 8
CONTRACTS_BEFORE = 8
CALM_WITHIN_S = 150
DELAY_MAX_S = 1.2
STARTING_MAX_S = 1.4
VICTIMS = ("bpp", "bpp", "bpp", "bap", "bap", "bap", "gateway", "registry")


class Killer:
    """Kills servers and starts them again. ``took_s``: how long each was until it was ready."""

    def __init__(self, processes: Processes, chance: random.Random) -> None:
        self._processes = processes
        self._chance = chance
        self.kills = 0
        self.took_s: list[float] = []

    async def round(self) -> None:
        """One or two die, and one of them perhaps once more while it starts."""
        await asyncio.sleep(self._chance.uniform(0, DELAY_MAX_S))
        victims = {self._chance.choice(VICTIMS) for _ in range(self._chance.choice((1, 1, 2)))}
        again = self._chance.choice(sorted(victims)) if self._chance.random() < 0.3 else None
        for role in sorted(victims):
            await self._kill(role)
        if again is not None:
            self._processes.spawn(again)
            await asyncio.sleep(self._chance.uniform(0, STARTING_MAX_S))
            await self._kill(again)
        # The registry first: the others are ready when it has told them that they are subscribed.
        for role in sorted(victims, key=lambda role: role != "registry"):
            self.took_s.append(await self._processes.start(role))

    async def _kill(self, role: str) -> None:
        await self._processes.kill(role)
        self.kills += 1


@asynccontextmanager
async def trading(processes: Processes, chance: random.Random) -> AsyncIterator[Told]:
    """Several trades going on at once, over two batteries, until the block ends."""
    told, some = Told(), places()
    where = [next(some), next(some)]
    async with processes.operator() as operator:
        for number, place in enumerate(where):
            await put_battery(operator, f"battery-{number}", place)
    traders = [Trader(processes, where, random.Random(chance.random()), told) for _ in range(TRADERS)]
    tasks = [asyncio.create_task(trader.run()) for trader in traders]
    try:
        yield told
    finally:
        for trader in traders:
            trader.stop.set()
        await asyncio.gather(*tasks)


async def kill_under_load(folder: Path, kills: int) -> int:
    """The whole run, with its verdict."""
    seed = int(os.environ.get("BECKN_SIGKILL_SEED") or random.SystemRandom().randrange(10**6))
    print(f"BECKN_SIGKILL_SEED={seed}")
    chance = random.Random(seed)
    async with running(folder) as processes:
        killer = Killer(processes, chance)
        async with trading(processes, chance) as told:
            await until(lambda: len(told.contracts) >= CONTRACTS_BEFORE, what="several trades going on")
            while killer.kills < kills:
                await killer.round()
        await until(lambda: is_calm(processes), CALM_WITHIN_S, "everything decided and delivered")
        found, happened = list(violations(processes, told)), facts(processes)
        typical_s, longest_s = statistics.median(killer.took_s), max(killer.took_s)
        print(f"{killer.kills} kills; ready again in {typical_s:.2f} s (median), {longest_s:.2f} s at most")
        print(f"{happened}; API: {told.answered} answered, {told.refused} refused, {told.unanswered} without answer")
        assert found == [], found
        assert happened["contracts"], "nobody traded"
        for role in ("bap", "bpp"):
            processes.command("audit", "verify", "--config", str(processes.local.file(role)))
        return killer.kills


def is_calm(processes: Processes) -> bool:
    """Whether nobody has anything to decide or to send."""
    return all(processes.rows(role, UNDER_WAY) == [(0,)] for role in PARTICIPANTS)


async def test_after_a_few_kills_under_load_nothing_is_lost_nothing_happened_twice_and_both_sides_agree(
    tmp_path: Path,
) -> None:
    assert await kill_under_load(tmp_path, FEW) >= FEW


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_after_a_hundred_kills_under_load_nothing_is_lost_nothing_happened_twice_and_both_sides_agree(
    tmp_path: Path,
) -> None:
    assert await kill_under_load(tmp_path, MANY) >= MANY
