"""Who pays decides which taxes are quoted, at ``init`` and whenever it changes."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from bpp.taxes import paid_by, placed
from energy.offers import UpdateRequest
from energy.quantities import Money
from energy.tariffs import LineTitle
from energy.tax import TaxUnknown
from protocol.errors import TradeRefused
from tests.bpp.platform import BILLING, LISTED, Platform

ABROAD = replace(BILLING, state_code="33")


async def test_a_payer_of_the_same_state_leaves_the_quote_as_it_is(platform: Platform) -> None:
    await platform.buy()
    contract = await platform.contract_of_trade()
    assert paid_by(contract, BILLING, platform.desk.settings) == contract


async def test_another_payer_of_another_state_is_quoted_igst_under_the_same_quote(platform: Platform) -> None:
    order_id = str((await platform.buy()).order.order_id)
    known = await platform.contract_of_trade()
    told = (await platform.answer("update", UpdateRequest(order_id, "billing", billing=ABROAD))).order
    assert told.quote is not None
    assert told.quote.quote_id == known.quote.quote_id
    assert [(line.title, line.amount) for line in told.quote.lines if line.is_tax] == [
        (LineTitle.IGST, Money(85_590, "INR"))
    ]
    contract = await platform.contract_of_trade()
    assert [part.percent for part in contract.listed.tariff.tax.parts] == [Decimal(18)]


async def test_a_payer_in_no_state_is_refused_and_nothing_changes(platform: Platform) -> None:
    await platform.buy()
    contract = await platform.contract_of_trade()
    nowhere = replace(BILLING, state_code="99")
    with pytest.raises(TradeRefused, match="no state of India") as raised:
        paid_by(contract, nowhere, platform.desk.settings)
    assert raised.value.diagnosis.path == "/message/order/billing"
    with pytest.raises(TaxUnknown):
        placed(LISTED, nowhere, platform.desk.settings)
