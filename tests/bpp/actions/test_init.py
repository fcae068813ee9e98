"""``init``: terms, payment and the consent form."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bpp.contracts import FormPage
from energy.offers import ContractState, DispatchMode, Payment, PaymentType
from energy.quantities import Money
from tests.bpp.platform import BILLING, Letter, Platform, order, use
from tests.messages import BPP_URL


async def init(platform: Platform, **more: Any) -> Letter:
    return await platform.answer("init", order(**({"billing": BILLING} | more)))


async def test_terms_are_payment_after_fulfillment_and_a_consent_form(platform: Platform) -> None:
    await platform.answer("select", order())
    terms = (await init(platform)).order
    assert terms.state is ContractState.INITIATED
    assert terms.payment is not None
    assert terms.payment.payment_type is PaymentType.POST_FULFILLMENT
    assert terms.payment.amount == Money(561_090, "INR")
    assert terms.form is not None
    assert terms.form.url is not None
    assert terms.form.url.startswith(f"{BPP_URL}/forms/")
    assert terms.form.required
    assert terms.billing == BILLING
    assert terms.order_id is None


@pytest.mark.parametrize(
    ("mode", "pages"),
    [
        (DispatchMode.AUTOMATIC, (FormPage.CONSENT, FormPage.TERMS)),
        (DispatchMode.MANUAL, (FormPage.TERMS,)),
    ],
)
async def test_automatic_dispatch_asks_for_consent_and_both_for_the_terms(
    platform: Platform, mode: DispatchMode, pages: tuple[FormPage, ...]
) -> None:
    await platform.answer("select", order(mode=mode))
    assert (await init(platform, mode=mode)).order.form is not None
    assert (await platform.contract_of_trade()).pages == pages


async def test_asking_for_the_terms_again_keeps_the_form(platform: Platform) -> None:
    await platform.answer("select", order())
    first, second = await init(platform), await init(platform)
    assert first.order.form == second.order.form


async def test_a_new_selection_needs_a_new_consent(platform: Platform) -> None:
    agreed = await platform.agree(order())
    smaller = order(use=use(200_000))
    await platform.answer("select", smaller)
    terms = (await init(platform, use=smaller.use)).order
    assert terms.form is not None
    assert terms.form.submission_id is None
    refused = await platform.confirm(replace(agreed, use=smaller.use, quote=terms.quote))
    assert refused.code == "40000"


async def test_a_quote_that_has_expired_can_not_be_taken(platform: Platform) -> None:
    await platform.answer("select", order())
    platform.clock.now += timedelta(seconds=601)
    assert (await init(platform)).code == "40003"


async def test_terms_before_a_quote_are_refused(platform: Platform) -> None:
    refused = await init(platform)
    assert (refused.code, refused.content) == ("40001", None)


async def test_terms_for_another_amount_than_quoted_are_refused(platform: Platform) -> None:
    await platform.answer("select", order())
    assert (await init(platform, use=use(299_000))).code == "40003"


@pytest.mark.parametrize("kind", [kind for kind in PaymentType if kind is not PaymentType.POST_FULFILLMENT])
async def test_payment_before_the_energy_came_back_is_not_supported(platform: Platform, kind: PaymentType) -> None:
    await platform.answer("select", order())
    refused = await init(platform, payment=Payment(kind, Money(561_090, "INR")))
    assert refused.code == "40004"
