from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpp.bargaining import Bargain, Policy, bargain, floor_of
from energy.battery import profile
from energy.discounts import discounted
from energy.quantities import Money
from energy.settlement import planned_usage
from energy.tariffs import Line, Tariff, lines_total, price
from tests.energy.examples import BATTERY, TARIFF, USE
from tests.energy.test_discounts import prices

LINES = price(TARIFF, planned_usage(USE, profile(BATTERY, USE)))  # 5 610.90 INR
POLICY = Policy(floor_percent=90, rounds=3)  # The floor is 5 049.81 INR.


def inr(text: str) -> Money:
    return Money.parse(text, "INR")


def quoted(found: Bargain) -> str:
    return lines_total(discounted(TARIFF, LINES, found.discount), "INR").text


def answer(offered: str, earlier: Bargain | None = None, *, same_use: bool = True) -> Bargain:
    return bargain(POLICY, TARIFF, LINES, inr(offered), earlier, same_use=same_use)


def test_the_floor_is_a_share_of_the_list_price_rounded_up() -> None:
    assert floor_of(inr("5610.90"), POLICY) == inr("5049.81")
    assert floor_of(inr("0.01"), POLICY) == inr("0.01")


@pytest.mark.parametrize(("offered", "price"), [("5500.00", "5500.00"), ("5610.90", "5610.90"), ("9000", "5610.90")])
def test_an_offer_that_is_good_enough_is_accepted_and_never_raised(offered: str, price: str) -> None:
    found = answer(offered)
    assert (quoted(found), found.rounds_left, found.offered) == (price, 3, inr(offered))


def test_an_offer_below_the_floor_is_countered_step_by_step_down_to_the_floor() -> None:
    first = answer("1000")
    second = answer("2000", first)
    third = answer("3000", second)
    assert [quoted(found) for found in (first, second, third)] == ["5423.88", "5236.84", "5049.82"]
    assert [found.rounds_left for found in (first, second, third)] == [2, 1, 0]


def test_after_the_last_round_the_quote_is_repeated_whatever_is_offered() -> None:
    last = answer("1000", Bargain(Decimal(2), 0))
    assert (last.discount, last.rounds_left) == (Decimal(2), 0)
    assert answer("5100.00", last).discount == Decimal(2)
    assert answer("5100.00", last, same_use=False).discount == 0


def test_an_offer_in_a_later_round_can_still_be_accepted() -> None:
    assert quoted(answer("5100.00", answer("1000"))) == "5100.00"


def test_an_operator_without_room_counters_with_its_list_price() -> None:
    found = bargain(Policy(100, 2), TARIFF, LINES, inr("5000"), None, same_use=True)
    assert (found.discount, found.rounds_left) == (0, 1)


@given(
    priced=prices(),
    floor_percent=st.integers(0, 100),
    rounds=st.integers(0, 5),
    offers=st.lists(st.integers(-(10**6), 2 * 10**9), max_size=8),
)
def test_no_course_of_offers_brings_a_price_below_the_floor_or_above_the_list(
    priced: tuple[Tariff, tuple[Line, ...]], floor_percent: int, rounds: int, offers: list[int]
) -> None:
    tariff, lines = priced
    policy, listed = Policy(floor_percent, rounds), lines_total(lines, tariff.currency)
    earlier: Bargain | None = None
    countered = 0
    for offered in offers:
        money = Money(offered, tariff.currency)
        found = bargain(policy, tariff, lines, money, earlier, same_use=True)
        total = lines_total(discounted(tariff, lines, found.discount), tariff.currency)
        assert floor_of(listed, policy) <= total <= listed
        left = rounds if earlier is None else earlier.rounds_left
        assert found.rounds_left in (left, left - 1)
        countered += left - found.rounds_left
        if found.rounds_left == left > 0:
            assert total <= money, "an offer that costs no round is accepted"
        earlier = found
    assert countered <= rounds
