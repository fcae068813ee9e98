"""The operator's settings: defaults, and terms that can not be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from bpp.settings import BppSettings
from node.settings import load
from protocol.errors import SettingsWrong

BEGINNING = """
subscriber_id = "bpp.test"
data_dir = "data"
public_url = "http://127.0.0.1:4002/beckn"
"""
PROVIDER = """
[provider]
provider_id = "garden-city"
name = "Garden City Storage"
address = "1 Lake Road"
email = "desk@garden-city.example"
phone = "+91-80-1234-5678"
support_url = "https://garden-city.example"
"""


def settings(folder: Path, *sections: str) -> BppSettings:
    file = folder / "bpp.toml"
    file.write_text("".join((BEGINNING, *sections)))
    return load(file, BppSettings)


def test_a_provider_is_enough(tmp_path: Path) -> None:
    found = settings(tmp_path, PROVIDER)
    assert found.provider.name == "Garden City Storage"
    assert found.terms.quote_ttl_s == 600


def test_a_platform_without_a_provider_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsWrong, match="provider is missing"):
        settings(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "quote_ttl_s = 0",
        "hold_s = -1",
        "cancellation_fee_percent = 101",
        "invoice_due_days = -1",
        'invoice_series = "MUCH-TOO-LONG"',
        'invoice_series = "B B"',
        "offers_max = 0",
    ],
)
def test_terms_that_can_not_be_used_are_named(tmp_path: Path, line: str) -> None:
    name = line.partition(" ")[0]
    with pytest.raises(SettingsWrong, match=rf"terms\.{name}"):
        settings(tmp_path, PROVIDER, f"[terms]\n{line}\n")
