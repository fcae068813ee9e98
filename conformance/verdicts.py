"""What a rule is and what came of it: passed, failed with the exact request that shows it, or not reached.

A check says no by raising `Breach`, and `NotReached` when something that it builds on failed already. It may return
what is still to be looked at when the run has been quiet for a while: that a refused message was not answered later.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from protocol.actions import Role

if TYPE_CHECKING:
    from conformance.bench import Bench

EXIT_PASSED = 0
EXIT_FAILED = 1
EXIT_NOT_RUN = 2


class Severity(StrEnum):
    """MUST decides the exit code; SHOULD is told and decides nothing."""

    MUST = "MUST"
    SHOULD = "SHOULD"


class Outcome(StrEnum):
    """SKIPPED: the rule was not reached, because of what it builds on."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as it was sent: only the headers that the harness set."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Breach(Exception):
    """The target does not do what the rule asks for; ``request`` None: no single request shows it."""

    def __init__(self, expected: str, got: str, request: Request | None = None) -> None:
        super().__init__(f"expected {expected}, got {got}")
        self.expected = expected
        self.got = got
        self.request = request


class NotReached(Exception):
    """The rule could not be tried; the text says what it would have needed."""


Afterwards = Callable[[], None]
Check = Callable[["Bench"], Awaitable[Afterwards | None]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table. ``source`` is where the rule comes from ("BECKN-006", "Beckn core 1.1.1, /select")."""

    id: str
    title: str
    source: str
    severity: Severity
    check: Check = field(repr=False)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one rule. ``expected``, ``got`` and ``request`` tell of a failure; ``got`` of a skipped rule too."""

    rule: Rule
    outcome: Outcome
    duration_ms: int
    expected: str = ""
    got: str = ""
    request: Request | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """One run. ``problem`` says why it could not be made, and then there are no results. Times are wire time."""

    target: str
    role: Role
    began_at: datetime
    duration_ms: int
    results: tuple[Result, ...] = ()
    problem: str | None = None

    def count(self, severity: Severity, outcome: Outcome) -> int:
        """How many rules of this severity came out so."""
        return sum(result.rule.severity is severity and result.outcome is outcome for result in self.results)

    @property
    def exit_code(self) -> int:
        """0: no MUST failed. 1: at least one did. 2: the run could not be made.

        A skipped rule fails nothing: what it builds on failed by itself, or the target offers nothing to try it on.
        """
        if self.problem is not None:
            return EXIT_NOT_RUN
        return EXIT_FAILED if self.count(Severity.MUST, Outcome.FAILED) else EXIT_PASSED
