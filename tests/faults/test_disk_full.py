"""The disk is full: what can not be stored is not acknowledged, nothing acknowledged is lost, and space heals it.

A small file system of its own holds the platform's data (so this test needs root), and a file fills what is left.
"""

from __future__ import annotations

import asyncio
import io
import os
import sqlite3
import subprocess
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from tests.faults.once import IN, SETTLED_WITHIN_S, check_once, confirm, ready_to_confirm
from tests.faults.processes import Processes, running
from tests.journeys.trading import DAY, close, need, places
from tests.waiting import until

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system"),
]

SIZE = "24m"
CHUNKS = (1 << 20, 1 << 12, 1)
_PLACES = places()


def write_for_ever(file: io.FileIO, content: bytes) -> None:
    """Until it fails."""
    while True:
        file.write(content)


class SmallDisk:
    """A file system of `SIZE` in memory, mounted at ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def mount(self) -> None:
        """Put it there; the test is skipped where that is forbidden, as in some containers."""
        self.folder.mkdir(parents=True)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(self.folder)], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.decode().strip()}")

    def unmount(self) -> None:
        """Take it away."""
        subprocess.run(["umount", "-l", str(self.folder)], check=True)

    def fill(self) -> None:
        """Leave no byte, and no room in a write-ahead log that could be used again."""
        for file in self.folder.rglob("*.sqlite"):
            with closing(sqlite3.connect(file, timeout=5)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        with self._filler.open("ab", buffering=0) as filler:
            for size in CHUNKS:
                with pytest.raises(OSError, match="No space left"):
                    write_for_ever(filler, b"x" * size)

    def free(self) -> None:
        """Make room again."""
        self._filler.unlink(missing_ok=True)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def disks(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Processes, dict[str, SmallDisk]]]:
    """A network whose two platforms have a small disk each."""
    folder = tmp_path_factory.mktemp("disks")
    small = {role: SmallDisk(folder / role) for role in ("bap", "bpp")}
    for disk in small.values():
        disk.mount()
    try:
        async with running(folder) as processes:
            yield processes, small
    finally:
        for disk in small.values():
            disk.unmount()


@pytest.mark.parametrize(("receiver", "action"), [("bpp", "confirm"), ("bap", "on_confirm")])
async def test_a_platform_with_a_full_disk_refuses_for_now_and_acts_once_when_there_is_room(
    disks: tuple[Processes, dict[str, SmallDisk]], receiver: str, action: str
) -> None:
    processes, small = disks
    place = next(_PLACES)
    async with processes.producer() as client, processes.operator() as operator:
        contract_id = await ready_to_confirm(client, operator, f"full-{receiver}", place)
        proxy = processes.proxies[receiver]
        held, before = proxy.hold(action), len(proxy.statuses)
        await confirm(client, contract_id)
        await asyncio.wait_for(held.arrived.wait(), SETTLED_WITHIN_S)
        small[receiver].fill()
        held.release()
        await until(lambda: (action, 500) in proxy.statuses[before:], SETTLED_WITHIN_S, "a refusal")
        assert processes.rows(receiver, IN, contract_id, action) == []
        small[receiver].free()
        await check_once(processes, contract_id, f"full-{receiver}")


async def test_what_was_acknowledged_before_the_disk_was_full_is_decided_when_there_is_room_even_after_a_kill(
    disks: tuple[Processes, dict[str, SmallDisk]],
) -> None:
    processes, small = disks
    place = next(_PLACES)
    async with processes.producer() as client, processes.operator() as operator:
        contract_id = await ready_to_confirm(client, operator, "full-later", place)
        held = processes.proxies["bap"].hold("on_confirm")
        await confirm(client, contract_id)
        await asyncio.wait_for(held.arrived.wait(), SETTLED_WITHIN_S)
        # The decision is on disk; that its answer was delivered can not be written down any more.
        small["bpp"].fill()
        held.release()
        await asyncio.wait_for(held.passed_on.wait(), SETTLED_WITHIN_S)
        await processes.kill("bpp")
        small["bpp"].free()
        await processes.start("bpp")
        await check_once(processes, contract_id, "full-later")
        assert (await close(client, await need(client, place, 50_000, lead=2 * DAY)))["stage"] == "ACTIVE"
