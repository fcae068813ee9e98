"""A peer that sends too much: refused by the subscriber that signed, after its signature was verified."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bap.client import AsyncBapClient
from node.rates import Rate
from node.settings import AccessSettings
from tests.bap.market import Market, bap_settings, running
from tests.bap.test_app import NEED, WAIT_S


async def test_a_peer_over_its_rate_is_refused_and_who_only_claims_its_name_costs_it_nothing(
    market: Market, tmp_path: Path
) -> None:
    access = AccessSettings(peer_rate=Rate(per_minute=1, burst=2))
    async with running(bap_settings(tmp_path, market, access=access)) as bap:
        participant = bap.participant
        url = participant.identity.url
        async with AsyncBapClient(url.removesuffix("/beckn"), participant.token) as client:
            found = await client.search(**NEED, wait_s=WAIT_S)
        assert found["answers"] == 1
        asked = market.asked["search"]
        answer = market.answers["search"]
        assert callable(answer)
        catalog = answer(market.contents["search"])
        right, market.keys = market.keys, replace(market.keys, signing=type(market.keys.signing).generate())
        assert [await market.tell("on_search", asked, catalog) for _ in range(3)] == [401, 401, 401]
        market.keys = right
        assert [await market.tell("on_search", asked, catalog) for _ in range(2)] == [200, 429]
