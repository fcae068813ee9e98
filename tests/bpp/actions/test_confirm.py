"""``confirm``: nothing is sold twice, and only what was agreed is sold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from energy.offers import ConsentForm, ContractState, DispatchMode, OrderStatus
from energy.quantities import Money
from node.ids import new_uuid
from tests.bpp.platform import BILLING, LISTED, OTHER_TRADE, Clock, Platform, order, payment, received_of, running, use

OTHER_BAP = {"transaction_id": OTHER_TRADE, "bap_id": "other.test"}


@pytest.fixture
async def unheld(tmp_path: Path, database_url: str) -> AsyncIterator[Platform]:
    """A platform on each kind of database that keeps nothing free for quotes."""
    async with running(tmp_path / "data", Clock(), database_url, hold_s=0) as opened:
        await opened.put_battery()
        yield opened


async def test_a_confirmed_contract_is_active_and_costs_what_was_quoted(platform: Platform) -> None:
    answer = await platform.buy()
    assert answer.order.status is OrderStatus.ACTIVE
    assert answer.order.state is ContractState.CONFIRMED
    assert answer.order.quote is not None
    assert answer.order.quote.total == Money(561_090, "INR")
    assert answer.order.payment is not None
    assert not answer.order.payment.paid
    assert answer.order.created_at == platform.trade
    assert answer.order.order_id is not None


async def test_two_confirms_at_once_sell_the_last_kwh_once(unheld: Platform) -> None:
    mine, theirs = await unheld.agree(order()), await unheld.agree(order(), **OTHER_BAP)
    now = unheld.clock.now
    await asyncio.gather(
        unheld.decide(received_of("confirm", mine, now)),
        unheld.decide(received_of("confirm", theirs, now, **OTHER_BAP)),
    )
    answers = await unheld.sent()
    assert sorted(str(answer.code) for answer in answers) == ["40002", "None"]


async def test_confirms_that_both_fit_both_become_contracts(unheld: Platform) -> None:
    mine = await unheld.agree(order(use=use(180_000)))
    theirs = await unheld.agree(order(use=use(180_000)), **OTHER_BAP)
    now = unheld.clock.now
    await asyncio.gather(
        unheld.decide(received_of("confirm", mine, now)),
        unheld.decide(received_of("confirm", theirs, now, **OTHER_BAP)),
    )
    assert [answer.code for answer in await unheld.sent()] == [None, None]


async def test_a_confirm_after_its_hold_ended_is_accepted_while_there_is_room(tmp_path: Path) -> None:
    async with running(tmp_path, hold_s=60) as platform:
        await platform.put_battery()
        agreed = await platform.agree(order())
        platform.clock.now += timedelta(seconds=61)
        assert (await platform.confirm(agreed)).code is None


async def test_a_confirm_after_its_hold_was_sold_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path, hold_s=60) as platform:
        await platform.put_battery()
        agreed = await platform.agree(order())
        platform.clock.now += timedelta(seconds=61)
        await platform.buy(order(), **OTHER_BAP)
        assert (await platform.confirm(agreed)).code == "40002"


async def test_a_quote_that_was_changed_on_the_way_is_refused(platform: Platform) -> None:
    agreed = await platform.agree(order())
    assert agreed.quote is not None
    line, *others = agreed.quote.lines
    cheaper = replace(line, amount=line.amount - Money(100, "INR"), quantity=None, unit=None, rate=None)
    changed = replace(agreed.quote, lines=(cheaper, *others), total=agreed.quote.total - Money(100, "INR"))
    refused = await platform.confirm(replace(agreed, quote=changed))
    assert refused.code == "40003"
    assert refused.error is not None
    assert "5610.90 INR" in refused.error["message"]


async def test_a_quote_of_another_selection_is_refused(platform: Platform) -> None:
    agreed = await platform.agree(order())
    assert agreed.quote is not None
    other = replace(agreed.quote, quote_id=new_uuid())
    assert (await platform.confirm(replace(agreed, quote=other))).code == "40003"


@pytest.mark.parametrize("form", [None, ConsentForm(None, "0b6f7c0e-7a53-4bb8-9e0e-111111111111")])
@pytest.mark.parametrize("mode", DispatchMode)
async def test_a_confirm_needs_the_number_that_our_form_ended_with(
    platform: Platform, form: ConsentForm | None, mode: DispatchMode
) -> None:
    agreed = await platform.agree(order(mode=mode))
    assert (await platform.confirm(replace(agreed, form=form))).code == "40000"


async def test_manual_dispatch_is_confirmed_once_its_terms_are_agreed_to(platform: Platform) -> None:
    answer = await platform.buy(order(mode=DispatchMode.MANUAL))
    assert answer.order.status is OrderStatus.ACTIVE


async def test_a_second_confirm_is_refused_and_changes_nothing(platform: Platform) -> None:
    agreed = await platform.agree(order())
    first = await platform.confirm(agreed)
    before = await platform.contract(str(first.order.order_id))
    assert (await platform.confirm(agreed)).code == "40001"
    assert await platform.contract(str(first.order.order_id)) == before


async def test_a_confirm_before_the_terms_is_refused(platform: Platform) -> None:
    quoted = (await platform.answer("select", order())).order
    early = order(quote=quoted.quote, billing=BILLING, payment=payment(quoted.quote))
    assert (await platform.confirm(early)).code == "40001"


async def test_a_confirm_after_the_charge_window_began_is_refused(platform: Platform) -> None:
    agreed = await platform.agree(order())
    platform.go_to(agreed.use.charge.start + timedelta(minutes=1))
    assert (await platform.confirm(agreed)).code == "40003"


async def test_what_was_agreed_stays_when_the_fleet_changes(platform: Platform) -> None:
    agreed = await platform.agree(order())
    dearer = replace(LISTED.tariff, rates=tuple(replace(rate, price=rate.price * 2) for rate in LISTED.tariff.rates))
    await platform.put_battery(replace(LISTED, tariff=dearer))
    answer = await platform.confirm(agreed)
    assert answer.order.quote is not None
    assert answer.order.quote.total == Money(561_090, "INR")
