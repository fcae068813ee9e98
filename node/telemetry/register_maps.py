"""Register maps: a YAML file that says where a device without SunSpec has its values.

    name: Example inverter
    registers: holding          # or input
    word_order: big             # or little: the low word first
    identify:                   # optional: what must be there, so that a wrong map is told at once
      - {address: 0, type: uint16, equals: 21365}
    fields:
      - {field: soc_percent, address: 843, type: uint16}
      - {field: power_w, address: 842, type: int16, scale: -1}
      - {field: energy_in_wh, address: 100, type: uint32, unit: kWh, scale: 0.1, unknown: 0xFFFFFFFF}

Fields, units and scales are those of `node.telemetry.readings`. ``unknown`` is the raw value that means "not known".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from node.telemetry.readings import Field, FieldRule, ReadingUnusable, Values
from node.telemetry.registers import TYPES, number, pieces, width
from protocol.errors import SettingsWrong

ADDRESS_MAX = 65_535
_KINDS = ("holding", "input")
_ORDERS = ("big", "little")
_MEMBERS = frozenset({"name", "registers", "word_order", "identify", "fields"})
_FIELD_MEMBERS = frozenset({"field", "address", "type", "unit", "scale", "unknown"})
_IDENTITY_MEMBERS = frozenset({"address", "type", "equals"})


class MapMismatch(ValueError):
    """The device does not have what the map says; the sentence names the register."""


@dataclass(frozen=True, slots=True)
class _Register:
    """A number in the registers; ``unknown`` is its raw value that means "not known"."""

    address: int
    kind: str
    unknown: int | None = None

    @property
    def span(self) -> tuple[int, int]:
        return self.address, width(self.kind)


@dataclass(frozen=True, slots=True)
class RegisterMap:
    """One device's map."""

    name: str
    is_input: bool
    low_word_first: bool
    identities: tuple[tuple[_Register, int], ...]
    fields: tuple[tuple[_Register, FieldRule], ...]

    @property
    def reads(self) -> list[tuple[int, int]]:
        """What to read, as (address, count)."""
        return pieces([register.span for register, _ in (*self.identities, *self.fields)])

    def values(self, registers: Mapping[int, int]) -> Values:
        """What the registers say, by address.

        Raises:
            MapMismatch: an identity is another one, or a value can not be.
        """
        for register, expected in self.identities:
            found = self._number(register, registers)
            if found != expected:
                raise MapMismatch(
                    f"the register {register.address} holds {found} where {self.name} has {expected}: the map is of "
                    "another device"
                )
        values: dict[Field, Decimal | datetime] = {}
        for register, rule in self.fields:
            raw = self._number(register, registers)
            if raw is None or raw == register.unknown:
                continue
            try:
                value = rule.read(raw)
            except ReadingUnusable as error:
                raise MapMismatch(f"the register {register.address}: {error}") from None
            if value is not None:
                values[rule.field] = value
        return values

    def _number(self, register: _Register, registers: Mapping[int, int]) -> Decimal | None:
        address, count = register.span
        held = [registers[one] for one in range(address, address + count)]
        return number(held, register.kind, low_word_first=self.low_word_first)


def load_map(path: Path) -> RegisterMap:
    """The map in a YAML file.

    Raises:
        SettingsWrong: unreadable, no YAML, or a member that is missing, unknown or wrong; one line that names it.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsWrong(f"{path}: {error.strerror or error}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsWrong(f"{path}: not YAML: {str(error).splitlines()[0]}") from None
    try:
        return read_map(content)
    except ValueError as error:
        raise SettingsWrong(f"{path}: {error}") from None


def read_map(content: object) -> RegisterMap:
    """The map that a YAML document describes.

    Raises:
        ValueError: a member is missing, unknown or wrong; the sentence names it.
    """
    found = _object(content, _MEMBERS, "a register map")
    kind, order = found.get("registers", "holding"), found.get("word_order", "big")
    if kind not in _KINDS or order not in _ORDERS:
        raise ValueError(f"registers is one of {', '.join(_KINDS)}, and word_order one of {', '.join(_ORDERS)}")
    fields = tuple(_field(item) for item in found.get("fields") or ())
    if not fields:
        raise ValueError("fields is missing: say where the values are")
    identities = tuple(_identity(item) for item in found.get("identify") or ())
    return RegisterMap(str(found.get("name", "this map")), kind == "input", order == "little", identities, fields)


def _field(item: object) -> tuple[_Register, FieldRule]:
    found = _object(item, _FIELD_MEMBERS, "a field")
    rule = FieldRule.of(str(found.get("field")), str(found.get("unit", "")), str(found.get("scale", 1)))
    unknown = found.get("unknown")
    if unknown is not None and type(unknown) is not int:
        raise ValueError(f"unknown of {rule.field} is a whole number")
    return _register(found, unknown), rule


def _identity(item: object) -> tuple[_Register, int]:
    found = _object(item, _IDENTITY_MEMBERS, "an identity")
    expected = found.get("equals")
    if type(expected) is not int:
        raise ValueError("equals of an identity is a whole number")
    return _register(found, None), expected


def _register(found: Mapping[str, Any], unknown: int | None) -> _Register:
    address, kind = found.get("address"), found.get("type", "uint16")
    if kind not in TYPES:
        raise ValueError(f"type {kind} is not one of {', '.join(TYPES)}")
    if type(address) is not int or not 0 <= address <= ADDRESS_MAX + 1 - width(kind):
        raise ValueError(f"address {address} is not a whole number from 0 to {ADDRESS_MAX}")
    return _Register(address, kind, unknown)


def _object(content: object, members: frozenset[str], what: str) -> Mapping[str, Any]:
    if not isinstance(content, dict):
        raise ValueError(f"{what} is a mapping of {', '.join(sorted(members))}")
    unknown = sorted(str(name) for name in content if name not in members)
    if unknown:
        raise ValueError(f"{unknown[0]} is no member of {what}")
    return content
