"""Several producers' people at once, each with one trade after the other over the public API, whatever breaks.

They compete for few batteries. What the platform answers them with success is kept, since it must be there in the end.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx

from bap.client import ApiError, AsyncBapClient
from energy.offers import Place
from tests.faults.processes import Processes
from tests.journeys.trading import DAY, HOUR, need

PAUSE_S = 0.05
SEARCH_WAIT_S = 3.0
CONTRACTS_AT_ONCE = 3
_AMOUNTS_WH = (100_000, 150_000, 200_000, 300_000)
_LEADS = (DAY, DAY + 3 * HOUR, DAY + 6 * HOUR, 2 * DAY)
_STEPS = {
    "SELECTED": ("init",),
    "INITIALISED": ("confirm", "confirm", "init"),
    "ACTIVE": ("update", "update", "cancel", "cancel", "status"),
}


@dataclass
class Told:
    """What was answered with success: it must be there, whatever dies afterwards."""

    searches: set[str] = field(default_factory=set)
    contracts: set[str] = field(default_factory=set)
    refused: int = 0
    unanswered: int = 0
    answered: int = 0


class Trader:
    """One person. ``stop`` ends it after the step that it is at."""

    def __init__(self, processes: Processes, places: Sequence[Place], chance: random.Random, told: Told) -> None:
        self._processes = processes
        self._places = places
        self._chance = chance
        self._told = told
        self._mine: list[str] = []
        self._offers: list[tuple[str, str]] = []
        self.stop = asyncio.Event()

    async def run(self) -> None:
        """Trade until told to stop."""
        async with self._processes.producer() as client:
            while not self.stop.is_set():
                try:
                    await self._step(client)
                    self._told.answered += 1
                except ApiError:
                    self._told.refused += 1
                except httpx.TransportError:
                    self._told.unanswered += 1
                await asyncio.sleep(PAUSE_S * self._chance.random())

    async def _step(self, client: AsyncBapClient) -> None:
        if len(self._mine) < CONTRACTS_AT_ONCE or self._chance.random() < 0.1:
            await self._begin(client)
            return
        contract_id = self._chance.choice(self._mine)
        known = await client.contract(contract_id)
        if known["stage"] not in _STEPS or known["error"] is not None:
            # A new one is given a moment; all else is over, or was refused.
            if known["stage"] != "NEW" or known["error"] is not None or self._chance.random() < 0.1:
                self._mine.remove(contract_id)
        elif known["pending"] is None:
            await self._continue(client, contract_id, self._chance.choice(_STEPS[known["stage"]]))

    async def _begin(self, client: AsyncBapClient) -> None:
        if not self._offers or self._chance.random() < 0.1:
            self._offers = await self._search(client) or self._offers
        if self._offers:
            contract = await client.select(*self._chance.choice(self._offers), wait_s=0)
            self._told.contracts.add(contract["contract_id"])
            self._mine.append(contract["contract_id"])

    async def _search(self, client: AsyncBapClient) -> list[tuple[str, str]]:
        place, lead = self._chance.choice(self._places), self._chance.choice(_LEADS)
        wanted = await need(client, place, self._chance.choice(_AMOUNTS_WH), lead=lead)
        search = await client.search(**wanted, wait_s=SEARCH_WAIT_S)
        self._told.searches.add(search["search_id"])
        return [(search["search_id"], offer["offer_id"]) for offer in search["offers"]]

    async def _continue(self, client: AsyncBapClient, contract_id: str, step: str) -> None:
        if step == "init":
            await client.init(contract_id, wait_s=0)
        elif step == "confirm":
            await client.confirm(contract_id, consent=True, wait_s=0)
        elif step == "update":
            await client.update(contract_id, energy_wh=self._chance.choice(_AMOUNTS_WH), wait_s=0)
        elif step == "cancel":
            await client.cancel(contract_id, reason_id="4", reason="a mistake", wait_s=0)
        else:
            await client.status(contract_id, wait_s=0)
