"""The rest of the network in one scripted server: a registry that knows everyone, a gateway and one operator.

The operator answers every request by a signed callback as a good operator does, unless the test puts something else
into `answers`: a function of the request's content, a `Refusal`, or None for silence.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from bap.app import Bap
from bap.settings import BapSettings
from energy.messages import Message
from energy.offers import (
    Cancellation,
    CancelRequest,
    ContractState,
    FeedbackForm,
    Order,
    OrderStatus,
    StorageUse,
    SupportContact,
    SupportRequest,
    Tracking,
    TrackRequest,
    UpdateRequest,
)
from energy.searches import Catalog, SearchIntent
from energy.wire.v1.reader import read
from energy.wire.v1.writer import write
from node.ids import new_uuid
from node.problems import json_response
from node.settings import RegistrySettings, TimeLimits, TradeTimeSettings
from protocol.context import Context, read_context, write_body
from tests.bap.examples import FORM, OFFER, ORDER_ID, PAYMENT, PROVIDER, quote
from tests.energy.examples import USE, at
from tests.messages import header, own_keys
from tests.peers import LOCAL, Arrival, Peer, acknowledge, peer
from tests.ports import free_port

BAP_ID, BPP_ID, REGISTRY_ID = "bap.test", "bpp.test", "registry.test"
EVE = at(-24)


@dataclass(frozen=True)
class Refusal:
    """A business no."""

    code: str
    message: str
    path: str = ""


Answer = Callable[[Any], Message] | Refusal | None


@dataclass
class Market:
    """See the module. ``asked`` are the contexts of the requests that came, by action."""

    peer: Peer
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: dict[str, Context] = field(default_factory=dict)
    contents: dict[str, Any] = field(default_factory=dict)
    documents: dict[str, web.Response] = field(default_factory=dict)
    use: StorageUse = USE

    def __post_init__(self) -> None:
        self.keys, self.registry_keys = own_keys(BPP_ID), own_keys(REGISTRY_ID)
        self.records: list[dict[str, Any]] = [self._record(BPP_ID, self.keys, "BPP", self.peer.url)]
        self._tasks: set[asyncio.Task[None]] = set()
        names = ("select", "confirm", "status", "track", "update", "cancel", "rating", "support")
        self.answers |= {"search": self._on_search, "init": self.initialised} | {
            name: getattr(self, f"_on_{name}") for name in names
        }
        self.peer.script = self._serve

    @property
    def base(self) -> str:
        return self.peer.url.removesuffix("/beckn")

    async def tell(self, action: str, context: Context, content: Message | Refusal) -> int:
        """Send a callback about that context's trade; the status of the answer."""
        now = datetime.now(UTC)
        answered = context.answered_by(action, now, bpp_id=BPP_ID, bpp_uri=self.peer.url)
        if isinstance(content, Refusal):
            error = {"code": content.code, "message": content.message, "paths": content.path}
            body = write_body(answered, None, error)
        else:
            body = write_body(answered, write(action, content))
        headers = {"Content-Type": "application/json", "Authorization": header(body, self.keys, now)}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{context.bap_uri}/{action}", data=body, headers=headers) as response,
        ):
            await response.read()
            return response.status

    async def tell_unasked(self, action: str, contract_id: str, content: Message) -> int:
        """The same under a message id of our own."""
        context = replace(self.asked["confirm"], transaction_id=contract_id, message_id=new_uuid())
        return await self.tell(action, context, content)

    def _serve(self, arrival: Arrival) -> web.StreamResponse:
        path = arrival.path
        if path == "/registry/subscribe":
            content = orjson.loads(arrival.body)
            self.records.append({**content, "status": "SUBSCRIBED"})
            return json_response({"status": "UNDER_SUBSCRIPTION"})
        if path == "/registry/lookup":
            wanted = orjson.loads(arrival.body)["subscriber_id"]
            return json_response([record for record in self.records if record["subscriber_id"] == wanted])
        if path in self.documents:
            kept = self.documents[path]
            # A response can be sent once, and pages are asked for again.
            return web.Response(body=kept.body, status=kept.status, content_type=kept.content_type)
        if path.startswith("/beckn/"):
            self._take(path.rpartition("/")[2], arrival)
        return acknowledge(arrival)

    def _take(self, action: str, arrival: Arrival) -> None:
        body = orjson.loads(arrival.body)
        context, content = read_context(body), read(action, body["message"], strict=True)
        self.asked[action], self.contents[action] = context, content
        answer = self.answers[action]
        if answer is None:
            return
        said = answer if isinstance(answer, Refusal) else answer(content)
        task = asyncio.create_task(self._reply(f"on_{action}", context, said))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reply(self, action: str, context: Context, said: Message | Refusal) -> None:
        status = await self.tell(action, context, said)
        assert status == 200, f"{action} was refused"

    def _on_search(self, _intent: SearchIntent) -> Message:
        return Catalog(PROVIDER, (OFFER,))

    def _on_select(self, order: Order) -> Message:
        self.use = order.use
        return replace(order, quote=quote(order.use), state=ContractState.QUOTED)

    def initialised(self, order: Order) -> Message:
        """The terms, with a form to consent by."""
        form = replace(FORM, url=f"{self.peer.url}/forms/secret")
        return replace(order, quote=quote(order.use), payment=PAYMENT, form=form, state=ContractState.INITIATED)

    def _on_confirm(self, order: Order) -> Message:
        return self.running(replace(order, order_id=ORDER_ID, form=None))

    def running(self, order: Order, **more: Any) -> Order:
        """The order as it is told once it runs."""
        told = {"status": OrderStatus.ACTIVE, "state": ContractState.CONFIRMED, **more}
        return replace(order, order_id=ORDER_ID, use=self.use, quote=quote(self.use), payment=PAYMENT, **told)

    def _on_status(self, _request: object) -> Message:
        return self.running(self.contents["confirm"], state=ContractState.NOT_STARTED)

    def _on_track(self, request: TrackRequest) -> Message:
        return Tracking(request.order_id, f"{self.peer.url}/track/secret", active=True)

    def _on_update(self, request: UpdateRequest) -> Message:
        self.use = request.applied_to(self.use)
        changed = {} if request.billing is None else {"billing": request.billing}
        return self.running(self.contents["confirm"], state=ContractState.UPDATED, **changed)

    def _on_cancel(self, request: CancelRequest) -> Message:
        if request.soft:
            return self.running(self.contents["confirm"])
        cancellation = Cancellation(by_consumer=True, reason_id=request.reason_id, reason=request.reason, time=EVE)
        more = {"status": OrderStatus.CANCELLED, "state": ContractState.CANCELLED, "cancellation": cancellation}
        return self.running(self.contents["confirm"], **more)

    def _on_rating(self, _request: object) -> Message:
        return FeedbackForm(None)

    def _on_support(self, request: SupportRequest) -> Message:
        return SupportContact(request.ref_id, "+91 80 5550 0199", "desk@bpp.example", f"{self.base}/help")

    def _record(self, subscriber_id: str, keys: Any, role: str, url: str) -> dict[str, Any]:
        return {
            "subscriber_id": subscriber_id,
            "key_id": keys.key_id,
            "signing_public_key": keys.signing_public_b64,
            "type": role,
            "url": url,
            "status": "SUBSCRIBED",
        }


