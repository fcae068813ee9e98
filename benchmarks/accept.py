"""How fast a message is accepted: verify, validate, store durably, ACK. ``python -m benchmarks.accept``.

One process, 2 KB ``select``, SQLite with ``synchronous=FULL``; beside it, in the same run and driven by the same
generator, an empty aiohttp echo on the standard event loop. What counts is the ratio of the two medians: the floor to
keep is 0.28 (issue 3), the goal is more. The generator's own rate is printed so that nobody has to believe it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.load import Load, drive, request, spread
from energy.offers import Billing, Order
from energy.wire.v1.writer import write
from protocol.context import write_body
from tests.messages import BAP_URL, BPP_ID, BPP_URL, context, header, order, own_keys
from tests.ports import free_port

FLOOR = 0.28
BODY_BYTES = 2_048


@contextmanager
def server(kind: str, *arguments: str) -> Iterator[int]:
    """A benchmark server in a process of its own; its port."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.servers", kind, str(port), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield port
    finally:
        process.kill()
        process.wait()


def messages(count: int, facts_file: Path) -> list[bytes]:
    """Unique signed requests of about 2 KB each, valid for some minutes."""
    keys, now = own_keys("bap.test"), datetime.now(UTC)
    facts = {"subscriber_id": keys.subscriber_id, "key_id": keys.key_id, "type": "BAP", "url": BAP_URL}
    facts |= {"signing_public_key": keys.signing_public_b64, "own_id": BPP_ID, "own_url": BPP_URL}
    facts_file.write_text(json.dumps(facts))
    message = write("select", _padded())
    made = []
    for _ in range(count):
        body = write_body(context("select", now), message)
        made.append(request("/beckn/select", body, {"Authorization": header(body, keys, now)}))
    return made


def _padded() -> Order:
    size = len(write_body(context("select", datetime.now(UTC)), write("select", order(billing=Billing("x")))))
    return order(billing=Billing("x" * (BODY_BYTES - size)))


def measure(rounds: int, count: int) -> tuple[list[float], list[float], float, Load]:
    """Rates of the accept path and of the echo, round by round in turns; the generator's; and the last accept run."""
    with tempfile.TemporaryDirectory() as folder:
        facts = Path(folder) / "sender.json"
        accepted, echoed = [], []
        for _ in range(rounds):
            batch = messages(count, facts)
            with server("accept", str(facts)) as port:
                last = drive(port, batch)
            assert last.wrong == 0, f"{last.wrong} messages were not acknowledged"
            accepted.append(last.rate)
            with server("echo") as port:
                echoed.append(drive(port, batch).rate)
        same = [one for one in batch if len(one) == len(batch[0])]
        with server("sink", str(len(batch[0]))) as port:
            alone = drive(port, same).rate
    return accepted, echoed, alone, last


def main() -> None:
    """Print the figures; exit 1 when the ratio is below the floor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=15_000)
    parser.add_argument("--report-only", action="store_true", help="exit 0 whatever was measured")
    options = parser.parse_args()
    accepted, echoed, alone, last = measure(options.rounds, options.messages)
    ratio = statistics.median(accepted) / statistics.median(echoed)
    print(f"generator alone   {alone:>10,.0f} requests/s")
    print(f"aiohttp echo      {spread(echoed):>18} requests/s (standard event loop)")
    print(f"accept path       {spread(accepted):>18} messages/s, p99 {last.percentile_ms(0.99):.1f} ms")
    print(f"ratio             {ratio:>10.3f} (floor {FLOOR})")
    sys.exit(0 if options.report_only or (ratio >= FLOOR and alone >= 20_000) else 1)


if __name__ == "__main__":
    main()
