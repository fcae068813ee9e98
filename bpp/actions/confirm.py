"""``confirm``: the contract is closed, and its capacity is nobody else's any more."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from bpp.actions.init import check_payment, check_selection
from bpp.actions.lookups import battery_of, check_capacity, order_content, peer_of
from bpp.contracts import Consent, Contract
from bpp.desk import Desk
from bpp.store import fleet, trade
from energy.offers import ConsentForm, ContractState, Quote
from node.clocks import Moment
from node.ids import new_token
from node.inbox import Decision, Received
from protocol.errors import BUSINESS_ERROR, QUOTE_UNAVAILABLE, TradeRefused
from protocol.lifecycle import Stage, after

_QUOTE_PATH = "/message/order/quote"
_SUBMISSION_PATH = "/message/order/xinput/form/submission_id"


async def handle(desk: Desk, received: Received) -> Decision:
    """Book the capacity for good: the hold's, or what is still free if the hold has ended."""
    order = await order_content(desk, received)
    moment, track_token = desk.moment(), new_token()
    peer = peer_of(received)

    def decide(tx: Connection) -> None:
        known = trade.of_transaction(tx, peer.bap_id, peer.transaction_id)
        stage = after(Stage.NEW if known is None else known.stage, "confirm")
        assert known is not None  # The table has no confirm for a new transaction.
        listed = battery_of(tx, desk, order)
        check_selection(known, order)
        check_payment(order)
        _check_quote(known, order.quote, moment)
        _check_consent(known.consent, order.form)
        check_capacity(tx, listed, known.booking, moment)
        fleet.commit(tx, known.battery_id, known.booking)
        contract = replace(
            known,
            peer=peer,
            stage=stage,
            state=ContractState.CONFIRMED,
            state_at=moment.trade,
            billing=order.billing or known.billing,
            track_token=track_token,
            created_at=moment.trade,
            updated_at=moment.trade,
        )
        trade.save(tx, contract)
        desk.answer(tx, received, desk.order(tx, contract), moment)

    return decide


def _check_quote(known: Contract, echoed: Quote | None, moment: Moment) -> None:
    """The quote that is accepted must be the one that was given, line by line."""
    if echoed is None or _price(echoed) != _price(known.quote):
        sentence = f"Send back the quote as it was given: {known.quote.total.text} {known.quote.total.currency}."
        raise TradeRefused(QUOTE_UNAVAILABLE, sentence, _QUOTE_PATH)
    if known.use.charge.start < moment.trade:
        raise TradeRefused(QUOTE_UNAVAILABLE, "The charge window has begun: select later windows.", _QUOTE_PATH)


def _price(quote: Quote) -> tuple[object, ...]:
    """What is agreed on: the quote by its id, its total and each line's title and amount."""
    return quote.quote_id, quote.total, [(line.title, line.amount) for line in quote.lines]


def _check_consent(consent: Consent | None, form: ConsentForm | None) -> None:
    given = None if form is None else form.submission_id
    if consent is None or consent.submission_id is None:
        sentence = "The terms are not agreed to yet: submit every page of the form of on_init first."
        raise TradeRefused(BUSINESS_ERROR, sentence, _SUBMISSION_PATH)
    if given != consent.submission_id:
        sentence = "Send the submission_id that the form of on_init ended with."
        raise TradeRefused(BUSINESS_ERROR, sentence, _SUBMISSION_PATH)
