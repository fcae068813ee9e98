"""Telling a battery's device what to do: the port, and SunSpec's two models for it, without a connection.

Written are a power and a reversion time: when nothing is written again within it, the device switches the set-point off
and returns to its own control. Sources: SunSpec models 704 (DER AC controls) and 124 (basic storage controls);
offsets count from the model's id.

* *704*: ``WSet`` in watts (positive is generation, so discharge), with ``WSetRvrtTms``; the reversion switches it off.
* *124*: charge and discharge rates in percent of ``WChaMax``. Both limits together hold the power at one value: a
  negative limit of one direction is a least rate of the other.

What enables the set-point is written last, so that half of one never counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from energy.quantities import round_half_up
from node.telemetry.registers import number, words

CONTROL_MODELS = (704, 124)
"""The models that can be written to, the better one first."""
_WSET_ENA, _WSET_MOD, _WSET, _WSET_ENA_RVRT, _WSET_RVRT_TMS, _WSET_SF = 22, 23, 24, 30, 31, 55
_WATTS, _ON, _OFF = 1, 1, 0
_WCHA_MAX, _STOR_CTL_MOD, _OUT_RATE, _IN_RATE, _RATE_RVRT_TMS = 2, 5, 12, 13, 15
_WCHA_MAX_SF, _RATE_SF = 18, 25
_BOTH_LIMITS = 0b11
_NOT_IMPLEMENTED = 0xFFFF
_NO_SCALE = 0x8000
_INT32_MAX = 2**31 - 1
_UINT16_MAX = 2**16 - 2


class ControlRefused(ValueError):
    """The device can not do that, or may not be written to; the sentence says why."""


class ControlLost(Exception):
    """The device could not be reached; the sentence says why."""


class Control(Protocol):
    """Something that batteries can be told through."""

    async def set_power(self, battery_id: str, power_w: int | None, revert_after_s: int) -> None:
        """Hold a power (positive: charging) for so long; None: switch the set-point off.

        Raises:
            ControlRefused: the device does not take it.
            ControlLost: it can not be reached.
        """


@dataclass(frozen=True, slots=True)
class Write:
    """Registers to be written from an address on."""

    address: int
    values: tuple[int, ...]


def writes(
    model_id: int, address: int, registers: Sequence[int], power_w: int | None, revert_after_s: int
) -> list[Write]:
    """What to write, in order, to a model that was read (``registers`` begin with its id) at that address.

    Raises:
        ControlRefused: the model lacks what is needed, or can not express the power.
    """
    made = _writes_704 if model_id == 704 else _writes_124
    return [Write(address + offset, values) for offset, values in made(registers, power_w, revert_after_s)]


def _writes_704(
    registers: Sequence[int], power_w: int | None, revert_after_s: int
) -> list[tuple[int, tuple[int, ...]]]:
    if power_w is None:
        return [(_WSET_ENA, (_OFF,))]
    scale = _scale(registers, _WSET_SF, "WSet_SF")
    value = round_half_up(Decimal(-power_w).scaleb(-scale))
    if abs(value) > _INT32_MAX:
        raise ControlRefused(f"{power_w} W do not fit into WSet")
    return [
        (_WSET_ENA_RVRT, (_OFF, *words(revert_after_s, "uint32"))),
        (_WSET_MOD, (_WATTS, *words(value, "int32"))),
        (_WSET_ENA, (_ON,)),
    ]


def _writes_124(
    registers: Sequence[int], power_w: int | None, revert_after_s: int
) -> list[tuple[int, tuple[int, ...]]]:
    if power_w is None:
        return [(_STOR_CTL_MOD, (_OFF,))]
    greatest, scale = registers[_WCHA_MAX], _scale(registers, _RATE_SF, "InOutWRte_SF")
    if greatest in {0, _NOT_IMPLEMENTED}:
        raise ControlRefused("the device does not tell WChaMax, of which its rates are a share")
    greatest_w = Decimal(greatest).scaleb(_scale(registers, _WCHA_MAX_SF, "WChaMax_SF"))
    percent = Decimal(power_w) * 100 / greatest_w
    if abs(percent) > 100:
        raise ControlRefused(f"{power_w} W are more than the device's WChaMax, {greatest_w} W")
    rate = round_half_up(percent.scaleb(-scale))
    out_rate, in_rate = (words(value, "int16") for value in (-rate, rate))
    return [
        (_RATE_RVRT_TMS, (min(revert_after_s, _UINT16_MAX),)),
        (_OUT_RATE, (*out_rate, *in_rate)),
        (_STOR_CTL_MOD, (_BOTH_LIMITS,)),
    ]


def _scale(registers: Sequence[int], offset: int, name: str) -> int:
    if offset >= len(registers) or registers[offset] == _NO_SCALE:
        raise ControlRefused(f"the device does not tell {name}, so nothing can be written in its units")
    return int(number(registers[offset : offset + 1], "int16") or 0)
