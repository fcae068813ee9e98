"""When a delivery is tried again: exponential delays with jitter, and how many times at most.

The randomness comes in as an argument, so a schedule can be tested and a simulation replayed.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """``first_delay_s`` doubles with each failure up to ``max_delay_s``; after ``max_attempts`` the message is dead."""

    first_delay_s: float = 0.5
    max_delay_s: float = 60.0
    max_attempts: int = 20

    def delay_s(self, failures: int, jitter: float) -> float:
        """Seconds until the next attempt after ``failures`` ≥ 1 failures.

        ``jitter`` in [0, 1) spreads the delay over its upper half, so that many senders do not return at once.
        """
        exponent = min(failures - 1, 30)
        full: float = min(self.first_delay_s * 2.0**exponent, self.max_delay_s)
        return full * (0.5 + 0.5 * jitter)

    def is_spent(self, failures: int) -> bool:
        """Whether no attempt is left."""
        return failures >= self.max_attempts
