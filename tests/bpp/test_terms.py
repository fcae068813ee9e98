"""What a producer agrees to is told by the contract alone, and its digest stands for every word of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from bpp.contracts import Contract, FormPage, Peer
from bpp.quotes import quote_for
from bpp.terms import digest_of, facts_of
from energy.offers import CancellationTerms, ContractState, DispatchMode
from protocol.lifecycle import Stage
from tests.bpp.platform import BILLING, LISTED, TRADE, WIRE, use
from tests.energy.examples import NOVEMBER

CONTRACT = Contract(
    contract_id="1c1b8f7e-6a43-4a39-8f0f-2f6c5d1e0a11",
    order_id="1c1b8f7e-6a43-4a39-8f0f-2f6c5d1e0a11",
    peer=Peer("bap.test", "http://bap.test/beckn", TRADE, "dent:0.1.0"),
    stage=Stage.INITIALISED,
    state=ContractState.INITIATED,
    state_at=NOVEMBER,
    listed=LISTED,
    use=use(),
    mode=DispatchMode.AUTOMATIC,
    quote=quote_for(LISTED, use(), "5c2b1f0a-2f33-4a53-8a3e-9d1f4a1c7b60", 600),
    quote_until=WIRE + timedelta(seconds=600),
    billing=BILLING,
)


def told(contract: Contract, page: FormPage = FormPage.TERMS) -> dict[str, str]:
    return dict(facts_of(page, [contract], "Garden City Storage", 15))


def test_the_losses_are_told_in_kilowatt_hours_with_who_bears_them() -> None:
    lost = (CONTRACT.use.energy_wh - CONTRACT.profile.giveback_wh) / 1_000
    assert told(CONTRACT)["Losses"] == f"You bear them: of what is charged, about {lost} kWh do not come back."


def test_who_controls_the_battery_depends_on_the_way_of_dispatch() -> None:
    assert "without asking again" in told(CONTRACT)["Who controls what"]
    assert "by hand" in told(replace(CONTRACT, mode=DispatchMode.MANUAL))["Who controls what"]


def test_every_line_of_the_quote_is_told_with_how_it_comes_about() -> None:
    terms = told(CONTRACT)
    assert terms["Price"] == "5610.90 INR, taxes included"
    assert terms["Storage capacity charge"] == "4500.00 INR: 50 kWh-month at 90"
    assert terms["Storage throughput charge"] == "255.00 INR: 300 kWh at 0.85"
    assert (terms["CGST"], terms["SGST"]) == ("427.95 INR: 9 % of 4755",) * 2


def test_who_did_not_say_who_pays_is_named_by_the_platform() -> None:
    assert told(replace(CONTRACT, billing=None), FormPage.CONSENT)["Who hands over"] == "bap.test"


def test_the_digest_changes_with_any_term() -> None:
    dearer = replace(CONTRACT, listed=replace(LISTED, cancellation=CancellationTerms(Decimal(11))))
    variants = (CONTRACT, dearer, replace(CONTRACT, mode=DispatchMode.MANUAL), replace(CONTRACT, use=use(299_999)))
    facts = [facts_of(FormPage.TERMS, [each], "Garden City Storage", 15) for each in variants]
    assert len({digest_of(each) for each in facts}) == len(variants)
    assert digest_of(facts[0]) == digest_of(facts_of(FormPage.TERMS, [CONTRACT], "Garden City Storage", 15))
