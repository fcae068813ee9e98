"""The desk where trades are handled: what every handler needs to read a message, answer it and speak up by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from bpp.contracts import Contract, order_of
from bpp.finder import Finder
from bpp.live_meters import LiveMeters
from bpp.meters import Meters
from bpp.settings import BppSettings, TermsSettings
from bpp.store import money, payments, trade
from bpp.store.money import IssuedInvoice
from energy.messages import Message
from energy.offers import CancellationTerms, InvoiceReference, LiveState, Order, Payment, Provider
from energy.orders import together
from energy.wire.v1.writer import write
from node.clocks import Moment
from node.database import Database
from node.inbox import Decision, Received
from node.participant import Participant
from protocol.actions import ACTIONS
from protocol.context import Context
from protocol.errors import TradeRefused
from protocol.keys import ALGORITHM
from protocol.lifecycle import Stage

INVOICE_MEDIA_TYPE = "application/json"
RATING_CALLBACK = "on_rating"
STATUS_CALLBACK = "on_status"
CANCEL_CALLBACK = "on_cancel"


class Desk:
    """One operator's desk. ``database`` holds the trades, the samples are the `Meters`' to read."""

    def __init__(self, settings: BppSettings, participant: Participant, meters: Meters) -> None:
        self.settings = settings
        self.participant = participant
        self.meters = meters
        self.live_meters = LiveMeters(meters)
        self.database: Database = participant.database
        self.provider = Provider(settings.provider.provider_id, settings.provider.name)
        self.terms: TermsSettings = settings.terms
        self.reading = settings.how_to_read
        self.cancellation = CancellationTerms(Decimal(settings.terms.cancellation_fee_percent))
        self.finder = Finder(self.database, self.provider, self.cancellation, participant.clocks)

    def moment(self) -> Moment:
        """Both clocks, read once for a decision."""
        return self.participant.clocks.moment()

    def url(self, kind: str, token: str) -> str:
        """Where ``forms``, ``track`` or ``invoices`` of ours shows the thing with that token."""
        return f"{self.participant.identity.url}/{kind}/{token}"

    def order(self, tx: Connection, contract: Contract, live: LiveState | None = None) -> Order:
        """The order that the contract is of, as it is told to the other side; ``live`` is the contract's.

        The others of its order are told as they are in the database, with the live state that was told of them last.
        """
        parts = trade.parts_with(tx, contract)
        return self.order_of_parts(tx, parts, {contract.contract_id: live})

    def order_of_parts(self, tx: Connection, parts: Sequence[Contract], lives: Mapping[str, LiveState | None]) -> Order:
        """The same of all contracts of an order; ``lives`` are by contract, and where there is none, what was told."""
        return together(
            [
                self._part(tx, part, lives.get(part.contract_id, None if part.told is None else part.told.live))
                for part in parts
            ]
        )

    def _part(self, tx: Connection, contract: Contract, live: LiveState | None) -> Order:
        """One contract, its invoice with it once there is one."""
        consent = contract.consent
        issued = money.of_contract(tx, contract.contract_id) if contract.is_order else None
        order = order_of(
            contract,
            self.provider,
            form_url=None if consent is None else self.url("forms", consent.form_token),
            live=live,
            invoice=None if issued is None else self.reference(issued),
        )
        notes = () if issued is None else tuple(self.reference(note) for note in money.notes_of(tx, issued.number))
        return replace(order, notes=notes, payment=self._payment(tx, contract, order.payment, issued))

    def _payment(
        self, tx: Connection, contract: Contract, payment: Payment | None, issued: IssuedInvoice | None
    ) -> Payment | None:
        """The payment with the operator's term, and with what its book of payments knows of it."""
        if payment is None:
            return None
        payment = replace(payment, payment_type=self.settings.payments.payment_type)
        if issued is not None:
            is_paid, url = payments.standing(tx, issued.number)
        else:
            is_paid, url = payments.is_deposited(tx, contract.order_id, payment.amount), None
        return replace(payment, paid=is_paid, url=url, reported=None if is_paid else payment.reported)

    async def live(self, contract: Contract, moment: Moment) -> LiveState | None:
        """The live state to tell: measured while the contract is active, afterwards what was told last.

        None while there is nothing to tell.
        """
        if contract.stage is not Stage.ACTIVE:
            return None if contract.told is None else contract.told.live
        if not self.live_meters.follows(contract):
            await self._follow(contract.battery_id)
        # It may have ended in between.
        return self.live_meters.live(contract, moment.trade) if self.live_meters.follows(contract) else None

    async def _follow(self, battery_id: str) -> None:
        active = await self.database.read(lambda tx: trade.active_of_battery(tx, battery_id))
        await self.live_meters.follow(battery_id, active)

    def reference(self, issued: IssuedInvoice) -> InvoiceReference:
        """What the other side is told of an invoice."""
        return InvoiceReference(
            number=issued.number,
            url=self.url("invoices", issued.token),
            media_type=INVOICE_MEDIA_TYPE,
            digest_sha256=issued.digest_sha256,
            due_at=issued.due_at,
            kind=issued.kind.value,
            corrects=issued.corrects,
            signature=self.participant.keyring.signature(issued.document),
            algorithm=ALGORITHM,
        )

    def answer(self, tx: Connection, received: Received, content: Message, moment: Moment) -> None:
        """Write the callback that answers a message into the outbox."""
        callback = ACTIONS[received.verified.action].callback
        self.answer_with(tx, received, write(callback, content), moment)

    def answer_with(self, tx: Connection, received: Received, message: Mapping[str, Any], moment: Moment) -> None:
        """The same with a ``message`` that was written before, when that takes long."""
        context = self._answering(received, moment)
        self.participant.send(tx, context, context.bap_uri, message, now=moment.wire)

    def refused(self, received: Received, refusal: TradeRefused) -> Decision:
        """The decision that answers a message with a business "no" (`node.inbox.RefusalHandler`)."""
        moment = self.moment()
        context = self._answering(received, moment)
        # Core 1.1.1 requires a message of on_rating, and of no other callback.
        message: dict[str, Any] | None = {} if context.action == RATING_CALLBACK else None
        error = {
            "code": refusal.trade_code,
            "paths": refusal.diagnosis.path,
            "message": refusal.sentence,
        }

        def decide(tx: Connection) -> None:
            self.participant.send(tx, context, context.bap_uri, message, error=error, now=moment.wire)

        return decide

    def tell(
        self,
        tx: Connection,
        contract: Contract,
        live: LiveState | None,
        message_id: str,
        moment: Moment,
        callback: str = STATUS_CALLBACK,
    ) -> None:
        """Write a callback that nobody asked for; an earlier one that has not left yet is replaced."""
        peer, own = contract.peer, self.participant.identity
        context = Context(
            domain=peer.domain,
            action=callback,
            bap_id=peer.bap_id,
            bap_uri=peer.bap_uri,
            bpp_id=own.subscriber_id,
            bpp_uri=own.url,
            transaction_id=peer.transaction_id,
            message_id=message_id,
            timestamp=moment.wire,
            ttl=ACTIONS[callback].ttl,
            city_code=peer.city_code,
            country_code=peer.country_code,
        )
        message = write(callback, self.order(tx, contract, live))
        self.participant.send(
            tx, context, peer.bap_uri, message, now=moment.wire, coalesce_key=f"status:{contract.order_id}"
        )

    def _answering(self, received: Received, moment: Moment) -> Context:
        own, context = self.participant.identity, received.verified.context
        callback = ACTIONS[context.action].callback
        return context.answered_by(callback, moment.wire, bpp_id=own.subscriber_id, bpp_uri=own.url)
