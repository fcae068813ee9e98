"""Tariffs: what storing energy costs, as lines that a person can check.

Source: ENERGY 2.3. capacity = kWh reserved × rate per kWh-month × days ÷ days of the month; throughput =
kWh × rate; power = kW × rate per kW-month × days ÷ days of the month, or kW × rate once. The lines come in this order:

1. one line for each rate. A rate with a `When` counts only what falls into its times: energy by when it moves, months
   by the part of the booked time. Rates add up, so a peak price is a rate beside the one for all times.
2. the change by occupancy, a percentage of those: dearer while a battery is nearly sold out, cheaper while it is empty.
   It is the step with the highest ``from_percent`` that the occupancy reaches, 0 without one.
3. the discount, a percentage of all above: the greatest of those whose conditions are met.
4. what is missing to the minimum charge or to the price floor, whichever is more.
5. taxes, each its percent of all lines that are no tax.

Every line is rounded half up to the minor unit once; the total is the sum of lines. What a quote has fixed stays: a
contract keeps its tariff with the change by occupancy as it was (`at_occupancy`), and its bill follows the same rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache

from energy.calendars import When, times
from energy.intervals import Interval
from energy.quantities import Money, minor_digits, round_half_up, total

QUANTITY_DIGITS = 6
SAC_STORAGE = "998631"
_MICROSECOND = timedelta(microseconds=1)


class RateUnit(StrEnum):
    """What a rate is paid for, by its wire code (ENERGY 1.5, TagGroup ``tariff``)."""

    KWH_MONTH = "per-kWh-month"
    KWH_STORED = "per-kWh-stored"
    KWH_DISCHARGED = "per-kWh-discharged"
    KW_MONTH = "per-kW-month"
    KW = "per-kW"
    FLAT = "flat"


class LineTitle(StrEnum):
    """Titles of quote and invoice lines (ENERGY 1.5)."""

    CAPACITY = "STORAGE_CAPACITY_CHARGE"
    THROUGHPUT = "STORAGE_THROUGHPUT_CHARGE"
    POWER = "POWER_CHARGE"
    PLATFORM = "PLATFORM_CHARGE"
    WHEELING = "WHEELING_CHARGE"
    IMBALANCE_PENALTY = "IMBALANCE_PENALTY"
    RTE_ADJUSTMENT = "RTE_ADJUSTMENT"
    AVAILABILITY_CREDIT = "AVAILABILITY_CREDIT"
    CANCELLATION_FEE = "CANCELLATION_FEE"
    LATE_FEE = "LATE_FEE"
    CGST = "CGST"
    SGST = "SGST"
    UTGST = "UTGST"
    IGST = "IGST"
    VAT = "VAT"
    OCCUPANCY = "OCCUPANCY_ADJUSTMENT"
    MINIMUM = "MINIMUM_CHARGE"
    DISCOUNT = "DISCOUNT"
    ROUNDING = "ROUNDING"
    UNITEMISED = "UNITEMISED_CHARGE"
    """A peer's total whose parts it does not tell (ENERGY 1.2, S6): read and echoed, never quoted by us."""


Flow = tuple[Interval, int]
"""Energy in watt-hours that moves at constant power in an interval."""

TAX_TITLES = frozenset({LineTitle.CGST, LineTitle.SGST, LineTitle.UTGST, LineTitle.IGST, LineTitle.VAT})


_TITLES = {
    RateUnit.KWH_MONTH: (LineTitle.CAPACITY, "kWh-month"),
    RateUnit.KW_MONTH: (LineTitle.POWER, "kW-month"),
    RateUnit.KW: (LineTitle.POWER, "kW"),
    RateUnit.KWH_STORED: (LineTitle.THROUGHPUT, "kWh"),
    RateUnit.KWH_DISCHARGED: (LineTitle.THROUGHPUT, "kWh"),
}


@dataclass(frozen=True, slots=True)
class Rate:
    """A price in major units of the tariff's currency per unit; None: at all times."""

    unit: RateUnit
    price: Decimal
    when: When | None = None


@dataclass(frozen=True, slots=True)
class TaxPart:
    """One tax on the taxable sum: title and percent (``Decimal("9")``)."""

    title: LineTitle
    percent: Decimal


@dataclass(frozen=True, slots=True)
class TaxClass:
    """How the service is taxed. ``code`` is the service code on the invoice (India: SAC 998631)."""

    code: str
    parts: tuple[TaxPart, ...]


@dataclass(frozen=True, slots=True)
class Discount:
    """An offer of its operator: ``percent`` off for uses of so much energy, booked for so many days, and more."""

    offer_id: str
    percent: Decimal
    min_energy_wh: int = 0
    min_days: int = 0


@dataclass(frozen=True, slots=True)
class OccupancyStep:
    """From this occupancy on (percent of the usable energy that is sold) prices change by so many percent."""

    from_percent: int
    change_percent: Decimal