def bap_settings(folder: Path, market: Market, **more: Any) -> BapSettings:
    """A producer's platform on this market; trade time begins a day before the example's use."""
    port = more.pop("port", None) or free_port()
    registry = RegistrySettings(
        f"{market.base}/registry",
        REGISTRY_ID,
        market.registry_keys.signing_public_b64,
        market.registry_keys.encryption_public_b64,
    )
    settings: dict[str, Any] = {
        "subscriber_id": BAP_ID,
        "data_dir": folder,
        "public_url": f"http://127.0.0.1:{port}/beckn",
        "port": port,
        "registry": registry,
        "gateway_url": market.peer.url,
        "quiet_s": 0.05,
        "network": LOCAL,
        "trade_time": TradeTimeSettings(EVE, datetime.now(UTC), 1),
        "times": TimeLimits(stop_within_s=2),
    }
    return BapSettings(**(settings | more))


@asynccontextmanager
async def open_market() -> AsyncIterator[Market]:
    """A market on a free port."""
    async with peer() as scripted:
        yield Market(scripted)


@asynccontextmanager
async def running(settings: BapSettings) -> AsyncIterator[Bap]:
    """A started platform that has joined."""
    bap = Bap(settings)
    await bap.start()
    try:
        await asyncio.wait_for(bap.participant.subscription.subscribed.wait(), timedelta(seconds=10).total_seconds())
        yield bap
    finally:
        await bap.stop()
