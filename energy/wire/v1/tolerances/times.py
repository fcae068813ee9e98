"""D15: times without a zone, and times in the day-first form of older examples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Any

from energy.wire.v1.texts import moment_text
from energy.wire.v1.tolerances.rules import Parts, Rule, some

_PLAIN = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?", re.ASCII)
_DAY_FIRST = re.compile(r"(\d\d)-(\d\d)-(\d{4})[Tt ](\d\d:\d\d(?::\d\d)?)", re.ASCII)
_SPACED = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d))", re.ASCII)
_MEMBERS = frozenset({"start", "end", "timestamp", "created_at", "updated_at", "exp"})


def _zoneless_times(parts: Parts) -> bool:
    """D15. Read in the network's zone; what its clocks skip or show twice is left as it is, and so refused."""
    return some(_set_zone(owner, name, parts.zone) for owner, name in _times(parts.message))


def _set_zone(owner: dict[str, Any], name: str, zone: tzinfo) -> bool:
    text = owner[name]
    spaced = _SPACED.fullmatch(text)
    if spaced is not None:
        owner[name] = f"{spaced[1]}T{spaced[2]}"
        return True
    day_first = _DAY_FIRST.fullmatch(text)
    if day_first is not None:
        text = f"{day_first[3]}-{day_first[2]}-{day_first[1]}T{day_first[4]}"
    elif _PLAIN.fullmatch(text) is None:
        return False
    try:
        local = datetime.fromisoformat(text).replace(tzinfo=zone)
        if local.utcoffset() != local.replace(fold=1).utcoffset():
            return False
        owner[name] = moment_text(local)
    except (ValueError, OverflowError):
        return False
    return True


def _times(value: object) -> Iterator[tuple[dict[str, Any], str]]:
    """Every member below that may be a time, with its owner."""
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield from ((node, name) for name in _MEMBERS & node.keys() if isinstance(node[name], str))
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


RULES: tuple[Rule, ...] = (
    Rule(
        "D15-time-without-zone",
        "`2026-11-20T10:00:00`, `20-11-2026 10:00:00`",
        "the time in `reading.zone`",
        _zoneless_times,
    ),
)
