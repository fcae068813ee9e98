"""The settings of the operator as a legal entity: whose tax law its invoices follow, and where it takes money."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from energy.invoices.model import PayTo
from energy.invoices.numbers import Books, serial
from energy.tax import Regime
from protocol.errors import SettingsWrong

_SOME_DAY = datetime(2026, 11, 20, tzinfo=UTC)
_LARGEST_NUMBER = 999_999


@dataclass(frozen=True, slots=True)
class InvoicingSettings:
    """``regime`` is ``india-gst`` or ``eu-vat``; ``time_zone`` is where its dates are read; ``country`` is ISO 3166.

    Name, address, tax number and state are the provider's; ``legal_name`` where the entity is called otherwise. Each
    kind of document has a series of its own. ``late_fee_percent`` is what a year's delay costs. With
    ``self_billing_agreed`` producers have agreed that the operator issues their invoices (VAT Directive, Article 224).
    """

    regime: str = Regime.INDIA_GST.value
    time_zone: str = "Asia/Kolkata"
    country: str = "IN"
    legal_name: str | None = None
    credit_note_series: str = "CN"
    debit_note_series: str = "DN"
    purchase_series: str = "PS"
    late_fee_percent: int = 0
    self_billing_agreed: bool = False
    logo_file: Path | None = None
    pay_to: PayTo | None = None

    def __post_init__(self) -> None:
        if self.regime not in set(Regime):
            raise SettingsWrong(f"invoicing.regime must be {' or '.join(Regime)}, not {self.regime!r}")
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise SettingsWrong(f"invoicing.time_zone {self.time_zone!r} is no time zone") from None
        if not 0 <= self.late_fee_percent <= 100:
            raise SettingsWrong(f"invoicing.late_fee_percent must be 0 to 100, not {self.late_fee_percent}")
        logo = self.logo_file
        if logo is not None and (not logo.is_file() or logo.suffix.lower() not in {".png", ".jpg", ".jpeg"}):
            raise SettingsWrong(f"invoicing.logo_file {logo} is no PNG or JPEG file")
        for name in ("credit_note_series", "debit_note_series", "purchase_series"):
            check_series(f"invoicing.{name}", getattr(self, name))

    @property
    def books(self) -> Books:
        """Which law and which dates."""
        return Books(Regime(self.regime), self.time_zone)

    @property
    def yearly_late_fee(self) -> Decimal:
        """The late fee as a rate."""
        return Decimal(self.late_fee_percent)


def check_series(setting: str, series: str) -> None:
    """Refuse a series whose numbers would be too long or have other characters.

    Raises:
        SettingsWrong: it names the setting.
    """
    try:
        serial(series, _SOME_DAY, _LARGEST_NUMBER)
    except ValueError:
        raise SettingsWrong(
            f"{setting} is {series!r}, but a number such as {series}/26-27/{_LARGEST_NUMBER} may have "
            "at most 16 letters, digits, / and -"
        ) from None
