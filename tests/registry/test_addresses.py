"""A URL that nobody may call never gets into the registry, and the registry itself is led nowhere by one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.settings import NetworkSettings
from registry.app import Registry
from tests.registry.platforms import Platform, attempts_are_spent, platform, registry_settings
from tests.waiting import until


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[Registry]:
    """A registry with safe defaults: public addresses with TLS only."""
    server = Registry(registry_settings(tmp_path / "registry", network=NetworkSettings()))
    await server.start()
    yield server
    await server.stop()


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("https://127.0.0.1:8443/beckn", "registry-address"),
        ("https://10.1.2.3/beckn", "registry-address"),
        ("https://169.254.169.254/latest", "registry-address"),
        ("https://localhost/beckn", "registry-address"),
        ("https://LOCALHOST:8443/beckn", "registry-address"),
        ("https://[::1]/beckn", "registry-address"),
        ("https://[::ffff:a01:203]/beckn", "registry-address"),
        ("https://2130706433/beckn", "registry-address-form"),
        ("https://127.1/beckn", "registry-address-form"),
        ("http://bpp.example/beckn", "registry-address-tls"),
    ],
)
async def test_an_application_with_a_url_that_may_not_be_called_is_refused(bpp: Platform, url: str, rule: str) -> None:
    answer = await bpp.subscribe(url=url)
    assert answer.status == 400
    tags = answer.json()["message"]["ack"]["tags"][0]["list"]
    assert {"descriptor": {"code": "rule"}, "value": rule} in tags
    assert answer.json()["error"]["paths"] == "/url"
    assert bpp.challenges() == []


async def test_plain_http_is_subscribed_where_the_network_names_the_host(tmp_path: Path) -> None:
    named = NetworkSettings(plain_http_hosts=("bpp.invalid",))
    server = Registry(registry_settings(tmp_path / "named", network=named))
    await server.start()
    try:
        async with platform(server.peer_settings) as made:
            answer = await made.subscribe(url="http://bpp.invalid/beckn")
            assert answer.json() == {"status": "UNDER_SUBSCRIPTION"}
            # The name does not exist, so the challenge is not answered and the platform is never listed.
            await until(lambda: attempts_are_spent(server))
            assert await made.lookup(subscriber_id=made.id) == []
    finally:
        await server.stop()
