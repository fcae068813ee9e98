"""A box on the wall, for who has none at hand: ``python -m simulator.box PORT BATTERY_ID``, until Ctrl-C.

It is one battery on Modbus TCP with SunSpec, unit 1, that charges with 1.5 kW from half full. Its clock is the wall
clock, and its registers of energy begin at 12 kWh in and 7 kWh out.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from decimal import Decimal

from energy.metering import Sample
from energy.offers import Quality
from node.clocks import wall_clock
from simulator.modbus_device import SimulatedDevice

EVERY_S = 1.0
POWER_W, IN_WH, OUT_WH = 1_500, 12_000, 7_000
_HOUR = timedelta(hours=1)


async def run(port: int, battery_id: str) -> None:
    """Listen, and measure every second."""
    device, began = SimulatedDevice(port, {1: battery_id}), wall_clock()
    sequence = 0
    while True:
        now = wall_clock()
        sequence += 1
        taken_wh = POWER_W * (now - began) // _HOUR
        device.show(
            Sample(
                battery_id=battery_id,
                measured_at=now,
                soc=Decimal("0.5"),
                power_w=POWER_W,
                energy_in_wh=IN_WH + int(taken_wh),
                energy_out_wh=OUT_WH,
                quality=Quality.FRESH,
                source="box",
                sequence=sequence,
            )
        )
        if sequence == 1:
            await device.start()
        await asyncio.sleep(EVERY_S)


if __name__ == "__main__":
    try:
        asyncio.run(run(int(sys.argv[1]), sys.argv[2]))
    except KeyboardInterrupt:
        sys.exit(0)
