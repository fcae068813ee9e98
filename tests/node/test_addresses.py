"""Names are judged by what they resolve to, and our own listener before it listens."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from node.addresses import CheckedResolver, check_own_addresses
from node.settings import NetworkSettings, NodeSettings, RegistrySettings, TlsSettings
from protocol.addresses import AddressRules
from protocol.errors import AddressForbidden, SettingsWrong

PUBLIC, LOOPBACK, METADATA = "93.184.215.14", "127.0.0.1", "169.254.169.254"


class ScriptedResolver(AbstractResolver):
    """Each question is answered with the next addresses; the last answer stays."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.questions = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.questions += 1
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [_result(host, port, address) for address in addresses]

    async def close(self) -> None:
        self.answers.clear()


def _result(host: str, port: int, address: str) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST)


async def test_a_name_that_was_public_and_leads_to_this_machine_now_is_refused() -> None:
    resolver = CheckedResolver(ScriptedResolver([PUBLIC], [LOOPBACK]), AddressRules())
    assert [found["host"] for found in await resolver.resolve("rebound.example", 80)] == [PUBLIC]
    with pytest.raises(AddressForbidden, match=LOOPBACK):
        await resolver.resolve("rebound.example", 80)


@pytest.mark.parametrize("private", [LOOPBACK, "::1", "10.0.0.1", "::ffff:10.0.0.1", METADATA, "fe80::1%eth0"])
async def test_one_private_address_among_public_ones_condemns_the_name(private: str) -> None:
    resolver = CheckedResolver(ScriptedResolver([PUBLIC, private]), AddressRules())
    with pytest.raises(AddressForbidden):
        await resolver.resolve("mixed.example", 80)


async def test_a_network_of_private_addresses_still_calls_no_metadata_service() -> None:
    rules = AddressRules(allow_private=True)
    assert await CheckedResolver(ScriptedResolver([LOOPBACK]), rules).resolve("bpp", 80)
    with pytest.raises(AddressForbidden):
        await CheckedResolver(ScriptedResolver([METADATA]), rules).resolve("bpp", 80)


def own(**more: object) -> NodeSettings:
    settings = NodeSettings(subscriber_id="bpp.test", data_dir=Path("bpp"), public_url="https://bpp.example/beckn")
    return replace(settings, **more)  # type: ignore[arg-type]


def registry_at(url: str) -> RegistrySettings:
    return RegistrySettings(url, "registry.test", "", "")


@pytest.mark.parametrize(
    "settings",
    [
        own(),
        own(public_url="http://localhost:4002/beckn"),
        own(host="0.0.0.0", tls=TlsSettings(Path("certificate.pem"), Path("key.pem"))),
        own(host="0.0.0.0", network=NetworkSettings(plain_http_hosts=("0.0.0.0",))),
        own(host="0.0.0.0", public_url="http://bpp.example", network=NetworkSettings(allow_plain_http=True)),
        own(public_url="http://bpp.example", network=NetworkSettings(plain_http_hosts=("BPP.example",))),
        own(registry=registry_at("https://registry.example")),
    ],
)
def test_addresses_with_tls_on_this_machine_or_named_by_a_setting_are_served(settings: NodeSettings) -> None:
    check_own_addresses(settings)
    assert settings.network.rules.allow_private is False


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (own(host="0.0.0.0"), "host 0.0.0.0: plain HTTP"),
        (own(host="::"), "host ::: plain HTTP"),
        (own(host="192.168.1.7"), "host 192.168.1.7: plain HTTP"),
        (own(public_url="http://bpp.example/beckn"), "public_url: plain HTTP"),
        (own(public_url="http://127.1/beckn"), "public_url: plain HTTP"),
        (own(public_url="bpp.example/beckn"), "public_url must be"),
        (own(public_url="https://user@bpp.example/beckn"), "public_url must be"),
        (own(registry=registry_at("http://registry.example")), "registry.url: http://registry.example is not called"),
        (own(registry=registry_at("registry.example")), "registry.url: registry.example is not called"),
        (own(registry=registry_at("http://127.0.0.1:4000")), "registry.url: http://127.0.0.1:4000 is not called"),
    ],
)
def test_an_address_that_may_not_be_used_is_a_wrong_setting_in_one_line(settings: NodeSettings, named: str) -> None:
    with pytest.raises(SettingsWrong) as caught:
        check_own_addresses(settings)
    assert caught.value.sentence.startswith(named)
    assert "\n" not in caught.value.sentence
