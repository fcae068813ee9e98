"""What goes wrong, by chance that follows from the seed; after `Faults.stop` nothing does any more."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

POINTS = ("step", "before commit", "after commit", "before send", "after send")
# How many of each point a process passes at most before it dies there.
_REACH = {"step": 600, "before commit": 80, "after commit": 80, "before send": 25, "after send": 25}


class Mishap(StrEnum):
    """What becomes of one call."""

    NONE = "none"
    LOST = "lost before arrival"
    REFUSED = "connection refused"
    ACK_LOST = "arrived, answer lost"
    TWICE = "arrived twice"
    DELAYED = "delayed"
    ERROR_500 = "answered 500"
    BUSY_429 = "answered 429"
    GARBAGE = "answered garbage"
    NACK = "answered NACK"


@dataclass(frozen=True, slots=True)
class Odds:
    """How likely each thing is, in hundredths."""

    mishap: int = 20
    nack: int = 1
    registry: int = 15
    crash: int = 50
    clock: int = 30


_COMMON = [mishap for mishap in Mishap if mishap not in {Mishap.NONE, Mishap.NACK}]


class Faults:
    """The one who decides. ``chance`` is the run's only source of chance beside ids and tokens."""

    def __init__(self, chance: random.Random, odds: Odds) -> None:
        self._chance = chance
        self._odds = odds
        self._active = True
        self._fates: list[Fate] = []

    @property
    def active(self) -> bool:
        """Whether something may still go wrong."""
        return self._active

    def stop(self) -> None:
        """From now on everything works."""
        self._active = False
        for fate in self._fates:
            fate.point = None

    def of_call(self) -> Mishap:
        """What becomes of the next call between participants."""
        if self._hits(self._odds.nack):
            return Mishap.NACK
        return self._chance.choice(_COMMON) if self._hits(self._odds.mishap) else Mishap.NONE

    def of_lookup(self) -> Mishap:
        """What becomes of the next call to the registry."""
        if not self._hits(self._odds.registry):
            return Mishap.NONE
        return self._chance.choice([Mishap.REFUSED, Mishap.LOST, Mishap.ERROR_500, Mishap.DELAYED])

    def of_process(self) -> Fate:
        """When the process that starts now dies, if it does."""
        fate = Fate(None, 0)
        if self._hits(self._odds.crash):
            fate.point = self._chance.choice(POINTS)
            fate.left = self._chance.randint(1, _REACH[fate.point])
        self._fates.append(fate)
        return fate

    def clock_jump_s(self) -> float:
        """How far a participant's clock jumps now."""
        return self._chance.uniform(-2.0, 2.0) if self._hits(self._odds.clock) else 0.0

    def delay_s(self) -> float:
        """How long something takes that takes long."""
        return self._chance.choice([0.01, 0.1, 0.5, 2.0, 6.0])

    def down_s(self) -> float:
        """How long a crashed process is away."""
        return self._chance.uniform(0.0, 1.5)

    def _hits(self, hundredths: int) -> bool:
        return self._active and self._chance.randrange(100) < hundredths


@dataclass(slots=True)
class Fate:
    """A process dies when it has passed ``point`` so often; None: it lives."""

    point: str | None
    left: int

    def met_by(self, point: str) -> bool:
        """Count one passing; whether this is the end."""
        if point != self.point:
            return False
        self.left -= 1
        return self.left <= 0
