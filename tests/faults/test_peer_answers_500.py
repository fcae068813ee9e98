"""A peer answers 500: the letter waits, is tried again, and arrives once."""

from __future__ import annotations

import httpx
import pytest

from bap.client import AsyncBapClient
from energy.offers import Place
from node.tables import PENDING
from tests.faults.answers import answering
from tests.faults.once import LETTER, SETTLED_WITHIN_S, check_once, confirm, ready_to_confirm
from tests.faults.processes import Processes
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_operator_that_answers_500_gets_the_message_again_and_acts_once(
    processes: Processes, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    contract_id = await ready_to_confirm(client, operator, "answers-500", place)
    proxy = processes.proxies["bpp"]
    with proxy.during("confirm", answering(500, b"<html>it broke</html>")):
        before = len(proxy.times("confirm"))
        await confirm(client, contract_id)
        await until(lambda: len(proxy.times("confirm")) - before >= 2, SETTLED_WITHIN_S, "a second attempt")
        [(state, status, reason)] = processes.rows("bap", LETTER, contract_id, "confirm")
        assert (state, status) == (PENDING, 500)
        assert reason.startswith("500")
        assert (await client.contract(contract_id))["pending"] is not None
    await check_once(processes, contract_id, "answers-500")


async def test_a_producer_that_answers_500_gets_the_answer_again_and_takes_it_once(
    processes: Processes, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    contract_id = await ready_to_confirm(client, operator, "answered-500", place)
    processes.proxies["bap"].once("on_confirm", answering(500))
    await confirm(client, contract_id)
    await check_once(processes, contract_id, "answered-500")
