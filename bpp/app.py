"""The battery operator's platform as a running server: the one file that knows all of its parts."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import orjson
from aiohttp import web
from sqlalchemy import Connection, Row

from bpp.actions import cancel, confirm, init, rating, search, select, status, support, track, update
from bpp.alarm import Alarm
from bpp.api.routes import API_PREFIX, add_routes
from bpp.api.setpoints import SetpointsApi
from bpp.bookkeeping import Bookkeeping
from bpp.commanding import Commanding, Ways
from bpp.console.page import add_console
from bpp.desk import Desk
from bpp.devices import devices_of
from bpp.history import History
from bpp.mailbox import Mailbox
from bpp.meters import Meters
from bpp.operation import Operation
from bpp.payments.news import PaymentNews
from bpp.running import RunningContracts
from bpp.settings import BppSettings
from bpp.store import live, samples, trade
from bpp.telemetry import Telemetry
from node.clocks import Now, wall_clock
from node.database import is_sqlite
from node.inbox import Handler
from node.login import add_login
from node.participant import OUTSIDE, Outside, Participant
from node.personal_columns import opened
from node.retention import Retention
from node.tables import outbox
from protocol.actions import Role
from protocol.context import read_context

logger = logging.getLogger(__name__)

HERE = Path(__file__).parent
BPP_VERSIONS = HERE / "versions"
SAMPLE_VERSIONS = HERE / "sample_versions"

_ACTIONS: Mapping[str, ModuleType] = MappingProxyType(
    {
        "search": search,
        "select": select,
        "init": init,
        "confirm": confirm,
        "status": status,
        "track": track,
        "update": update,
        "cancel": cancel,
        "rating": rating,
        "support": support,
    }
)


class Bpp:
    """One operator's platform. ``wire`` is its wall clock.

    Raises:
        SettingsWrong: the settings can not be used.
    """

    def __init__(self, settings: BppSettings, wire: Now = wall_clock, outside: Outside = OUTSIDE) -> None:
        url = settings.database(Role.BPP.value.lower())
        # On SQLite, samples have a file and a writer of their own; PostgreSQL has room for both.
        is_file = is_sqlite(url)
        versions = (BPP_VERSIONS,) if is_file else (BPP_VERSIONS, SAMPLE_VERSIONS)
        self.participant = Participant(settings, Role.BPP, versions, wire, outside)
        self.samples = self.participant.database
        if is_file:
            self.samples = outside.database(f"sqlite:///{settings.data_dir / 'samples.sqlite'}", (SAMPLE_VERSIONS,))
        period_s = settings.telemetry.sample_period_s * settings.trade_time.speed
        meters = Meters(self.participant.database, self.samples, period_s)
        self.desk = Desk(settings, self.participant, meters)
        clocks, cancellation = self.participant.clocks, self.desk.cancellation
        self.telemetry = Telemetry(self.participant.database, self.samples, clocks, settings.telemetry, cancellation)
        self.running = RunningContracts(self.participant.database)
        self.payment_news = PaymentNews(self.desk)
        self.operation = Operation(self.desk, self.running)
        self.bookkeeping = Bookkeeping(self.desk, self.running)
        self.alarm = Alarm(self.desk, self.samples, self.running)
        self.mailbox = Mailbox(clocks.wire)
        self.ways = Ways(self.mailbox, devices_of(self.telemetry.sources))
        self.commanding = Commanding(self.desk, self.running, self.ways)
        self.alarm.missed = self.commanding.missed
        self.operation.followers.append(self.commanding.touch)
        self.telemetry.ingest.observers += [self.operation.hear, self.alarm.hear, self.commanding.hear]
        self.operation.observers.append(self.alarm.note)
        self.told_retention = Retention(
            self.participant.database, clocks.wire, settings.retention.messages_days, (live.clear,)
        )
        trade_now, days = self.participant.clocks.trade, settings.retention.samples_days
        self.retention = Retention(self.samples, trade_now, days, (samples.clear,), self._needed_from)
        self.history = History(self.participant.database, self.samples, trade_now, settings.history, days, cancellation)
        self.handlers: Mapping[str, Handler] = {
            name: partial(module.handle, self.desk) for name, module in _ACTIONS.items()
        }
        self.participant.serve(self.handlers, self.desk.refused, _note_dead_letter, self._add_routes)

    async def start(self) -> None:
        """Open everything, listen, and take up what an earlier process left.

        Raises:
            SettingsWrong: the port is taken.
        """
        if self.samples is not self.participant.database:
            await self.samples.start()
        try:
            await self.participant.start()
        except BaseException:
            await self._stop_samples()
            raise
        await self.desk.finder.start()
        await self.operation.start()
        await self.payment_news.start()
        await self.bookkeeping.start()
        await self.alarm.start()
        await self.commanding.start()
        await self.telemetry.start()
        await self.history.start()
        await self.retention.start()
        await self.told_retention.start()

    async def stop(self) -> None:
        """Finish what is in hand and close; what is not finished is found again at the next start."""
        await self.told_retention.stop()
        await self.retention.stop()
        await self.history.stop()
        await self.telemetry.stop()
        await self.commanding.stop()
        await self.alarm.stop()
        await self.bookkeeping.stop()
        await self.payment_news.stop()
        await self.operation.stop()
        await self.desk.finder.stop()
        await self.participant.stop()
        await self._stop_samples()

    async def _needed_from(self) -> datetime | None:
        """From when on the bills of running contracts need samples."""
        first = await self.participant.database.read(trade.first_start)
        return None if first is None else first - samples.REACH

    async def _stop_samples(self) -> None:
        if self.samples is not self.participant.database:
            await self.samples.stop()

    def _add_routes(self, app: web.Application) -> None:
        add_routes(app, self.desk, self.telemetry, self.history)
        SetpointsApi(self.desk, self.commanding, self.mailbox).add_routes(app, API_PREFIX)
        add_login(app, self.participant.access, self.participant.database)
        add_console(app)


def _note_dead_letter(tx: Connection, row: Row[Any], reason: str) -> None:
    """A message that never arrived shows at its contract; the trade itself goes on."""
    context = read_context(orjson.loads(opened(tx, outbox.c.body, row.id, row.body)))
    trade.note_undelivered(tx, context.bap_id, context.transaction_id, f"{row.action}: {reason}")
