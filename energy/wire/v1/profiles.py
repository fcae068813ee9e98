"""The tag group ``availability-profile``: what a battery can still take, slot by slot, in runs of equal slots.

A profile may have thousands of slots, but few changes, so each run is one entry of the tag ``runs``:

    start step-s slots energy-kwh charge-kw discharge-kw ; …
    2026-08-03T06:00:00.000Z 900 16 300 150 150; 2026-08-03T10:00:00.000Z 900 464 120.5 150 150

The tag ``columns`` names the columns. A run is extended while slots touch, last equally long and hold the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from energy.intervals import Interval
from energy.quantities import energy_wh, power_w
from energy.searches import FreeSlot
from energy.wire.v1.cursor import Node
from energy.wire.v1.errors import WireError
from energy.wire.v1.tags import find_tags, tag_group
from energy.wire.v1.texts import kilo_text, moment_of, moment_text, whole_of

GROUP = "availability-profile"
SLOTS_MAX = 9_000
"""A month of five-minute slots; a short text may not unfold into more."""

_COLUMNS = "start step-s slots energy-kwh charge-kw discharge-kw"
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class _Run:
    """``count`` slots of ``step_s`` seconds from ``start`` on, all with the same free energy and power."""

    start: datetime
    step_s: int
    count: int
    free: tuple[int, int, int]


def profile_group(profile: tuple[FreeSlot, ...]) -> dict[str, Any]:
    """The tag group.

    Raises:
        ValueError: more than `SLOTS_MAX` slots, or one that does not last whole seconds.
    """
    if len(profile) > SLOTS_MAX:
        raise ValueError(f"{len(profile)} slots: a profile has at most {SLOTS_MAX}")
    runs = "; ".join(_run_text(run) for run in _runs(profile))
    return tag_group(GROUP, (("columns", _COLUMNS), ("runs", runs)), display=False)


def read_profile(item: Node) -> tuple[FreeSlot, ...]:
    """The slots of an item's profile; none when it has no such group.

    Raises:
        WireError: a run is garbled, or there are more than `SLOTS_MAX` slots.
    """
    tags = find_tags(item, GROUP)
    if tags is None:
        return ()
    text = tags.need("runs")
    runs = text.parsed(_runs_of, f"runs of '{_COLUMNS}', separated by ';'")
    slots = sum(run.count for run in runs)
    if slots > SLOTS_MAX:
        raise WireError(text.path, "The profile is too long.", f"at most {SLOTS_MAX} slots", f"{slots} slots")
    return text.parsed(partial(_slots_of, runs), "slots that each hold at least a second")


def _runs(profile: tuple[FreeSlot, ...]) -> Iterator[_Run]:
    begun = 0
    for index in range(1, len(profile) + 1):
        if index == len(profile) or not _continues(profile[index - 1], profile[index]):
            yield _run(profile[begun], index - begun)
            begun = index


def _continues(slot: FreeSlot, following: FreeSlot) -> bool:
    one, other = slot.interval, following.interval
    return one.end == other.start and other.end - other.start == one.end - one.start and _free(slot) == _free(following)


def _run(first: FreeSlot, count: int) -> _Run:
    step_s, rest = divmod(first.interval.end - first.interval.start, _SECOND)
    if rest:
        raise ValueError(f"a slot of {first.interval.duration_s} s does not last whole seconds")
    if min(_free(first)) < 0:
        raise ValueError(f"the slot at {first.interval.start.isoformat()} has less than nothing free")
    return _Run(first.interval.start, step_s, count, _free(first))


def _free(slot: FreeSlot) -> tuple[int, int, int]:
    return slot.energy_wh, slot.charge_power_w, slot.discharge_power_w


def _run_text(run: _Run) -> str:
    return " ".join((moment_text(run.start), str(run.step_s), str(run.count), *map(kilo_text, run.free)))


def _runs_of(text: str) -> tuple[_Run, ...]:
    return tuple(_run_of(part) for part in text.split(";")) if text.strip() else ()


def _run_of(text: str) -> _Run:
    start, step_s, count, energy, charge, discharge = text.split()
    free = (energy_wh(energy, "kWh"), power_w(charge, "kW"), power_w(discharge, "kW"))
    run = _Run(moment_of(start), whole_of(step_s), whole_of(count), free)
    if min(free) < 0 or run.count == 0 or run.step_s == 0:
        raise ValueError("a run has slots, a slot lasts, and not less than nothing is free in it")
    return run


def _slots_of(runs: Iterable[_Run], _text: str) -> tuple[FreeSlot, ...]:
    return tuple(slot for run in runs for slot in _unfolded(run))


def _unfolded(run: _Run) -> Iterator[FreeSlot]:
    step = run.step_s * _SECOND
    start = run.start
    for _ in range(run.count):
        end = start + step
        yield FreeSlot(Interval(start, end), *run.free)
        start = end
