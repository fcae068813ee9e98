"""Comparing the URLs of participants (check 9)."""

from __future__ import annotations

import re

_URL = re.compile(
    r"(https?)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?((?:/[^\s?#]*)?)", re.IGNORECASE | re.ASCII
)
_DEFAULT_PORTS = {"http": "80", "https": "443"}


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
