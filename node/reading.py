"""Checks 13 and 14 for a message that our closed schema refuses: what the tolerant reader makes of it, or why not.

Only such messages come here, so what it costs is paid by those who leave the strict form. Each tolerance that a message
needs is named, for the metrics; one that is switched off leaves the deviation where it stands, and the refusal names
it. Who signed, who may send what and whether it is in time are never matters of tolerance.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from energy.messages import Message
from energy.wire.v1.errors import WireError
from energy.wire.v1.reader import read_straight, read_tolerantly
from energy.wire.v1.tolerances import ANY_TRANSACTION, NOTHING_KNOWN, RULES, straightened
from energy.wire.v1.tolerances.rules import Known, Reading
from protocol.actions import ACTIONS
from protocol.context import DEVIATIONS, Context, deviations_of, write_context
from protocol.errors import Diagnosis, NotValid
from protocol.verification import Verified, check_core
from schemas.loader import core, storage
from schemas.violations import Violation

FORMATS = "D15-formats"
OTHER_MEMBERS = "S20-other-members"
TABLE: tuple[tuple[str, str, str], ...] = (
    *((deviation.name, deviation.peers_write, deviation.we_read) for deviation in DEVIATIONS),
    *((rule.name, rule.peers_write, rule.we_read) for rule in RULES),
    (FORMATS, "ids that are no UUID, e-mail addresses and URLs in any shape", "the text as it stands"),
    (OTHER_MEMBERS, "members, codes and lifetimes beyond or short of a storage trade's", "the message without them"),
)
"""Every tolerance of a message that comes in: its name, what peers write, what is read."""

NAMES: frozenset[str] = frozenset(name for name, _, _ in TABLE)


def read_deviating(verified: Verified, reading: Reading) -> tuple[str, ...]:
    """The tolerances that a message needs which the closed schema refuses, or whose context is not strict.

    What its transaction has to fill in later (ENERGY 1.2, S8 and S12) is taken as known.

    Raises:
        NotValid: it can not be read, or only with a tolerance that is not taken.
    """
    names = _context_names(verified, reading)
    if reading.strict:
        raise _not_valid("V14", storage(verified.action).explain(verified.content)[0])
    content: dict[str, Any] = {**verified.content, "context": write_context(verified.context)}
    refusal = ACTIONS[verified.action].is_callback and verified.error is not None
    if not refusal:
        if "message" not in content:
            check_core(verified.action, content)  # What is missing then is the message, and no member of it.
        content["message"], used = straightened(verified.action, verified.message, reading, ANY_TRANSACTION)
        names += used
    check_core(verified.action, content)
    if not refusal:
        check_readable(verified.action, content["message"])
    return names + _schema_names(verified.action, content, reading)


def message_of(verified: Verified, reading: Reading, known: Known = NOTHING_KNOWN) -> Message:
    """What an accepted message says; ``known`` is what its transaction already speaks of.

    Raises:
        WireError: it leaves out more than is known.
    """
    if storage(verified.action).is_valid(verified.content):
        return read_straight(verified.action, verified.message)
    return read_tolerantly(verified.action, verified.message, reading=reading, known=known)[0]


def is_strict(context: Context) -> bool:
    """Whether a context that the closed schema accepts is strict beyond what a schema can say."""
    return context.message_id != context.transaction_id


def check_readable(action: str, message: Mapping[str, Any]) -> None:
    """Check 14 for a message in the strict form, from the first or straightened.

    Raises:
        NotValid: it contradicts itself, or lacks what a trade needs.
    """
    try:
        read_straight(action, message)
    except WireError as error:
        raise NotValid(error.sentence, Diagnosis("V14-storage", error.path, error.expected, error.got)) from None


def _context_names(verified: Verified, reading: Reading) -> tuple[str, ...]:
    wire = verified.content["context"]
    found = deviations_of(wire, verified.context)
    for deviation in found:
        if not reading.takes(deviation.name):
            path = f"/context/{deviation.member}"
            raise NotValid(
                f"{path} is not in the strict form ({deviation.name}), and this platform does not read it otherwise.",
                Diagnosis("V14-context", path, deviation.we_read, deviation.peers_write),
            )
    return tuple(deviation.name for deviation in found)


def _schema_names(action: str, content: Mapping[str, Any], reading: Reading) -> tuple[str, ...]:
    """What is left in the straightened message that the strict form would not have."""
    names: tuple[str, ...] = ()
    formats = core(action, formats=True)
    if not formats.is_valid(content):
        if not reading.takes(FORMATS):
            raise _not_valid("V13", formats.explain(content)[0])
        names += (FORMATS,)
    others = [violation for violation in storage(action).explain(content) if not violation.rule.endswith("format")]
    if others:
        if not reading.takes(OTHER_MEMBERS):
            raise _not_valid("V14", others[0])
        names += (OTHER_MEMBERS,)
    return names


def _not_valid(check: str, violation: Violation) -> NotValid:
    diagnosis = Diagnosis(f"{check}-{violation.rule}", violation.path, violation.expected, violation.got)
    return NotValid(violation.sentence, diagnosis)
