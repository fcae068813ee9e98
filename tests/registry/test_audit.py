"""The registry's log: every change is in it, and the command finds what somebody changed afterwards."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, delete, update

from beckn_battery.cli import main
from node.hashchain import entries
from protocol.moments import timestamp_text
from registry.app import Registry
from registry.audit import audit
from tests.registry.platforms import Platform, next_keys, platform, registry_settings
from tests.registry.test_admin import call, decide
from tests.waiting import until


async def logged(registry: Registry) -> list[tuple[str, dict[str, Any]]]:
    found = await registry.database.read(lambda tx: list(entries(tx, audit)))
    return [(entry.actor, json.loads(entry.change)) for entry in found]


async def test_every_change_of_a_subscriber_is_in_the_log_with_who_made_it(registry: Registry, bpp: Platform) -> None:
    await bpp.join()
    fresh = next_keys(bpp)
    await bpp.subscribe(fresh, signed_by=bpp.keys)
    await until(lambda: bpp.is_listed(fresh))
    ended = timestamp_text(datetime.now(UTC) - timedelta(seconds=1))
    await bpp.subscribe(bpp.keys, signed_by=fresh, valid_until=ended)
    for decision in ("suspend", "reinstate"):
        await decide(registry, bpp.id, decision)
    await call(registry, "POST", f"keys/{bpp.id}/{fresh.key_id}/revoke")
    await decide(registry, bpp.id, "revoke")
    operator = "admin@127.0.0.1"
    assert [(actor, change["event"], change.get("key_id")) for actor, change in await logged(registry)] == [
        (bpp.id, "applied", bpp.keys.key_id),
        (bpp.id, "proven", bpp.keys.key_id),
        (bpp.id, "applied", fresh.key_id),
        (bpp.id, "proven", fresh.key_id),
        (bpp.id, "end-key", bpp.keys.key_id),
        (operator, "suspend", None),
        (operator, "reinstate", None),
        (operator, "revoke-key", fresh.key_id),
        (operator, "revoke", None),
    ]
    assert {change["subscriber_id"] for _, change in await logged(registry)} == {bpp.id}


@pytest.mark.parametrize(
    "change_nothing",
    [
        lambda _registry, bpp: bpp.subscribe(),
        lambda _registry, bpp: bpp.subscribe(next_keys(bpp)),
        lambda _registry, bpp: bpp.lookup(),
        lambda registry, bpp: decide(registry, bpp.id, "approve"),
        lambda registry, bpp: call(registry, "POST", f"subscribers/{bpp.id}/suspend", "wrong"),
    ],
    ids=["subscribing again", "a stranger", "a lookup", "an impossible decision", "a wrong token"],
)
async def test_what_changes_nothing_is_not_in_the_log(
    registry: Registry, bpp: Platform, change_nothing: Callable[[Registry, Platform], Awaitable[Any]]
) -> None:
    await bpp.join()
    before = await logged(registry)
    await change_nothing(registry, bpp)
    assert await logged(registry) == before


@pytest.fixture
async def stopped(tmp_path: Path) -> Path:
    """The settings file of a registry with a log, which does not run any more."""
    server = Registry(registry_settings(tmp_path / "registry"))
    await server.start()
    async with platform(server.peer_settings) as bpp:
        await bpp.join()
        for decision in ("suspend", "reinstate"):
            await decide(server, bpp.id, decision)
    await server.stop()
    file = tmp_path / "registry.toml"
    settings = server.settings
    content = {"subscriber_id": settings.subscriber_id, "data_dir": str(settings.data_dir)}
    file.write_text(tomli_w.dumps(content | {"public_url": settings.public_url}), encoding="utf-8")
    return file


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["registry", "audit", *arguments])


def falsify(file: Path, statement: Any) -> None:
    """What somebody with access to the database does."""
    engine = create_engine(f"sqlite:///{file.with_suffix('') / 'registry.sqlite'}")
    with engine.begin() as connection:
        assert connection.execute(statement).rowcount == 1
    engine.dispose()


def test_a_log_that_nobody_touched_is_verified_and_shown(stopped: Path) -> None:
    verified = run("verify", "--config", str(stopped))
    assert (verified.exit_code, verified.output.startswith("4 entries hold; head ")) == (0, True)
    shown = run("show", "--config", str(stopped), "--after", "2").output.splitlines()
    assert [line.split()[0] for line in shown] == ["3", "4"]
    assert '"event":"suspend"' in shown[0]


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        (update(audit).where(audit.c.seq == 3).values(actor="somebody else"), "entry 3: its content was changed"),
        (update(audit).where(audit.c.seq == 2).values(at_ms=0), "entry 2: its content was changed"),
        (delete(audit).where(audit.c.seq == 2), "entry 2: it is missing"),
        (delete(audit).where(audit.c.seq == 1), "entry 1: it is missing"),
        (update(audit).where(audit.c.seq == 4).values(seq=5), "entry 4: it is missing"),
    ],
    ids=["who", "when", "removed", "the first removed", "moved"],
)
def test_the_first_entry_that_somebody_falsified_is_named(stopped: Path, statement: Any, broken: str) -> None:
    falsify(stopped, statement)
    verified = run("verify", "--config", str(stopped))
    assert verified.exit_code == 1
    assert broken in verified.output


def test_a_log_whose_newest_entries_were_cut_off_is_found_by_a_hash_noted_before(stopped: Path) -> None:
    head = run("verify", "--config", str(stopped)).output.split()[-1]
    assert run("verify", "--config", str(stopped), "--head", head).exit_code == 0
    falsify(stopped, delete(audit).where(audit.c.seq == 4))
    assert run("verify", "--config", str(stopped)).exit_code == 0
    assert run("verify", "--config", str(stopped), "--head", head).exit_code == 1
