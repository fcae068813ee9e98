"""What is on a broker becomes samples: our own JSON, and the layouts of other systems, without a broker."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest

from energy.metering import Sample
from node.telemetry.mqtt_layouts import HOLDS, MessageUnusable, MqttLayout, path_of
from node.telemetry.sample_json import write_sample
from node.telemetry.settings import MqttBattery, MqttField, MqttSettings
from protocol.errors import SettingsWrong
from tests.node.telemetry.samples import BATTERY_ID, NOW, sample

BATTERIES = (MqttBattery(BATTERY_ID, "garage"),)


def layout(**changes: Any) -> MqttLayout:
    return MqttLayout(MqttSettings(**({"name": "yard", "host": "broker"} | changes)))


def put_together(read: MqttLayout, values: dict[str, bytes], now: datetime = NOW) -> Sample:
    for topic, payload in values.items():
        assert read.read(topic, payload, now) == []
    (found,) = read.due(now, lambda wire: wire)
    return found


def test_a_sample_of_our_own_form_is_one_message_and_names_its_source() -> None:
    read = layout()
    assert read.subscriptions == ("beckn-battery/+/sample",)
    (found,) = read.read(f"beckn-battery/{BATTERY_ID}/sample", orjson.dumps(write_sample(sample())), NOW)
    assert found == sample()


def test_the_topic_names_the_battery_and_a_message_may_hold_many_samples() -> None:
    items = [{"measured_at": "2026-11-20T10:00:00Z", "power_w": number} for number in range(3)]
    found = layout().read("beckn-battery/shed-7/sample", orjson.dumps(items), NOW)
    assert [(one.battery_id, one.power_w, one.source) for one in found] == [
        ("shed-7", number, "mqtt:yard") for number in range(3)
    ]


@pytest.mark.parametrize(
    ("payload", "word"),
    [
        (b"{", "not JSON"),
        (b"[1]", "JSON object"),
        (b'{"measured_at": "soon"}', "measured_at"),
        (orjson.dumps(write_sample(sample(battery_id="other"))), "the sample is of other"),
    ],
)
def test_a_message_that_is_no_sample_says_why(payload: bytes, word: str) -> None:
    with pytest.raises(MessageUnusable, match=word):
        layout().read(f"beckn-battery/{BATTERY_ID}/sample", payload, NOW)


def test_home_assistant_states_become_a_sample() -> None:
    read = layout(layout="home-assistant", batteries=BATTERIES)
    state = "homeassistant/sensor/garage_{}/state".format
    found = put_together(
        read,
        {
            state("soc"): b"55.25",
            state("power"): b"-1500",
            state("energy_in"): b"12.5",
            state("energy_out"): b"7",
            state("temperature"): b"unavailable",
        },
    )
    assert set(read.subscriptions) == {
        state(name) for name in ("soc", "power", "energy_in", "energy_out", "temperature")
    }
    assert (found.battery_id, found.measured_at, found.soc) == (BATTERY_ID, NOW, Decimal("0.5525"))
    assert (found.power_w, found.registers_wh, found.temperature_c) == (-1_500, (12_500, 7_000), None)


def test_evcc_tells_discharging_as_positive_and_we_do_not() -> None:
    read = layout(layout="evcc", batteries=(MqttBattery(BATTERY_ID, "1"),))
    topic = "evcc/site/battery/devices/1/{}".format
    values = {topic("power"): b"1500", topic("soc"): b"55", topic("energy"): b"7.5", topic("returnEnergy"): b"12"}
    found = put_together(read, values)
    assert (found.power_w, found.registers_wh) == (-1_500, (12_000, 7_500))


def test_a_victron_value_is_in_its_member_and_null_is_unknown() -> None:
    read = layout(layout="victron", portal="c0ffee", batteries=(MqttBattery(BATTERY_ID, "512"),))
    topic = "N/c0ffee/battery/512/{}".format
    found = put_together(read, {topic("Soc"): b'{"value": 55.5}', topic("Dc/0/Power"): b'{"value": null}'})
    assert (found.soc, found.power_w) == (Decimal("0.555"), None)
    assert read.keepalive is not None
    assert read.keepalive.topic == "R/c0ffee/keepalive"


def test_fields_of_any_layout_are_found_by_topic_path_unit_and_scale() -> None:
    fields = (
        MqttField("soc_percent", "bms/{key}/state", "$.cells[1].soc", "share"),
        MqttField("charge_w", "bms/{key}/state", "power.in", "kW"),
        MqttField("discharge_w", "bms/{key}/state", "power.out", "kW"),
        MqttField("measured_at", "bms/{key}/state", "time"),
    )
    read = layout(layout="fields", fields=fields, batteries=BATTERIES)
    content = {"cells": [{}, {"soc": 0.5525}], "power": {"in": 0, "out": 1.5}, "time": 1_795_168_800_000}
    found = put_together(read, {"bms/garage/state": orjson.dumps(content)}, NOW + timedelta(seconds=9))
    assert (found.soc, found.power_w, found.measured_at) == (Decimal("0.5525"), -1_500, NOW)


def test_a_path_that_is_not_there_is_told_with_the_battery_and_the_field() -> None:
    fields = (MqttField("soc_percent", "bms/state", "soc"),)
    read = layout(layout="fields", fields=fields, batteries=BATTERIES)
    with pytest.raises(MessageUnusable, match=rf"soc_percent of {BATTERY_ID}.*no 'soc' in it"):
        read.read("bms/state", b'{"level": 1}', NOW)


def test_samples_are_told_at_most_every_few_seconds_and_only_when_something_came() -> None:
    read = layout(layout="evcc", batteries=(MqttBattery(BATTERY_ID, "1"),), every_s=5)
    topic = "evcc/site/battery/devices/1/soc"
    assert put_together(read, {topic: b"50"}).soc == Decimal("0.5")
    later = NOW + timedelta(seconds=4)
    read.read(topic, b"51", later)
    assert read.due(later, lambda wire: wire) == []
    (found,) = read.due(NOW + timedelta(seconds=5), lambda wire: wire)
    assert (found.soc, found.measured_at) == (Decimal("0.51"), later)
    assert read.due(NOW + timedelta(minutes=5), lambda wire: wire) == []


def test_a_value_that_nobody_repeated_is_unknown_again() -> None:
    read = layout(layout="evcc", batteries=(MqttBattery(BATTERY_ID, "1"),))
    topic = "evcc/site/battery/devices/1/{}".format
    put_together(read, {topic("soc"): b"50", topic("power"): b"0"})
    found = put_together(read, {topic("power"): b"100"}, NOW + HOLDS + timedelta(seconds=1))
    assert (found.soc, found.power_w) == (None, -100)


@pytest.mark.parametrize("text", ["a[x]", "a[", "a[-1]"])
def test_a_path_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no path into JSON"):
        path_of(text)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"layout": "sparkplug"}, "layout must be one of"),
        ({"layout": "victron", "batteries": BATTERIES}, "portal is missing"),
        ({"layout": "evcc"}, "batteries is missing"),
        ({"layout": "fields", "batteries": BATTERIES}, "fields"),
        ({"layout": "fields", "batteries": BATTERIES, "fields": (MqttField("volts", "t"),)}, "volts is no field"),
        ({"layout": "fields", "batteries": BATTERIES * 2, "fields": (MqttField("power_w", "t"),)}, "needs {key}"),
    ],
)
def test_settings_that_can_not_be_used_name_the_source(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(SettingsWrong) as wrong:
        layout(**changes)
    assert "yard" in wrong.value.sentence
    assert word in wrong.value.sentence
