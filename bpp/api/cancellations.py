"""``/api/v1/contracts/<id>/cancel``: the operator ends a contract, without a fee, and the other side is told.

``GET /api/v1/cancellation-reasons`` lists who may cancel for which reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from aiohttp import web
from sqlalchemy import Connection

from bpp.api.shapes import contract_json
from bpp.cancelling import Ids, cancelled_bill, counted_until_now, end, still_to_end
from bpp.contracts import Contract, going_on
from bpp.desk import CANCEL_CALLBACK, Desk
from bpp.store import money, trade
from energy.cancellations import REASONS, Side, reasons_of
from energy.metering import MeterInterval
from energy.offers import Cancellation
from node.clocks import Moment
from node.ids import new_uuid
from node.problems import Problem, json_object, json_response
from protocol.errors import CANCELLATION_NOT_POSSIBLE, TradeRefused
from protocol.lifecycle import after

_FREE = Decimal(0)


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the operator asked for, and what was read for it before the decision: by contract of the same order."""

    contract_id: str
    order_id: str
    reason_id: str
    reason: str
    counted: Mapping[str, tuple[MeterInterval, ...]]
    moment: Moment


class CancellationsApi:
    """Ending contracts."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_routes(self, app: web.Application, prefix: str) -> None:
        """Register the routes."""
        app.router.add_get(f"{prefix}/cancellation-reasons", self._reasons)
        app.router.add_post(f"{prefix}/contracts/{{contract_id}}/cancel", self._cancel)

    async def _reasons(self, _request: web.Request) -> web.Response:
        """The reasons for which a contract may be cancelled, and whose they are to use."""
        listed = [
            {"reason_id": each.reason_id, "text": each.text, "cancelled_by": sorted(each.sides)}
            for each in REASONS.values()
        ]
        return json_response({"reasons": listed})

    async def _cancel(self, request: web.Request) -> web.Response:
        """End a contract in the operator's name, for a reason of ours and without a fee."""
        contract_id, content = request.match_info["contract_id"], await json_object(request)
        reason_id, reason = content.get("reason_id"), content.get("reason") or ""
        known = {each.reason_id: each for each in reasons_of(Side.PROVIDER)}
        if not isinstance(reason_id, str) or reason_id not in known or not isinstance(reason, str):
            listed = ", ".join(f"{each.reason_id} ({each.text})" for each in known.values())
            raise Problem(422, "Invalid request", f"/reason_id: Name a reason: {listed}.")
        moment, message_id = self._desk.moment(), new_uuid()
        seen = await self._desk.database.read(lambda tx: trade.find(tx, contract_id))
        if seen is None or not seen.is_order:
            raise Problem(404, "Not found", f"There is no contract {contract_id[:64]} here.")
        parts = await self._desk.database.read(lambda tx: trade.parts_with(tx, seen))
        counted = {part.contract_id: await counted_until_now(self._desk, part, moment) for part in parts}
        wish = _Wish(contract_id, seen.order_id, reason_id, reason or known[reason_id].text, counted, moment)
        ids = [Ids.fresh() for _ in parts]

        def write(tx: Connection) -> Contract:
            return _ended(tx, self._desk, wish, ids, message_id)

        contract = await self._desk.database.write(write)
        invoice = await self._desk.database.read(lambda tx: money.of_contract(tx, contract_id))
        return json_response(contract_json(contract, invoice, self._desk))


def _ended(tx: Connection, desk: Desk, wish: _Wish, ids: list[Ids], message_id: str) -> Contract:
    parts = trade.locked_parts(tx, wish.order_id)
    after(going_on(parts).stage, "cancel")
    ending = still_to_end(parts, wish.moment.trade)
    if not ending:
        raise TradeRefused(CANCELLATION_NOT_POSSIBLE, "The return window is over: the contract is about to be settled.")
    cancellation = Cancellation(False, wish.reason_id, wish.reason, wish.moment.trade)
    ended = []
    for part, part_ids in zip(ending, ids, strict=False):
        bill = cancelled_bill(part, _FREE, wish.moment.trade, wish.counted[part.contract_id])
        ended.append(end(tx, desk, bill, cancellation, wish.moment, part_ids))
    desk.tell(tx, ended[0], None, message_id, wish.moment, CANCEL_CALLBACK)
    return next((part for part in ended if part.contract_id == wish.contract_id), ended[0])
