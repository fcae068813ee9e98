"""Who commands a battery, what it is told, and that nothing beyond its limits is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpp.contracts import Contract, Peer
from bpp.dispatch import next_transition
from bpp.setpoints import (
    Commander,
    Order,
    SetpointRefused,
    Stop,
    check_limits,
    instructions,
    limited,
    next_change,
    wanted,
)
from energy.offers import ContractState, DispatchMode, Quote, StorageUse
from energy.quantities import Money
from protocol.lifecycle import Stage
from tests.bpp.platform import LISTED
from tests.energy.examples import BATTERY, USE, at, hours, uses

ZERO = Money(0, "INR")
WIRE = at(0)
STOP = Stop("battery-1", WIRE, "default", "smoke")


def contract(use: StorageUse = USE, mode: DispatchMode = DispatchMode.AUTOMATIC, contract_id: str = "one") -> Contract:
    return Contract(
        contract_id=contract_id,
        order_id=contract_id,
        peer=Peer("bap.test", "http://bap.test", "trade", "dent:0.1.0"),
        stage=Stage.ACTIVE,
        state=ContractState.CONFIRMED,
        state_at=at(-1),
        listed=LISTED,
        use=use,
        mode=mode,
        quote=Quote("quote", (), ZERO, 600),
        quote_until=WIRE,
    )


AUTOMATIC, MANUAL = contract(), contract(mode=DispatchMode.MANUAL)


@pytest.mark.parametrize(
    ("hour", "power_w", "until_hour"),
    [(0, 75_000, 4), (3.99, 75_000, 4), (4, 0, 116), (115, 0, 116), (116, -AUTOMATIC.profile.discharge_w, 120)],
)
def test_after_consent_a_contract_commands_its_battery_until_the_return_is_over(
    hour: float, power_w: int, until_hour: float
) -> None:
    now = wanted([AUTOMATIC], None, None, at(hour), WIRE)
    assert now is not None
    assert (now.power_w, now.by, now.until) == (power_w, Commander.CONTRACTS, at(until_hour))


def test_before_and_after_a_contract_the_battery_is_its_own() -> None:
    for hour in (-1, 120):
        assert wanted([AUTOMATIC], None, None, at(hour), WIRE) is None
    assert next_change([AUTOMATIC], at(-1)) == at(0)
    assert next_change([AUTOMATIC], at(120)) is None


def test_manual_dispatch_commands_nothing_and_is_told_as_instructions() -> None:
    assert wanted([MANUAL], None, None, at(1), WIRE) is None
    assert next_change([MANUAL], at(-1)) is None
    told = instructions([MANUAL, AUTOMATIC], hours(0, 200))
    assert [(one.what, one.interval, one.energy_wh) for one in told] == [
        ("charge", USE.charge, USE.energy_wh),
        ("return", USE.giveback, MANUAL.profile.giveback_wh),
    ]
    assert [one.what for one in instructions([MANUAL], hours(5, 117))] == ["return"]
    assert instructions([MANUAL], hours(5, 6)) == []


def test_two_contracts_command_the_difference_of_what_goes_in_and_out() -> None:
    other = contract(replace(USE, charge=hours(-10, -6), giveback=hours(1, 3)), contract_id="two")
    now = wanted([AUTOMATIC, other], None, None, at(2), WIRE)
    assert now is not None
    assert now.power_w == AUTOMATIC.profile.charge_w - other.profile.discharge_w


def test_a_stop_is_before_an_order_by_hand_and_that_before_a_contract() -> None:
    order = Order(5_000, WIRE + timedelta(hours=1), "default")
    stopped = wanted([AUTOMATIC], order, STOP, at(1), WIRE)
    assert stopped is not None
    assert (stopped.power_w, stopped.by) == (0, Commander.STOP)
    by_hand = wanted([AUTOMATIC], order, None, at(1), WIRE)
    assert by_hand is not None
    assert (by_hand.power_w, by_hand.by) == (5_000, Commander.OPERATOR)
    ended = wanted([AUTOMATIC], order, None, at(1), order.until)
    assert ended is not None
    assert ended.by is Commander.CONTRACTS


@given(st.lists(uses(), max_size=4), st.integers(-10, 4_000))
def test_what_is_wanted_holds_until_the_time_that_is_told(wanted_uses: list[StorageUse], quarter: int) -> None:
    contracts = [contract(use, contract_id=str(number)) for number, use in enumerate(wanted_uses)]
    moment = at(quarter / 4)
    now = wanted(contracts, None, None, moment, WIRE)
    until = next_change(contracts, moment) if now is None else now.until
    edges = [edge for each in contracts if (edge := next_transition(each.use, moment)) is not None]
    later = (until or at(10_000)) - timedelta(seconds=1)
    if later > moment:
        then = wanted(contracts, None, None, later, WIRE)
        assert (None if then is None else then.power_w) == (None if now is None else now.power_w)
    assert until is None or until >= min(edges)


@pytest.mark.parametrize("power_w", [100_001, -80_001])
def test_a_set_point_outside_of_the_limits_is_refused_with_the_limit(power_w: int) -> None:
    with pytest.raises(SetpointRefused, match=r"beyond what battery-1 can (charge: 100|discharge: 80) kW"):
        check_limits(BATTERY, power_w)


@given(st.integers(-(10**9), 10**9))
def test_a_plan_is_cut_to_what_the_battery_can_do_and_what_fits_is_left_alone(power_w: int) -> None:
    cut_w = limited(BATTERY, power_w)
    check_limits(BATTERY, cut_w)
    assert cut_w == power_w or abs(cut_w) < abs(power_w)
