"""Keys of real participants change while messages flow: none is refused, and the registry knows of each step."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import tomli_w
from click.testing import CliRunner

from beckn_battery.cli import main
from energy.wire.v1.writer import write
from node.inbox import Decision, Received
from node.keybook import KeyBook, KeyState
from node.keyfile import FILE, KeyFile
from node.participant import Participant
from node.settings import KeySettings, NodeSettings, TimeLimits
from protocol import signing
from protocol.actions import Role, received_by
from protocol.context import write_body
from protocol.errors import TradeRefused
from registry.app import Registry
from tests.messages import context, intent
from tests.peers import LOCAL
from tests.ports import free_port
from tests.registry.platforms import registry_settings
from tests.waiting import until

OVERLAP = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass
class Clock:
    """The wall clock, moved forward by hand."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def _refused(_received: Received, refusal: TradeRefused) -> Decision:
    raise AssertionError(refusal.sentence)


@dataclass
class Scene:
    """A registry, a BAP whose key changes, and a BPP that gets its searches; all on one clock."""

    clock: Clock
    registry: Registry
    bap: Participant
    bpp: Participant
    config: Path
    got: list[Received] = field(default_factory=list)
    under_way: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def search(self) -> str:
        """Send one more search to the BPP, which acknowledges it; the key id that signed it."""
        own = self.bap.identity
        made = context("search", self.clock(), bap_id=own.subscriber_id, bap_uri=own.url)
        body = write_body(made, write("search", intent()))
        authorization = self.bap.keyring.authorization(body)
        answer = await self.bap.client.post(
            f"{self.bpp.identity.url}/search", body, {signing.AUTHORIZATION: authorization}
        )
        assert answer.nack is None, answer.body
        key_id = signing.parse_header(authorization).key_id.key_id
        assert key_id is not None
        return key_id

    def keys(self, *arguments: str) -> str:
        """Run ``beckn-battery keys`` for the BAP; what it prints."""
        # The command has an event loop of its own, so it needs a thread of its own.
        with ThreadPoolExecutor(1) as pool:
            result = pool.submit(CliRunner().invoke, main, ["keys", *arguments, "--config", str(self.config)]).result()
        assert result.exit_code == 0, result.output
        return result.output

    def book(self) -> KeyBook:
        """The BAP's key file."""
        settings = self.bap.settings
        return KeyFile(settings.data_dir / FILE, settings.subscriber_id).read()

    def states(self) -> list[KeyState]:
        """The states of the BAP's keys, the oldest first."""
        return [key.state for key in self.book().keys]

    async def listed(self) -> list[str]:
        """The key ids that the registry tells of the BAP, the newest first."""
        records = await self.bpp.keyring.subscribers({"subscriber_id": self.bap.identity.subscriber_id})
        return [record.key_id for record in records]

    async def forward(self, by: timedelta) -> None:
        """Move the clock while no message is under way, which would be too old when it arrives."""
        async with self.under_way:
            self.clock.ahead += by

    async def reaches(self, *states: KeyState) -> None:
        """Let time pass, and the participant look, until the keys are in these states."""

        def reached() -> bool:
            self.clock.ahead += timedelta(seconds=1)
            self.bap.key_care.wake()
            book = self.book()
            signs_with_it = self.bap.keyring.own.key_id == book.current.key_id
            return signs_with_it and [key.state for key in book.keys] == list(states)

        await until(reached, what=f"{states}")


def participant(registry: Registry, folder: Path, role: Role, clock: Clock) -> Participant:
    port = free_port()
    settings = NodeSettings(
        subscriber_id=f"{role.lower()}.test",
        data_dir=folder,
        public_url=f"http://127.0.0.1:{port}/beckn",
        port=port,
        registry=registry.peer_settings,
        network=LOCAL,
        times=TimeLimits(stop_within_s=1),
        keys=KeySettings(overlap_s=3_600, check_every_s=60),
    )
    return Participant(settings, role, versions=(), wire=clock)


def write_config(file: Path, settings: NodeSettings) -> None:
    content = {
        "subscriber_id": settings.subscriber_id,
        "data_dir": str(settings.data_dir),
        "public_url": settings.public_url,
        "a_setting_of_the_role": 1,
    }
    assert settings.registry is not None
    pinned = {name: getattr(settings.registry, name) for name in ("url", "subscriber_id", "signing_public_key")}
    pinned["encr_public_key"] = settings.registry.encr_public_key
    file.write_text(tomli_w.dumps(content | {"registry": pinned}), encoding="utf-8")


@asynccontextmanager
async def running(participant: Participant, got: list[Received]) -> AsyncIterator[Participant]:
    async def keep(received: Received) -> Decision:
        got.append(received)
        return lambda _tx: None

    participant.serve(dict.fromkeys(received_by(participant.identity.role), keep), _refused, lambda *_: None)
    await participant.start()
    try:
        await asyncio.wait_for(participant.subscription.subscribed.wait(), 20)
        yield participant
    finally:
        await participant.stop()


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    clock, got = Clock(), list[Received]()
    server = Registry(registry_settings(tmp_path / "registry"), wire=clock)
    await server.start()
    made = {role: participant(server, tmp_path / role, role, clock) for role in (Role.BAP, Role.BPP)}
    config = tmp_path / "bap.toml"
    write_config(config, made[Role.BAP].settings)
    async with running(made[Role.BAP], []) as bap, running(made[Role.BPP], got) as bpp:
        made_scene = Scene(clock, server, bap, bpp, config, got)
        yield made_scene
        await made_scene.registry.stop()


