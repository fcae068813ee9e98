"""Scripted targets that trade from select to cancel, and one that does one thing wrong in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
from aiohttp import web

from energy.messages import Message
from energy.offers import (
    Cancellation,
    ConsentForm,
    ContractState,
    FeedbackForm,
    Order,
    OrderStatus,
    Payment,
    PaymentType,
    Quote,
    SupportContact,
    Tracking,
)
from energy.quantities import Money
from energy.tariffs import Line, LineTitle
from energy.wire.v1.reader import read
from energy.wire.v1.writer import write
from tests.conformance.targets import Talkative
from tests.messages import DAY
from tests.peers import Arrival

ORDER_ID = "7b0f1c7e-6a43-4a39-8f0f-2f6c5d1e0a11"
SUBMISSION_ID = "0d1c9a3a-3a0b-4f0f-9c3f-6a7f0e1b2c3d"
PRICE = Money(100_00, "INR")
QUOTE = Quote("5c2b1f0a-2f33-4a53-8a3e-9d1f4a1c7b60", (Line(LineTitle.PLATFORM, PRICE),), PRICE, ttl_s=600)


class Trader(Talkative):
    """Trades as it should, one order at a time."""

    ordered: Order | None = None
    page = 2

    async def answer(self, arrival: Arrival) -> web.Response:
        if arrival.path.endswith("/form"):
            return self.form(arrival)
        return await super().answer(arrival)

    def form(self, arrival: Arrival) -> web.Response:
        """Two pages for people, and the submission for who agreed to both."""
        if arrival.body == b"page=1&agree=yes":
            return web.json_response({"submission_id": None, "next": "?page=2"})
        if arrival.body == b"page=2&agree=yes":
            return web.json_response({"submission_id": SUBMISSION_ID})
        self.page = 3 - self.page
        fields = f"<input type=hidden name=page value={self.page}><input type=checkbox name=agree value=yes>"
        return web.Response(text=f"<form method=post>{fields}</form>", content_type="text/html")

    def content(self, arrival: Arrival) -> dict[str, Any] | None:
        content = super().content(arrival)
        if content is None or "error" not in content:
            return content
        request = orjson.loads(arrival.body)
        said = self.serve(request["context"]["action"], request["message"])
        if isinstance(said, str):
            return content | {"error": {"code": said, "message": "No."}} | self.beside(request["context"]["action"])
        answered = said or self.trade(request["context"]["action"], request["message"])
        if answered is None:
            return content
        del content["error"]
        action = content["context"]["action"]
        return content | {"message": self.spoil(action, write(action, answered))}

    def beside(self, action: str) -> dict[str, Any]:
        """Core wants a message of on_rating even beside an error."""
        return {"message": {}} if action == "rating" else {}

    def serve(self, action: str, message: dict[str, Any]) -> Message | str | None:
        """What is told of a running order beside itself, or the code of a refusal."""
        if action == "track":
            return Tracking(ORDER_ID, f"{self.url}/track", active=True)
        if action == "rating":
            return FeedbackForm(None) if message["ratings"][0]["value"] == "5" else "30015"
        if action == "support":
            return SupportContact(ORDER_ID, "", "desk@target.example", "")
        if action == "update" and message["update_target"] != "items":
            return "30012"
        return None

    def trade(self, action: str, message: dict[str, Any]) -> Order | None:
        """The order as it stands after the request."""
        if action in {"select", "init", "confirm"}:
            self.ordered = read(action, message)
        order = self.ordered
        if order is None or order.others:
            return None
        offered = replace(order, quote=QUOTE, payment=Payment(PaymentType.POST_FULFILLMENT, PRICE))
        if action == "init":
            return replace(offered, form=ConsentForm(f"{self.url}/form"))
        if action == "confirm" and (order.form is None or order.form.submission_id != SUBMISSION_ID):
            return None
        active = replace(offered, order_id=ORDER_ID, status=OrderStatus.ACTIVE, state=ContractState.CONFIRMED)
        if action == "update" and order.use is not None:
            changed = read(action, message).applied_to(order.use)
            return replace(active, use=changed)
        if action == "cancel":
            cancellation = Cancellation(by_consumer=True, reason_id="5", reason="over", time=DAY)
            return replace(active, status=OrderStatus.CANCELLED, cancellation=cancellation)
        return offered if action == "select" else active

    def spoil(self, _action: str, message: dict[str, Any]) -> dict[str, Any]:
        """What a subclass does wrong."""
        return message


class NoTerms(Trader):
    """Its on_init has no payment."""

    def spoil(self, action: str, message: dict[str, Any]) -> dict[str, Any]:
        if action == "on_init":
            del message["order"]["payments"]
        return message


class WrongSum(Trader):
    """Its quote does not add up."""

    def spoil(self, action: str, message: dict[str, Any]) -> dict[str, Any]:
        if action == "on_select":
            message["order"]["quote"]["price"]["value"] = "1.00"
        return message


class NoForm(Trader):
    """Its form is not there."""

    def form(self, _arrival: Arrival) -> web.Response:
        return web.Response(status=404)


class DeafForm(Trader):
    """Its form answers with a page whatever is asked for."""

    def form(self, _arrival: Arrival) -> web.Response:
        return web.Response(text="Thank you!", content_type="text/html")


class Inactive(Trader):
    """Its confirmed order is not active."""

    def spoil(self, action: str, message: dict[str, Any]) -> dict[str, Any]:
        if action == "on_confirm":
            message["order"]["status"] = "COMPLETE"
        return message


class OtherOrder(Trader):
    """Tells the status of another order."""

    def spoil(self, action: str, message: dict[str, Any]) -> dict[str, Any]:
        if action == "on_status":
            message["order"]["id"] = SUBMISSION_ID
        return message


class NotCancelled(Trader):
    """Answers a cancel with an order that goes on."""

    def spoil(self, action: str, message: dict[str, Any]) -> dict[str, Any]:
        if action == "on_cancel":
            message["order"]["status"] = "ACTIVE"
        return message


class Open(Trader):
    """Tells more than the closed schemas know."""

    def spoil(self, _action: str, message: dict[str, Any]) -> dict[str, Any]:
        message["order"]["weather"] = "fair"
        return message


class Gossip(Trader):
    """Sends a status that nobody asked for before the one that was."""

    async def call_back(self, arrival: Arrival) -> None:
        request = orjson.loads(arrival.body) if arrival.path.endswith("/status") else None
        if request is not None:
            request["context"]["message_id"] = ORDER_ID
            unasked = Arrival(arrival.path, arrival.headers, orjson.dumps(request))
            await super().call_back(unasked)
        await super().call_back(arrival)


class Deaf(Trader):
    """Confirms a contract and then refuses whatever else is asked of it."""

    def serve(self, action: str, message: dict[str, Any]) -> Message | str | None:
        return "50000" if action in {"track", "rating", "support", "update"} else super().serve(action, message)


class Obliging(Trader):
    """Says yes to everything, and means nothing by it."""

    def serve(self, action: str, message: dict[str, Any]) -> Message | str | None:
        if action == "rating":
            return FeedbackForm(None)
        if action == "support":
            return SupportContact(ORDER_ID, "", "", "")
        return self.ordered_again() if action == "update" else super().serve(action, message)

    def ordered_again(self) -> Order | None:
        """The order as it was."""
        return self.trade("status", {})


class Untracked(Trader):
    """Has no tracking, and says so."""

    def serve(self, action: str, message: dict[str, Any]) -> Message | str | None:
        return "40005" if action == "track" else super().serve(action, message)
