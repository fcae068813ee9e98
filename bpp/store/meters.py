"""What is known of the meters beside their samples: what they are judged by, changes, problems, and what was set aside.

In the samples' database, so that a sample and the judgement on it are one transaction. Times are trade time, but for
``received_ms``, which is wire time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, and_, delete, func, select

from bpp.store import unrolled
from bpp.store.rows import insert_into, put
from bpp.store.samples import Key
from bpp.store.tables import meter_changes, meter_states, set_aside, telemetry_problems
from energy.metering import Sample
from energy.plausibility import ENDED_BY_METER_CHANGE, Finding, Mark, MeterState, with_new_meter
from node.clocks import milliseconds, moment_of
from node.telemetry.intake import Rejection
from node.telemetry.sample_json import read_sample, write_sample


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that was seen at a battery's samples: how often, when first and last, and the latest sentence."""

    battery_id: str
    doubt: str
    first_at: datetime
    last_at: datetime
    times_seen: int
    sentence: str
    source: str


@dataclass(frozen=True, slots=True)
class SetAside:
    """A sample that could not be taken and is kept until somebody says what to do with it."""

    sample: Sample
    refusal: str
    sentence: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class SetAsideGroup:
    """The samples of one battery that were set aside for one reason: how many, and between which times of theirs."""

    battery_id: str
    refusal: str
    count: int
    first_at: datetime
    last_at: datetime
    sentence: str


# -- what samples are judged by -----------------------------------------------------------------------------------


def states(tx: Connection, battery_ids: Iterable[str]) -> dict[str, MeterState]:
    """The states of these batteries, of those that have one."""
    rows = tx.execute(select(meter_states).where(meter_states.c.battery_id.in_(sorted(set(battery_ids)))))
    return {row.battery_id: _state_of(orjson.loads(row.document)) for row in rows}


def save_states(tx: Connection, changed: Mapping[str, MeterState]) -> None:
    """Keep these states."""
    if not changed:
        return
    rows = [
        {"battery_id": battery_id, "document": orjson.dumps(_state_json(changed[battery_id])).decode()}
        for battery_id in sorted(changed)
    ]
    statement = insert_into(tx, meter_states)
    tx.execute(
        statement.on_conflict_do_update(index_elements=["battery_id"], set_={"document": statement.excluded.document}),
        rows,
    )


# -- another meter ------------------------------------------------------------------------------------------------


def confirm_change(tx: Connection, battery_id: str, changed_at: datetime, confirmed_by: str, note: str) -> None:
    """From ``changed_at`` on the registers are another meter's; what the old one's were doubted for is over."""
    key = {"battery_id": battery_id, "changed_at_ms": milliseconds(changed_at)}
    put(tx, meter_changes, key | {"confirmed_by": confirmed_by, "note": note})
    unrolled.mark_since(tx, battery_id, changed_at)
    known = states(tx, [battery_id]).get(battery_id)
    if known is not None:
        save_states(tx, {battery_id: with_new_meter(known)})
    over = [doubt.value for doubt in ENDED_BY_METER_CHANGE]
    problems = telemetry_problems.c
    tx.execute(delete(telemetry_problems).where(problems.battery_id == battery_id, problems.doubt.in_(over)))


def changes_of(tx: Connection, battery_id: str) -> tuple[datetime, ...]:
    """The moments from which the battery has had another meter."""
    changes = meter_changes.c
    found = select(changes.changed_at_ms).where(changes.battery_id == battery_id).order_by(changes.changed_at_ms)
    return tuple(moment_of(changed_at_ms) for changed_at_ms in tx.scalars(found))


# -- problems -----------------------------------------------------------------------------------------------------


def note_problems(tx: Connection, found: Iterable[tuple[Sample, Finding]]) -> None:
    """Count what was found, at each battery and doubt."""
    by_key: dict[tuple[str, str], dict[str, Any]] = {}
    for sample, finding in found:
        at_ms = milliseconds(sample.measured_at)
        row = by_key.setdefault(
            (sample.battery_id, finding.doubt.value),
            {"battery_id": sample.battery_id, "doubt": finding.doubt.value, "first_ms": at_ms, "last_ms": at_ms}
            | {"times_seen": 0},
        )
        row["last_ms"], row["times_seen"] = max(row["last_ms"], at_ms), row["times_seen"] + 1
        row |= {"sentence": finding.sentence, "source": sample.source}
    if not by_key:
        return
    statement = insert_into(tx, telemetry_problems)
    new, known = statement.excluded, telemetry_problems.c
    updated = {
        "last_ms": new.last_ms,
        "times_seen": known.times_seen + new.times_seen,
        "sentence": new.sentence,
        "source": new.source,
    }
    rows = [by_key[key] for key in sorted(by_key)]
    tx.execute(statement.on_conflict_do_update(index_elements=["battery_id", "doubt"], set_=updated), rows)


