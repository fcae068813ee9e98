"""Batteries as JSON: read back as they were written, and every mistake told with its place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpp.catalog import ListedBattery
from bpp.fleet_json import BatteryUnreadable, read_battery, write_battery
from energy.battery import Battery
from energy.offers import DispatchMode
from energy.tariffs import Tariff
from tests.bpp.platform import LISTED, TERMS
from tests.energy.examples import batteries, tariffs

NO_TAX = {"title": "DISCOUNT", "percent": "1"}


def document(**changes: Any) -> dict[str, Any]:
    return write_battery(LISTED) | changes


def tariff_document(**changes: Any) -> dict[str, Any]:
    tariff: dict[str, Any] = document()["tariff"]
    return tariff | changes


def mistakes(content: object, pointer: str = "") -> dict[str, str]:
    with pytest.raises(BatteryUnreadable) as caught:
        read_battery(content, TERMS, pointer)
    return {mistake.pointer: mistake.sentence for mistake in caught.value.mistakes}


def test_numbers_are_integers_and_shares_and_prices_are_texts() -> None:
    written = document()
    assert written["energy_nominal_wh"] == 500_000
    assert written["efficiency_charge"] == "0.94"
    assert written["place"] == {"latitude": "13.0358", "longitude": "77.597"}
    assert written["tariff"]["rates"][0] == {"unit": "per-kWh-month", "price": "90"}
    assert written["tariff"]["tax"]["parts"][0] == {"title": "CGST", "percent": "9"}
    assert written["modes"] == ["Automatic Dispatch", "Manual Dispatch"]


@given(batteries(), tariffs(), st.lists(st.sampled_from(DispatchMode), min_size=1, unique=True), st.booleans())
def test_what_is_written_is_read_back(
    battery: Battery, tariff: Tariff, modes: list[DispatchMode], in_service: bool
) -> None:
    listed = ListedBattery(battery, tariff, tuple(modes), TERMS, 5_000, in_service)
    assert read_battery(write_battery(listed), TERMS) == listed


def test_what_may_be_left_out_has_defaults() -> None:
    shorter = {
        name: value for name, value in document().items() if name not in {"modes", "min_energy_wh", "in_service"}
    }
    expected = replace(LISTED, modes=(DispatchMode.AUTOMATIC,), min_energy_wh=0)
    assert read_battery(shorter, TERMS) == expected


def test_every_mistake_is_told_at_once() -> None:
    wrong = document(energy_nominal_wh="500000", soh=0.95, colour="red")
    del wrong["name"]
    assert set(mistakes(wrong, "/3")) == {"/3/energy_nominal_wh", "/3/soh", "/3/colour", "/3/name"}


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"place": {"latitude": "13.12345678", "longitude": "77"}}, "/place/latitude"),
        ({"place": None}, "/place"),
        ({"modes": []}, "/modes"),
        ({"modes": ["By Hand"]}, "/modes/0"),
        ({"min_energy_wh": -1}, "/min_energy_wh"),
        ({"charge_power_w": True}, "/charge_power_w"),
        ({"in_service": "yes"}, "/in_service"),
        ({"soh": "much"}, "/soh"),
        ({"tariff": tariff_document(rates=[])}, "/tariff/rates"),
        ({"tariff": tariff_document(currency="XYZ")}, "/tariff/currency"),
        ({"tariff": tariff_document(rates=[{"unit": "each", "price": "1"}])}, "/tariff/rates/0/unit"),
        ({"tariff": tariff_document(tax={"code": "c", "parts": [NO_TAX]})}, "/tariff/tax/parts/0/title"),
        ({"tariff": tariff_document(tax={"code": "c", "parts": [], "rate": 9})}, "/tariff/tax/rate"),
    ],
)
def test_a_mistake_is_told_by_its_pointer(changes: dict[str, Any], pointer: str) -> None:
    assert set(mistakes(document(**changes))) == {pointer}


@pytest.mark.parametrize("content", [None, [], "battery", 7])
def test_what_is_no_object_is_told_once(content: object) -> None:
    assert mistakes(content, "/0") == {"/0": "Write a JSON object here."}


def test_limits_that_contradict_each_other_are_told_in_a_sentence() -> None:
    found = mistakes(document(soc_min="0.9", soc_max="0.1"), "/0")
    assert "leave nothing below soc_max" in found["/0"]
