"""``beckn-battery up``: a network that runs until Ctrl-C or SIGTERM and finds its state again."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from beckn_battery.configuration import ROLES, LocalNetwork
from beckn_battery.network import Network
from beckn_battery.ports import free_ports
from beckn_battery.running import run, serve_until_stopped
from beckn_battery.terminal import new_console
from node.auth import TOKEN_FILE
from node.observability import log_to
from node.participant import Participant
from simulator.links import Transport

LOG_FILE = "network.log"


def run_up(local: LocalNetwork) -> int:
    """Run it; the exit code.

    Raises:
        SettingsWrong: a folder, port or key can not be used.
    """
    console = new_console()
    mqtt_port, modbus_port = free_ports(2)
    network = Network(replace(local, mqtt_port=mqtt_port, modbus_port=modbus_port), trading=True)
    with (local.data_dir / LOG_FILE).open("a", encoding="utf-8") as log:
        log_to(log, logging.INFO)

        async def started() -> None:
            _print(console, network)

        def reload() -> None:
            for participant in network.participants.values():
                participant.key_care.wake()

        code = run(serve_until_stopped([network], started, reload))
    console.print("stopped")
    return code


def _print(console: Console, network: Network) -> None:
    local = network.local
    table = Table(title="beckn-battery network", title_justify="left", box=None, header_style="bold")
    for heading in ("role", "address", "API token in"):
        table.add_column(heading, overflow="fold")
    for role in ROLES:
        token = "" if role in {"registry", "gateway"} else str(_token_file(local, role))
        table.add_row(role, local.url(role), token)
    console.print(table)
    console.print(f"Producer's page: {_console_url(local, local.bap_port, network.bap.participant)}", soft_wrap=True)
    console.print(f"Operator's console: {_console_url(local, local.bpp_port, network.bpp.participant)}", soft_wrap=True)
    console.print(
        f"{local.batteries} simulated batteries ({_spoken(local)}); one second is {local.speed} s of trade time. "
        f"Log: {local.data_dir / LOG_FILE}. Stop with Ctrl-C.",
        soft_wrap=True,
    )


def _spoken(local: LocalNetwork) -> str:
    counts = Counter(local.transports.values())
    ports = {Transport.MQTT: local.mqtt_port, Transport.MODBUS: local.modbus_port}
    told = [f"{counts[one]} by {one.upper()}" + (f" on port {ports[one]}" if one in ports else "") for one in counts]
    return ", ".join(told)


def _token_file(local: LocalNetwork, role: str) -> Path:
    return local.data_dir / role / TOKEN_FILE


def _console_url(local: LocalNetwork, port: int, participant: Participant) -> str:
    """The page's address with its token; the server changes the token into a session's cookie."""
    return f"http://{local.host}:{port}/console?token={participant.token}"
