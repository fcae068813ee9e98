"""Operation: contracts go on by the clock and by what the meters say, and the other side hears of it.

A sample is handed over when it is stored, and costs what the contracts of its battery cost: they are in memory
(`bpp.running`), and so are their meters (`bpp.live_meters`). A round attends to those contracts of which something
came, and to those that are due: a window begins or ends, a sample becomes stale, or nothing was told for a minute.
What is worth telling (`bpp.liveness`) becomes one write function a contract: the new state, and the ``on_status`` that
tells it. A contract of which more comes before its ``on_status`` has left is told once, with the newest.

When the return is over and metered, the contract is settled (`bpp.ending`) beside the rounds. Everything is found again
from the database, so a restart at any moment loses and repeats nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from bpp.contracts import Contract, Told
from bpp.desk import Desk
from bpp.dispatch import FRESH_PERIODS, LOST_PERIODS, begun, next_transition, stage
from bpp.ending import Endings
from bpp.liveness import Glance, silent_at, worth_telling
from bpp.running import RunningContracts
from bpp.store import live, trade
from energy.metering import Sample
from energy.offers import ContractState, DispatchMode, LiveState
from node.clocks import Moment
from node.ids import new_uuid
from protocol.lifecycle import Stage

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
"""So often the contracts are looked through for changes by other processes, and one that failed is tried again."""
ROUND_PAUSE_S = 0.1
"""At least this much time lies between two rounds, however many samples come."""
AT_ONCE = 64
"""As many contracts are attended to at the same time."""
METER_PATIENCE = timedelta(hours=1)
"""Trade time that the last samples may take to come before a contract is settled without them."""
_INSTANT = timedelta(milliseconds=1)


class Operation:
    """The task of one platform: `start` it, `stop` it; a test calls `look`.

    ``observers`` hear what was told of a contract, ``followers`` the id of each battery whose contracts changed.
    """

    def __init__(self, desk: Desk, running: RunningContracts) -> None:
        self._desk = desk
        self._running = running
        self._meters = desk.live_meters
        self._endings = Endings(desk)
        self.observers: list[Callable[[Contract, LiveState], None]] = []
        self.followers: list[Callable[[str], None]] = []
        self._contracts_changed = desk.database.channel(trade.CHANNEL)
        self._samples_came = asyncio.Event()
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._places = asyncio.Semaphore(AT_ONCE)
        self._heard: set[str] = set()
        self._touched: set[str] = set()
        self._to_follow: set[str] = set()
        self._due: dict[str, datetime] = {}
        self._refresh_at: datetime | None = None

    async def start(self) -> None:
        """Know the contracts, and begin to attend to them."""
        self._touched = await self._running.refresh()
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Finish the round in hand, and what is being settled."""
        self._stopping.set()
        if self._task is not None:
            await self._task
        await self._endings.done()

    def hear(self, taken: Sequence[Sample]) -> None:
        """Samples were stored (`bpp.ingest.Ingest.observers`)."""
        for sample in taken:
            self._meters.hear(sample)
            if sample.battery_id in self._running.batteries:
                self._heard.add(sample.battery_id)
        if self._heard:
            self._samples_came.set()

    async def look(self) -> datetime | None:
        """Attend to every contract once; the trade time when the next window begins or ends, if one does."""
        moment = self._desk.moment()
        await self._refresh(moment)
        await self._attend_to(list(self._running))
        await self._endings.done()
        edges = [next_transition(contract.use, moment.trade) for contract in self._running]
        return min((edge for edge in edges if edge is not None), default=None)

    # -- rounds ---------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while not self._stopping.is_set():
            self._samples_came.clear()
            try:
                await self._round()
            except Exception:
                logger.exception("attending to the contracts failed")
            await self._rest()

    async def _round(self) -> None:
        moment = self._desk.moment()
        if self._contracts_changed.is_set() or self._refresh_at is None or moment.wire >= self._refresh_at:
            self._contracts_changed.clear()
            await self._refresh(moment)
        heard, self._heard = self._heard, set()
        wanted = {each.contract_id: each for battery_id in heard for each in self._running.of_battery(battery_id)}
        for contract_id in [each for each, due_at in self._due.items() if due_at <= moment.wire]:
            contract = self._running.get(contract_id)
            if contract is None:
                del self._due[contract_id]
            else:
                wanted[contract_id] = contract
        await self._attend_to(wanted.values())

    async def _refresh(self, moment: Moment) -> None:
        """Take up contracts that others changed; the meters of their batteries are followed anew when they are due."""
        self._touched |= await self._running.refresh()
        self._refresh_at = moment.wire + timedelta(seconds=LOOK_EVERY_S)
        while self._touched:
            battery_id = self._touched.pop()
            for follow in self.followers:
                follow(battery_id)
            contracts = self._running.of_battery(battery_id)
            self._due.update((contract.contract_id, moment.wire) for contract in contracts)
            if contracts:
                self._to_follow.add(battery_id)
            else:
                await self._meters.follow(battery_id, ())

    async def _rest(self) -> None:
        """Until there is something to do, but `ROUND_PAUSE_S` at least; at once when stopping."""
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({stopping}, timeout=ROUND_PAUSE_S)
        waits = {
            stopping,
            asyncio.create_task(self._contracts_changed.wait()),
            asyncio.create_task(self._samples_came.wait()),
        }
        next_due = min(self._due.values(), default=None)
        until_due = timedelta(seconds=LOOK_EVERY_S) if next_due is None else next_due - self._desk.moment().wire
        timeout_s = min(LOOK_EVERY_S, max(0.0, until_due / timedelta(seconds=1)))
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def _attend_to(self, contracts: Iterable[Contract]) -> None:
        await asyncio.gather(*(self._in_turn(self._attend, contract) for contract in contracts))

    async def _in_turn(self, attend: Callable[[Contract], Awaitable[None]], contract: Contract) -> None:
        async with self._places:
            try:
                await attend(contract)
            except Exception:
                # One contract that can not go on must not hold up the others; it is tried again soon.
                self._due[contract.contract_id] = self._desk.moment().wire + timedelta(seconds=LOOK_EVERY_S)
                logger.exception(
                    "contract %s could not go on",
                    contract.contract_id,
                    extra={"transaction_id": contract.peer.transaction_id},
                )

    # -- one contract ---------------------------------------------------------------------------------------

    async def _attend(self, contract: Contract) -> None:
        await self._follow(contract)
        moment = self._desk.moment()
        if moment.trade < contract.use.charge.start:
            self._due[contract.contract_id] = self._desk.participant.clocks.wire_at(contract.use.charge.start)
            return
        sample = self._meters.newest(contract.battery_id)
        state = self._state_now(contract, sample, moment.trade)
        if self._is_worth_telling(contract, state, sample, moment):
            told = self._meters.live(contract, moment.trade)
            changed = await self._desk.database.write(self._going_on(contract, state, told, moment))
            if changed is None:
                return
            contract = changed
            self._running.put(contract)
            if told is not None:
                for observe in self.observers:
                    observe(contract, told)
        self._due[contract.contract_id] = self._next_due(contract, sample, moment)
        if state is ContractState.COMPLETED:
            self._endings.begin(contract, self._meters.live(contract, moment.trade), moment)

    async def _follow(self, contract: Contract) -> None:
        """Count for the contract as it is, beside the others of its battery."""
        battery_id = contract.battery_id
        if battery_id in self._to_follow or not self._meters.follows(contract):
            self._to_follow.discard(battery_id)
            await self._meters.follow(battery_id, self._running.of_battery(battery_id))

    def _is_worth_telling(
        self, contract: Contract, state: ContractState, sample: Sample | None, moment: Moment
    ) -> bool:
        if sample is None:
            return state is not contract.state
        quality = self._desk.meters.quality(sample, moment.trade)
        current = Glance(state, quality, sample.soc, sample.power_w or 0)
        told = contract.told
        if told is None:
            return True
        return worth_telling(Glance.of(contract.state, told.live), told.sent_at, current, moment.wire) is not None

    def _state_now(self, contract: Contract, sample: Sample | None, now: datetime) -> ContractState:
        """The state by the clock; the return is complete only when it is metered to its end, or that takes too long."""
        state, over = stage(contract.use, now, contract.profile.giveback_wh), contract.use.giveback.end
        if state is ContractState.COMPLETED:
            is_metered = sample is not None and sample.measured_at >= over
            return state if is_metered or now >= over + METER_PATIENCE else contract.state
        if contract.mode is DispatchMode.MANUAL and contract.state is not state:
            return begun(state, has_moved=self._has_moved(contract, sample, now))
        return state

    def _has_moved(self, contract: Contract, sample: Sample | None, now: datetime) -> bool:
        if sample is None or sample.measured_at < contract.use.charge.start:
            return False
        known = self._meters.live(contract, now)
        return (sample.power_w or 0) > 0 or (known is not None and known.energy_in_wh > 0)

    def _next_due(self, contract: Contract, sample: Sample | None, moment: Moment) -> datetime:
        """When the contract has to be attended to even if no sample comes; wire time."""
        clocks, over = self._desk.participant.clocks, contract.use.giveback.end
        edge = next_transition(contract.use, moment.trade)
        if contract.state is ContractState.COMPLETED:
            return moment.wire + timedelta(seconds=LOOK_EVERY_S)
        moments = [clocks.wire_at(edge if edge is not None else max(over + METER_PATIENCE, moment.trade))]
        if contract.told is not None:
            moments.append(silent_at(contract.told.sent_at))
        if sample is not None:
            period = timedelta(seconds=self._desk.meters.sample_period_s)
            ages = (sample.measured_at + count * period + _INSTANT for count in (FRESH_PERIODS, LOST_PERIODS))
            moments += [clocks.wire_at(at) for at in ages if at > moment.trade]
        return min(moments)

    def _going_on(
        self, contract: Contract, state: ContractState, told: LiveState | None, moment: Moment
    ) -> Callable[[Connection], Contract | None]:
        message_id, event_id = new_uuid(), self._desk.participant.ids.next()

        def decide(tx: Connection) -> Contract | None:
            current = _unchanged(tx, contract)
            if current is None:
                return None
            changed = replace(current, told=current.told if told is None else Told(told, moment.wire))
            if state is not current.state:
                changed = replace(changed, state=state, state_at=moment.trade)
                trade.save(tx, changed)
            elif changed.told is not None:
                trade.note_told(tx, changed.contract_id, changed.told)
            self._desk.tell(tx, changed, told, message_id, moment)
            live.add(tx, changed, told, event_id, moment.wire)
            return changed

        return decide


def _unchanged(tx: Connection, contract: Contract) -> Contract | None:
    """The contract as it is now, unless it went on since it was looked at: then that look is of no use."""
    current = trade.locked(tx, contract.contract_id)
    if current is None or (current.stage, current.state) != (Stage.ACTIVE, contract.state):
        return None
    return current
