"""The chart of a bill's intervals: energy in above the line, energy out below it, to one scale.

A contract charges for hours, rests for days and returns for hours. A rest that is longer than half of the metered time
is drawn as a short gap with its length, so that what was metered can be seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from bpp.documents import words
from bpp.documents.drawing import BOLD, CHARGED, INK, LEFT, MUTED, RETURNED, RIGHT, RULE, Sheet
from energy.intervals import Interval

_BARS_MAX = 300
"""More bars than this can not be told apart in print."""
_TOP, _BOTTOM = 206.0, 440.0
_LEFT = LEFT + 36
_GAP = 74.0
_STEPS = (1, 2, 5)
_TICKS_MAX = 5


@dataclass(frozen=True, slots=True)
class Bar:
    """The energy in and out of a piece of time, in watt-hours."""

    start: datetime
    energy_in_wh: int
    energy_out_wh: int


@dataclass(frozen=True, slots=True)
class Run:
    """Metered time that is drawn in one piece, and from where to where on the page."""

    time: Interval
    left: float
    right: float

    def x(self, moment: datetime) -> float:
        """Where a moment is."""
        return self.left + (self.right - self.left) * ((moment - self.time.start) / (self.time.end - self.time.start))


def draw(sheet: Sheet, document: Mapping[str, Any]) -> None:
    """The chart, or that there is nothing to draw."""
    sheet.text(LEFT, 182, "Energy in each interval", 11, INK, BOLD)
    if not document["intervals"]:
        sheet.text(LEFT, 204, "No interval was metered: the bill does not depend on the meter.", 9, MUTED)
        return
    width, bars = bars_of(document["intervals"])
    sheet.bar(RIGHT - 172, 175, 8, 8, CHARGED)
    sheet.text(RIGHT - 160, 182, "stored", 8, MUTED)
    sheet.bar(RIGHT - 120, 175, 8, 8, RETURNED)
    sheet.text_until(RIGHT, 182, f"returned, kWh in {_length(width)}", 8, MUTED)
    runs = _placed(runs_of(document["intervals"]))
    step, above, below = scale(bars)
    unit = (_BOTTOM - _TOP) / ((above + below) * step)
    zero = _TOP + above * step * unit
    for run in runs:
        for place in range(-below, above + 1):
            sheet.rule(zero - place * step * unit, MUTED if place == 0 else RULE, run.left, run.right, 0.5)
    for place in range(-below, above + 1):
        y = zero - place * step * unit
        sheet.text_until(_LEFT - 6, y + 2.5, words.kwh(abs(place) * step).removesuffix(" kWh"), 7, MUTED)
    for bar in bars:
        _bar(sheet, next(run for run in runs if run.time.start <= bar.start < run.time.end), bar, width, zero, unit)
    _times(sheet, runs, document["time_zone"])


def runs_of(intervals: Sequence[Mapping[str, Any]]) -> list[Interval]:
    """The metered time without its long rests."""
    pieces = sorted(Interval(_time(each["start"]), _time(each["end"])) for each in intervals)
    metered = sum((piece.end - piece.start for piece in pieces), timedelta(0))
    runs = [pieces[0]]
    for before, piece in pairwise(pieces):
        if piece.start - before.end > metered / 2:
            runs.append(piece)
        else:
            runs[-1] = Interval(runs[-1].start, piece.end)
    return runs


def bars_of(intervals: Sequence[Mapping[str, Any]]) -> tuple[timedelta, list[Bar]]:
    """The intervals put together so far that there are not too many bars, and how long each of them is."""
    step = _time(intervals[0]["end"]) - _time(intervals[0]["start"])
    runs = runs_of(intervals)
    shown = sum((run.end - run.start for run in runs), timedelta(0))
    width = step * max(1, -(-shown // (step * _BARS_MAX)))
    sums: dict[datetime, list[int]] = {}
    for interval in intervals:
        start = _time(interval["start"])
        run = next(run for run in runs if run.start <= start < run.end)
        sum_of = sums.setdefault(run.start + width * ((start - run.start) // width), [0, 0])
        sum_of[0] += interval["energy_in_wh"]
        sum_of[1] += interval["energy_out_wh"]
    return width, [Bar(start, *sum_of) for start, sum_of in sorted(sums.items())]


def scale(bars: Sequence[Bar]) -> tuple[int, int, int]:
    """A round step in watt-hours, and how many of it are needed above and below the line."""
    most_in, most_out = max(bar.energy_in_wh for bar in bars), max(bar.energy_out_wh for bar in bars)
    size, step = 1, 1
    while step * _TICKS_MAX < max(most_in, most_out):
        step = next((each * size for each in _STEPS if each * size * _TICKS_MAX >= max(most_in, most_out)), step)
        size *= 10
    return step, max(1, -(-most_in // step)), -(-most_out // step)


def _placed(times: Sequence[Interval]) -> list[Run]:
    """The runs side by side, with a gap between two of them, each as wide as it is long."""
    room = RIGHT - _LEFT - _GAP * (len(times) - 1)
    whole = sum((time.end - time.start for time in times), timedelta(0))
    runs, left = [], _LEFT
    for time in times:
        right = left + room * ((time.end - time.start) / whole)
        runs.append(Run(time, left, right))
        left = right + _GAP
    return runs


def _bar(sheet: Sheet, run: Run, bar: Bar, width: timedelta, zero: float, unit: float) -> None:
    left, right = run.x(bar.start), min(run.right, run.x(bar.start + width))
    thin = right - left
    gap = 0.15 * thin if thin > 2 else 0
    if bar.energy_in_wh:
        sheet.bar(left, zero - bar.energy_in_wh * unit, thin - gap, bar.energy_in_wh * unit, CHARGED)
    if bar.energy_out_wh:
        sheet.bar(left, zero, thin - gap, bar.energy_out_wh * unit, RETURNED)


def _times(sheet: Sheet, runs: Sequence[Run], zone: str) -> None:
    """When each run begins and ends, in local time, and how long it rested between two."""
    for run in runs:
        for moment, write, x in ((run.time.start, sheet.text, run.left), (run.time.end, sheet.text_until, run.right)):
            local = words.local(moment, zone)
            write(x, _BOTTOM + 14, f"{local.day} {words.MONTHS[local.month - 1][:3]}", 7.5, INK)
            write(x, _BOTTOM + 24, f"{local:%H:%M}", 7.5, MUTED)
    for before, run in pairwise(runs):
        middle = (before.right + run.left) / 2
        sheet.text_middle(middle, (_TOP + _BOTTOM) / 2 - 4, _length(run.time.start - before.time.end), 8.5, MUTED)
        sheet.text_middle(middle, (_TOP + _BOTTOM) / 2 + 7, "at rest", 8.5, MUTED)


def _length(width: timedelta) -> str:
    minutes = width // timedelta(minutes=1)
    return f"{minutes} minutes" if minutes % 60 else f"{words.grouped(str(minutes // 60))} h"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
