"""The end of a contract: what the meter counted is settled and billed, and the other side is told, once.

It reads all samples of the contract, so it runs beside the rounds of operation, one at a time for each contract.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import Connection

from bpp.billing import Bill, bill_of, settled_quote
from bpp.contracts import Contract, Told
from bpp.desk import Desk
from bpp.invoicing import issue
from bpp.ledger import close_energy, measured_of
from bpp.meters import Edges
from bpp.payments.booking import open_book
from bpp.store import live, trade
from energy.offers import ContractState, LiveState
from node.clocks import Moment
from node.ids import new_token, new_uuid
from protocol.lifecycle import SETTLE, Stage, after

logger = logging.getLogger(__name__)

DRAWN_BY = "settlement"


class Endings:
    """The contracts that are being settled."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def begin(self, contract: Contract, told: LiveState | None, moment: Moment) -> None:
        """Settle a contract that is completed, unless that is under way; who failed is begun again."""
        contract_id = contract.contract_id
        if contract_id not in self._tasks:
            task = self._tasks[contract_id] = asyncio.create_task(self._settle(contract, told, moment))
            task.add_done_callback(lambda _task: self._tasks.pop(contract_id, None))

    async def done(self) -> None:
        """Wait for all that were begun."""
        await asyncio.gather(*self._tasks.values())

    async def _settle(self, contract: Contract, told: LiveState | None, moment: Moment) -> None:
        try:
            bill = bill_of(contract, await self._desk.meters.intervals(contract))
            edges = await self._desk.meters.edges(contract)
            await self._desk.database.write(self._settling(bill, edges, final(told, bill), moment))
        except Exception:
            facts = {"transaction_id": contract.peer.transaction_id}
            logger.exception("contract %s could not be settled", contract.contract_id, extra=facts)

    def _settling(
        self, bill: Bill, edges: Edges, told: LiveState | None, moment: Moment
    ) -> Callable[[Connection], None]:
        message_id, quote_id, token = new_uuid(), new_uuid(), new_token()
        event_id = self._desk.participant.ids.next()

        def decide(tx: Connection) -> None:
            current = trade.locked(tx, bill.contract.contract_id)
            if current is None or current.stage is not Stage.ACTIVE:
                return
            issue(tx, self._desk.settings, bill, token, moment.trade, edges)
            settled = replace(
                current,
                stage=after(current.stage, SETTLE),
                state=ContractState.SETTLED,
                state_at=moment.trade,
                quote=settled_quote(bill, quote_id),
                told=current.told if told is None else Told(told, moment.wire),
                updated_at=moment.trade,
            )
            trade.save(tx, settled)
            with open_book(tx, moment.trade, DRAWN_BY) as book:
                book.draw_deposits(settled.order_id)
            measured = measured_of(current, edges.opening, edges.closing)
            close_energy(tx, current, bill.intervals, current.use.giveback.end, moment.trade, measured)
            self._desk.tell(tx, settled, told, message_id, moment)
            live.add(tx, settled, told, event_id, moment.wire)

        return decide


def final(told: LiveState | None, bill: Bill) -> LiveState | None:
    """The live state of a settled contract: its energy as billed, and nothing left in store for it."""
    if told is None:
        return None
    settlement = bill.settlement
    return replace(
        told,
        energy_in_wh=settlement.energy_in_wh,
        energy_out_wh=settlement.energy_out_wh,
        stored_for_order_wh=0,
        losses_wh=settlement.losses_wh,
    )
