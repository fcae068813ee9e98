"""What it costs to validate a message, good or hostile. ``python -m benchmarks.validate``.

Measured in process CPU time, since the machine may be shared; medians of the rounds with half their range.

* *The schema* is the closed storage schema, which holds everything of core 1.1.1 too. *All rules* is what the receiver
  of a message in the strict form does: the schema, and for a callback the reading of its sums, currencies, windows and
  references (`node.reading`). A request's contradictions are the trade's to refuse.
* *The catalog* has 1,000 items: lean (a tariff of one rate), and as our own platform writes them.
* *Hostile* are messages of about 20 KB, most of them properly signed, on the whole way from bytes to NACK.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any

from benchmarks.accept import BODY_BYTES, _padded
from energy.searches import Offer
from energy.tariffs import RateUnit
from energy.wire.v1.writer import write
from node.reading import check_readable
from protocol.actions import ACTIONS
from protocol.context import write_body
from schemas.loader import core, storage
from tests.energy.wire.v1.examples import CATALOG, OFFER
from tests.interop.test_mutated_messages import MESSAGES, Network, spoilt_bytes, spoilt_headers, spoilt_json
from tests.messages import context
from tests.schemas.test_battery_storage import told

MESSAGE_LIMIT_US = 60
CATALOG_LIMIT_MS = 5
HOSTILE_LIMIT_MS = 50
ITEMS = 1_000
HOSTILE_BYTES = 20_000


def costs_us(action: Callable[[], object], rounds: int, times: int) -> list[float]:
    """Process CPU time of one call, in microseconds, round by round."""
    action()
    found = []
    for _ in range(rounds):
        started = time.process_time_ns()
        for _ in range(times):
            action()
        found.append((time.process_time_ns() - started) / times / 1_000)
    return found


def all_rules(action: str, message: dict[str, Any]) -> None:
    """What a receiver does with a message in the strict form."""
    assert storage(action).is_valid(message)
    if ACTIONS[action].is_callback:
        check_readable(action, message["message"])


def select_of_2_kb() -> dict[str, Any]:
    """The message of `benchmarks.accept`."""
    parsed: dict[str, Any] = json.loads(write_body(context("select", datetime.now(UTC)), write("select", _padded())))
    return parsed


def catalog(offer: Offer) -> dict[str, Any]:
    """An ``on_search`` with so many items like that one."""
    offers = tuple(replace(offer, item_id=f"battery-{number}") for number in range(ITEMS))
    body = write_body(context("on_search", datetime.now(UTC)), write("on_search", replace(CATALOG, offers=offers)))
    parsed: dict[str, Any] = json.loads(body)
    return parsed


def lean_offer() -> Offer:
    """An offer with nothing that may be left out."""
    assert OFFER.tariff is not None
    rates = tuple(rate for rate in OFFER.tariff.rates if rate.unit is RateUnit.KWH_STORED)
    tariff = replace(OFFER.tariff, rates=rates)
    return replace(OFFER, tariff=tariff, profile=(), window=None, rating=None)


def told_of(name: str, found: list[float], limit: float | None, unit: str = "µs", size: int = 0) -> bool:
    """Print a line; whether the median is within the limit."""
    held = limit is None or statistics.median(found) < limit
    verdict = "" if limit is None else f"  limit {limit} {unit}{'' if held else ', NOT REACHED'}"
    middle, half = statistics.median(found), (max(found) - min(found)) / 2
    print(f"{name:36} {middle:>9,.1f} ± {half:<7,.1f} {unit}  {size or '':>9}{verdict}")
    return held


def messages(rounds: int) -> bool:
    """The 2 KB select against its limit, and the callbacks of the story."""
    held = True
    chosen = [("select", select_of_2_kb()), *((name, told(name)) for name in ("on_select", "on_confirm", "on_status"))]
    for action, message in chosen:
        size, schema = len(json.dumps(message)), storage(action)
        told_of(
            f"{action}: schema", costs_us(lambda s=schema, m=message: s.is_valid(m), rounds, 2_000), None, size=size
        )
        found = costs_us(lambda a=action, m=message: all_rules(a, m), rounds, 500)
        held = told_of(f"{action}: all rules", found, MESSAGE_LIMIT_US, size=size) and held
    return held


def catalogs(rounds: int) -> bool:
    """A thousand items, by core alone, by the closed schema, and with all rules."""
    held = True
    for name, offer in (
        ("lean items", lean_offer()),
        ("our items", replace(OFFER, profile=())),
        ("with profiles", OFFER),
    ):
        message = catalog(offer)
        size = len(json.dumps(message))
        checks: tuple[tuple[str, Callable[[], object]], ...] = (
            ("core", lambda m=message: core("on_search").is_valid(m)),
            ("schema", lambda m=message: storage("on_search").is_valid(m)),
            ("all rules", lambda m=message: all_rules("on_search", m)),
        )
        for what, check in checks:
            found = [one / 1_000 for one in costs_us(check, rounds, 2)]
            limit = CATALOG_LIMIT_MS if what == "all rules" else None
            held = told_of(f"{ITEMS} {name}: {what}", found, limit, "ms", size) and held
    return held


async def hostile(count: int) -> bool:
    """Spoilt messages, blown up to their size."""
    random, network, found = Random(20), Network(), []
    for _ in range(count):
        action = random.choice(list(MESSAGES))
        body = _grown(spoilt_json(MESSAGES[action], random), random)
        if random.random() < 0.3:
            body = spoilt_bytes(body, random)
        headers = spoilt_headers(body, random)
        started = time.process_time_ns()
        await network.post(action, body, headers)
        found.append((time.process_time_ns() - started) / 1_000_000)
    found.sort()
    p99 = found[int(len(found) * 0.99)]
    told_of(f"{count} hostile messages: median", [statistics.median(found)], None, "ms", HOSTILE_BYTES)
    told_of("slowest", [found[-1]], None, "ms", HOSTILE_BYTES)
    return told_of("p99", [p99], HOSTILE_LIMIT_MS, "ms", HOSTILE_BYTES)


def _grown(body: bytes, random: Random) -> bytes:
    """The message with members that make it long."""
    room = max(HOSTILE_BYTES - len(body), 10)
    filling = random.choice(
        (
            lambda: b'"x":"' + b"\\u05d0" * (room // 6) + b'"',
            lambda: b",".join(b'"k%d":[{}]' % number for number in range(room // 12)),
            lambda: b'"x":[' + b",".join([b"1"] * (room // 2)) + b"]",
            lambda: b'"x":' + b"[" * 50 + b"1.5," * (room // 4) + b"1" + b"]" * 50,
            lambda: (
                b'"message":{"order":{' + b",".join(b'"n%d":{"x":1}' % number for number in range(room // 14)) + b"}}"
            ),
            lambda: b'"x":"' + b'\\"' * (room // 2) + b'"',
        )
    )()
    return body[:-1] + b"," + filling + b"}"


def main() -> None:
    """Print the figures; exit 1 when a limit is not held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--hostile", type=int, default=2_000)
    parser.add_argument("--report-only", action="store_true", help="exit 0 whatever was measured")
    options = parser.parse_args()
    print(f"2 KB: {BODY_BYTES} bytes; process CPU time; median ± half the range; size in bytes")
    held = [messages(options.rounds), catalogs(options.rounds), asyncio.run(hostile(options.hostile))]
    sys.exit(0 if options.report_only or all(held) else 1)


if __name__ == "__main__":
    main()
