"""The one trade of a run, from search to cancel: each step is made once, and several rules look at it.

The first rule that needs a step makes it and fails with it; rules that come later are then not reached.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar, cast
from urllib.parse import urljoin

import orjson

from conformance import messages
from conformance.conversation import Conversation, error_of
from conformance.messages import BILLING, Letter, Pick
from conformance.peer import Arrival, Sent
from conformance.verdicts import Breach, NotReached, Request
from energy.messages import Message
from energy.offers import CancelRequest, ConsentForm, Order, OrderStatus, StatusRequest, UpdateRequest
from energy.quantities import kilo_text
from energy.wire.v1.errors import WireError
from energy.wire.v1.reader import read
from energy.wire.v1.tolerances.rules import Known
from protocol.errors import BecknError
from protocol.forms import FORM_TYPE, read_form
from protocol.verification import Verified

T = TypeVar("T")

CANCELLATION_REASON = "5"  # The one that the network's own examples give (ENERGY 1.1).
_PAGES_MAX = 5
_FORM_HEADERS = {"Content-Type": FORM_TYPE, "Accept": "application/json"}


@dataclass(frozen=True, slots=True)
class Step:
    """A request of the trade that was answered: the callback, and the order that it tells."""

    sent: Sent
    verified: Verified
    order: Order


class Trade:
    """Its steps; each raises `Breach` for whoever makes it and `NotReached` for everyone after that."""

    def __init__(self, talk: Conversation) -> None:
        self._talk = talk
        self._search = talk.writer.letter("search", messages.intent(talk.use))
        self._made: dict[str, object] = {}

    async def search(self) -> tuple[Letter, Sent]:
        """The search as it was sent, whatever the target said to it."""
        return self._search, await self._once("search", self._send_search)

    async def on_search(self) -> tuple[Letter, Sent, Arrival]:
        """The answer to the search, unjudged."""
        return self._search, (await self.search())[1], await self._once("on_search", self._await_on_search)

    async def catalog(self) -> Pick:
        """What to trade: the first item of the catalog, or at least a provider."""
        return await self._once("the catalog", self._choose)

    async def selected(self) -> Step:
        """``select`` of the picked item."""
        return await self._once("select", self._select)

    async def consented(self) -> ConsentForm | None:
        """The form of ``on_init`` as it has to be told to ``confirm``; None when there is none."""
        return await self._once("the form", self._consent)

    async def initialised(self) -> Step:
        """``init`` of the quoted order."""
        return await self._once("init", self._init)

    async def confirmed(self) -> Step:
        """``confirm`` of the terms."""
        return await self._once("confirm", self._confirm)

    async def asked(self) -> Step:
        """``status`` of the contract."""
        return await self._once("status", self._status)

    async def updated(self, request: UpdateRequest) -> Step:
        """``update`` of the contract."""
        return await self._once("update", lambda: self._about_order("update", request))

    async def cancelled(self) -> Step:
        """``cancel`` of the contract: it is not left behind in the target's book."""
        return await self._once("cancel", self._cancel)

    @property
    def transaction_id(self) -> str:
        """The transaction that all steps are in."""
        return self._search.transaction_id

    def answers(self) -> list[Step]:
        """The steps that were answered so far."""
        return [step for step in self._made.values() if isinstance(step, Step)]

    async def _once(self, name: str, make: Callable[[], Awaitable[T]]) -> T:
        if name not in self._made:
            try:
                self._made[name] = await make()
            except Breach as breach:
                self._made[name] = breach
                raise
        made = self._made[name]
        if isinstance(made, Breach):
            raise NotReached(f"it needs {name}, which failed")
        return cast(T, made)

    # -- search ---------------------------------------------------------------------------------------------

    async def _send_search(self) -> Sent:
        return await self._talk.send(self._search)

    async def _await_on_search(self) -> Arrival:
        _, sent = await self.search()
        within_s, use = self._talk.limits.on_search_s, self._talk.use
        try:
            arrival = await self._talk.callback(self._search, sent, within_s)
        except Breach as breach:
            # Who has nothing to offer may stay silent, so the person at the terminal has to know what was asked for.
            asked = f"{kilo_text(use.energy_wh)} kWh on {use.charge.start.date()}"
            raise sent.breach(breach.expected, f"{breach.got}; does the target offer {asked}?") from None
        took_s = arrival.at_s - sent.at_s
        if took_s > within_s:
            raise sent.breach(f"on_search within {within_s:g} s", f"on_search after {took_s:.1f} s")
        return arrival

    async def _choose(self) -> Pick:
        try:
            *_, arrival = await self.on_search()
            verified = await self._talk.peer.verify(arrival)
        except (Breach, BecknError):
            raise NotReached("it needs an on_search that verifies") from None
        pick = messages.picked(verified.message)
        if pick is None:
            raise NotReached("it needs a catalog that names a provider")
        return pick

    # -- from select to cancel ------------------------------------------------------------------------------

    async def _select(self) -> Step:
        step = await self._step("select", await self._wanted())
        if step.order.quote is None:
            raise step.sent.breach("an order with a quote", "one without")
        return step

    async def _init(self) -> Step:
        selected = await self.selected()
        step = await self._step("init", replace(await self._wanted(), billing=BILLING, form=selected.order.form))
        if step.order.quote is None or step.order.payment is None:
            raise step.sent.breach("an order with a quote and terms of payment", "one without")
        return step

    async def _consent(self) -> ConsentForm | None:
        initialised = await self.initialised()
        form = initialised.order.form
        if form is None or not form.required or form.submission_id is not None:
            return form
        return replace(form, submission_id=await self._submitted(form, initialised.sent))

    async def _confirm(self) -> Step:
        initialised, form = await self.initialised(), await self.consented()
        terms = initialised.order
        agreed = replace(await self._wanted(), billing=BILLING, quote=terms.quote, payment=terms.payment, form=form)
        step = await self._step("confirm", agreed)
        if step.order.order_id is None or step.order.status is not OrderStatus.ACTIVE:
            got = f"id {step.order.order_id}, status {step.order.status}"
            raise step.sent.breach("an order with an id and status ACTIVE", got)
        return step

    async def _status(self) -> Step:
        return await self._about_order("status", StatusRequest(await self.order_id()))

    async def _cancel(self) -> Step:
        request = CancelRequest(await self.order_id(), CANCELLATION_REASON, "The conformance run is over.")
        step = await self._about_order("cancel", request)
        if step.order.status is not OrderStatus.CANCELLED:
            raise step.sent.breach("an order with status CANCELLED", f"status {step.order.status}")
        return step

    async def _wanted(self) -> Order:
        pick = await self.catalog()
        if pick.item_id is None:
            raise NotReached("it needs a catalog that offers something for the use that was searched for")
        return messages.order(pick, self._talk.use)

    async def order_id(self) -> str:
        """The id of the confirmed order."""
        confirmed = await self.confirmed()
        return confirmed.order.order_id or ""

    async def _about_order(self, action: str, request: Message) -> Step:
        step = await self._step(action, request)
        order_id = await self.order_id()
        if step.order.order_id != order_id:
            raise step.sent.breach(f"the order {order_id}", f"the order {step.order.order_id}")
        return step

    async def _step(self, action: str, content: Message) -> Step:
        letter = self._talk.writer.letter(action, content, self._search.transaction_id)
        sent, verified = await self._talk.converse(letter)
        if error := error_of(verified.content):
            raise sent.breach(f"on_{action} without an error", orjson.dumps(error).decode()[:300])
        try:
            told = read(f"on_{action}", verified.message, known=Known.of(self._talk.use))
        except WireError as error:
            raise sent.breach("an order that a storage trade can read", str(error)) from None
        return Step(sent, verified, cast(Order, told))

    async def _submitted(self, form: ConsentForm, asked: Sent) -> str:
        """Open each page of the form as a person would, agree to it, and return the id of the submission."""
        if form.url is None:
            raise asked.breach("an xinput with the form's URL", "a required form without one")
        url = form.url
        for _ in range(_PAGES_MAX):
            sent = await self._submit_page(url)
            submission_id, following = sent.content.get("submission_id"), sent.content.get("next")
            if sent.answer.nack is None and isinstance(submission_id, str):
                return submission_id
            if not isinstance(following, str):
                break
            url = urljoin(url, following)
        raise sent.breach('the JSON object {"submission_id": "…"}, or {"next": "…"} with the URL of another page')

    async def _submit_page(self, url: str) -> Sent:
        page = await self._talk.peer.request(Request("GET", url, {}, b""))
        if page.answer.status != 200:
            raise page.breach("the form, with HTTP status 200")
        form = read_form(page.answer.body)
        if form is None:
            raise page.breach("a page with an HTML form")
        return await self._talk.peer.request(Request("POST", urljoin(url, form.action), _FORM_HEADERS, form.body))
