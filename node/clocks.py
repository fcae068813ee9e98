"""The two clocks, which everything else takes as arguments (DESIGN 2).

*Wire time* — headers, timestamps, ttl, retries, leases — is the wall clock. *Trade time* — windows, samples,
intervals, invoices — is ``epoch + speed × elapsed`` wall time; its speed is 1 in production.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from node.settings import TradeTimeSettings

Now = Callable[[], datetime]


def wall_clock() -> datetime:
    """The wall clock in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clocks:
    """Both clocks of one participant; a test passes its own ``wire``."""

    trade_time: TradeTimeSettings
    wire: Now = wall_clock

    def trade(self) -> datetime:
        """Trade time now."""
        return self.trade_at(self.wire())

    def trade_at(self, wire: datetime) -> datetime:
        """Trade time at a wire time."""
        settings = self.trade_time
        return settings.epoch + (wire - settings.started) * settings.speed

    def wire_at(self, trade: datetime) -> datetime:
        """The wire time at which trade time reaches ``trade``."""
        settings = self.trade_time
        return settings.started + (trade - settings.epoch) / settings.speed

    def moment(self) -> Moment:
        """Both, read at once."""
        wire = self.wire()
        return Moment(wire=wire, trade=self.trade_at(wire))


@dataclass(frozen=True, slots=True)
class Moment:
    """One reading of both clocks, for a decision."""

    wire: datetime
    trade: datetime


def milliseconds(moment: datetime) -> int:
    """Milliseconds since the epoch, as the database holds wire times."""
    return (moment - _EPOCH) // _MILLISECOND


def moment_of(ms: int) -> datetime:
    """The inverse of `milliseconds`."""
    return _EPOCH + ms * _MILLISECOND


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
