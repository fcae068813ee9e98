"""The settings of a battery operator's platform: who the operator is, and on which terms batteries are let.

Terms are checked when they are read, so that a wrong one is one clear line at the start and no surprise in a trade.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from energy.invoices import financial_year, serial
from node.settings import NodeSettings
from protocol.errors import SettingsWrong

_SOME_DAY = datetime(2026, 11, 20, tzinfo=UTC)
_LARGEST_NUMBER = 999_999


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """The operator as catalogs, invoices and ``on_support`` name it. ``tax_id`` is the GSTIN (ENERGY 2.5)."""

    provider_id: str
    name: str
    address: str
    email: str
    phone: str
    support_url: str
    tax_id: str | None = None
    state_code: str | None = None


@dataclass(frozen=True, slots=True)
class TermsSettings:
    """How the operator trades. Seconds are of wire time, days of trade time.

    ``hold_s`` is how long a quote keeps its capacity from others; 0 keeps nothing free before ``confirm``. The fee is a
    share of the quoted charges, for cancelling before charging begins. ``invoice_series`` begins every invoice number.
    """

    quote_ttl_s: int = 600
    hold_s: int = 600
    cancellation_fee_percent: int = 10
    invoice_due_days: int = 15
    invoice_series: str = "BB"
    catalog_ttl_s: int = 300
    offers_max: int = 50
    profile_step_s: int = 900

    def __post_init__(self) -> None:
        for name in ("quote_ttl_s", "catalog_ttl_s", "offers_max", "profile_step_s"):
            if getattr(self, name) < 1:
                raise SettingsWrong(f"terms.{name} must be at least 1, but is {getattr(self, name)}")
        for name in ("hold_s", "invoice_due_days"):
            if getattr(self, name) < 0:
                raise SettingsWrong(f"terms.{name} must not be negative, but is {getattr(self, name)}")
        if not 0 <= self.cancellation_fee_percent <= 100:
            raise SettingsWrong(f"terms.cancellation_fee_percent must be 0 to 100, not {self.cancellation_fee_percent}")
        _check_series(self.invoice_series)


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    """What the platform takes from meters; seconds of wire time.

    ``sample_period_s`` is how often a battery sends a sample: three that are missing make its values stale.
    ``ahead_s`` is how far a meter's clock may run before ours.
    """

    sample_period_s: int = 10
    samples_per_request: int = 10_000
    ahead_s: int = 5


@dataclass(frozen=True, kw_only=True)
class BppSettings(NodeSettings):
    """Everything a battery operator's platform needs."""

    provider: ProviderSettings
    terms: TermsSettings = field(default_factory=TermsSettings)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)


def _check_series(series: str) -> None:
    try:
        serial(series, _SOME_DAY, _LARGEST_NUMBER)
    except ValueError:
        year = financial_year(_SOME_DAY)
        raise SettingsWrong(
            f"terms.invoice_series is {series!r}, but a number such as {series}/{year}/{_LARGEST_NUMBER} may have "
            "at most 16 letters, digits, / and -"
        ) from None
