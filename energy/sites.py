"""Sites: the grid connection that several batteries share, and what it lets through.

A site's limits bind the sum over all of its batteries, for each direction alone: power out of one battery is never
counted against power into another, so that what was sold holds when one of them rests (ENERGY 2.2).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from energy.calendars import When
from energy.intervals import Interval


@dataclass(frozen=True, slots=True)
class Curtailment:
    """The grid operator lowers the site's limits for a while; None leaves that limit as it is.

    Raises:
        ValueError: a negative limit.
    """

    interval: Interval
    import_limit_w: int | None = None
    export_limit_w: int | None = None

    def __post_init__(self) -> None:
        _check(self.import_limit_w, self.export_limit_w)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a kWh into the site costs its operator at the times of ``when``, in major units; None: at all times."""

    per_kwh: Decimal
    when: When | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """One grid connection. ``import_limit_w`` is the most that all batteries may charge with, ``export_limit_w``
    the most that all may return; None: only the batteries' own limits count. ``import_costs`` add up, by the local time
    of ``time_zone``: planning moves charging to where they are low.

    Raises:
        ValueError: no id, or a negative limit.
    """

    site_id: str
    import_limit_w: int | None = None
    export_limit_w: int | None = None
    curtailments: tuple[Curtailment, ...] = ()
    import_costs: tuple[Cost, ...] = ()
    time_zone: str = "UTC"

    def __post_init__(self) -> None:
        if not self.site_id.strip():
            raise ValueError("site_id of a site is empty")
        _check(self.import_limit_w, self.export_limit_w)

    def import_limit_at(self, moment: datetime) -> int | None:
        """The most AC power into the site's batteries at a moment; None: no limit."""
        return _least(
            self.import_limit_w, (each.import_limit_w for each in self.curtailments if each.interval.contains(moment))
        )

    def export_limit_at(self, moment: datetime) -> int | None:
        """The most AC power out of the site's batteries at a moment; None: no limit."""
        return _least(
            self.export_limit_w, (each.export_limit_w for each in self.curtailments if each.interval.contains(moment))
        )


def _least(always_w: int | None, lowered_w: Iterable[int | None]) -> int | None:
    return min((limit_w for limit_w in (always_w, *lowered_w) if limit_w is not None), default=None)


def _check(*limits_w: int | None) -> None:
    for limit_w in limits_w:
        if limit_w is not None and limit_w < 0:
            raise ValueError(f"a site's limit is {limit_w} W, but import and export are never negative")
