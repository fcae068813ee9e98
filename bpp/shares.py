"""Whose energy it was: what a battery's meter counted, divided among the contracts that it served.

In each slot the energy that went in belongs to the contracts whose charge window holds the slot, and what came out to
those in whose return window it lies, in proportion to their planned powers (ENERGY 2.4, rule 4). Shares are whole
watt-hours that add up to the meter exactly. Energy that no contract planned belongs to none.
"""

from __future__ import annotations

from collections.abc import Sequence

from bpp.capacity import Booking
from energy.intervals import Interval
from energy.metering import MeterInterval, allocate


def share_of(contract_id: str, bookings: Sequence[Booking], counted: MeterInterval) -> MeterInterval:
    """The contract's part of one interval of its battery's meter.

    ``bookings`` are those of the battery, the contract's own among them. Windows begin and end where intervals do.
    """
    ordered = sorted(bookings, key=lambda booking: booking.booking_id)
    slot = counted.interval
    charging = {each.booking_id: each.charge_w for each in ordered if _holds(each.charge, slot)}
    returning = {each.booking_id: each.discharge_w for each in ordered if _holds(each.giveback, slot)}
    return MeterInterval(
        interval=slot,
        energy_in_wh=_part(contract_id, charging, counted.energy_in_wh),
        energy_out_wh=_part(contract_id, returning, counted.energy_out_wh),
        quality=counted.quality,
    )


def _holds(window: Interval, slot: Interval) -> bool:
    return window.start <= slot.start and slot.end <= window.end


def _part(contract_id: str, powers_w: dict[str, int], energy_wh: int) -> int:
    if not powers_w.get(contract_id):
        return 0
    parts = allocate(energy_wh, list(powers_w.values()))
    return parts[list(powers_w).index(contract_id)]
