"""The settings files of a local network: one TOML file a role, made on the first start and kept afterwards.

``up`` and ``demo`` start every role from these files, exactly as ``beckn-battery <role> serve --config FILE`` would.
What a person changed in a file stays; ports, URLs, the registry's pinned keys and the trade clock are kept in step.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tomli_w

from node import keyfile
from node.clocks import Clocks
from node.settings import TradeTimeSettings
from protocol.errors import SettingsWrong
from simulator.fleet import fleet
from simulator.links import Transport, of_transport, transports
from simulator.modbus_device import CLOCK

SIMULATED = "simulated-fleet"
_MODBUS_EVERY_TRADE_S = 60.0
_MODBUS_EVERY_LEAST_S, _MODBUS_EVERY_MOST_S = 0.2, 5.0
ROLES = ("registry", "gateway", "bpp", "bap")

# Everybody is on this machine, so nobody could be called without it. A person who says otherwise is obeyed.
_NETWORK: dict[str, Any] = {"allow_private_addresses": True}

# What a new file says for a person to change; later starts leave it alone.
_FIRST: dict[str, dict[str, Any]] = {
    "bpp": {
        "provider": {
            "provider_id": "garden-city-storage",
            "name": "Garden City Storage",
            "address": "14 Residency Road, Bengaluru 560025",
            "email": "support@garden-city-storage.example",
            "phone": "+91-80-4000-0000",
            "support_url": "https://garden-city-storage.example/support",
            "tax_id": "29AAACG0000A1Z5",
            "state_code": "29",
        },
        "invoicing": {
            "late_fee_percent": 18,
            "pay_to": {
                "account_name": "Garden City Storage",
                "bank": "Example Bank, Bengaluru",
                "account_number": "000111222333",
                "ifsc": "EXMP0000001",
                "upi_id": "gardencity@example",
            },
        },
    },
    "bap": {
        "meter_address": "der://meter/whitefield-rooftop-1",
        "billing": {
            "name": "Whitefield Solar Rooftops",
            "email": "accounts@whitefield-solar.example",
            "address": "7 Hope Farm Road, Bengaluru 560066",
            "state_code": "29",
        },
    },
}


@dataclass(frozen=True, slots=True)
class LocalNetwork:
    """What the commands' options say about a network on this machine. ``speed``: trade seconds per wall second.

    With ``mqtt_port`` and ``modbus_port`` some of the simulated batteries speak these protocols there; 0: all HTTPS.
    """

    data_dir: Path
    registry_port: int = 4000
    gateway_port: int = 4001
    bpp_port: int = 4002
    bap_port: int = 4003
    batteries: int = 25
    seed: int = 7
    speed: int = 60
    host: str = "127.0.0.1"
    mqtt_port: int = 0
    modbus_port: int = 0

    @property
    def transports(self) -> dict[str, Transport]:
        """Which protocol each simulated battery speaks."""
        return transports([document["battery_id"] for document in fleet(self.seed, self.batteries)])

    @property
    def modbus_units(self) -> dict[int, str]:
        """The batteries that speak Modbus, by their unit ids."""
        return dict(enumerate(of_transport(self.transports, Transport.MODBUS), start=1))

    def port(self, role: str) -> int:
        """The role's port."""
        ports: dict[str, int] = {
            "registry": self.registry_port,
            "gateway": self.gateway_port,
            "bpp": self.bpp_port,
            "bap": self.bap_port,
        }
        return ports[role]

    def url(self, role: str) -> str:
        """The role's public URL: Beckn endpoints live below ``/beckn``, the registry's at its root."""
        base = f"http://{self.host}:{self.port(role)}"
        return base if role == "registry" else f"{base}/beckn"

    def file(self, role: str) -> Path:
        """The role's settings file."""
        return self.data_dir / f"{role}.toml"


