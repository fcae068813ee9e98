"""What the API's handlers stand on: one object that holds the parts of the platform."""

from __future__ import annotations

from dataclasses import dataclass

from bap.requests import Requests
from bap.settings import BapSettings
from node.clocks import Clocks
from node.database import Database
from node.participant import Participant


@dataclass(frozen=True, slots=True)
class Desk:
    """The parts of the producer's platform."""

    participant: Participant
    settings: BapSettings
    requests: Requests

    @property
    def database(self) -> Database:
        """The platform's database."""
        return self.participant.database

    @property
    def clocks(self) -> Clocks:
        """Wire and trade time."""
        return self.participant.clocks
