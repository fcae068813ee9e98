"""``beckn-battery payments``: a statement is imported beside the server, once, and what is parked is listed."""

from __future__ import annotations

import json
from pathlib import Path

from tests.beckn_battery.command import finished
from tests.bpp.platform import running, settings

CSV = "date,amount,description\n2026-11-20,5610.90,thank you\n"


async def config(folder: Path) -> Path:
    """An operator's settings file, and the database of a platform that ran once."""
    async with running(folder):
        pass
    made = settings(folder)
    registry = made.registry
    assert registry is not None
    file = folder / "bpp.toml"
    file.write_text(
        f"""
subscriber_id = "bpp.test"
data_dir = "{folder}"
public_url = "{made.public_url}"
[registry]
url = "{registry.url}"
subscriber_id = "{registry.subscriber_id}"
signing_public_key = "{registry.signing_public_key}"
encr_public_key = "{registry.encr_public_key}"
[provider]
provider_id = "p"
name = "P"
address = "A"
email = "p@p.example"
phone = "1"
support_url = "https://p.example"
"""
    )
    return file


async def test_a_statement_is_imported_once_and_listed_with_the_reason(tmp_path: Path) -> None:
    file, statement = await config(tmp_path), tmp_path / "november.csv"
    statement.write_text(CSV)
    first = finished("payments", "import", str(statement), "--config", str(file))
    assert (first.returncode, json.loads(first.stdout)["parked"]) == (0, 1), first.stderr
    again = finished("payments", "import", str(statement), "--config", str(file))
    assert json.loads(again.stdout)["again"] is True
    listed = finished("payments", "list", "--config", str(file), "--json")
    assert json.loads(listed.stdout)["reason"] == "It names no invoice of ours."
    matched = finished("payments", "match", "--config", str(file))
    assert matched.stdout == b"0 matched, 1 still parked\n"
    statement.write_text(CSV + "yesterday,1,x\n")
    broken = finished("payments", "import", str(statement), "--config", str(file))
    assert (broken.returncode, b"line 3" in broken.stderr) == (2, True)
