"""Reading the JSON objects of requests: every wrong member is told at once, by JSON pointer and with a sentence.

Unknown members are wrong too, so that a typing mistake never becomes a default.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from aiohttp import web

from energy.areas import CORNERS_MAX, CORNERS_MIN, AreaError, check_ring
from energy.intervals import Interval, IntervalError, is_aligned
from energy.offers import Place
from energy.quantities import QuantityError, decimal_of
from node.problems import Problem, json_object
from protocol.moments import parse_timestamp

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

INTEGER_MAX = 10**12
TEXT_LENGTH_MAX = 500
WAIT_S_MAX = 30
WAIT_S_DEFAULT = 2
_WORD, _LABEL = r"[\w!#$%&'*+/=?^`{|}~-]+", "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"{_WORD}(?:\.{_WORD})*@{_LABEL}(?:\.{_LABEL})+", re.ASCII)
_EMAIL_LENGTH_MAX = 254
_PLACE_STEP = Decimal("0.000001")
_NOWHERE = Place(Decimal(0), Decimal(0))
_NEVER = Interval(parse_timestamp("2000-01-01T00:00:00Z"), parse_timestamp("2000-01-01T00:15:00Z"))


class Members:
    """One JSON object. A method gives the member, or something of its type beside a note of what is wrong."""

    def __init__(self, content: object, pointer: str = "", mistakes: list[dict[str, str]] | None = None) -> None:
        self._pointer = pointer
        self._mistakes: list[dict[str, str]] = [] if mistakes is None else mistakes
        self._asked: list[str] = []
        self._content: Mapping[str, Any] = content if isinstance(content, dict) else {}

    def wrong(self, name: str, sentence: str) -> None:
        """Note a mistake at the member."""
        self._mistakes.append({"pointer": f"{self._pointer}/{name}", "detail": sentence})

    def optional(self, name: str, read: Callable[[str], T]) -> T | None:
        """What ``read`` gives for the member; None when it is absent or null."""
        self._asked.append(name)
        return None if self._content.get(name) is None else read(name)

    def integer(self, name: str, least: int = 0) -> int:
        """A whole number."""
        value = self._get(name)
        if type(value) is int and least <= value <= INTEGER_MAX:
            return value
        self.wrong(name, f"Write a whole number from {least} to {INTEGER_MAX}.")
        return least

    def positive(self, name: str) -> int:
        """A whole number above zero."""
        return self.integer(name, 1)

    def decimal(self, name: str) -> Decimal:
        """A decimal number, as a text or a JSON number."""
        value = self._get(name)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            try:
                return decimal_of(value if isinstance(value, str) else format(Decimal(str(value)), "f"))
            except QuantityError as error:
                self.wrong(name, f"Write a decimal number: {error}.")
                return Decimal(0)
        self.wrong(name, 'Write a decimal number, such as "0.94".')
        return Decimal(0)

    def between(self, name: str, least: int, most: int) -> Decimal:
        """A decimal number within bounds."""
        value = self.decimal(name)
        if not least <= value <= most:
            self.wrong(name, f"Write a number from {least} to {most}.")
        return value

    def text(self, name: str) -> str:
        """A text with something in it."""
        value = self._get(name)
        if isinstance(value, str) and value.strip() and len(value) <= TEXT_LENGTH_MAX:
            return value
        self.wrong(name, f"Write a text of 1 to {TEXT_LENGTH_MAX} characters.")
        return ""

    def email(self, name: str) -> str:
        """An e-mail address."""
        value = self._get(name)
        if isinstance(value, str) and len(value) <= _EMAIL_LENGTH_MAX and _EMAIL.fullmatch(value):
            return value
        self.wrong(name, "Write an e-mail address, such as desk@farm.example.")
        return ""

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._get(name)
        if not isinstance(value, bool):
            self.wrong(name, "Write true or false.")
        return value is True

    def choice(self, name: str, kind: type[E]) -> E:
        """A member of an enumeration, by its value."""
        value = self._get(name)
        for option in kind:
            if value == option.value:
                return option
        self.wrong(name, f"Write one of: {', '.join(kind)}.")
        return next(iter(kind))

    def window(self, name: str) -> Interval:
        """An interval of ``start`` and ``end`` on full quarters of an hour."""
        inner = self.child(name)
        start, end = inner.moment("start"), inner.moment("end")
        inner.done_here()
        try:
            window = Interval(start, end)
        except IntervalError:
            inner.wrong("end", "The end must be after the start.")
            return _NEVER
        if not is_aligned(window):
            self.wrong(name, "Begin and end at full quarters of an hour, in UTC.")
        return window

    def place(self, name: str) -> Place:
        """A point of ``latitude`` and ``longitude`` in degrees, taken to six decimals (0.1 m)."""
        inner = self.child(name)
        latitude, longitude = inner.between("latitude", -90, 90), inner.between("longitude", -180, 180)
        inner.done_here()
        if inner._mistakes:
            return _NOWHERE
        return Place(latitude.quantize(_PLACE_STEP), longitude.quantize(_PLACE_STEP))

    def area(self, name: str) -> tuple[Place, ...]:
        """The corners of an area, each a point; they enclose something (`energy.areas`)."""
        value = self._get(name)
        if not isinstance(value, list) or not CORNERS_MIN <= len(value) <= CORNERS_MAX:
            self.wrong(name, f"Write a list of {CORNERS_MIN} to {CORNERS_MAX} points, each once.")
            return ()
        before = len(self._mistakes)
        inner = Members({str(index): one for index, one in enumerate(value)}, f"{self._pointer}/{name}", self._mistakes)
        corners = tuple(inner.place(str(index)) for index in range(len(value)))
        if len(self._mistakes) > before:
            return ()
        try:
            check_ring(corners)
        except AreaError as error:
            self.wrong(name, f"This is no area: {error}.")
            return ()
        return corners

    def moment(self, name: str) -> datetime:
        """An RFC 3339 time."""
        value = self._get(name)
        try:
            return parse_timestamp(value if isinstance(value, str) else "")
        except ValueError:
            self.wrong(name, "Write an RFC 3339 time, such as 2026-11-20T10:00:00Z.")
            return _NEVER.start

    def child(self, name: str) -> Members:
        """The object at the member."""
        value = self._get(name)
        if not isinstance(value, dict):
            self.wrong(name, "Write a JSON object here.")
        return Members(value, f"{self._pointer}/{name}", self._mistakes)

    def children(self, name: str, most: int) -> list[Members]:
        """The objects of the list at the member, from one to ``most``."""
        value = self._get(name)
        if not isinstance(value, list) or not 0 < len(value) <= most:
            self.wrong(name, f"Write a list of 1 to {most} JSON objects.")
            return []
        inner = Members({str(index): one for index, one in enumerate(value)}, f"{self._pointer}/{name}", self._mistakes)
        return [inner.child(str(index)) for index in range(len(value))]

    def wait_s(self) -> float:
        """How long to wait for an answer: from 0 to 30 seconds, 2 when the request does not say."""
        self._asked.append("wait_s")
        value = self._content.get("wait_s", WAIT_S_DEFAULT)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= WAIT_S_MAX:
            return value
        self.wrong("wait_s", f"Write a number of seconds from 0 to {WAIT_S_MAX}.")
        return 0

    def done_here(self) -> None:
        """Note every member that was not asked for."""
        for name in self._content:
            if name not in self._asked:
                near = difflib.get_close_matches(name, self._asked, n=1)
                hint = f" Did you mean {near[0]}?" if near else ""
                self.wrong(name[:TEXT_LENGTH_MAX], f"This member is not known here.{hint}")

    def done(self) -> None:
        """All members are read.

        Raises:
            Problem: 422, with every mistake.
        """
        self.done_here()
        if self._mistakes:
            first = self._mistakes[0]
            raise Problem(422, "Invalid request", f"{first['pointer']}: {first['detail']}", errors=self._mistakes)

    def _get(self, name: str) -> Any:
        self._asked.append(name)
        return self._content.get(name)


async def members_of(request: web.Request) -> Members:
    """The request's JSON object; an absent body is an empty one.

    Raises:
        Problem: 400 no JSON object, 415 not application/json.
    """
    return Members(await json_object(request) if request.can_read_body else {})
