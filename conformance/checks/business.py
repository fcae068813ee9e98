"""The trade's own refusals: the message is acknowledged, and the answer is a signed callback that carries ``error``.

Beckn's BECKN-005 gives the codes.
"""

from __future__ import annotations

from dataclasses import replace

from conformance import messages
from conformance.bench import Bench
from conformance.conversation import acknowledged, error_of, nothing_called_back, refused
from conformance.messages import UNKNOWN_ID, Letter, Pick
from conformance.peer import Sent
from conformance.verdicts import Afterwards, NotReached
from energy.offers import StatusRequest
from energy.orders import together
from node.ids import new_uuid
from protocol.errors import ITEM_NOT_FOUND, ORDER_NOT_FOUND


async def unknown_item(bench: Bench) -> None:
    """``select`` of an item that the target's provider does not have."""
    await _error_callback(bench, _select(bench, await bench.trade.catalog()), ITEM_NOT_FOUND)


async def unknown_beside(bench: Bench) -> None:
    """``select`` of an item together with one that the provider does not have: refused whole, by NACK or callback."""
    pick = await bench.trade.catalog()
    if pick.item_id is None:
        raise NotReached("it needs a catalog that offers something for the use that was searched for")
    known = messages.order(pick, bench.use)
    letter = bench.writer.letter("select", together([known, replace(known, item_id=UNKNOWN_ID)]))
    sent = await bench.send(letter)
    if sent.answer.nack is None:
        arrival = await bench.callback(letter, sent, bench.limits.callback_s)
        verified = await bench.verified(letter, sent, arrival)
        if not error_of(verified.content):
            raise sent.breach("an error for the whole order", "a quote for a part of it")


async def unknown_order(bench: Bench) -> None:
    """``status`` of an order that nobody made."""
    await _error_callback(bench, bench.writer.letter("status", StatusRequest(new_uuid())), ORDER_NOT_FOUND)


async def confirm_first(bench: Bench) -> None:
    """``confirm`` in a transaction that knows no ``init``."""
    order = messages.with_made_up_terms(messages.order(messages.nothing_known(), bench.use), new_uuid())
    await _error_callback(bench, bench.writer.letter("confirm", order), None)


async def without_order(bench: Bench) -> Afterwards:
    """``select`` whose message has no order: a NACK, since Beckn core requires it."""
    letter = _select(bench, messages.nothing_known()).with_message({})
    sent = await bench.send(letter)
    refused(sent)
    return nothing_called_back(bench, letter, sent)


async def same_bytes_twice(bench: Bench) -> Afterwards:
    """The same ``select`` twice: acknowledged twice, answered once."""
    letter = _select(bench, messages.nothing_known())
    sent = await bench.deliver(letter)
    await bench.callback(letter, sent, bench.limits.callback_s)
    again = await bench.send(letter)
    acknowledged(again)
    return _answered_once(bench, letter, again)


async def same_id_twice(bench: Bench) -> Afterwards:
    """The same ``select`` with another ttl, under the same message id: a NACK."""
    first = _select(bench, messages.nothing_known())
    sent = await bench.deliver(first)
    await bench.callback(first, sent, bench.limits.callback_s)
    again = await bench.send(first.with_context(ttl="PT31S"))
    refused(again)
    return _answered_once(bench, first, again)


def _answered_once(bench: Bench, letter: Letter, again: Sent) -> Afterwards:
    def look() -> None:
        count = len(bench.peer.callbacks(letter))
        if count != 1:
            raise again.breach(f"one on_{letter.action} under this message_id", f"{count} of them")

    return look


def _select(bench: Bench, pick: Pick) -> Letter:
    return bench.writer.letter("select", messages.order(pick, bench.use, UNKNOWN_ID))


async def _error_callback(bench: Bench, letter: Letter, code: str | None) -> None:
    sent, verified = await bench.converse(letter)
    error = error_of(verified.content)
    wanted = "an error" if code is None else f"an error with code {code}"
    if not error:
        raise sent.breach(f"on_{letter.action} with {wanted}", "one without an error")
    if code is not None and str(error.get("code")) != code:
        raise sent.breach(f"on_{letter.action} with {wanted}", f"{error.get('code')}: {error.get('message')}"[:300])
