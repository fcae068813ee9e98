"""What the registry's operator may set, on top of what every participant has."""

from __future__ import annotations

from dataclasses import dataclass, field

from node.rates import Rate
from node.settings import NodeSettings
from protocol.errors import SettingsWrong
from protocol.retry import RetrySchedule
from registry.subscriptions import Admission

AUTOMATIC, MANUAL = "automatic", "manual"
NEWCOMERS = {AUTOMATIC: Admission.ADMITTED, MANUAL: Admission.AWAITING}


@dataclass(frozen=True, slots=True)
class ChallengeSettings:
    """How subscribers are challenged: how long one challenge may be answered, and how often it is tried.

    A participant may still be starting when it is first challenged, so there are several attempts.
    """

    lifetime_s: int = 60
    at_once: int = 16
    first_delay_s: float = 0.5
    max_delay_s: float = 30.0
    max_attempts: int = 6

    @property
    def schedule(self) -> RetrySchedule:
        """The attempts as the pure object."""
        return RetrySchedule(self.first_delay_s, self.max_delay_s, self.max_attempts)


@dataclass(frozen=True, kw_only=True)
class RegistryServerSettings(NodeSettings):
    """The registry's settings; its ``registry`` section stays None, since it is the one.

    ``key_validity_days`` is how long a key counts whose subscriber does not say. ``approval`` is "automatic", or
    "manual": then newcomers wait for the operator (`registry.admission`). The rates are those of one caller's address
    (`node.rates`). Who never proved its key is forgotten after ``prune_after_days``.
    """

    challenge: ChallengeSettings = field(default_factory=ChallengeSettings)
    key_validity_days: int = 365
    lookup_rows_max: int = 1_000
    approval: str = AUTOMATIC
    subscribe_rate: Rate = field(default_factory=lambda: Rate(per_minute=120, burst=60))
    lookup_rate: Rate = field(default_factory=lambda: Rate(per_minute=6_000, burst=1_000))
    prune_after_days: int = 7

    def __post_init__(self) -> None:
        if self.approval not in NEWCOMERS:
            raise SettingsWrong(f"approval is {self.approval!r}, but must be one of {', '.join(NEWCOMERS)}")

    @property
    def newcomers(self) -> Admission:
        """Where a new subscriber begins."""
        return NEWCOMERS[self.approval]
