"""What a participant is to the network, and what it accepts from others: the arguments of the ordered checks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, tzinfo

from protocol.actions import Role

SUBSCRIBED = "SUBSCRIBED"


@dataclass(frozen=True, slots=True)
class Policy:
    """What this participant accepts. Durations in seconds of wire time, sizes in bytes.

    ``zone`` is the one of times that name none.
    """

    domains: tuple[str, ...] = ("dent:0.1.0",)
    version_prefix: str = "1.1"
    max_body_bytes: int = 4 * 1024 * 1024
    max_depth: int = 64
    clock_skew_s: int = 5
    max_window_s: int = 3_660
    zone: tzinfo = UTC


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are to the network: id, role and the URL that the registry holds for us."""

    subscriber_id: str
    role: Role
    url: str
