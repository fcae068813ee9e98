"""Set-points for edge agents: an agent asks by HTTPS what its battery should do, and waits for the answer to change.

What an agent is told holds for ``revert_after_s`` seconds from when it heard it; each answer begins that time anew. So
an agent that can not reach us, and one that died, leaves its battery to itself. What the agent says became of a
set-point is kept beside it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from bpp.setpoints import Command
from node.clocks import Now


class Outcome(StrEnum):
    """What became of a set-point."""

    WAITING = "waiting"
    TAKEN = "taken"
    APPLIED = "applied"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Slip:
    """What a battery should do: ``command`` None is its own control. ``number`` grows with every change.

    Times are wire time; ``asked_at`` is when its agent was last told.
    """

    number: int
    command: Command | None
    written_at: datetime
    asked_at: datetime | None = None
    outcome: Outcome = Outcome.WAITING
    detail: str = ""


class Mailbox:
    """The set-points of all batteries that are told by an agent (`bpp.setpoints.Setpoints`)."""

    def __init__(self, now: Now) -> None:
        self._now = now
        self._slips: dict[str, Slip] = {}
        self._changed: dict[str, asyncio.Event] = {}

    async def tell(self, command: Command) -> None:
        """Write a set-point down; one that is there already stays as it is."""
        known = self._slips.get(command.battery_id)
        if known is None or known.command != command:
            self._write(command.battery_id, command)

    async def release(self, battery_id: str) -> None:
        """From now on the battery is its own."""
        known = self._slips.get(battery_id)
        if known is not None and known.command is not None:
            self._write(battery_id, None)

    def read(self, battery_id: str) -> Slip:
        """What is written for a battery."""
        return self._slips.get(battery_id, Slip(0, None, self._now()))

    async def take(self, battery_id: str, after: int | None, wait_s: float) -> Slip:
        """What is written for a battery, as its agent takes it; after ``wait_s`` at the latest, if ``after`` is it."""
        changed = self._changed.setdefault(battery_id, asyncio.Event())
        changed.clear()
        if after is not None and self.read(battery_id).number == after:
            # In the end it is told again what it knows, and its reversion time begins anew.
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), wait_s)
        known = self.read(battery_id)
        outcome = Outcome.TAKEN if known.outcome is Outcome.WAITING else known.outcome
        taken = replace(known, asked_at=self._now(), outcome=outcome)
        if known.number:
            self._slips[battery_id] = taken
        return taken

    def note(self, battery_id: str, number: int, outcome: Outcome, detail: str) -> bool:
        """What became of a set-point; False: it is not the one that is written."""
        known = self._slips.get(battery_id)
        if known is None or known.number != number:
            return False
        self._slips[battery_id] = replace(known, outcome=outcome, detail=detail)
        return True

    def _write(self, battery_id: str, command: Command | None) -> None:
        self._slips[battery_id] = Slip(self.read(battery_id).number + 1, command, self._now())
        changed = self._changed.get(battery_id)
        if changed is not None:
            changed.set()