async def test_a_key_is_rotated_while_messages_flow_and_none_is_refused(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    signed_by: list[str] = []
    stop = asyncio.Event()

    async def flow() -> None:
        while not stop.is_set():
            async with scene.under_way:
                signed_by.append(await scene.search())
                await until(lambda: len(scene.got) == len(signed_by), what="the message")

    flowing = asyncio.create_task(flow())
    old = scene.bap.keyring.own
    scene.keys("rotate")
    assert scene.states() == [KeyState.CURRENT, KeyState.PENDING]
    scene.bap.key_care.wake()

    async def both_are_listed() -> bool:
        return len(await scene.listed()) == 2

    await until(both_are_listed, what="the registry lists both keys")
    # Listed, but not yet valid on a clock that is a few seconds behind: the old key goes on signing.
    assert scene.bap.keyring.own.key_id == old.key_id
    await scene.reaches(KeyState.OVERLAP, KeyState.CURRENT)
    new = scene.bap.keyring.own
    assert await scene.listed() == [new.key_id, old.key_id]
    seen = len(signed_by)
    await until(lambda: len(signed_by) > seen + 5, what="messages with the new key")
    await scene.forward(OVERLAP)
    await scene.reaches(KeyState.RETIRED, KeyState.CURRENT)
    assert await scene.listed() == [new.key_id]
    stop.set()
    await flowing
    assert set(signed_by) == {old.key_id, new.key_id}
    assert sorted(signed_by, key=[old.key_id, new.key_id].index) == signed_by
    assert len(scene.got) == len(signed_by)
    assert "signing with a new key" in caplog.text
    for own in (old, new):
        for raw in (bytes(own.signing), own.encryption.private_bytes_raw()):
            assert not any(shown in caplog.text for shown in (base64.b64encode(raw).decode(), raw.hex(), repr(raw)))


async def test_a_message_signed_with_the_old_key_arrives_during_its_overlap_and_not_after(scene: Scene) -> None:
    old = scene.bap.keyring.own
    scene.keys("rotate")
    await scene.reaches(KeyState.OVERLAP, KeyState.CURRENT)
    new = scene.bap.keyring.own
    scene.bap.keyring.own = old
    assert await scene.search() == old.key_id
    scene.bap.keyring.own = new
    scene.keys("retire", old.key_id)
    await scene.reaches(KeyState.RETIRED, KeyState.CURRENT)
    # A peer that has cached the old key sees its end when the cache has ended.
    scene.clock.ahead += timedelta(seconds=scene.bpp.settings.times.key_cache_s)
    scene.bap.keyring.own = old
    with pytest.raises(AssertionError, match="a key that the registry holds"):
        await scene.search()
    scene.bap.keyring.own = new
    assert await scene.search() == new.key_id


async def test_a_key_that_nears_its_end_at_the_registry_is_renewed_by_itself(scene: Scene) -> None:
    old = scene.bap.keyring.own
    scene.clock.ahead += 334 * DAY
    await scene.bap.key_care.step()
    assert scene.states() == [KeyState.CURRENT]
    scene.clock.ahead += 2 * DAY
    scene.bap.key_care.wake()
    await until(lambda: len(scene.states()) == 2)
    await scene.reaches(KeyState.OVERLAP, KeyState.CURRENT)
    assert scene.bap.keyring.own.key_id != old.key_id
    assert await scene.search() == scene.bap.keyring.own.key_id


async def test_a_key_made_while_the_participant_is_stopped_is_published_on_its_start(
    scene: Scene, tmp_path: Path
) -> None:
    stopped = participant(scene.registry, tmp_path / "bg", Role.BG, scene.clock)
    async with running(stopped, []):
        old = stopped.keyring.own
    write_config(scene.config, stopped.settings)
    pending = scene.keys("rotate").split()[0]
    async with running(Participant(stopped.settings, Role.BG, versions=(), wire=scene.clock), []) as started:
        scene.bap = started
        assert started.keyring.own.key_id == old.key_id
        await scene.reaches(KeyState.OVERLAP, KeyState.CURRENT)
        assert started.keyring.own.key_id == pending
        assert await scene.listed() == [pending, old.key_id]


async def test_while_the_registry_is_down_the_old_key_goes_on_signing(scene: Scene) -> None:
    old = scene.bap.keyring.own
    await scene.search()
    await scene.registry.stop()
    scene.keys("rotate")
    scene.bap.key_care.wake()
    await until(lambda: len(scene.bap.keyring.held) == 2, what="the new key is taken up")
    assert await scene.search() == old.key_id
    scene.registry = Registry(scene.registry.settings, wire=scene.clock)
    await scene.registry.start()
    await scene.reaches(KeyState.OVERLAP, KeyState.CURRENT)
    assert await scene.search() != old.key_id


def test_the_keys_are_listed_without_their_private_halves(tmp_path: Path) -> None:
    config = tmp_path / "bpp.toml"
    settings = {"subscriber_id": "bpp.test", "data_dir": str(tmp_path), "public_url": "http://127.0.0.1:1/beckn"}
    config.write_text(tomli_w.dumps(settings), encoding="utf-8")
    result = CliRunner().invoke(main, ["keys", "list", "--config", str(config)])
    own = KeyFile(tmp_path / FILE, "bpp.test").read().current
    assert result.exit_code == 0
    assert result.output.startswith(f"{own.key_id}  current since ")
    assert len(result.output) < 100


def test_a_registrys_key_is_not_rotated_alone(tmp_path: Path) -> None:
    config = tmp_path / "registry.toml"
    settings = {"subscriber_id": "registry.test", "data_dir": str(tmp_path), "public_url": "http://127.0.0.1:1"}
    config.write_text(tomli_w.dumps(settings), encoding="utf-8")
    result = CliRunner().invoke(main, ["keys", "rotate", "--config", str(config)])
    assert (result.exit_code, "pinned by every participant" in result.output) == (2, True)
