"""The operator's API of the past: ``/api/v1/batteries/{battery_id}/history``, as JSON or CSV.

A window and a step make the points; a step in which the battery was not heard has none. Left out, ``to`` is now and
``from`` a day before it, and the step is the shortest that makes no more than `POINTS_LIKED` points and is still kept
at the window's start.
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from bpp.api.requests import time_of
from bpp.api.visibility import visible_battery
from bpp.desk import Desk
from bpp.history import History, Past
from energy.intervals import Interval, align_down
from energy.rollups import STEPS_S, Rollup, Spread
from node.openapi import answers, query
from node.problems import Problem, json_response
from protocol.moments import timestamp_text

POINTS_LIKED = 1_500
POINTS_MAX = 10_000
DEFAULT = timedelta(days=1)
_STEPS = {str(step_s // 60): step_s for step_s in STEPS_S}
_FORMATS = ("json", "csv")
_EARLIEST = datetime.min.replace(tzinfo=UTC) + DEFAULT
_PERCENT = 10_000
"""Millionths in one percent."""
_COLUMNS = (
    *("start", "soc_min_percent", "soc_mean_percent", "soc_max_percent", "soc_last_percent"),
    *("power_min_w", "power_mean_w", "power_max_w", "energy_in_wh", "energy_out_wh", "samples", "trusted"),
)


class HistoryApi:
    """What a battery did."""

    def __init__(self, desk: Desk, history: History) -> None:
        self._desk = desk
        self._history = history

    def add_routes(self, app: web.Application, prefix: str) -> None:
        """Register the route."""
        app.router.add_get(f"{prefix}/batteries/{{battery_id}}/history", self._show)

    @query(
        **{"from": {"type": "string", "format": "date-time"}, "to": {"type": "string", "format": "date-time"}},
        step={"enum": list(_STEPS)},
        format={"enum": list(_FORMATS)},
    )
    @answers("text/csv")
    async def _show(self, request: web.Request) -> web.Response:
        """Tell what a battery did in a window: state of charge, power and energy by 1, 5, 15 or 60 minutes.

        Energy is what the meter's registers grew by; power is positive while charging. ``trusted`` of the ``samples``
        were not doubted. ``whole_until`` is null, or the time from which samples are still being rolled up.
        """
        battery_id = (await visible_battery(self._desk, request)).battery_id
        window = _window(request, self._desk.moment().trade)
        step_s = self._step_s(request, window)
        wanted = request.query.get("format", "json")
        if wanted not in _FORMATS:
            raise Problem(400, "Invalid query", f"format must be one of: {', '.join(_FORMATS)}.")
        window = Interval(align_down(window.start, step_s), window.end)
        past = await self._history.read(battery_id, window, step_s)
        # A year has thousands of points: other requests go on meanwhile.
        points = await asyncio.to_thread(points_of, past.rollups)
        if wanted == "csv":
            return _csv(battery_id, points)
        return json_response(past_json(battery_id, window, past, points))

    def _step_s(self, request: web.Request, window: Interval) -> int:
        text = request.query.get("step")
        if text is None:
            fitting = [each for each in STEPS_S if _count(window, each) <= POINTS_LIKED]
            kept = (each for each in fitting if self._history.keeps(each, window.start))
            step_s = next(kept, STEPS_S[-1])
        elif text in _STEPS:
            step_s = _STEPS[text]
        else:
            raise Problem(400, "Invalid query", f"step is a number of minutes, one of: {', '.join(_STEPS)}.")
        if _count(window, step_s) > POINTS_MAX:
            sentence = f"This window has more than {POINTS_MAX} steps of {step_s // 60} minutes: ask for less of it"
            raise Problem(400, "Invalid query", f"{sentence}{'' if step_s == STEPS_S[-1] else ', or a longer step'}.")
        return step_s


def _window(request: web.Request, now: datetime) -> Interval:
    until = time_of(request, "to", now)
    start = time_of(request, "from", max(until, _EARLIEST) - DEFAULT)
    if start >= until:
        raise Problem(400, "Invalid query", "to must be later than from.")
    return Interval(start, until)


def _count(window: Interval, step_s: int) -> int:
    return (window.end - window.start) // timedelta(seconds=step_s)


def points_of(rollups: Sequence[Rollup]) -> list[tuple[Any, ...]]:
    """The values of `_COLUMNS` of each rollup."""
    return [
        (
            _minute_text(each.start),
            *_percents(each.soc_millionths),
            *_powers(each.power_w),
            each.energy_in_wh,
            each.energy_out_wh,
            each.samples,
            each.trusted,
        )
        for each in rollups
    ]


def _minute_text(start: datetime) -> str:
    """As `protocol.moments.timestamp_text` writes a whole minute in UTC, in a tenth of the time."""
    return f"{start.year:04d}-{start.month:02d}-{start.day:02d}T{start.hour:02d}:{start.minute:02d}:00.000Z"


def _percents(soc: Spread | None) -> tuple[str | None, ...]:
    if soc is None:
        return None, None, None, None
    return _percent(soc.least), _percent(soc.mean), _percent(soc.most), _percent(soc.last)


def _percent(millionths: int) -> str:
    """The shortest exact text: 505000 → "50.5". It is made by the thousand, so without `Decimal`."""
    whole, rest = divmod(abs(millionths), _PERCENT)
    sign = "-" if millionths < 0 else ""
    return f"{sign}{whole}.{rest:04d}".rstrip("0") if rest else f"{sign}{whole}"


def _powers(power: Spread | None) -> tuple[int | None, ...]:
    return (None, None, None) if power is None else (power.least, power.mean, power.most)


def past_json(battery_id: str, window: Interval, past: Past, points: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    return {
        "battery_id": battery_id,
        "from": timestamp_text(window.start),
        "to": timestamp_text(window.end),
        "step_s": past.step_s,
        "whole_until": None if past.whole_until is None else timestamp_text(past.whole_until),
        "points": [dict(zip(_COLUMNS, point, strict=True)) for point in points],
    }


def _csv(battery_id: str, points: Sequence[tuple[Any, ...]]) -> web.Response:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\r\n")
    rows.writerow(("battery_id", *_COLUMNS))
    rows.writerows((_harmless(battery_id), *point) for point in points)
    headers = {"Content-Disposition": 'attachment; filename="history.csv"', "X-Content-Type-Options": "nosniff"}
    return web.Response(text=text.getvalue(), content_type="text/csv", charset="utf-8", headers=headers)


def _harmless(text: str) -> str:
    """A spreadsheet runs what begins like a formula."""
    return f"'{text}" if text[:1] in "=+-@\t\r" else text
