"""The producer's platform (BAP), put together: a participant with its handlers, its API and its page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiohttp import web
from sqlalchemy import Connection, Row

from bap.api.routes import add_api
from bap.callbacks.answers import CHANGES
from bap.callbacks.catalogs import Catalogs
from bap.callbacks.receiving import Answers, ignored
from bap.console.page import add_console
from bap.desk import Desk
from bap.requests import Requests
from bap.settings import BapSettings
from bap.undelivered import note_undelivered
from node.clocks import Now, wall_clock
from node.login import add_login
from node.participant import OUTSIDE, Outside, Participant
from protocol.actions import Role

VERSIONS = Path(__file__).parent / "versions"


class Bap:
    """A running producer's platform: made, started, stopped. ``wire`` is the wall clock, or a test's."""

    def __init__(self, settings: BapSettings, wire: Now = wall_clock, outside: Outside = OUTSIDE) -> None:
        self.participant = Participant(settings, Role.BAP, (VERSIONS,), wire, outside)
        self._desk = Desk(self.participant, settings, Requests(self.participant, settings))
        self._wire = wire
        answers = Answers(self.participant.database, wire, settings.how_to_read)
        catalogs = Catalogs(wire, settings.offers_of_a_search, settings.how_to_read)
        handlers = {"on_search": catalogs.handle, **dict.fromkeys(CHANGES, answers.handle)}
        self.participant.serve(handlers, ignored, self._dead, self._add_routes)

    async def start(self) -> None:
        """Open the database, listen, join the network.

        Raises:
            SettingsWrong: the port is taken.
        """
        await self.participant.start()

    async def stop(self) -> None:
        """Finish what is in hand and close."""
        await self.participant.stop()

    def _add_routes(self, app: web.Application) -> None:
        add_api(app, self._desk)
        add_login(app, self.participant.access, self.participant.database)
        add_console(app)

    def _dead(self, tx: Connection, row: Row[Any], reason: str) -> None:
        note_undelivered(tx, row, reason, self._wire())
