"""One producer's personal data, exported and erased on both platforms after a real trade."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from bap.client import AsyncBapClient
from bap.store.tables import contracts as bap_contracts
from beckn_battery.network import Network
from bpp.store.tables import contracts as bpp_contracts
from energy.offers import Place
from node.tables import inbox, outbox
from tests.beckn_battery.command import finished
from tests.journeys.trading import WAIT_S, need, put_battery
from tests.journeys.trading import select as ask

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASHA = {"name": "Asha Rao", "email": "asha@farms.example", "phone": "+91 80 5550 0100", "address": "Hebbal 7"}


async def run(network: Network, role: str, *arguments: str) -> tuple[int, str, str]:
    done = await asyncio.to_thread(finished, *arguments, "--config", str(network.local.file(role)))
    return done.returncode, done.stdout.decode(), done.stderr.decode()


async def stored(network: Network) -> str:
    """Every document of both platforms that a person may be in."""

    def texts(tx: Any, columns: list[Any]) -> list[str]:
        values = [value for column in columns for value in tx.scalars(select(column)).all() if value is not None]
        return [value.stored.decode() for value in values]

    both = [inbox.c.body, outbox.c.body]
    bap = await network.bap.participant.database.read(lambda tx: texts(tx, [bap_contracts.c.document, *both]))
    own = [bpp_contracts.c.billing, bpp_contracts.c.consented_by, *both]
    return "\n".join(bap + await network.bpp.participant.database.read(lambda tx: texts(tx, own)))


async def test_a_persons_data_is_exported_and_erased_once_the_contract_is_over(
    network: Network, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    await put_battery(operator, "private", place)
    contract = await ask(client, await need(client, place))
    await client.init(contract["contract_id"], ASHA, wait_s=WAIT_S)
    await client.confirm(contract["contract_id"], consent=True, wait_s=WAIT_S)

    code, text, errors = await run(network, "bpp", "privacy", "erase", "--email", ASHA["email"], "--yes")
    assert (code, errors) == (0, "")
    assert "the contract is running, and its invoice needs it" in text
    await client.cancel(contract["contract_id"], reason_id="1", reason="over", wait_s=WAIT_S)

    code, text, errors = await run(network, "bap", "privacy", "export", "--name", "asha RAO")
    assert (code, errors) == (0, "")
    exported = json.loads(text)["found"]
    assert {one["where"] for one in exported} >= {"contracts", "inbox", "outbox"}
    assert ASHA.items() <= exported[0]["data"][0].items()

    for role in ("bap", "bpp"):
        code, text, errors = await run(network, role, "privacy", "erase", "--email", ASHA["email"], "--yes")
        assert (code, errors) == (0, "")
        # Only what the law keeps stays: the invoice over the fee of the cancellation.
        kept = [line for line in text.splitlines() if line.startswith("kept")]
        assert all("kept in invoices" in line and "the law keeps invoices" in line for line in kept)
        assert (await run(network, role, "audit", "verify"))[0] == 0
        _, text, _ = await run(network, role, "privacy", "export", "--email", ASHA["email"])
        assert {one["where"] for one in json.loads(text)["found"]} <= {"invoices"}
    text = await stored(network)
    assert not any(value in text for value in ASHA.values())
    assert (await client.contract(contract["contract_id"]))["stage"] == "CANCELLED"


async def test_nobody_is_erased_without_being_named(network: Network) -> None:
    code, _, errors = await run(network, "bap", "privacy", "erase", "--yes")
    assert code == 2
    assert "--email, --name or --phone" in errors
