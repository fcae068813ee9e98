"""What the producers do: search, select, agree, change their minds. Each does one thing after another, by the seed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, select

from bap.paperwork import submit_forms
from bap.requests import Changes, Choice, Requests
from bap.store import contracts, searches
from bap.store.records import Contract
from bap.store.tables import contracts as contract_table
from bap.store.tables import offers
from energy.intervals import align_up
from energy.offers import DispatchMode
from node.problems import Problem
from protocol.actions import Role
from protocol.errors import PeerFailed, TradeRefused
from protocol.lifecycle import Stage
from tests.simulation.settings import intent
from tests.simulation.world import Run, Site

CONTRACTS_MAX = 4
_AMOUNTS_WH = (100_000, 150_000, 200_000, 300_000)
_LEADS = (timedelta(hours=12), timedelta(hours=16), timedelta(hours=20))
_STEPS = {
    Stage.NEW: ("none",),
    Stage.SELECTED: ("init", "init", "init", "confirm"),
    Stage.INITIALISED: ("confirm", "confirm", "confirm", "init"),
    Stage.ACTIVE: ("update", "update", "update", "cancel", "status"),
    Stage.COMPLETE: ("status", "none"),
    Stage.CANCELLED: ("status", "none"),
}


async def trade(run: Run) -> None:
    """Every producer trades until the run cancels this."""
    sites = [site for site in run.sites.values() if site.member.role is Role.BAP]
    await asyncio.gather(*(_produce(run, site, random.Random(run.chance.random())) for site in sites))


async def _produce(run: Run, site: Site, chance: random.Random) -> None:
    await asyncio.sleep(chance.uniform(0.1, 0.6))
    while True:
        if site.life is not None and site.platform is not None:
            # It runs in the process, and dies with it.
            run.loop.start(site.life, _act(run, site, chance))
        await asyncio.sleep(chance.choice([0.02, 0.1, 0.3, 0.8]))


async def _act(run: Run, site: Site, chance: random.Random) -> None:
    platform = site.platform
    requests = Requests(platform.participant, platform.participant.settings)
    try:
        await _step(run, site, requests, chance)
    except (Problem, TradeRefused, PeerFailed) as refused:
        run.note(site.member.name, f"may not: {getattr(refused, 'sentence', None) or refused}"[:140])


async def _step(run: Run, site: Site, requests: Requests, chance: random.Random) -> None:
    participant = requests.participant
    database, now = participant.database, participant.clocks.wire()
    names = await database.read(_contract_ids)
    kind = chance.randrange(20)
    if names and (kind > 4 or len(names) == CONTRACTS_MAX) and kind:
        name = chance.choice(names)
        one = await database.read(lambda tx: contracts.load(tx, name))
        assert one is not None
        await _continue(run, site, requests, chance, one)
        return
    offered = await database.read(_offer_ids) if kind else []
    if not offered:
        start = align_up(participant.clocks.trade() + chance.choice(_LEADS))
        wanted = intent(chance.choice(_AMOUNTS_WH), start)
        await _write(run, site, "search", lambda tx: requests.search(tx, wanted, now))
    else:
        named, mode = chance.choice(offered), chance.choice(list(DispatchMode))
        offer = await database.read(lambda tx: searches.offer_of(tx, *named))
        assert offer is not None
        await _write(run, site, "select", lambda tx: requests.select(tx, [Choice(offer, mode=mode)], now))


async def _continue(run: Run, site: Site, requests: Requests, chance: random.Random, one: Contract) -> None:
    participant = requests.participant
    name, now, action = one.contract_id, participant.clocks.wire(), chance.choice(_STEPS[one.stage])
    submission_id = None
    if action == "confirm" and one.form is not None and one.form.url is not None:
        submission_id = one.form.submission_id or await submit_forms(participant.client, one, one.form.url)
    billing, energy_wh = participant.settings.billing.billing, chance.choice(_AMOUNTS_WH)
    writes: dict[str, Callable[[Connection], Any]] = {
        "init": lambda tx: requests.init(tx, name, billing, now),
        "confirm": lambda tx: requests.confirm(tx, name, submission_id, now),
        "update": lambda tx: requests.update(tx, name, Changes(energy_wh=energy_wh), now),
        "cancel": lambda tx: requests.cancel(tx, name, "4", "a mistake", now),
        "status": lambda tx: requests.status(tx, name, now),
    }
    if action in writes:
        await _write(run, site, f"{action} {name[:8]}", writes[action])


async def _write(run: Run, site: Site, what: str, fn: Callable[[Connection], Any]) -> None:
    await site.platform.participant.database.write(fn)
    run.note(site.member.name, f"asks for {what}")


def _offer_ids(tx: Connection) -> list[tuple[str, str]]:
    query = select(offers.c.search_id, offers.c.offer_id).order_by(offers.c.received_at_ms.desc(), offers.c.offer_id)
    return [(search_id, offer_id) for search_id, offer_id in tx.execute(query.limit(4))]


def _contract_ids(tx: Connection) -> list[str]:
    table = contract_table
    query = select(table.c.contract_id).order_by(table.c.created_at_ms.desc(), table.c.contract_id)
    return list(tx.scalars(query.limit(CONTRACTS_MAX)))
