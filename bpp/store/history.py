"""Rollups in the database: one row for each battery, step and beginning, so that a window of one step is one range.

A slot is rolled from its samples with the last accepted reading before it, and the steps that it lies in are merged
anew, in one transaction. When that changes its last reading, the slot that follows it is due again: its energy counts
from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from bpp.store import unrolled
from bpp.store.history_tables import rollups
from bpp.store.unrolled import Due
from energy.intervals import Interval
from energy.metering import Sample
from energy.rollups import SLOT_S, STEPS_S, RegisterReading, Rollup, Spread, merged, roll
from node.clocks import milliseconds, moment_of

CLEARED_ROWS = 1_000
_KEY = ("battery_id", "step_s", "start_ms")
_HOUR_MS = STEPS_S[-1] * 1_000
# Statements that are run for every slot are made once: making one costs more than running it.
_known = rollups.c
_values = [column for column in rollups.c if column.name not in {"battery_id", "step_s"}]
_BETWEEN = (
    select(*_values)
    .where(
        _known.battery_id == bindparam("battery"),
        _known.step_s == bindparam("step"),
        _known.start_ms >= bindparam("first"),
        _known.start_ms < bindparam("after"),
    )
    .order_by(_known.start_ms)
)
_of_slots = and_(_known.battery_id == bindparam("battery"), _known.step_s == SLOT_S)
_LAST_READING = (
    select(_known.reading_ms, _known.reading_in_wh, _known.reading_out_wh)
    .where(_of_slots, _known.start_ms < bindparam("before"), _known.reading_ms.is_not(None))
    .order_by(_known.start_ms.desc())
    .limit(1)
)
_NEXT_SLOT = (
    select(_known.start_ms).where(_of_slots, _known.start_ms > bindparam("behind")).order_by(_known.start_ms).limit(1)
)


def of_battery(tx: Connection, battery_id: str, window: Interval, step_s: int) -> list[Rollup]:
    """A battery's rollups of one step that begin in the window, in order."""
    return _between(tx, battery_id, step_s, milliseconds(window.start), milliseconds(window.end))


def last_reading(tx: Connection, battery_id: str, before_ms: int) -> RegisterReading | None:
    """The last reading that was accepted before that moment, the beginning of a slot."""
    row = tx.execute(_LAST_READING, {"battery": battery_id, "before": before_ms}).first()
    return None if row is None else _reading_of(*row)


def save_slot(
    tx: Connection, due: Due, samples: Iterable[Sample], power_limit_w: int, meter_changes: Sequence[datetime]
) -> None:
    """Roll one slot of a battery from all of its samples, and the steps that it lies in."""
    slot_ms, battery_id, _ = due
    before = last_reading(tx, battery_id, slot_ms)
    minutes = roll(samples, before, power_limit_w, meter_changes)
    hour_ms = slot_ms - slot_ms % _HOUR_MS
    slots = {slot.start: slot for slot in _between(tx, battery_id, SLOT_S, hour_ms, hour_ms + _HOUR_MS)}
    was = slots.get(moment_of(slot_ms))
    fresh = merged(minutes, SLOT_S)
    slots |= {slot.start: slot for slot in fresh}
    in_order = [slots[start] for start in sorted(slots)]
    _put(tx, battery_id, [*minutes, *fresh, *(longer for step in STEPS_S[2:] for longer in merged(in_order, step))])
    if _ending(fresh, before) != _ending([] if was is None else [was], before):
        _mark_next(tx, battery_id, slot_ms)
    unrolled.done(tx, due)


def clear(tx: Connection, before: datetime, step_s: int) -> int:
    """Delete some rollups of one step that began before that trade time, and how many."""
    old = and_(rollups.c.step_s == step_s, rollups.c.start_ms < milliseconds(before))
    columns = [rollups.c[name] for name in _KEY]
    first = select(*columns).where(old).order_by(rollups.c.start_ms).limit(CLEARED_ROWS)
    return tx.execute(delete(rollups).where(tuple_(*columns).in_(first))).rowcount


def _ending(slots: Sequence[Rollup], before: RegisterReading | None) -> RegisterReading | None:
    """The reading from which energy counts after the slots."""
    return next((slot.reading for slot in slots if slot.reading is not None), before)


def _mark_next(tx: Connection, battery_id: str, slot_ms: int) -> None:
    next_ms = tx.scalar(_NEXT_SLOT, {"battery": battery_id, "behind": slot_ms})
    if next_ms is not None:
        unrolled.mark(tx, [(next_ms, battery_id)])


def _between(tx: Connection, battery_id: str, step_s: int, start_ms: int, end_ms: int) -> list[Rollup]:
    asked = {"battery": battery_id, "step": step_s, "first": start_ms, "after": end_ms}
    return [_rollup_of(step_s, *row) for row in tx.execute(_BETWEEN, asked)]


def _put(tx: Connection, battery_id: str, made: Sequence[Rollup]) -> None:
    if made:
        tx.execute(_saving(tx.dialect.name), [_row_of(battery_id, rollup) for rollup in made])


@cache
def _saving(dialect: str) -> Any:
    statement = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(rollups)
    others = {column.name: column for column in statement.excluded if column.name not in _KEY}
    return statement.on_conflict_do_update(index_elements=list(_KEY), set_=others)


def _row_of(battery_id: str, rollup: Rollup) -> dict[str, Any]:
    reading = rollup.reading
    return {
        "battery_id": battery_id,
        "step_s": rollup.step_s,
        "start_ms": milliseconds(rollup.start),
        "samples": rollup.samples,
        "trusted": rollup.trusted,
        **_spread_row("soc", rollup.soc_millionths),
        **_spread_row("power", rollup.power_w),
        "energy_in_wh": rollup.energy_in_wh,
        "energy_out_wh": rollup.energy_out_wh,
        "reading_ms": None if reading is None else milliseconds(reading.at),
        "reading_in_wh": None if reading is None else reading.energy_in_wh,
        "reading_out_wh": None if reading is None else reading.energy_out_wh,
    }


def _spread_row(name: str, spread: Spread | None) -> dict[str, int | None]:
    number, total, least, most, last = (0, None, None, None, None) if spread is None else spread
    return {
        f"{name}_count": number,
        f"{name}_total": total,
        f"{name}_least": least,
        f"{name}_most": most,
        f"{name}_last": last,
    }


def _rollup_of(step_s: int, start_ms: int, samples: int, trusted: int, *values: Any) -> Rollup:
    """A rollup of its columns, in the order of the table; they come by the thousand."""
    soc, power, (in_wh, out_wh, *reading) = values[:5], values[5:10], values[10:]
    return Rollup(
        moment_of(start_ms),
        step_s,
        samples,
        trusted,
        Spread(*soc) if soc[0] else None,
        Spread(*power) if power[0] else None,
        in_wh,
        out_wh,
        _reading_of(*reading),
    )


def _reading_of(at_ms: int | None, in_wh: int, out_wh: int) -> RegisterReading | None:
    return None if at_ms is None else RegisterReading(moment_of(at_ms), in_wh, out_wh)
