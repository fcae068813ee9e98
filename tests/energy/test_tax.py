"""Taxes by place: CGST and SGST, UTGST or IGST in India, VAT or reverse charge in the EU."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.tariffs import LineTitle, TaxClass, TaxPart, india_gst
from energy.tax import STATES, Place, Regime, TaxUnknown, iso_country, place_of, placed, placed_tariff, taxed_as
from tests.energy.examples import TARIFF
from tests.energy.invoices.examples import INVOICE

GST = india_gst(same_state=True)
VAT = TaxClass("storage", (TaxPart(LineTitle.VAT, Decimal(19)),))
GERMANY = Place(country="DE", vat_id="DE123456789")
KARNATAKA = Place("29")


def due(tax: TaxClass, regime: Regime, supplier: Place, recipient: Place) -> dict[str, str]:
    return {part.title.value: str(part.percent) for part in placed(tax, regime, supplier, recipient).parts}


@pytest.mark.parametrize(
    ("supplier", "recipient", "taxes"),
    [
        ("29", "29", {"CGST": "9", "SGST": "9"}),
        ("29", None, {"CGST": "9", "SGST": "9"}),
        ("29", "33", {"IGST": "18"}),
        ("04", "04", {"CGST": "9", "UTGST": "9"}),
        ("07", "07", {"CGST": "9", "SGST": "9"}),
        ("04", "38", {"IGST": "18"}),
    ],
)
def test_gst_follows_the_place_of_supply(supplier: str, recipient: str | None, taxes: dict[str, str]) -> None:
    assert due(GST, Regime.INDIA_GST, Place(supplier), Place(recipient)) == taxes


@given(st.sampled_from(sorted(STATES)), st.sampled_from(sorted(STATES)), st.decimals(0, 28, places=2))
def test_wherever_the_parties_are_the_whole_rate_stays(supplier: str, recipient: str, percent: Decimal) -> None:
    tax = TaxClass("998631", (TaxPart(LineTitle.IGST, percent),))
    parts = placed(tax, Regime.INDIA_GST, Place(supplier), Place(recipient)).parts
    assert sum(part.percent for part in parts) == percent
    assert (len(parts) == 2) == (supplier == recipient)


@pytest.mark.parametrize(
    ("recipient", "taxes"),
    [
        (Place(country="DE", vat_id="DE987654321"), {"VAT": "19"}),
        (Place(), {"VAT": "19"}),
        (Place(country="NL", vat_id="NL123456789B01"), {}),
    ],
)
def test_a_business_in_another_member_state_owes_the_vat_itself(recipient: Place, taxes: dict[str, str]) -> None:
    assert due(VAT, Regime.EU_VAT, GERMANY, recipient) == taxes


def test_taxes_of_another_law_or_of_a_supplier_without_a_state_stay_as_configured() -> None:
    assert placed(VAT, Regime.INDIA_GST, KARNATAKA, Place("33")) == VAT
    assert placed(GST, Regime.EU_VAT, GERMANY, Place(country="NL", vat_id="NL1234")) == GST
    assert placed(GST, Regime.INDIA_GST, Place(), Place("33")) == GST
    exempt = replace(GST, parts=())
    assert placed(exempt, Regime.INDIA_GST, KARNATAKA, KARNATAKA) == exempt


@pytest.mark.parametrize(
    ("regime", "tax_id", "state", "said"),
    [
        (Regime.INDIA_GST, None, "99", "'99' is no state of India"),
        (Regime.INDIA_GST, "29AAAAA0000A1Z5", "33", "is of state 29, but the state is said to be 33"),
        (Regime.INDIA_GST, "DE123456789", None, "'DE123456789' is no GSTIN"),
        (Regime.EU_VAT, "US123456789", None, "'US123456789' is no VAT id of a member state"),
        (Regime.EU_VAT, "29AAAAA0000A1Z5", None, "is no VAT id"),
    ],
)
def test_a_state_or_tax_number_that_is_none_is_refused(
    regime: Regime, tax_id: str | None, state: str | None, said: str
) -> None:
    with pytest.raises(TaxUnknown, match=said):
        place_of(regime, tax_id, state)


def test_a_place_is_read_from_the_tax_number_where_nothing_else_tells_it() -> None:
    assert place_of(Regime.INDIA_GST, "29AAAAA0000A1Z5", None) == KARNATAKA
    assert place_of(Regime.EU_VAT, "EL123456789", None) == Place(country="EL", vat_id="EL123456789")
    assert place_of(Regime.EU_VAT, None, None, "GR") == Place(country="EL")
    assert (iso_country("EL"), iso_country("DE")) == ("GR", "DE")


def test_a_tariff_takes_the_taxes_of_the_lines_that_were_agreed_on() -> None:
    abroad = placed_tariff(TARIFF, Regime.INDIA_GST, KARNATAKA, Place("33"))
    assert taxed_as(abroad, INVOICE.lines) == TARIFF
    assert taxed_as(TARIFF, ()).tax.parts == ()
