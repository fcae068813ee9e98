"""How every callback is taken in: who sent it, what it answers, and what it may change.

A callback about a contract counts when

* it comes from the platform that the contract is with,
* it answers a request of ours for this contract that was neither answered nor replaced by a newer one, or it is an
  ``on_status`` or ``on_cancel``, which operators send on their own, and
* the step is legal in the contract's stage (`protocol.lifecycle.after`).

What does not count changes nothing and leaves one line in the log (`ignored`). That holds for unknown transactions,
late, doubled and overtaken messages. An answer that says no, or that can not be used, ends its request and becomes the
contract's error. A request that was thought undelivered is answered all the same when its answer comes.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from bap.callbacks.answers import Told, Unusable, applied
from bap.parts import key_of, with_each
from bap.store import contracts
from bap.store.records import Contract, Failure, Request, RequestState
from energy.messages import Message
from energy.offers import Order
from energy.wire.v1.errors import WireError
from energy.wire.v1.tolerances import NOTHING_KNOWN, TOLERANT
from energy.wire.v1.tolerances.rules import Known, Reading
from node.clocks import Now
from node.database import Database
from node.inbox import Decision, Received
from node.reading import message_of
from protocol.actions import ACTIONS
from protocol.errors import ACTION_NOT_APPLICABLE, INVALID_REQUEST, ORDER_NOT_FOUND, TradeRefused
from protocol.lifecycle import after
from protocol.verification import Verified

logger = logging.getLogger(__name__)

UNASKED = frozenset({"on_status", "on_cancel"})
_OPEN = frozenset({RequestState.WAITING, RequestState.UNDELIVERED})
_TEXT_LENGTH_MAX = 500


def ignored(received: Received, refusal: TradeRefused) -> Decision:
    """What becomes of a callback that does not count: a line in the log."""
    context = received.verified.context
    logger.warning(
        "ignored %s from %s: %s",
        received.verified.action,
        received.verified.sender_id,
        refusal.sentence,
        extra={"transaction_id": context.transaction_id, "message_id": context.message_id},
    )
    return lambda _tx: None


@dataclass(frozen=True, slots=True)
class Answers:
    """The handler of every callback about a contract."""

    database: Database
    now: Now
    reading: Reading = TOLERANT

    async def handle(self, received: Received) -> Decision:
        """Read the message; the decision that comes back changes the contract.

        Raises:
            TradeRefused: the message does not count.
        """
        verified = received.verified
        contract_id = verified.context.transaction_id
        contract = await self.database.read(lambda tx: contracts.load(tx, contract_id))
        _from_operator(contract, verified)
        request = await self.database.read(lambda tx: contracts.load_request(tx, verified.context.message_id))
        said = _said(verified, self.reading, _known(contract, request))
        now = self.now()
        return lambda tx: _decide(tx, received, said, now)


def _decide(tx: Connection, received: Received, said: Message | Failure, now: datetime) -> None:
    verified = received.verified
    contract = _from_operator(contracts.hold(tx, verified.context.transaction_id), verified)
    request = _answered_request(tx, verified)
    if isinstance(said, Failure):
        changed, ended = _refused(contract, request, said), RequestState.REFUSED
    else:
        changed, ended = _changed(contract, verified, Told(said, verified.context.timestamp, request))
        if isinstance(said, Order) and ended is RequestState.ANSWERED:
            _keep_readings(tx, contract, said, received.inbox_id)
    contracts.save(tx, replace(changed, updated_at=now))
    if request is not None:
        contracts.end_request(tx, request, ended, received.inbox_id)


def _changed(contract: Contract, verified: Verified, told: Told) -> tuple[Contract, RequestState]:
    action = ACTIONS[verified.action].request
    stage = after(contract.stage, action)
    error = None if contract.error is not None and contract.error.action == action else contract.error
    try:
        moved = replace(with_each(contract, lambda part: replace(part, stage=stage, error=None)), error=error)
        return applied(verified.action, moved, told), RequestState.ANSWERED
    except Unusable as reason:
        return replace(contract, error=reason.failure(action)), RequestState.REFUSED


def _keep_readings(tx: Connection, contract: Contract, order: Order, inbox_id: int) -> None:
    parts = {part.item_id: part for part in contract.each}
    for told in order.each:
        if told.live is not None:
            contracts.add_reading(tx, key_of(contract, parts[told.item_id]), told.live, inbox_id)


def _refused(contract: Contract, request: Request | None, failure: Failure) -> Contract:
    if request is None:
        raise TradeRefused(ACTION_NOT_APPLICABLE, f"it says no ({failure.code}) to nothing that was asked")
    return replace(contract, error=failure)


def _from_operator(contract: Contract | None, verified: Verified) -> Contract:
    if contract is None:
        raise TradeRefused(ORDER_NOT_FOUND, "the transaction is not known here")
    if verified.sender_id != contract.bpp_id:
        raise TradeRefused(ORDER_NOT_FOUND, f"the contract is with {contract.bpp_id}")
    return contract


def _answered_request(tx: Connection, verified: Verified) -> Request | None:
    """The open request that the message answers; None for one that needs none."""
    context, action = verified.context, ACTIONS[verified.action].request
    request = contracts.load_request(tx, context.message_id)
    if request is None or request.contract_id != context.transaction_id or request.action != action:
        reason = "it answers no request of ours"
    elif request.state in _OPEN:
        return request
    else:
        reason = f"the request it answers is {request.state}"
    if verified.action in UNASKED and verified.error is None:
        return None
    raise TradeRefused(ACTION_NOT_APPLICABLE, reason)


def _known(contract: Contract | None, request: Request | None) -> Known:
    """What this transaction speaks of, for peers that leave it out (ENERGY 1.2, S8 and S12)."""
    if contract is None:
        return NOTHING_KNOWN
    update = None if request is None else request.asked.update
    return Known.of(contract.use if update is None else update.applied_to(contract.use), contract.mode)


def _said(verified: Verified, reading: Reading, known: Known) -> Message | Failure:
    if verified.error is not None:
        return failure_of(verified)
    try:
        return message_of(verified, reading, known)
    except WireError as error:
        raise TradeRefused(INVALID_REQUEST, error.sentence, error.path) from None


def failure_of(verified: Verified) -> Failure:
    """The error of a callback that says no, in texts of bounded length."""
    error = verified.error or {}
    code, message, path = (str(error.get(name) or "")[:_TEXT_LENGTH_MAX] for name in ("code", "message", "paths"))
    return Failure(ACTIONS[verified.action].request, code, message or "refused without a reason", path)
