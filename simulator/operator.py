"""A battery operator with a simulated fleet: registers it, follows the dispatch and reports telemetry, until stopped.

One tick does these in order:

1. *Begin*, once: register the batteries that the BPP does not know yet, learn the trade time, and take every battery up
   where its latest sample left it. What is registered already is simulated as registered, whatever the seed says.
2. *Poll* the dispatch, from where the fleet has been computed to some hours ahead.
3. *Advance* all batteries to trade time now. After a long stop they catch up in pieces of `CATCH_UP`, one a tick.
   A battery whose last sample is `HEARTBEAT_S` of wall time old reports how it is now, so that the BPP knows it alive.
4. *Deliver* the samples in order. What does not arrive is kept, at most `SAMPLES_KEPT`, and sent again. Batteries with
   a link of their own (`simulator.links`: a broker, Modbus registers) deliver there, the others to the BPP.

A BPP that can not be reached delays 1, 2 and 4 with a growing pause and never stops the batteries: they follow the last
schedule for as long as it is valid and then rest. A BPP that refuses ends the run: nothing would get better by itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice

from energy.metering import Sample
from node.clocks import Clocks, Now, wall_clock
from protocol.retry import RetrySchedule
from simulator.battery import REST, Schedule, SimulatedBattery
from simulator.fleet import COUNT, battery_of, fleet
from simulator.links import Link, LinkDown
from simulator.operator_api import BppUnreachable, OperatorApi, Registered

logger = logging.getLogger(__name__)

DISPATCH_AHEAD = timedelta(hours=6)
CATCH_UP = timedelta(hours=6)
SAMPLES_KEPT = 50_000
SAMPLES_PER_REQUEST = 1_000
HEARTBEAT_S = 10
TICK_MIN_S = 0.1
TICK_MAX_S = 5.0
TICK_TRADE_S = 60
_RETRY = RetrySchedule(first_delay_s=0.25, max_delay_s=5.0)
_FULL_DELAY = 1.0


class Operator:
    """The gateway of a whole fleet. `run` does everything; `tick` is one round, for who moves the clock by hand.

    ``wire`` is the wall clock. ``bpp_url`` is the BPP's base URL, without ``/api/v1``. ``samples_kept`` bounds what
    waits for a BPP that can not be reached. ``began`` is set once the fleet is registered and runs.
    """

    def __init__(
        self,
        bpp_url: str,
        token: str,
        seed: int,
        count: int = COUNT,
        wire: Now = wall_clock,
        samples_kept: int = SAMPLES_KEPT,
        links: Sequence[Link] = (),
    ) -> None:
        self._bpp_url = bpp_url
        self._token = token
        self._documents = fleet(seed, count)
        self._wire = wire
        self._clocks: Clocks | None = None
        self._batteries: list[SimulatedBattery] = []
        self._schedules: dict[str, Schedule] = {}
        self._kept: deque[Sample] = deque(maxlen=samples_kept)
        self._links = [(link, deque[Sample](maxlen=samples_kept)) for link in links]
        self._links_down: set[int] = set()
        self._failures = 0
        self._retry_at: datetime | None = None
        self.began = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Tick until ``stop`` is set; then the samples that are still here are offered once more.

        Raises:
            BppRefused: the BPP does not want this operator (a wrong token, a fleet that it can not read).
        """
        async with OperatorApi(self._bpp_url, self._token) as api:
            while not stop.is_set():
                await self.tick(api)
                await _pause(stop, 0.0 if self._is_behind() else self._tick_s())
            await self._reached(self._deliver, api)
        await self._deliver_by_links()
        for link, _ in self._links:
            await link.stop()

    async def tick(self, api: OperatorApi) -> None:
        """One round.

        Raises:
            BppRefused: as `run`.
        """
        if self._clocks is None and not await self._reached(self._begin, api):
            return
        polled = await self._reached(self._poll, api)
        self._advance()
        await self._deliver_by_links()
        if await self._reached(self._deliver, api) and polled:
            self._note_all_is_well()

    async def _begin(self, api: OperatorApi) -> None:
        known = {document["battery_id"]: await api.battery(document["battery_id"]) for document in self._documents}
        missing = [document for document in self._documents if known[document["battery_id"]] is None]
        if missing:
            await api.register(missing)
        clocks = Clocks(await api.trade_time(), self._wire)
        now = _whole_second(clocks.trade())
        for document in self._documents:
            self._take_up(known[document["battery_id"]] or Registered(battery_of(document), None), now)
        self._clocks = clocks
        self.began.set()
        logger.info("fleet is running", extra={"batteries": len(self._batteries), "registered": len(missing)})

    def _take_up(self, registered: Registered, now: datetime) -> None:
        """Go on from the latest sample, or begin now; a beginning is told at once."""
        battery, latest = registered.battery, registered.latest
        if latest is not None:
            self._batteries.append(SimulatedBattery.resumed(battery, latest))
            return
        self._batteries.append(SimulatedBattery.new(battery, now))
        self._keep([self._batteries[-1].sample()])

    async def _poll(self, api: OperatorApi) -> None:
        self._schedules = await api.dispatch(self._computed_until(), self._target() + DISPATCH_AHEAD)

    def _advance(self) -> None:
        target, overdue = self._target(), timedelta(seconds=HEARTBEAT_S * self._speed())
        for simulated in self._batteries:
            schedule = self._schedules.get(simulated.battery.battery_id, REST)
            samples = simulated.advance(target, schedule)
            if simulated.clock - simulated.reported_at >= overdue:
                samples.append(simulated.sample(schedule))
            self._keep(samples)

    def _keep(self, samples: Sequence[Sample]) -> None:
        """Take a battery's samples in; when its store is full, the oldest go. Registers are totals: energy stays."""
        if not samples:
            return
        kept = next((own for link, own in self._links if samples[0].battery_id in link.battery_ids), self._kept)
        lost = len(kept) + len(samples) - (kept.maxlen or 0)
        if lost > 0:
            logger.warning("samples lost", extra={"lost": lost})
        kept.extend(samples)

    async def _deliver_by_links(self) -> None:
        """What goes another way than to the BPP. A link that is down keeps its samples, and holds up nobody else's."""
        for number, (link, kept) in enumerate(self._links):
            try:
                batch = list(kept)
                await link.deliver(batch)
            except LinkDown as error:
                if number not in self._links_down:
                    logger.warning("a link is down", extra={"reason": str(error)})
                self._links_down.add(number)
                continue
            self._links_down.discard(number)
            for _ in batch:
                kept.popleft()

    async def _deliver(self, api: OperatorApi) -> None:
        while self._kept:
            batch = list(islice(self._kept, SAMPLES_PER_REQUEST))
            rejected = await api.send(batch)
            for _ in batch:
                self._kept.popleft()
            if rejected:
                logger.warning("samples rejected", extra={"rejected": len(rejected), "first_reason": rejected[0]})

    async def _reached(self, call: Callable[[OperatorApi], Awaitable[None]], api: OperatorApi) -> bool:
        """Whether the call got through. After a failure no call is made before a pause that grows is over."""
        if self._retry_at is not None and self._wire() < self._retry_at:
            return False
        try:
            await call(api)
        except BppUnreachable as error:
            self._note_failure(error)
            return False
        return True

    def _note_failure(self, error: BppUnreachable) -> None:
        self._failures += 1
        self._retry_at = self._wire() + timedelta(seconds=_RETRY.delay_s(self._failures, _FULL_DELAY))
        if self._failures == 1:
            logger.warning("BPP can not be reached", extra={"reason": str(error)})

    def _note_all_is_well(self) -> None:
        if self._failures:
            logger.info("BPP is reached again", extra={"failures": self._failures})
        self._failures, self._retry_at = 0, None

    def _trade_now(self) -> datetime:
        """Trade time by whole seconds, which is how a gateway's clock is read."""
        if self._clocks is None:
            raise RuntimeError("the trade time is not known yet")
        return _whole_second(self._clocks.trade())

    def _computed_until(self) -> datetime:
        """How far the whole fleet has been computed."""
        return min((simulated.clock for simulated in self._batteries), default=self._trade_now())

    def _target(self) -> datetime:
        """How far this tick computes."""
        return min(self._trade_now(), self._computed_until() + CATCH_UP)

    def _is_behind(self) -> bool:
        return self._clocks is not None and self._trade_now() - self._computed_until() >= CATCH_UP

    def _speed(self) -> int:
        return 1 if self._clocks is None else self._clocks.trade_time.speed

    def _tick_s(self) -> float:
        """Wall seconds between two ticks: one trade minute, within bounds; the least until the fleet is running."""
        if self._clocks is None:
            return TICK_MIN_S
        return min(TICK_MAX_S, max(TICK_MIN_S, TICK_TRADE_S / self._speed()))


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait until ``stop`` is set, or so long; always let others run."""
    await asyncio.sleep(0)
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


def _whole_second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
