"""A fleet from a file: CSV and JSON say the same, every row is reported, and a second time changes nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpp.catalog import ListedBattery
from bpp.fleet_import import FileUnreadable, Outcome, Report, rows_of_csv, rows_of_json, take_in
from bpp.fleet_json import write_battery
from bpp.roster import Keeper
from bpp.store import changes, fleet
from tests.bpp.platform import LISTED, TERMS, Platform, running
from tests.energy.examples import BATTERY, tariffs


def cells(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """A battery's JSON as the columns and cells of a row."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from cells(inner, f"{path}/{name}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from cells(inner, f"{path}/{index}")
    else:
        yield path.removeprefix("/"), str(value).lower() if isinstance(value, bool) else str(value)


def csv_of(*documents: dict[str, Any], delimiter: str = ",") -> str:
    rows = [dict(cells(document)) for document in documents]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def document(battery_id: str = "b-1", **more: Any) -> dict[str, Any]:
    return write_battery(LISTED) | {"battery_id": battery_id} | more


@pytest.fixture
async def platform(tmp_path: Path, database_url: str) -> AsyncIterator[Platform]:
    async with running(tmp_path, database_url=database_url) as opened:
        yield opened


async def take(platform: Platform, text: str, *, partial: bool = False, dry_run: bool = False) -> Report:
    keeper = Keeper("asha", None, TERMS, platform.desk.moment())
    rows = rows_of_csv(text, TERMS)
    return await platform.database.write(lambda tx: take_in(tx, keeper, rows, partial=partial, dry_run=dry_run))


def outcomes(report: Report) -> list[tuple[int, str]]:
    return [(row.number, row.outcome.value) for row in report.rows]


async def known(platform: Platform) -> set[str]:
    return await platform.database.read(fleet.known_ids)


# -- reading ------------------------------------------------------------------------------------------------------


@given(tariffs(), st.sampled_from([",", ";"]), st.booleans())
def test_whatever_json_can_say_csv_can_say(tariff: Any, delimiter: str, in_service: bool) -> None:
    battery = replace(BATTERY, site_id="yard", warranty_energy_wh_per_year=7)
    listed = replace(LISTED, battery=battery, tariff=tariff, in_service=in_service)
    (row,) = rows_of_csv(csv_of(write_battery(listed), delimiter=delimiter), TERMS)
    assert row.mistakes == ()
    assert row.listed == listed


def test_rows_are_numbered_as_a_spreadsheet_shows_them_and_empty_ones_are_left_out() -> None:
    text = csv_of(document("b-1"), document("b-2"))
    header, first, second = text.splitlines()
    rows = rows_of_csv("\r\n".join([f"\ufeff{header}", first, "," * header.count(","), second]), TERMS)
    assert [(row.number, row.battery_id) for row in rows] == [(2, "b-1"), (4, "b-2")]


def test_an_id_that_is_a_number_stays_a_text() -> None:
    (row,) = rows_of_csv(csv_of(document("1001")), TERMS)
    assert row.battery_id == "1001"
    assert row.listed is not None


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"energy_nominal_wh": "much"}, "/energy_nominal_wh"),
        ({"in_service": "perhaps"}, "/in_service"),
        ({"soh": ""}, "/soh"),
        ({"colour": "red"}, "/colour"),
        ({"place": {"latitude": "north", "longitude": "1"}}, "/place/latitude"),
    ],
)
def test_a_wrong_cell_is_told_by_its_column(changes: dict[str, Any], pointer: str) -> None:
    (row,) = rows_of_csv(csv_of(document(**changes)), TERMS)
    assert pointer in [mistake.pointer for mistake in row.mistakes]
    assert row.listed is None


def test_a_row_of_another_length_is_told() -> None:
    text = csv_of(document("b-1")) + "b-2,lonely\r\n"
    rows = rows_of_csv(text, TERMS)
    assert [row.listed is None for row in rows] == [False, True]
    assert "This row has 2 cells" in rows[1].mistakes[0].sentence


