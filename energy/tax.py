"""Taxes by place: which taxes are due on a supply between two parties, and what the invoice has to say about it.

Source: ENERGY 2.5.

*India* (CGST Act, IGST Act): where the supplier's state is the place of supply, CGST and SGST at half the rate each; in
a union territory without a legislature UTGST takes SGST's place; otherwise IGST at the whole rate. The place of supply
of a service is the recipient's state where it is on record, otherwise the supplier's (IGST Act, section 12 (2)). A
state is its two-digit code, with which a GSTIN begins.

*European Union* (VAT Directive 2006/112): VAT of the supplier's country; a recipient with a VAT id of another member
state owes it himself (Article 196, "Reverse charge"), and the invoice has no tax. A VAT id begins with its country.

The whole rate is the tariff's (`energy.tariffs.TaxClass`), so who has other advice configures another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from energy.tariffs import Line, LineTitle, Tariff, TaxClass, TaxPart

_GST = frozenset({LineTitle.CGST, LineTitle.SGST, LineTitle.UTGST, LineTitle.IGST})
_VAT = frozenset({LineTitle.VAT})
_VAT_ID = re.compile(r"[A-Z]{2}[0-9A-Z+*]{2,13}")
_GSTIN = re.compile(r"[0-9]{2}[0-9A-Z]{13}")
_GREECE = "EL"

STATES = MappingProxyType(
    {
        "01": "Jammu and Kashmir",
        "02": "Himachal Pradesh",
        "03": "Punjab",
        "04": "Chandigarh",
        "05": "Uttarakhand",
        "06": "Haryana",
        "07": "Delhi",
        "08": "Rajasthan",
        "09": "Uttar Pradesh",
        "10": "Bihar",
        "11": "Sikkim",
        "12": "Arunachal Pradesh",
        "13": "Nagaland",
        "14": "Manipur",
        "15": "Mizoram",
        "16": "Tripura",
        "17": "Meghalaya",
        "18": "Assam",
        "19": "West Bengal",
        "20": "Jharkhand",
        "21": "Odisha",
        "22": "Chhattisgarh",
        "23": "Madhya Pradesh",
        "24": "Gujarat",
        "26": "Dadra and Nagar Haveli and Daman and Diu",
        "27": "Maharashtra",
        "29": "Karnataka",
        "30": "Goa",
        "31": "Lakshadweep",
        "32": "Kerala",
        "33": "Tamil Nadu",
        "34": "Puducherry",
        "35": "Andaman and Nicobar Islands",
        "36": "Telangana",
        "37": "Andhra Pradesh",
        "38": "Ladakh",
        "97": "Other Territory",
    }
)
"""The states of India by their GST codes."""

_UNION_TERRITORIES = frozenset({"04", "26", "31", "35", "38", "97"})
"""Those with UTGST; Delhi, Jammu and Kashmir and Puducherry have legislatures, and so SGST."""

EU_COUNTRIES = frozenset(
    "AT BE BG CY CZ DE DK EE EL ES FI FR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()  # noqa: SIM905
)
"""The member states as VAT ids begin; Greece is EL there, and GR elsewhere."""


class Regime(StrEnum):
    """Whose tax law a legal entity's invoices follow."""

    INDIA_GST = "india-gst"
    EU_VAT = "eu-vat"


class TaxUnknown(ValueError):
    """A state or tax number that is none, with a sentence that says what to change."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a party is for tax: a state of India (``"29"``) or a member state (``"DE"``). None: not on record."""

    state_code: str | None = None
    country: str | None = None
    vat_id: str | None = None


def place_of(regime: Regime, tax_id: str | None, state_code: str | None, country: str | None = None) -> Place:
    """The place of a party by its tax number and what else is on record.

    Raises:
        TaxUnknown: the state does not exist, a GSTIN is of another state, or a tax number can not be one.
    """
    if regime is Regime.INDIA_GST:
        return Place(state_code=_state(tax_id, state_code))
    if tax_id is None:
        return Place(country=_vat_country(country))
    if _VAT_ID.fullmatch(tax_id) is None or tax_id[:2] not in EU_COUNTRIES:
        raise TaxUnknown(f"{tax_id[:20]!r} is no VAT id of a member state: it begins with the country, such as DE.")
    return Place(country=tax_id[:2], vat_id=tax_id)


def placed(tax: TaxClass, regime: Regime, supplier: Place, recipient: Place) -> TaxClass:
    """The taxes that are due between these places, at the whole rate of ``tax``.

    A class with taxes of another law, or a supplier whose place is not on record, stays as it is: it was configured so.
    """
    rate = sum((part.percent for part in tax.parts), Decimal(0))
    titles = {part.title for part in tax.parts}
    if regime is Regime.EU_VAT and titles and titles <= _VAT:
        return replace(tax, parts=()) if is_reverse_charge(regime, supplier, recipient) else tax
    if regime is Regime.INDIA_GST and titles and titles <= _GST and supplier.state_code is not None:
        return replace(tax, parts=_gst(rate, supplier.state_code, recipient.state_code or supplier.state_code))
    return tax


def is_reverse_charge(regime: Regime, supplier: Place, recipient: Place) -> bool:
    """Whether the recipient owes the tax (VAT Directive, Article 196)."""
    return regime is Regime.EU_VAT and recipient.vat_id is not None and recipient.country != supplier.country


def placed_tariff(tariff: Tariff, regime: Regime, supplier: Place, recipient: Place) -> Tariff:
    """The tariff with the taxes of these places (`placed`)."""
    return replace(tariff, tax=placed(tariff.tax, regime, supplier, recipient))


def taxed_as(tariff: Tariff, lines: Iterable[Line]) -> Tariff:
    """The tariff with the taxes that these lines have: those that were agreed on, wherever the parties are."""
    parts = tuple(TaxPart(line.title, line.rate) for line in lines if line.is_tax and line.rate is not None)
    return replace(tariff, tax=replace(tariff.tax, parts=parts))


def iso_country(vat_country: str) -> str:
    """The country of a VAT id by ISO 3166: ``"EL"`` → ``"GR"``."""
    return "GR" if vat_country == _GREECE else vat_country


def _gst(rate: Decimal, supplier_state: str, place_of_supply: str) -> tuple[TaxPart, ...]:
    if supplier_state != place_of_supply:
        return (TaxPart(LineTitle.IGST, rate),)
    second = LineTitle.UTGST if place_of_supply in _UNION_TERRITORIES else LineTitle.SGST
    return (TaxPart(LineTitle.CGST, rate / 2), TaxPart(second, rate / 2))


def _state(tax_id: str | None, state_code: str | None) -> str | None:
    if tax_id is not None and _GSTIN.fullmatch(tax_id) is None:
        raise TaxUnknown(f"{tax_id[:20]!r} is no GSTIN: 15 digits and capital letters, first the code of the state.")
    state = state_code or (None if tax_id is None else tax_id[:2])
    if state is not None and state not in STATES:
        raise TaxUnknown(f"{state[:20]!r} is no state of India: name its GST code, such as 29 for Karnataka.")
    if tax_id is not None and tax_id[:2] != state:
        raise TaxUnknown(f"The GSTIN {tax_id} is of state {tax_id[:2]}, but the state is said to be {state}.")
    return state


def _vat_country(country: str | None) -> str | None:
    if country is None:
        return None
    return _GREECE if country == "GR" else country
