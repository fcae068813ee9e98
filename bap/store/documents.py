"""The trade's objects as JSON texts in the database, and back: whole dataclasses, read by their type hints.

Times are RFC 3339 texts, decimals and enumerations texts, tuples arrays. A member that a text lacks takes its default,
so that an object may grow a field.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, TypeVar, cast

import orjson

T = TypeVar("T")


def encode(value: object) -> str:
    """A dataclass as a JSON text."""
    return encode_bytes(value).decode()


def encode_bytes(value: object) -> bytes:
    """The same in UTF-8."""
    return orjson.dumps(value, default=_text)


def decode(kind: type[T], text: str | bytes) -> T:
    """The dataclass that `encode` made a text of."""
    hint: Any = kind
    return cast(T, _reader(hint)(orjson.loads(text)))


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not stored")


# Made once for each type: an offer with a day of quarter hours has a thousand values to read.
@cache
def _reader(hint: Any) -> Callable[[Any], Any]:
    if isinstance(hint, types.UnionType):
        inner = _reader(next(option for option in typing.get_args(hint) if option is not types.NoneType))
        return lambda raw: None if raw is None else inner(raw)
    if typing.get_origin(hint) is tuple:
        entry = typing.get_args(hint)[0]
        # Looked up when there is something to read, since a record may hold others of its own kind.
        return lambda raw: tuple(map(_reader(entry), raw)) if raw else ()
    if dataclasses.is_dataclass(hint):
        return _dataclass_reader(hint)
    if hint is datetime:
        return datetime.fromisoformat
    if issubclass(hint, Decimal | Enum):
        return cast(Callable[[Any], Any], hint)
    return lambda raw: raw


def _dataclass_reader(kind: Any) -> Callable[[Any], Any]:
    hints = typing.get_type_hints(kind)
    readers = [(item.name, _reader(hints[item.name])) for item in dataclasses.fields(kind)]
    return lambda raw: kind(**{name: read(raw[name]) for name, read in readers if name in raw})
