"""The story that ``beckn-battery demo`` tells: a producer stores its surplus in a battery, gets it back, and is billed.

Every step goes over the producer platform's public API with its public client, as an app would; nothing reaches into
a server. A step that does not happen raises `StoryFailed`, and the command's exit code says so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

from bap.client import AsyncBapClient
from bap.shapes import Contract, Invoice, Reading, Search
from energy.intervals import align_up
from protocol.moments import parse_timestamp

ENERGY_WH = 300_000
LEAD, CHARGE, HOLD, GIVEBACK = (timedelta(minutes=minutes) for minutes in (105, 120, 30, 120))
SECOND_ENERGY_WH, SECOND_CHANGED_WH = 50_000, 80_000
ANSWER_WITHIN_S = 10
FINISH_WITHIN_S = 60
RADIUS_M = 40_000
PLACE = ("12.971600", "77.594600")
CANCELLATION = ("1", "The afternoon will be cloudy.")
ENDED = frozenset({"COMPLETE", "CANCELLED"})


class StoryFailed(Exception):
    """A step of the story did not happen; the sentence says which and what came instead."""


@dataclass
class Story:
    """What happened, for ``--json`` and the screen. A member is there once its step is."""

    search: Search = field(init=False)
    contract: Contract = field(init=False)
    second: Contract = field(init=False)
    readings: list[Reading] = field(default_factory=list)
    invoice: Invoice = field(init=False)


Show = Callable[[str, Story], None]


async def tell(client: AsyncBapClient, show: Show, sleep: Callable[[float], Awaitable[None]]) -> Story:
    """Run the story; ``show(step, story)`` is called after each step and each new live state.

    Raises:
        StoryFailed: see the class.
    """
    story = Story()
    await _find(client, story, show)
    await _agree(client, story, show)
    await _ask(client, story, show)
    await _change_of_mind(client, story, show)
    await _follow(client, story, show, sleep)
    story.readings = await client.readings(story.contract["contract_id"])
    story.invoice = await client.invoice(story.contract["contract_id"])
    show("invoice", story)
    await client.rating(story.contract["contract_id"], value=5)
    show("rated", story)
    return story


async def _find(client: AsyncBapClient, story: Story, show: Show) -> None:
    story.search = await _searched(client, ENERGY_WH, LEAD)
    show("offers", story)


async def _searched(client: AsyncBapClient, energy_wh: int, lead: timedelta) -> Search:
    clock = await client.trade_time()
    charge_start = align_up(parse_timestamp(clock["trade_time"]) + lead)
    giveback_start = charge_start + CHARGE + HOLD
    search = await client.search(
        energy_wh=energy_wh,
        charge=(charge_start, charge_start + CHARGE),
        giveback=(giveback_start, giveback_start + GIVEBACK),
        near=PLACE,
        radius_m=RADIUS_M,
        mode="Automatic Dispatch",
        wait_s=ANSWER_WITHIN_S,
    )
    if not any(offer["fits"] for offer in search["offers"]):
        raise StoryFailed("search: no battery that fits was offered")
    return search


async def _agree(client: AsyncBapClient, story: Story, show: Show) -> None:
    async for step, contract in _contracted(client, story.search):
        story.contract = contract
        show(step, story)


async def _contracted(client: AsyncBapClient, search: Search) -> AsyncIterator[tuple[str, Contract]]:
    best = search["offers"][0]
    contract = await client.select(search["search_id"], best["offer_id"], wait_s=ANSWER_WITHIN_S)
    yield "quote", _reached(contract, "SELECTED")
    contract = await client.init(contract["contract_id"], wait_s=ANSWER_WITHIN_S)
    yield "terms", _reached(contract, "INITIALISED")
    contract = await client.confirm(contract["contract_id"], consent=True, wait_s=ANSWER_WITHIN_S)
    yield "contract", _reached(contract, "ACTIVE")


async def _change_of_mind(client: AsyncBapClient, story: Story, show: Show) -> None:
    """A second contract, for tomorrow: another amount is agreed, then it is cancelled for a fee."""
    search = await _searched(client, SECOND_ENERGY_WH, timedelta(days=1))
    async for _, contract in _contracted(client, search):
        story.second = contract
    contract_id = story.second["contract_id"]
    story.second = await client.update(contract_id, energy_wh=SECOND_CHANGED_WH, wait_s=ANSWER_WITHIN_S)
    if story.second["energy_wh"] != SECOND_CHANGED_WH:
        raise StoryFailed(f"update: the amount did not change: {story.second['error']}")
    show("updated", story)
    reason_id, reason = CANCELLATION
    cancelled = await client.cancel(contract_id, reason_id=reason_id, reason=reason, wait_s=ANSWER_WITHIN_S)
    story.second = _reached(cancelled, "CANCELLED")
    show("cancelled", story)


async def _ask(client: AsyncBapClient, story: Story, show: Show) -> None:
    contract_id = story.contract["contract_id"]
    tracked = await client.track(contract_id, wait_s=ANSWER_WITHIN_S)
    if not tracked["tracking_url"]:
        raise StoryFailed("track: no live address came")
    supported = await client.support(contract_id, wait_s=ANSWER_WITHIN_S)
    if not supported["support"]:
        raise StoryFailed("support: no contact came")
    story.contract = await client.status(contract_id, wait_s=ANSWER_WITHIN_S)
    show("support", story)


async def _follow(client: AsyncBapClient, story: Story, show: Show, sleep: Callable[[float], Awaitable[None]]) -> None:
    waited_s, pause_s = 0.0, 0.1
    while story.contract["status"] not in ENDED or story.contract["invoice"] is None:
        if waited_s > FINISH_WITHIN_S:
            state = story.contract["state"]
            raise StoryFailed(f"the contract was not settled within {FINISH_WITHIN_S} s; its last state is {state}")
        await sleep(pause_s)
        waited_s += pause_s
        story.contract = await client.contract(story.contract["contract_id"])
        show("live", story)


def _reached(contract: Contract, stage: str) -> Contract:
    if contract["stage"] != stage:
        raise StoryFailed(f"expected the contract to be {stage}; it is {contract['stage']}: {contract['error']}")
    return contract
