"""Both platforms on PostgreSQL: one whole trade to its invoice, and the last capacity is sold once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select

from bap.calls import ApiError
from bap.client import AsyncBapClient
from beckn_battery.network import Network
from energy.invoices import check
from energy.offers import CancelRequest, Place
from energy.wire.v1.writer import write
from node.ids import new_uuid
from node.tables import outbox
from protocol.context import read_context, write_body
from protocol.errors import CANCELLATION_NOT_POSSIBLE
from simulator.fleet import CENTRE
from tests import postgres
from tests.journeys import network as networks
from tests.journeys.subscriber import send
from tests.journeys.trading import HOUR, RIVALS, WAIT_S, close, need, prepare, put_battery, winner_of
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SPEED = 3_600
SETTLED_WITHIN_S = 40


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network(databases: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Network]:
    """Both platforms on databases of their own; quotes hold nothing, so that confirmations meet."""
    bpp, bap = databases
    async with networks.running(
        tmp_path_factory.mktemp("network"),
        speed=SPEED,
        batteries=3,
        bpp={"database_url": bpp, "terms": {"hold_s": 0}},
        bap={"database_url": bap},
    ) as started:
        yield started


@pytest.fixture(scope="module")
def databases(postgres_server: str) -> tuple[str, str]:
    """The operator's and the producer's database."""
    return postgres.new_database(postgres_server), postgres.new_database(postgres_server)


async def cancelled_by_hand(network: Network, contract_id: str, order_id: str) -> str:
    """A cancel that the producer's platform would not send; the code of the operator's answer."""
    bap, bpp = network.bap.participant, network.bpp.participant
    of_trade = select(outbox.c.body).where(outbox.c.transaction_id == contract_id, outbox.c.action == "confirm")
    confirmed = read_context(json.loads(await bap.database.read(lambda tx: tx.scalars(of_trade).one().stored)))
    context = replace(confirmed, action="cancel", message_id=new_uuid(), timestamp=bap.clocks.wire())
    body = write_body(context, write("cancel", CancelRequest(order_id, "1", "Too late.")))
    headers = {"Content-Type": "application/json", "Authorization": bap.keyring.authorization(body)}
    assert (await send(f"{bpp.identity.url}/cancel", body, headers)).status == 200
    answer = select(outbox.c.body).where(outbox.c.message_id == context.message_id)

    async def answered() -> bool:
        return await bpp.database.read(lambda tx: tx.scalar(answer)) is not None

    await until(answered, what="on_cancel")
    content = json.loads(await bpp.database.read(lambda tx: tx.scalars(answer).one().stored))
    code: str = content["error"]["code"]
    return code


async def test_a_whole_trade_ends_with_an_invoice_that_is_as_agreed_and_can_not_be_cancelled_any_more(
    network: Network, client: AsyncBapClient
) -> None:
    wanted = await need(client, CENTRE, 50_000, lead=3 * HOUR, length=HOUR)
    contract = await close(client, {**wanted, "radius_m": 40_000, "mode": "Automatic Dispatch"})
    contract_id = contract["contract_id"]

    async def settled() -> bool:
        return (await client.contract(contract_id))["invoice"] is not None

    await until(settled, SETTLED_WITHIN_S, "the invoice")
    done, invoice = await client.contract(contract_id), await client.invoice(contract_id)
    assert (done["stage"], done["status"], done["state"]) == ("COMPLETE", "COMPLETE", "transaction-settled")
    assert (check(invoice["document"]), invoice["differences"]) == ([], [])
    assert done["quote"] is not None
    assert invoice["document"]["total"] == done["quote"]["total"]["amount"]
    readings = await client.readings(contract_id)
    assert readings[-1]["energy_in_wh"] == 50_000
    assert max(Decimal(one["soc_percent"] or 0) for one in readings) > Decimal(readings[-1]["soc_percent"] or 0)
    with pytest.raises(ApiError, match="cancel is not possible while the transaction is COMPLETE"):
        await client.cancel(contract_id, reason_id="1", reason="Too late.", wait_s=0)
    assert done["order_id"] is not None
    assert await cancelled_by_hand(network, contract_id, done["order_id"]) == CANCELLATION_NOT_POSSIBLE
    assert (await client.contract(contract_id))["stage"] == "COMPLETE"


async def test_of_four_confirmations_at_once_one_contract_becomes_active(
    client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    await put_battery(operator, "last-kwh", place)
    wanted = await need(client, place, lead=48 * HOUR)
    ready = [await prepare(client, wanted) for _ in range(RIVALS)]
    confirmed = [client.confirm(contract_id, consent=True, wait_s=WAIT_S) for contract_id in ready]
    active = winner_of(list(await asyncio.gather(*confirmed)), "ACTIVE")
    bookings = (await operator.get("/batteries/last-kwh")).json()["bookings"]
    assert [booking["contract_id"] for booking in bookings] == [active["order_id"]]