@dataclass(frozen=True, slots=True)
class Tariff:
    """A price model: at least one rate, one currency, one tax class.

    ``time_zone`` is where the times of its rates are read. ``minimum`` is the least charge of a use, and
    ``floor_per_kwh`` the least of each kWh stored, both before tax. ``change_percent`` is the change by occupancy where
    it is fixed; ``occupancy`` are the steps where it is not yet.
    """

    tariff_id: str
    currency: str
    rates: tuple[Rate, ...]
    tax: TaxClass
    time_zone: str = "UTC"
    discounts: tuple[Discount, ...] = ()
    minimum: Decimal | None = None
    floor_per_kwh: Decimal | None = None
    occupancy: tuple[OccupancyStep, ...] = ()
    change_percent: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a quote, settlement or invoice; ``quantity`` × ``rate`` explains ``amount`` if both are set.

    ``unit`` is what the quantity counts ("kWh", "kWh-month", "kW-month", "%"). Taxes and percentage fees have unit
    "%", the whole in major units as ``quantity`` and the percent as ``rate``. A flat price has neither.
    ``item_id`` is the battery of an order of several that the line is for.
    """

    title: LineTitle
    amount: Money
    quantity: Decimal | None = None
    unit: str | None = None
    rate: Decimal | None = None
    item_id: str | None = None

    @property
    def is_tax(self) -> bool:
        """Whether this line is a tax on the others."""
        return self.title in TAX_TITLES


@dataclass(frozen=True, slots=True)
class Usage:
    """What is paid for: ``reserved_wh`` and ``power_w`` are kept free for all of ``booked``, the rest moves.

    Energies are AC watt-hours at the meter. A quote is priced from planned, a settlement from metered values.
    ``taken`` and ``returned`` tell when they moved, each piece at constant power; without them they count as spread all
    over ``booked``.
    """

    booked: Interval
    reserved_wh: int
    power_w: int
    energy_in_wh: int
    energy_out_wh: int
    taken: tuple[Flow, ...] = ()
    returned: tuple[Flow, ...] = ()


def at_occupancy(tariff: Tariff, occupancy_percent: int) -> Tariff:
    """The tariff with its change by occupancy fixed: what is quoted, agreed on and billed."""
    if not tariff.occupancy:
        return tariff
    reached = [step for step in tariff.occupancy if step.from_percent <= occupancy_percent]
    change = max(reached, key=lambda step: step.from_percent).change_percent if reached else Decimal(0)
    return replace(tariff, occupancy=(), change_percent=change)


def charges(tariff: Tariff, usage: Usage) -> tuple[Line, ...]:
    """Every line without tax, in the order above. A rate whose times the use does not touch has no line.

    A quantity is shown with six decimals; the amount comes from the exact quantity and is rounded once.
    """
    lines = [line for rate in tariff.rates if (line := _charge(tariff, rate, usage)) is not None]
    if tariff.change_percent:
        lines.append(percentage(LineTitle.OCCUPANCY, lines_total(lines, tariff.currency), tariff.change_percent))
    percent = discount_percent(tariff, usage.reserved_wh, usage.booked)
    if percent:
        lines.append(percentage(LineTitle.DISCOUNT, lines_total(lines, tariff.currency), -percent))
    least, charged = least_charge(tariff, usage.reserved_wh), lines_total(lines, tariff.currency)
    if least is not None and least.amount_minor > charged.amount_minor:
        lines.append(Line(LineTitle.MINIMUM, least - charged))
    return tuple(lines)


def discount_percent(tariff: Tariff, reserved_wh: int, booked: Interval) -> Decimal:
    """The greatest discount whose conditions are met; 0 without one."""
    if not tariff.discounts:
        return Decimal(0)
    days = (booked.end - booked.start) / timedelta(days=1)
    met = [each for each in tariff.discounts if each.min_energy_wh <= reserved_wh and each.min_days <= days]
    return max((each.percent for each in met), default=Decimal(0))


def least_charge(tariff: Tariff, reserved_wh: int) -> Money | None:
    """The minimum charge or the price floor, whichever is more; None without either: then a use may even earn."""
    if tariff.minimum is None and tariff.floor_per_kwh is None:
        return None
    floor = Fraction(tariff.floor_per_kwh or 0) * Fraction(reserved_wh, 1000)
    return max(Money.of(tariff.minimum or Decimal(0), tariff.currency), _amount(floor, tariff.currency))


def taxes(tariff: Tariff, charge_lines: Sequence[Line]) -> tuple[Line, ...]:
    """One line per tax part on the sum of all lines that are no tax themselves."""
    taxable = lines_total([line for line in charge_lines if not line.is_tax], tariff.currency)
    return tuple(percentage(part.title, taxable, part.percent) for part in tariff.tax.parts)


def price(tariff: Tariff, usage: Usage) -> tuple[Line, ...]:
    """The whole breakup: charges, then taxes."""
    charge_lines = charges(tariff, usage)
    return charge_lines + taxes(tariff, charge_lines)


def percentage(title: LineTitle, whole: Money, percent: Decimal) -> Line:
    """A line that is a percentage of an amount: a tax on the taxable sum, a fee on the charges."""
    amount = _amount(Fraction(whole.decimal) * Fraction(percent) / 100, whole.currency)
    return Line(title, amount, whole.decimal, "%", percent)


def lines_total(lines: Iterable[Line], currency: str) -> Money:
    """The sum of the lines; the total is this and nothing else.

    Raises:
        QuantityError: a line is in another currency.
    """
    return total([line.amount for line in lines], currency)


def india_gst(same_state: bool) -> TaxClass:
    """18 % GST on the storage service: CGST + SGST in one state, IGST across states (ENERGY 2.5).

    The service code follows a ruling that binds its applicant only (TN AAR, 2026-VIL-19-AAR): an operator
    with other advice configures another `TaxClass`.
    """
    if same_state:
        halves = (LineTitle.CGST, LineTitle.SGST)
        return TaxClass(SAC_STORAGE, tuple(TaxPart(title, Decimal(9)) for title in halves))
    return TaxClass(SAC_STORAGE, (TaxPart(LineTitle.IGST, Decimal(18)),))


@lru_cache(maxsize=4096)
def months(booked: Interval) -> Fraction:
    """How many calendar months (UTC) the interval lasts: in each month, its share of that month's length.

    Exact: five days of a thirty-day month are 1/6.
    """
    return sum((_share(booked, month) for month in _calendar_months(booked)), Fraction(0))


def quantity_of(rate: Rate, usage: Usage, zone: str) -> Fraction:
    """How much the rate is paid for, in its unit and exact: of what it counts, the part in its times."""
    if rate.unit is RateUnit.KWH_MONTH:
        return Fraction(usage.reserved_wh, 1000) * _months_at(usage.booked, rate.when, zone)
    if rate.unit is RateUnit.KW_MONTH:
        return Fraction(usage.power_w, 1000) * _months_at(usage.booked, rate.when, zone)
    if rate.unit is RateUnit.KWH_STORED:
        return _moved(usage.taken or ((usage.booked, usage.energy_in_wh),), rate.when, zone) / 1000
    if rate.unit is RateUnit.KWH_DISCHARGED:
        return _moved(usage.returned or ((usage.booked, usage.energy_out_wh),), rate.when, zone) / 1000
    touched = rate.when is None or bool(times(usage.booked, zone, rate.when))
    once = Fraction(usage.power_w, 1000) if rate.unit is RateUnit.KW else Fraction(1)
    return once if touched else Fraction(0)


def _charge(tariff: Tariff, rate: Rate, usage: Usage) -> Line | None:
    quantity = quantity_of(rate, usage, tariff.time_zone)
    if rate.when is not None and quantity == 0:
        return None
    if rate.unit is RateUnit.FLAT:
        return Line(LineTitle.PLATFORM, Money.of(rate.price, tariff.currency))
    title, unit = _TITLES[rate.unit]
    return Line(title, _amount(quantity * Fraction(rate.price), tariff.currency), _shown(quantity), unit, rate.price)


def _moved(flows: Sequence[Flow], when: When | None, zone: str) -> Fraction:
    """The watt-hours of the flows that fall into the times of ``when``."""
    if when is None:
        return Fraction(sum(energy_wh for _, energy_wh in flows))
    return sum((energy_wh * _part(interval, when, zone) for interval, energy_wh in flows), Fraction(0))


def _part(interval: Interval, when: When, zone: str) -> Fraction:
    """Which part of the interval falls into the times of ``when``."""
    inside = sum((piece.end - piece.start for piece in times(interval, zone, when)), timedelta(0))
    return Fraction(inside // _MICROSECOND, (interval.end - interval.start) // _MICROSECOND)


def _months_at(booked: Interval, when: When | None, zone: str) -> Fraction:
    if when is None:
        return months(booked)
    return sum((months(piece) for piece in times(booked, zone, when)), Fraction(0))


def _amount(value: Fraction, currency: str) -> Money:
    return Money(round_half_up(value * 10 ** minor_digits(currency)), currency)


def _shown(quantity: Fraction) -> Decimal:
    return Decimal(round_half_up(quantity * 10**QUANTITY_DIGITS)).scaleb(-QUANTITY_DIGITS)


def _calendar_months(booked: Interval) -> Iterator[Interval]:
    start = datetime(booked.start.year, booked.start.month, 1, tzinfo=UTC)
    while start < booked.end:
        following = datetime(start.year + start.month // 12, start.month % 12 + 1, 1, tzinfo=UTC)
        yield Interval(start, following)
        start = following


def _share(booked: Interval, month: Interval) -> Fraction:
    part = booked.intersection(month)
    if part is None:
        return Fraction(0)
    return Fraction((part.end - part.start) // _MICROSECOND, (month.end - month.start) // _MICROSECOND)
