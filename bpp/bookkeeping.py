"""Bookkeeping while contracts run: each hour of trade time energy is booked, losses are proven, and days are signed.

An hour is booked when it has been over for `LATENESS`, so that most samples have come. Those that come later are
counted when the contract ends (`bpp.ledger.close_energy`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from bpp import ledger as books
from bpp.contracts import Contract
from bpp.desk import Desk
from bpp.meters import parts_of, pieces
from bpp.running import RunningContracts
from bpp.store import ledger as store
from bpp.store import trade
from energy.intervals import SLOT_S, Interval, align_down
from energy.metering import MeterInterval, Sample
from node import ledger
from node.clocks import Moment
from protocol.lifecycle import Stage

logger = logging.getLogger(__name__)

HOUR_S = 3_600
LATENESS = timedelta(minutes=30)
_SLOT = timedelta(seconds=SLOT_S)
_LEAST_PAUSE_S = 1.0


class Bookkeeping:
    """Runs between `start` and `stop`; `look` is one round."""

    def __init__(self, desk: Desk, running: RunningContracts) -> None:
        self._desk = desk
        self._running = running
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin; the first round is an hour of trade time from now."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End after the contract in hand."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> None:
        """Book what is due. What fails is logged and tried again in the next round."""
        moment = self._desk.moment()
        for battery_id in sorted(self._running.batteries):
            try:
                await self._book(self._running.of_battery(battery_id), moment)
            except Exception:
                logger.exception("the energy in battery %s could not be booked", battery_id)
        if await self._desk.database.read(lambda tx: ledger.has_unsigned(tx, moment.trade)):
            keys = self._desk.participant.keyring.own
            await self._desk.database.write(lambda tx: ledger.sign_roots(tx, keys, moment.trade))

    async def _run(self) -> None:
        pause_s = max(_LEAST_PAUSE_S, HOUR_S / self._desk.participant.clocks.trade_time.speed)
        while True:
            await asyncio.sleep(pause_s)
            try:
                await self.look()
            except Exception:
                logger.exception("bookkeeping failed; the next round tries again")

    async def _book(self, contracts: Sequence[Contract], moment: Moment) -> None:
        """Book the contracts of a battery, then hold them against its state."""
        database, until = self._desk.database, align_down(moment.trade - LATENESS, HOUR_S)
        booked = [each for each in contracts if await self._book_one(each, until, moment)]
        if booked:
            state = books.measured_of(booked[0], None, await self._state_at(booked[0], until))
            await database.write(lambda tx: books.judge(tx, booked[0], until, state.now_wh, moment.trade))

    async def _book_one(self, contract: Contract, hour: datetime, moment: Moment) -> bool:
        """Book a contract until that hour, or until it is over; whether there was anything to book."""
        use = contract.use
        known = await self._desk.database.read(lambda tx: store.position_of(tx, contract.contract_id))
        start, until = use.charge.start if known is None else known.until, min(hour, use.giveback.end)
        if until <= start or (known is not None and known.is_closed):
            return False
        counted = await self._counted(contract, Interval(start, until))
        opening = None if known is not None else await self._state_at(contract, use.charge.start)
        measured = books.measured_of(contract, opening, None)
        return await self._desk.database.write(
            partial(_booking, contract, counted, Interval(start, until), measured, moment.trade)
        )

    async def _counted(self, contract: Contract, span: Interval) -> list[MeterInterval]:
        """The contract's part of the intervals in the span."""
        meters, counted = self._desk.meters, list[MeterInterval]()
        bookings = await meters.bookings(contract)
        for window in pieces(contract.use, span):
            readings = await meters.readings(contract.battery_id, window)
            counted += await asyncio.to_thread(parts_of, contract, bookings, readings, window)
        return counted

    async def _state_at(self, contract: Contract, at: datetime) -> Sample | None:
        """The last sample of the quarter of an hour before ``at`` that tells a state of charge."""
        readings = await self._desk.meters.readings(contract.battery_id, Interval(at - _SLOT, at))
        told = [each for each in readings.samples if each.soc is not None and at - _SLOT <= each.measured_at <= at]
        return max(told, key=lambda each: (each.measured_at, each.sequence), default=None)


def _booking(
    contract: Contract,
    counted: Sequence[MeterInterval],
    span: Interval,
    measured: books.Measured,
    at: datetime,
    tx: Connection,
) -> bool:
    current = trade.locked(tx, contract.contract_id)
    if current is None or current.stage is not Stage.ACTIVE or current.use != contract.use:
        return False
    books.open_store(tx, current, measured.opening_wh)
    return books.book_energy(tx, current, counted, span, at) is not None
