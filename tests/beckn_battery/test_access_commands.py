"""``beckn-battery tokens`` and ``users`` beside an open door on the same database, as beside a running server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import tomli_w
from click.testing import CliRunner, Result

from beckn_battery.cli import main
from node.access import CACHE_S
from node.settings import AccessSettings
from node.tables import audit
from tests.node.doors import TRADES, Door, bearer, opened
from tests.node.test_sessions import Browser

PASSWORD = "correct horse battery"


@dataclass
class Operator:
    """Types commands; each runs in a thread, which has no event loop, as a command's own process has none."""

    config: Path
    door: Door

    async def types(self, *words: str, keys: str = "") -> Result:
        """Run ``beckn-battery`` with these words and the settings file."""
        arguments = [*words, "--config", str(self.config)]
        return await asyncio.to_thread(CliRunner().invoke, main, arguments, input=keys)

    async def ok(self, *words: str, keys: str = "") -> Result:
        """The same, and it is done."""
        result = await self.types(*words, keys=keys)
        assert result.exit_code == 0, result.output
        return result

    async def audited(self) -> list[str]:
        """What was done, by the audit chain."""
        rows = await self.door.database.read(lambda tx: tx.execute(audit.select().order_by(audit.c.seq)).all())
        return [row.change for row in rows]


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    settings = {
        "subscriber_id": "gateway.test",
        "data_dir": str(tmp_path),
        "public_url": "https://gateway.test/beckn",
    }
    config = tmp_path / "gateway.toml"
    config.write_text(tomli_w.dumps(settings))
    async with opened(f"sqlite:///{tmp_path / 'bg.sqlite'}", AccessSettings()) as door:
        yield Operator(config, door)


async def test_a_token_is_printed_once_counts_at_once_and_is_revoked_beside_the_server(operator: Operator) -> None:
    made = await operator.ok("tokens", "create", "--role", "trader", "--account", "anna", "--expires", "never")
    secret = made.stdout.strip()
    token_id = made.stderr.split()[1]
    async with operator.door.client.get(TRADES, headers=bearer(secret)) as answer:
        assert await answer.json() == {"account": "anna", "role": "trader", "token_id": token_id}
    listed = await operator.ok("tokens", "list")
    assert token_id in listed.output
    assert secret not in listed.output
    await operator.ok("tokens", "revoke", token_id)
    operator.door.clock.pass_s(CACHE_S)
    assert await operator.door.status(bearer(secret)) == 401
    assert "revoked" in (await operator.ok("tokens", "list")).output
    created, revoked = await operator.audited()
    assert "tokens create" in created
    assert f'"subject":"{token_id}"' in revoked
    assert secret not in created + revoked


async def test_an_unknown_token_is_not_revoked(operator: Operator) -> None:
    result = await operator.types("tokens", "revoke", "nobody")
    assert (result.exit_code, result.stderr) == (1, "Error: there is no token nobody that counts\n")


@pytest.mark.parametrize("expires", ["", "90", "0d", "-1d", "90m", "1.5d"])
async def test_a_lifetime_is_days_or_hours(operator: Operator, expires: str) -> None:
    result = await operator.types("tokens", "create", "--role", "viewer", "--account", "anna", "--expires", expires)
    assert result.exit_code == 1
    assert "such as 90d or 12h" in result.stderr


async def test_an_account_logs_in_until_it_is_disabled_and_again_when_it_is_enabled(operator: Operator) -> None:
    await operator.ok("users", "create", "anna", "--role", "viewer", keys=f"{PASSWORD}\n{PASSWORD}\n")
    browser = Browser(operator.door)
    assert (await browser.log_in("anna", PASSWORD))[0] == 303
    await operator.ok("users", "disable", "anna")
    operator.door.clock.pass_s(CACHE_S)
    assert await browser.reads() == 401
    assert (await browser.log_in("anna", PASSWORD))[0] == 401
    await operator.ok("users", "enable", "anna")
    assert (await browser.log_in("anna", PASSWORD))[0] == 303
    assert "anna" in (await operator.ok("users", "list")).output
    assert len(await operator.audited()) == 3


async def test_another_password_from_a_file_takes_the_old_ones_place(operator: Operator, tmp_path: Path) -> None:
    await operator.ok("users", "create", "anna", "--role", "viewer", keys=f"{PASSWORD}\n{PASSWORD}\n")
    file = tmp_path / "password"
    file.write_text("another fine password\n")
    file.chmod(0o600)
    await operator.ok("users", "passwd", "anna", "--password-file", str(file))
    browser = Browser(operator.door)
    assert (await browser.log_in("anna", PASSWORD))[0] == 401
    assert (await browser.log_in("anna", "another fine password"))[0] == 303


@pytest.mark.parametrize(
    ("words", "keys", "sentence"),
    [
        (("users", "create", "a b", "--role", "viewer"), "", "an account's name has"),
        (("users", "create", "anna", "--role", "viewer"), "short\nshort\n", "at least 12 characters"),
        (("users", "passwd", "nobody"), f"{PASSWORD}\n{PASSWORD}\n", "there is no account nobody"),
        (("users", "disable", "nobody"), "", "there is no account nobody in use"),
        (("users", "enable", "nobody"), "", "there is no disabled account nobody"),
    ],
)
async def test_what_can_not_be_done_is_said_in_one_sentence(
    operator: Operator, words: tuple[str, ...], keys: str, sentence: str
) -> None:
    result = await operator.types(*words, keys=keys)
    assert result.exit_code == 1
    assert sentence in result.stderr
    assert await operator.audited() == []
