"""What else can be asked of a running order: where it is tracked, a change of it, a rating, and support."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from conformance.bench import Bench
from conformance.conversation import error_of
from conformance.messages import Letter
from conformance.peer import Sent
from conformance.verdicts import Breach
from energy.messages import Message
from energy.offers import RatingRequest, SupportRequest, TrackRequest, UpdateRequest
from protocol.errors import INVALID_RATING, INVALID_UPDATE_TARGET, TRACKING_NOT_SUPPORTED

_RATING, _NO_RATING = Decimal(5), Decimal(99)
_WAYS = ("phone", "callback_phone", "email", "url")


async def tracked(bench: Bench) -> None:
    """``on_track`` with a URL, or the error that there is no tracking."""
    sent, content = await _answered(bench, "track", TrackRequest(await bench.trade.order_id()))
    if str(error_of(content).get("code")) == TRACKING_NOT_SUPPORTED:
        return
    tracking = _message(sent, content).get("tracking")
    if not isinstance(tracking, dict) or not str(tracking.get("url", "")).startswith("http"):
        raise sent.breach("on_track with tracking.url", f"{tracking}"[:300])


async def updated(bench: Bench) -> None:
    """Another amount, before charging begins, gives an order with that amount and a quote for it."""
    order = (await bench.trade.confirmed()).order
    half_wh = order.use.energy_wh // 2
    request = UpdateRequest(await bench.trade.order_id(), "items", energy_wh=half_wh, item_id=order.item_id)
    step = await bench.trade.updated(request)
    if step.order.use.energy_wh != half_wh or step.order.quote is None:
        raise step.sent.breach(f"an order for {half_wh} Wh with its quote", f"one for {step.order.use.energy_wh} Wh")


async def other_target(bench: Bench) -> None:
    """An ``update_target`` that no order has: a NACK, or an error with its code."""
    order_id = await bench.trade.order_id()
    letter = _letter(bench, "update", UpdateRequest(order_id, "items", energy_wh=1))
    letter = letter.with_message({"update_target": "weather", "order": {"id": order_id}})
    sent = await bench.send(letter)
    if sent.answer.nack is not None:
        return
    arrival = await bench.callback(letter, sent, bench.limits.callback_s)
    _check_code(sent, (await bench.verified(letter, sent, arrival)).content, "on_update", INVALID_UPDATE_TARGET)


async def rated(bench: Bench) -> None:
    """A rating of the order is taken."""
    sent, content = await _answered(bench, "rating", RatingRequest("Order", await bench.trade.order_id(), _RATING))
    _message(sent, content)


async def rated_beyond(bench: Bench) -> None:
    """A rating that nobody can mean is refused."""
    # In a transaction of its own, so that its answer is not taken for that of the rating that counts.
    letter = bench.writer.letter("rating", RatingRequest("Order", await bench.trade.order_id(), _NO_RATING))
    sent, verified = await bench.converse(letter)
    _check_code(sent, verified.content, "on_rating", INVALID_RATING)


async def supported(bench: Bench) -> None:
    """``on_support`` names a way to reach somebody."""
    sent, content = await _answered(bench, "support", SupportRequest(await bench.trade.order_id()))
    support = _message(sent, content).get("support")
    if not isinstance(support, dict) or not any(support.get(way) for way in _WAYS):
        raise sent.breach(f"on_support with one of {', '.join(_WAYS)}", f"{support}"[:300])


def _letter(bench: Bench, action: str, request: Message) -> Letter:
    return bench.writer.letter(action, request, bench.trade.transaction_id)


async def _answered(bench: Bench, action: str, request: Message) -> tuple[Sent, dict[str, Any]]:
    sent, verified = await bench.converse(_letter(bench, action, request))
    return sent, dict(verified.content)


def _message(sent: Sent, content: dict[str, Any]) -> dict[str, Any]:
    """The message of an answer that says yes."""
    error, message = error_of(content), content.get("message")
    if error:
        raise sent.breach("an answer without an error", f"{error.get('code')}: {error.get('message')}"[:300])
    if not isinstance(message, dict):
        raise Breach("an answer with a message", "one without", sent.request)
    return message


def _check_code(sent: Sent, content: Mapping[str, Any], action: str, code: str) -> None:
    error = error_of(content)
    if str(error.get("code")) != code:
        got = f"{error.get('code')}: {error.get('message')}"[:300] if error else "one without an error"
        raise sent.breach(f"{action} with an error with code {code}", got)
