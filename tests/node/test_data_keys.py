"""The file of data keys and what they seal: rotation, other places, changed bytes, a file that others can read."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.data_keys import LOOK_EVERY_S, DataKeys, DataUnreadable, add_key, is_sealed, opened_plain
from protocol.errors import SettingsWrong

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
PLAIN = b'{"billing":{"name":"Asha Rao"}}'
HERE, THERE = "inbox.body of 1", "inbox.body of 2"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "secrets" / "data.json"
    add_key(made, NOW)
    return made


def test_what_is_sealed_shows_nothing_and_opens_at_its_place_alone(path: Path) -> None:
    keys = DataKeys(path)
    sealed = keys.seal(HERE, PLAIN)
    assert is_sealed(sealed)
    assert b"Asha" not in sealed
    assert keys.seal(HERE, PLAIN) != sealed
    assert keys.open(HERE, sealed) == PLAIN
    with pytest.raises(DataUnreadable, match=r"inbox\.body of 2 is not what was sealed there"):
        keys.open(THERE, sealed)


@given(plain=st.binary(max_size=300), place=st.text(max_size=50), at=st.integers(0), mask=st.integers(1, 255))
def test_every_text_comes_back_and_no_changed_byte_goes_unnoticed(
    tmp_path_factory: pytest.TempPathFactory, plain: bytes, place: str, at: int, mask: int
) -> None:
    file = tmp_path_factory.mktemp("keys") / "data.json"
    add_key(file, NOW)
    keys = DataKeys(file)
    sealed = keys.seal(place, plain)
    assert keys.open(place, sealed) == plain
    changed = bytearray(sealed)
    # The first byte is the mark: without it the rest is taken for a plain text that was never sealed.
    changed[1 + at % (len(sealed) - 1)] ^= mask
    with pytest.raises(DataUnreadable):
        keys.open(place, bytes(changed))
    with pytest.raises(DataUnreadable):
        keys.open(place, sealed[:20])


def test_what_was_stored_before_there_was_a_key_is_read_as_it_is(path: Path) -> None:
    assert DataKeys(path).open(HERE, PLAIN) == PLAIN
    assert opened_plain(HERE, PLAIN) == PLAIN


def test_a_new_key_seals_and_the_one_before_it_still_opens(path: Path) -> None:
    old = DataKeys(path)
    sealed = old.seal(HERE, PLAIN)
    fresh = add_key(path, NOW)
    keys = DataKeys(path)
    assert keys.key_ids == (fresh.key_id, *old.key_ids)
    assert keys.open(HERE, sealed) == PLAIN
    assert keys.seal(HERE, PLAIN).startswith(fresh.head)


def test_a_key_that_a_running_participant_does_not_know_is_looked_up_at_once(path: Path) -> None:
    running = DataKeys(path)
    add_key(path, NOW)
    sealed = DataKeys(path).seal(HERE, PLAIN)
    assert running.open(HERE, sealed) == PLAIN
    assert running.seal(HERE, PLAIN)[:9] == sealed[:9]


def test_a_new_key_is_taken_up_at_the_next_look(path: Path) -> None:
    at_s = [100.0]
    running = DataKeys(path, lambda: at_s[0])
    fresh = add_key(path, NOW)
    assert running.newest.key_id != fresh.key_id
    at_s[0] += LOOK_EVERY_S
    assert running.newest.key_id == fresh.key_id


def test_a_file_that_breaks_while_a_participant_runs_leaves_it_the_keys_it_has(path: Path) -> None:
    running = DataKeys(path)
    sealed = running.seal(HERE, PLAIN)
    path.write_text("{")
    with pytest.raises(DataUnreadable, match="does not hold"):
        running.open(HERE, b"\x00" + b"strange!" + sealed[9:])
    assert running.open(HERE, sealed) == PLAIN


def test_without_a_key_a_sealed_value_names_the_setting_and_the_key(path: Path) -> None:
    keys = DataKeys(path)
    with pytest.raises(DataUnreadable, match=rf"{keys.key_ids[0]}: name its file in data_key_file"):
        opened_plain(HERE, keys.seal(HERE, PLAIN))


def test_only_its_owner_can_read_the_file_and_nobody_else_may(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    with pytest.raises(SettingsWrong, match="chmod 600"):
        DataKeys(path)


@pytest.mark.parametrize(
    "content", [{}, [], {"data_keys": []}, {"data_keys": [{}]}, {"data_keys": [{"key": "c2hvcnQ="}]}, {"data_keys": 1}]
)
def test_a_file_without_whole_keys_is_refused_and_never_overwritten(path: Path, content: object) -> None:
    path.write_text(json.dumps(content))
    for use in (DataKeys, lambda file: add_key(file, NOW)):
        with pytest.raises(SettingsWrong, match="holds no data keys"):
            use(path)
    assert json.loads(path.read_text()) == content


def test_a_missing_file_and_one_that_is_no_json_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsWrong, match="can not be read"):
        DataKeys(tmp_path / "none.json")
    (tmp_path / "text").write_text("key")
    (tmp_path / "text").chmod(0o600)
    with pytest.raises(SettingsWrong, match="is not JSON"):
        DataKeys(tmp_path / "text")
