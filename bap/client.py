"""The producer's API from Python: `BapClient`, and `AsyncBapClient` with the same methods to await.

    with BapClient("http://127.0.0.1:4003", token) as bap:
        search = bap.search(
            energy_wh=300_000, charge=(start, end), giveback=(later, latest), near=("12.97", "77.59"), radius_m=40_000
        )
        contract = bap.select(search["search_id"], search["offers"][0]["offer_id"])

Answers are the API's JSON objects (`bap.shapes`). A refusal is an `ApiError` with the problem document's sentence; no
connection is one of httpx's errors. A step waits on the server for the operator's answer for ``wait_s`` seconds, from
0 to 30. The client stands alone: it needs httpx and the standard library.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from types import TracebackType
from typing import Self, TypeVar, Unpack

import httpx

from bap import calls, live_events
from bap.bill_calls import AsyncBillCalls, BillCalls
from bap.calls import ApiError, Beside, Billing, Call, Changes, Number, Wanted
from bap.live_events import LiveEvent
from bap.shapes import (
    Contract,
    DispatchMode,
    Invoice,
    RatingCategory,
    Reading,
    Search,
    SearchSummary,
    Ticket,
    TicketKind,
    TradeTime,
)

__all__ = ["ENDED", "ApiError", "AsyncBapClient", "BapClient", "Beside", "Billing", "Changes", "LiveEvent", "Wanted"]

T = TypeVar("T")
ENDED = frozenset({"COMPLETE", "CANCELLED"})
TIMEOUT_S = 10.0
WAIT_S = 2.0


class BapClient(BillCalls):
    """The synchronous client; ``transport`` is httpx's, for tests."""

    def __init__(
        self, url: str, token: str, timeout_s: float = TIMEOUT_S, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._timeout_s = timeout_s
        self._http = httpx.Client(base_url=url, headers=calls.headers(token), transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def search(self, *, wait_s: float = WAIT_S, **wanted: Unpack[Wanted]) -> Search:
        """Send a search and wait for offers."""
        return self._send(calls.search(wanted, wait_s))

    def read_search(self, search_id: str) -> Search:
        """A search with the offers that have come."""
        return self._send(calls.read_search(search_id))

    def searches(self) -> list[SearchSummary]:
        """The newest searches, newest first."""
        return self._send(calls.searches())

    def select(
        self,
        search_id: str,
        offer_id: str,
        *,
        energy_wh: int | None = None,
        mode: DispatchMode | None = None,
        offered_total: Number | None = None,
        beside: Sequence[Beside] | None = None,
        wait_s: float = WAIT_S,
    ) -> Contract:
        """Ask for a quote: the contract begins. ``offered_total``, taxes included, is a price to bargain for.

        ``beside``: further offers of the same operator, for one order of several batteries.
        """
        return self._send(calls.select(search_id, offer_id, energy_wh, mode, offered_total, beside, wait_s))

    def offer(
        self, contract_id: str, *, offered_total: Number, item_id: str | None = None, wait_s: float = WAIT_S
    ) -> Contract:
        """Offer another total, taxes included; the contract's ``negotiation`` tells the answer."""
        return self._send(calls.step(contract_id, "offer", wait_s, offered_total=str(offered_total), item_id=item_id))

    def init(self, contract_id: str, billing: Billing | None = None, *, wait_s: float = WAIT_S) -> Contract:
        """Ask for the terms; ``billing`` None: as the platform's settings say."""
        return self._send(calls.step(contract_id, "init", wait_s, billing=billing))

    def confirm(
        self, contract_id: str, *, consent: bool = False, submission_id: str | None = None, wait_s: float = WAIT_S
    ) -> Contract:
        """Close the contract; ``consent`` agrees to the terms, and with automatic dispatch hands control over.

        ``submission_id``: a person has agreed at the contract's ``consent.url``, and this is the number it ended with.
        """
        return self._send(calls.step(contract_id, "confirm", wait_s, consent=consent, submission_id=submission_id))

    def status(self, contract_id: str, *, wait_s: float = WAIT_S) -> Contract:
        """Ask the operator how the contract goes on."""
        return self._send(calls.step(contract_id, "status", wait_s))

    def track(self, contract_id: str, *, wait_s: float = WAIT_S) -> Contract:
        """Ask the operator where live values can be read."""
        return self._send(calls.step(contract_id, "track", wait_s))

    def support(self, contract_id: str, *, wait_s: float = WAIT_S) -> Contract:
        """Ask the operator whom to call."""
        return self._send(calls.step(contract_id, "support", wait_s))

    def update(self, contract_id: str, *, wait_s: float = WAIT_S, **changes: Unpack[Changes]) -> Contract:
        """Ask for another amount or other windows, say who pays, or report a payment."""
        return self._send(calls.update(contract_id, changes, wait_s))

    def cancel(
        self, contract_id: str, *, reason_id: str, reason: str, soft: bool | None = None, wait_s: float = WAIT_S
    ) -> Contract:
        """End the contract; ``soft`` only asks what that would cost (``cancellation_quote``)."""
        body = {"reason_id": reason_id, "reason": reason, "soft": soft}
        return self._send(calls.step(contract_id, "cancel", wait_s, **body))

    def rating(
        self, contract_id: str, *, value: Number, category: RatingCategory | None = None, wait_s: float = WAIT_S
    ) -> Contract:
        """Rate the order, or what of it ``category`` names, from 1 to 5."""
        return self._send(calls.step(contract_id, "rating", wait_s, value=str(value), category=category))

    def contract(self, contract_id: str) -> Contract:
        """The contract as the platform knows it."""
        return self._send(calls.contract(contract_id))

    def contracts(self) -> list[Contract]:
        """The newest contracts, newest first."""
        return self._send(calls.contracts())

    def readings(self, contract_id: str, item_id: str | None = None) -> list[Reading]:
        """The newest live states, oldest first."""
        return self._send(calls.readings(contract_id, item_id))

    def live(
        self, contract_id: str, *, last_event_id: str | None = None, sleep: Callable[[float], None] = time.sleep
    ) -> Iterator[LiveEvent]:
        """Every reading and every change as it comes, until the contract is over; over as many connections as needed.

        ``last_event_id``: begin with the readings after that event.
        """
        return live_events.live(self._http, contract_id, self._timeout_s, last_event_id, sleep)

    def invoice(self, contract_id: str, item_id: str | None = None) -> Invoice:
        """The invoice, and what in it is not as agreed."""
        return self._send(calls.invoice(contract_id, item_id))

    def tickets(self, contract_id: str) -> list[Ticket]:
        """The tickets, as the operator has them now; ask for `support` first."""
        return self._send(calls.tickets(contract_id))

    def open_ticket(self, contract_id: str, *, kind: TicketKind, subject: str, text: str) -> list[Ticket]:
        """Open a ticket at the operator's; all tickets afterwards."""
        return self._send(calls.open_ticket(contract_id, kind, subject, text))

    def answer_ticket(self, contract_id: str, ticket_id: str, *, text: str) -> list[Ticket]:
        """Write to a ticket; all tickets afterwards."""
        return self._send(calls.answer_ticket(contract_id, ticket_id, text))

    def trade_time(self) -> TradeTime:
        """Trade time now."""
        return self._send(calls.trade_time())

    def follow(
        self,
        contract_id: str,
        *,
        until: Collection[str] = ENDED,
        interval_s: float = 1.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Iterator[Contract]:
        """The contract whenever it has changed, until its stage or state is one of ``until``."""
        seen = None
        while True:
            found = self.contract(contract_id)
            ended = calls.reached(found, until)
            if ended or found["updated_at"] != seen:
                seen = found["updated_at"]
                yield found
            if ended:
                return
            sleep(interval_s)

    def _send(self, call: Call[T]) -> T:
        return call.result(self._http.request(**call.arguments(self._timeout_s)))


class AsyncBapClient(AsyncBillCalls):
    """The asynchronous client: the same methods as `BapClient`."""

    def __init__(
        self, url: str, token: str, timeout_s: float = TIMEOUT_S, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._timeout_s = timeout_s
        self._http = httpx.AsyncClient(base_url=url, headers=calls.headers(token), transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def search(self, *, wait_s: float = WAIT_S, **wanted: Unpack[Wanted]) -> Search:
        """Send a search and wait for offers."""
        return await self._send(calls.search(wanted, wait_s))

    async def read_search(self, search_id: str) -> Search:
        """A search with the offers that have come."""
        return await self._send(calls.read_search(search_id))

    async def searches(self) -> list[SearchSummary]:
        """The newest searches, newest first."""
        return await self._send(calls.searches())

    async def select(
        self,
        search_id: str,
        offer_id: str,
        *,
        energy_wh: int | None = None,
        mode: DispatchMode | None = None,
        offered_total: Number | None = None,
        beside: Sequence[Beside] | None = None,
        wait_s: float = WAIT_S,
    ) -> Contract:
        """Ask for a quote: the contract begins. ``offered_total``, taxes included, is a price to bargain for.

        ``beside``: further offers of the same operator, for one order of several batteries.
        """
        return await self._send(calls.select(search_id, offer_id, energy_wh, mode, offered_total, beside, wait_s))

    async def offer(
        self, contract_id: str, *, offered_total: Number, item_id: str | None = None, wait_s: float = WAIT_S
    ) -> Contract:
        """Offer another total, taxes included; the contract's ``negotiation`` tells the answer."""
        return await self._send(
            calls.step(contract_id, "offer", wait_s, offered_total=str(offered_total), item_id=item_id)
        )

    async def init(self, contract_id: str, billing: Billing | None = None, *, wait_s: float = WAIT_S) -> Contract:
        """Ask for the terms; ``billing`` None: as the platform's settings say."""
        return await self._send(calls.step(contract_id, "init", wait_s, billing=billing))

    async def confirm(
        self, contract_id: str, *, consent: bool = False, submission_id: str | None = None, wait_s: float = WAIT_S
    ) -> Contract:
        """Close the contract; ``consent`` agrees to the terms, and with automatic dispatch hands control over.

        ``submission_id``: a person has agreed at the contract's ``consent.url``, and this is the number it ended with.
        """
        return await self._send(
            calls.step(contract_id, "confirm", wait_s, consent=consent, submission_id=submission_id)
        )

    async def status(self, contract_id: str, *, wait_s: float = WAIT_S) -> Contract:
        """Ask the operator how the contract goes on."""
        return await self._send(calls.step(contract_id, "status", wait_s))

    async def track(self, contract_id: str, *, wait_s: float = WAIT_S) -> Contract:
        """Ask the operator where live values can be read."""
        return await self._send(calls.step(contract_id, "track", wait_s))

    async def support(self, contract_id: str, *, wait_s: float = WAIT_S) -> Contract:
        """Ask the operator whom to call."""
        return await self._send(calls.step(contract_id, "support", wait_s))

    async def update(self, contract_id: str, *, wait_s: float = WAIT_S, **changes: Unpack[Changes]) -> Contract:
        """Ask for another amount or other windows, say who pays, or report a payment."""
        return await self._send(calls.update(contract_id, changes, wait_s))

    async def cancel(
        self, contract_id: str, *, reason_id: str, reason: str, soft: bool | None = None, wait_s: float = WAIT_S
    ) -> Contract:
        """End the contract; ``soft`` only asks what that would cost (``cancellation_quote``)."""
        body = {"reason_id": reason_id, "reason": reason, "soft": soft}
        return await self._send(calls.step(contract_id, "cancel", wait_s, **body))

    async def rating(
        self, contract_id: str, *, value: Number, category: RatingCategory | None = None, wait_s: float = WAIT_S
    ) -> Contract:
        """Rate the order, or what of it ``category`` names, from 1 to 5."""
        return await self._send(calls.step(contract_id, "rating", wait_s, value=str(value), category=category))

    async def contract(self, contract_id: str) -> Contract:
        """The contract as the platform knows it."""
        return await self._send(calls.contract(contract_id))

    async def contracts(self) -> list[Contract]:
        """The newest contracts, newest first."""
        return await self._send(calls.contracts())

    async def readings(self, contract_id: str, item_id: str | None = None) -> list[Reading]:
        """The newest live states, oldest first."""
        return await self._send(calls.readings(contract_id, item_id))

    def live(
        self,
        contract_id: str,
        *,
        last_event_id: str | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> AsyncIterator[LiveEvent]:
        """Every reading and every change as it comes: ``async for event in bap.live(contract_id)``."""
        return live_events.live_async(self._http, contract_id, self._timeout_s, last_event_id, sleep)

    async def invoice(self, contract_id: str, item_id: str | None = None) -> Invoice:
        """The invoice, and what in it is not as agreed."""
        return await self._send(calls.invoice(contract_id, item_id))

    async def tickets(self, contract_id: str) -> list[Ticket]:
        """The tickets, as the operator has them now; ask for `support` first."""
        return await self._send(calls.tickets(contract_id))

    async def open_ticket(self, contract_id: str, *, kind: TicketKind, subject: str, text: str) -> list[Ticket]:
        """Open a ticket at the operator's; all tickets afterwards."""
        return await self._send(calls.open_ticket(contract_id, kind, subject, text))

    async def answer_ticket(self, contract_id: str, ticket_id: str, *, text: str) -> list[Ticket]:
        """Write to a ticket; all tickets afterwards."""
        return await self._send(calls.answer_ticket(contract_id, ticket_id, text))

    async def trade_time(self) -> TradeTime:
        """Trade time now."""
        return await self._send(calls.trade_time())

    async def follow(
        self,
        contract_id: str,
        *,
        until: Collection[str] = ENDED,
        interval_s: float = 1.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> AsyncIterator[Contract]:
        """The contract whenever it has changed, until its stage or state is one of ``until``."""
        seen = None
        while True:
            found = await self.contract(contract_id)
            ended = calls.reached(found, until)
            if ended or found["updated_at"] != seen:
                seen = found["updated_at"]
                yield found
            if ended:
                return
            await sleep(interval_s)

    async def _send(self, call: Call[T]) -> T:
        return call.result(await self._http.request(**call.arguments(self._timeout_s)))
