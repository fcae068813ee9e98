"""``beckn-battery ledger``: verify, balance, show and roots on a platform's database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import tomli_w
from click.testing import CliRunner, Result
from sqlalchemy import update

from beckn_battery.cli import main
from energy.ledger_money import issued
from node import ledger
from node.database import Database
from node.keyfile import make_keys
from node.migrations.run import NODE_VERSIONS
from node.tables import ledger as entries
from tests.energy.examples import at
from tests.energy.test_ledger_money import VECTOR


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A participant's settings, and its database with one invoice and one signed day."""
    settings = {"subscriber_id": "any.test", "data_dir": str(tmp_path), "public_url": "https://any.test/beckn"}
    file = tmp_path / "any.toml"
    file.write_text(tomli_w.dumps(settings))
    keys = make_keys("any.test")

    async def fill(database: Database) -> None:
        await database.write(lambda tx: ledger.book(tx, at(1), [issued(VECTOR, "bap.test")]))
        await database.write(lambda tx: ledger.sign_roots(tx, keys, at(30)))

    _use(tmp_path, fill)
    return file


def _use(folder: Path, work: object) -> None:
    async def run() -> None:
        database = Database(f"sqlite:///{folder / 'bg.sqlite'}", (NODE_VERSIONS,))
        await database.start()
        await work(database)  # type: ignore[operator]
        await database.stop()

    asyncio.run(run())


def type_(config: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["ledger", *words, "--config", str(config)])


def test_a_ledger_that_holds_says_what_to_note(config: Path) -> None:
    result = type_(config, "verify")
    assert result.exit_code == 0
    assert result.output.startswith("1 entries hold; note 1:")


def test_a_ledger_that_was_changed_is_refused_with_the_entry_and_exit_code_1(config: Path) -> None:
    async def change(database: Database) -> None:
        await database.write(lambda tx: tx.execute(update(entries).values(at_ms=1)))

    _use(config.parent, change)
    result = type_(config, "verify")
    assert result.exit_code == 1
    assert "entry 1: its content was changed" in result.output


def test_balances_are_shown_in_major_units(config: Path) -> None:
    lines = [line.split() for line in type_(config, "balance").output.splitlines()]
    assert ["receivable/bap.test", "5610.90", "INR"] in lines
    assert ["tax-payable/bap.test/CGST", "-427.95", "INR"] in lines
    only = type_(config, "balance", "--kind", "receivable").output
    assert "revenue" not in only


def test_entries_are_shown_with_their_sentence_and_postings(config: Path) -> None:
    shown = type_(config, "show").output
    assert "Invoice BB/26-27/000001 over 5610.90 INR was issued." in shown
    assert shown.count("\n") == 6
    assert type_(config, "show", "--contract", "contract-1").output == shown
    assert type_(config, "show", "--contract", "another").output == ""
    assert type_(config, "show", "--after", "1").output == ""


def test_the_roots_of_days_are_shown_with_key_and_signature(config: Path) -> None:
    assert type_(config, "roots").output.startswith("2026-11-01  1:")
