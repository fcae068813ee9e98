"""Energy in the ledger: ENERGY 2.1's vector to the watt-hour, lots, proven losses, and conservation in any history."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.intervals import Interval
from energy.ledger import Account, Entry, Kind, balances, reversal, standing, sums
from energy.ledger_lots import (
    Efficiencies,
    Moved,
    Position,
    closed,
    held_of,
    lot_alarm,
    moved,
    movements,
    provable_loss_wh,
    proven,
)
from energy.metering import MeterInterval, ReadingQuality
from tests.energy.examples import BATTERY, NOVEMBER, at, hours

LOSSES = Efficiencies.of(BATTERY)
CONTRACT, PRODUCER, BATTERY_ID = "contract-1", "bap.test", BATTERY.battery_id
DAY_S = Decimal(86_400)


def position(contract_id: str = CONTRACT, losses: Efficiencies = LOSSES) -> Position:
    return Position(contract_id, BATTERY_ID, PRODUCER, losses, NOVEMBER, NOVEMBER)


class Book:
    """Positions with the entries that were made."""

    def __init__(self, *positions: Position) -> None:
        self.positions = {each.contract_id: each for each in positions or (position(),)}
        self.entries: list[Entry] = []

    @property
    def one(self) -> Position:
        [only] = self.positions.values()
        return only

    def put(self, booked: tuple[Position, Entry | None]) -> None:
        changed, entry = booked
        self.positions[changed.contract_id] = changed
        self.entries += [] if entry is None else [entry]

    def move(self, hours_long: float, taken_wh: int = 0, given_wh: int = 0, held: bool = False) -> None:
        start = self.one.until
        span = Interval(start, start + timedelta(hours=hours_long))
        self.put(moved(self.one, Moved(span, taken_wh, given_wh, span.duration_s if held else Decimal(0))))

    def on(self, kind: Kind, detail: str | None = None) -> int:
        return sum(
            amount
            for (account, _unit), amount in balances(self.entries).items()
            if account.kind is kind and detail in {None, account.detail}
        )


def test_the_worked_vector_of_energy_2_1_holds_to_the_watt_hour() -> None:
    book = Book()
    book.move(4, taken_wh=300_000)
    assert book.one.in_store_wh == 282_000
    book.move(5 * 24, held=True)
    assert (book.one.in_store_wh, book.one.set_aside_wh) == (280_593, 1_407)
    book.put(proven(book.one, 1_407))
    book.move(4, given_wh=263_757)
    assert (book.one.in_store_wh, book.one.set_aside_wh) == (0, 0)
    losses = [book.on(Kind.LOST, how) for how in ("charging", "standing", "discharge")]
    assert losses == [18_000, 1_407, 16_836]
    assert sum(losses) == 36_243
    assert (book.on(Kind.GENERATED), book.on(Kind.RETURNED)) == (-300_000, 263_757)


def test_the_steps_in_which_the_vector_is_booked_do_not_change_it() -> None:
    book = Book()
    for _ in range(16):
        book.move(0.25, taken_wh=18_750)
    for _ in range(120):
        book.move(1, held=True)
    for _ in range(16):
        book.move(0.25, given_wh=263_757 // 16)
    book.move(0.25, given_wh=263_757 % 16)
    assert book.one.facts == (300_000, 263_757, 282_000, 1_407, 280_593)
    assert len(book.one.lots) == 1


def test_each_day_of_charging_is_a_lot_and_the_oldest_is_returned_first() -> None:
    book = Book()
    book.move(24, taken_wh=100_000)
    book.move(24, taken_wh=50_000)
    assert [(lot.lot_id[-10:], lot.in_store_wh) for lot in book.one.lots] == [
        ("2026-11-01", 94_000),
        ("2026-11-02", 47_000),
    ]
    book.move(1, given_wh=94_000)
    assert [lot.in_store_wh for lot in book.one.lots] == [0, 41_000]


def test_what_the_lots_do_not_have_comes_from_what_is_set_aside_and_then_from_the_operator() -> None:
    book = Book()
    book.move(4, taken_wh=300_000)
    book.move(120, held=True)
    book.move(4, given_wh=282_000)
    assert (book.one.in_store_wh, book.one.set_aside_wh) == (0, 0)
    assert book.on(Kind.OWN) == -(300_000 - 282_000)
    assert book.on(Kind.LOST, "standing") == 0


def test_what_nobody_asked_back_becomes_the_operators_own_when_the_contract_is_over() -> None:
    book = Book()
    book.move(4, taken_wh=300_000)
    book.move(120, held=True)
    book.move(4, given_wh=100_000)
    book.put(closed(book.one, is_measured=False))
    assert book.on(Kind.OWN) == 280_593 - 106_383
    assert book.on(Kind.LOST, "standing") == 1_407
    assert (book.on(Kind.IN_STORE), book.on(Kind.SET_ASIDE)) == (0, 0)


def test_a_forecast_that_the_measured_state_did_not_prove_was_no_loss() -> None:
    book = Book()
    book.move(4, taken_wh=300_000)
    book.move(120, held=True)
    book.put(proven(book.one, 400))
    book.put(closed(book.one, is_measured=True))
    assert book.on(Kind.LOST, "standing") == 400
    assert book.on(Kind.OWN) == 280_593 + 1_007


def test_no_more_is_burned_than_is_set_aside() -> None:
    book = Book()
    book.move(4, taken_wh=300_000)
    book.put(proven(book.one, 5))
    assert book.entries[1:] == []
    book.move(120, held=True)
    book.put(proven(book.one, 10_000))
    assert book.one.burned_wh == 1_407


def test_nothing_is_booked_in_a_closed_contract_or_out_of_order() -> None:
    over, _ = closed(position(), is_measured=False)
    with pytest.raises(ValueError, match="is closed"):
        moved(over, Moved(hours(0, 1)))
    with pytest.raises(ValueError, match="does not follow"):
        moved(position(), Moved(hours(1, 2)))
    with pytest.raises(ValueError, match="never negative"):
        moved(position(), Moved(hours(0, 1), -1))


def test_intervals_are_booked_by_day_and_holding_is_counted_between_the_windows() -> None:
    quarter = timedelta(minutes=15)
    charging = [
        MeterInterval(Interval(at(20) + n * quarter, at(20) + (n + 1) * quarter), 1_000, 0, ReadingQuality.VALID)
        for n in range(32)
    ]
    found = list(movements(charging, hours(28, 50), at(20), at(52)))
    assert [(each.span.start, each.energy_in_wh, int(each.held_s)) for each in found] == [
        (at(20), 16_000, 0),
        (at(24), 16_000, 0),
        (at(28), 0, 20 * 3600),
        (at(48), 0, 2 * 3600),
        (at(50), 0, 0),
    ]
    assert all(first.span.end == second.span.start for first, second in pairwise(found))


def test_windows_that_touch_leave_no_time_to_hold() -> None:
    assert held_of(hours(0, 4), hours(4, 8)) is None
    assert held_of(hours(0, 4), hours(5, 8)) == hours(4, 5)


# -- what the measured state proves -------------------------------------------------------------------------


def held_position() -> Position:
    book = Book()
    book.move(4, taken_wh=300_000)
    book.move(120, held=True)
    return book.one


def test_a_state_as_forecast_proves_the_whole_standing_loss() -> None:
    assert provable_loss_wh(0, [held_position()], 280_593) == 1_407


def test_a_state_that_is_fuller_than_forecast_proves_less_and_one_that_lost_nothing_proves_nothing() -> None:
    assert provable_loss_wh(0, [held_position()], 281_000) == 1_000
    assert provable_loss_wh(0, [held_position()], 282_500) == 0


def test_the_operators_own_energy_bears_its_share_of_what_is_missing() -> None:
    assert provable_loss_wh(282_000, [held_position()], 564_000 - 1_407 * 2) == 1_407
    assert provable_loss_wh(282_000, [held_position()], 564_000 - 1_000) == 500


def test_lots_that_hold_more_than_was_measured_beyond_tolerance_raise_an_alarm() -> None:
    kept = held_position()
    assert lot_alarm(BATTERY_ID, [kept], 271_093, 475_000) is None
    alarm = lot_alarm(BATTERY_ID, [kept], 271_092, 475_000)
    assert alarm is not None
    assert alarm.sentence.startswith("The contracts have 280.593 kWh in store in battery battery-1, but its measured")


# -- any history ------------------------------------------------------------------------------------------------

losses = st.builds(
    Efficiencies,
    st.decimals("0.5", "1", places=3),
    st.decimals("0.5", "1", places=3),
    st.decimals("0", "0.2", places=4),
)
steps = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["charge", "hold", "discharge", "prove", "correct"]),
        st.integers(0, 10**7),
    ),
    max_size=40,
)


@given(losses, steps, st.booleans())
def test_energy_is_conserved_over_any_history_of_several_tenants(
    of_battery: Efficiencies, history: list[tuple[int, str, int]], is_measured: bool
) -> None:
    book = Book(*(position(f"contract-{number}", of_battery) for number in range(3)))
    for tenant, what, amount in history:
        _happen(book, book.positions[f"contract-{tenant}"], what, amount)
        _check(book)
    for each in list(book.positions.values()):
        book.put(closed(each, is_measured))
    _check(book)
    assert (book.on(Kind.IN_STORE), book.on(Kind.SET_ASIDE)) == (0, 0)


def _happen(book: Book, tenant: Position, what: str, amount: int) -> None:
    span = Interval(tenant.until, tenant.until + timedelta(hours=1 + amount % 50))
    if what == "charge":
        book.put(moved(tenant, Moved(span, energy_in_wh=amount)))
    elif what == "discharge":
        book.put(moved(tenant, Moved(span, energy_out_wh=amount)))
    elif what == "hold":
        book.put(moved(tenant, Moved(span, held_s=span.duration_s)))
    elif what == "prove":
        book.put(proven(tenant, amount))
    else:
        # A correction: all of it is taken back, and what is true now is booked from the beginning.
        mine = [entry for entry in standing(book.entries) if entry.contract_id == tenant.contract_id]
        book.entries += [reversal(entry) for entry in mine]
        fresh = replace(position(tenant.contract_id, tenant.losses), bookings=tenant.bookings)
        book.put(moved(fresh, Moved(Interval(NOVEMBER, tenant.until + timedelta(hours=1)), energy_in_wh=amount)))


def _check(book: Book) -> None:
    assert sums(posting for entry in book.entries for posting in entry.postings).get("Wh", 0) == 0
    assert len({entry.reference for entry in book.entries}) == len(book.entries)
    booked = balances(book.entries)
    taken_in = given_out = 0
    for tenant in book.positions.values():
        taken_in, given_out = taken_in + tenant.taken_in_wh, given_out + tenant.given_out_wh
        for lot in tenant.lots:
            assert lot.in_store_wh >= 0 <= lot.set_aside_wh
            assert booked.get((Account(Kind.IN_STORE, PRODUCER, lot.lot_id), "Wh"), 0) == lot.in_store_wh
            assert booked.get((Account(Kind.SET_ASIDE, PRODUCER, lot.lot_id), "Wh"), 0) == lot.set_aside_wh
    assert (-book.on(Kind.GENERATED), book.on(Kind.RETURNED)) == (taken_in, given_out)
    kept = sum(book.on(kind) for kind in (Kind.IN_STORE, Kind.SET_ASIDE, Kind.OWN, Kind.LOST))
    assert taken_in == given_out + kept


@given(losses, st.lists(st.integers(1, 60), min_size=1, max_size=30), st.integers(0, 10**7), st.integers(0, 10**7))
def test_the_same_facts_are_booked_the_same_in_however_many_steps(
    of_battery: Efficiencies, parts: list[int], taken_wh: int, given_wh: int
) -> None:
    whole, pieces = Book(position(losses=of_battery)), Book(position(losses=of_battery))
    for book, steps_of_hold in ((whole, [sum(parts)]), (pieces, parts)):
        book.move(1, taken_wh=taken_wh)
        for length in steps_of_hold:
            book.move(length, held=True)
        book.move(1, given_wh=given_wh)
    assert whole.one.facts == pieces.one.facts
