"""Where telemetry is read from: brokers and Modbus devices, as tables of a TOML file.

The same tables stand in a battery operator's settings (``[[telemetry.mqtt]]``) and in an edge agent's (``[[mqtt]]``).
Everything is checked when it is read, and a mistake names the source it is in.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from node.telemetry.readings import FieldRule
from protocol.errors import SettingsWrong

SUNSPEC = "sunspec"
_FIELDS_LAYOUT = "fields"
LAYOUTS = ("samples", "home-assistant", "victron", "evcc", _FIELDS_LAYOUT)
_PLACEHOLDERS = ("{battery_id}", "{key}")


@dataclass(frozen=True, slots=True)
class MqttBattery:
    """One battery behind a broker: ``key`` is what stands for it in the topics (a device's name or number)."""

    battery_id: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class MqttField:
    """Where one field is: a topic (with ``{key}`` or ``{battery_id}``), a path into its JSON, and unit and scale."""

    field: str
    topic: str
    path: str = ""
    unit: str = ""
    scale: str = "1"


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """A broker and the layout of what is on it (`node.telemetry.mqtt_layouts`).

    ``layout`` is "samples" (our own JSON, ``topic`` says where), "home-assistant", "victron" (``portal`` is the VRM
    portal id), "evcc", or "fields" with a table for each field. ``base`` is the layout's first part of the topic.
    ``client_id`` names the session that the broker keeps for us while we are away: one for each process.
    """

    name: str
    host: str
    port: int = 1883
    client_id: str = ""
    username: str | None = None
    password_file: Path | None = None
    tls: bool = False
    ca_file: Path | None = None
    layout: str = "samples"
    topic: str = "beckn-battery/{battery_id}/sample"
    base: str = ""
    portal: str = ""
    batteries: tuple[MqttBattery, ...] = ()
    fields: tuple[MqttField, ...] = ()
    every_s: int = 5

    def __post_init__(self) -> None:
        where = f"mqtt source {self.name}"
        if self.layout not in LAYOUTS:
            raise SettingsWrong(f"{where}: layout must be one of {', '.join(LAYOUTS)}, not {self.layout}")
        if self.layout == "victron" and not self.portal:
            raise SettingsWrong(f"{where}: portal is missing: the VRM portal id of the GX device")
        if self.layout != "samples" and not self.batteries:
            raise SettingsWrong(f"{where}: batteries is missing: say which device is which battery")
        if (self.layout == _FIELDS_LAYOUT) != bool(self.fields):
            raise SettingsWrong(f"{where}: fields belong to the layout {_FIELDS_LAYOUT}, and it needs some")
        for field in self.fields:
            _check_field(where, field, len(self.batteries))
        if self.layout == "samples" and self.topic.count("{battery_id}") > 1:
            raise SettingsWrong(f"{where}: topic has {{battery_id}} more than once")


@dataclass(frozen=True, slots=True)
class ModbusBattery:
    """One battery on a Modbus connection: its unit id, and its map: "sunspec" or a YAML file (`register_maps`).

    ``meter_unit_id`` is the unit of a SunSpec meter that counts for it, where that is another one. ``base_address``
    is where SunSpec begins, if nowhere usual; ``clock_address`` a register pair with seconds since 1970, if there is
    one. ``meter_import_is_charging`` False: the meter counts the battery's discharge as its import. ``writable``: the
    device may be told what to do, by SunSpec's models 704 or 124 (`node.telemetry.control`); otherwise it is only read.
    """

    battery_id: str
    unit_id: int = 1
    map: str = SUNSPEC
    meter_unit_id: int | None = None
    base_address: int | None = None
    clock_address: int | None = None
    meter_import_is_charging: bool = True
    writable: bool = False


@dataclass(frozen=True, slots=True)
class ModbusSettings:
    """A Modbus TCP device or gateway: one connection, which all its batteries share one after the other."""

    name: str
    host: str
    port: int = 502
    every_s: float = 5.0
    timeout_s: float = 3.0
    batteries: tuple[ModbusBattery, ...] = ()

    def __post_init__(self) -> None:
        where = f"modbus source {self.name}"
        if not self.batteries:
            raise SettingsWrong(f"{where}: batteries is missing: say which unit is which battery")
        if self.every_s <= 0 or self.timeout_s <= 0:
            raise SettingsWrong(f"{where}: every_s and timeout_s must be positive")
        for battery in self.batteries:
            if not 0 <= battery.unit_id <= 255:
                raise SettingsWrong(f"{where}: unit_id {battery.unit_id} of {battery.battery_id} must be 0 to 255")
            if battery.writable and battery.map != SUNSPEC:
                raise SettingsWrong(f"{where}: {battery.battery_id} is writable, which takes the map {SUNSPEC}")


def _check_field(where: str, field: MqttField, batteries: int) -> None:
    try:
        FieldRule.of(field.field, field.unit, field.scale)
    except ValueError as error:
        raise SettingsWrong(f"{where}: field {field.field}: {error}") from None
    if batteries > 1 and not any(mark in field.topic for mark in _PLACEHOLDERS):
        raise SettingsWrong(f"{where}: field {field.field}: topic needs {{key}}, since there are several batteries")
