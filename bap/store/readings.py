"""Our own meter's intervals of contracts, and what was decided about their bills: functions of one connection."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, delete, insert, select

from bap.store.tables import bill_decisions, own_intervals
from energy.intervals import Interval
from energy.metering import MeterInterval, ReadingQuality
from node.clocks import milliseconds, moment_of


class Verdict(StrEnum):
    """What the producer said about a bill."""

    ACCEPTED = "accepted"
    DISPUTED = "disputed"


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about the document with this digest, at a wire time; ``note`` is what was told of it."""

    verdict: Verdict
    digest_sha256: str
    at: datetime
    note: str = ""


def put(tx: Connection, key: str, intervals: Iterable[MeterInterval], now: datetime) -> None:
    """Keep intervals of a contract (`bap.parts.key_of`); what was told of the same time before gives way."""
    columns = own_intervals.c
    for each in intervals:
        start_ms, end_ms = milliseconds(each.interval.start), milliseconds(each.interval.end)
        same_time = (columns.start_ms < end_ms) & (columns.end_ms > start_ms)
        tx.execute(delete(own_intervals).where(columns.contract_id == key, same_time))
        tx.execute(
            insert(own_intervals).values(
                contract_id=key,
                start_ms=start_ms,
                end_ms=end_ms,
                energy_in_wh=each.energy_in_wh,
                energy_out_wh=each.energy_out_wh,
                quality=each.quality.value,
                received_at_ms=milliseconds(now),
            )
        )


def of_contract(tx: Connection, key: str) -> tuple[MeterInterval, ...]:
    """The intervals of a contract, in the order of time."""
    rows = select(own_intervals).where(own_intervals.c.contract_id == key).order_by(own_intervals.c.start_ms)
    return tuple(
        MeterInterval(
            Interval(moment_of(row.start_ms), moment_of(row.end_ms)),
            row.energy_in_wh,
            row.energy_out_wh,
            ReadingQuality(row.quality),
        )
        for row in tx.execute(rows)
    )


def decide(tx: Connection, key: str, decision: Decision) -> None:
    """Keep what was decided in place of what was decided before."""
    tx.execute(delete(bill_decisions).where(bill_decisions.c.contract_id == key))
    tx.execute(
        insert(bill_decisions).values(
            contract_id=key,
            verdict=decision.verdict.value,
            digest_sha256=decision.digest_sha256,
            decided_at_ms=milliseconds(decision.at),
            note=decision.note,
        )
    )


def decision_of(tx: Connection, key: str) -> Decision | None:
    """What was decided about the bill of a contract."""
    row = tx.execute(select(bill_decisions).where(bill_decisions.c.contract_id == key)).first()
    if row is None:
        return None
    return Decision(Verdict(row.verdict), row.digest_sha256, moment_of(row.decided_at_ms), row.note)
