"""Commanding: tells every battery what it has to do now, and again before its reversion time is over.

Who commands what is decided in `bpp.setpoints`; this is the task that does it. A battery is looked at when one of its
contracts changed, when a stop or an order by hand is given or ends, when a window begins or ends, and when it has to be
told again. Nothing of it is stored but the stops: after a restart all is decided anew, and meanwhile each battery
follows its last set-point or, after its reversion time, is its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bpp.desk import Desk
from bpp.running import RunningContracts
from bpp.setpoints import (
    WHOLE_FLEET,
    Command,
    Commander,
    Order,
    SetpointLost,
    SetpointRefused,
    Setpoints,
    Stop,
    Wanted,
    check_limits,
    limited,
    next_change,
    wanted,
)
from bpp.store import fleet, stops
from energy.metering import Sample
from node.clocks import Moment

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
TOLD_IN_A_REVERSION = 3
"""So often a battery is told within its reversion time."""
AGAIN_AFTER_S = 5
"""A battery that could not be told is tried again."""
FOLLOWS_PERCENT = 10
FOLLOWS_W = 200
"""A battery does what it was told within the greater of the two."""


@dataclass(slots=True)
class Commanded:
    """A battery that is told something: since when (wire and trade time), and how it goes."""

    command: Command
    since: Moment
    problem: str | None = None
    measured_w: int | None = None
    missed_since: datetime | None = None


class Commanding:
    """The task: `start` it, `stop` it; a test calls `look`. ``ways`` tells how each battery is told."""

    def __init__(self, desk: Desk, running: RunningContracts, ways: Ways) -> None:
        self._desk = desk
        self._running = running
        self._ways = ways
        self._orders: dict[str, Order] = {}
        self._stops: dict[str, Stop] = {}
        self._due: dict[str, datetime] = {}
        self._commanded: dict[str, Commanded] = {}
        self._stops_changed = desk.database.channel(stops.CHANNEL)
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to command."""
        await self.read_stops()
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Command no more; what was told holds until it reverts."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def commanded(self) -> dict[str, Commanded]:
        """The batteries that are told something now."""
        return dict(self._commanded)

    @property
    def stops(self) -> Sequence[Stop]:
        """The stops that stand."""
        return tuple(self._stops.values())

    def touch(self, battery_id: str) -> None:
        """Something about the battery changed: look at it (`bpp.operation.Operation.followers`)."""
        self._due[battery_id] = self._desk.moment().wire
        self._wake.set()

    def hear(self, taken: Sequence[Sample]) -> None:
        """Samples were stored: see whether the batteries do what they were told."""
        for sample in taken:
            commanded = self._commanded.get(sample.battery_id)
            if commanded is None or sample.power_w is None or sample.measured_at < commanded.since.trade:
                continue
            commanded.measured_w = sample.power_w
            if _follows(commanded.command.power_w, sample.power_w):
                commanded.missed_since = None
            elif commanded.missed_since is None:
                commanded.missed_since = sample.measured_at

    def missed(self, now: datetime) -> Iterable[tuple[str, int, int | None, int]]:
        """How well the batteries do what they were told (`bpp.alarm.Missed`)."""
        for battery_id, one in self._commanded.items():
            missed = timedelta(0) if one.missed_since is None else now - one.missed_since
            yield battery_id, one.command.power_w, one.measured_w, max(missed, timedelta(0)) // timedelta(seconds=1)

    async def order(self, battery_id: str, order: Order) -> None:
        """Give a set-point by hand.

        Raises:
            SetpointRefused: it is beyond the battery's limits, or somebody else commands the battery.
        """
        listed = await self._desk.database.read(lambda tx: fleet.battery(tx, battery_id, self._desk.cancellation))
        if listed is None:
            raise SetpointRefused(f"There is no battery {battery_id} in this fleet.")
        check_limits(listed.battery, order.power_w)
        moment = self._desk.moment()
        if self._stop_of(battery_id) is not None:
            raise SetpointRefused(f"{battery_id} is stopped: release the emergency stop first.")
        now = wanted(self._running.of_battery(battery_id), None, None, moment.trade, moment.wire)
        if now is not None:
            raise SetpointRefused(f"{battery_id} serves a contract now, which commands it: stop it, or wait.")
        self._orders[battery_id] = order
        await self._look_at(battery_id, moment)

    async def withdraw(self, battery_id: str) -> bool:
        """Take a set-point that was given by hand back; False: there is none."""
        if self._orders.pop(battery_id, None) is None:
            return False
        await self._look_at(battery_id, self._desk.moment())
        return True

    async def read_stops(self) -> None:
        """Know the stops as they stand, and obey."""
        self._stops_changed.clear()
        standing = await self._desk.database.read(stops.standing)
        before, self._stops = self._stops, {stop.battery_id: stop for stop in standing}
        changed = before.keys() ^ self._stops.keys()
        if WHOLE_FLEET in changed:
            changed |= set(await self._desk.database.read(fleet.known_ids)) | self._commanded.keys()
        for battery_id in changed - {WHOLE_FLEET}:
            self.touch(battery_id)

    async def look(self) -> None:
        """Tell every battery that is due what it has to do."""
        if self._stops_changed.is_set():
            await self.read_stops()
        moment = self._desk.moment()
        due = [battery_id for battery_id, at in self._due.items() if at <= moment.wire]
        await asyncio.gather(*(self._look_at(battery_id, moment) for battery_id in due))

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self.look()
            except Exception:
                logger.exception("commanding the batteries failed")
            waits = {asyncio.create_task(self._wake.wait()), asyncio.create_task(self._stops_changed.wait())}
            await asyncio.wait(waits, timeout=LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()

    def _stop_of(self, battery_id: str) -> Stop | None:
        return self._stops.get(WHOLE_FLEET) or self._stops.get(battery_id)

    def _order_of(self, battery_id: str, moment: Moment) -> Order | None:
        order = self._orders.get(battery_id)
        if order is not None and moment.wire >= order.until:
            del self._orders[battery_id]
            return None
        return order

    async def _look_at(self, battery_id: str, moment: Moment) -> None:
        contracts, order = self._running.of_battery(battery_id), self._order_of(battery_id, moment)
        now = wanted(contracts, order, self._stop_of(battery_id), moment.trade, moment.wire)
        self._plan_next(battery_id, moment, next_change(contracts, moment.trade) if now is None else now.until, order)
        try:
            if now is None:
                await self._leave(battery_id)
            else:
                await self._tell(battery_id, now, moment)
        except (SetpointRefused, SetpointLost) as error:
            self._failed(battery_id, str(error), moment)

    def _plan_next(self, battery_id: str, moment: Moment, change: datetime | None, order: Order | None) -> None:
        """Look again when what is wanted changes, and at the latest when it has to be told again."""
        again_s = self._desk.settings.setpoints.revert_after_s / TOLD_IN_A_REVERSION
        moments = [] if change is None else [self._desk.participant.clocks.wire_at(change)]
        if order is not None:
            moments.append(order.until)
        if battery_id in self._commanded or change is not None or order is not None or self._stop_of(battery_id):
            moments.append(moment.wire + timedelta(seconds=again_s))
        if moments:
            self._due[battery_id] = min(moments)
        else:
            self._due.pop(battery_id, None)

    async def _tell(self, battery_id: str, now: Wanted, moment: Moment) -> None:
        power_w = now.power_w
        if now.by is Commander.CONTRACTS:
            listed = await self._desk.database.read(lambda tx: fleet.battery(tx, battery_id, self._desk.cancellation))
            power_w = power_w if listed is None else limited(listed.battery, power_w)
        command = Command(battery_id, power_w, self._desk.settings.setpoints.revert_after_s, now.by)
        known = self._commanded.get(battery_id)
        if known is None or known.command != command:
            known = self._commanded[battery_id] = Commanded(command, moment)
            logger.info("battery %s is told %d W", battery_id, power_w, extra={"by": now.by.value})
        await self._ways.of(battery_id).tell(command)
        known.problem = None

    async def _leave(self, battery_id: str) -> None:
        if battery_id in self._commanded:
            await self._ways.of(battery_id).release(battery_id)
            del self._commanded[battery_id]
            logger.info("battery %s is left to its own control", battery_id)

    def _failed(self, battery_id: str, sentence: str, moment: Moment) -> None:
        known = self._commanded.get(battery_id)
        if known is not None and known.problem != sentence:
            known.problem = sentence
            logger.warning("battery %s could not be told: %s", battery_id, sentence)
        self._due[battery_id] = moment.wire + timedelta(seconds=AGAIN_AFTER_S)


class Ways:
    """How each battery is told: by the device that it is read from, where that may be written to; else by its agent."""

    def __init__(self, agents: Setpoints, devices: dict[str, Setpoints]) -> None:
        self._agents = agents
        self.devices = devices

    def of(self, battery_id: str) -> Setpoints:
        """The way to a battery."""
        return self.devices.get(battery_id, self._agents)


def _follows(told_w: int, measured_w: int) -> bool:
    return abs(measured_w - told_w) <= max(FOLLOWS_W, abs(told_w) * FOLLOWS_PERCENT // 100)
