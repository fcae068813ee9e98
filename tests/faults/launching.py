"""One platform as its own process, like ``beckn-battery ROLE serve --config FILE``, with another clock or world."""

from __future__ import annotations

import sys
from pathlib import Path

from bap.app import Bap
from bap.settings import BapSettings
from beckn_battery.running import run, serve_until_stopped
from bpp.app import Bpp
from bpp.settings import BppSettings
from node.clocks import Now
from node.participant import Outside
from node.settings import load


def serve(wire: Now, world: Outside) -> int:
    """Serve what the command line says until a signal; the exit code."""
    role, _, _, file = sys.argv[1:]
    server: Bpp | Bap
    if role == "bpp":
        server = Bpp(load(Path(file), BppSettings), wire, world)
    else:
        server = Bap(load(Path(file), BapSettings), wire, world)

    async def started() -> None:
        """Nobody has to be told."""

    return run(serve_until_stopped([server], started, server.participant.key_care.wake))
