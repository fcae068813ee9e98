"""A peer refuses a message with a NACK: it is not sent again, its letter is dead and says why, and both sides stand."""

from __future__ import annotations

import httpx
import orjson
import pytest

from bap.client import AsyncBapClient
from bap.store.records import UNDELIVERED
from energy.offers import Place
from node.tables import DEAD
from tests.faults.answers import answering
from tests.faults.once import IN, LETTER, ORDERS, SETTLED_WITHIN_S, active, confirm, ready_to_confirm
from tests.faults.processes import Processes
from tests.journeys.trading import WAIT_S
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

NACK = {"message": {"ack": {"status": "NACK"}}, "error": {"code": "30000", "message": "not this one"}}


@pytest.mark.parametrize("status", [200, 400])
async def test_a_request_that_is_refused_is_told_to_the_producer_and_may_be_made_anew(
    processes: Processes, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place, status: int
) -> None:
    contract_id = await ready_to_confirm(client, operator, f"nack-{status}", place)
    processes.proxies["bpp"].once("confirm", answering(status, orjson.dumps(NACK)))
    await confirm(client, contract_id)

    async def told() -> bool:
        return (await client.contract(contract_id))["error"] is not None

    await until(told, SETTLED_WITHIN_S, "the refusal")
    known = await client.contract(contract_id)
    assert known["error"] is not None
    assert (known["stage"], known["pending"], known["error"]["code"]) == ("INITIALISED", None, UNDELIVERED)
    assert processes.rows("bap", LETTER, contract_id, "confirm") == [(DEAD, status, "30000: not this one")]
    assert processes.rows("bpp", IN, contract_id, "confirm") == []
    assert (await client.confirm(contract_id, consent=True, wait_s=WAIT_S))["stage"] == "ACTIVE"


async def test_an_answer_that_is_refused_is_a_dead_letter_of_the_operator_who_can_have_it_sent_again(
    processes: Processes, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    contract_id = await ready_to_confirm(client, operator, "nack-answer", place)
    processes.proxies["bap"].once("on_confirm", answering(400, orjson.dumps(NACK)))
    await confirm(client, contract_id)

    def refused() -> bool:
        return processes.rows("bpp", LETTER, contract_id, "on_confirm") == [(DEAD, 400, "30000: not this one")]

    await until(refused, SETTLED_WITHIN_S, "the dead letter")
    assert processes.rows("bpp", ORDERS, contract_id)[0][1] == "ACTIVE"
    assert (await client.contract(contract_id))["stage"] == "INITIALISED"
    [(letter,)] = processes.rows(
        "bpp", "SELECT id FROM outbox WHERE transaction_id = ? AND state = 'DEAD'", contract_id
    )
    processes.command("outbox", "retry", str(letter), "--config", str(processes.local.file("bpp")))
    assert (await active(client, contract_id))["error"] is None
