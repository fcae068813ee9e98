"""What the registry's operator may set, on top of what every participant has."""

from __future__ import annotations

from dataclasses import dataclass, field

from node.settings import NodeSettings
from protocol.retry import RetrySchedule


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

    ``key_validity_days`` is how long a key counts whose subscriber does not say.
    """

    challenge: ChallengeSettings = field(default_factory=ChallengeSettings)
    key_validity_days: int = 365
    lookup_rows_max: int = 1_000
