"""History of one operator's platform: samples are rolled up as they come, kept as long as configured, and read back.

What is due (`bpp.store.unrolled`) is rolled once its slot is over, some batteries at a time, so that nobody waits for
it. A reader does not wait either: what is due in the window is rolled for the answer alone, so that it always tells the
newest sample. When more than `ROLLED_FOR_READERS` slots are due, the answer says from where on it is not whole yet.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from bpp.settings import HistorySettings
from bpp.store import fleet, history, samples, unrolled
from bpp.store.meters import changes_of
from bpp.store.unrolled import SLOT_MS, Due, slot_of
from energy.intervals import Interval, align_down
from energy.metering import Sample
from energy.offers import CancellationTerms
from energy.rollups import SLOT_S, STEPS_S, RegisterReading, Rollup, merged, roll
from node.clocks import Now, milliseconds, moment_of
from node.database import Database
from node.retention import Retention

logger = logging.getLogger(__name__)

EVERY_S = 5.0
READ_AT_ONCE = 500
WRITTEN_AT_ONCE = 10
"""As many slots are rolled in one write, which then takes some ten milliseconds."""
GRACE = timedelta(seconds=30)
"""So much trade time after its end a slot is rolled, when the last samples of it have come."""
ROLLED_FOR_READERS = 12
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Past:
    """What a window was like, in steps of ``step_s``; from ``whole_until`` on samples may be missing (None: none)."""

    step_s: int
    rollups: Sequence[Rollup]
    whole_until: datetime | None


class History:
    """Rolls between `start` and `stop`; ``now`` is trade time. ``samples_days`` 0: samples are kept for ever."""

    def __init__(
        self,
        database: Database,
        samples_database: Database,
        now: Now,
        settings: HistorySettings,
        samples_days: int,
        cancellation: CancellationTerms,
    ) -> None:
        self._database = database
        self._samples = samples_database
        self._now = now
        self._kept_days = dict(zip(STEPS_S, settings.days, strict=True))
        self._rolled_days = [days for days in (samples_days, settings.five_minutes_days) if days]
        self._cancellation = cancellation
        self._retentions = [
            Retention(samples_database, now, days, (partial(history.clear, step_s=step_s),))
            for step_s, days in self._kept_days.items()
        ]
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to roll and to delete."""
        self._task = asyncio.create_task(self._run())
        for retention in self._retentions:
            await retention.start()

    async def stop(self) -> None:
        """End after the piece in hand; the next start goes on with what is due."""
        for retention in self._retentions:
            await retention.stop()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def roll(self) -> int:
        """Roll what is due and over; how many slots that were."""
        await self._forget()
        count = 0
        while due := await self._samples.read(self._oldest):
            taken = await self._samples.read(partial(_samples_of, due=due))
            limits_w = await self._power_limits_w({each.battery_id for each in due})
            for start in range(0, len(due), WRITTEN_AT_ONCE):
                await self._save(due[start : start + WRITTEN_AT_ONCE], taken, limits_w)
            count += len(due)
        return count

    async def read(self, battery_id: str, window: Interval, step_s: int) -> Past:
        """A battery's rollups of one step that begin in the window, whose start is one of a step."""
        start_ms, end_ms = milliseconds(window.start), milliseconds(window.end)
        due = await self._samples.read(
            lambda tx: unrolled.of_battery(tx, battery_id, start_ms, end_ms - 1 + step_s * 1_000)
        )
        known = await self._samples.read(lambda tx: history.of_battery(tx, battery_id, window, step_s))
        now_rolled, left = due[:ROLLED_FOR_READERS], due[ROLLED_FOR_READERS:]
        if now_rolled:
            fresh = await self._rolled_now(battery_id, step_s, now_rolled)
            inside = {rollup.start: rollup for rollup in fresh if window.contains(rollup.start)}
            known = _in_order({rollup.start: rollup for rollup in known} | inside)
        return Past(step_s, known, moment_of(left[0].slot_ms) if left else None)

    def keeps(self, step_s: int, since: datetime) -> bool:
        """Whether rollups of that step are still kept from that moment on."""
        days = self._kept_days[step_s]
        return not days or since >= self._now() - timedelta(days=days)

    def _oldest(self, tx: Connection) -> list[Due]:
        return unrolled.oldest(tx, milliseconds(self._now() - GRACE), READ_AT_ONCE)

    async def _forget(self) -> None:
        """What can not be rolled from all that it was made of stays as it is."""
        if self._rolled_days:
            before_ms = milliseconds(self._now() - timedelta(days=min(self._rolled_days)) + _DAY)
            await self._samples.write(lambda tx: unrolled.forget(tx, before_ms))

    async def _save(
        self, due: Sequence[Due], taken: Mapping[tuple[str, int], Sequence[Sample]], limits_w: Mapping[str, int]
    ) -> None:
        await self._samples.write(lambda tx: _save(tx, due, taken, limits_w))

    async def _power_limits_w(self, battery_ids: set[str]) -> dict[str, int]:
        found = await self._database.read(lambda tx: fleet.listed_of(tx, self._cancellation, battery_ids))
        return {
            battery_id: max(listed.battery.charge_power_w, listed.battery.discharge_power_w)
            for battery_id, listed in found.items()
        }

    async def _rolled_now(self, battery_id: str, step_s: int, due: Sequence[Due]) -> tuple[Rollup, ...]:
        limit_w = (await self._power_limits_w({battery_id})).get(battery_id, 0)
        return await self._samples.read(lambda tx: _rolled_for_reader(tx, battery_id, limit_w, due, step_s))

    async def _run(self) -> None:
        while True:
            try:
                await self.roll()
            except Exception:
                logger.exception("rolling samples up failed; the next round tries again")
            await asyncio.sleep(EVERY_S)


