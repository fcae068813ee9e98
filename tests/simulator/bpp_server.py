"""A small operator API: a real HTTP server that keeps what is posted and can be made to fail."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from protocol.moments import parse_timestamp, timestamp_text
from tests.ports import free_port

TOKEN = "operator-token"


@dataclass
class FakeBpp:
    """``orders`` gives the intervals of a battery by id; ``status`` ≠ 200 is answered to everything.

    Schedules are valid for ``valid`` after the start of the polled window. Latest samples follow from what was posted;
    those of ``unwanted`` batteries are rejected.
    """

    url: str
    epoch: datetime
    started: datetime
    speed: int = 60
    status: int = 200
    valid: timedelta = timedelta(days=1)
    batteries: dict[str, dict[str, Any]] = field(default_factory=dict)
    orders: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    samples: list[dict[str, Any]] = field(default_factory=list)
    registrations: list[list[dict[str, Any]]] = field(default_factory=list)
    windows: list[tuple[datetime, datetime]] = field(default_factory=list)
    unwanted: set[str] = field(default_factory=set)
    calls: int = 0

    def order(self, battery_id: str, start: datetime, end: datetime, charge_w: int = 0, discharge_w: int = 0) -> None:
        """Order powers for one interval."""
        interval = {"start": timestamp_text(start), "end": timestamp_text(end)}
        powers = {"charge_w": charge_w, "discharge_w": discharge_w}
        self.orders.setdefault(battery_id, []).append(interval | powers)

    def of(self, battery_id: str) -> list[dict[str, Any]]:
        """The samples of one battery as they came."""
        return [sample for sample in self.samples if sample["battery_id"] == battery_id]

    @web.middleware
    async def admit(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.calls += 1
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"title": "Unauthorized"}, status=401)
        if self.status != 200:
            return web.json_response({"title": "Not now"}, status=self.status)
        response: web.StreamResponse = await handler(request)
        return response

    async def show_battery(self, request: web.Request) -> web.Response:
        battery_id = request.match_info["battery_id"]
        if battery_id not in self.batteries:
            return web.json_response({"title": "Not found"}, status=404)
        latest = max(self.of(battery_id), key=lambda sample: str(sample["measured_at"]), default=None)
        told = None if latest is None else latest | {"quality": "fresh"}
        return web.json_response(self.batteries[battery_id] | {"latest": told, "bookings": []})

    async def add_batteries(self, request: web.Request) -> web.Response:
        added = await request.json()
        self.registrations.append(added)
        self.batteries |= {battery["battery_id"]: battery for battery in added}
        return web.json_response({"batteries": added})

    async def take_samples(self, request: web.Request) -> web.Response:
        samples = (await request.json())["samples"]
        taken = [sample for sample in samples if sample["battery_id"] not in self.unwanted]
        self.samples += taken
        rejected = [
            {"index": index, "detail": f"{sample['battery_id']} is not in this fleet."}
            for index, sample in enumerate(samples)
            if sample["battery_id"] in self.unwanted
        ]
        return web.json_response({"accepted": len(taken), "duplicates": 0, "rejected": rejected})

    async def dispatch(self, request: web.Request) -> web.Response:
        start, until = parse_timestamp(request.query["from"]), parse_timestamp(request.query["until"])
        self.windows.append((start, until))
        valid_until = timestamp_text(start + self.valid)
        schedules = [
            {"battery_id": battery_id, "valid_until": valid_until, "intervals": intervals}
            for battery_id, intervals in self.orders.items()
        ]
        return web.json_response({"schedules": schedules, "speed": self.speed})

    async def trade_time(self, _request: web.Request) -> web.Response:
        mapping = {"epoch": timestamp_text(self.epoch), "started": timestamp_text(self.started), "speed": self.speed}
        return web.json_response(mapping)


@asynccontextmanager
async def running(epoch: datetime, started: datetime, speed: int = 60) -> AsyncIterator[FakeBpp]:
    """A running operator API whose trade time is ``epoch`` at the wall time ``started``."""
    port = free_port()
    fake = FakeBpp(f"http://127.0.0.1:{port}", epoch, started, speed)
    app = web.Application(middlewares=[fake.admit], client_max_size=16 * 1024 * 1024)
    app.router.add_get("/api/v1/batteries/{battery_id}", fake.show_battery)
    app.router.add_post("/api/v1/batteries", fake.add_batteries)
    app.router.add_post("/api/v1/telemetry", fake.take_samples)
    app.router.add_get("/api/v1/dispatch", fake.dispatch)
    app.router.add_get("/api/v1/trade-time", fake.trade_time)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield fake
    finally:
        await runner.cleanup()
