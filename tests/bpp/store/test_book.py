"""The capacity book in the real store: no sequence of decisions and no crowd of them oversells a battery or a site."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import Connection

from bpp.actions.lookups import check_capacity
from bpp.app import BPP_VERSIONS
from bpp.capacity import Booking
from bpp.store import books, changes, fleet, sites
from energy.limits import limits_of
from energy.sites import Curtailment, Site
from node.clocks import Moment
from node.database import Database
from protocol.errors import TradeRefused
from tests.bpp.bookings import booking
from tests.bpp.platform import LISTED, TERMS, WIRE
from tests.energy.examples import BATTERY, NOVEMBER, at, hours

T = TypeVar("T")
SITE = Site("hill", 130_000, 90_000, (Curtailment(hours(8, 10), import_limit_w=60_000),))
STORES = {
    "first": replace(BATTERY, battery_id="first", site_id="hill"),
    "second": replace(BATTERY, battery_id="second", site_id="hill"),
    "worn": replace(BATTERY, battery_id="worn", warranty_energy_wh_per_year=500_000),
}
HOURS = 24


def sell(tx: Connection, battery_id: str, wanted: Booking, moment: Moment, hold_s: int | None = None) -> None:
    """As ``select`` (with a hold) and ``confirm`` do it: lock, look, decide, write."""
    listed = fleet.locked_battery(tx, battery_id, TERMS)
    assert listed is not None
    check_capacity(tx, listed, wanted, moment)
    if hold_s is None:
        fleet.commit(tx, battery_id, wanted)
    else:
        fleet.hold(tx, battery_id, wanted, moment.wire + timedelta(seconds=hold_s))


def put_stores(tx: Connection) -> None:
    sites.save(tx, SITE)
    for store in STORES.values():
        fleet.save_battery(tx, replace(LISTED, battery=store))


@st.composite
def plans(draw: st.DrawFn) -> Booking:
    """Bookings in whole hours of one day, each of up to half of what a battery has."""
    start, charged, back, done = sorted(draw(st.sets(st.integers(0, HOURS), min_size=4, max_size=4)))
    return booking(
        charge=hours(start, charged),
        giveback=hours(back, done),
        charge_w=draw(st.integers(0, 50_000)),
        discharge_w=draw(st.integers(0, 40_000)),
        stored_wh=draw(st.integers(0, 190_000)),
    )


class QuotesAndContracts(RuleBasedStateMachine):
    """Quotes, confirmations, cancellations and expiry in any order, on two batteries of a site and one with a warranty.

    The machine keeps its own simple account of what binds, and holds it against every rule hour by hour.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.loop = asyncio.new_event_loop()
        self.database = Database(f"sqlite:///{Path(self.folder.name) / 'book.sqlite'}", [BPP_VERSIONS])
        self.loop.run_until_complete(self.database.start())
        self.write(put_stores)
        self.wire = WIRE
        # What was decided: by contract its battery, its booking, and until when it is held; None: for good.
        self.binding: dict[str, tuple[str, Booking, datetime | None]] = {}

    def teardown(self) -> None:
        self.loop.run_until_complete(self.database.stop())
        self.loop.close()
        self.folder.cleanup()

    def write(self, fn: Callable[[Connection], T]) -> T:
        return self.loop.run_until_complete(self.database.write(fn))

    @property
    def moment(self) -> Moment:
        return Moment(wire=self.wire, trade=NOVEMBER)

    @rule(contract=st.sampled_from("abcdefgh"), battery_id=st.sampled_from(sorted(STORES)), plan=plans())
    def quote(self, contract: str, battery_id: str, plan: Booking) -> None:
        known = self.binding.get(contract)
        if known is not None and (known[2] is None or known[0] != battery_id):
            return
        wanted, moment = replace(plan, booking_id=contract), self.moment
        with suppress(TradeRefused):
            self.write(lambda tx: sell(tx, battery_id, wanted, moment, hold_s=600))
            self.binding[contract] = battery_id, wanted, self.wire + timedelta(seconds=600)

    @rule(contract=st.sampled_from("abcdefgh"))
    def confirm(self, contract: str) -> None:
        if contract not in self.binding:
            return
        battery_id, wanted, until = self.binding[contract]
        moment = self.moment
        try:
            self.write(lambda tx: sell(tx, battery_id, wanted, moment))
            self.binding[contract] = battery_id, wanted, None
        except TradeRefused:
            # Only a hold that has ended can have been sold to somebody else.
            assert until is not None
            assert until <= self.wire

    @rule(contract=st.sampled_from("abcdefgh"))
    def cancel(self, contract: str) -> None:
        self.write(lambda tx: fleet.release(tx, contract))
        self.binding.pop(contract, None)

    @rule(passed_s=st.sampled_from([60, 599, 600]))
    def wait(self, passed_s: int) -> None:
        self.wire += timedelta(seconds=passed_s)

    @rule()
    def forget_ended_holds(self) -> None:
        wire = self.wire
        self.write(lambda tx: fleet.release_expired(tx, wire))

    @invariant()
    def nothing_is_sold_twice(self) -> None:
        live = [
            (battery_id, plan)
            for battery_id, plan, until in self.binding.values()
            if until is None or until > self.wire
        ]
        for hour in range(HOURS):
            check_hour(live, at(hour))
        assert sum(plan.stored_wh for battery_id, plan in live if battery_id == "worn" and plan.charge_w) <= 500_000

    @invariant()
    def the_store_holds_what_binds_and_nothing_else(self) -> None:
        moment = self.moment
        rows = self.write(lambda tx: fleet.reservations(tx, moment))
        live = {name for name, (_, _, until) in self.binding.items() if until is None or until > self.wire}
        assert {row.booking.booking_id for row in rows} == live


