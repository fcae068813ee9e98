"""Watt-hours, watts and money: exact texts, one rounding, no mixed currencies."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.quantities import (
    Money,
    QuantityError,
    decimal_of,
    decimal_text,
    energy_wh,
    kilo_text,
    power_w,
    round_half_up,
    total,
)

currencies = st.sampled_from(["INR", "EUR", "JPY", "KWD"])


@pytest.mark.parametrize(
    ("text", "unit", "expected_wh"),
    [
        ("300.0", "kWh", 300_000),
        ("300.0", "kWH", 300_000),
        ("1", " MWh ", 1_000_000),
        ("0.0005", "kWh", 1),
        ("0.0004999", "kWh", 0),
        ("-2.5", "wh", -3),
    ],
)
def test_an_energy_text_becomes_whole_watt_hours(text: str, unit: str, expected_wh: int) -> None:
    assert energy_wh(text, unit) == expected_wh


def test_a_power_text_becomes_whole_watts() -> None:
    assert power_w("5", "kW") == 5_000


def test_energy_in_kilowatts_is_refused_with_the_units_that_are_known() -> None:
    with pytest.raises(QuantityError, match="'kW' is not a unit of energy; known: wh, kwh, mwh"):
        energy_wh("5", "kW")


@pytest.mark.parametrize("text", ["", "abc", "1e3", "NaN", "Infinity", "1,5", "5.", " 5", "5\n", "٣", "1" * 25])
def test_a_text_that_is_no_beckn_decimal_is_refused(text: str) -> None:
    with pytest.raises(QuantityError, match="is not a decimal number"):
        decimal_of(text)


@pytest.mark.parametrize("text", ["5", "+5", "-5", ".5", "0.50", "1" * 24])
def test_a_beckn_decimal_has_its_exact_value(text: str) -> None:
    assert decimal_of(text) == Decimal(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [("300.00", "300"), ("0.250", "0.25"), ("-0.00", "0"), ("1E+3", "1000"), ("100", "100"), ("0", "0")],
)
def test_a_decimal_is_written_short_and_without_exponent(value: str, text: str) -> None:
    assert decimal_text(Decimal(value)) == text


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=6))
def test_what_is_written_reads_as_the_same_value(value: Decimal) -> None:
    assert decimal_of(decimal_text(value)) == value


def test_watt_hours_are_shown_in_kilowatt_hours() -> None:
    assert (kilo_text(300_000), kilo_text(250), kilo_text(-1)) == ("300", "0.25", "-0.001")


@pytest.mark.parametrize(
    ("value", "expected"), [("0.5", 1), ("-0.5", -1), ("1.5", 2), ("2.5", 3), ("0.49", 0), ("-0.49", 0)]
)
def test_halves_are_rounded_away_from_zero(value: str, expected: int) -> None:
    assert round_half_up(Decimal(value)) == expected
    assert round_half_up(Fraction(value)) == expected


@given(st.fractions())
def test_rounding_moves_a_value_by_half_at_most(value: Fraction) -> None:
    assert abs(round_half_up(value) - value) <= Fraction(1, 2)


def test_rounding_does_not_depend_on_the_callers_decimal_precision() -> None:
    with localcontext(prec=2):
        assert round_half_up(Decimal("123456.5")) == 123_457


def test_an_amount_is_rounded_half_up_to_the_minor_unit() -> None:
    assert Money.of(Decimal("4.755"), "INR") == Money(476, "INR")
    assert Money.of(Decimal("4.5"), "JPY") == Money(5, "JPY")
    assert Money.of(Decimal("-4.755"), "INR") == Money(-476, "INR")


def test_an_amount_shows_all_decimals_of_its_currency() -> None:
    assert [Money(475_500, currency).text for currency in ("INR", "JPY", "KWD")] == [
        "4755.00",
        "475500",
        "475.500",
    ]
    assert (Money(0, "INR").text, Money(-5, "INR").text) == ("0.00", "-0.05")


@given(st.integers(-(10**12), 10**12), currencies)
def test_an_amount_reads_back_from_its_own_text(amount_minor: int, currency: str) -> None:
    money = Money(amount_minor, currency)
    assert Money.parse(money.text, currency) == money


def test_more_decimals_than_the_currency_has_are_refused() -> None:
    assert Money.parse("1.500", "INR") == Money(150, "INR")
    with pytest.raises(QuantityError, match=r"1\.505 has more decimals than INR has"):
        Money.parse("1.505", "INR")


def test_two_currencies_do_not_add_up() -> None:
    with pytest.raises(QuantityError, match="INR and EUR do not add up"):
        Money(1, "INR") + Money(1, "EUR")
    with pytest.raises(QuantityError, match="INR and EUR do not add up"):
        Money(1, "INR") - Money(1, "EUR")


def test_a_currency_that_is_not_traded_has_no_amounts() -> None:
    with pytest.raises(QuantityError, match="'INR / kWH' is not a currency"):
        Money.of(Decimal(1), "INR / kWH")


@given(st.lists(st.integers(-(10**9), 10**9)))
def test_a_total_is_the_sum_and_its_negation_cancels_it(amounts_minor: list[int]) -> None:
    amounts = [Money(amount_minor, "INR") for amount_minor in amounts_minor]
    result = total(amounts, "INR")
    assert result == Money(sum(amounts_minor), "INR")
    assert result + -result == result - result == Money(0, "INR")
