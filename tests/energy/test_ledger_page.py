"""``docs/ledger.md`` shows a trade's entries as the code makes them, and lists every kind of account."""

from __future__ import annotations

from pathlib import Path

from energy.ledger import WATT_HOURS, Entry, Kind
from energy.ledger_lots import Efficiencies, Moved, Position, closed, moved, proven
from energy.ledger_money import issued
from energy.quantities import Money, kilo_text
from tests.energy.examples import BATTERY, at, hours
from tests.energy.test_ledger_money import VECTOR

PAGE = Path(__file__).parents[2] / "docs" / "ledger.md"


def trade() -> list[Entry]:
    """ENERGY 2.1 and 2.3: 300 kWh for five days, holding booked in one step, all of the standing loss proven."""
    position = Position("contract-1", BATTERY.battery_id, "bap.test", Efficiencies.of(BATTERY), at(0), at(0))
    made = []
    for moving in (
        Moved(hours(0, 4), energy_in_wh=300_000),
        Moved(hours(4, 124), held_s=hours(4, 124).duration_s),
    ):
        position, entry = moved(position, moving)
        made.append(entry)
    position, entry = proven(position, 1_407)
    made.append(entry)
    position, entry = moved(position, Moved(hours(124, 128), energy_out_wh=263_757))
    made.append(entry)
    position, entry = closed(position, is_measured=True)
    made += [entry, issued(VECTOR, "bap.test")]
    return [entry for entry in made if entry is not None]


def shown(entry: Entry) -> str:
    lines = [f"{entry.event.value}: {entry.sentence}"]
    for posting in entry.postings:
        is_energy = posting.unit == WATT_HOURS
        amount = kilo_text(posting.amount) if is_energy else Money(posting.amount, posting.unit).text
        lines.append(f"    {amount:>9} {'kWh' if is_energy else posting.unit}  {posting.account.name}")
    return "\n".join(lines)


def test_the_page_shows_the_entries_of_the_worked_trade_to_the_watt_hour_and_the_paisa() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for entry in trade():
        assert shown(entry) in page


def test_the_page_explains_every_kind_of_account() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [kind for kind in Kind if f"| `{kind.value}` |" not in page] == []
