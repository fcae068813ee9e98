"""``beckn-battery <role> serve --config FILE``: one server in a process of its own."""

from __future__ import annotations

import logging
from pathlib import Path

from bap.app import Bap
from bap.settings import BapSettings
from beckn_battery.running import run, serve_until_stopped
from bpp.app import Bpp
from bpp.settings import BppSettings
from node.settings import NodeSettings, load
from registry.app import Registry
from registry.gateway import Gateway
from registry.settings import RegistryServerSettings

logger = logging.getLogger(__name__)

RoleServer = Registry | Gateway | Bpp | Bap


def make_server(role: str, file: Path) -> RoleServer:
    """The role's server from its settings file.

    Raises:
        SettingsWrong: the file, a key or the data folder can not be used.
    """
    if role == "registry":
        return Registry(load(file, RegistryServerSettings))
    if role == "gateway":
        return Gateway(load(file, NodeSettings))
    if role == "bpp":
        return Bpp(load(file, BppSettings))
    return Bap(load(file, BapSettings))


def serve_role(role: str, file: Path) -> int:
    """Serve until a signal; the exit code."""

    server = make_server(role, file)

    async def started() -> None:
        logger.info("serving", extra={"role": role, "config": str(file)})

    def reload() -> None:
        # The registry's own key is pinned by everybody and does not change.
        if not isinstance(server, Registry):
            server.participant.key_care.wake()

    return run(serve_until_stopped([server], started, reload))
