"""``/api/v1/contracts/<id>/cancel``: the operator ends a contract, without a fee, and the other side is told.

``GET /api/v1/cancellation-reasons`` lists who may cancel for which reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from aiohttp import web
from sqlalchemy import Connection

from bpp.api.shapes import contract_json
from bpp.cancelling import Ids, cancelled_bill, counted_until_now, end
from bpp.contracts import Contract
from bpp.desk import CANCEL_CALLBACK, Desk
from bpp.store import money, trade
from energy.cancellations import REASONS, Side, reasons_of
from energy.metering import MeterInterval
from energy.offers import Cancellation
from node.clocks import Moment
from node.ids import new_uuid
from node.problems import Problem, json_object, json_response
from protocol.errors import CANCELLATION_NOT_POSSIBLE, TradeRefused

_FREE = Decimal(0)


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the operator asked for, and what was read for it before the decision."""

    contract_id: str
    reason_id: str
    reason: str
    counted: tuple[MeterInterval, ...]
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
        listed = [
            {"reason_id": each.reason_id, "text": each.text, "cancelled_by": sorted(each.sides)}
            for each in REASONS.values()
        ]
        return json_response({"reasons": listed})

    async def _cancel(self, request: web.Request) -> web.Response:
        contract_id, content = request.match_info["contract_id"], await json_object(request)
        reason_id, reason = content.get("reason_id"), content.get("reason") or ""
        known = {each.reason_id: each for each in reasons_of(Side.PROVIDER)}
        if not isinstance(reason_id, str) or reason_id not in known or not isinstance(reason, str):
            listed = ", ".join(f"{each.reason_id} ({each.text})" for each in known.values())
            raise Problem(422, "Invalid request", f"/reason_id: Name a reason: {listed}.")
        moment, message_id, ids = self._desk.moment(), new_uuid(), Ids.fresh()
        seen = await self._desk.database.read(lambda tx: trade.find(tx, contract_id))
        if seen is None or not seen.is_order:
            raise Problem(404, "Not found", f"There is no contract {contract_id[:64]} here.")
        counted = await counted_until_now(self._desk, seen, moment)
        wish = _Wish(contract_id, reason_id, reason or known[reason_id].text, counted, moment)

        def write(tx: Connection) -> Contract:
            return _ended(tx, self._desk, wish, ids, message_id)

        contract = await self._desk.database.write(write)
        invoice = await self._desk.database.read(lambda tx: money.of_contract(tx, contract_id))
        return json_response(contract_json(contract, invoice, self._desk))


def _ended(tx: Connection, desk: Desk, wish: _Wish, ids: Ids, message_id: str) -> Contract:
    known = trade.locked(tx, wish.contract_id)
    assert known is not None, "a contract is never forgotten"
    if known.use.giveback.end <= wish.moment.trade:
        raise TradeRefused(CANCELLATION_NOT_POSSIBLE, "The return window is over: the contract is about to be settled.")
    bill = cancelled_bill(known, _FREE, wish.moment.trade, wish.counted)
    cancellation = Cancellation(False, wish.reason_id, wish.reason, wish.moment.trade)
    contract = end(tx, desk, bill, cancellation, wish.moment, ids)
    desk.tell(tx, contract, None, message_id, wish.moment, CANCEL_CALLBACK)
    return contract
