"""Tag groups: the members of a storage trade that core has no place for, as named texts (Beckn core 1.1.1, TagGroup).

A group and each of its tags are known by ``descriptor.code``; units stand at the end of a code
(``power-kw``). Where a thing repeats, its tags repeat in order: the n-th ``rate-price`` belongs to the n-th
``rate-unit``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from energy.wire.v1.cursor import Node
from energy.wire.v1.errors import WireError


def tag_group(code: str, tags: Iterable[tuple[str, str | None]], *, display: bool = True) -> dict[str, Any]:
    """A group of (code, value) tags; tags without a value are left out."""
    return {
        "descriptor": {"code": code},
        "display": display,
        "list": [{"descriptor": {"code": name}, "value": value} for name, value in tags if value is not None],
    }


@dataclass(frozen=True, slots=True)
class Tags:
    """The tags of one group, as nodes of their values."""

    path: str
    values: tuple[tuple[str, Node], ...]

    def all(self, code: str) -> tuple[Node, ...]:
        """The values of all tags of that code, in order."""
        return tuple(value for name, value in self.values if name == code)

    def find(self, code: str) -> Node | None:
        """The value of the tag, or None.

        Raises:
            WireError: the tag stands there twice.
        """
        values = self.all(code)
        if len(values) > 1:
            raise WireError(values[1].path, f"The tag {code} may stand once.", "one tag", f"{len(values)} tags")
        return values[0] if values else None

    def need(self, code: str) -> Node:
        """The value of the tag.

        Raises:
            WireError: it is absent, or stands there twice.
        """
        value = self.find(code)
        if value is None:
            raise WireError(self.path, f"Add the tag {code}.", code, "nothing")
        return value


def all_tags(owner: Node, code: str) -> list[Tags]:
    """The tags of each of the owner's groups of that code. Groups and tags without a code are passed over."""
    groups = owner.find("tags")
    return [_tags(group) for group in groups.items() if _code(group) == code] if groups is not None else []


def find_tags(owner: Node, code: str) -> Tags | None:
    """The tags of the owner's group of that code, or None."""
    groups = owner.find("tags")
    found = [group for group in groups.items() if _code(group) == code] if groups is not None else []
    if len(found) > 1:
        raise WireError(found[1].path, f"The group {code} may stand once.", "one group", f"{len(found)} groups")
    return _tags(found[0]) if found else None


def _tags(group: Node) -> Tags:
    listed = group.need("list")
    coded = ((_code(tag), tag) for tag in listed.items())
    return Tags(listed.path, tuple((code, tag.need("value")) for code, tag in coded if code is not None))


def _code(node: Node) -> str | None:
    return node.find_text("descriptor", "code")
