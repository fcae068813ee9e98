"""Known deviations of the network, each turned into the strict form by one small rule before a message is read.

The ids are ENERGY 1.2's; S18 and S19 were found since. Rules run in the order of `RULES`: what moves whole
objects comes first, amounts are put in their place before their units are spelled, and what the transaction already
speaks of is filled in last. Rules touch trade content only; those of the envelope are `protocol.context`'s.

Some deviations need no rule, since the strict reader does not stumble over them: totals of either sign (S3: the sign
says who pays), an order's id that equals the provider's (S4), a catalog without a name (S13).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from energy.intervals import Interval
from energy.offers import DispatchMode
from energy.wire.v1.tolerances import forms, orders, quantities, shapes, times
from energy.wire.v1.tolerances.rules import Json, Known, Reading, Rule, copied, parts_of

RULES: tuple[Rule, ...] = (
    *shapes.WHOLE,
    *shapes.MEMBERS,
    *forms.RULES,
    *quantities.RULES,
    *orders.RULES,
    *times.RULES,
)

TOLERANT = Reading()
NOTHING_KNOWN = Known()

_DAY = datetime(2000, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)
ANY_TRANSACTION = Known(
    energy_wh=1_000,
    charge=Interval(_DAY, _DAY + _HOUR),
    giveback=Interval(_DAY + _HOUR, _DAY + 2 * _HOUR),
    mode=DispatchMode.MANUAL,
)
"""A placeholder: what reads with it is readable once what its transaction speaks of is filled in."""


def straightened(
    action: str, message: Mapping[str, Any], reading: Reading = TOLERANT, known: Known = NOTHING_KNOWN
) -> tuple[Json, tuple[str, ...]]:
    """A mended copy of the message, and the names of the rules that it took."""
    copy = copied(dict(message))
    if reading.strict:
        return copy, ()
    used = _mended(shapes.WHOLE, action, copy, reading, known)
    return copy, used + _mended(RULES[len(shapes.WHOLE) :], action, copy, reading, known)


def _mended(rules: tuple[Rule, ...], action: str, copy: Json, reading: Reading, known: Known) -> tuple[str, ...]:
    parts = parts_of(action, copy, known, reading.zone)
    return tuple(rule.name for rule in rules if reading.takes(rule.name) and rule.mend(parts))
