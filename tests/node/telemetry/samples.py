"""An intake that keeps what it is given, a clock, and samples to give."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from energy.metering import Sample
from energy.offers import Quality
from node.clocks import Clocks
from node.settings import TradeTimeSettings
from node.telemetry.intake import Receipt, Refusal, Rejection

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
BATTERY_ID = "shed-1"


def clocks() -> Clocks:
    """Clocks that stand still, trade time at wire time."""
    return Clocks(TradeTimeSettings(NOW, NOW, 1), lambda: NOW)


class KeepingIntake:
    """Keeps samples by what tells them apart. The next ``failures`` calls fail; ``strangers`` are not taken."""

    def __init__(self) -> None:
        self.taken: list[Sample] = []
        self.failures = 0
        self.strangers: set[str] = set()

    async def take(self, samples: Sequence[Sample]) -> Receipt:
        if self.failures:
            self.failures -= 1
            raise OSError("disk full")
        known = {(one.battery_id, one.measured_at) for one in self.taken}
        ours = [one for one in samples if one.battery_id not in self.strangers]
        new = [one for one in ours if (one.battery_id, one.measured_at) not in known]
        self.taken += new
        rejected = tuple(
            Rejection(index, Refusal.UNKNOWN_BATTERY, f"{one.battery_id} is not in this fleet.")
            for index, one in enumerate(samples)
            if one.battery_id in self.strangers
        )
        return Receipt(len(new), len(ours) - len(new), rejected)

    @property
    def sequences(self) -> list[int]:
        return sorted(one.sequence for one in self.taken)


def sample(at: datetime = NOW, **changes: Any) -> Sample:
    """A sample of a battery that charges."""
    known: dict[str, Any] = {
        "battery_id": BATTERY_ID,
        "soc": Decimal("0.5525"),
        "power_w": 1_500,
        "energy_in_wh": 12_000,
        "energy_out_wh": 7_000,
        "quality": Quality.FRESH,
        "source": "test",
        "sequence": 1,
        "temperature_c": Decimal("21.5"),
    }
    return Sample(measured_at=at, **(known | changes))
