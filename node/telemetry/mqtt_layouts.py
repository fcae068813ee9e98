"""What is on a broker, and how it becomes samples: topics and payloads in, samples out, without a broker.

Two kinds of layout. In "samples" a message is a sample, or a list of them, in our own JSON. In all others each value
has a topic of its own, and a battery's sample is put together from the latest ones: at most every ``every_s``, when
something new came, with the time of the newest value. A value that was not repeated for `HOLDS` is unknown again.

Where the values are in the layouts that are ready:

- *home-assistant* (integration mqtt_statestream, ``base_topic: homeassistant``): the states of the entities
  ``sensor.<key>_soc`` (%), ``_power`` (W, positive while charging), ``_energy_in`` and ``_energy_out`` (kWh),
  ``_temperature`` (°C).
- *victron* (dbus-flashmq on a GX device): ``N/<portal>/battery/<key>/…``, JSON with the member ``value``. The device
  publishes only while somebody sends it a keepalive within 60 s, and repeats everything on one without options.
- *evcc*: ``evcc/site/battery/devices/<key>/…``, numbers as texts; its power is positive while discharging, and its
  ``energy`` is what came out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import orjson

from energy.metering import Sample
from node.telemetry.readings import Field, FieldRule, ReadingUnusable, sample_of
from node.telemetry.sample_json import SampleUnreadable, read_sample
from node.telemetry.settings import MqttField, MqttSettings

HOLDS = timedelta(minutes=10)
KEEPALIVE_S = 20.0
_BATTERY = "{battery_id}"
_KEEP_QUIET = b'{"keepalive-options": ["suppress-republish"]}'
_PATH_LENGTH_MAX = 32

_READY: Mapping[str, tuple[str, tuple[MqttField, ...]]] = MappingProxyType(
    {
        "home-assistant": (
            "homeassistant",
            (
                MqttField("soc_percent", "{base}/sensor/{key}_soc/state"),
                MqttField("power_w", "{base}/sensor/{key}_power/state", unit="W"),
                MqttField("energy_in_wh", "{base}/sensor/{key}_energy_in/state", unit="kWh"),
                MqttField("energy_out_wh", "{base}/sensor/{key}_energy_out/state", unit="kWh"),
                MqttField("temperature_c", "{base}/sensor/{key}_temperature/state"),
            ),
        ),
        "victron": (
            "N",
            (
                MqttField("soc_percent", "{base}/{portal}/battery/{key}/Soc", "value"),
                MqttField("power_w", "{base}/{portal}/battery/{key}/Dc/0/Power", "value", unit="W"),
                MqttField("energy_in_wh", "{base}/{portal}/battery/{key}/History/ChargedEnergy", "value", unit="kWh"),
                MqttField(
                    "energy_out_wh", "{base}/{portal}/battery/{key}/History/DischargedEnergy", "value", unit="kWh"
                ),
                MqttField("temperature_c", "{base}/{portal}/battery/{key}/Dc/0/Temperature", "value"),
            ),
        ),
        "evcc": (
            "evcc",
            (
                MqttField("soc_percent", "{base}/site/battery/devices/{key}/soc"),
                MqttField("power_w", "{base}/site/battery/devices/{key}/power", unit="W", scale="-1"),
                MqttField("energy_out_wh", "{base}/site/battery/devices/{key}/energy", unit="kWh"),
                MqttField("energy_in_wh", "{base}/site/battery/devices/{key}/returnEnergy", unit="kWh"),
            ),
        ),
    }
)


class MessageUnusable(ValueError):
    """A message that can not be read; the sentence names what was expected."""


@dataclass(frozen=True, slots=True)
class Keepalive:
    """What has to be published so that a device goes on: ``first`` after connecting, then ``again``."""

    topic: str
    first: bytes
    again: bytes


@dataclass(frozen=True, slots=True)
class _Place:
    """Where one field of one battery is."""

    battery_id: str
    path: tuple[str | int, ...]
    rule: FieldRule


class MqttLayout:
    """The layout of one source: what to subscribe to, and what messages mean. ``source`` names it in samples."""

    def __init__(self, settings: MqttSettings) -> None:
        self._settings = settings
        self._source = f"mqtt:{settings.name}"[:64]
        self._places: dict[str, list[_Place]] = {}
        self._latest: dict[str, dict[Field, tuple[Decimal | datetime, datetime]]] = {}
        self._changed_at: dict[str, datetime] = {}
        self._told_at: dict[str, datetime] = {}
        base, fields = _READY.get(settings.layout, ("", settings.fields))
        for field in fields:
            self._place(field, settings.base or base)

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """The topic filters."""
        if self._settings.layout == "samples":
            return (self._settings.topic.replace(_BATTERY, "+"),)
        return tuple(self._places)

    @property
    def keepalive(self) -> Keepalive | None:
        """What keeps the device talking, if it needs that."""
        if self._settings.layout != "victron":
            return None
        return Keepalive(f"R/{self._settings.portal}/keepalive", b"", _KEEP_QUIET)

    def read(self, topic: str, payload: bytes, now: datetime) -> list[Sample]:
        """The samples that a message is; none where it tells one value, which is kept. ``now`` is wire time.

        Raises:
            MessageUnusable: see the class.
        """
        if self._settings.layout == "samples":
            return self._samples(topic, payload)
        for place in self._places.get(topic, ()):
            self._keep(place, topic, payload, now)
        return []

    def due(self, now: datetime, trade_at: Callable[[datetime], datetime]) -> list[Sample]:
        """The samples that are to be told at wire time ``now``, put together from single values.

        ``trade_at`` is the trade time at a wire time: a device that tells no time is read when its value arrives.
        """
        every = timedelta(seconds=self._settings.every_s)
        told = self._told_at
        ready = [one for one in self._changed_at if one not in told or now - told[one] >= every]
        samples = []
        for battery_id in ready:
            told[battery_id] = now
            at = trade_at(self._changed_at.pop(battery_id))
            held = {field: value for field, (value, kept) in self._latest[battery_id].items() if now - kept <= HOLDS}
            samples.append(sample_of(battery_id, held, at, self._source))
        return samples

    def _place(self, field: MqttField, base: str) -> None:
        rule = FieldRule.of(field.field, field.unit, field.scale)
        for battery in self._settings.batteries:
            names = {"base": base, "portal": self._settings.portal, "key": battery.key or battery.battery_id}
            topic = field.topic
            for name, value in (names | {"battery_id": battery.battery_id}).items():
                topic = topic.replace(f"{{{name}}}", value)
            self._places.setdefault(topic, []).append(_Place(battery.battery_id, path_of(field.path), rule))

    def _samples(self, topic: str, payload: bytes) -> list[Sample]:
        content = _json(payload)
        named = self._battery_in(topic)
        samples = []
        for item in content if isinstance(content, list) else [content]:
            full = item if named is None or not isinstance(item, dict) else {"battery_id": named} | item
            try:
                sample = read_sample(full, self._source)
            except SampleUnreadable as error:
                raise MessageUnusable(str(error)) from None
            if named is not None and sample.battery_id != named:
                raise MessageUnusable(f"The topic is of {named}, but the sample is of {sample.battery_id[:64]}.")
            samples.append(sample)
        return samples

    def _battery_in(self, topic: str) -> str | None:
        """The battery id that the topic names where the template has a place for it."""
        before, mark, after = self._settings.topic.partition(_BATTERY)
        if not mark or not topic.startswith(before) or not topic.endswith(after):
            return None
        return topic[len(before) : len(topic) - len(after)]

    def _keep(self, place: _Place, topic: str, payload: bytes, now: datetime) -> None:
        latest = self._latest.setdefault(place.battery_id, {})
        try:
            value = place.rule.read(_value(payload, place.path))
        except (ReadingUnusable, MessageUnusable) as error:
            raise MessageUnusable(f"{topic} ({place.rule.field} of {place.battery_id}): {error}") from None
        if value is None:
            latest.pop(place.rule.field, None)
        else:
            latest[place.rule.field] = value, now
        self._changed_at[place.battery_id] = now


def path_of(text: str) -> tuple[str | int, ...]:
    """The steps of a path into JSON: names with dots between, indexes in brackets, ``$`` in front at will.

    ``values.battery[0].soc`` is values, battery, 0, soc.

    Raises:
        ValueError: no such path.
    """
    steps: list[str | int] = []
    for part in filter(None, text.removeprefix("$").replace("[", ".[").split(".")):
        if part.startswith("["):
            number = part[1:-1]
            if not part.endswith("]") or not number.isdecimal():
                raise ValueError(f"{text[:60]!r} is no path into JSON such as values.battery[0].soc")
            steps.append(int(number))
        else:
            steps.append(part)
    if len(steps) > _PATH_LENGTH_MAX:
        raise ValueError(f"a path into JSON has at most {_PATH_LENGTH_MAX} steps")
    return tuple(steps)


def _value(payload: bytes, path: Sequence[str | int]) -> Any:
    """What stands at the path; a payload without a path is the value itself, and an empty one is unknown."""
    if not payload.strip():
        return None
    if not path:
        return payload.decode("utf-8", "replace")
    content = _json(payload)
    for step in path:
        has_name = isinstance(step, str) and isinstance(content, dict) and step in content
        has_place = isinstance(step, int) and isinstance(content, list) and step < len(content)
        if not (has_name or has_place):
            raise MessageUnusable(f"there is no {step!r} in it: check the path")
        content = content[step]
    return content


def _json(payload: bytes) -> Any:
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise MessageUnusable(f"{payload[:60].decode('utf-8', 'replace')!r} is not JSON") from None