def check_hour(live: list[tuple[str, Booking]], now: datetime) -> None:
    """Every rule of the book at one instant."""
    powers_w = {}
    for battery_id, store in STORES.items():
        limits, mine = limits_of(store), [plan for owner, plan in live if owner == battery_id]
        charge_w = sum(plan.charge_w for plan in mine if plan.charge.contains(now))
        discharge_w = sum(plan.discharge_w for plan in mine if plan.giveback.contains(now))
        stored_wh = sum(plan.stored_wh for plan in mine if plan.booked.contains(now))
        assert stored_wh <= limits.usable_energy_wh
        assert charge_w <= limits.charge_limit_w(stored_wh)
        assert discharge_w <= limits.discharge_power_w
        powers_w[battery_id] = charge_w, discharge_w
    import_limit_w, export_limit_w = SITE.import_limit_at(now), SITE.export_limit_at(now)
    assert import_limit_w is not None
    assert export_limit_w is not None
    assert powers_w["first"][0] + powers_w["second"][0] <= import_limit_w
    assert powers_w["first"][1] + powers_w["second"][1] <= export_limit_w


QuotesAndContracts.TestCase.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)
TestQuotesAndContracts = QuotesAndContracts.TestCase


async def crowd(database: Database, decisions: list[tuple[str, Booking]]) -> int:
    """All at once; how many were accepted."""
    moment = Moment(wire=WIRE, trade=NOVEMBER)

    async def decide(battery_id: str, wanted: Booking) -> int:
        try:
            await database.write(lambda tx: sell(tx, battery_id, wanted, moment))
        except TradeRefused:
            return 0
        return 1

    return sum(await asyncio.gather(*(decide(battery_id, wanted) for battery_id, wanted in decisions)))


async def test_of_64_confirms_at_once_exactly_those_that_fit_one_battery_are_accepted(database_url: str) -> None:
    database = Database(database_url, [BPP_VERSIONS])
    await database.start()
    await database.write(lambda tx: fleet.save_battery(tx, LISTED))
    wanted = [booking(str(number), charge_w=1_000, discharge_w=1_000, stored_wh=40_000) for number in range(64)]
    accepted = await crowd(database, [(BATTERY.battery_id, each) for each in wanted])
    moment = Moment(wire=WIRE, trade=NOVEMBER)
    sold = await database.read(lambda tx: fleet.reservations(tx, moment, BATTERY.battery_id))
    await database.stop()
    assert accepted == len(sold) == 8
    assert sum(each.booking.stored_wh for each in sold) <= BATTERY.usable_energy_wh


async def test_of_64_confirms_at_once_on_eight_batteries_of_a_site_its_connection_lets_five_through(
    database_url: str,
) -> None:
    database = Database(database_url, [BPP_VERSIONS])
    await database.start()

    def fill(tx: Connection) -> None:
        sites.save(tx, Site("hill", import_limit_w=50_000))
        for number in range(8):
            store = replace(BATTERY, battery_id=f"battery-{number}", site_id="hill")
            fleet.save_battery(tx, replace(LISTED, battery=store))

    await database.write(fill)
    wanted = [booking(str(number), charge_w=10_000, discharge_w=1_000, stored_wh=1_000) for number in range(64)]
    accepted = await crowd(database, [(f"battery-{number % 8}", each) for number, each in enumerate(wanted)])
    await database.stop()
    assert accepted == 5


async def test_every_change_has_a_later_number_and_none_is_passed_over(database_url: str) -> None:
    database = Database(database_url, [BPP_VERSIONS])
    await database.start()
    await database.write(put_stores)
    seen = await database.read(changes.latest_no)
    await crowd(database, [("worn", booking("a", stored_wh=1)), ("first", booking("b", stored_wh=1))])
    await database.write(lambda tx: fleet.release(tx, "a"))
    found = await database.read(lambda tx: books.changed_after(tx, seen, NOVEMBER, 100))
    last = await database.read(changes.latest_no)
    await database.stop()
    assert [change.battery_id for change in found] == ["first", "worn"]
    assert [change.change_no for change in found] == sorted({change.change_no for change in found})
    assert found[-1].change_no == last > seen


async def test_a_site_that_changes_changes_all_of_its_batteries(database_url: str) -> None:
    database = Database(database_url, [BPP_VERSIONS])
    await database.start()
    await database.write(put_stores)
    seen = await database.read(changes.latest_no)
    await database.write(lambda tx: sites.save(tx, replace(SITE, export_limit_w=None)))
    found = await database.read(lambda tx: books.changed_after(tx, seen, NOVEMBER, 100))
    known = await database.read(sites.everything)
    await database.stop()
    assert {change.battery_id for change in found} == {"first", "second"}
    assert known == [replace(SITE, export_limit_w=None)]
