"""What the bodies of requests about contracts ask for."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bap.api.members import Members
from bap.requests import Changes
from energy.offers import Billing, DispatchMode

_BILLING = ("phone", "address", "tax_id", "state_code")


@dataclass(frozen=True, slots=True)
class Terms:
    """How an offer is selected."""

    energy_wh: int | None
    mode: DispatchMode | None
    total: Decimal | None


def terms_of(members: Members) -> Terms:
    """How an offer is selected."""
    return Terms(
        energy_wh=members.optional("energy_wh", members.positive),
        mode=members.optional("mode", lambda name: members.choice(name, DispatchMode)),
        total=members.optional("offered_total", members.decimal),
    )


def changes_of(members: Members) -> Changes:
    """What an update is to change."""
    changes = Changes(
        energy_wh=members.optional("energy_wh", members.positive),
        charge=members.optional("charge", members.window),
        giveback=members.optional("giveback", members.window),
        return_wh=members.optional("return_wh", members.integer),
        billing=members.optional("billing", lambda name: billing_of(members.child(name))),
        paid_reference=members.optional("paid_reference", members.text),
        item_id=members.optional("item_id", members.text),
    )
    if not changes.targets:
        members.wrong(
            "energy_wh", "Say what to change: energy_wh, charge, giveback, return_wh, billing or paid_reference."
        )
    return changes


def billing_of(members: Members) -> Billing:
    """Who pays."""
    email = members.optional("email", members.email)
    others = {name: members.optional(name, members.text) for name in _BILLING}
    billing = Billing(members.text("name"), email, **others)
    members.done_here()
    return billing
