"""``beckn-battery tariff``: what a tariff file says, tried on a use before anybody is quoted it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import click

from bpp.fleet_json import BatteryUnreadable, read_tariff
from energy.battery import profile
from energy.intervals import Interval, IntervalError
from energy.offers import StorageUse
from energy.quantities import QuantityError, decimal_text, energy_wh
from energy.settlement import planned_usage
from energy.tariffs import Line, Tariff, at_occupancy, lines_total, price
from protocol.errors import SettingsWrong
from protocol.moments import parse_timestamp

_COLUMNS = ("line", "quantity", "unit", "rate", "amount")


@click.group()
def tariff() -> None:
    """Check the price lists of batteries."""


@tariff.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--energy-kwh", default="100", show_default=True, help="Energy to store, at the meter.")
@click.option("--charge", nargs=2, required=True, metavar="FROM UNTIL", help="Two times, such as 2026-11-20T08:00:00Z.")
@click.option("--giveback", nargs=2, required=True, metavar="FROM UNTIL", help="The times of the return.")
@click.option("--efficiency-percent", default="90", show_default=True, help="Energy returned, of energy stored.")
@click.option("--occupancy-percent", default=0, show_default=True, help="How much of the battery is sold already.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(
    file: Path,
    energy_kwh: str,
    charge: tuple[str, str],
    giveback: tuple[str, str],
    efficiency_percent: str,
    occupancy_percent: int,
    as_json: bool,
) -> None:
    """Show what a use would cost by the tariff in FILE, line by line.

    FILE is a JSON object as the member ``tariff`` of a battery has it.
    """
    known = at_occupancy(_tariff(file), occupancy_percent)
    use = _use(energy_kwh, charge, giveback)
    lines = price(
        known, planned_usage(use, profile(_Efficient(Decimal(1), _share(efficiency_percent), Decimal(0)), use))
    )
    total = lines_total(lines, known.currency)
    if as_json:
        rows = [dict(zip(_COLUMNS, _cells(line), strict=True)) for line in lines]
        click.echo(json.dumps({"lines": rows, "total": total.text, "currency": total.currency}))
    else:
        _print([*(_cells(line) for line in lines), ("total", "", "", "", total.text)], known.currency)


class _Efficient(NamedTuple):
    """A battery of which only the efficiency is known."""

    efficiency_charge: Decimal
    efficiency_discharge: Decimal
    standing_loss_per_day: Decimal


def _tariff(file: Path) -> Tariff:
    try:
        return read_tariff(json.loads(file.read_text()))
    except (OSError, ValueError) as error:
        raise SettingsWrong(f"{file} is no JSON file: {error}") from None
    except BatteryUnreadable as error:
        raise SettingsWrong(f"{file} is no tariff: {error}") from None


def _use(energy_kwh: str, charge: tuple[str, str], giveback: tuple[str, str]) -> StorageUse:
    try:
        use = StorageUse(energy_wh(energy_kwh, "kWh"), _interval(charge), _interval(giveback))
    except (IntervalError, QuantityError) as error:
        raise SettingsWrong(f"the use is none: {error}") from None
    if use.energy_wh <= 0 or use.giveback.start < use.charge.end:
        raise SettingsWrong("the use is none: store some energy, and begin the return when charging has ended")
    return use


def _interval(times: tuple[str, str]) -> Interval:
    return Interval(*(_moment(text) for text in times))


def _moment(text: str) -> datetime:
    try:
        return parse_timestamp(text)
    except ValueError:
        raise SettingsWrong(f"{text[:40]!r} is no time such as 2026-11-20T08:00:00Z") from None


def _share(percent: str) -> Decimal:
    try:
        share = Decimal(percent) / 100
    except ArithmeticError:
        share = Decimal("NaN")
    if not 0 < share <= 1:
        raise SettingsWrong(f"an efficiency is more than 0 and at most 100 percent, not {percent[:20]}")
    return share


def _cells(line: Line) -> tuple[str, str, str, str, str]:
    quantity = "" if line.quantity is None else decimal_text(line.quantity)
    rate = "" if line.rate is None else decimal_text(line.rate)
    return line.title.value, quantity, line.unit or "", rate, line.amount.text


def _print(rows: Sequence[tuple[str, ...]], currency: str) -> None:
    table = [(*_COLUMNS[:-1], f"amount ({currency})"), *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(_COLUMNS))]
    for name, quantity, unit, rate, amount in table:
        cells = (
            name.ljust(widths[0]),
            quantity.rjust(widths[1]),
            unit.ljust(widths[2]),
            rate.rjust(widths[3]),
            amount.rjust(widths[4]),
        )
        click.echo("  ".join(cells).rstrip())
