"""A newcomer whose TLS certificate does not hold is INVALID_SSL, and in as soon as it answers with one that does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node.inbox import Decision, Received
from node.participant import Participant
from node.settings import NetworkSettings, NodeSettings, TimeLimits
from protocol.actions import Role
from protocol.errors import TradeRefused
from registry.app import Registry
from tests.certificates import Authority, authority
from tests.ports import free_port
from tests.registry.platforms import registry_settings
from tests.registry.test_admin import call
from tests.registry.test_audit import logged
from tests.waiting import until

BAP = "bap.test"


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return authority(tmp_path / "ours")


@pytest.fixture
async def strict(ours: Authority, tmp_path: Path) -> AsyncIterator[Registry]:
    """A registry that trusts no authority but ours."""
    network = NetworkSettings(allow_private_addresses=True, ca_file=ours.file)
    server = Registry(registry_settings(tmp_path / "registry", network=network))
    await server.start()
    yield server
    await server.stop()


def settings(registry: Registry, folder: Path) -> NodeSettings:
    port = free_port()
    return NodeSettings(
        subscriber_id=BAP,
        data_dir=folder,
        public_url=f"https://127.0.0.1:{port}/beckn",
        port=port,
        registry=registry.peer_settings,
        network=NetworkSettings(allow_private_addresses=True),
        times=TimeLimits(stop_within_s=1),
    )


def refused(_received: Received, refusal: TradeRefused) -> Decision:
    raise AssertionError(refusal.sentence)


@asynccontextmanager
async def running(made: NodeSettings) -> AsyncIterator[Participant]:
    started = Participant(made, Role.BAP, versions=())
    started.serve({}, refused, lambda *_: None)
    await started.start()
    try:
        yield started
    finally:
        await started.stop()


async def state_of(registry: Registry) -> Any:
    status, content = await call(registry, "GET", "subscribers")
    assert status == 200
    return [(one["subscriber_id"], one["status"]) for one in content["subscribers"]]


async def test_a_newcomer_with_a_certificate_of_nobody_we_trust_is_invalid_ssl_until_it_has_a_good_one(
    strict: Registry, ours: Authority, tmp_path: Path
) -> None:
    made = settings(strict, tmp_path / "bap")
    foreign = authority(tmp_path / "foreign", "foreign authority").issue(BAP)
    async with running(replace(made, tls=foreign)) as bad:

        async def is_invalid() -> bool:
            return bool(await state_of(strict) == [(BAP, "INVALID_SSL")])

        await until(is_invalid, what="INVALID_SSL")
        assert not bad.subscription.subscribed.is_set()
    async with running(replace(made, tls=ours.issue(BAP))) as good:
        await until(good.subscription.subscribed.is_set, what="SUBSCRIBED")
    assert await state_of(strict) == [(BAP, "SUBSCRIBED")]
    events = [change["event"] for _, change in await logged(strict)]
    assert (events[:2], events[-1]) == (["applied", "invalid-ssl"], "proven")
