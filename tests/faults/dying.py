"""A server that kills itself at one point: ``python -m tests.faults.dying ROLE serve --config FILE``.

It is the product's own server, with a world around it (`node.participant.Outside`, the port that the simulation uses
too) whose database and client count what passes. The file in ``BECKN_TEST_FATE`` says where the end is, such as
``before commit 3``, counted from the moment on that the file is there. The points:

* ``before commit``: a transaction's statements have run, and nothing is on disk;
* ``after commit``: it is on disk, and nobody was told;
* ``before send``: a message is signed and not sent;
* ``after send``: its answer is here and was not looked at.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Table

from node.client import Answer, PeerClient
from node.clocks import wall_clock
from node.database import Database
from node.participant import Outside
from node.settings import NodeSettings
from tests.faults.launching import serve

T = TypeVar("T")

FATE = "BECKN_TEST_FATE"


class Fate:
    """Counts what passes, once its file says for what."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._passed = 0

    def meets(self, point: str) -> None:
        """Die here, if this is where."""
        if not self._file.exists():
            return
        wanted, _, number = self._file.read_text(encoding="utf-8").strip().rpartition(" ")
        if point == wanted:
            self._passed += 1
            if self._passed == int(number):
                os.kill(os.getpid(), signal.SIGKILL)


class MortalDatabase(Database):
    """A database in whose commits a process may die."""

    def __init__(self, url: str, migrations: Sequence[Path], fate: Fate) -> None:
        super().__init__(url, migrations)
        self._fate = fate

    async def write(self, fn: Callable[[Connection], T]) -> T:
        """As the product's, with a point at each end of the commit."""

        def until_commit(tx: Connection) -> T:
            written = fn(tx)
            self._fate.meets("before commit")
            return written

        result = await super().write(until_commit)
        self._fate.meets("after commit")
        return result

    async def insert_new(self, table: Table, row: Mapping[str, Any]) -> bool:
        """The same for a message that is about to be acknowledged."""
        self._fate.meets("before commit")
        inserted = await super().insert_new(table, row)
        self._fate.meets("after commit")
        return inserted


class MortalClient(PeerClient):
    """A way to peers, on which a process may die."""

    fate: Fate

    async def post(self, url: str, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """As the product's, with a point at each end of a message to a peer; the registry is none."""
        if "/beckn/" not in url:
            return await super().post(url, body, headers)
        self.fate.meets("before send")
        answer = await super().post(url, body, headers)
        self.fate.meets("after send")
        return answer


class MortalWorld(Outside):
    """What such a process finds around it."""

    def __init__(self, fate: Fate) -> None:
        self._fate = fate

    def database(self, url: str, versions: Sequence[Path]) -> Database:
        """The database that counts."""
        return MortalDatabase(url, versions, self._fate)

    def client(self, settings: NodeSettings) -> PeerClient:
        """The client that counts."""
        made = MortalClient.from_settings(settings)
        assert isinstance(made, MortalClient)
        made.fate = self._fate
        return made


def main() -> int:
    """Serve until a signal or the end."""
    return serve(wall_clock, MortalWorld(Fate(Path(os.environ[FATE]))))


if __name__ == "__main__":
    sys.exit(main())
