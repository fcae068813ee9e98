"""The form of an HTML page as a program fills it in: Beckn's XInput leads to pages that are made for people.

A program that may agree for a person opens the page, ticks every box and sends the rest as the page has it, hidden
fields included. What it agreed to is for the pages' owner to keep. Any text is read: what is no form is None.
"""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urlencode

FORM_TYPE = "application/x-www-form-urlencoded"
FIELDS_MAX = 200
_VALUE_CHARS_MAX = 10_000
_NEVER_SENT = frozenset({"button", "file", "image", "reset"})


@dataclass(frozen=True, slots=True)
class HtmlForm:
    """Where a form is sent ("" is the page's own address), and what with every box ticked."""

    action: str
    method: str
    fields: tuple[tuple[str, str], ...]

    @property
    def body(self) -> bytes:
        """The fields as ``application/x-www-form-urlencoded``."""
        return urlencode(self.fields, errors="replace").encode()


def read_form(page: bytes) -> HtmlForm | None:
    """The first form of a page; None when it has none. More than `FIELDS_MAX` fields are not read."""
    reader = _Reader()
    reader.feed(page.decode("utf-8", "replace"))
    reader.close()
    return reader.form


class _Reader(HTMLParser):
    """Collects the fields of the first form. Of radio buttons of a name, and of submit buttons, the first counts."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._head: tuple[str, str] | None = None
        self._is_open = False
        self._fields: list[tuple[str, str]] = []
        self._once: set[tuple[str, str]] = set()
        self._text_name: str | None = None
        self._text = ""

    @property
    def form(self) -> HtmlForm | None:
        """What was read."""
        return None if self._head is None else HtmlForm(*self._head, tuple(self._fields))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A form begins, or one of its fields."""
        known = {name: value or "" for name, value in reversed(attrs)}
        if tag == "form" and self._head is None:
            self._head, self._is_open = (known.get("action", ""), known.get("method", "get").lower()), True
        elif self._is_open and known.get("name"):
            self._field(tag, known)

    def handle_endtag(self, tag: str) -> None:
        """The form or its text ends."""
        if tag == "textarea" and self._text_name is not None:
            self._add(self._text_name, self._text.removeprefix("\n"))
            self._text_name = None
        if tag == "form":
            self._is_open = False

    def handle_data(self, data: str) -> None:
        """Text, which counts in a text area."""
        if self._text_name is not None:
            self._text += data

    def _field(self, tag: str, known: dict[str, str]) -> None:
        name, kind = known["name"], known.get("type", "submit" if tag == "button" else "text").lower()
        if tag == "textarea":
            self._text_name, self._text = name, ""
        elif tag in {"input", "button"} and kind not in _NEVER_SENT and "disabled" not in known:
            group = (kind, name if kind == "radio" else "")
            if kind in {"radio", "submit"} and group in self._once:
                return
            self._once.add(group)
            self._add(name, known.get("value", "on" if kind in {"checkbox", "radio"} else ""))

    def _add(self, name: str, value: str) -> None:
        if len(self._fields) < FIELDS_MAX:
            self._fields.append((name[:_VALUE_CHARS_MAX], value[:_VALUE_CHARS_MAX]))