def write_settings(network: LocalNetwork, now: datetime) -> None:
    """Make or renew the four files.

    Raises:
        SettingsWrong: the folder or a file can not be used.
    """
    try:
        network.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        trade_time = _trade_time(network, now)
        passphrase_file = _passphrase_file(network)
        registry = keyfile.load_or_make(network.data_dir / "registry", _subscriber_id("registry"), passphrase_file)
        pinned = {
            "url": network.url("registry"),
            "subscriber_id": registry.subscriber_id,
            "signing_public_key": registry.signing_public_b64,
            "encr_public_key": registry.encryption_public_b64,
        }
        for role in ROLES:
            kept = _existing(network.file(role))
            fresh = _settings(network, role) | {"trade_time": trade_time}
            if role != "registry":
                fresh["registry"] = pinned
            content = _FIRST.get(role, {}) | {"network": _NETWORK} | kept | fresh
            if role == "bpp":
                content["telemetry"] = _telemetry(network, content.get("telemetry"))
            if isinstance(content["network"], dict):
                content["network"] = _NETWORK | content["network"]
            network.file(role).write_text(tomli_w.dumps(content), encoding="utf-8")
    except OSError as error:
        raise SettingsWrong(f"{error.filename or network.data_dir}: {error.strerror}") from None


def _subscriber_id(role: str) -> str:
    return f"{role}.beckn-battery.local"


def _settings(network: LocalNetwork, role: str) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "subscriber_id": _subscriber_id(role),
        "data_dir": str(network.data_dir / role),
        "public_url": network.url(role),
        "host": network.host,
        "port": network.port(role),
    }
    if role == "bap":
        settings["gateway_url"] = network.url("gateway")
    return settings


def _telemetry(network: LocalNetwork, kept: object) -> dict[str, Any]:
    """The operator's telemetry settings: a person's own sources, and those of the simulated fleet as it is now."""
    telemetry = dict(kept) if isinstance(kept, dict) else {}
    fresh = _simulated_sources(network)
    for kind in ("mqtt", "modbus"):
        others = [one for one in telemetry.get(kind, []) if one.get("name") != SIMULATED]
        telemetry[kind] = others + fresh.get(kind, [])
    return telemetry


def _simulated_sources(network: LocalNetwork) -> dict[str, list[dict[str, Any]]]:
    if not (network.mqtt_port and network.modbus_port):
        return {}
    source = {"name": SIMULATED, "host": network.host}
    batteries = [
        {"battery_id": battery_id, "unit_id": unit_id, "clock_address": CLOCK}
        for unit_id, battery_id in network.modbus_units.items()
    ]
    every_s = min(_MODBUS_EVERY_MOST_S, max(_MODBUS_EVERY_LEAST_S, _MODBUS_EVERY_TRADE_S / network.speed))
    modbus = source | {"port": network.modbus_port, "every_s": every_s, "batteries": batteries}
    return {"mqtt": [source | {"port": network.mqtt_port}], "modbus": [modbus] if batteries else []}


def _existing(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsWrong(f"{file}: not TOML: {error}") from None


def _passphrase_file(network: LocalNetwork) -> Path | None:
    """Under which a person has the registry's keys sealed."""
    kept = _existing(network.file("registry")).get("keys")
    named = kept.get("passphrase_file") if isinstance(kept, dict) else None
    return Path(named) if isinstance(named, str) else None


def _trade_time(network: LocalNetwork, now: datetime) -> dict[str, Any]:
    """The network's trade clock: it goes on where it was, also under another speed."""
    kept = _existing(network.file("bpp")).get("trade_time")
    try:
        if kept is None:
            epoch = now.astimezone(UTC).replace(microsecond=0)
            return {"epoch": epoch, "started": epoch, "speed": network.speed}
        if kept["speed"] == network.speed:
            return dict(kept)
        clocks = Clocks(TradeTimeSettings(kept["epoch"], kept["started"], kept["speed"]), lambda: now)
        return {"epoch": clocks.trade(), "started": now, "speed": network.speed}
    except (KeyError, TypeError):
        raise SettingsWrong(f"{network.file('bpp')}: trade_time needs epoch, started and speed") from None
