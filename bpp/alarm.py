"""The alarm: looks once a second at what came, judges it (`bpp.alerts`), and writes what is raised and cleared.

Samples are only noted when they come; of several of one battery within a second the newest is judged. What is raised is
in memory and in the database, each change in one transaction, told in the log, counted in the metrics, and seen by who
follows the alerts. After a restart what was raised is known again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from prometheus_client import Gauge
from sqlalchemy import Connection

from bpp.alerts import Alert, AlertKey, AlertKind, Finding, judged, of_age, of_command, of_progress, of_sample
from bpp.catalog import ListedBattery
from bpp.contracts import Contract
from bpp.desk import Desk
from bpp.running import RunningContracts
from bpp.store import alerts, changes, fleet, samples
from energy.metering import Sample
from energy.offers import LiveState
from node.database import Database
from node.ids import new_uuid

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
CHANGES_AT_ONCE = 1_000
AT_ONCE = 200
"""So many batteries are read, judged, or written at once."""
_SECOND = timedelta(seconds=1)
T = TypeVar("T")
Missed = Callable[[datetime], Iterable[tuple[str, int, int | None, int]]]
"""At a trade time: battery, watts it was told, watts it does, seconds since it last did (`bpp.commanding`)."""


def _nothing_missed(_now: datetime) -> Iterable[tuple[str, int, int | None, int]]:
    return ()


class Alarm:
    """The task: `start` it, `stop` it; a test calls `look`."""

    def __init__(self, desk: Desk, samples_database: Database, running: RunningContracts) -> None:
        self._desk = desk
        self._samples = samples_database
        self._running = running
        self._bands = desk.settings.alerts.bands
        self._task: asyncio.Task[None] | None = None
        self._raised: dict[AlertKey, Alert] = {}
        self._fleet: dict[str, ListedBattery | None] = {}
        self._seen_no = 0
        self._newest: dict[str, Sample] = {}
        self._unjudged: set[str] = set()
        self._progress: dict[str, Finding] = {}
        self.missed: Missed = _nothing_missed
        self._gauge = Gauge(
            "battery_alerts_raised",
            "Alerts that are raised now, by kind",
            ["kind"],
            registry=desk.participant.metrics.registry,
        )

    async def open(self) -> None:
        """Take up what an earlier process left."""
        self._raised = {alert.key: alert for alert in await self._desk.database.read(alerts.raised)}
        self._newest = {**await self._samples.read(samples.latest), **self._newest}
        self._unjudged.update(self._newest)
        self._count()

    async def start(self) -> None:
        """Begin to look."""
        await self.open()
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def hear(self, taken: Sequence[Sample]) -> None:
        """Samples were stored (`bpp.ingest.Ingest.observers`)."""
        for sample in taken:
            known = self._newest.get(sample.battery_id)
            if known is None or sample.measured_at >= known.measured_at:
                self._newest[sample.battery_id] = sample
                self._unjudged.add(sample.battery_id)

    def note(self, contract: Contract, live: LiveState) -> None:
        """A contract's live state was told (`bpp.operation.Operation.observers`)."""
        finding = of_progress(
            contract.contract_id, contract.battery_id, contract.use, contract.profile.giveback_wh, live
        )
        self._progress[contract.contract_id] = finding

    async def look(self) -> None:
        """Judge what came, and what did not."""
        now = self._desk.moment().trade
        await self._follow_fleet()
        unjudged, self._unjudged = self._unjudged, set()
        progress, self._progress = self._progress, {}
        findings = [*progress.values(), *self._of_ages(now), *self._of_what_is_over()]
        findings += self._of_commands(now)
        await self._judge_all(findings, now)
        for battery_ids in _pieces(sorted(unjudged)):
            await self._judge_all(self._of_samples(battery_ids), now)
            # Others have their turn.
            await asyncio.sleep(0)

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:
                logger.exception("looking for what to raise an alert about failed")
            await asyncio.sleep(LOOK_EVERY_S)

    async def _follow_fleet(self) -> None:
        """Know the batteries that sent something, as they are now."""
        while changed := await self._desk.database.read(lambda tx: changes.since(tx, self._seen_no, CHANGES_AT_ONCE)):
            self._seen_no = changed[-1].change_no
            for one in changed:
                self._fleet.pop(one.battery_id, None)
        for wanted in _pieces([each for each in self._newest if each not in self._fleet]):
            found = await self._desk.database.read(
                lambda tx, wanted=wanted: fleet.listed_of(tx, self._desk.cancellation, wanted)  # type: ignore[misc]
            )
            self._fleet.update((each, found.get(each)) for each in wanted)

    def _of_samples(self, battery_ids: Iterable[str]) -> Iterable[Finding]:
        for battery_id in battery_ids:
            listed = self._fleet.get(battery_id)
            if listed is not None:
                yield from of_sample(listed.battery, self._newest[battery_id])

    def _of_ages(self, now: datetime) -> Iterable[Finding]:
        """The batteries whose data became stale, or fresh again; the others are passed over quickly."""
        period_s, band = self._desk.meters.sample_period_s, self._bands[AlertKind.STALE_DATA]
        stale_before = now - int(band.raise_at * period_s) * _SECOND
        fresh_from = now - int(band.clear_at * period_s) * _SECOND
        stale = {key.battery_id for key in self._raised if key.kind is AlertKind.STALE_DATA}
        for battery_id, sample in self._newest.items():
            is_over = sample.measured_at >= fresh_from if battery_id in stale else sample.measured_at > stale_before
            listed = self._fleet.get(battery_id)
            if listed is None or is_over is not (battery_id in stale):
                continue
            # Nobody waits for the samples of a battery that is out of service.
            if listed.in_service:
                yield of_age(battery_id, sample.measured_at, now, period_s)

    def _of_commands(self, now: datetime) -> Iterable[Finding]:
        """How the batteries that are commanded do what they are told; the others have nothing to miss."""
        missed = {one[0]: of_command(*one) for one in self.missed(now)}
        for key in self._raised:
            if key.kind is AlertKind.MISSED_SETPOINT and key.battery_id not in missed:
                yield Finding(key, self._bands[key.kind].clear_at)
        yield from missed.values()

    def _of_what_is_over(self) -> Iterable[Finding]:
        """What nobody asks about any more: contracts that are over, batteries out of service."""
        for key in self._raised:
            listed = self._fleet.get(key.battery_id)
            is_out = listed is not None and not listed.in_service and key.kind is AlertKind.STALE_DATA
            if is_out or (key.contract_id is not None and self._running.get(key.contract_id) is None):
                yield Finding(key, self._bands[key.kind].clear_at)

    async def _judge_all(self, findings: Iterable[Finding], now: datetime) -> None:
        changed = [each for finding in findings if (each := self._judge(finding, now)) is not None]
        for piece in _pieces(changed):
            await self._keep(piece)

    def _judge(self, finding: Finding, now: datetime) -> Alert | None:
        """The alert if the finding changes it."""
        known = self._raised.get(finding.key)
        band = self._bands[finding.key.kind]
        if band.is_raised(finding.measure, was_raised=known is not None) is (known is not None):
            return None
        return judged(known, finding, band, now, new_uuid())

    async def _keep(self, changed: Sequence[Alert]) -> None:
        numbers = [self._desk.participant.ids.next() for _ in changed]

        def write(tx: Connection) -> None:
            for alert, change_no in zip(changed, numbers, strict=True):
                if alert.cleared_at is None:
                    alerts.save(tx, alert, change_no)
                else:
                    alerts.clear(tx, alert.alert_id, alert.cleared_at, change_no)

        await self._desk.database.write(write)
        for alert in changed:
            facts = {"alert": alert.key.kind.value, "battery_id": alert.key.battery_id}
            if alert.cleared_at is None:
                self._raised[alert.key] = alert
                logger.warning("alert raised: %s", alert.sentence, extra=facts)
            else:
                del self._raised[alert.key]
                logger.info("alert cleared: %s", alert.key.kind, extra=facts)
        self._count()

    def _count(self) -> None:
        for kind in AlertKind:
            self._gauge.labels(kind.value).set(sum(key.kind is kind for key in self._raised))


def _pieces(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + AT_ONCE] for start in range(0, len(items), AT_ONCE))
