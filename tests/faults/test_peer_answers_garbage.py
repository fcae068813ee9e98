"""A peer answers something that is no acknowledgement: the letter waits, is tried again, and arrives once."""

from __future__ import annotations

from itertools import count

import httpx
import pytest

from bap.client import AsyncBapClient
from energy.offers import Place
from node.tables import PENDING
from tests.faults.answers import answering, raw
from tests.faults.once import LETTER, SETTLED_WITHIN_S, check_once, confirm, ready_to_confirm
from tests.faults.processes import Processes
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGES = {
    "a page": b"<html><body>Welcome to nginx!</body></html>",
    "half an ACK": b'{"message":{"ack":{"stat',
    "no text": bytes(range(128, 256)),
}
_numbers = count()


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES.keys())
async def test_a_200_that_is_no_json_is_no_acknowledgement(
    processes: Processes, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place, page: bytes
) -> None:
    battery_id = f"garbage-{next(_numbers)}"
    contract_id = await ready_to_confirm(client, operator, battery_id, place)
    proxy = processes.proxies["bpp"]
    with proxy.during("confirm", answering(200, page)):
        before = len(proxy.times("confirm"))
        await confirm(client, contract_id)
        await until(lambda: len(proxy.times("confirm")) - before >= 2, SETTLED_WITHIN_S, "a second attempt")
        assert processes.rows("bap", LETTER, contract_id, "confirm")[0][0] == PENDING
    await check_once(processes, contract_id, battery_id)


async def test_bytes_that_are_no_http_are_no_acknowledgement(
    processes: Processes, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    contract_id = await ready_to_confirm(client, operator, "no-http", place)
    proxy = processes.proxies["bpp"]
    before = len(proxy.times("confirm"))
    proxy.once("confirm", raw(b"220 mail.example ESMTP\r\n\x00\xff" * 100))
    await confirm(client, contract_id)
    await check_once(processes, contract_id, "no-http")
    assert len(proxy.times("confirm")) - before == 2
