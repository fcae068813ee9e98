"""How long a search takes over the default fleet, BAP → gateway → BPP → BAP. ``python -m benchmarks.search``.

The whole network of ``beckn-battery up`` runs in one process (25 batteries, real keys and registry, SQLite with
``synchronous=FULL``). Measured is the time from the BAP's POST of ``search`` until it has acknowledged ``on_search``,
at the clients that sent them, one search after the other. Users hold us to 2 s; our limit is a p99 under 200 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from bap.client import AsyncBapClient
from beckn_battery.configuration import LocalNetwork
from beckn_battery.network import Network
from beckn_battery.ports import free_ports
from beckn_battery.running import run
from beckn_battery.story import PLACE, RADIUS_M
from energy.intervals import align_up
from node.client import Exchange
from protocol.moments import parse_timestamp

LIMIT_MS = 200


class Stopwatch:
    """Notes when a ``search`` left the BAP and when the BPP's ``on_search`` was acknowledged."""

    def __init__(self, network: Network) -> None:
        self.answered = asyncio.Event()
        self.took_ms: list[float] = []
        self._sent_at = 0.0
        network.bap.participant.client.observers.append(self._sent)
        network.bpp.participant.client.observers.append(self._answered)

    def _sent(self, exchange: Exchange) -> None:
        if exchange.url.endswith("/search"):
            self._sent_at = time.perf_counter() - exchange.duration_ms / 1_000

    def _answered(self, exchange: Exchange) -> None:
        if exchange.url.endswith("/on_search") and exchange.status == 200:
            self.took_ms.append((time.perf_counter() - self._sent_at) * 1_000)
            self.answered.set()


async def measure(searches: int, folder: Path) -> list[float]:
    """Milliseconds of each search."""
    registry_port, gateway_port, bpp_port, bap_port = free_ports(4)
    network = Network(LocalNetwork(folder, registry_port, gateway_port, bpp_port, bap_port, speed=1))
    stopwatch = Stopwatch(network)
    await network.start()
    try:
        async with AsyncBapClient(f"http://127.0.0.1:{bap_port}", network.bap.participant.token) as client:
            start = align_up(parse_timestamp((await client.trade_time())["trade_time"]) + timedelta(hours=6))
            for _ in range(searches):
                stopwatch.answered.clear()
                await client.search(
                    energy_wh=100_000,
                    charge=(start, start + timedelta(hours=2)),
                    giveback=(start + timedelta(hours=4), start + timedelta(hours=6)),
                    near=PLACE,
                    radius_m=RADIUS_M,
                    wait_s=0,
                )
                await asyncio.wait_for(stopwatch.answered.wait(), 10)
    finally:
        await network.stop()
    return stopwatch.took_ms


def main() -> None:
    """Print median and p99; exit 1 over the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--searches", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        took_ms = sorted(run(measure(options.searches, Path(folder))))
    p99_ms = took_ms[int(len(took_ms) * 0.99)]
    print(f"search to offers: median {statistics.median(took_ms):.0f} ms, p99 {p99_ms:.0f} ms (limit {LIMIT_MS} ms)")
    sys.exit(0 if p99_ms < LIMIT_MS else 1)


if __name__ == "__main__":
    main()
