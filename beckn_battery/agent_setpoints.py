"""The agent's other direction: asks the platform what its writable batteries should do, and writes that to them.

One long question for each battery: the platform answers when the set-point changes, and otherwise after `WAIT_S` with
what it was, upon which it is written again, so that its reversion time begins anew. When the platform can not be
reached nothing is written, and each device returns to its own control by itself.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

from node.telemetry.control import Control, ControlLost, ControlRefused
from protocol.retry import RetrySchedule

logger = logging.getLogger(__name__)

WAIT_S = 20


class AgentSetpoints:
    """Runs between `start` and `stop`; ``http`` is the agent's way to the platform's API."""

    def __init__(self, http: httpx.AsyncClient, controls: Mapping[str, Control], retry: RetrySchedule) -> None:
        self._http = http
        self._controls = controls
        self._retry = retry
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to ask for every battery that may be written to."""
        self._tasks = [asyncio.create_task(self._follow(battery_id)) for battery_id in self._controls]

    async def stop(self) -> None:
        """Ask no more; what was written holds until it reverts."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self, battery_id: str) -> None:
        number, failures = -1, 0
        while True:
            try:
                told = await self._ask(battery_id, number)
                outcome, detail = await self._write(battery_id, told)
                if told["number"] != number or outcome != "applied":
                    await self._say(battery_id, told["number"], outcome, detail)
                number, failures = told["number"], 0
            except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
                failures += 1
                if failures == 1:
                    logger.warning("the set-point of %s can not be had: %s", battery_id, type(error).__name__)
                await asyncio.sleep(self._retry.delay_s(failures, random.random()))
            except ControlLost as error:
                failures += 1
                logger.warning("battery %s can not be told what to do: %s", battery_id, error)
                await asyncio.sleep(self._retry.delay_s(failures, random.random()))

    async def _ask(self, battery_id: str, number: int) -> dict[str, Any]:
        known = {} if number < 0 else {"after": number, "wait_s": WAIT_S}
        answer = await self._http.get(_path(battery_id), params=known)
        answer.raise_for_status()
        return dict(answer.json())

    async def _write(self, battery_id: str, told: Mapping[str, Any]) -> tuple[str, str]:
        try:
            await self._controls[battery_id].set_power(battery_id, told["power_w"], told["revert_after_s"] or 0)
        except ControlRefused as error:
            return "refused", str(error)[:500]
        return "applied", ""

    async def _say(self, battery_id: str, number: int, outcome: str, detail: str) -> None:
        if number:
            said = {"number": number, "outcome": outcome, "detail": detail}
            await self._http.post(f"{_path(battery_id)}/outcome", json=said)


def _path(battery_id: str) -> str:
    return f"setpoints/{quote(battery_id, safe='')}"
