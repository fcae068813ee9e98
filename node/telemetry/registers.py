"""Numbers in Modbus registers: types, word order, and the pieces in which registers are read."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from math import isfinite
from types import MappingProxyType

READ_AT_ONCE = 120
"""The protocol allows 125 registers in one answer; some devices allow fewer."""
GAP_MAX = 8
_FORMATS: Mapping[str, tuple[int, str]] = MappingProxyType(
    {
        "uint16": (1, ">H"),
        "int16": (1, ">h"),
        "uint32": (2, ">I"),
        "int32": (2, ">i"),
        "uint64": (4, ">Q"),
        "int64": (4, ">q"),
        "float32": (2, ">f"),
    }
)
TYPES = tuple(_FORMATS)


def width(kind: str) -> int:
    """How many registers a number of this type takes."""
    return _FORMATS[kind][0]


def number(registers: Sequence[int], kind: str, *, low_word_first: bool = False) -> Decimal | None:
    """The number in registers, the first of which has the high word unless said; None: a float that is no number."""
    words = list(reversed(registers)) if low_word_first else list(registers)
    value = struct.unpack(_FORMATS[kind][1], struct.pack(f">{len(words)}H", *words))[0]
    if isinstance(value, float):
        # A float32 has seven digits; what stands behind them is noise of the conversion.
        return Decimal(f"{value:.7g}") if isfinite(value) else None
    return Decimal(value)


def words(value: int, kind: str) -> list[int]:
    """The registers that hold a whole number, high word first; the inverse of `number`."""
    count, form = _FORMATS[kind]
    return list(struct.unpack(f">{count}H", struct.pack(form, value)))


def pieces(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The reads, as (address, count), that cover spans of (address, count) with small gaps, none too long."""
    reads: list[tuple[int, int]] = []
    for address, count in sorted(spans):
        if reads:
            start, length = reads[-1]
            end = max(start + length, address + count)
            if address <= start + length + GAP_MAX and end - start <= READ_AT_ONCE:
                reads[-1] = start, end - start
                continue
        reads.append((address, count))
    return reads
