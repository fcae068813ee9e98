"""Taxes of a trade: decided when the producer's platform says who pays, so that the quote to confirm is right."""

from __future__ import annotations

from dataclasses import replace

from bpp.catalog import ListedBattery
from bpp.contracts import Contract
from bpp.quotes import quote_for
from bpp.settings import BppSettings
from energy.offers import Billing
from energy.tax import TaxUnknown, place_of, placed_tariff
from protocol.errors import INVALID_REQUEST, TradeRefused

_BILLING_PATH = "/message/order/billing"


def paid_by(contract: Contract, billing: Billing, settings: BppSettings) -> Contract:
    """The contract with who pays for it, and its quote with the taxes that are due there.

    Raises:
        TradeRefused: 30000, the payer's state or tax number is none.
    """
    try:
        listed = placed(contract.listed, billing, settings)
    except TaxUnknown as error:
        raise TradeRefused(INVALID_REQUEST, str(error), _BILLING_PATH) from None
    if listed == contract.listed:
        return replace(contract, billing=billing)
    quoted = contract.quote
    quote = quote_for(listed, contract.use, quoted.quote_id, quoted.ttl_s, contract.discount)
    return replace(contract, billing=billing, listed=listed, quote=quote)


def placed(listed: ListedBattery, billing: Billing, settings: BppSettings) -> ListedBattery:
    """The battery's terms with the taxes that are due where the payer is.

    Raises:
        TaxUnknown: the payer's state or tax number is none.
    """
    regime = settings.invoicing.books.regime
    recipient = place_of(regime, billing.tax_id, billing.state_code)
    return replace(listed, tariff=placed_tariff(listed.tariff, regime, settings.place, recipient))
