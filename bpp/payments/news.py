"""Telling producers' platforms that their bills are paid, or are not any more: one ``on_status`` for each contract."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from sqlalchemy import Connection

from bpp.desk import Desk
from bpp.store import payments as store
from bpp.store import trade
from node.ids import new_uuid

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
"""So often payments are looked for that another process has booked (``beckn-battery payments``)."""


class PaymentNews:
    """The task of one platform: `start` it, `stop` it; a test calls `look`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._came = desk.database.channel(store.CHANNEL)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to tell."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop between two contracts; what is not told is found again at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> int:
        """Tell all that is to be told; how many."""
        contract_ids = await self._desk.database.read(store.news)
        for contract_id in contract_ids:
            await self._desk.database.write(self._telling(contract_id))
        return len(contract_ids)

    async def _run(self) -> None:
        while True:
            self._came.clear()
            try:
                await self.look()
            except Exception:
                logger.exception("telling of payments failed")
            try:
                await asyncio.wait_for(self._came.wait(), LOOK_EVERY_S)
            except TimeoutError:
                continue

    def _telling(self, contract_id: str) -> Callable[[Connection], None]:
        message_id, moment = new_uuid(), self._desk.moment()

        def tell(tx: Connection) -> None:
            contract = trade.find(tx, contract_id)
            if store.forget_news(tx, contract_id) and contract is not None:
                live = None if contract.told is None else contract.told.live
                self._desk.tell(tx, contract, live, message_id, moment)

        return tell
