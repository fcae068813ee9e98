"""Who is kept out, and how a key ends before its time. Pure.

1. Listed is who is SUBSCRIBED *and* ADMITTED. Under the setting ``approval = "manual"`` a newcomer is AWAITING until
   the registry's operator approves it; its challenge goes its way meanwhile.
2. The operator's decisions are those of `DECISIONS` and no others. Who is SUSPENDED or REVOKED changes nothing of its
   entry; revoking withdraws all keys too, and is for ever.
3. A subscriber ends one of its keys by an application that says what stands already, with an earlier ``valid_until``.
   That needs no challenge: it takes trust away and gives none.
4. A key that was ended at once, or that the operator revoked, is withdrawn: it never counts again, not even for coming
   back. A subscriber without any other key is UNSUBSCRIBED; it comes back with a new key at the URL that is registered,
   and the operator has to approve.

Source: Beckn registry 1.1.1, /subscribe, read as INTEROP 5 has it; the operator's decisions are our own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from protocol.errors import Diagnosis, NotAuthorised, NotValid
from registry.applications import Application, Standing, same_entry
from registry.subscriptions import Admission, State, SubscriberKey, advance

DECISIONS: Mapping[str, Mapping[Admission, Admission]] = MappingProxyType(
    {
        "approve": MappingProxyType({Admission.AWAITING: Admission.ADMITTED}),
        "suspend": MappingProxyType({Admission.ADMITTED: Admission.SUSPENDED, Admission.AWAITING: Admission.SUSPENDED}),
        "reinstate": MappingProxyType({Admission.SUSPENDED: Admission.ADMITTED}),
        "revoke": MappingProxyType(
            {standing: Admission.REVOKED for standing in Admission if standing is not Admission.REVOKED}
        ),
    }
)
BARRED = frozenset({Admission.SUSPENDED, Admission.REVOKED})


def check_not_barred(standing: Standing | None) -> None:
    """Raises NotAuthorised when the operator has suspended or revoked the subscriber."""
    if standing is None or standing.subscriber.admission not in BARRED:
        return
    admission = standing.subscriber.admission
    raise NotAuthorised(
        f"This subscriber is {admission}: ask the registry's operator.",
        Diagnosis("registry-admission", "/subscriber_id", Admission.ADMITTED, admission),
    )


def decided(standing: Standing, decision: str, now: datetime) -> Standing:
    """The subscriber after a decision of the operator's.

    Raises:
        NotValid: the decision is none, or not possible where the subscriber stands.
    """
    admission = standing.subscriber.admission
    wanted = DECISIONS.get(decision, {}).get(admission)
    if wanted is None:
        possible = ", ".join(name for name, steps in DECISIONS.items() if admission in steps) or "nothing"
        raise NotValid(
            f"A subscriber that is {admission} can not be changed by {decision[:40]}; possible: {possible}.",
            Diagnosis("registry-admission", "/decision", possible, decision),
        )
    if wanted is Admission.REVOKED:
        for key in standing.keys:
            standing = without_key(standing, key.key_id, now, now)
    return replace(standing, subscriber=replace(standing.subscriber, admission=wanted, updated_at=now))


def withdrawal(application: Application, standing: Standing | None, now: datetime) -> Standing | None:
    """The subscriber after ending one of its keys, when that is what the application asks for (rule 3); else None."""
    known = standing.key(application.key_id) if standing is not None else None
    until = application.valid_until
    if standing is None or known is None or until is None or known.withdrawn_at is not None:
        return None
    shorter = known.valid_until is None or until < known.valid_until
    if not shorter or not same_entry(application, standing.subscriber) or not _same_key(application, known):
        return None
    return without_key(standing, known.key_id, until, now)


def without_key(standing: Standing, key_id: str, until: datetime, now: datetime) -> Standing:
    """The subscriber with that key valid until then at most, and withdrawn if that is now (rule 4)."""

    def ended(key: SubscriberKey) -> SubscriberKey:
        if key.key_id != key_id or key.withdrawn_at is not None:
            return key
        end = until if key.valid_until is None else min(until, key.valid_until)
        return replace(key, valid_until=end, withdrawn_at=now if until <= now else None)

    keys, entry = tuple(map(ended, standing.keys)), standing.subscriber
    if entry.state is not State.UNSUBSCRIBED and all(key.withdrawn_at is not None for key in keys):
        entry = replace(entry, state=advance(entry.state, State.UNSUBSCRIBED))
    return Standing(replace(entry, updated_at=now), keys)


def _same_key(application: Application, known: SubscriberKey) -> bool:
    return (
        application.signing_public_key == known.signing_public_key
        and application.encryption_public_key == known.encryption_public_key
        and application.valid_from in {None, known.valid_from}
    )
