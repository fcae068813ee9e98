"""Operation: contracts go on by the clock and by what the meters say, and the other side hears of it.

A task looks at every contract whose charging has begun: when samples came, when a contract changed, when a window
begins or ends, and at least once a second. What it finds becomes one write function a contract: the new state and the
``on_status`` that tells it. When the return is over and metered, the contract is settled and its invoice issued in the
same way. Everything is found again from the database, so a restart at any moment loses and repeats nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from bpp.billing import Bill, bill_of, issue, series_of, settled_quote
from bpp.contracts import Contract, Told
from bpp.desk import Desk
from bpp.dispatch import KEEPALIVE_S, next_transition, stage, worth_telling
from bpp.store import money, samples, trade
from energy.metering import Sample
from energy.offers import ContractState, LiveState, Quality
from node.clocks import Moment
from node.database import Database
from node.ids import new_token, new_uuid
from protocol.lifecycle import SETTLE, Stage, after

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
LOOK_PAUSE_S = 0.1
"""At least this much time lies between two looks, however many samples come."""
METER_PATIENCE = timedelta(hours=1)
"""Trade time that the last samples may take to come before a contract is settled without them."""

_Look = tuple[datetime, int, Quality]


class Operation:
    """The task of one platform: `start` it, `stop` it; a test calls `look`."""

    def __init__(self, desk: Desk, samples_database: Database) -> None:
        self._desk = desk
        self._contracts_changed = desk.database.channel(trade.CHANNEL)
        self._samples_came = samples_database.channel(samples.CHANNEL)
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        # What was seen of each contract's battery, so that nothing is computed twice from the same sample.
        self._seen: dict[str, _Look] = {}

    async def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Finish the look in hand."""
        self._stopping.set()
        if self._task is not None:
            await self._task

    async def look(self) -> datetime | None:
        """Look at every running contract once; the trade time when the next window begins or ends, if one does."""
        moment = self._desk.moment()
        running, next_start = await self._desk.database.read(
            lambda tx: (trade.running(tx, moment.trade), trade.next_start(tx, moment.trade))
        )
        latest = await self._desk.meters.latest_of_all() if running else {}
        for contract in running:
            try:
                await self._attend(contract, latest.get(contract.battery_id), moment)
            except Exception:
                # One contract that can not go on must not hold up the others; the next look tries it again.
                logger.exception(
                    "contract %s could not go on",
                    contract.contract_id,
                    extra={"transaction_id": contract.peer.transaction_id},
                )
        edges = [next_start, *(next_transition(contract.use, moment.trade) for contract in running)]
        return min((edge for edge in edges if edge is not None), default=None)

    # -- the task -------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while not self._stopping.is_set():
            self._contracts_changed.clear()
            self._samples_came.clear()
            try:
                next_edge = await self.look()
            except Exception:
                logger.exception("looking at the contracts failed")
                next_edge = None
            await self._wait(self._pause_s(next_edge))

    def _pause_s(self, next_edge: datetime | None) -> float:
        if next_edge is None:
            return LOOK_EVERY_S
        clocks = self._desk.participant.clocks
        until_edge = clocks.wire_at(next_edge) - clocks.wire()
        return min(LOOK_EVERY_S, max(0.0, until_edge / timedelta(seconds=1)))

    async def _wait(self, longest_s: float) -> None:
        """Until there is something to look at, but `LOOK_PAUSE_S` at least; at once when stopping."""
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({stopping}, timeout=LOOK_PAUSE_S)
        waits = {
            stopping,
            asyncio.create_task(self._contracts_changed.wait()),
            asyncio.create_task(self._samples_came.wait()),
        }
        timeout_s = max(0.0, longest_s - LOOK_PAUSE_S)
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    # -- one contract ---------------------------------------------------------------------------------------

    async def _attend(self, contract: Contract, sample: Sample | None, moment: Moment) -> None:
        state = _state_now(contract, sample, moment.trade)
        if state is contract.state and not self._is_news(contract, sample, moment):
            return
        live = None if sample is None else await self._desk.meters.live(contract, sample, moment.trade)
        if state is not contract.state or _is_worth_telling(contract, live, moment):
            await self._desk.database.write(self._going_on(contract, state, live, moment))
        if state is ContractState.COMPLETED:
            await self._settle(contract, live, moment)

    def _is_news(self, contract: Contract, sample: Sample | None, moment: Moment) -> bool:
        """Whether something may have to be told although the state is the same."""
        if contract.state is ContractState.COMPLETED:
            return True
        if sample is None:
            return False
        look = (sample.measured_at, sample.sequence, self._desk.meters.quality(sample, moment.trade))
        known = self._seen.get(contract.contract_id)
        self._seen[contract.contract_id] = look
        told = contract.told
        return look != known or told is None or moment.wire - told.sent_at >= timedelta(seconds=KEEPALIVE_S)

    def _going_on(
        self, contract: Contract, state: ContractState, live: LiveState | None, moment: Moment
    ) -> Callable[[Connection], None]:
        message_id = new_uuid()

        def decide(tx: Connection) -> None:
            current = _unchanged(tx, contract)
            if current is None:
                return
            state_at = current.state_at if state is current.state else moment.trade
            told = current.told if live is None else Told(live, moment.wire)
            changed = replace(current, state=state, state_at=state_at, told=told)
            trade.save(tx, changed)
            self._desk.tell(tx, changed, live, message_id, moment)

        return decide

    async def _settle(self, contract: Contract, live: LiveState | None, moment: Moment) -> None:
        bill = bill_of(contract, await self._desk.meters.intervals(contract))
        await self._desk.database.write(self._settling(bill, _final(live, bill), moment))
        self._desk.meters.forget(contract.contract_id)
        self._seen.pop(contract.contract_id, None)

    def _settling(self, bill: Bill, live: LiveState | None, moment: Moment) -> Callable[[Connection], None]:
        message_id, quote_id, token = new_uuid(), new_uuid(), new_token()
        settings = self._desk.settings

        def decide(tx: Connection) -> None:
            current = trade.locked(tx, bill.contract.contract_id)
            if current is None or current.stage is not Stage.ACTIVE:
                return
            number = money.next_number(tx, series_of(settings, moment.trade))
            money.add(tx, issue(bill, settings, number, token, moment.trade))
            settled = replace(
                current,
                stage=after(current.stage, SETTLE),
                state=ContractState.SETTLED,
                state_at=moment.trade,
                quote=settled_quote(bill, quote_id),
                told=current.told if live is None else Told(live, moment.wire),
                updated_at=moment.trade,
            )
            trade.save(tx, settled)
            self._desk.tell(tx, settled, live, message_id, moment)

        return decide


