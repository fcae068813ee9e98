"""The battery operator's platform as a running server: the one file that knows all of its parts."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import orjson
from aiohttp import web
from sqlalchemy import Connection, Row

from bpp.actions import cancel, confirm, init, rating, search, select, status, support, track, update
from bpp.api.routes import add_routes
from bpp.desk import Desk
from bpp.meters import Meters
from bpp.operation import Operation
from bpp.settings import BppSettings
from bpp.store import trade
from node.clocks import Now, wall_clock
from node.database import is_sqlite
from node.inbox import Handler
from node.participant import OUTSIDE, Outside, Participant
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
        self.operation = Operation(self.desk, self.samples)
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
        await self.operation.start()

    async def stop(self) -> None:
        """Finish what is in hand and close; what is not finished is found again at the next start."""
        await self.operation.stop()
        await self.participant.stop()
        await self._stop_samples()

    async def _stop_samples(self) -> None:
        if self.samples is not self.participant.database:
            await self.samples.stop()

    def _add_routes(self, app: web.Application) -> None:
        add_routes(app, self.desk, self.samples)


def _note_dead_letter(tx: Connection, row: Row[Any], reason: str) -> None:
    """A message that never arrived shows at its contract; the trade itself goes on."""
    context = read_context(orjson.loads(bytes(row.body)))
    trade.note_undelivered(tx, context.bap_id, context.transaction_id, f"{row.action}: {reason}")
