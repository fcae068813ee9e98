"""One trade through a fault: the step before, and the proof on both databases that its effect is there once."""

from __future__ import annotations

import httpx

from bap.client import AsyncBapClient
from bap.shapes import Contract
from bap.store.records import RequestState
from bpp.store.tables import COMMITTED
from energy.offers import Place
from node.tables import DONE, SENT
from tests.faults.processes import Processes
from tests.journeys.trading import need, prepare, put_battery
from tests.waiting import until

SETTLED_WITHIN_S = 30
IN = "SELECT state FROM inbox WHERE transaction_id = ? AND action = ?"
OUT = "SELECT state FROM outbox WHERE transaction_id = ? AND action = ?"
LETTER = "SELECT state, response_status, last_error FROM outbox WHERE transaction_id = ? AND action = ?"
REQUESTS = "SELECT state FROM requests WHERE contract_id = ? AND action = ?"
ORDERS = "SELECT contract_id, stage FROM contracts WHERE transaction_id = ?"
UNDER_WAY = (
    "SELECT (SELECT count(*) FROM inbox WHERE state = 'PENDING')"
    " + (SELECT count(*) FROM outbox WHERE state = 'PENDING')"
)
BOOKINGS = "SELECT booking_id, state FROM bookings WHERE battery_id = ?"


async def ready_to_confirm(client: AsyncBapClient, operator: httpx.AsyncClient, battery_id: str, place: Place) -> str:
    """A contract about a battery that nobody else wants, with its terms."""
    await put_battery(operator, battery_id, place)
    return await prepare(client, await need(client, place))


async def confirm(client: AsyncBapClient, contract_id: str) -> None:
    """Send confirm and do not wait for what comes of it."""
    await client.confirm(contract_id, consent=True, wait_s=0)


async def active(client: AsyncBapClient, contract_id: str) -> Contract:
    """The contract, once it is ACTIVE at the producer's platform."""

    async def is_active() -> bool:
        contract = await client.contract(contract_id)
        assert contract["error"] is None
        return contract["stage"] == "ACTIVE"

    await until(is_active, SETTLED_WITHIN_S, "the contract ACTIVE")
    return await client.contract(contract_id)


async def check_once(processes: Processes, contract_id: str, battery_id: str) -> None:
    """Both databases hold one order, one booking, one confirm and one on_confirm, and nothing is left to do."""
    async with processes.producer() as client, processes.operator() as operator:
        contract = await active(client, contract_id)
        order_id = contract["order_id"]
        assert contract["pending"] is None
        theirs = (await operator.get("/contracts")).json()["contracts"]
        of_trade = [(one["contract_id"], one["stage"]) for one in theirs if one["transaction_id"] == contract_id]
        assert of_trade == [(order_id, "ACTIVE")]
        bookings = (await operator.get(f"/batteries/{battery_id}")).json()["bookings"]
        assert [(one["contract_id"], one["hold_until"]) for one in bookings] == [(order_id, None)]

    def all_is_said() -> bool:
        sent = processes.rows("bap", OUT, contract_id, "confirm"), processes.rows("bpp", OUT, contract_id, "on_confirm")
        return sent == ([(SENT,)], [(SENT,)])

    await until(all_is_said, SETTLED_WITHIN_S, "both letters SENT")
    assert processes.rows("bpp", IN, contract_id, "confirm") == [(DONE,)]
    assert processes.rows("bap", IN, contract_id, "on_confirm") == [(DONE,)]
    assert processes.rows("bap", REQUESTS, contract_id, "confirm") == [(RequestState.ANSWERED,)]
    assert processes.rows("bpp", ORDERS, contract_id) == [(order_id, "ACTIVE")]
    assert processes.rows("bpp", BOOKINGS, battery_id) == [(order_id, COMMITTED)]
