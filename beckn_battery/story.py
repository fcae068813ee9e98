"""The story that ``beckn-battery demo`` tells: a producer stores its surplus in a battery, gets it back, and is billed.

Every step goes over the producer platform's public API with its public client, as an app would; nothing reaches into
a server. A step that does not happen raises `StoryFailed`, and the command's exit code says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from bap.client import AsyncBapClient
from energy.intervals import align_up
from protocol.moments import parse_timestamp

ENERGY_WH = 300_000
CHARGE_H, HOLD_H, GIVEBACK_H = 2, 1, 2
LEAD_MINUTES = 45
ANSWER_WITHIN_S = 10
FINISH_WITHIN_S = 60
RADIUS_M = 40_000
PLACE = ("12.971600", "77.594600")
ENDED = frozenset({"COMPLETE", "CANCELLED"})


class StoryFailed(Exception):
    """A step of the story did not happen; the sentence says which and what came instead."""


@dataclass
class Story:
    """What happened, for ``--json`` and the screen."""

    search: dict[str, Any] = field(default_factory=dict)
    contract: dict[str, Any] = field(default_factory=dict)
    readings: list[dict[str, Any]] = field(default_factory=list)
    invoice: dict[str, Any] = field(default_factory=dict)


Show = Callable[[str, Story], None]


async def tell(client: AsyncBapClient, show: Show, sleep: Callable[[float], Any]) -> Story:
    """Run the story; ``show(step, story)`` is called after each step and each new live state.

    Raises:
        StoryFailed: see the class.
    """
    story = Story()
    await _find(client, story, show)
    await _agree(client, story, show)
    await _ask(client, story, show)
    await _follow(client, story, show, sleep)
    story.readings = await client.readings(story.contract["contract_id"])
    story.invoice = await client.invoice(story.contract["contract_id"])
    show("invoice", story)
    await client.rating(story.contract["contract_id"], value=5)
    show("rated", story)
    return story


async def _find(client: AsyncBapClient, story: Story, show: Show) -> None:
    clock = await client.trade_time()
    charge_start = align_up(parse_timestamp(clock["trade_time"]) + timedelta(minutes=LEAD_MINUTES))
    charge_end = charge_start + timedelta(hours=CHARGE_H)
    back_start = charge_end + timedelta(hours=HOLD_H)
    story.search = await client.search(
        energy_wh=ENERGY_WH,
        charge=(charge_start, charge_end),
        giveback=(back_start, back_start + timedelta(hours=GIVEBACK_H)),
        near=PLACE,
        radius_m=RADIUS_M,
        mode="Automatic Dispatch",
        wait_s=ANSWER_WITHIN_S,
    )
    if not any(offer["fits"] for offer in story.search["offers"]):
        raise StoryFailed("search: no battery that fits was offered")
    show("offers", story)


async def _agree(client: AsyncBapClient, story: Story, show: Show) -> None:
    best = story.search["offers"][0]
    contract = await client.select(story.search["search_id"], best["offer_id"], wait_s=ANSWER_WITHIN_S)
    story.contract = _reached(contract, "SELECTED")
    show("quote", story)
    contract = await client.init(contract["contract_id"], billing=None, wait_s=ANSWER_WITHIN_S)
    story.contract = _reached(contract, "INITIALISED")
    show("terms", story)
    contract = await client.confirm(contract["contract_id"], consent=True, wait_s=ANSWER_WITHIN_S)
    story.contract = _reached(contract, "ACTIVE")
    show("contract", story)


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


async def _follow(client: AsyncBapClient, story: Story, show: Show, sleep: Callable[[float], Any]) -> None:
    waited_s, pause_s = 0.0, 0.1
    while story.contract["status"] not in ENDED or story.contract["invoice"] is None:
        if waited_s > FINISH_WITHIN_S:
            state = story.contract["state"]
            raise StoryFailed(f"the contract was not settled within {FINISH_WITHIN_S} s; its last state is {state}")
        await sleep(pause_s)
        waited_s += pause_s
        story.contract = await client.contract(story.contract["contract_id"])
        show("live", story)


def _reached(contract: dict[str, Any], stage: str) -> dict[str, Any]:
    if contract["stage"] != stage:
        raise StoryFailed(f"expected the contract to be {stage}; it is {contract['stage']}: {contract['error']}")
    return contract

