"""CSV: every row is read by itself, and its line is told with what became of it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from node.telemetry.intake import Flagged, Receipt, Refusal, Rejection
from node.telemetry.sample_csv import CsvRow, CsvUnreadable, read_csv, report
from tests.node.telemetry.samples import NOW, sample

HEADER = "battery_id,measured_at,soc_percent,power_w,energy_in_wh,energy_out_wh\n"


def rows(text: str, battery_id: str | None = None) -> list[CsvRow]:
    return list(read_csv(text, battery_id))


def test_a_row_is_a_sample_and_an_empty_cell_is_not_known() -> None:
    (row,) = rows(f"{HEADER}shed-1,2026-11-20T10:00:00Z,55.25,1500,12000,\n")
    assert row.sample is not None
    assert row.sample.battery_id == "shed-1"
    assert (row.sample.measured_at, row.sample.soc, row.sample.power_w) == (NOW, Decimal("0.5525"), 1_500)
    assert (row.sample.energy_in_wh, row.sample.energy_out_wh, row.sample.source) == (12_000, None, "csv")


def test_columns_may_name_another_unit_and_the_whole_file_one_battery() -> None:
    text = "\ufeffmeasured_at;energy_in_kwh;energy_out_kwh;power_kw\n2026-11-20T10:00:00Z;12,5;7;-1,25\n"
    (row,) = rows(text, "shed-1")
    assert row.sample is not None
    assert (row.sample.battery_id, row.sample.registers_wh, row.sample.power_w) == ("shed-1", (12_500, 7_000), -1_250)


def test_a_time_may_be_seconds_since_1970() -> None:
    (row,) = rows("measured_at,power_w\n1795168800,1\n", "shed-1")
    assert row.sample is not None
    assert row.sample.measured_at == NOW


@pytest.mark.parametrize(
    ("cells", "word"),
    [
        ("shed-1,yesterday,1,1,1,1", "measured_at"),
        ("shed-1,,1,1,1,1", "measured_at is empty"),
        (",2026-11-20T10:00:00Z,1,1,1,1", "battery_id is empty"),
        ("shed-1,2026-11-20T10:00:00Z,full,1,1,1", "soc_percent"),
        ("shed-1,2026-11-20T10:00:00Z,1,1,1e30,1", "energy_in_wh"),
        ("shed-1,2026-11-20T10:00:00Z,1,1,1", "1 cells fewer"),
        ("shed-1,2026-11-20T10:00:00Z,1,1,1,1,1", "1 cells more"),
    ],
)
def test_a_row_that_is_no_sample_says_why_and_the_next_one_is_read(cells: str, word: str) -> None:
    bad, good = rows(f"{HEADER}{cells}\n\nshed-1,2026-11-20T10:00:00Z,1,1,1,1\n")
    assert bad.line == 2
    assert word in (bad.sentence or "")
    assert (good.line, good.sentence) == (4, None)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "measured_at"),
        ("measured_at,voltage\n", "'voltage' is not known"),
        ("battery_id,power_w\n", "no column measured_at"),
        ("measured_at,power_w\n", "no column battery_id"),
        ("battery_id,measured_at,measured_at\n", "twice"),
    ],
)
def test_a_file_that_is_no_csv_of_readings_is_refused_as_a_whole(text: str, word: str) -> None:
    with pytest.raises(CsvUnreadable, match=word):
        rows(text)


def test_the_report_says_of_each_row_what_became_of_it() -> None:
    told = [
        CsvRow(2, sample(), None),
        CsvRow(3, None, "No time."),
        CsvRow(4, sample(), None),
        CsvRow(5, sample(), None),
    ]
    receipt = Receipt(
        1, 0, (Rejection(1, Refusal.UNKNOWN_BATTERY, "Who?"),), (Flagged(2, ("register-fell",), ("It fell.",)),)
    )
    assert [(one["line"], one["result"], one["details"]) for one in report(told, receipt)] == [
        (2, "taken", []),
        (3, "rejected", ["No time."]),
        (4, "rejected", ["Who?"]),
        (5, "suspect", ["It fell."]),
    ]
