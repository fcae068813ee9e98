"""How fast signed messages leave one process, and what a dead peer costs the others. ``python -m benchmarks.outbound``.

A whole participant (SQLite, ``synchronous=FULL``, uvloop) has so many letters of 2 KB in its outbox, each of its own
transaction; it claims, signs, posts and finishes each. The receiver is an aiohttp server in a process of its own that
reads and acknowledges. In every second round as many letters again wait for a peer whose port nobody listens on; they
may cost the living one nothing but the time of their own attempts. The floor is 2,000 a second.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvloop
from sqlalchemy import func, select

from benchmarks.accept import server
from benchmarks.load import spread
from node.client import Exchange
from node.ids import new_uuid
from node.outbox import Letter, enqueue
from node.participant import Participant
from node.process import quieten_garbage_collector
from node.settings import NetworkSettings, NodeSettings, RegistrySettings
from node.tables import SENT, outbox
from protocol.actions import Role
from tests.messages import own_keys
from tests.ports import free_port
from tests.waiting import until

FLOOR = 2_000
BODY = b'{"context":{},"message":"' + b"x" * 2_000 + b'"}'


def participant(folder: Path) -> Participant:
    """A participant whose registry is not there: it only sends."""
    keys = own_keys("registry")
    registry = RegistrySettings("http://127.0.0.1:9", "registry", keys.signing_public_b64, keys.encryption_public_b64)
    port = free_port()
    made = Participant(
        NodeSettings(
            subscriber_id="bpp.bench",
            data_dir=folder,
            public_url=f"http://127.0.0.1:{port}/beckn",
            port=port,
            registry=registry,
            network=NetworkSettings(allow_private_addresses=True),
        ),
        Role.BPP,
        (),
    )
    made.serve({}, lambda *_: lambda _tx: None, lambda *_: None)
    return made


async def fill(sender: Participant, destination: str, count: int) -> None:
    """Put letters into the outbox before it begins to send."""
    now = datetime.now(UTC)
    letters = [
        Letter(destination, "on_status", new_uuid(), new_uuid(), BODY, now + timedelta(minutes=5)) for _ in range(count)
    ]
    for start in range(0, count, 200):
        chunk = letters[start : start + 200]
        await sender.database.write(lambda tx, chunk=chunk: [enqueue(tx, sender.ids, one, now) for one in chunk])  # type: ignore[misc]


async def round_of(count: int, port: int, *, with_dead_peer: bool) -> float:
    """Letters a second to the living receiver."""
    with tempfile.TemporaryDirectory() as folder:
        sender = participant(Path(folder))
        living = f"http://127.0.0.1:{port}/beckn"
        await sender.database.start()
        if with_dead_peer:
            await fill(sender, f"http://127.0.0.1:{free_port()}/beckn", count)
        await fill(sender, living, count)
        await sender.database.stop()
        sender = participant(Path(folder))
        answered = 0

        def note(exchange: Exchange) -> None:
            nonlocal answered
            answered += exchange.url.startswith(living)

        sender.client.observers.append(note)
        begun = time.perf_counter()
        await sender.start()
        await until(lambda: answered >= count, timeout_s=300, what="answers")
        sent = select(func.count()).select_from(outbox).where(outbox.c.destination == living, outbox.c.state == SENT)

        async def all_sent() -> bool:
            return await sender.database.read(lambda tx: tx.scalar(sent)) == count

        # Counting rows costs what it measures, so it begins when there is nothing left to wait for but the last commit.
        await until(all_sent, timeout_s=300, what="the ends on disk")
        took_s = time.perf_counter() - begun
        await sender.stop()
        return count / took_s


async def measure(rounds: int, count: int) -> tuple[list[float], list[float]]:
    """Rates alone, and beside a dead peer, in turns."""
    alone, beside = [], []
    with server("ack") as port:
        for _ in range(rounds):
            alone.append(await round_of(count, port, with_dead_peer=False))
            beside.append(await round_of(count, port, with_dead_peer=True))
    return alone, beside


def main() -> None:
    """Print the figures; exit 1 below the floor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--letters", type=int, default=5_000)
    parser.add_argument("--report-only", action="store_true", help="exit 0 whatever was measured")
    options = parser.parse_args()
    quieten_garbage_collector()
    alone, beside = uvloop.run(measure(options.rounds, options.letters))
    print(f"signed and delivered        {spread(alone):>16} letters/s (floor {FLOOR:,})")
    print(f"beside a peer that is down  {spread(beside):>16} letters/s")
    sys.exit(0 if options.report_only or statistics.median(alone) >= FLOOR else 1)


if __name__ == "__main__":
    main()
