"""The desk where trades are handled: what every handler needs to read a message, answer it and speak up by itself."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from bpp.contracts import Contract, order_of
from bpp.meters import Meters
from bpp.settings import BppSettings, TermsSettings
from bpp.store import money
from bpp.store.money import IssuedInvoice
from energy.offers import CancellationTerms, InvoiceReference, LiveState, Message, Order, Provider
from energy.wire.v1.writer import write
from node.clocks import Moment
from node.database import Database
from node.inbox import Decision, Received
from node.participant import Participant
from protocol.actions import ACTIONS
from protocol.context import Context
from protocol.errors import TradeRefused
from protocol.lifecycle import Stage

INVOICE_MEDIA_TYPE = "application/json"
RATING_CALLBACK = "on_rating"
STATUS_CALLBACK = "on_status"


class Desk:
    """One operator's desk. ``database`` holds the trades, the samples are the `Meters`' to read."""

    def __init__(self, settings: BppSettings, participant: Participant, meters: Meters) -> None:
        self.settings = settings
        self.participant = participant
        self.meters = meters
        self.database: Database = participant.database
        self.provider = Provider(settings.provider.provider_id, settings.provider.name)
        self.terms: TermsSettings = settings.terms
        self.cancellation = CancellationTerms(Decimal(settings.terms.cancellation_fee_percent))

    def moment(self) -> Moment:
        """Both clocks, read once for a decision."""
        return self.participant.clocks.moment()

    def url(self, kind: str, token: str) -> str:
        """Where ``forms``, ``track`` or ``invoices`` of ours shows the thing with that token."""
        return f"{self.participant.identity.url}/{kind}/{token}"

    def order(self, tx: Connection, contract: Contract, live: LiveState | None = None) -> Order:
        """The contract as it is told to the other side, its invoice with it once there is one."""
        consent = contract.consent
        issued = money.of_contract(tx, contract.contract_id) if contract.is_order else None
        return order_of(
            contract,
            self.provider,
            form_url=None if consent is None else self.url("forms", consent.form_token),
            live=live,
            invoice=None if issued is None else self.reference(issued),
        )

    async def live(self, contract: Contract, moment: Moment) -> LiveState | None:
        """The live state to tell: measured while the contract is active, afterwards what was told last.

        None while there is nothing to tell.
        """
        if contract.stage is not Stage.ACTIVE:
            return None if contract.told is None else contract.told.live
        sample = await self.meters.latest(contract.battery_id)
        return None if sample is None else await self.meters.live(contract, sample, moment.trade)

    def reference(self, issued: IssuedInvoice) -> InvoiceReference:
        """What the other side is told of an invoice."""
        return InvoiceReference(
            number=issued.number,
            url=self.url("invoices", issued.token),
            media_type=INVOICE_MEDIA_TYPE,
            digest_sha256=issued.digest_sha256,
            due_at=issued.due_at,
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

    def tell(self, tx: Connection, contract: Contract, live: LiveState | None, message_id: str, moment: Moment) -> None:
        """Write an ``on_status`` that nobody asked for; an earlier one that has not left yet is replaced."""
        peer, own = contract.peer, self.participant.identity
        context = Context(
            domain=peer.domain,
            action=STATUS_CALLBACK,
            bap_id=peer.bap_id,
            bap_uri=peer.bap_uri,
            bpp_id=own.subscriber_id,
            bpp_uri=own.url,
            transaction_id=peer.transaction_id,
            message_id=message_id,
            timestamp=moment.wire,
            ttl=ACTIONS[STATUS_CALLBACK].ttl,
            city_code=peer.city_code,
            country_code=peer.country_code,
        )
        message = write(STATUS_CALLBACK, self.order(tx, contract, live))
        self.participant.send(
            tx, context, peer.bap_uri, message, now=moment.wire, coalesce_key=f"status:{contract.contract_id}"
        )

    def _answering(self, received: Received, moment: Moment) -> Context:
        own, context = self.participant.identity, received.verified.context
        callback = ACTIONS[context.action].callback
        return context.answered_by(callback, moment.wire, bpp_id=own.subscriber_id, bpp_uri=own.url)
