"""The edge agent: runs beside the battery, reads it, and forwards its samples to the operator's platform.

Modbus devices, brokers and CSV files in; ``POST /api/v1/telemetry`` out. What was read is on disk first
(`beckn_battery.agent_store`) and goes out in that order. A platform that can not be reached is tried again with a
growing pause, and nothing is lost meanwhile; killed at any moment, the agent goes on where it was. Devices that may be
written to are told what the platform wants of their batteries (`beckn_battery.agent_setpoints`).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from beckn_battery.agent_setpoints import AgentSetpoints
from beckn_battery.agent_store import AgentStore, StoreFull, Waiting
from node.clocks import Clocks, Now, wall_clock
from node.keyfile import read_secret
from node.settings import TradeTimeSettings
from node.telemetry.intake import Refusal, Standing
from node.telemetry.sample_csv import CsvUnreadable, read_csv
from node.telemetry.sample_json import write_sample
from node.telemetry.settings import ModbusSettings, MqttSettings
from node.telemetry.sources import Sources
from protocol.addresses import is_loopback
from protocol.errors import SettingsWrong
from protocol.retry import RetrySchedule

logger = logging.getLogger(__name__)

STORE_FILE = "agent.sqlite"
RETRY = RetrySchedule(first_delay_s=0.5, max_delay_s=60.0)
TIMEOUT_S = 30.0
ROWS_AT_ONCE = 1_000
# Those are kept by the platform itself, until its operator says what to do with them.
_SET_ASIDE = frozenset({Refusal.UNKNOWN_BATTERY, Refusal.CLOCK_AHEAD, Refusal.CLOCK_BEHIND})


@dataclass(frozen=True, slots=True)
class CsvSettings:
    """A CSV file that grows, such as a meter's log; looked at every ``every_s``. ``battery_id``: the whole file's."""

    name: str
    path: Path
    battery_id: str | None = None
    every_s: float = 10.0


@dataclass(frozen=True, kw_only=True)
class AgentSettings:
    """An agent: where it keeps its samples, whose platform gets them (``url``, without ``/api/v1``), what it reads.

    ``token_file`` (mode 0600) holds an API token of the platform with the role "device" or "operator". ``trade_time``
    is that of the network, where it does not run as the wall clock does.
    """

    data_dir: Path
    url: str
    token_file: Path
    ca_file: Path | None = None
    samples_at_once: int = 500
    samples_max: int = 5_000_000
    trade_time: TradeTimeSettings = field(default_factory=TradeTimeSettings)
    mqtt: tuple[MqttSettings, ...] = ()
    modbus: tuple[ModbusSettings, ...] = ()
    csv: tuple[CsvSettings, ...] = ()

    def __post_init__(self) -> None:
        if not (self.mqtt or self.modbus or self.csv):
            raise SettingsWrong("there is nothing to read: name a source under mqtt, modbus or csv")
        if self.samples_at_once < 1 or self.samples_max < 1:
            raise SettingsWrong("samples_at_once and samples_max must be at least 1")
        parts = urlsplit(self.url)
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
            raise SettingsWrong(f"url must begin with https://, since the token travels; it is {self.url}")


class CsvSource:
    """Follows one CSV file between `start` and `stop`; each row is taken once."""

    def __init__(self, settings: CsvSettings, store: AgentStore, clocks: Clocks) -> None:
        self._settings = settings
        self._store = store
        self._clocks = clocks
        self._task: asyncio.Task[None] | None = None
        self.standing = Standing(settings.name, "csv", str(settings.path))

    async def start(self) -> None:
        """Begin to look at the file."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Look at it no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> None:
        """Take the rows that are new. A file that has become shorter is another one, and begins again."""
        try:
            text = await asyncio.to_thread(self._settings.path.read_text, encoding="utf-8-sig")
            # A last line without its end is still being written.
            rows = read_csv(text[: text.rfind("\n") + 1], self._settings.battery_id)
        except (OSError, UnicodeDecodeError, CsvUnreadable) as error:
            self.standing.lost(f"The file can not be read: {error}.", self._clocks.wire())
            return
        self.standing.connected(self._clocks.wire())
        path = str(self._settings.path.resolve())
        done = await self._store.rows_read(path)
        for start in range(done if done <= len(rows) else 0, len(rows), ROWS_AT_ONCE):
            piece = rows[start : start + ROWS_AT_ONCE]
            samples = [row.sample for row in piece if row.sample is not None]
            await self._store.take_rows(path, samples, start + len(piece))
            self.standing.delivered(self._clocks.wire())
            for row in piece:
                if row.sample is None:
                    self.standing.wrong(f"line {row.line}", row.sentence or "", self._clocks.wire())
                    logger.warning("%s, line %d: %s", self._settings.path, row.line, row.sentence)

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except StoreFull as error:
                self.standing.lost(f"There is no room: {error}.", self._clocks.wire())
            await asyncio.sleep(self._settings.every_s)


