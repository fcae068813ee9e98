"""Comparing the URLs of participants (check 9), and the origin of a URL that a message names."""

from __future__ import annotations

import re
from dataclasses import dataclass

_URL = re.compile(
    r"(https?)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?((?:/[^\s?#]*)?)", re.IGNORECASE | re.ASCII
)
# What may be called: printable ASCII without a fragment, so that no parser after us can read another host in it.
_CALLED = re.compile(
    r"(https?)://([a-z0-9._-]+|\[[0-9a-f]*:[0-9a-f:.]*\])(?::([1-9][0-9]{0,4}))?(?:[/?][!-\"$-~]*)?",
    re.IGNORECASE | re.ASCII,
)
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_PORT_MAX = 65_535


@dataclass(frozen=True, slots=True)
class Origin:
    """The server that a URL is on. ``host`` in lower case, an IPv6 address without its brackets."""

    scheme: str
    host: str
    port: int


def origin(url: str) -> Origin | None:
    """The origin of an http or https URL; None for what has a user, a fragment or a strange port, or is none."""
    match = _CALLED.fullmatch(url)
    if match is None:
        return None
    scheme, host, port = match.groups()
    scheme = scheme.lower()
    number = int(port or _DEFAULT_PORTS[scheme])
    return Origin(scheme, host.lower().strip("[]"), number) if number <= _PORT_MAX else None


def same_origin(url: str, known: str) -> bool:
    """Whether both are http(s) URLs with the same scheme, host and port, without a user's name or password."""
    found = origin(url)
    return found is not None and found == origin(known)


def same_url(one: str, other: str) -> bool:
    """Whether two URLs name the same endpoint: scheme and host in any case, default ports and a last slash aside."""
    return one == other or _normal(one) == _normal(other)


def _normal(url: str) -> tuple[str, ...]:
    match = _URL.fullmatch(url)
    if match is None:
        return (url,)  # With userinfo, a query or a fragment, or no URL at all: it equals itself alone.
    scheme, host, port, path = match.groups()
    scheme = scheme.lower()
    return (scheme, host.lower(), port or _DEFAULT_PORTS[scheme], path.removesuffix("/"))
