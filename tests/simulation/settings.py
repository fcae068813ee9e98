"""Who is in the simulated network: their settings, keys and fleet. Short waiting times keep a run short."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from bap.settings import BapSettings, BillingSettings, RequestLifetimes
from bpp.catalog import ListedBattery
from bpp.settings import BppSettings, ProviderSettings, TermsSettings
from energy.intervals import Interval
from energy.offers import CancellationTerms, DispatchMode
from energy.searches import SearchIntent
from node.settings import NodeSettings, RegistrySettings, RetrySettings, TimeLimits, TradeTimeSettings
from protocol.actions import Role
from tests.energy.examples import BATTERY, NOVEMBER, TARIFF
from tests.messages import own_keys

START = datetime(2026, 11, 20, 10, tzinfo=UTC)
SPEED = 14_400
"""One second of wire time is four hours of trade time, so that contracts end within a run."""
HOUR = timedelta(hours=1)
TERMS = TermsSettings(quote_ttl_s=20, hold_s=6)
BATTERIES = ("battery-1",)
_LIFETIMES = RequestLifetimes(search=10, select=10, init=10, confirm=15, status=8, update=15, cancel=15)
_PROVIDER = ProviderSettings("operator", "Operator", "1 Lake Road", "desk@bpp.example", "+91", "https://bpp.example/")
_BILLING = BillingSettings("Asha Farms", "asha@farms.example", address="Hebbal", state_code="29")


@dataclass(frozen=True, slots=True)
class Member:
    """One participant."""

    name: str
    role: Role
    settings: Any

    @property
    def url(self) -> str:
        """Its registered URL."""
        return f"http://{self.name}/beckn"


def members(folder: Path) -> tuple[Member, ...]:
    """Everyone, with folders for their keys below ``folder``."""
    registry_keys = own_keys("registry")
    registry = RegistrySettings(
        "http://registry", "registry", registry_keys.signing_public_b64, registry_keys.encryption_public_b64
    )
    everyone = (("gateway", Role.BG), ("bpp", Role.BPP), ("bap-1", Role.BAP), ("bap-2", Role.BAP))
    return tuple(Member(name, role, _settings(name, role, folder, registry)) for name, role in everyone)


def _settings(name: str, role: Role, folder: Path, registry: RegistrySettings) -> NodeSettings:
    common: dict[str, Any] = {
        "subscriber_id": name,
        "data_dir": folder / name,
        "public_url": f"http://{name}/beckn",
        "database_url": f"sqlite:////nowhere/{name}.sqlite",
        "registry": registry,
        "trade_time": TradeTimeSettings(NOVEMBER, START, SPEED),
        "times": TimeLimits(peer_timeout_s=3, key_lookup_every_s=1, key_cache_s=10),
        "retry": RetrySettings(first_delay_s=0.2, max_delay_s=2.0),
    }
    if role is Role.BPP:
        return BppSettings(**common, provider=_PROVIDER, terms=TERMS)
    if role is Role.BAP:
        bap = {"billing": _BILLING, "request_ttl_s": _LIFETIMES, "answer_within_s": 8}
        return BapSettings(**common, gateway_url="http://gateway/beckn", **bap)
    return NodeSettings(**common)


def fleet() -> list[ListedBattery]:
    """One battery: two or three uses of the usual size fill it."""
    terms = CancellationTerms(Decimal(TERMS.cancellation_fee_percent))
    modes = (DispatchMode.AUTOMATIC, DispatchMode.MANUAL)
    named = [replace(BATTERY, battery_id=name, name=name, meter_address=f"der://meter/{name}") for name in BATTERIES]
    return [ListedBattery(battery, TARIFF, modes, terms, 1_000) for battery in named]


def intent(energy_wh: int, start: datetime) -> SearchIntent:
    """Four hours of charging from ``start``, and four of return ten hours later."""
    return SearchIntent(
        energy_wh=energy_wh,
        charge=Interval(start, start + 4 * HOUR),
        giveback=Interval(start + 14 * HOUR, start + 18 * HOUR),
        near=BATTERY.place,
        radius_m=40_000,
    )
