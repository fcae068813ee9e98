"""``/api/v1/contracts``: from the selected offer to the invoice.

Each step writes its request and then waits up to ``wait_s`` seconds for the operator's answer. The contract that
comes back says whether it has come: ``pending`` names the request that is still awaited, ``error`` why the last failed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from aiohttp import web
from sqlalchemy import Connection

from bap import shapes
from bap.api.contents import contract_json, reading, ticket_json
from bap.api.members import members_of
from bap.api.wishes import billing_of, changes_of, terms_of
from bap.desk import Desk
from bap.ledger import book_invoice
from bap.matching import unusable
from bap.paperwork import differences, fetch_invoice, read_invoice, submit_forms
from bap.parts import key_of, part_of
from bap.requests import Choice, Rated, Sent, offered_total
from bap.store import contracts, searches
from bap.store.records import Contract, FoundOffer, Request, RequestState, Ticket
from bap.tickets import read_tickets, write_ticket
from bap.waiting import until_answered
from energy.offers import Billing, InvoiceReference
from energy.orders import PARTS_MAX
from node.callers import caller_of
from node.problems import Problem, json_response
from protocol.moments import timestamp_text

LISTED = 50


class TicketKind(StrEnum):
    """What a ticket can be about."""

    ISSUE = "issue"
    MAINTENANCE = "maintenance"
    QUESTION = "question"
    DOCUMENT = "document-request"


READINGS = 1_000

Write = Callable[[Connection], Sent]


class ContractsApi:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._requests = desk.requests

    def add_routes(self, app: web.Application, prefix: str) -> None:
        """Under ``prefix``."""
        base, one = f"{prefix}/contracts", f"{prefix}/contracts/{{contract_id}}"
        app.router.add_get(base, self.list)
        app.router.add_post(base, self.select)
        app.router.add_get(one, self.read)
        app.router.add_get(f"{one}/readings", self.readings)
        app.router.add_get(f"{one}/invoice", self.invoice)
        app.router.add_get(f"{one}/tickets", self.tickets)
        app.router.add_post(f"{one}/tickets", self.open_ticket)
        app.router.add_post(f"{one}/tickets/{{ticket_id}}", self.answer_ticket)
        for step in (self.offer, self.init, self.confirm, self.update, self.cancel, self.rating):
            app.router.add_post(f"{one}/{step.__name__}", step)
        for step in (self.status, self.track, self.support):
            app.router.add_post(f"{one}/{step.__name__}", step)

    # -- reading ------------------------------------------------------------------------------------------

    async def list(self, request: web.Request) -> web.Response:
        """The newest contracts of the caller, newest first."""
        only = caller_of(request).sees_only

        def load(tx: Connection) -> Sequence[tuple[Contract, Request | None]]:
            latest = contracts.latest(tx, LISTED, only)
            return [(one, contracts.waiting_request(tx, one.contract_id)) for one in latest]

        found = await self._desk.database.read(load)
        return json_response({"contracts": [self._json(contract, pending) for contract, pending in found]})

    async def read(self, request: web.Request) -> web.Response:
        """One contract."""
        return json_response(await self._content(await self._own_id(request)))

    async def readings(self, request: web.Request) -> web.Response:
        """The newest live states (of the battery ``item_id``), oldest first."""
        contract = await self._contract(request)
        key = key_of(contract, _part(request, contract))
        found = await self._desk.database.read(lambda tx: contracts.readings_of(tx, key, READINGS))
        return json_response({"readings": [reading(live) for live in found]})

    async def invoice(self, request: web.Request) -> web.Response:
        """The invoice (of the battery ``item_id``), fetched the first time, and what in it is not as agreed."""
        contract = await self._contract(request)
        part = _part(request, contract)
        invoice, key = part.invoice, key_of(contract, part)
        if invoice is None:
            raise Problem(404, "No invoice yet", "The operator has sent no invoice for this contract yet.")
        document = read_invoice(await self.document(part, key, invoice), invoice.url)
        content: shapes.Invoice = {
            "number": invoice.number,
            "due_at": timestamp_text(invoice.due_at),
            "url": invoice.url,
            "digest_sha256": invoice.digest_sha256,
            "differences": differences(part, document, is_first=key == contract.contract_id),
            "document": document,
        }
        return json_response(content)

    async def tickets(self, request: web.Request) -> web.Response:
        """The contract's tickets, as the operator has them now."""
        contract = await self._contract(request)
        return await self._told(contract, await read_tickets(self._desk.participant.client, contract))

    async def open_ticket(self, request: web.Request) -> web.Response:
        """Open a ticket at the operator's."""
        members = await members_of(request)
        kind = members.choice("kind", TicketKind)
        fields = {"kind": kind.value, "subject": members.text("subject"), "text": members.text("text")}
        # Tickets are told at once, so there is nothing to wait for.
        members.wait_s()
        members.done()
        contract = await self._contract(request)
        return await self._told(contract, await write_ticket(self._desk.participant.client, contract, fields), 201)

    async def answer_ticket(self, request: web.Request) -> web.Response:
        """Write to a ticket."""
        members = await members_of(request)
        fields = {"ticket_id": request.match_info["ticket_id"], "text": members.text("text")}
        # Tickets are told at once, so there is nothing to wait for.
        members.wait_s()
        members.done()
        contract = await self._contract(request)
        return await self._told(contract, await write_ticket(self._desk.participant.client, contract, fields))

    # -- steps --------------------------------------------------------------------------------------------

    async def select(self, request: web.Request) -> web.Response:
        """Ask for a quote: the contract begins."""
        members = await members_of(request)
        search_id, offer_id = members.text("search_id"), members.text("offer_id")
        wanted = [(offer_id, terms_of(members))]
        for entry in members.optional("beside", lambda name: members.children(name, PARTS_MAX - 1)) or ():
            wanted.append((entry.text("offer_id"), terms_of(entry)))
            entry.done_here()
        wait_s = members.wait_s()
        members.done()
        now, chosen = self._now(), []
        for offer_id, terms in wanted:
            found = await self._offer(request, search_id, offer_id)
            offered = None if terms.total is None else offered_total(terms.total, _currency(found))
            chosen.append(Choice(found, terms.energy_wh, terms.mode, offered))
        return await self._sent(lambda tx: self._requests.select(tx, chosen, now), wait_s, 201)

    async def offer(self, request: web.Request) -> web.Response:
        """Offer another total for the same use."""
        members, now = await members_of(request), self._now()
        total, wait_s = members.decimal("offered_total"), members.wait_s()
        item_id = members.optional("item_id", members.text)
        members.done()
        contract_id = await self._own_id(request)
        return await self._sent(lambda tx: self._requests.offer(tx, contract_id, total, now, item_id), wait_s)

    async def init(self, request: web.Request) -> web.Response:
        """Ask for the terms; say who pays."""
        members, now = await members_of(request), self._now()
        billing, wait_s = members.optional("billing", lambda name: billing_of(members.child(name))), members.wait_s()
        members.done()
        contract_id = await self._own_id(request)
        if billing is None:
            billing = self._default_billing()
        return await self._sent(lambda tx: self._requests.init(tx, contract_id, billing, now), wait_s)

    async def confirm(self, request: web.Request) -> web.Response:
        """Accept quote and terms: the platform submits the form, or a person has and gives the number it ended with."""
        members = await members_of(request)
        consent, wait_s = members.optional("consent", members.flag), members.wait_s()
        submitted = members.optional("submission_id", members.text)
        members.done()
        contract_id = await self._own_id(request)
        submission_id = submitted or await self._consent(contract_id, given=consent is True)
        now = self._now()
        return await self._sent(lambda tx: self._requests.confirm(tx, contract_id, submission_id, now), wait_s)

    async def status(self, request: web.Request) -> web.Response:
        """Ask how the contract goes on."""
        return await self._asked(request, self._requests.status)

    async def track(self, request: web.Request) -> web.Response:
        """Ask where live values can be read."""
        return await self._asked(request, self._requests.track)

    async def support(self, request: web.Request) -> web.Response:
        """Ask whom to call."""
        return await self._asked(request, self._requests.support)

    async def update(self, request: web.Request) -> web.Response:
        """Ask for another amount or other windows, say who pays, or report a payment."""
        members, now = await members_of(request), self._now()
        changes, wait_s = changes_of(members), members.wait_s()
        members.done()
        contract_id = await self._own_id(request)
        return await self._sent(lambda tx: self._requests.update(tx, contract_id, changes, now), wait_s)

    async def cancel(self, request: web.Request) -> web.Response:
        """End the contract, or only ask what that would cost (``soft``)."""
        members, now = await members_of(request), self._now()
        reason_id, reason, wait_s = members.text("reason_id"), members.text("reason"), members.wait_s()
        soft = members.optional("soft", members.flag) is True
        members.done()
        contract_id, cancel = await self._own_id(request), self._requests.cancel
        return await self._sent(lambda tx: cancel(tx, contract_id, reason_id, reason, now, soft=soft), wait_s)

    async def rating(self, request: web.Request) -> web.Response:
        """Rate the order, or what of it ``category`` names."""
        members, now = await members_of(request), self._now()
        value, wait_s = members.between("value", 1, 5), members.wait_s()
        category = members.optional("category", lambda name: members.choice(name, Rated)) or Rated.ORDER
        members.done()
        contract_id = await self._own_id(request)
        return await self._sent(lambda tx: self._requests.rating(tx, contract_id, category, value, now), wait_s)

    # -- how --------------------------------------------------------------------------------------------------

    def _now(self) -> datetime:
        return self._desk.clocks.wire()

    async def _asked(self, request: web.Request, send: Callable[..., Sent]) -> web.Response:
        members, now = await members_of(request), self._now()
        wait_s = members.wait_s()
        members.done()
        contract_id = await self._own_id(request)
        return await self._sent(lambda tx: send(tx, contract_id, now), wait_s)

    async def _sent(self, write: Write, wait_s: float, status: int = 200) -> web.Response:
        """Commit the step, wait for its answer, and give the contract as it is then."""
        sent = await self._desk.database.write(write)
        contract_id, message_id = sent.contract.contract_id, sent.request.message_id

        def answered(tx: Connection) -> bool:
            request = contracts.load_request(tx, message_id)
            return request is not None and request.state is not RequestState.WAITING

        if wait_s:
            await until_answered(self._desk.database, contract_id, answered, wait_s)
        return json_response(await self._content(contract_id), status)

    async def _consent(self, contract_id: str, *, given: bool) -> str | None:
        """The submission that the terms ask for; None where they ask for none.

        Raises:
            Problem: 409 without the producer's consent.
        """
        now = self._now()
        contract = await self._desk.database.read(lambda tx: self._requests.legal(tx, contract_id, "confirm", now))
        form = contract.form
        if form is None or not form.required:
            return None
        if not given:
            raise Problem(
                409,
                "Consent missing",
                "Read what has to be agreed to at the contract's consent.url. Agree there and send confirm with the "
                'submission_id that the form ends with, or send {"consent": true} to have it submitted for you.',
            )
        if form.submission_id is not None or form.url is None:
            return form.submission_id
        return await submit_forms(self._desk.participant.client, contract, form.url)

    async def _told(self, contract: Contract, told: tuple[Ticket, ...], status: int = 200) -> web.Response:
        """Remember how the tickets stand, and tell it."""

        def keep(tx: Connection) -> None:
            known = contracts.hold(tx, contract.contract_id)
            assert known is not None, "a contract is never forgotten"
            contracts.save(tx, replace(known, tickets=told))

        await self._desk.database.write(keep)
        return json_response({"tickets": [ticket_json(ticket) for ticket in told]}, status)

    async def document(self, contract: Contract, key: str, invoice: InvoiceReference) -> bytes:
        """The bytes of an invoice, fetched and booked the first time."""
        database, digest = self._desk.database, invoice.digest_sha256
        known = await database.read(lambda tx: contracts.invoice_of(tx, key, digest))
        if known is not None:
            return known
        content = await fetch_invoice(self._desk.participant.client, contract, invoice)
        document = read_invoice(content, invoice.url)
        moment, own_id = self._desk.clocks.moment(), self._desk.participant.identity.subscriber_id

        def keep(tx: Connection) -> None:
            contracts.put_invoice(tx, key, digest, content, moment.wire)
            book_invoice(tx, contract, document, own_id, moment.trade)

        await database.write(keep)
        return content

    async def _offer(self, request: web.Request, search_id: str, offer_id: str) -> FoundOffer:
        account, found = await self._desk.database.read(
            lambda tx: (searches.account_of(tx, search_id), searches.offer_of(tx, search_id, offer_id))
        )
        if found is None or account is None or not caller_of(request).sees(account):
            raise Problem(404, "Not found", f"Search {search_id} has no offer {offer_id}.")
        reason = unusable(found.offer)
        if reason is not None:
            raise Problem(409, "Offer unusable", reason)
        return found

    async def _own_id(self, request: web.Request) -> str:
        """The contract's id in the path, if the contract exists for the caller.

        Raises:
            Problem: 404, also for another account's contract.
        """
        contract_id = request.match_info["contract_id"]
        account = await self._desk.database.read(lambda tx: contracts.account_of(tx, contract_id))
        if account is None or not caller_of(request).sees(account):
            raise Problem(404, "Not found", f"There is no contract {contract_id}.")
        return contract_id

    async def _contract(self, request: web.Request) -> Contract:
        contract_id = await self._own_id(request)
        contract = await self._desk.database.read(lambda tx: contracts.load(tx, contract_id))
        assert contract is not None, "a contract is never forgotten"
        return contract

    async def _content(self, contract_id: str) -> shapes.Contract:
        contract, pending = await self._desk.database.read(
            lambda tx: (contracts.load(tx, contract_id), contracts.waiting_request(tx, contract_id))
        )
        if contract is None:
            raise Problem(404, "Not found", f"There is no contract {contract_id}.")
        return self._json(contract, pending)

    def _json(self, contract: Contract, pending: Request | None) -> shapes.Contract:
        clocks = self._desk.clocks
        return contract_json(contract, pending, clocks.trade(), clocks.trade_time.speed)

    def _default_billing(self) -> Billing:
        if self._desk.settings.billing is None:
            raise Problem(
                422,
                "Invalid request",
                "/billing: Say who pays; this platform's settings name nobody.",
                errors=[{"pointer": "/billing", "detail": "Say who pays; this platform's settings name nobody."}],
            )
        return self._desk.settings.billing.billing


def _currency(found: FoundOffer) -> str:
    """What the offer is priced in.

    Raises:
        Problem: 409, it tells no price.
    """
    priced = found.offer.tariff or found.offer.unit_price
    if priced is None:
        raise Problem(409, "No price", f"{found.offer.name} tells no price to bargain about: ask for its quote first.")
    return priced.currency


def _part(request: web.Request, contract: Contract) -> Contract:
    """The part that the query's ``item_id`` names; without it the first."""
    return part_of(contract, request.query.get("item_id", contract.item_id))
