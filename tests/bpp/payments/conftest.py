"""A platform that has billed one contract, and the operator's programs."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from bpp.payments.settings import GatewaySettings
from bpp.store import money
from bpp.store.money import IssuedInvoice
from energy.quantities import Money
from node.ids import new_token
from tests.bpp.platform import Platform

KEY = b"s" * 32


@dataclass
class Billed:
    """``number`` is the bill of ``contract_id`` over ``total``."""

    platform: Platform
    contract_id: str
    number: str
    total: Money


@pytest.fixture
async def billed(platform: Platform) -> Billed:
    """A contract with a bill over 5610.90 INR, due two weeks from now."""
    contract_id = str((await platform.buy()).order.order_id)
    return await bill(platform, contract_id, "BB/26-27/000001", Money(561_090, "INR"))


async def bill(platform: Platform, contract_id: str, number: str, total: Money) -> Billed:
    """Store a bill, as `bpp.invoicing` does."""
    issued = IssuedInvoice(
        contract_id=contract_id,
        number=number,
        token=new_token(),
        issued_at=platform.trade,
        due_at=platform.trade + timedelta(days=14),
        total=total,
        digest_sha256="0" * 64,
        document=b"{}",
    )
    await platform.database.write(lambda tx: money.add(tx, issued))
    return Billed(platform, contract_id, number, total)


@pytest.fixture
async def operator(platform: Platform) -> AsyncIterator[Any]:
    """The operator's own programs."""
    async with TestClient(TestServer(platform.bpp.participant.app)) as client:
        client.session.headers["Authorization"] = f"Bearer {platform.bpp.participant.token}"
        yield client


def gateway_settings(folder: Path, url: str) -> GatewaySettings:
    """Settings with their secret files."""
    secret, key = folder / "whsec", folder / "key"
    secret.write_text("whsec_" + base64.b64encode(KEY).decode())
    key.write_text("operator-key\n")
    return GatewaySettings(url, secret, key)
