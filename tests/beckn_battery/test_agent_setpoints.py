"""The agent tells its devices what the platform says, and says back what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import orjson

from beckn_battery.agent_setpoints import AgentSetpoints
from node.telemetry.control import ControlLost, ControlRefused
from protocol.retry import RetrySchedule
from tests.waiting import until

SOON = RetrySchedule(first_delay_s=0.01, max_delay_s=0.02)
SHED = "shed-1"


class Box:
    """A device that takes what it is told, unless ``fails``."""

    def __init__(self) -> None:
        self.told: list[tuple[int | None, int]] = []
        self.fails: Exception | None = None

    async def set_power(self, battery_id: str, power_w: int | None, revert_after_s: int) -> None:
        assert battery_id == SHED
        if self.fails is not None:
            raise self.fails
        self.told.append((power_w, revert_after_s))


class Platform:
    """Answers as the platform does: at once when the number is another, else a moment later."""

    def __init__(self) -> None:
        self.number = 1
        self.power_w: int | None = 5_000
        self.outcomes: list[dict[str, object]] = []
        self.is_down = False
        self.asked = 0

    async def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if self.is_down:
            raise httpx.ConnectError("down")
        if request.method == "POST":
            self.outcomes.append(orjson.loads(request.content))
            return httpx.Response(200, json={})
        if request.url.params.get("after") == str(self.number):
            await asyncio.sleep(0.01)
        revert = None if self.power_w is None else 300
        return httpx.Response(200, json={"number": self.number, "power_w": self.power_w, "revert_after_s": revert})


@asynccontextmanager
async def running(platform: Platform, box: Box) -> AsyncIterator[None]:
    transport = httpx.MockTransport(platform.answer)
    async with httpx.AsyncClient(base_url="http://bpp.example/api/v1/", transport=transport) as http:
        setpoints = AgentSetpoints(http, {SHED: box}, SOON)
        await setpoints.start()
        try:
            yield
        finally:
            await setpoints.stop()


def said(platform: Platform, outcome: str) -> Callable[[], bool]:
    return lambda: any(one["outcome"] == outcome for one in platform.outcomes)


async def test_a_set_point_is_written_said_once_and_written_again_to_hold_it() -> None:
    platform, box = Platform(), Box()
    async with running(platform, box):
        await until(lambda: len(box.told) >= 3, what="the set-point thrice")
    assert set(box.told) == {(5_000, 300)}
    assert platform.outcomes == [{"number": 1, "outcome": "applied", "detail": ""}]


async def test_a_battery_that_is_its_own_again_is_released() -> None:
    platform, box = Platform(), Box()
    async with running(platform, box):
        await until(said(platform, "applied"))
        platform.number, platform.power_w = 2, None
        await until(lambda: box.told[-1] == (None, 0), what="the release")
    assert platform.outcomes[-1]["number"] == 2


async def test_what_the_device_refuses_is_said_with_its_reason() -> None:
    platform, box = Platform(), Box()
    box.fails = ControlRefused("more than the device's WChaMax")
    async with running(platform, box):
        await until(said(platform, "refused"))
    assert platform.outcomes[0]["detail"] == "more than the device's WChaMax"


async def test_neither_a_platform_nor_a_device_that_is_away_ends_the_asking() -> None:
    platform, box = Platform(), Box()
    platform.is_down, box.fails = True, ControlLost("away")
    async with running(platform, box):
        await until(lambda: platform.asked >= 2, what="being asked again")
        platform.is_down, platform.asked = False, 0
        await until(lambda: platform.asked >= 2, what="being asked again")
        assert (box.told, platform.outcomes) == ([], [])
        box.fails = None
        await until(said(platform, "applied"))
    assert box.told[0] == (5_000, 300)
