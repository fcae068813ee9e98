"""Wrong settings of the legal entity are one clear line at the start."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bpp.invoicing_settings import InvoicingSettings
from bpp.settings import BppSettings
from energy.tax import Regime
from node.settings import load
from protocol.errors import SettingsWrong
from tests.bpp.platform import settings

FILE = """
subscriber_id = "bpp.test"
data_dir = "data"
public_url = "https://bpp.test/beckn"

[provider]
provider_id = "speicher"
name = "Speicher"
address = "Hauptstr. 1, Berlin"
email = "post@speicher.example"
phone = "+49 30 1"
support_url = "https://speicher.example"
tax_id = "DE123456789"

[invoicing]
regime = "eu-vat"
time_zone = "Europe/Berlin"
country = "DE"
late_fee_percent = 9
self_billing_agreed = true

[invoicing.pay_to]
account_name = "Speicher GmbH"
iban = "DE89370400440532013000"
"""


def test_a_file_names_law_account_and_late_fee(tmp_path: Path) -> None:
    file = tmp_path / "bpp.toml"
    file.write_text(FILE)
    invoicing = load(file, BppSettings).invoicing
    assert (invoicing.books.regime, invoicing.books.time_zone) == (Regime.EU_VAT, "Europe/Berlin")
    assert invoicing.pay_to is not None
    assert invoicing.pay_to.iban == "DE89370400440532013000"
    assert invoicing.yearly_late_fee == 9


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"regime": "us-sales-tax"}, "invoicing.regime must be india-gst or eu-vat"),
        ({"time_zone": "Mars/Olympus"}, "is no time zone"),
        ({"late_fee_percent": 101}, "must be 0 to 100"),
        ({"credit_note_series": "TOOLONG"}, "invoicing.credit_note_series is 'TOOLONG'"),
        ({"logo_file": Path("nowhere.png")}, "is no PNG or JPEG file"),
    ],
)
def test_a_wrong_setting_is_named(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsWrong, match=said):
        InvoicingSettings(**wrong)


def test_two_kinds_of_documents_can_not_share_a_series(tmp_path: Path) -> None:
    with pytest.raises(SettingsWrong, match="must all differ"):
        settings(tmp_path, invoicing=InvoicingSettings(credit_note_series="BB"))


def test_an_operator_whose_tax_number_is_of_another_state_is_told(tmp_path: Path) -> None:
    known = settings(tmp_path)
    with pytest.raises(SettingsWrong, match=r"provider\.tax_id: The GSTIN .* is of state 29"):
        replace(known, provider=replace(known.provider, state_code="33"))
