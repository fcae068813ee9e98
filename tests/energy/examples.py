"""Examples of the trade that several tests share, and the strategies that make many more of them.

The worked vector of ENERGY 2: 300 kWh stored for five days of November 2026 in a battery of 500 kWh nameplate.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from energy.battery import Battery
from energy.calendars import When
from energy.intervals import Interval
from energy.offers import Place, StorageUse
from energy.tariffs import Discount, OccupancyStep, Rate, RateUnit, Tariff, india_gst

NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)


def at(hours: float) -> datetime:
    """So many hours after the start of November 2026."""
    return NOVEMBER + timedelta(hours=hours)


def hours(start: float, end: float) -> Interval:
    """From so many hours after the start of November 2026 to so many."""
    return Interval(at(start), at(end))


BATTERY = Battery(
    battery_id="battery-1",
    name="Hebbal 1",
    place=Place(Decimal("13.035800"), Decimal("77.597000")),
    meter_address="der://meter/hebbal-1",
    energy_nominal_wh=500_000,
    charge_power_w=100_000,
    discharge_power_w=80_000,
    soc_min=Decimal("0.1"),
    soc_max=Decimal("0.9"),
    soc_reserve=Decimal(0),
    soh=Decimal("0.95"),
    efficiency_charge=Decimal("0.94"),
    efficiency_discharge=Decimal("0.94"),
    standing_loss_per_day=Decimal("0.001"),
    chemistry="LFP",
)

TARIFF = Tariff(
    tariff_id="store-by-the-month",
    currency="INR",
    rates=(Rate(RateUnit.KWH_MONTH, Decimal(90)), Rate(RateUnit.KWH_STORED, Decimal("0.85"))),
    tax=india_gst(same_state=True),
)

USE = StorageUse(energy_wh=300_000, charge=hours(0, 4), giveback=hours(116, 120))

shares = st.decimals("0.5", "1", places=3)


@st.composite
def batteries(draw: st.DrawFn) -> Battery:
    """Batteries of a household up to a grid, with any consistent limits."""
    soc_min = draw(st.decimals("0", "0.4", places=2))
    return Battery(
        battery_id="drawn",
        name="Drawn",
        place=Place(Decimal(12), Decimal(77)),
        meter_address="der://meter/drawn",
        energy_nominal_wh=draw(st.integers(1_000, 10**9)),
        charge_power_w=draw(st.integers(100, 10**8)),
        discharge_power_w=draw(st.integers(100, 10**8)),
        soc_min=soc_min,
        soc_max=draw(st.decimals("0.6", "1", places=2)),
        soc_reserve=draw(st.decimals("0", "0.15", places=2)),
        soh=draw(shares),
        efficiency_charge=draw(shares),
        efficiency_discharge=draw(shares),
        standing_loss_per_day=draw(st.decimals("0", "0.1", places=4)),
        chemistry="LFP",
    )


@st.composite
def uses(draw: st.DrawFn) -> StorageUse:
    """Uses of up to a day of charging, ten days of holding and a day of return, in quarters of an hour."""
    start = draw(st.integers(0, 3_000))
    charged = start + draw(st.integers(1, 96))
    returned = charged + draw(st.integers(0, 960))
    end = returned + draw(st.integers(1, 96))
    return StorageUse(
        energy_wh=draw(st.integers(1, 10**9)),
        charge=hours(start / 4, charged / 4),
        giveback=hours(returned / 4, end / 4),
    )


ZONES = ("UTC", "Asia/Kolkata", "Europe/Berlin", "America/St_Johns")


@st.composite
def whens(draw: st.DrawFn) -> When:
    """Any times of a year."""
    start, end = draw(
        st.lists(st.integers(0, 96).map(lambda quarter: quarter * 15), min_size=2, max_size=2, unique=True)
    )
    return When(
        months=tuple(sorted(draw(st.sets(st.integers(1, 12))))),
        weekdays=tuple(sorted(draw(st.sets(st.integers(1, 7))))),
        from_minute=start,
        until_minute=end,
    )


@st.composite
def tariffs(draw: st.DrawFn) -> Tariff:
    """Tariffs of one to four rates with all their terms, in a currency with no, two or three decimals."""
    rate = st.builds(Rate, st.sampled_from(RateUnit), st.decimals("0", "5000", places=4), st.none() | whens())
    taxed = india_gst(draw(st.booleans()))
    percent = st.decimals("0", "90", places=2)
    discount = st.builds(Discount, st.just("early"), percent, st.integers(0, 10**6), st.integers(0, 10))
    step = st.builds(OccupancyStep, st.integers(0, 100), st.decimals("-50", "200", places=2))
    rates = tuple(draw(st.lists(rate, min_size=1, max_size=4)))
    is_fixed = draw(st.booleans())
    return Tariff(
        tariff_id="drawn",
        currency=draw(st.sampled_from(["INR", "JPY", "KWD"])),
        rates=rates,
        tax=taxed,
        time_zone=draw(st.sampled_from(ZONES)) if any(each.when is not None for each in rates) else "UTC",
        discounts=tuple(draw(st.lists(discount, max_size=2))),
        minimum=draw(st.none() | st.decimals("0", "9999", places=2)),
        floor_per_kwh=draw(st.none() | st.decimals("0", "20", places=3)),
        occupancy=() if is_fixed else tuple(draw(st.lists(step, max_size=3))),
        change_percent=draw(st.none() | st.decimals("-50", "200", places=2)) if is_fixed else None,
    )
