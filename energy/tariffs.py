"""Tariffs: what storing energy costs, as lines that a person can check.

Source: ENERGY 2.3. capacity = kWh reserved × rate per kWh-month × days ÷ days of the month; throughput =
kWh × rate; power = kW × rate per kW-month × days ÷ days of the month. A tax is its percent of all lines that
are no tax. Every line is rounded half up to the minor unit once; the total is the sum of lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

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
    CGST = "CGST"
    SGST = "SGST"
    IGST = "IGST"
    VAT = "VAT"
    DISCOUNT = "DISCOUNT"
    ROUNDING = "ROUNDING"


TAX_TITLES = frozenset({LineTitle.CGST, LineTitle.SGST, LineTitle.IGST, LineTitle.VAT})


@dataclass(frozen=True, slots=True)
class Rate:
    """A price in major units of the tariff's currency per unit."""

    unit: RateUnit
    price: Decimal


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
class Tariff:
    """A price model: at least one rate, one currency, one tax class."""

    tariff_id: str
    currency: str
    rates: tuple[Rate, ...]
    tax: TaxClass


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a quote, settlement or invoice; ``quantity`` × ``rate`` explains ``amount`` if both are set.

    ``unit`` is what the quantity counts ("kWh", "kWh-month", "kW-month", "%"). Taxes and percentage fees have unit
    "%", the whole in major units as ``quantity`` and the percent as ``rate``. A flat price has neither.
    """

    title: LineTitle
    amount: Money
    quantity: Decimal | None = None
    unit: str | None = None
    rate: Decimal | None = None

    @property
    def is_tax(self) -> bool:
        """Whether this line is a tax on the others."""
        return self.title in TAX_TITLES


@dataclass(frozen=True, slots=True)
class Usage:
    """What is paid for: ``reserved_wh`` and ``power_w`` are kept free for all of ``booked``, the rest moves.

    Energies are AC watt-hours at the meter. A quote is priced from planned, a settlement from metered values.
    """

    booked: Interval
    reserved_wh: int
    power_w: int
    energy_in_wh: int
    energy_out_wh: int


def charges(tariff: Tariff, usage: Usage) -> tuple[Line, ...]:
    """One line per rate of the tariff, in its order, without tax (ENERGY 2.3).

    A quantity is shown with six decimals; the amount comes from the exact quantity and is rounded once.
    """
    return tuple(_charge(rate, usage, tariff.currency) for rate in tariff.rates)


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


def months(booked: Interval) -> Fraction:
    """How many calendar months (UTC) the interval lasts: in each month, its share of that month's length.

    Exact: five days of a thirty-day month are 1/6.
    """
    return sum((_share(booked, month) for month in _calendar_months(booked)), Fraction(0))


def _charge(rate: Rate, usage: Usage, currency: str) -> Line:
    if rate.unit is RateUnit.FLAT:
        return Line(LineTitle.PLATFORM, Money.of(rate.price, currency))
    title, unit, quantity = _measured(rate.unit, usage)
    return Line(title, _amount(quantity * Fraction(rate.price), currency), _shown(quantity), unit, rate.price)


def _measured(unit: RateUnit, usage: Usage) -> tuple[LineTitle, str, Fraction]:
    """The title of the line, the unit of its quantity and the exact quantity."""
    if unit is RateUnit.KWH_MONTH:
        return LineTitle.CAPACITY, "kWh-month", Fraction(usage.reserved_wh, 1000) * months(usage.booked)
    if unit is RateUnit.KW_MONTH:
        return LineTitle.POWER, "kW-month", Fraction(usage.power_w, 1000) * months(usage.booked)
    moved_wh = usage.energy_in_wh if unit is RateUnit.KWH_STORED else usage.energy_out_wh
    return LineTitle.THROUGHPUT, "kWh", Fraction(moved_wh, 1000)


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