def _samples_of(tx: Connection, due: Sequence[Due]) -> dict[tuple[str, int], list[Sample]]:
    """The samples of the slots, by battery and slot."""
    window = Interval(moment_of(due[0].slot_ms), moment_of(due[-1].slot_ms + SLOT_MS))
    found: dict[tuple[str, int], list[Sample]] = defaultdict(list)
    for sample in samples.of_some(tx, {each.battery_id for each in due}, window):
        found[sample.battery_id, slot_of(milliseconds(sample.measured_at))].append(sample)
    return found


def _save(
    tx: Connection,
    due: Sequence[Due],
    taken: Mapping[tuple[str, int], Sequence[Sample]],
    limits_w: Mapping[str, int],
) -> None:
    changes = {battery_id: changes_of(tx, battery_id) for battery_id in sorted({each.battery_id for each in due})}
    for each in due:
        found = taken.get((each.battery_id, each.slot_ms), ())
        history.save_slot(tx, each, found, limits_w.get(each.battery_id, 0), changes[each.battery_id])


def _rolled_for_reader(
    tx: Connection, battery_id: str, limit_w: int, due: Sequence[Due], step_s: int
) -> tuple[Rollup, ...]:
    """The steps that the due slots lie in, as they will be once these are rolled."""
    known: dict[datetime, Rollup] = {}
    fresh = merged(_minutes(tx, battery_id, limit_w, due), min(step_s, SLOT_S))
    if step_s > SLOT_S:
        for start in sorted({align_down(one.start, step_s) for one in fresh}):
            step = Interval(start, start + timedelta(seconds=step_s))
            known |= {one.start: one for one in history.of_battery(tx, battery_id, step, SLOT_S)}
    known |= {one.start: one for one in fresh}
    return merged(_in_order(known), step_s)


def _minutes(tx: Connection, battery_id: str, limit_w: int, due: Sequence[Due]) -> list[Rollup]:
    taken, changes = _samples_of(tx, due), changes_of(tx, battery_id)
    minutes: list[Rollup] = []
    last: RegisterReading | None = None
    for each in due:
        stored = history.last_reading(tx, battery_id, each.slot_ms)
        before = max((one for one in (stored, last) if one is not None), key=lambda one: one.at, default=None)
        rolled = roll(taken.get((battery_id, each.slot_ms), ()), before, limit_w, changes)
        last = next((one.reading for one in reversed(rolled) if one.reading is not None), last)
        minutes += rolled
    return minutes


def _in_order(by_start: Mapping[datetime, Rollup]) -> list[Rollup]:
    return [by_start[start] for start in sorted(by_start)]
