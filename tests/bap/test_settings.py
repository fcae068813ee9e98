"""The platform's settings as an operator of it writes them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bap.settings import BapSettings
from energy.offers import Billing
from node.settings import load
from protocol.actions import ACTIONS, REQUESTS
from protocol.errors import SettingsWrong

LEAST = """
subscriber_id = "bap.example"
data_dir = "data"
public_url = "http://127.0.0.1:4003/beckn"
gateway_url = "http://127.0.0.1:4001/beckn"
"""


def written(folder: Path, text: str) -> BapSettings:
    path = folder / "bap.toml"
    path.write_text(text)
    return load(path, BapSettings)


def test_little_needs_to_be_said_and_lifetimes_are_the_protocols(tmp_path: Path) -> None:
    settings = written(tmp_path, LEAST)
    assert settings.gateway_url == "http://127.0.0.1:4001/beckn"
    assert {action: settings.request_ttl_s.of(action) for action in REQUESTS} == {
        action: ACTIONS[action].ttl for action in REQUESTS
    }


def test_lifetimes_and_billing_can_be_said(tmp_path: Path) -> None:
    settings = written(
        tmp_path, LEAST + '[request_ttl_s]\nconfirm = 900\n[billing]\nname = "Asha"\nstate_code = "29"\n'
    )
    assert settings.request_ttl_s.of("confirm") == timedelta(minutes=15)
    assert settings.billing is not None
    assert settings.billing.billing == Billing("Asha", state_code="29")


def test_a_platform_without_a_gateway_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsWrong, match="gateway_url is missing"):
        written(tmp_path, LEAST.replace("gateway_url", "# "))


def test_an_unknown_lifetime_is_refused_with_the_one_that_may_be_meant(tmp_path: Path) -> None:
    with pytest.raises(SettingsWrong, match=r"request_ttl_s\.confrim is not a setting; did you mean confirm\?"):
        written(tmp_path, LEAST + "[request_ttl_s]\nconfrim = 900\n")
