"""Bookings of the worked battery, and random ones in a short day whose every minute can be looked at."""

from __future__ import annotations

from hypothesis import strategies as st

from bpp.capacity import Booking
from energy.intervals import Interval
from energy.limits import limits_of
from tests.energy.examples import BATTERY, hours

LIMITS = limits_of(BATTERY)
CHARGE, GIVEBACK = hours(0, 5), hours(10, 15)
DAY_MINUTES = 120
minutes = st.integers(0, DAY_MINUTES)


def booking(
    booking_id: str = "first",
    *,
    charge: Interval = CHARGE,
    giveback: Interval = GIVEBACK,
    charge_w: int = 60_000,
    discharge_w: int = 40_000,
    stored_wh: int = 280_000,
) -> Booking:
    return Booking(booking_id, charge, giveback, charge_w, discharge_w, stored_wh)


@st.composite
def random_bookings(draw: st.DrawFn) -> Booking:
    """Any booking that one battery of `BATTERY`'s size could have, in the short day."""
    start, end, back, done = sorted(draw(st.lists(minutes, min_size=4, max_size=4, unique=True)))
    if draw(st.booleans()):
        back = end
    return Booking(
        str(draw(st.integers(0, 10**9))),
        hours(start / 60, end / 60),
        hours(back / 60, done / 60),
        draw(st.integers(0, 100_000)),
        draw(st.integers(0, 100_000)),
        draw(st.integers(0, 380_000)),
    )
