"""A peer answers 302: nobody goes there, and the letter waits for the peer itself."""

from __future__ import annotations

import httpx
import pytest

from bap.client import AsyncBapClient
from energy.offers import Place
from node.tables import PENDING
from tests.faults.answers import answering
from tests.faults.once import LETTER, SETTLED_WITHIN_S, check_once, confirm, ready_to_confirm
from tests.faults.processes import Processes
from tests.peers import peer
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_redirect_leads_nowhere_and_the_message_arrives_once_where_it_belongs(
    processes: Processes, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    contract_id = await ready_to_confirm(client, operator, "redirects", place)
    proxy = processes.proxies["bpp"]
    async with peer() as elsewhere:
        with proxy.during("confirm", answering(302, Location=f"{elsewhere.url}/confirm")):
            before = len(proxy.times("confirm"))
            await confirm(client, contract_id)
            await until(lambda: len(proxy.times("confirm")) - before >= 2, SETTLED_WITHIN_S, "a second attempt")
            [(state, _, reason)] = processes.rows("bap", LETTER, contract_id, "confirm")
            assert (state, "a redirect (302)" in reason) == (PENDING, True)
        await check_once(processes, contract_id, "redirects")
        assert elsewhere.arrivals == []
