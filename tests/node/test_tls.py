"""TLS on real listeners: who is let in, who is called, and which settings are refused at start."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from node.client import PeerClient
from node.listening import listen
from node.participant import Participant
from node.problems import json_response
from node.settings import NetworkSettings, NodeSettings, TlsSettings, load
from node.tls import client_context, server_context
from protocol.actions import Role
from protocol.errors import PeerFailed, SettingsWrong
from registry.app import Registry
from tests.certificates import Authority, authority
from tests.ports import free_port
from tests.registry.platforms import registry_settings


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return authority(tmp_path / "ours")


@pytest.fixture
def foreign(tmp_path: Path) -> Authority:
    return authority(tmp_path / "foreign", "foreign authority")


def participant_settings(folder: Path, **more: Any) -> NodeSettings:
    port = free_port()
    url = f"https://127.0.0.1:{port}/beckn"
    return NodeSettings(subscriber_id="bap.test", data_dir=folder, public_url=url, port=port, **more)


def trusting(trusted: Authority | None) -> NetworkSettings:
    return NetworkSettings(allow_private_addresses=True, ca_file=trusted.file if trusted else None)


@asynccontextmanager
async def serving(settings: NodeSettings) -> AsyncIterator[str]:
    """A listener that answers everything; its URL."""
    app = web.Application()

    async def answer(_request: web.Request) -> web.Response:
        return json_response({"message": {"ack": {"status": "ACK"}}})

    app.router.add_route("*", "/{tail:.*}", answer)
    listener = await listen(app, settings)
    try:
        yield settings.public_url
    finally:
        await listener.stop()


async def status_of_a_call(url: str, settings: NodeSettings) -> int:
    caller = PeerClient.from_settings(settings)
    await caller.start()
    try:
        return (await caller.post(url, b"{}")).status
    finally:
        await caller.stop()


async def test_a_listener_with_a_certificate_of_the_networks_authority_is_called(
    ours: Authority, tmp_path: Path
) -> None:
    async with serving(participant_settings(tmp_path, tls=ours.issue("bpp.test"))) as url:
        assert await status_of_a_call(url, participant_settings(tmp_path, network=trusting(ours))) == 200


async def test_a_certificate_of_an_unknown_authority_is_refused(
    ours: Authority, foreign: Authority, tmp_path: Path
) -> None:
    async with serving(participant_settings(tmp_path, tls=foreign.issue("bpp.test"))) as url:
        for trusted in (ours, None):
            with pytest.raises(PeerFailed, match="certificate verify failed"):
                await status_of_a_call(url, participant_settings(tmp_path, network=trusting(trusted)))


async def test_a_certificate_for_another_name_is_refused(ours: Authority, tmp_path: Path) -> None:
    async with serving(participant_settings(tmp_path, tls=ours.issue("bpp.test"))) as url:
        with pytest.raises(PeerFailed, match="Hostname mismatch"):
            await status_of_a_call(
                url.replace("127.0.0.1", "localhost"), participant_settings(tmp_path, network=trusting(ours))
            )


async def test_an_expired_certificate_is_refused(ours: Authority, tmp_path: Path) -> None:
    expired = ours.issue("bpp.test", lifetime=timedelta(minutes=-5))
    async with serving(participant_settings(tmp_path, tls=expired)) as url:
        with pytest.raises(PeerFailed, match="expired"):
            await status_of_a_call(url, participant_settings(tmp_path, network=trusting(ours)))


async def test_plain_http_to_a_listener_with_tls_gets_no_answer(ours: Authority, tmp_path: Path) -> None:
    async with serving(participant_settings(tmp_path, tls=ours.issue("bpp.test"))) as url:
        with pytest.raises(PeerFailed):
            await status_of_a_call(
                url.replace("https:", "http:"), participant_settings(tmp_path, network=trusting(ours))
            )


@pytest.fixture
async def guarded(ours: Authority, tmp_path: Path) -> AsyncIterator[str]:
    """A listener that asks for client certificates of our authority."""
    tls = replace(ours.issue("bpp.test"), client_ca=ours.file, require_client_certificate=True)
    async with serving(participant_settings(tmp_path, tls=tls)) as url:
        yield url


async def test_a_caller_with_a_certificate_of_the_named_authority_is_let_in(
    guarded: str, ours: Authority, tmp_path: Path
) -> None:
    caller = participant_settings(tmp_path, network=trusting(ours), tls=ours.issue("bap.test"))
    assert await status_of_a_call(guarded, caller) == 200


async def test_a_caller_without_a_certificate_or_with_a_foreign_one_is_kept_out(
    guarded: str, ours: Authority, foreign: Authority, tmp_path: Path
) -> None:
    for tls in (None, foreign.issue("bap.test")):
        with pytest.raises(PeerFailed):
            await status_of_a_call(guarded, participant_settings(tmp_path, network=trusting(ours), tls=tls))


async def test_client_certificates_may_be_optional(ours: Authority, tmp_path: Path) -> None:
    tls = replace(ours.issue("bpp.test"), client_ca=ours.file)
    async with serving(participant_settings(tmp_path, tls=tls)) as url:
        assert await status_of_a_call(url, participant_settings(tmp_path, network=trusting(ours))) == 200


def test_nothing_older_than_tls_1_2_is_spoken(ours: Authority, tmp_path: Path) -> None:
    server = server_context(ours.issue("bpp.test"))
    client = client_context(participant_settings(tmp_path))
    assert server is not None
    assert server.minimum_version == client.minimum_version == ssl.TLSVersion.TLSv1_2
    assert (client.verify_mode, client.check_hostname) == (ssl.CERT_REQUIRED, True)


async def test_a_participant_joins_a_network_in_which_every_listener_asks_for_certificates(
    ours: Authority, tmp_path: Path
) -> None:
    def tls(who: str) -> TlsSettings:
        return replace(ours.issue(who), client_ca=ours.file, require_client_certificate=True)

    plain = registry_settings(tmp_path / "registry", network=trusting(ours), tls=tls("registry.test"))
    registry = Registry(replace(plain, public_url=plain.public_url.replace("http:", "https:")))
    await registry.start()
    settings = participant_settings(
        tmp_path / "bap", registry=registry.peer_settings, network=trusting(ours), tls=tls("bap.test")
    )
    made = Participant(settings, Role.BAP, versions=())
    made.serve({}, lambda _received, _refusal: lambda _tx: None, lambda _tx, _row, _reason: None)
    await made.start()
    try:
        await asyncio.wait_for(made.subscription.subscribed.wait(), 20)
        assert made.subscription.subscribed.is_set()
    finally:
        await made.stop()
        await registry.stop()


@pytest.fixture
def unusable(ours: Authority, tmp_path: Path) -> dict[str, TlsSettings]:
    good, other = ours.issue("bpp.test"), ours.issue("other.test")
    absent, text = tmp_path / "absent.pem", tmp_path / "text.pem"
    text.write_text("no certificate")
    return {
        "absent.pem": replace(good, certificate=absent),
        "No such file": replace(good, key=absent),
        "text.pem": replace(good, certificate=text),
        "key values mismatch": replace(good, key=other.key),
        "encrypted": ours.issue("locked.test", passphrase=b"secret"),
        "tls.client_ca.*No such file": replace(good, client_ca=absent),
        "tls.client_ca.*no certificates": replace(good, client_ca=text),
        "needs tls.client_ca": replace(good, require_client_certificate=True),
    }


@pytest.mark.parametrize(
    "said",
    [
        "absent.pem", "No such file", "text.pem", "key values mismatch", "encrypted", "tls.client_ca.*No such file",
        "tls.client_ca.*no certificates", "needs tls.client_ca",
    ],
)  # fmt: skip
def test_tls_settings_that_can_not_be_used_are_refused_in_one_line(unusable: dict[str, TlsSettings], said: str) -> None:
    with pytest.raises(SettingsWrong, match=said) as caught:
        server_context(unusable[said])
    assert "\n" not in caught.value.sentence


def test_a_file_of_authorities_that_is_not_there_is_a_wrong_setting(tmp_path: Path) -> None:
    settings = participant_settings(tmp_path, network=NetworkSettings(ca_file=tmp_path / "absent.pem"))
    with pytest.raises(SettingsWrong, match=r"network\.ca_file"):
        PeerClient.from_settings(settings)


async def test_a_listener_off_this_machine_without_tls_is_refused_before_it_listens(tmp_path: Path) -> None:
    with pytest.raises(SettingsWrong, match="plain HTTP"):
        await listen(web.Application(), replace(participant_settings(tmp_path), host="0.0.0.0"))


async def test_a_listener_off_this_machine_with_tls_serves(ours: Authority, tmp_path: Path) -> None:
    settings = replace(participant_settings(tmp_path, tls=ours.issue("bpp.test")), host="0.0.0.0")
    async with serving(settings) as url:
        assert await status_of_a_call(url, participant_settings(tmp_path, network=trusting(ours))) == 200


def test_tls_and_network_are_sections_of_the_settings_file(tmp_path: Path) -> None:
    file = tmp_path / "bpp.toml"
    file.write_text(
        'subscriber_id = "bpp.test"\ndata_dir = "bpp"\npublic_url = "https://bpp.example/beckn"\n'
        '[network]\nallow_private_addresses = true\nplain_http_hosts = ["bap.internal"]\nca_file = "ca.pem"\n'
        '[tls]\ncertificate = "bpp.pem"\nkey = "bpp.key"\nclient_ca = "ca.pem"\nrequire_client_certificate = true\n'
    )
    settings = load(file, NodeSettings)
    assert settings.network == NetworkSettings(True, False, ("bap.internal",), Path("ca.pem"))
    assert settings.tls == TlsSettings(Path("bpp.pem"), Path("bpp.key"), Path("ca.pem"), True)
