"""From the quote to the schedule: a site's costs and curtailments move the plan, and not what was agreed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from bpp.dispatch import schedule
from bpp.store import fleet, sites
from energy.calendars import When
from energy.quantities import Money
from energy.sites import Cost, Site
from tests.bpp.platform import LISTED, Platform
from tests.energy.examples import BATTERY

SITE = Site("hill", import_costs=(Cost(Decimal(5)), Cost(Decimal(-3), When(from_minute=360, until_minute=600))))


async def test_a_contract_is_booked_and_dispatched_when_energy_is_cheap_at_the_price_of_its_windows(
    platform: Platform,
) -> None:
    await platform.database.write(lambda tx: sites.save(tx, SITE))
    await platform.put_battery(replace(LISTED, battery=replace(BATTERY, site_id="hill")))
    answer = await platform.buy()
    assert answer.order.quote is not None
    assert answer.order.quote.total == Money(561_090, "INR")
    contract = await platform.contract_of_trade()
    # It may charge from 02:00 to 10:00, and a kWh is cheap from 06:00: four hours at 75 kW.
    assert contract.placement is not None
    assert contract.placement.reasons[1] == "A kWh costs the site 2 then, and 3.5 all through the window."
    assert contract.use.charge.start.hour == 2
    moment = platform.desk.moment()
    (row,) = await platform.database.read(lambda tx: fleet.reservations(tx, moment))
    assert row.booking == contract.booking
    assert (row.booking.charge.start.hour, row.booking.charge_w) == (6, 75_000)
    powers = schedule([contract.plan], contract.use.charge.start, contract.use.charge.end)
    assert [(power.interval.start.hour, power.charge_w) for power in powers] == [(2, 0), (6, 75_000)]
