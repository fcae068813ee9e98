"""Page two: what the meter counted, interval by interval, and how anybody can check the bill against it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bpp.documents import interval_chart, words
from bpp.documents.drawing import BOLD, INK, LEFT, MUTED, RIGHT, Sheet


def draw(sheet: Sheet, document: Mapping[str, Any], digest_sha256: str, url: str) -> None:
    """The page, for a document with meter evidence."""
    meter = document["meter"]
    tiles = (
        ("Stored", words.kwh(meter["energy_in_wh"])),
        ("Returned", words.kwh(meter["energy_out_wh"])),
        ("Not returned", words.kwh(meter["losses_wh"])),
        ("Returned of what was stored", words.percent(meter["efficiency"])),
    )
    width = (RIGHT - LEFT - 30) / 4
    for place, (label, value) in enumerate(tiles):
        x = LEFT + place * (width + 10)
        sheet.panel(x, 92, width, 56)
        sheet.label(x + 12, 112, label)
        sheet.text(x + 12, 134, value, 13.5, INK, BOLD)
    interval_chart.draw(sheet, document)
    _registers(sheet, meter)
    _checking(sheet, document, digest_sha256, url)


def _registers(sheet: Sheet, meter: Mapping[str, Any]) -> None:
    y = 502.0
    columns = (LEFT + 300, LEFT + 400, RIGHT - 10)
    sheet.text(LEFT, y, "The battery's meter", 11, INK, BOLD)
    for x, label in zip(columns, ("When charging began", "When the return ended", "Difference"), strict=True):
        sheet.text_until(x, y, label, 8, MUTED)
    rows = (
        ("Register of energy in (kWh)", *_register(meter["opening_in_wh"], meter["closing_in_wh"])),
        ("Register of energy out (kWh)", *_register(meter["opening_out_wh"], meter["closing_out_wh"])),
        ("State of charge", words.percent(meter["opening_soc"]), words.percent(meter["closing_soc"]), ""),
    )
    sheet.rule(y + 7)
    for label, *values in rows:
        y += 18
        sheet.text(LEFT, y, label, 9)
        for x, value in zip(columns, values, strict=True):
            sheet.text_until(x, y, value, 9)
        sheet.rule(y + 6)
    note = "The registers count all that the battery moves; they explain this bill alone where no other contract ran."
    sheet.text(LEFT, y + 19, note, 7.5, MUTED)


def _register(opening_wh: int | None, closing_wh: int | None) -> tuple[str, str, str]:
    moved_wh = None if opening_wh is None or closing_wh is None else closing_wh - opening_wh
    return _kwh(opening_wh), _kwh(closing_wh), _kwh(moved_wh)


def _kwh(energy_wh: int | None) -> str:
    return "–" if energy_wh is None else words.grouped(f"{Decimal(energy_wh).scaleb(-3):.3f}")


def _checking(sheet: Sheet, document: Mapping[str, Any], digest_sha256: str, url: str) -> None:
    meter, y = document["meter"], 618.0
    sheet.text(LEFT, y, "How to check it", 11, INK, BOLD)
    count, estimated = meter["interval_count"], meter["estimated_count"]
    share = words.percent(f"{estimated / count:.6f}") if count else "–"
    sheet.label(LEFT, y + 20, "Intervals")
    sheet.text(LEFT, y + 33, f"{count} counted, {estimated} of them estimated or derived ({share})", 9)
    rows = (
        ("Every interval, as CSV", f"{url}.csv"),
        ("SHA-256 of that CSV", document["intervals_csv_sha256"] or "–"),
        ("This document as data, which is the original", url),
        ("SHA-256 of the original, as the signed message told it", digest_sha256),
    )
    y += 56
    for label, value in rows:
        sheet.label(LEFT, y, label)
        sheet.text(LEFT, y + 12, value, 8)
        y += 28