def _state_now(contract: Contract, sample: Sample | None, now: datetime) -> ContractState:
    """The state by the clock; the return is complete only when it is metered to its end, or that takes too long."""
    state, over = stage(contract.use, now, contract.profile.giveback_wh), contract.use.giveback.end
    if state is not ContractState.COMPLETED:
        return state
    is_metered = sample is not None and sample.measured_at >= over
    return state if is_metered or now >= over + METER_PATIENCE else contract.state


def _is_worth_telling(contract: Contract, live: LiveState | None, moment: Moment) -> bool:
    if live is None:
        return False
    if contract.told is None:
        return True
    return worth_telling(contract.told.live, live, contract.told.sent_at, moment.wire)


def _unchanged(tx: Connection, contract: Contract) -> Contract | None:
    """The contract as it is now, unless it went on since it was looked at: then that look is of no use."""
    current = trade.locked(tx, contract.contract_id)
    if current is None or (current.stage, current.state) != (Stage.ACTIVE, contract.state):
        return None
    return current


def _final(live: LiveState | None, bill: Bill) -> LiveState | None:
    """The live state of a settled contract: its energy as billed, and nothing left in store for it."""
    if live is None:
        return None
    settlement = bill.settlement
    return replace(
        live,
        energy_in_wh=settlement.energy_in_wh,
        energy_out_wh=settlement.energy_out_wh,
        stored_for_order_wh=0,
        losses_wh=settlement.losses_wh,
    )
