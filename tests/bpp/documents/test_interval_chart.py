"""The chart's bars carry all of the energy, its scale reaches the highest of them, and long rests are cut out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bpp.documents.interval_chart import Bar, bars_of, runs_of, scale
from energy.intervals import Interval
from tests.bpp.documents.examples import INDIAN, shown
from tests.energy.examples import at, hours

QUARTER = timedelta(minutes=15)


def intervals(start: datetime, energies: list[tuple[int, int]]) -> list[dict[str, Any]]:
    """Quarters of an hour from a moment on, as in a document."""
    moments = [start + QUARTER * place for place in range(len(energies) + 1)]
    return [
        {"start": text(moments[place]), "end": text(moments[place + 1]), "energy_in_wh": into, "energy_out_wh": out}
        for place, (into, out) in enumerate(energies)
    ]


def text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def test_the_days_between_charging_and_return_are_cut_out() -> None:
    assert runs_of(shown(INDIAN)["intervals"]) == [hours(0, 4), hours(116, 120)]


def test_a_short_rest_stays_in_the_picture() -> None:
    quarters = intervals(at(0), [(1, 0)] * 8) + intervals(at(2.5), [(0, 1)] * 8)
    assert runs_of(quarters) == [Interval(at(0), at(4.5))]


energies = st.tuples(st.integers(0, 10**6), st.integers(0, 10**6))


@given(st.lists(energies, min_size=1, max_size=1_500))
def test_bars_put_together_carry_all_energy_and_are_never_too_many(moved: list[tuple[int, int]]) -> None:
    width, bars = bars_of(intervals(at(0), moved))
    assert len(bars) <= 301
    assert width % QUARTER == timedelta(0)
    assert sum(bar.energy_in_wh for bar in bars) == sum(into for into, _ in moved)
    assert sum(bar.energy_out_wh for bar in bars) == sum(out for _, out in moved)


@given(st.lists(energies, min_size=1, max_size=20))
def test_a_round_scale_of_at_most_five_steps_reaches_every_bar(moved: list[tuple[int, int]]) -> None:
    bars = [Bar(at(0), *each) for each in moved]
    step, above, below = scale(bars)
    assert str(step).rstrip("0") in {"1", "2", "5"}
    assert 1 <= above <= 5
    assert 0 <= below <= 5
    assert above * step >= max(bar.energy_in_wh for bar in bars)
    assert below * step >= max(bar.energy_out_wh for bar in bars)
