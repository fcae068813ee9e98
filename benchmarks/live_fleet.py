"""The fleet that `benchmarks.live` measures, made by number: its batteries, its running contracts, and its samples.

Every battery holds 20 kWh and sends a sample every few seconds. Those with a contract charge at about 18 kW, which is
half a point of charge every 20 seconds, and change their power by more than five percent once a minute; the
others rest. Registers and state of charge agree, as a real battery's do.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from bpp.catalog import ListedBattery
from bpp.contracts import Contract, Peer
from energy.battery import Battery
from energy.intervals import Interval, align_down
from energy.offers import CancellationTerms, ContractState, DispatchMode, Quote, StorageUse
from energy.quantities import Money
from energy.tariffs import Line, LineTitle
from protocol.lifecycle import Stage
from protocol.moments import timestamp_text
from tests.energy.examples import BATTERY, TARIFF

CAPACITY_WH = 20_000
POWERS_W = (17_400, 18_600)
POWER_CHANGES_EVERY_S = 60
EFFICIENCY = Decimal("0.94")


def battery(number: int) -> Battery:
    """One battery of the fleet."""
    return replace(
        BATTERY,
        battery_id=f"battery-{number:05}",
        name=f"Battery {number}",
        meter_address=f"der://meter/{number:05}",
        energy_nominal_wh=CAPACITY_WH,
        charge_power_w=20_000,
        discharge_power_w=20_000,
        soh=Decimal(1),
    )


def listed(number: int) -> ListedBattery:
    """The same as it is let."""
    modes = (DispatchMode.AUTOMATIC, DispatchMode.MANUAL)
    return ListedBattery(battery(number), TARIFF, modes, CancellationTerms(Decimal(10)), 1_000)


def contract(number: int, bap_id: str, bap_uri: str, now: datetime) -> Contract:
    """A contract on that battery which has been charging for a quarter of an hour."""
    start = align_down(now) - timedelta(minutes=15)
    hour, contract_id = timedelta(hours=1), str(UUID(int=number + 1, version=4))
    use = StorageUse(
        15_000, Interval(start, start + 2 * hour), Interval(start + 6 * hour, start + 8 * hour), return_wh=10_000
    )
    price = Money(10_000, "INR")
    return Contract(
        contract_id=contract_id,
        order_id=contract_id,
        peer=Peer(bap_id, bap_uri, contract_id, "dent:0.1.0", "std:080", "IND"),
        stage=Stage.ACTIVE,
        state=ContractState.IN_PROGRESS,
        state_at=start,
        listed=listed(number),
        use=use,
        mode=DispatchMode.AUTOMATIC,
        quote=Quote(contract_id, (Line(LineTitle.CAPACITY, price),), price, 600),
        quote_until=now,
        track_token=f"track-{number}",
        created_at=start,
        updated_at=start,
    )


class Meter:
    """One battery's meter: `read` gives the next sample as the API takes it."""

    def __init__(self, number: int, begun: datetime, *, charges: bool) -> None:
        self._battery_id = f"battery-{number:05}"
        self._charges = charges
        self._phase_s = number % POWER_CHANGES_EVERY_S
        self._begun = self._last = begun
        self._in_wh = Decimal(1_000_000)
        self._stored_wh = Decimal(CAPACITY_WH) / 5
        self._sequence = 0

    def read(self, now: datetime) -> dict[str, object]:
        """What it measures at this moment."""
        power_w = self._power_w(now)
        moved_wh = power_w * Decimal((now - self._last) // timedelta(milliseconds=1)) / 3_600_000
        self._in_wh += moved_wh
        self._stored_wh += moved_wh * EFFICIENCY
        self._last, self._sequence = now, self._sequence + 1
        return {
            "battery_id": self._battery_id,
            "measured_at": timestamp_text(now),
            "soc_percent": str(round(self._stored_wh * 100 / CAPACITY_WH, 3)),
            "power_w": power_w,
            "energy_in_wh": int(self._in_wh),
            "energy_out_wh": 500_000,
            "source": "benchmark",
            "sequence": self._sequence,
        }

    def _power_w(self, now: datetime) -> int:
        if not self._charges:
            return 0
        elapsed_s = (now - self._begun) // timedelta(seconds=1) + self._phase_s
        return POWERS_W[elapsed_s // POWER_CHANGES_EVERY_S % len(POWERS_W)]
