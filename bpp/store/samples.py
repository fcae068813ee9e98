"""Samples of the batteries' meters, in a database of their own: much is written there, and nothing is decided.

The key is (time, battery): rows arrive nearly in its order, so inserting does not slow down as the table grows. Of two
readings of one moment the one with the higher sequence stays. ``latest_samples`` has the newest of each battery.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, or_, select, tuple_

from bpp.store import unrolled
from bpp.store.rows import insert_into
from bpp.store.tables import latest_samples, samples
from energy.intervals import Interval
from energy.metering import Sample
from energy.offers import Quality
from energy.quantities import round_half_up
from node.clocks import milliseconds, moment_of
from node.database import notify

CHANNEL = "samples"
Key = tuple[int, str]
REACH = timedelta(days=1)
"""How far before and after a window its neighbouring readings are looked for."""
CLEARED_ROWS = 1_000
"""So many old samples are deleted in one write."""
_MILLION = 1_000_000
_THOUSAND = 1_000
_MILLISECOND = timedelta(milliseconds=1)


def add(tx: Connection, taken: Sequence[Sample]) -> int:
    """Store samples, and how many of them were news; the others were known by their time and battery."""
    return len(store(tx, taken, {}))


def store(tx: Connection, taken: Sequence[Sample], doubts: Mapping[int, str]) -> set[Key]:
    """Store samples with what is doubted of them, by their place in ``taken``; the keys of those that were news."""
    by_sequence = sorted(enumerate(taken), key=lambda placed: placed[1].sequence)
    rows = {key_of(sample): _row_of(sample) | {"doubts": doubts.get(place)} for place, sample in by_sequence}
    if not rows:
        return set()
    # In the order of the key, which is the order of the table on the disk.
    ordered = [rows[key] for key in sorted(rows)]
    statement = insert_into(tx, samples)
    statement = statement.on_conflict_do_update(
        index_elements=["time_ms", "battery_id"],
        set_=_others(statement, ("time_ms", "battery_id")),
        where=statement.excluded.sequence > samples.c.sequence,
    )
    returned = tx.execute(statement.returning(samples.c.time_ms, samples.c.battery_id), ordered).all()
    stored = {(row.time_ms, row.battery_id) for row in returned}
    if stored:
        _put_latest(tx, ordered)
        unrolled.mark(tx, stored)
        notify(tx, CHANNEL)
    return stored


def key_of(sample: Sample) -> Key:
    """What tells a sample from every other."""
    return milliseconds(sample.measured_at), sample.battery_id


def latest_doubts(tx: Connection) -> dict[str, tuple[str, ...]]:
    """What is doubted of the newest sample of each battery of whose newest anything is."""
    doubted = select(latest_samples.c.battery_id, latest_samples.c.doubts).where(latest_samples.c.doubts.is_not(None))
    return {row.battery_id: tuple(row.doubts.split(",")) for row in tx.execute(doubted)}


def latest(tx: Connection) -> dict[str, Sample]:
    """The newest sample of each battery that has one."""
    rows = tx.execute(select(latest_samples)).all()
    return {row.battery_id: _sample_of(row) for row in rows}


def latest_of(tx: Connection, battery_id: str) -> Sample | None:
    """The newest sample of a battery."""
    row = tx.execute(select(latest_samples).where(latest_samples.c.battery_id == battery_id)).first()
    return None if row is None else _sample_of(row)


def within(tx: Connection, battery_id: str, window: Interval) -> list[Sample]:
    """A battery's samples of a window, in order."""
    ours = and_(samples.c.battery_id == battery_id, *_during(window))
    return [_sample_of(row) for row in tx.execute(select(samples).where(ours).order_by(samples.c.time_ms))]


def of_some(tx: Connection, battery_ids: Iterable[str], window: Interval) -> list[Sample]:
    """The samples of several batteries in a window, in order of time."""
    theirs = and_(samples.c.battery_id.in_(sorted(set(battery_ids))), *_during(window))
    return [_sample_of(row) for row in tx.execute(select(samples).where(theirs).order_by(samples.c.time_ms))]


def reach_of(tx: Connection, battery_id: str, window: Interval) -> Interval:
    """The window, with the battery's last sample at or before its start and the first at or after its end.

    Both are looked for within `REACH` of it.
    """
    ours, time = samples.c.battery_id == battery_id, samples.c.time_ms
    earlier = Interval(window.start - REACH, window.start + _MILLISECOND)
    later = Interval(window.end, window.end + REACH)
    first = tx.scalar(select(func.max(time)).where(ours, *_during(earlier)))
    last = tx.scalar(select(func.min(time)).where(ours, *_during(later)))
    start = window.start if first is None else moment_of(first)
    return Interval(start, window.end if last is None else moment_of(last) + _MILLISECOND)


def clear(tx: Connection, before: datetime) -> int:
    """Delete some of the samples that were measured before that trade time, and how many; the newest of each stay."""
    key = tuple_(samples.c.time_ms, samples.c.battery_id)
    old = select(samples.c.time_ms, samples.c.battery_id).where(samples.c.time_ms < milliseconds(before))
    first = old.order_by(samples.c.time_ms, samples.c.battery_id).limit(CLEARED_ROWS)
    return tx.execute(delete(samples).where(key.in_(first))).rowcount


def _during(window: Interval) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return samples.c.time_ms >= milliseconds(window.start), samples.c.time_ms < milliseconds(window.end)


def _put_latest(tx: Connection, ordered: Iterable[Mapping[str, Any]]) -> None:
    newest = {row["battery_id"]: row for row in ordered}
    statement = insert_into(tx, latest_samples)
    new = statement.excluded
    later = or_(
        new.time_ms > latest_samples.c.time_ms,
        and_(new.time_ms == latest_samples.c.time_ms, new.sequence > latest_samples.c.sequence),
    )
    tx.execute(
        statement.on_conflict_do_update(
            index_elements=["battery_id"], set_=_others(statement, ("battery_id",)), where=later
        ),
        [newest[battery_id] for battery_id in sorted(newest)],
    )


def _others(statement: Any, key: tuple[str, ...]) -> dict[str, Any]:
    return {column.name: column for column in statement.excluded if column.name not in key}


def _row_of(sample: Sample) -> dict[str, Any]:
    celsius = sample.temperature_c
    return {
        "time_ms": milliseconds(sample.measured_at),
        "battery_id": sample.battery_id,
        "sequence": sample.sequence,
        "soc_millionths": None if sample.soc is None else round_half_up(sample.soc * _MILLION),
        "power_w": sample.power_w,
        "energy_in_wh": sample.energy_in_wh,
        "energy_out_wh": sample.energy_out_wh,
        "temperature_thousandths_c": None if celsius is None else round_half_up(celsius * _THOUSAND),
        "quality": sample.quality.value,
        "source": sample.source,
    }


def _sample_of(row: Row[Any]) -> Sample:
    celsius = row.temperature_thousandths_c
    return Sample(
        battery_id=row.battery_id,
        measured_at=moment_of(row.time_ms),
        soc=None if row.soc_millionths is None else Decimal(row.soc_millionths) / _MILLION,
        power_w=row.power_w,
        energy_in_wh=row.energy_in_wh,
        energy_out_wh=row.energy_out_wh,
        quality=Quality(row.quality),
        source=row.source,
        sequence=row.sequence,
        temperature_c=None if celsius is None else Decimal(celsius) / _THOUSAND,
    )
