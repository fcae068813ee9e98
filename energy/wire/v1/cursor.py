"""A place in a message: a JSON value together with its pointer, so that every complaint names its place.

Readers go from the message down with `Node.need` and `Node.find` and take the value at the end; whatever is
missing or of the wrong kind becomes a `WireError` there. Texts of people (names, addresses) are never quoted
in an error.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from energy.intervals import Interval, IntervalError
from energy.quantities import QuantityError, decimal_of
from energy.wire.v1.errors import WireError
from energy.wire.v1.texts import moment_of

_Choice = TypeVar("_Choice", bound=StrEnum)
_Given = TypeVar("_Given")
_Value = TypeVar("_Value")
_KINDS = {dict: "an object", list: "an array", str: "a text", bool: "true or false", type(None): "null"}


def if_given(make: Callable[[_Given], _Value], value: _Given | None) -> _Value | None:
    """What ``make`` makes of a value, and None of None."""
    return None if value is None else make(value)


class Node:
    """A JSON value and the pointer to it. A plain class: one message makes a hundred of these on the hot path."""

    __slots__ = ("path", "value")

    def __init__(self, value: object, path: str) -> None:
        self.value = value
        self.path = path

    def find(self, *steps: str) -> Node | None:
        """The member below, or None when some step is absent.

        Raises:
            WireError: something on the way is no object.
        """
        value, path = self.value, self.path
        for step in steps:
            if not isinstance(value, dict):
                raise Node(value, path).wrong("an object")
            value = value.get(step)
            if value is None:
                return None
            path = f"{path}/{step}"
        return Node(value, path)

    def need(self, *steps: str) -> Node:
        """The member below.

        Raises:
            WireError: it is absent, or something on the way is no object.
        """
        found = self.find(*steps)
        if found is not None:
            return found
        if len(steps) > 1:
            return self.need(*steps[:-1]).need(steps[-1])
        raise WireError(f"{self.path}/{steps[0]}", f"Add the member {steps[0]}.", "a value", "nothing")

    def find_text(self, *steps: str) -> str | None:
        """The text of the member below, or None when it is absent."""
        found = self.find(*steps)
        return None if found is None else found.text()

    def find_moment(self, *steps: str) -> datetime | None:
        """The time of the member below, or None when it is absent."""
        found = self.find(*steps)
        return None if found is None else found.moment()

    def items(self) -> tuple[Node, ...]:
        """The items of an array."""
        if not isinstance(self.value, list):
            raise self.wrong("an array")
        return tuple(Node(item, f"{self.path}/{index}") for index, item in enumerate(self.value))

    def only(self) -> Node:
        """The item of an array that must have exactly one."""
        items = self.items()
        if len(items) != 1:
            raise WireError(
                self.path, "A storage contract has exactly one of these.", "one item", f"{len(items)} items"
            )
        return items[0]

    def text(self) -> str:
        """A text."""
        if not isinstance(self.value, str):
            raise self.wrong("a text")
        return self.value

    def flag(self) -> bool:
        """True or false."""
        if not isinstance(self.value, bool):
            raise self.wrong("true or false")
        return self.value

    def decimal(self) -> Decimal:
        """A decimal text's exact value."""
        return self.parsed(decimal_of, "a decimal number as text")

    def moment(self) -> datetime:
        """An RFC 3339 time, in UTC."""
        return self.parsed(moment_of, "an RFC 3339 time with its zone")

    def choice(self, kind: type[_Choice]) -> _Choice:
        """One of the values of an enumeration."""
        try:
            return kind(self.text())
        except ValueError as error:
            expected = f"one of {', '.join(kind)}"
            raise WireError(self.path, f"This must be {expected}.", expected, self.text()) from error

    def interval(self) -> Interval:
        """A Time that has a range."""
        limits = self.need("range")
        start, end = limits.need("start").moment(), limits.need("end").moment()
        try:
            return Interval(start, end)
        except IntervalError as error:
            got = f"{start.isoformat()} to {end.isoformat()}"
            raise WireError(
                limits.path, f"The range must end after it starts: {error}.", "start before end", got
            ) from error

    def parsed(self, parse: Callable[[str], _Value], expected: str) -> _Value:
        """What ``parse`` makes of the text; its `ValueError` becomes a `WireError` here."""
        text = self.text()
        try:
            return parse(text)
        except (ValueError, OverflowError) as error:
            reason = str(error) if isinstance(error, QuantityError) else f"it must be {expected}"
            raise WireError(self.path, f"This can not be read: {reason}.", expected, text) from error

    def wrong(self, expected: str) -> WireError:
        """The error for a value of the wrong kind."""
        kind = _KINDS.get(type(self.value), "a number")
        return WireError(self.path, f"This must be {expected}; it is {kind}.", expected, kind)