def problems_since(tx: Connection, since: datetime, battery_id: str | None = None) -> list[Problem]:
    """The problems that were seen at or after that trade time, at one battery or at all."""
    known = telemetry_problems.c
    wanted = [known.last_ms >= milliseconds(since)]
    if battery_id is not None:
        wanted.append(known.battery_id == battery_id)
    rows = tx.execute(select(telemetry_problems).where(*wanted).order_by(known.battery_id, known.doubt))
    return [
        Problem(
            row.battery_id,
            row.doubt,
            moment_of(row.first_ms),
            moment_of(row.last_ms),
            row.times_seen,
            row.sentence,
            row.source,
        )
        for row in rows
    ]


# -- set aside ----------------------------------------------------------------------------------------------------


def put_aside(
    tx: Connection, refused: Sequence[tuple[Sample, Rejection]], received_at: datetime, most_rows: int
) -> int:
    """Keep samples that could not be taken, up to ``most_rows`` of all; how many there was no room for."""
    room = max(0, most_rows - (tx.scalar(select(func.count()).select_from(set_aside)) or 0))
    kept = refused[:room]
    for sample, rejection in kept:
        time_ms = milliseconds(sample.measured_at)
        row = {"battery_id": sample.battery_id, "time_ms": time_ms, "received_ms": milliseconds(received_at)}
        row |= {"refusal": rejection.refusal.value, "sentence": rejection.sentence}
        put(tx, set_aside, row | {"document": orjson.dumps(write_sample(sample)).decode()})
    return len(refused) - len(kept)


def set_aside_groups(tx: Connection) -> list[SetAsideGroup]:
    """What is set aside, by battery and reason."""
    kept = set_aside.c
    rows = tx.execute(
        select(
            kept.battery_id,
            kept.refusal,
            func.count().label("number"),
            func.min(kept.time_ms).label("first_ms"),
            func.max(kept.time_ms).label("last_ms"),
            func.max(kept.sentence).label("sentence"),
        )
        .group_by(kept.battery_id, kept.refusal)
        .order_by(kept.battery_id, kept.refusal)
    )
    return [
        SetAsideGroup(
            row.battery_id, row.refusal, row.number, moment_of(row.first_ms), moment_of(row.last_ms), row.sentence
        )
        for row in rows
    ]


def set_aside_of(tx: Connection, battery_id: str, after: datetime | None, limit: int) -> list[SetAside]:
    """The samples of a battery that are set aside, in order of their times, those after ``after``."""
    wanted = [set_aside.c.battery_id == battery_id]
    if after is not None:
        wanted.append(set_aside.c.time_ms > milliseconds(after))
    rows = tx.execute(select(set_aside).where(*wanted).order_by(set_aside.c.time_ms).limit(limit))
    return [
        SetAside(read_sample(orjson.loads(row.document)), row.refusal, row.sentence, moment_of(row.received_ms))
        for row in rows
    ]


def drop_set_aside(tx: Connection, keys: Iterable[Key]) -> None:
    """These are taken now, or nobody wants them."""
    for time_ms, battery_id in sorted(keys):
        tx.execute(delete(set_aside).where(and_(set_aside.c.battery_id == battery_id, set_aside.c.time_ms == time_ms)))


def _state_json(state: MeterState) -> list[Any]:
    return [
        milliseconds(state.newest_at),
        state.power_w,
        _mark_json(state.reference),
        _mark_json(state.start),
        state.power_w_us,
    ]


def _state_of(document: Sequence[Any]) -> MeterState:
    newest_ms, power_w, reference, start, power_w_us = document
    return MeterState(moment_of(newest_ms), power_w, _mark_of(reference), _mark_of(start), power_w_us)


def _mark_json(mark: Mark | None) -> list[int | None] | None:
    if mark is None:
        return None
    return [milliseconds(mark.at), mark.energy_in_wh, mark.energy_out_wh, mark.soc_millionths]


def _mark_of(document: Sequence[Any] | None) -> Mark | None:
    return None if document is None else Mark(moment_of(document[0]), *document[1:])
