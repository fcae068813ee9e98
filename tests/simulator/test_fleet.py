"""The seeded fleet: the same for a seed, different for another, of real kinds, and large enough to trade with."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.distance import distance_m
from energy.offers import DispatchMode, Place
from energy.quantities import decimal_of
from energy.tariffs import LineTitle, RateUnit
from simulator.fleet import CENTRE, battery_of, fleet

seeds = st.integers(0, 2**32)


def test_a_seed_makes_the_same_fleet_of_25_every_time() -> None:
    assert fleet(7) == fleet(7)
    assert [battery["battery_id"] for battery in fleet(7)] == [f"blr-batt-{number:03d}" for number in range(1, 26)]


def test_another_seed_makes_other_batteries_under_the_same_ids() -> None:
    one, other = fleet(7), fleet(8)
    assert [battery["battery_id"] for battery in one] == [battery["battery_id"] for battery in other]
    assert one != other


@given(seeds, st.integers(0, 40), st.integers(0, 40))
def test_a_longer_fleet_begins_as_a_shorter_one(seed: int, shorter: int, more: int) -> None:
    assert fleet(seed, shorter + more)[:shorter] == fleet(seed, shorter)


@given(seeds)
def test_every_battery_lies_within_forty_kilometres_of_bengaluru_and_is_of_the_field(seed: int) -> None:
    for document in fleet(seed, 40):
        battery = battery_of(document)
        energy_wh = battery.energy_nominal_wh
        assert distance_m(CENTRE, battery.place) <= 40_000
        assert 100_000 <= energy_wh <= 2_000_000
        assert energy_wh // 4 <= min(battery.charge_power_w, battery.discharge_power_w)
        assert max(battery.charge_power_w, battery.discharge_power_w) <= energy_wh // 2
        assert Decimal("0.92") <= min(battery.efficiency_charge, battery.efficiency_discharge)
        assert max(battery.efficiency_charge, battery.efficiency_discharge) <= Decimal("0.97")
        assert Decimal("0.0002") <= battery.standing_loss_per_day <= Decimal("0.002")


@given(seeds)
def test_at_least_ten_of_25_batteries_can_take_300_kwh_in_four_hours(seed: int) -> None:
    able = [
        battery
        for battery in map(battery_of, fleet(seed))
        if battery.usable_energy_wh / battery.efficiency_charge > 300_000 and battery.charge_power_w >= 75_000
    ]
    assert len(able) >= 10


@given(seeds)
def test_every_price_model_is_offered_and_every_tariff_is_taxed_nine_and_nine_percent(seed: int) -> None:
    tariffs = [document["tariff"] for document in fleet(seed)]
    units = {tuple(rate["unit"] for rate in tariff["rates"]) for tariff in tariffs}
    assert units == {
        (RateUnit.KWH_MONTH, RateUnit.KWH_STORED),
        (RateUnit.KWH_STORED,),
        (RateUnit.KW_MONTH, RateUnit.KWH_DISCHARGED),
        (RateUnit.FLAT, RateUnit.KWH_STORED),
    }
    halves = [{"title": LineTitle.CGST, "percent": "9"}, {"title": LineTitle.SGST, "percent": "9"}]
    assert all(tariff["currency"] == "INR" and tariff["tax"]["parts"] == halves for tariff in tariffs)
    assert all(decimal_of(rate["price"]) > 0 for tariff in tariffs for rate in tariff["rates"])


def test_every_battery_has_a_meter_of_its_own_and_may_be_dispatched_automatically() -> None:
    batteries = fleet(7)
    assert len({battery["meter_address"] for battery in batteries}) == 25
    assert all(battery["meter_address"].startswith("der://meter/") for battery in batteries)
    assert all(DispatchMode.AUTOMATIC in battery["modes"] and battery["in_service"] for battery in batteries)


def test_a_document_without_a_limit_is_no_battery() -> None:
    document = fleet(7)[0]
    del document["soc_max"]
    with pytest.raises(KeyError, match="soc_max"):
        battery_of(document)


def test_the_place_of_a_document_is_kept_exactly() -> None:
    document = fleet(7)[0] | {"place": {"latitude": "12.971601", "longitude": "77.594600"}}
    assert battery_of(document).place == Place(Decimal("12.971601"), Decimal("77.594600"))
