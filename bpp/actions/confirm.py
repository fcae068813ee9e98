"""``confirm``: the contract is closed, and its capacity is nobody else's any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from bpp.actions.init import check_payment, selection_of
from bpp.actions.lookups import batteries_of, check_capacity, of_part, order_content, peer_of
from bpp.contracts import Consent, Contract
from bpp.desk import Desk
from bpp.payments.booking import deposit_of
from bpp.store import fleet, trade
from energy.offers import ConsentForm, ContractState, PaymentType, Quote
from energy.quantities import total
from node.clocks import Moment
from node.ids import new_token
from node.inbox import Decision, Received
from protocol.errors import BUSINESS_ERROR, PAYMENT_NOT_SUPPORTED, QUOTE_UNAVAILABLE, TradeRefused
from protocol.lifecycle import Stage, after

_QUOTE_PATH = "/message/order/quote"
_SUBMISSION_PATH = "/message/order/xinput/form/submission_id"


async def handle(desk: Desk, received: Received) -> Decision:
    """Book the capacity for good: the hold's, or what is still free if the hold has ended."""
    order = await order_content(desk, received)
    moment, track_tokens = desk.moment(), [new_token() for _ in order.each]
    peer = peer_of(received)

    def decide(tx: Connection) -> None:
        known = trade.parts_of_transaction(tx, peer.bap_id, peer.transaction_id)
        stage = after(known[0].stage if known else Stage.NEW, "confirm")
        listed = {each.battery.battery_id: each for each in batteries_of(tx, desk, order)}
        selected = selection_of(known, order)
        check_payment(order, desk.settings.payments.payment_type)
        _check_deposit(tx, desk, known)
        for part, accepted in selected:
            _check_quote(part, accepted.quote, moment)
        _check_consent(known[0].consent, order.form)
        parts = []
        for number, part in enumerate(known, 1):
            with of_part(number):
                check_capacity(tx, listed[part.battery_id], part.booking, moment)
            fleet.commit(tx, part.battery_id, part.booking)
            contract = replace(
                part,
                peer=peer,
                stage=stage,
                state=ContractState.CONFIRMED,
                state_at=moment.trade,
                billing=order.billing or part.billing,
                track_token=track_tokens[number - 1],
                created_at=moment.trade,
                updated_at=moment.trade,
            )
            trade.save(tx, contract)
            parts.append(contract)
        desk.answer(tx, received, desk.order_of_parts(tx, parts, {}), moment)

    return decide


def _check_deposit(tx: Connection, desk: Desk, parts: Sequence[Contract]) -> None:
    """Where payment is before the order, the quoted total has to be there.

    Raises:
        TradeRefused: 40004.
    """
    if desk.settings.payments.payment_type is not PaymentType.PRE_ORDER:
        return
    due = total([part.quote.total for part in parts], parts[0].quote.total.currency)
    kept = deposit_of(tx, parts[0].order_id, due.currency)
    if kept.amount_minor < due.amount_minor:
        sentence = f"Deposit {due.text} {due.currency} under {parts[0].order_id} first: {kept.text} are there."
        raise TradeRefused(PAYMENT_NOT_SUPPORTED, sentence, "/message/order/payments/0")


def _check_quote(known: Contract, echoed: Quote | None, moment: Moment) -> None:
    """The quote that is accepted must be the one that was given, line by line."""
    if echoed is None or _price(echoed) != _price(known.quote):
        price = f"{known.quote.total.text} {known.quote.total.currency}"
        sentence = f"Send back the quote as it was given: {price} for {known.battery_id}."
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
