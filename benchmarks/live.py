"""From a sample's arrival to the producer's ``on_status``, end to end. ``python -m benchmarks.live``.

Three processes over real HTTP: a generator that posts the samples of 10,000 batteries every 5 seconds to
``/api/v1/telemetry``, an operator's whole platform (SQLite with ``synchronous=FULL``, uvloop) with 1,000
active contracts, and a sink that acknowledges every ``on_status`` as a producer's platform does. All read one clock.

What counts are the messages that `bpp.liveness` calls for and no others, each against what its contract was told last:
for a change, the time from when its sample was measured, which is when the generator put it into a request; for the
minute of silence, the time since that minute was over. The first message of a contract is not counted. A message that
nothing calls for is an error of the platform, and so is a contract that was told nothing for longer than the minute
and the limit. Users hold us to 5 s; our limit is a p99 under 2 s.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import IO

import aiohttp
import orjson
import uvloop
from aiohttp import web
from sqlalchemy import Connection

from benchmarks.live_fleet import Meter, contract, listed
from benchmarks.servers import PLENTY
from bpp.app import Bpp
from bpp.contracts import Contract
from bpp.liveness import TOLD_EVERY_S, Glance, Worth, silent_at, worth_telling
from bpp.settings import BppSettings, ProviderSettings
from bpp.store import fleet, trade
from energy.offers import Order
from energy.wire.v1.reader import read
from node.answers import ACK
from node.process import quieten_garbage_collector
from node.settings import AccessSettings, NetworkSettings, RegistrySettings, TradeTimeSettings
from protocol.moments import parse_timestamp
from tests.messages import own_keys
from tests.ports import free_port

LIMIT_S = 2.0
BAP_ID = "bap.bench"
SAMPLES_PER_REQUEST = 100
REQUESTS_AT_ONCE = 8
WRITTEN_AT_ONCE = 50
SETTLE_S = 30.0
"""So long after the start nothing is counted: then every contract is taken up, told once, and commanded."""


# -- the operator's platform ----------------------------------------------------------------------------------------


def _settings(folder: Path, port: int, period_s: int) -> BppSettings:
    keys = own_keys("registry")
    started = datetime.now(UTC)
    return BppSettings(
        subscriber_id="bpp.bench",
        data_dir=folder,
        public_url=f"http://127.0.0.1:{port}/beckn",
        port=port,
        # Nobody is there: the platform only sends, and what it sends needs no record of the receiver.
        registry=RegistrySettings(
            f"http://127.0.0.1:{free_port()}", "registry", keys.signing_public_b64, keys.encryption_public_b64
        ),
        network=NetworkSettings(allow_private_addresses=True, allow_plain_http=True),
        access=AccessSettings(token_rate=PLENTY, address_rate=PLENTY),
        trade_time=TradeTimeSettings(epoch=started, started=started, speed=1),
        provider=ProviderSettings("bench", "Bench", "1 Road", "desk@bench.example", "+91-80-1", "https://b.example"),
    )


async def _platform(folder: Path, port: int, sink_port: int, batteries: int, contracts: int, period_s: int) -> None:
    bpp = Bpp(_settings(folder, port, period_s))
    database = bpp.participant.database
    await database.start()
    now, bap_uri = datetime.now(UTC), f"http://127.0.0.1:{sink_port}/beckn"
    for chunk in _chunks(range(batteries), WRITTEN_AT_ONCE):
        await database.write(partial(_add_batteries, numbers=chunk))
    for chunk in _chunks(range(contracts), WRITTEN_AT_ONCE):
        made = [contract(each, BAP_ID, bap_uri, now) for each in chunk]
        await database.write(partial(_add_contracts, made=made))
    await database.stop()
    bpp = Bpp(_settings(folder, port, period_s))
    await bpp.start()
    (folder / "token").write_text(bpp.participant.token)
    print("listening", flush=True)
    await asyncio.Event().wait()


def _add_batteries(tx: Connection, numbers: Sequence[int]) -> None:
    for number in numbers:
        fleet.save_battery(tx, listed(number))


def _add_contracts(tx: Connection, made: Sequence[Contract]) -> None:
    for each in made:
        trade.save(tx, each)
        fleet.commit(tx, each.battery_id, each.booking)


def _chunks(numbers: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (numbers[start : start + size] for start in range(0, len(numbers), size))


# -- the producer's platform ----------------------------------------------------------------------------------------


async def _sink(port: int, file: Path) -> None:
    """Acknowledge everything; each body goes to a file with the moment when it had come."""

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        lines.write(orjson.dumps([time.time(), base64.b64encode(body).decode()]) + b"\n")
        return web.Response(body=ACK, content_type="application/json")

    with file.open("wb", buffering=1 << 20) as lines:
        app = web.Application()
        app.router.add_post("/beckn/on_status", take)
        app.router.add_post("/flushed", lambda _request: _flushed(lines))
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, backlog=1_024).start()
        print("listening", flush=True)
        await asyncio.Event().wait()


async def _flushed(lines: IO[bytes]) -> web.Response:
    lines.flush()
    return web.Response()


async def _flush(port: int) -> None:
    """Have everything written that came."""
    async with aiohttp.ClientSession() as session, session.post(f"http://127.0.0.1:{port}/flushed") as answer:
        answer.raise_for_status()


# -- the generator --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sent:
    """What the generator saw."""

    samples: int
    seconds: float
    failed: int
    late_s: float


async def _generate(port: int, token: str, batteries: int, contracts: int, period_s: int, seconds: int) -> Sent:
    begun = datetime.now(UTC)
    meters = [Meter(each, begun, charges=each < contracts) for each in range(batteries)]
    groups = [meters[start : start + SAMPLES_PER_REQUEST] for start in range(0, batteries, SAMPLES_PER_REQUEST)]
    gap_s, places = period_s / len(groups), asyncio.Semaphore(REQUESTS_AT_ONCE)
    sent = failed = 0
    late_s = 0.0
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:

        async def post(group: list[Meter]) -> None:
            nonlocal sent, failed
            async with places:
                body = orjson.dumps({"samples": [meter.read(datetime.now(UTC)) for meter in group]})
                url = f"http://127.0.0.1:{port}/api/v1/telemetry"
                async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
                    failed += 0 if answer.status == 200 else len(group)
                    sent += len(group)
                    await answer.read()

        start, tasks = time.monotonic(), set()
        for number in range(int(seconds / gap_s)):
            due = start + number * gap_s
            late_s = max(late_s, time.monotonic() - due)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            task = asyncio.create_task(post(groups[number % len(groups)]))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
        return Sent(sent, time.monotonic() - start, failed, late_s)


# -- what it took ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """One ``on_status`` as it came."""

    glance: Glance
    sent_at: datetime
    measured_at: datetime
    arrived_at: datetime


def _told(line: bytes) -> tuple[str, Told]:
    arrived_s, body = orjson.loads(line)
    message = orjson.loads(base64.b64decode(body))
    order = read("on_status", message["message"], strict=True)
    assert isinstance(order, Order)
    assert order.live is not None
    assert order.state is not None
    sent_at, arrived_at = parse_timestamp(message["context"]["timestamp"]), datetime.fromtimestamp(arrived_s, UTC)
    return str(order.order_id), Told(Glance.of(order.state, order.live), sent_at, order.live.measured_at, arrived_at)


def delays_s(told: Iterable[tuple[str, Told]], counted_from: datetime) -> tuple[dict[Worth, list[float]], int]:
    """How long each message took, by why it was sent; and how many nothing called for."""
    by_contract: dict[str, list[Told]] = defaultdict(list)
    for contract_id, one in told:
        by_contract[contract_id].append(one)
    delays: dict[Worth, list[float]] = defaultdict(list)
    uncalled = 0
    for of_contract in by_contract.values():
        of_contract.sort(key=lambda one: one.sent_at)
        for before, one in pairwise(of_contract):
            worth = worth_telling(before.glance, before.sent_at, one.glance, one.sent_at)
            if worth is None:
                uncalled += 1
            elif one.arrived_at >= counted_from:
                since = silent_at(before.sent_at) if worth is Worth.SILENCE else one.measured_at
                delays[worth].append((one.arrived_at - since) / timedelta(seconds=1))
    return delays, uncalled


def _longest_silence_s(told: Sequence[tuple[str, Told]], ended: datetime) -> float:
    last: dict[str, datetime] = {}
    longest = timedelta(0)
    for contract_id, one in sorted(told, key=lambda pair: pair[1].arrived_at):
        longest = max(longest, one.arrived_at - last.get(contract_id, one.arrived_at))
        last[contract_id] = one.arrived_at
    longest = max([longest, *(ended - each for each in last.values())])
    return longest / timedelta(seconds=1)


@contextmanager
def _process(*arguments: object) -> Iterator[None]:
    """A part of this benchmark in a process of its own, once it listens."""
    command = [sys.executable, "-m", "benchmarks.live", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"listening\n", f"{arguments[0]} did not start"
        yield
    finally:
        process.kill()
        process.wait()


def measure(folder: Path, options: argparse.Namespace) -> bool:
    """Print the figures; whether they keep the limits."""
    port, sink_port, file = free_port(), free_port(), folder / "told"
    sizes = (options.batteries, options.contracts, options.period)
    with _process("sink", sink_port, file), _process("bpp", folder, port, sink_port, *sizes):
        begun = datetime.now(UTC)
        token = (folder / "token").read_text()
        sent = uvloop.run(_generate(port, token, *sizes, options.seconds))
        ended = datetime.now(UTC)
        time.sleep(LIMIT_S)
        uvloop.run(_flush(sink_port))
    told = [_told(line) for line in file.read_bytes().splitlines()]
    delays, uncalled = delays_s(told, begun + timedelta(seconds=SETTLE_S))
    silence_s = _longest_silence_s(told, ended)
    contracts = len({contract_id for contract_id, _ in told})
    every = sorted(delay for of_one in delays.values() for delay in of_one)
    p99_s = every[int(len(every) * 0.99)] if every else float("inf")
    print(f"samples      {sent.samples / sent.seconds:,.0f}/s, {sent.failed} refused, up to {sent.late_s:.1f} s behind")
    print(
        f"on_status    {len(told) / sent.seconds:,.1f}/s for {contracts} contracts, {uncalled} that nothing called for"
    )
    print(f"why          {dict(Counter({worth.value: len(of_one) for worth, of_one in delays.items()}))}")
    print(f"delay        p50 {statistics.median(every or [0]):.2f} s, p99 {p99_s:.2f} s (limit {LIMIT_S:.0f} s)")
    print(f"silence      at most {silence_s:.1f} s (limit {TOLD_EVERY_S + LIMIT_S:.0f} s)")
    kept = p99_s < LIMIT_S and silence_s < TOLD_EVERY_S + LIMIT_S
    return kept and contracts == options.contracts and not (uncalled or sent.failed)


def main() -> None:
    """Print the figures; exit 1 over a limit."""
    if sys.argv[1:2] == ["sink"]:
        uvloop.run(_sink(int(sys.argv[2]), Path(sys.argv[3])))
    if sys.argv[1:2] == ["bpp"]:
        quieten_garbage_collector()
        uvloop.run(_platform(Path(sys.argv[2]), *(int(each) for each in sys.argv[3:])))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batteries", type=int, default=10_000)
    parser.add_argument("--contracts", type=int, default=1_000)
    parser.add_argument("--period", type=int, default=5, help="seconds between two samples of a battery")
    parser.add_argument("--seconds", type=int, default=180)
    parser.add_argument("--report-only", action="store_true", help="exit 0 whatever was measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="battery-bench-") as folder:
        kept = measure(Path(folder), options)
    sys.exit(0 if kept or options.report_only else 1)


if __name__ == "__main__":
    main()
