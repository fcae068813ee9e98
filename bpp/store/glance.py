"""The fleet at a glance, for a page that asks every few seconds: counted by the database, not battery by battery."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, case, func, or_, select

from bpp.store.tables import batteries, latest_samples
from energy.offers import Quality
from node.clocks import milliseconds, moment_of

_MICRO = 6


class Doing(StrEnum):
    """What a battery does by its newest sample; one that is ``STALE`` or ``LOST`` may do anything by now."""

    CHARGING = "charging"
    RETURNING = "returning"
    RESTING = "resting"
    STALE = "stale"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Heard:
    """From when on a sample is fresh, and before when it is lost; trade time."""

    fresh_from: datetime
    lost_before: datetime


@dataclass(frozen=True, slots=True)
class Newest:
    """What a battery told last."""

    measured_at: datetime
    soc: Decimal | None
    power_w: int | None
    doing: Doing
    is_doubted: bool


@dataclass(frozen=True, slots=True)
class Sum:
    """How many batteries do the same, and their power together."""

    count: int
    power_w: int


@dataclass(frozen=True, slots=True)
class Asked:
    """Which batteries are asked for: of one account or of all (None), ``words`` in id or site, or first in name."""

    account: str | None = None
    words: str = ""
    is_out_of_service: bool = False


def ids(tx: Connection, asked: Asked) -> list[str]:
    """The ids of those batteries in order, without the retired ones."""
    return list(tx.scalars(select(batteries.c.battery_id).where(*_conditions(asked)).order_by(batteries.c.battery_id)))


def count(tx: Connection, asked: Asked) -> int:
    """How many batteries those are."""
    return tx.scalar(select(func.count()).select_from(batteries).where(*_conditions(asked))) or 0


def sums(tx: Connection, heard: Heard, only: set[str] | None) -> dict[Doing, Sum]:
    """What the batteries do that have ever sent a sample; ``only`` those, None: all."""
    doing, known = _doing(heard), latest_samples.c
    if only is None:
        power_w = func.coalesce(func.sum(known.power_w), 0)
        rows = tx.execute(select(doing, func.count(), power_w).group_by(doing))
        return {Doing(name): Sum(number, int(total_w)) for name, number, total_w in rows}
    found: dict[Doing, Sum] = {}
    for battery_id, name, power_w in tx.execute(select(known.battery_id, doing, known.power_w)):
        if battery_id in only:
            so_far = found.get(Doing(name), Sum(0, 0))
            found[Doing(name)] = Sum(so_far.count + 1, so_far.power_w + (power_w or 0))
    return found


def ids_doing(tx: Connection, heard: Heard, doing: Doing) -> set[str]:
    """The batteries that do that."""
    return set(tx.scalars(select(latest_samples.c.battery_id).where(_doing(heard) == doing.value)))


def heard_ids(tx: Connection) -> set[str]:
    """The batteries that have ever sent a sample."""
    return set(tx.scalars(select(latest_samples.c.battery_id)))


def newest_of(tx: Connection, heard: Heard, battery_ids: Iterable[str]) -> dict[str, Newest]:
    """The newest samples of some batteries."""
    known = latest_samples.c
    rows = tx.execute(
        select(known.battery_id, known.time_ms, known.soc_millionths, known.power_w, known.quality, known.doubts)
        .add_columns(_doing(heard).label("doing"))
        .where(known.battery_id.in_(list(battery_ids)))
    )
    return {
        row.battery_id: Newest(
            measured_at=moment_of(row.time_ms),
            soc=None if row.soc_millionths is None else Decimal(row.soc_millionths).scaleb(-_MICRO),
            power_w=row.power_w,
            doing=Doing(row.doing),
            is_doubted=bool(row.doubts) or row.quality == Quality.SUSPECT.value,
        )
        for row in rows
    }


def _conditions(asked: Asked) -> list[ColumnElement[bool]]:
    columns = batteries.c
    conditions: list[ColumnElement[bool]] = [columns.retired_at_ms.is_(None)]
    if asked.account is not None:
        conditions.append(columns.account == asked.account)
    if asked.is_out_of_service:
        conditions.append(columns.in_service.is_(False))
    if asked.words:
        inside = [column.icontains(asked.words, autoescape=True) for column in (columns.battery_id, columns.site_id)]
        # The document is compact JSON, and a battery's name is its one member of that name.
        conditions.append(or_(*inside, columns.document.icontains(f'"name":"{asked.words}', autoescape=True)))
    return conditions


def _doing(heard: Heard) -> ColumnElement[str]:
    known = latest_samples.c
    return case(
        (known.time_ms < milliseconds(heard.lost_before), Doing.LOST.value),
        (known.time_ms < milliseconds(heard.fresh_from), Doing.STALE.value),
        (known.power_w > 0, Doing.CHARGING.value),
        (known.power_w < 0, Doing.RETURNING.value),
        else_=Doing.RESTING.value,
    )
