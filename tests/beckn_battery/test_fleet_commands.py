"""``beckn-battery fleet`` beside a running platform: import from a file, list, and the list imported again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
import tomli_w
from click.testing import CliRunner, Result

from beckn_battery.cli import main
from bpp.store import changes
from node.clocks import wall_clock
from node.tables import audit
from tests.bpp.platform import PROVIDER, Platform, running
from tests.bpp.test_fleet_import import csv_of, document
from tests.energy.examples import BATTERY, NOVEMBER


@dataclass
class Operator:
    """Types commands; each runs in a thread, which has no event loop, as a command's own process has none."""

    folder: Path
    platform: Platform

    async def types(self, *words: str) -> Result:
        arguments = ["fleet", *words, "--config", str(self.folder / "bpp.toml")]
        return await asyncio.to_thread(CliRunner().invoke, main, arguments)

    def file(self, name: str, content: str) -> str:
        path = self.folder / name
        path.write_text(content, encoding="utf-8")
        return str(path)

    async def listed(self, *words: str) -> list[dict[str, Any]]:
        result = await self.types("list", "--json", *words)
        assert result.exit_code == 0, result.output
        return list(orjson.loads(result.output))

    async def audited(self) -> list[dict[str, Any]]:
        rows = await self.platform.database.read(lambda tx: tx.execute(audit.select().order_by(audit.c.seq)).all())
        return [orjson.loads(row.change) for row in rows]


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with running(tmp_path) as platform:
        await platform.put_battery()
        known = platform.bpp.participant.settings
        content = {
            "subscriber_id": known.subscriber_id,
            "data_dir": str(tmp_path),
            "public_url": known.public_url,
            "registry": asdict(platform.desk.settings.registry),
            "provider": {name: value for name, value in asdict(PROVIDER).items() if value is not None},
            # A command has no clock but the wall's: by it, too, trade time is the beginning of November.
            "trade_time": {"epoch": NOVEMBER, "started": wall_clock(), "speed": 1},
        }
        (tmp_path / "bpp.toml").write_text(tomli_w.dumps(content))
        yield Operator(tmp_path, platform)


async def test_a_csv_file_is_imported_told_in_the_audit_and_found_by_the_running_platform(operator: Operator) -> None:
    before = await operator.platform.database.read(changes.latest_no)
    file = operator.file("fleet.csv", csv_of(document("b-1"), document("b-2")))
    result = await operator.types("import", file, "--account", "asha")
    assert result.exit_code == 0, result.output
    assert "Stored: 2 added, 0 changed, 0 unchanged, 0 refused." in result.output
    assert [battery["battery_id"] for battery in await operator.listed("--account", "asha")] == ["b-1", "b-2"]
    assert await operator.platform.database.read(changes.latest_no) > before
    told = (await operator.audited())[-1]
    assert (told["what"], told["subject"], told["rows"]) == ("fleet import", "fleet.csv", 2)


async def test_what_is_listed_can_be_imported_and_changes_nothing(operator: Operator) -> None:
    file = operator.file("fleet.json", orjson.dumps(await operator.listed()).decode())
    result = await operator.types("import", file, "--json")
    assert result.exit_code == 0, result.output
    report = orjson.loads(result.output)
    assert (report["unchanged"], report["added"], report["changed"]) == (1, 0, 0)
    assert await operator.audited() == []


async def test_a_wrong_row_refuses_the_file_and_says_what_to_change(operator: Operator) -> None:
    file = operator.file("fleet.csv", csv_of(document("b-1"), document("b-2", energy_nominal_wh="much")))
    result = await operator.types("import", file)
    assert result.exit_code == 1
    assert "/energy_nominal_wh Write a whole number" in result.output
    assert "Nothing was stored" in result.output
    assert len(await operator.listed()) == 1
    result = await operator.types("import", file, "--partial")
    assert result.exit_code == 1
    assert [battery["battery_id"] for battery in await operator.listed()] == ["b-1", BATTERY.battery_id]


async def test_a_dry_run_stores_nothing(operator: Operator) -> None:
    result = await operator.types("import", operator.file("fleet.csv", csv_of(document("b-1"))), "--dry-run")
    assert result.exit_code == 0
    assert "this was a dry run" in result.output
    assert len(await operator.listed()) == 1


async def test_a_contract_that_would_break_refuses_a_row_unless_the_operator_insists(operator: Operator) -> None:
    await operator.platform.buy()
    file = operator.file("fleet.csv", csv_of(document(BATTERY.battery_id, charge_power_w=20_000)))
    assert (await operator.types("import", file)).exit_code == 1
    assert (await operator.types("import", file, "--despite-contracts")).exit_code == 0
    assert (await operator.listed())[0]["charge_power_w"] == 20_000


async def test_the_list_shows_the_fleet_as_a_table_and_filters_it(operator: Operator) -> None:
    await operator.types(
        "import", operator.file("fleet.csv", csv_of(document("b-1", site_id="yard", in_service=False)))
    )
    result = await operator.types("list")
    assert "battery-1" in result.output
    assert "380" in result.output
    assert [battery["battery_id"] for battery in await operator.listed("--state", "out-of-service")] == ["b-1"]
    assert [battery["battery_id"] for battery in await operator.listed("--site", "yard")] == ["b-1"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("fleet.json", "{", "not JSON"),
        ("fleet.json", "7", "Write a list of batteries"),
        ("fleet.csv", "name\nx", "one of them battery_id"),
    ],
)
async def test_a_file_that_is_no_fleet_is_one_clear_line(
    operator: Operator, name: str, content: str, says: str
) -> None:
    result = await operator.types("import", operator.file(name, content))
    assert result.exit_code == 2
    assert says in result.output
