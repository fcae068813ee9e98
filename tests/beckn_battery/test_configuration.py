"""The settings files of a local network: made whole, and what a person wrote into them stays."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bap.settings import BapSettings
from beckn_battery.configuration import ROLES, LocalNetwork, write_settings
from bpp.settings import BppSettings
from node.settings import NetworkSettings, NodeSettings, load
from protocol.errors import SettingsWrong
from registry.settings import RegistryServerSettings

NOW = datetime(2026, 11, 21, tzinfo=UTC)
KINDS: dict[str, type[NodeSettings]] = {
    "registry": RegistryServerSettings,
    "gateway": NodeSettings,
    "bpp": BppSettings,
    "bap": BapSettings,
}


@pytest.mark.parametrize("role", ROLES)
def test_a_local_networks_files_allow_the_addresses_of_this_machine_and_no_plain_http_elsewhere(
    tmp_path: Path, role: str
) -> None:
    local = LocalNetwork(tmp_path)
    write_settings(local, NOW)
    assert load(local.file(role), KINDS[role]).network == NetworkSettings(allow_private_addresses=True)


def test_what_a_person_added_to_the_network_section_stays_beside_what_the_network_needs(tmp_path: Path) -> None:
    local = LocalNetwork(tmp_path)
    local.file("gateway").write_text('[network]\nplain_http_hosts = ["bap.internal"]\n')
    write_settings(local, NOW)
    found = load(local.file("gateway"), NodeSettings).network
    assert found == NetworkSettings(allow_private_addresses=True, plain_http_hosts=("bap.internal",))


def test_a_person_who_forbids_private_addresses_is_obeyed(tmp_path: Path) -> None:
    local = LocalNetwork(tmp_path)
    local.file("gateway").write_text("[network]\nallow_private_addresses = false\n")
    write_settings(local, NOW)
    assert load(local.file("gateway"), NodeSettings).network == NetworkSettings()


def test_a_network_that_is_no_section_is_a_wrong_setting(tmp_path: Path) -> None:
    local = LocalNetwork(tmp_path)
    local.file("gateway").write_text('network = "local"\n')
    write_settings(local, NOW)
    with pytest.raises(SettingsWrong, match="network must be of type NetworkSettings"):
        load(local.file("gateway"), NodeSettings)
