"""Finding batteries: the search index of one platform, kept true to the database, and asked together with it.

- The index (`bpp.discovery`) is in memory. It is filled from the database at the start and follows the numbered changes
  (`bpp.store.changes`): a search begins with those that it has not seen yet, so it sees everything that was committed
  before it began, by this process or by another. Every `LOOK_EVERY_S` they are taken up without a search too.
- The index only proposes. Every battery that is answered was held against its book as the database has it, and against
  what its neighbours on a site have: held, sold and curtailed capacity is never offered.
- Batches of candidates are looked at until enough are found that nobody who comes later can be better.
"""

from __future__ import annotations

import asyncio
import gc
import heapq
import logging
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import islice

from sqlalchemy import Connection

from bpp.candidates import Candidate, Found, Rank
from bpp.capacity import Book
from bpp.catalog import is_named
from bpp.discovery import FleetIndex
from bpp.store import books, fleet
from energy.offers import CancellationTerms, Provider
from energy.searches import SearchIntent
from node.clocks import Clocks, Moment
from node.database import Database

logger = logging.getLogger(__name__)

CHANGES_PER_READ = 100
LOOK_EVERY_S = 0.5
BATCH_MIN = 8
BATCH_MAX = 256
TIES_MAX = 500
"""So many candidates of one price and distance are looked at in order to tell the first by their ids."""


class Finder:
    """The search index of one platform: `start` it, `stop` it. `find` works without either, only later."""

    def __init__(self, database: Database, provider: Provider, cancellation: CancellationTerms, clocks: Clocks) -> None:
        self._database = database
        self._provider = provider
        self._cancellation = cancellation
        self._clocks = clocks
        self._index = FleetIndex()
        self._seen_no = 0
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the fleet and begin to follow its changes."""
        await self.refresh()
        # The fleet's objects stay: a garbage collection that looks at a million of them would stop everybody else.
        gc.collect()
        gc.freeze()
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Follow no more."""
        self._stopping.set()
        if self._task is not None:
            await self._task

    async def refresh(self) -> None:
        """Bring the index up to what is committed now."""
        is_behind = True
        while is_behind:
            # A large fleet is read in pieces, between which others have their turn.
            is_behind = await self._database.read(self._is_behind)

    async def find(self, intent: SearchIntent, moment: Moment, limit: int, home_city: str | None = None) -> list[Found]:
        """The first ``limit`` batteries that serve the search, in its order; equals in the order of their ids."""
        look = partial(self._found, intent=intent, moment=moment, limit=limit, home_city=home_city)
        found = await self._database.read(look)
        if found is None:
            await self.refresh()
            found = await self._database.read(look)
        return found or []

    def _found(
        self, tx: Connection, intent: SearchIntent, moment: Moment, limit: int, home_city: str | None
    ) -> list[Found] | None:
        """What is found in one look; None when so much has changed that it has to be taken up first."""
        if self._is_behind(tx):
            return None
        proposed = (
            candidate
            for candidate in self._index.candidates(intent, home_city)
            if is_named(intent, self._provider, candidate.name, candidate.words)
        )
        ranking = _Ranking(intent, limit)
        while batch := ranking.next_batch(proposed):
            window = None if intent.use is None else intent.use.booked
            ranking.judge(batch, books.books_of(tx, batch, moment, window))
        return ranking.found

    def _is_behind(self, tx: Connection) -> bool:
        """Take up the next changes; whether there may be more."""
        changed = books.changed_after(tx, self._seen_no, self._clocks.trade(), CHANGES_PER_READ)
        # A battery whose bookings have changed since is met for the first time with a number above its own.
        ids = [
            each.battery_id for each in changed if each.battery_no > self._seen_no or each.battery_id not in self._index
        ]
        listed = fleet.listed_of(tx, self._cancellation, ids) if ids else {}
        for change in changed:
            # While we were reading, another look may have come further.
            if change.change_no <= self._seen_no:
                continue
            if change.battery_id in listed:
                self._index.put(listed[change.battery_id], change.bookings)
            elif change.battery_id in self._index:
                self._index.book(change.battery_id, change.bookings)
            self._seen_no = change.change_no
        return len(changed) == CHANGES_PER_READ

    async def _follow(self) -> None:
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), LOOK_EVERY_S)
            try:
                await self.refresh()
            except Exception:
                # The next look or the next search tries again; until then the index is only less kind.
                logger.exception("the search index could not follow the fleet")


class _Ranking:
    """The best so far. ``found`` is final: nobody who has not been judged can come before any of them."""

    def __init__(self, intent: SearchIntent, limit: int) -> None:
        self._intent = intent
        self._limit = limit
        self._waiting: list[tuple[Rank, str, Found]] = []
        self._next: Candidate | None = None
        self._judged = 0
        self.found: list[Found] = []

    def next_batch(self, proposed: Iterator[Candidate]) -> list[Candidate]:
        """As many candidates as are probably needed; none when enough are found or nobody is left."""
        missing = self._limit - len(self.found)
        if missing <= 0:
            return []
        size = min(BATCH_MAX, max(BATCH_MIN, missing + missing // 8))
        first = [] if self._next is None else [self._next]
        batch = first + list(islice(proposed, size))
        self._next = next(proposed, None)
        return batch

    def judge(self, batch: list[Candidate], books: dict[str, Book]) -> None:
        """Hold the candidates against their books, and see who can not be overtaken any more."""
        self._judged += len(batch)
        for candidate in batch:
            found = candidate.found(self._intent, books[candidate.battery_id])
            if found is not None:
                heapq.heappush(self._waiting, (found.rank(self._intent.sort), found.battery_id, found))
        while self._waiting and len(self.found) < self._limit and not self._may_be_overtaken(self._waiting[0][0]):
            self.found.append(heapq.heappop(self._waiting)[2])

    def _may_be_overtaken(self, rank: Rank) -> bool:
        if self._next is None:
            return False
        coming = self._next.least_rank(self._intent.sort)
        return coming < rank or (coming == rank and self._judged < TIES_MAX + self._limit)
