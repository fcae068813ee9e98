"""``support``: whom to call. The answer is the same whatever it is about, so nothing is looked up."""

from __future__ import annotations

from sqlalchemy import Connection

from bpp.actions.lookups import content_of
from bpp.desk import Desk
from energy.offers import SupportContact, SupportRequest
from node.inbox import Decision, Received


async def handle(desk: Desk, received: Received) -> Decision:
    """Tell phone, e-mail and page of the operator."""
    request = content_of(received, SupportRequest)
    provider, moment = desk.settings.provider, desk.moment()
    contact = SupportContact(request.ref_id, provider.phone, provider.email, provider.support_url)

    def decide(tx: Connection) -> None:
        desk.answer(tx, received, contact, moment)

    return decide
