"""The one port of telemetry: whoever has samples hands them to an `Intake`, and hears what became of each.

A battery operator's platform takes them into its database (`bpp.ingest`); an edge agent keeps them on disk until the
platform has them. A source that can not be read says so through its `Standing`, which operators see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from energy.metering import Sample


class Refusal(StrEnum):
    """Why a sample was not taken."""

    UNREADABLE = "unreadable"
    UNKNOWN_BATTERY = "unknown-battery"
    NOT_YOURS = "not-yours"
    CLOCK_AHEAD = "clock-ahead"
    CLOCK_BEHIND = "clock-behind"


@dataclass(frozen=True, slots=True)
class Rejection:
    """One sample that was not taken, by its place among those handed over; the sentence says what to change."""

    index: int
    refusal: Refusal
    sentence: str


@dataclass(frozen=True, slots=True)
class Flagged:
    """One sample that was stored and is doubted: the doubts by name, and a sentence for each."""

    index: int
    doubts: tuple[str, ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of the samples that were handed over."""

    accepted: int
    duplicates: int
    rejected: tuple[Rejection, ...] = ()
    flagged: tuple[Flagged, ...] = ()


class Intake(Protocol):
    """Takes samples. When `take` returns they are on disk; it may be called again with the same ones."""

    async def take(self, samples: Sequence[Sample]) -> Receipt:
        """Store samples."""


class Standing:
    """How a source is doing, as operators see it: connected or not, since when, and what is wrong.

    ``now`` is wire time in every call.
    """

    def __init__(self, name: str, kind: str, address: str) -> None:
        self.name = name
        self.kind = kind
        self.address = address
        self.is_connected = False
        self.since: datetime | None = None
        self.last_sample_at: datetime | None = None
        self.problems: dict[str, tuple[str, datetime]] = {}

    def connected(self, now: datetime) -> None:
        """It can be read (again)."""
        if not self.is_connected:
            self.is_connected, self.since = True, now
        self.problems.pop("", None)

    def lost(self, sentence: str, now: datetime) -> None:
        """It can not be read."""
        if self.is_connected or self.since is None:
            self.is_connected, self.since = False, now
        self.wrong("", sentence, now)

    def wrong(self, what: str, sentence: str, now: datetime) -> None:
        """Something about ``what`` (a battery, a topic) is wrong; the latest sentence about it stays."""
        known = self.problems.get(what)
        self.problems[what] = (sentence, now if known is None or known[0] != sentence else known[1])

    def right(self, what: str) -> None:
        """It is not wrong any more."""
        self.problems.pop(what, None)

    def delivered(self, now: datetime) -> None:
        """Samples of it were handed over."""
        self.last_sample_at = now