def test_a_place_that_two_columns_fill_is_told() -> None:
    (row,) = rows_of_csv("battery_id,place,place/latitude\r\nb-1,here,13\r\n", TERMS)
    assert row.mistakes[0].pointer == "/place/latitude"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name,soh\r\nx,1\r\n",
        "battery_id,battery_id\r\nb,b\r\n",
        "battery_id,a//b\r\nb,1\r\n",
        "battery_id,a/b/c/d/e/f\r\nb,1\r\n",
        "battery_id,tariff/rates/100/price\r\nb,1\r\n",
        'battery_id,name\r\nb,"open\r\n',
    ],
)
def test_what_is_no_table_of_batteries_is_refused(text: str) -> None:
    with pytest.raises(FileUnreadable):
        rows_of_csv(text, TERMS)


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        rows = rows_of_csv(f"battery_id,name\n{text}", TERMS)
    except FileUnreadable:
        return
    assert all(row.listed is None and row.mistakes for row in rows)


@pytest.mark.parametrize("content", [7, "batteries", {}, {"batteries": 7}, None])
def test_json_that_is_no_list_is_refused(content: object) -> None:
    with pytest.raises(FileUnreadable):
        rows_of_json(content, TERMS)


def test_json_rows_are_numbered_from_one_in_both_forms() -> None:
    for content in ([document("b-1"), 7], {"batteries": [document("b-1"), 7]}):
        rows = rows_of_json(content, TERMS)
        assert [(row.number, row.battery_id, bool(row.mistakes)) for row in rows] == [
            (1, "b-1", False),
            (2, None, True),
        ]


# -- taking in ----------------------------------------------------------------------------------------------------


async def test_an_import_adds_changes_and_leaves_and_a_second_time_does_nothing(platform: Platform) -> None:
    text = csv_of(document("b-1"), document("b-2"))
    assert outcomes(await take(platform, text)) == [(2, "added"), (3, "added")]
    changed_no = await platform.database.read(changes.latest_no)
    assert outcomes(await take(platform, text)) == [(2, "unchanged"), (3, "unchanged")]
    assert await platform.database.read(changes.latest_no) == changed_no
    again = await take(platform, csv_of(document("b-1"), document("b-2", name="Renamed"), document("b-3")))
    assert outcomes(again) == [(2, "unchanged"), (3, "changed"), (4, "added")]
    assert (await platform.listed("b-2")).battery.name == "Renamed"


async def test_one_wrong_row_refuses_the_whole_file(platform: Platform) -> None:
    report = await take(platform, csv_of(document("b-1"), document("b-2", soh="2")))
    assert not report.stored
    assert outcomes(report) == [(2, "added"), (3, "refused")]
    assert await known(platform) == set()


async def test_a_partial_import_takes_the_rows_that_are_right(platform: Platform) -> None:
    text = csv_of(document("b-1"), document("b-2", soh="2"), document("b-1", name="Twice"))
    report = await take(platform, text, partial=True)
    assert report.stored
    assert outcomes(report) == [(2, "added"), (3, "refused"), (4, "refused")]
    assert report.rows[2].mistakes[0].sentence == "Row 2 has this battery_id already."
    assert await known(platform) == {"b-1"}


async def test_a_dry_run_reports_and_stores_nothing(platform: Platform) -> None:
    report = await take(platform, csv_of(document("b-1")), dry_run=True)
    assert (report.stored, report.count(Outcome.ADDED)) == (False, 1)
    assert await known(platform) == set()


async def test_a_row_that_would_break_a_contract_is_refused_with_the_contract(platform: Platform) -> None:
    await platform.put_battery()
    order_id = (await platform.buy()).order.order_id
    report = await take(platform, csv_of(document(BATTERY.battery_id, charge_power_w=20_000)))
    assert outcomes(report) == [(2, "refused")]
    assert str(order_id) in report.rows[0].mistakes[0].sentence


async def test_a_thousand_batteries_are_one_import(platform: Platform) -> None:
    many: list[ListedBattery] = [replace(LISTED, battery=replace(BATTERY, battery_id=f"b-{n}")) for n in range(1_000)]
    report = await take(platform, csv_of(*(write_battery(one) for one in many)))
    assert report.count(Outcome.ADDED) == 1_000
    assert len(await known(platform)) == 1_000
