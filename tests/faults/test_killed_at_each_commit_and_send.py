"""A platform dies before or after one of its commits, or of its sends, while a confirm goes through it.

Wherever that is, the contract becomes ACTIVE on both sides, and it becomes so once. The points are counted from the
moment that confirm is asked for (`tests.faults.dying`).
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from bap.client import ApiError
from energy.offers import Place
from tests.faults.dying import FATE
from tests.faults.once import SETTLED_WITHIN_S, UNDER_WAY, check_once, ready_to_confirm
from tests.faults.processes import Processes
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

MORTAL = (sys.executable, "-m", "tests.faults.dying")
# Of one confirm. BAP: the API's call, the claim, the ACK, the inbox, the decision. BPP: the consent, the inbox, the
# decision, the claim, the ACK.
COMMITS = {"bap": 5, "bpp": 5}
# The others take a minute in all.
FEW = {("bpp", "before commit 3"), ("bpp", "after send 1"), ("bap", "after commit 1")}
_numbers = count()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def fates(all_processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Path]]:
    """Both platforms as mortals, and the files that say where one ends; afterwards they are the product's own again."""
    folder = tmp_path_factory.mktemp("fates")
    files = {role: folder / role for role in COMMITS}
    for role, file in files.items():
        all_processes.commands[role], all_processes.environments[role] = MORTAL, {FATE: str(file)}
    await restart(all_processes)
    yield files
    for role in COMMITS:
        del all_processes.commands[role], all_processes.environments[role]
    await restart(all_processes)


async def restart(processes: Processes) -> None:
    """Both platforms, as they are to be started now."""
    for role in COMMITS:
        if processes.is_running(role):
            await processes.terminate(role)
    await processes.start_missing()


def points(role: str) -> list[str]:
    """All of one role."""
    commits = [f"{side} commit {number}" for number in range(1, COMMITS[role] + 1) for side in ("before", "after")]
    return [*commits, "before send 1", "after send 1"]


CASES = [
    pytest.param(role, point, id=f"{role} {point}", marks=() if (role, point) in FEW else pytest.mark.long)
    for role in ("bpp", "bap")
    for point in points(role)
]


@pytest.mark.parametrize(("role", "point"), CASES)
async def test_a_platform_that_is_killed_there_confirms_a_contract_once(
    fates: dict[str, Path], processes: Processes, place: Place, role: str, point: str
) -> None:
    battery_id, fate = f"dies-{next(_numbers)}", fates[role]
    async with processes.producer() as client, processes.operator() as operator:
        contract_id = await ready_to_confirm(client, operator, battery_id, place)
    await until(lambda: is_quiet(processes), what="nothing under way")
    fate.write_text(point, encoding="utf-8")
    asked = asyncio.create_task(ask(processes, contract_id))
    assert await asyncio.wait_for(processes.died(role), SETTLED_WITHIN_S) == -signal.SIGKILL
    fate.unlink()
    await processes.start(role)
    await asked
    await check_once(processes, contract_id, battery_id)


def is_quiet(processes: Processes) -> bool:
    """Whether neither platform has anything to decide or to send."""
    return all(processes.rows(role, UNDER_WAY) == [(0,)] for role in ("bap", "bpp"))


async def ask(processes: Processes, contract_id: str) -> None:
    """Ask for confirm as a person does: again, while nobody knows whether it was taken."""

    async def taken() -> bool:
        try:
            async with processes.producer() as client:
                await client.confirm(contract_id, consent=True, wait_s=0)
        except httpx.TransportError:
            return False
        except ApiError as refusal:
            # 502: the operator's platform died over the consent. 409: the producer's died before it could say yes.
            if refusal.status == 502:
                return False
            if refusal.status != 409:
                raise
        return True

    await until(taken, SETTLED_WITHIN_S, "confirm taken")
