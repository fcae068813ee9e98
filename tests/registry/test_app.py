"""The registry as a server, with real participants: settings, keys, pages, and joining in earnest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from node.auth import load_or_make_token
from node.database import Database
from node.participant import Participant
from node.settings import NodeSettings, RegistrySettings, TimeLimits, load
from protocol.actions import Role
from protocol.errors import SettingsWrong, TradeRefused
from registry import store
from registry.app import VERSIONS, Registry
from registry.settings import ChallengeSettings, RegistryServerSettings
from tests.peers import LOCAL
from tests.ports import free_port
from tests.registry.platforms import Platform, attempts_are_spent, registry_settings
from tests.waiting import until

Launch = Callable[[Role], Awaitable[Participant]]


def participant_settings(folder: Path, subscriber_id: str, registry: RegistrySettings, port: int = 0) -> NodeSettings:
    port = port or free_port()
    return NodeSettings(
        subscriber_id=subscriber_id,
        data_dir=folder,
        public_url=f"http://127.0.0.1:{port}/beckn",
        port=port,
        registry=registry,
        network=LOCAL,
        times=TimeLimits(stop_within_s=1),
    )


@asynccontextmanager
async def participant(settings: NodeSettings, role: Role) -> AsyncIterator[Participant]:
    """A running participant without a trade."""

    def refused(_received: object, refusal: TradeRefused) -> None:
        raise AssertionError(refusal.sentence)

    made = Participant(settings, role, versions=())
    made.serve({}, refused, lambda _tx, _row, _reason: None)  # type: ignore[arg-type]
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def test_real_participants_of_each_role_join(registry: Registry, bpp: Platform, tmp_path: Path) -> None:
    async def joined(role: Role) -> None:
        settings = participant_settings(tmp_path / role, f"{role.lower()}.test", registry.peer_settings)
        async with participant(settings, role) as made:
            await asyncio.wait_for(made.subscription.subscribed.wait(), 20)

    await asyncio.gather(*(joined(role) for role in (Role.BAP, Role.BPP, Role.BG)))
    found = await bpp.lookup(domain="dent:0.1.0", city="std:080")
    assert [(item["subscriber_id"], item["type"], item["status"]) for item in found] == [
        ("bap.test", "BAP", "SUBSCRIBED"),
        ("bpp.test", "BPP", "SUBSCRIBED"),
        ("bg.test", "BG", "SUBSCRIBED"),
    ]


async def test_a_participant_that_starts_again_is_the_same_subscriber(
    registry: Registry, bpp: Platform, tmp_path: Path
) -> None:
    settings = participant_settings(tmp_path / "bap", "bap.test", registry.peer_settings)
    entries = []
    for _ in range(2):
        async with participant(settings, Role.BAP) as made:
            await asyncio.wait_for(made.subscription.subscribed.wait(), 20)
            entries.append(await bpp.lookup(subscriber_id="bap.test"))
    assert entries[0] == entries[1]
    assert len(entries[0]) == 1


async def test_a_participant_answers_no_challenge_for_an_id_that_is_not_its_own(
    registry: Registry, bpp: Platform, tmp_path: Path
) -> None:
    """Whoever subscribes another id at its URL, with its public encryption key, would make it vouch for that id."""
    settings = participant_settings(tmp_path / "bap", "bap.test", registry.peer_settings)
    async with participant(settings, Role.BAP) as victim:
        await asyncio.wait_for(victim.subscription.subscribed.wait(), 20)
        answer = await bpp.subscribe(
            url=settings.public_url, encr_public_key=victim.keyring.own.encryption_public_b64, type="BAP"
        )
        assert answer.json() == {"status": "UNDER_SUBSCRIPTION"}
        await until(lambda: attempts_are_spent(registry))
        assert await bpp.lookup(subscriber_id=bpp.id) == []


async def test_health_and_ready_are_open_and_metrics_needs_the_token(registry: Registry) -> None:
    url = registry.peer_settings.url
    token = load_or_make_token(registry.settings.data_dir)
    async with aiohttp.ClientSession() as session:
        for path, headers, status in [
            ("/health", {}, 200),
            ("/ready", {}, 200),
            ("/metrics", {}, 401),
            ("/metrics", {"Authorization": "Bearer wrong"}, 401),
            ("/metrics", {"Authorization": f"Bearer {token}"}, 200),
        ]:
            async with session.get(url + path, headers=headers) as response:
                assert (path, response.status) == (path, status)


async def test_every_answer_carries_the_headers_that_tell_a_browser_to_do_nothing_with_it(registry: Registry) -> None:
    url = registry.peer_settings.url
    async with aiohttp.ClientSession() as session:
        for method, path in [("GET", "/keys"), ("POST", "/lookup"), ("GET", "/no-such-page"), ("GET", "/metrics")]:
            async with session.request(method, url + path, json={}) as response:
                assert response.headers["X-Content-Type-Options"] == "nosniff"
                assert response.headers["X-Frame-Options"] == "DENY"
                assert "default-src 'none'" in response.headers["Content-Security-Policy"]
                # That is for listeners with TLS only.
                assert "Strict-Transport-Security" not in response.headers


async def test_metrics_count_what_was_answered(registry: Registry, bpp: Platform) -> None:
    await bpp.join()
    await bpp.subscribe(signing_public_key="weak")
    token = load_or_make_token(registry.settings.data_dir)
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
        session.get(f"{registry.peer_settings.url}/metrics") as response,
    ):
        lines = (await response.text()).splitlines()
    assert 'beckn_messages_received_total{action="subscribe",outcome="ACK"} 1.0' in lines
    assert 'beckn_messages_received_total{action="subscribe",outcome="registry-subscribe"} 1.0' in lines


async def test_a_port_that_is_taken_is_said_in_one_line(registry: Registry, tmp_path: Path) -> None:
    port = registry.settings.port
    second = Registry(registry_settings(tmp_path / "second", port=port))
    with pytest.raises(SettingsWrong, match=f"port {port} on 127.0.0.1 is in use"):
        await second.start()


def test_settings_are_read_from_a_file_and_the_rest_are_defaults(tmp_path: Path) -> None:
    file = tmp_path / "registry.toml"
    file.write_text(
        'subscriber_id = "registry.test"\ndata_dir = "/var/lib/registry"\npublic_url = "http://127.0.0.1:4000"\n'
        "port = 4000\nkey_validity_days = 90\n[challenge]\nmax_attempts = 2\n"
    )
    read = load(file, RegistryServerSettings)
    assert (read.port, read.key_validity_days, read.lookup_rows_max) == (4000, 90, 1_000)
    assert read.challenge == ChallengeSettings(max_attempts=2)
    assert read.registry is None


def test_a_setting_that_the_registry_does_not_know_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "registry.toml"
    file.write_text(
        'subscriber_id = "r"\ndata_dir = "d"\npublic_url = "http://127.0.0.1:1"\n[challenge]\nlifetime = 1\n'
    )
    with pytest.raises(SettingsWrong, match=r"challenge.lifetime is not a setting; did you mean lifetime_s\?"):
        load(file, RegistryServerSettings)


async def test_the_migrated_database_has_the_declared_tables(database_url: str) -> None:
    database = Database(database_url, (VERSIONS,))
    await database.start()
    found = await database.read(lambda tx: compare_metadata(MigrationContext.configure(tx), store.metadata))
    await database.stop()
    assert [item for item in found if "alembic_version" not in str(item)] == []
