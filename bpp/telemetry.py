"""Telemetry of one operator's platform: the intake, the sources that are read from here, and how all of it is doing.

Health answers the operator's question "can I trust what I see": for every battery its last sample, how old it is, and
what is wrong with it in sentences; for every source whether it can be read; and what was set aside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from bpp.desk import Desk
from bpp.ingest import Ingest
from bpp.settings import TelemetrySettings
from bpp.store import fleet, meters, samples
from bpp.store.meters import Problem, SetAsideGroup
from energy.metering import Sample
from energy.offers import CancellationTerms
from node.clocks import Clocks, Moment
from node.database import Database
from node.telemetry.intake import Standing
from node.telemetry.sample_json import write_sample
from node.telemetry.sources import Sources
from protocol.moments import timestamp_text

PROBLEM_OPEN = timedelta(hours=24)
"""A problem that was not seen for so long (of trade time) is over."""
NEVER = "never"


class Telemetry:
    """The intake and the sources of a platform; ``samples`` is the samples' database."""

    def __init__(
        self,
        database: Database,
        samples_database: Database,
        clocks: Clocks,
        settings: TelemetrySettings,
        cancellation: CancellationTerms,
    ) -> None:
        self.samples = samples_database
        self.ingest = Ingest(database, samples_database, clocks, settings, cancellation)
        self.sources = Sources(settings.mqtt, settings.modbus, self.ingest, clocks)

    async def start(self) -> None:
        """Begin to read the sources."""
        await self.sources.start()

    async def stop(self) -> None:
        """Read no more; what was read is stored."""
        await self.sources.stop()

    async def health(self, desk: Desk, battery_id: str | None, *, only_problems: bool) -> dict[str, Any]:
        """How telemetry is doing, of one battery or of all; ``only_problems`` leaves out what is well."""
        moment = desk.moment()
        known = await desk.database.read(fleet.known_ids)
        if battery_id is not None:
            known &= {battery_id}
        latest = await self._latest(battery_id)
        open_since = moment.trade - PROBLEM_OPEN
        seen, aside = await self.samples.read(
            lambda tx: (meters.problems_since(tx, open_since, battery_id), meters.set_aside_groups(tx))
        )
        problems: dict[str, list[Problem]] = defaultdict(list)
        for problem in seen:
            problems[problem.battery_id].append(problem)
        batteries = [_battery_json(desk, one, latest.get(one), problems[one], moment) for one in sorted(known)]
        return {
            "trade_time": timestamp_text(moment.trade),
            "sample_period_s": desk.settings.telemetry.sample_period_s,
            "sources": [_standing_json(standing) for standing in self.sources.standings],
            "batteries": [one for one in batteries if not only_problems or one["problems"]],
            "set_aside": _set_aside_json(aside, battery_id),
            "set_aside_without_room": self.ingest.without_room,
        }

    async def _latest(self, battery_id: str | None) -> dict[str, Sample]:
        if battery_id is None:
            return await self.samples.read(samples.latest)
        newest = await self.samples.read(lambda tx: samples.latest_of(tx, battery_id))
        return {} if newest is None else {battery_id: newest}


def _battery_json(
    desk: Desk, battery_id: str, sample: Sample | None, problems: Sequence[Problem], moment: Moment
) -> dict[str, Any]:
    told: list[dict[str, Any]] = [
        {
            "problem": one.doubt,
            "detail": one.sentence,
            "first_at": timestamp_text(one.first_at),
            "last_at": timestamp_text(one.last_at),
            "times_seen": one.times_seen,
            "source": one.source,
        }
        for one in problems
    ]
    state, age_s = NEVER, None
    if sample is None:
        told.append({"problem": NEVER, "detail": "This battery has never sent a sample: connect it."})
    else:
        state = desk.meters.quality(sample, moment.trade).value
        age_s = max(timedelta(0), moment.trade - sample.measured_at) // timedelta(seconds=1)
        told += _age_problem(state, age_s)
        if sample.registers_wh is None:
            sentence = "It tells no energy registers, in and out: contracts on it can not be metered."
            told.append({"problem": "no-registers", "detail": sentence})
    return {
        "battery_id": battery_id,
        "state": state,
        "age_s": age_s,
        "latest": None if sample is None else write_sample(sample),
        "problems": told,
    }


def _age_problem(state: str, age_s: int) -> list[dict[str, Any]]:
    if state not in {"stale", "lost"}:
        return []
    sentence = f"The last sample is {age_s} s old (of trade time): look at the battery's gateway and its network."
    return [{"problem": state, "detail": sentence}]


def _standing_json(standing: Standing) -> dict[str, Any]:
    return {
        "name": standing.name,
        "kind": standing.kind,
        "address": standing.address,
        "state": "connected" if standing.is_connected else "not connected",
        "since": _time(standing.since),
        "last_sample_received_at": _time(standing.last_sample_at),
        "problems": [
            {"about": about, "detail": sentence, "since": timestamp_text(since)}
            for about, (sentence, since) in sorted(standing.problems.items())
        ],
    }


def _set_aside_json(groups: Sequence[SetAsideGroup], battery_id: str | None) -> list[dict[str, Any]]:
    return [
        {
            "battery_id": one.battery_id,
            "reason": one.refusal,
            "count": one.count,
            "first_at": timestamp_text(one.first_at),
            "last_at": timestamp_text(one.last_at),
            "detail": one.sentence,
        }
        for one in groups
        if battery_id in {None, one.battery_id}
    ]


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else timestamp_text(moment)
