"""The settings of payments: when producers pay, what the bank's CSV files look like, and the gateway."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from energy.offers import PaymentType
from energy.payment_webhooks import secret_key
from energy.statements import CsvColumns
from protocol.errors import SettingsWrong

TERMS = (PaymentType.PRE_ORDER, PaymentType.ON_FULFILLMENT, PaymentType.POST_FULFILLMENT)


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """A payment gateway: ``url`` is where its API is, both files hold one line.

    ``secret_file`` has the secret that its webhooks are signed with (``whsec_…``), ``key_file`` what our calls of its
    API are authorised by.
    """

    url: str
    secret_file: Path
    key_file: Path

    @property
    def secret(self) -> bytes:
        """The webhooks' key.

        Raises:
            SettingsWrong: the file can not be read, or holds no secret.
        """
        try:
            return secret_key(self.secret_file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SettingsWrong(f"payments.gateway.secret_file: {error}") from None

    @property
    def key(self) -> str:
        """What authorises our calls. Raises as `secret`."""
        try:
            return self.key_file.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise SettingsWrong(f"payments.gateway.key_file: {error}") from None


@dataclass(frozen=True, slots=True)
class PaymentsSettings:
    """``term`` is when a contract is paid (Beckn core 1.1.1, Payment.type).

    With ``PRE-ORDER`` the quoted total has to be deposited before ``confirm``. ``csv`` names the columns of statements.
    ``co2_g_per_kwh`` is what a kWh that is returned spares in grams of CO2, for reports; 0: nothing is said of it.
    """

    term: str = PaymentType.POST_FULFILLMENT.value
    csv: CsvColumns = field(default_factory=CsvColumns)
    gateway: GatewaySettings | None = None
    co2_g_per_kwh: int = 0

    def __post_init__(self) -> None:
        if self.term not in TERMS:
            raise SettingsWrong(f"payments.term must be {', '.join(TERMS)}, not {self.term!r}")
        if self.gateway is not None:
            # Read at the start, so that a missing secret is no surprise when the first event comes.
            _ = self.gateway.secret, self.gateway.key

    @property
    def co2_factor(self) -> Decimal | None:
        """Grams of CO2 by kWh returned; None where the operator says nothing of it."""
        return Decimal(self.co2_g_per_kwh) if self.co2_g_per_kwh else None

    @property
    def payment_type(self) -> PaymentType:
        """The term as it stands on the wire."""
        return PaymentType(self.term)