class Agent:
    """One agent. ``transport`` is httpx's, for tests.

    Raises:
        SettingsWrong: a file can not be used, or the platform's address.
    """

    def __init__(
        self,
        settings: AgentSettings,
        wire: Now = wall_clock,
        transport: httpx.AsyncBaseTransport | None = None,
        retry: RetrySchedule = RETRY,
    ) -> None:
        self._settings = settings
        self._retry = retry
        token = read_secret(settings.token_file).strip()
        clocks = Clocks(settings.trade_time, wire)
        self.store = AgentStore(settings.data_dir / STORE_FILE, settings.samples_max)
        self._sources = Sources(settings.mqtt, settings.modbus, self.store, clocks)
        self._files = [CsvSource(one, self.store, clocks) for one in settings.csv]
        self._http = httpx.AsyncClient(
            base_url=f"{settings.url.rstrip('/')}/api/v1/",
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_S,
            trust_env=False,
            transport=transport,
            verify=True if settings.ca_file is None else str(settings.ca_file),
        )
        self._setpoints = AgentSetpoints(self._http, self._sources.controls, retry)
        self._forwarding: asyncio.Task[None] | None = None
        self.platform = Standing("platform", "https", settings.url)
        self._wire = wire

    @property
    def standings(self) -> list[Standing]:
        """How every source, and the way to the platform, is doing."""
        return [*self._sources.standings, *(one.standing for one in self._files), self.platform]

    async def start(self) -> None:
        """Begin to read and to forward."""
        self._forwarding = asyncio.create_task(self._forward())
        await self._sources.start()
        await self._setpoints.start()
        for file in self._files:
            await file.start()

    async def stop(self) -> None:
        """Read and forward no more; what was not forwarded is on disk."""
        for file in self._files:
            await file.stop()
        await self._setpoints.stop()
        await self._sources.stop()
        if self._forwarding is not None:
            self._forwarding.cancel()
            await asyncio.gather(self._forwarding, return_exceptions=True)
        await self._http.aclose()
        self.store.close()

    async def _forward(self) -> None:
        failures, at_once = 0, self._settings.samples_at_once
        while True:
            waiting = await self.store.first(at_once)
            if not waiting:
                await self.store.wait()
                continue
            try:
                await self._send(waiting)
                failures, at_once = 0, self._settings.samples_at_once
            except _TooLarge:
                at_once = max(1, at_once // 2)
            except _NotNow as error:
                failures += 1
                self._note_failure(str(error))
                await asyncio.sleep(self._retry.delay_s(failures, random.random()))

    async def _send(self, waiting: Sequence[Waiting]) -> None:
        content = {"samples": [write_sample(one.sample) for one in waiting]}
        try:
            answer = await self._http.post("telemetry", json=content)
        except httpx.TransportError as error:
            raise _NotNow(f"The platform can not be reached: {type(error).__name__}.") from None
        if answer.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE and len(waiting) > 1:
            raise _TooLarge
        if not answer.is_success:
            raise _NotNow(f"The platform answers {answer.status_code}: {answer.text[:200]}")
        try:
            rejected = {int(one["index"]): (one["reason"], str(one["detail"])) for one in answer.json()["rejected"]}
        except (ValueError, KeyError, TypeError):
            raise _NotNow("What answers there is no battery operator's platform.") from None
        lost = {
            waiting[index].sample_id: sentence
            for index, (reason, sentence) in rejected.items()
            if reason not in _SET_ASIDE
        }
        await self.store.forwarded(waiting, lost)
        self._note_success(rejected)

    def _note_success(self, rejected: dict[int, tuple[str, str]]) -> None:
        now = self._wire()
        if not self.platform.is_connected:
            logger.info("the platform takes samples")
        self.platform.connected(now)
        self.platform.delivered(now)
        for reason, sentence in rejected.values():
            self.platform.wrong(reason, sentence, now)
        if rejected:
            logger.warning("the platform did not take %d samples: %s", len(rejected), next(iter(rejected.values()))[1])

    def _note_failure(self, sentence: str) -> None:
        if self.platform.is_connected or self.platform.since is None:
            logger.warning("%s", sentence)
        self.platform.lost(sentence, self._wire())


class _NotNow(Exception):
    """The platform did not take the samples; a sentence says why."""


class _TooLarge(Exception):
    """The platform wants fewer samples at once."""
