"""Waiting for answers: woken by the commit that brings one, and by nothing else."""

from __future__ import annotations

import asyncio
import time

import pytest
from sqlalchemy import Connection

from bap.store.tables import news
from bap.waiting import Heard, until_answered, until_quiet
from node.database import Database, notify

LONG_S = 20


def happened(flags: list[bool]) -> bool:
    return bool(flags)


async def test_a_waiter_goes_on_with_the_commit_that_answers(database: Database) -> None:
    flags: list[bool] = []

    def answer(tx: Connection) -> None:
        flags.append(True)
        notify(tx, news("trade"))

    started = time.monotonic()
    waiter = asyncio.create_task(until_answered(database, "trade", lambda _tx: happened(flags), LONG_S))
    await database.write(answer)
    await waiter
    assert time.monotonic() - started < LONG_S / 2


async def test_what_was_answered_before_is_not_waited_for(database: Database) -> None:
    started = time.monotonic()
    await until_answered(database, "trade", lambda _tx: True, LONG_S)
    assert time.monotonic() - started < LONG_S / 2


async def test_every_waiter_of_a_trade_is_woken(database: Database) -> None:
    flags: list[bool] = []
    waiters = [
        asyncio.create_task(until_answered(database, "trade", lambda _tx: happened(flags), LONG_S)) for _ in range(3)
    ]

    def answer(tx: Connection) -> None:
        flags.append(True)
        notify(tx, news("trade"))

    await database.write(answer)
    done, pending = await asyncio.wait(waiters, timeout=LONG_S / 2)
    assert (len(done), len(pending)) == (3, 0)


async def test_a_waiter_gives_up_after_its_time(database: Database) -> None:
    started = time.monotonic()
    await until_answered(database, "trade", lambda _tx: False, 0.05)
    assert 0.05 <= time.monotonic() - started < LONG_S / 2


async def test_the_news_of_another_trade_wakes_nobody(database: Database) -> None:
    looked: list[bool] = []

    def look(_tx: Connection) -> bool:
        looked.append(True)
        return False

    waiter = asyncio.create_task(until_answered(database, "trade", look, 0.2))
    for _ in range(3):
        await database.write(lambda tx: notify(tx, news("another")))
    await waiter
    assert len(looked) == 1


async def test_a_search_waits_for_silence_after_the_first_answer_and_not_for_its_whole_time(
    database: Database,
) -> None:
    started = time.monotonic()
    await until_quiet(database, "search", lambda _tx: Heard.WHOLE, LONG_S, quiet_s=0.05, patience_s=LONG_S)
    assert 0.05 <= time.monotonic() - started < LONG_S / 2


@pytest.mark.parametrize("heard", [Heard.NOTHING, Heard.PART])
async def test_a_search_without_all_of_an_answer_is_given_more_than_the_usual_silence(
    database: Database, heard: Heard
) -> None:
    started = time.monotonic()
    await until_quiet(database, "search", lambda _tx: heard, 0.2, quiet_s=0.01, patience_s=LONG_S)
    assert 0.2 <= time.monotonic() - started < LONG_S / 2


@pytest.mark.parametrize("heard", [Heard.NOTHING, Heard.PART])
async def test_a_search_to_which_nothing_more_comes_ends_before_its_whole_time(
    database: Database, heard: Heard
) -> None:
    started = time.monotonic()
    await until_quiet(database, "search", lambda _tx: heard, LONG_S, quiet_s=0.01, patience_s=0.1)
    assert 0.1 <= time.monotonic() - started < LONG_S / 2
