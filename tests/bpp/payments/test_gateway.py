"""The gateway: a real process makes links and sends signed events; forged and repeated ones change nothing."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer

from bpp.payments.settings import PaymentsSettings
from bpp.store import payments as store
from bpp.store.payment_tables import payments
from energy.offers import StatusRequest
from energy.payment_webhooks import signed
from energy.payments import State
from tests.beckn_battery.command import PROJECT
from tests.bpp.payments.conftest import KEY, Billed, gateway_settings
from tests.bpp.platform import Platform
from tests.ports import free_port

EVENTS = "/beckn/payments/gateway"


@dataclass
class Server:
    """The platform on a port, with a gateway in its settings."""

    client: Any
    folder: Path
    gateway_url: str


@pytest.fixture
async def server(platform: Platform, tmp_path: Path) -> AsyncIterator[Server]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    gateway = gateway_settings(tmp_path, url)
    platform.desk.settings = replace(platform.desk.settings, payments=PaymentsSettings(gateway=gateway))
    async with TestClient(TestServer(platform.bpp.participant.app)) as client:
        client.session.headers["Authorization"] = f"Bearer {platform.bpp.participant.token}"
        yield Server(client, tmp_path, url)


def event(billed: Billed, kind: str = "payment.captured", **more: str) -> bytes:
    data = {"payment_id": "pay_1", "reference": billed.number, "amount": "5610.90", "currency": "INR"}
    return orjson.dumps({"type": kind, "data": data | more})


async def send(server: Server, billed: Billed, body: bytes, event_id: str = "evt_1", key: bytes = KEY) -> Any:
    headers = signed(key, event_id, int(billed.platform.clock.now.timestamp()), body)
    return await server.client.post(EVENTS, data=body, headers=headers)


async def test_an_event_pays_the_bill_once_however_often_it_is_sent(server: Server, billed: Billed) -> None:
    first = await send(server, billed, event(billed))
    assert (first.status, (await first.json())["outcome"]) == (200, "It was matched by its reference.")
    again = await send(server, billed, event(billed))
    assert (again.status, "came before" in (await again.json())["outcome"]) == (200, True)
    another = await send(server, billed, event(billed), "evt_2")
    assert (await another.json())["outcome"].startswith("Left to a person")
    (booked,) = await billed.platform.database.read(lambda tx: store.latest(tx, 10))
    assert booked.payment.state is State.USED


async def test_a_forged_or_old_event_is_refused_and_changes_nothing(server: Server, billed: Billed) -> None:
    forged = await send(server, billed, event(billed), key=b"x" * 32)
    assert forged.status == 401
    body = event(billed)
    headers = signed(KEY, "evt_1", int(billed.platform.clock.now.timestamp()) - 301, body)
    old = await server.client.post(EVENTS, data=body, headers=headers)
    assert (old.status, "sent again" in (await old.json())["detail"]) == (401, True)
    unsigned = await server.client.post(EVENTS, data=body)
    assert unsigned.status == 401
    assert await billed.platform.database.read(lambda tx: store.latest(tx, 10)) == []


async def test_another_event_under_a_known_id_is_refused(server: Server, billed: Billed) -> None:
    await send(server, billed, event(billed))
    other = await send(server, billed, event(billed, amount="1.00"))
    assert other.status == 409


async def test_a_card_number_in_an_event_reaches_no_table(server: Server, billed: Billed) -> None:
    body = event(billed, reference="4111 1111 1111 1111", card="4111111111111111")
    assert (await send(server, billed, body)).status == 200
    rows = await billed.platform.database.read(lambda tx: tx.execute(payments.select()).all())
    assert rows
    assert all(b"4111" not in bytes(row.details.stored) for row in rows)


async def test_a_chargeback_event_opens_the_bill_again(server: Server, billed: Billed) -> None:
    await send(server, billed, event(billed))
    back = await send(server, billed, event(billed, "payment.charged_back"), "evt_2")
    assert "owed again" in (await back.json())["outcome"]
    (due,) = (await billed.platform.database.read(lambda tx: store.dues(tx))).values()
    assert not due.is_paid


async def test_a_link_is_made_paid_and_refunded_through_the_gateways_own_process(
    platform: Platform, tmp_path: Path, billed: Billed
) -> None:
    port = free_port()
    gateway = gateway_settings(tmp_path, f"http://127.0.0.1:{port}")
    platform.desk.settings = replace(platform.desk.settings, payments=PaymentsSettings(gateway=gateway))
    # The process signs by the wall clock.
    platform.clock.now = platform.clock.now.fromtimestamp(int(time.time()), platform.clock.now.tzinfo)
    api = platform.bpp.participant.app
    await platform.desk.participant.client.start()
    async with TestClient(TestServer(api)) as client:
        client.session.headers["Authorization"] = f"Bearer {platform.bpp.participant.token}"
        webhook = str(client.make_url(EVENTS))
        command = [sys.executable, "-m", "simulator.payment_gateway", "--port", str(port), "--webhook-url", webhook]
        command += ["--key", "operator-key", "--secret-file", str(tmp_path / "whsec")]
        process = await asyncio.create_subprocess_exec(*command, cwd=PROJECT)
        try:
            await reachable(f"http://127.0.0.1:{port}/")
            told = await (await client.get("/api/v1/payments/instructions", params={"number": billed.number})).json()
            (way,) = told["ways"]
            status = await platform.answer("status", StatusRequest(billed.contract_id))
            assert status.order.payment is not None
            assert (status.order.payment.url, status.order.payment.paid) == (way["url"], False)
            async with aiohttp.ClientSession() as payer:
                paid = await (await payer.post(f"{way['url']}/captured")).json()
                assert paid["answer"]["outcome"] == f"It pays document {billed.number}."
                repeated = await (await payer.post(f"http://127.0.0.1:{port}/repeat")).json()
                assert "came before" in repeated["answer"]["outcome"]
                back = await (await payer.post(f"{way['url']}/charged_back")).json()
                assert "owed again" in back["answer"]["outcome"]
        finally:
            process.terminate()
            await asyncio.wait_for(process.wait(), 10)
    await platform.desk.participant.client.stop()


async def reachable(url: str) -> None:
    """Wait until the server answers."""
    deadline = time.monotonic() + 20
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(url):
                    return
            except aiohttp.ClientConnectorError:
                assert time.monotonic() < deadline, "the gateway did not start"
