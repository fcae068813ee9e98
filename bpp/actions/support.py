"""``support``: whom to call, and a link to the page where tickets are written and answered.

The link is unguessable, its sender's alone, and good for a time. What it is about need not be an order: peers name
other things, too (ENERGY 1.2, D11), and may ask before there is one.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection

from bpp.actions.lookups import content_of
from bpp.desk import Desk
from bpp.store import tickets, trade
from bpp.store.tickets import SupportLink
from energy.offers import SupportContact, SupportRequest
from node.ids import new_token
from node.inbox import Decision, Received


async def handle(desk: Desk, received: Received) -> Decision:
    """Tell phone, e-mail and the ticket page."""
    request = content_of(received, SupportRequest)
    provider, moment, bap_id = desk.settings.provider, desk.moment(), received.verified.context.bap_id
    token, once = new_token(), new_token()

    def decide(tx: Connection) -> None:
        contract = trade.of_order(tx, bap_id, request.ref_id)
        link = SupportLink(
            token=token,
            once=once,
            bap_id=bap_id,
            ref_id=request.ref_id,
            contract_id=None if contract is None else contract.contract_id,
            expires_at=moment.wire + timedelta(hours=desk.terms.support_link_hours),
        )
        tickets.add_link(tx, link, moment.wire)
        contact = SupportContact(request.ref_id, provider.phone, provider.email, desk.url("tickets", token))
        desk.answer(tx, received, contact, moment)

    return decide
