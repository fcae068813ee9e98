"""The edge agent: what it read is on disk first, goes out in order, and arrives once, whatever goes away."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from beckn_battery.agent import Agent, AgentSettings, CsvSettings
from beckn_battery.agent_store import AgentStore, StoreFull
from node.keyfile import write_secret
from node.telemetry.sample_json import read_sample
from node.telemetry.settings import ModbusBattery, ModbusSettings
from protocol.errors import SettingsWrong
from protocol.moments import timestamp_text
from protocol.retry import RetrySchedule
from simulator.modbus_device import CLOCK, SimulatedDevice
from tests.beckn_battery.command import COMMAND, PROJECT, finished
from tests.node.telemetry.samples import BATTERY_ID, NOW, sample
from tests.ports import free_port
from tests.waiting import until

TOKEN = "a-device's"
SOON = RetrySchedule(first_delay_s=0.01, max_delay_s=0.02)
HEADER = "measured_at,soc_percent,power_w,energy_in_wh,energy_out_wh,sequence\n"


class FakePlatform:
    """Takes samples as a platform does, by battery and time. ``status`` is what it answers; None: 200."""

    def __init__(self) -> None:
        self.sequences: list[int] = []
        self.requests = 0
        self.status: int | None = None
        self.rejects: dict[int, str] = {}
        self.most = 10_000

    async def take(self, request: web.Request) -> web.Response:
        self.requests += 1
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        items = (await request.json())["samples"]
        if self.status is not None:
            return web.Response(status=self.status)
        if len(items) > self.most:
            return web.Response(status=413)
        read = [read_sample(item) for item in items]
        self.sequences += [one.sequence for one in read if one.sequence not in self.sequences]
        rejected = [
            {"index": index, "reason": self.rejects[one.sequence], "detail": "No."}
            for index, one in enumerate(read)
            if one.sequence in self.rejects
        ]
        return web.json_response({"accepted": len(read), "duplicates": 0, "rejected": rejected, "flagged": []})


@pytest.fixture
async def platform() -> AsyncIterator[tuple[FakePlatform, str]]:
    fake = FakePlatform()
    app = web.Application()
    app.router.add_post("/api/v1/telemetry", fake.take)
    async with TestServer(app) as server:
        yield fake, str(server.make_url(""))


def rows(first: int, last: int) -> str:
    """CSV rows of these numbers, a minute apart."""
    return "".join(
        f"{timestamp_text(NOW + timedelta(minutes=number))},50,1000,{1_000 + number},0,{number}\n"
        for number in range(first, last)
    )


def settings(folder: Path, url: str, **sources: Any) -> AgentSettings:
    token = folder / "token"
    if not token.exists():
        write_secret(token, TOKEN)
    return AgentSettings(data_dir=folder / "agent", url=url, token_file=token, samples_at_once=100, **sources)


def csv_source(folder: Path, text: str) -> CsvSettings:
    file = folder / "meter.csv"
    file.write_text(text)
    return CsvSettings("meter", file, BATTERY_ID, every_s=0.02)


@asynccontextmanager
async def running(wanted: AgentSettings) -> AsyncIterator[Agent]:
    agent = Agent(wanted, retry=SOON)
    await agent.start()
    try:
        yield agent
    finally:
        await agent.stop()


async def test_rows_of_a_growing_file_are_forwarded_once_and_in_order(
    tmp_path: Path, platform: tuple[FakePlatform, str]
) -> None:
    fake, url = platform
    source = csv_source(tmp_path, HEADER + rows(0, 250) + "2026-11-20T")
    async with running(settings(tmp_path, url, csv=(source,))):
        await until(lambda: len(fake.sequences) == 250, what="the rows")
        source.path.write_text(HEADER + rows(0, 260))
        await until(lambda: len(fake.sequences) == 260, what="the new rows")
    assert fake.sequences == list(range(260))


async def test_what_was_read_while_the_platform_was_away_waits_on_disk_for_the_next_run(
    tmp_path: Path, platform: tuple[FakePlatform, str]
) -> None:
    fake, url = platform
    fake.status = 503
    wanted = settings(tmp_path, url, csv=(csv_source(tmp_path, HEADER + rows(0, 150)),))
    async with running(wanted) as agent:
        await until(lambda: fake.requests >= 3, what="three attempts")
        assert "503" in agent.platform.problems[""][0]
        assert await agent.store.count() == 150
    assert fake.sequences == []
    fake.status = None
    async with running(wanted) as agent:
        await until(lambda: len(fake.sequences) == 150, what="all samples")
        await until(lambda: agent.platform.is_connected and not agent.platform.problems, what="good standing")
    assert fake.sequences == list(range(150))


async def test_a_platform_that_wants_fewer_at_once_gets_fewer(
    tmp_path: Path, platform: tuple[FakePlatform, str]
) -> None:
    fake, url = platform
    fake.most = 30
    async with running(settings(tmp_path, url, csv=(csv_source(tmp_path, HEADER + rows(0, 120)),))):
        await until(lambda: len(fake.sequences) == 120, what="all samples")
    assert fake.sequences == list(range(120))


async def test_what_the_platform_would_not_have_is_kept_with_its_reason(
    tmp_path: Path, platform: tuple[FakePlatform, str]
) -> None:
    fake, url = platform
    fake.rejects = {3: "not-yours", 4: "unknown-battery"}
    async with running(settings(tmp_path, url, csv=(csv_source(tmp_path, HEADER + rows(0, 6)),))) as agent:
        await until(lambda: agent.platform.is_connected, what="an answer")
        # What is set aside at the platform is not kept here too.
        assert (await agent.store.count(), await agent.store.refused_count()) == (0, 1)
        assert agent.platform.problems["not-yours"][0] == "No."


async def test_a_row_that_is_no_sample_is_told_by_its_line(tmp_path: Path, platform: tuple[FakePlatform, str]) -> None:
    fake, url = platform
    text = HEADER + rows(0, 1) + "yesterday,50,0,0,0,7\n" + rows(1, 2)
    async with running(settings(tmp_path, url, csv=(csv_source(tmp_path, text),))) as agent:
        await until(lambda: fake.sequences == [0, 1], what="the good rows")
        problems = next(one for one in agent.standings if one.kind == "csv").problems
    assert list(problems) == ["line 3"]
    assert "measured_at" in problems["line 3"][0]


async def test_a_battery_behind_modbus_reaches_the_platform(tmp_path: Path, platform: tuple[FakePlatform, str]) -> None:
    fake, url = platform
    port = free_port()
    device = SimulatedDevice(port, {1: BATTERY_ID})
    device.show(sample())
    await device.start()
    battery = ModbusBattery(BATTERY_ID, clock_address=CLOCK)
    source = ModbusSettings("shed", "127.0.0.1", port, every_s=0.05, batteries=(battery,))
    async with running(settings(tmp_path, url, modbus=(source,))):
        await until(lambda: bool(fake.sequences), what="the sample")
    await device.stop()
    # SunSpec has no number for a measurement, so every one of them has zero.
    assert fake.sequences == [0]


async def test_a_store_without_room_refuses_and_keeps_what_it_has(tmp_path: Path) -> None:
    store = AgentStore(tmp_path / "agent.sqlite", 2)
    await store.take([sample(sequence=1), sample(sequence=2)])
    with pytest.raises(StoreFull):
        await store.take([sample(sequence=3)])
    assert await store.count() == 2
    store.close()


def config(folder: Path, url: str, file: Path) -> Path:
    """The settings file of an agent that follows one CSV file."""
    write_secret(folder / "token", TOKEN)
    path = folder / "agent.toml"
    path.write_text(
        f'data_dir = "{folder}/agent"\nurl = "{url}"\ntoken_file = "{folder}/token"\nsamples_at_once = 10\n'
        f'[[csv]]\nname = "meter"\npath = "{file}"\nbattery_id = "{BATTERY_ID}"\nevery_s = 0.05\n'
    )
    return path


async def test_killed_while_it_forwards_the_agent_goes_on_where_it_was(
    tmp_path: Path, platform: tuple[FakePlatform, str]
) -> None:
    fake, url = platform
    file = csv_source(tmp_path, HEADER + rows(0, 400)).path
    command = [*COMMAND, "agent", "--config", str(config(tmp_path, url, file))]
    for reached in (20, 150, 400):
        process = await asyncio.create_subprocess_exec(*command, cwd=PROJECT, stderr=asyncio.subprocess.DEVNULL)
        await until(lambda: len(fake.sequences) >= reached, what=f"{reached} samples")  # noqa: B023
        process.send_signal(signal.SIGKILL)
        await process.wait()
    assert fake.sequences == list(range(400))


async def test_once_reads_forwards_and_says_how_it_went(tmp_path: Path, platform: tuple[FakePlatform, str]) -> None:
    fake, url = platform
    file = csv_source(tmp_path, HEADER + rows(0, 3)).path
    command = [*COMMAND, "agent", "--once", "--config", str(config(tmp_path, url, file))]
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=PROJECT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "COLUMNS": "200"},
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0, printed
    assert b"0 samples wait, 0 were refused." in printed
    assert fake.sequences == [0, 1, 2]


def test_a_token_is_not_sent_to_another_machine_without_tls(tmp_path: Path) -> None:
    ended = finished("agent", "--config", str(config(tmp_path, "http://platform.example", tmp_path / "meter.csv")))
    assert ended.returncode == 2
    assert b"url must begin with https://" in ended.stderr


def test_an_agent_without_sources_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SettingsWrong, match="nothing to read"):
        AgentSettings(data_dir=tmp_path, url="https://platform.example", token_file=tmp_path / "token")
