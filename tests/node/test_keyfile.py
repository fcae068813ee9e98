"""The key file: how keys change their state, who may read it, and that nothing of it is ever shown."""

from __future__ import annotations

import base64
import json
import stat
import threading
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.keybook import KeyBook, KeyState, first_book
from node.keyfile import FILE, KeyFile, load, load_or_make, make_keys, passphrases_of, write_secret
from node.sealing import NotOpened, seal, unseal
from protocol.errors import SettingsWrong

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
DAY = timedelta(days=1)
ID = "bpp.test"


def states(book: KeyBook) -> list[KeyState]:
    return [key.state for key in book.keys]


def secrets_of(book: KeyBook) -> list[str]:
    """Every text that may never be shown."""
    raws = [raw for own in book.held for raw in (bytes(own.signing), own.encryption.private_bytes_raw())]
    return [shown for raw in raws for shown in (base64.b64encode(raw).decode(), raw.hex(), repr(raw)[2:-1])]


# -- the book -----------------------------------------------------------------------------------------------


def test_a_new_key_waits_then_signs_while_the_old_one_overlaps_and_is_then_forgotten() -> None:
    old, new = make_keys(ID), make_keys(ID)
    book = first_book(old, NOW).rotated(new, NOW)
    assert (book.current, book.pending, states(book)) == (old, new, [KeyState.CURRENT, KeyState.PENDING])
    book = book.adopted(NOW, DAY)
    assert (book.current, book.pending, states(book)) == (new, None, [KeyState.OVERLAP, KeyState.CURRENT])
    assert book.ended(NOW + DAY - timedelta(seconds=1)) == []
    assert book.ended(NOW + DAY) == [old]
    book = book.retired(old.key_id, NOW + DAY)
    assert (book.held, states(book)) == ((new,), [KeyState.RETIRED, KeyState.CURRENT])


def test_a_second_new_key_has_to_wait_until_the_first_is_current() -> None:
    book = first_book(make_keys(ID), NOW).rotated(make_keys(ID), NOW)
    with pytest.raises(SettingsWrong, match="still pending"):
        book.rotated(make_keys(ID), NOW)


def test_only_a_key_in_overlap_can_be_retired_by_hand() -> None:
    old, new = make_keys(ID), make_keys(ID)
    book = first_book(old, NOW)
    for wrong in (old.key_id, "unknown"):
        with pytest.raises(SettingsWrong, match=wrong):
            book.ending(wrong, NOW)
    book = book.rotated(new, NOW).adopted(NOW, DAY)
    assert book.ending(old.key_id, NOW).ended(NOW) == [old]


steps = st.lists(st.tuples(st.sampled_from(["rotate", "adopt", "retire"]), st.integers(0, 30)), max_size=20)


@given(steps)
def test_whatever_happens_one_key_signs_and_none_is_both_forgotten_and_held(taken: list[tuple[str, int]]) -> None:
    book, now = first_book(make_keys(ID), NOW), NOW
    for step, hours in taken:
        now += timedelta(hours=hours)
        if step == "rotate" and book.pending is None:
            book = book.rotated(make_keys(ID), now)
        elif step == "adopt":
            book = book.adopted(now, DAY)
        for own in book.ended(now) if step == "retire" else []:
            book = book.retired(own.key_id, now)
        assert states(book).count(KeyState.CURRENT) == 1
        assert states(book).count(KeyState.PENDING) <= 1
        assert {key.key_id for key in book.keys if key.own is None} == {
            key.key_id for key in book.keys if key.state is KeyState.RETIRED
        }


# -- the file -----------------------------------------------------------------------------------------------


def passphrase_file(folder: Path, *lines: str) -> Path:
    """A file with these passphrases."""
    path = folder / f"{lines[0]}.txt"
    write_secret(path, "\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("is_sealed", [False, True])
def test_a_file_gives_back_what_was_written_and_only_its_owner_can_read_it(tmp_path: Path, is_sealed: bool) -> None:
    file = KeyFile(tmp_path / "data" / FILE, ID, passphrase_file(tmp_path, "correct horse") if is_sealed else None)
    made = file.load_or_make(NOW)
    assert secrets_of(file.load_or_make(NOW + DAY)) == secrets_of(made)
    new = make_keys(ID)
    file.change(lambda book: book.rotated(new, NOW).adopted(NOW, DAY))
    read = file.read()
    assert (bytes(read.current.signing), states(read)) == (bytes(new.signing), [KeyState.OVERLAP, KeyState.CURRENT])
    assert read.keys[0].ends_at == NOW + DAY
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert [path.name for path in file.path.parent.iterdir() if "new" in path.name] == []


def test_a_single_key_from_another_platform_is_current_and_can_be_rotated(tmp_path: Path) -> None:
    own = make_keys(ID)
    brought = {
        "subscriber_id": ID,
        "key_id": own.key_id,
        "signing_private_key": base64.b64encode(bytes(own.signing) + bytes(own.signing.verify_key)).decode(),
        "encr_private_key": base64.b64encode(own.encryption.private_bytes_raw()).decode(),
    }
    write_secret(tmp_path / FILE, json.dumps(brought))
    file = KeyFile(tmp_path / FILE, ID)
    assert secrets_of(file.read()) == secrets_of(first_book(own, NOW))
    assert states(file.change(lambda book: book.rotated(make_keys(ID), NOW))) == [KeyState.CURRENT, KeyState.PENDING]


def test_a_retired_key_leaves_no_private_half_in_the_file(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / FILE, ID)
    old = file.load_or_make(NOW)
    file.change(lambda book: book.rotated(make_keys(ID), NOW).adopted(NOW, DAY).retired(old.current.key_id, NOW))
    text = file.path.read_text()
    assert old.current.key_id in text
    assert not any(secret in text for secret in secrets_of(old))


def test_changes_made_at_once_are_made_one_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / FILE
    KeyFile(path, ID).load_or_make(NOW)

    def rotate() -> None:
        for _ in range(5):
            KeyFile(path, ID).change(lambda book: book.rotated(make_keys(ID), NOW).adopted(NOW, DAY))

    threads = [threading.Thread(target=rotate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert states(KeyFile(path, ID).read()) == [KeyState.OVERLAP] * 20 + [KeyState.CURRENT]


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    load_or_make(tmp_path, ID)
    (tmp_path / FILE).chmod(0o640)
    with pytest.raises(SettingsWrong, match="chmod 600"):
        load_or_make(tmp_path, ID)


def test_the_keys_of_another_subscriber_are_refused(tmp_path: Path) -> None:
    load_or_make(tmp_path, ID)
    with pytest.raises(SettingsWrong, match=r"holds the keys of bpp\.test, not of bap\.test"):
        load(tmp_path / FILE, "bap.test")


# -- the passphrase -----------------------------------------------------------------------------------------


def test_a_plain_file_is_sealed_on_the_first_start_with_a_passphrase(tmp_path: Path) -> None:
    plain = KeyFile(tmp_path / FILE, ID).load_or_make(NOW)
    sealed = KeyFile(tmp_path / FILE, ID, passphrase_file(tmp_path, "correct horse")).load_or_make(NOW)
    assert sealed.current.key_id == plain.current.key_id
    text = (tmp_path / FILE).read_text()
    assert set(json.loads(text)) == {"sealed"}
    assert not any(secret in text for secret in secrets_of(plain))


def test_a_sealed_file_opens_with_its_passphrase_alone(tmp_path: Path) -> None:
    KeyFile(tmp_path / FILE, ID, passphrase_file(tmp_path, "correct horse")).load_or_make(NOW)
    with pytest.raises(SettingsWrong, match=r"keys\.passphrase_file"):
        KeyFile(tmp_path / FILE, ID).read()
    with pytest.raises(SettingsWrong, match="does not open it"):
        KeyFile(tmp_path / FILE, ID, passphrase_file(tmp_path, "battery staple")).read()


def test_another_passphrase_takes_the_place_of_the_first_while_somebody_else_has_the_file_open(tmp_path: Path) -> None:
    secret = passphrase_file(tmp_path, "correct horse")
    running, command = KeyFile(tmp_path / FILE, ID, secret), KeyFile(tmp_path / FILE, ID, secret)
    made = running.load_or_make(NOW)
    command.seal_under("battery staple")
    assert passphrases_of(secret) == ("battery staple",)
    assert running.changed
    assert secrets_of(running.read()) == secrets_of(made)
    running.change(lambda book: book.rotated(make_keys(ID), NOW))
    secret.write_text("correct horse\n")
    with pytest.raises(SettingsWrong, match="does not open it"):
        command.read()
    secret.write_text("battery staple\n")
    assert states(command.read()) == [KeyState.CURRENT, KeyState.PENDING]


def test_a_change_of_the_passphrase_that_was_killed_half_way_leaves_files_that_fit(tmp_path: Path) -> None:
    made = KeyFile(tmp_path / FILE, ID, passphrase_file(tmp_path, "correct horse")).load_or_make(NOW)
    half_way = passphrase_file(tmp_path, "battery staple", "correct horse")
    file = KeyFile(tmp_path / FILE, ID, half_way)
    assert secrets_of(file.read()) == secrets_of(made)
    file.seal_under("battery staple")
    assert secrets_of(file.read()) == secrets_of(made)
    assert passphrases_of(half_way) == ("battery staple",)


def test_a_passphrase_that_can_not_be_written_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "read_only"
    folder.mkdir()
    secret = passphrase_file(folder, "correct horse")
    file = KeyFile(tmp_path / FILE, ID, secret)
    file.load_or_make(NOW)
    before = file.path.read_bytes()
    (folder / f".{secret.name}.new").mkdir()
    with pytest.raises(SettingsWrong, match="can not be written"):
        file.seal_under("battery staple")
    assert (file.path.read_bytes(), passphrases_of(secret)) == (before, ("correct horse",))


def test_a_key_file_is_written_plain_when_its_passphrase_is_removed(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / FILE, ID, passphrase_file(tmp_path, "correct horse"))
    made = file.load_or_make(NOW)
    file.write_plain()
    assert secrets_of(KeyFile(tmp_path / FILE, ID).read()) == secrets_of(made)
    with pytest.raises(SettingsWrong, match=r"keys\.passphrase_file"):
        KeyFile(tmp_path / FILE, ID).write_plain()


def test_a_sealed_text_that_was_changed_does_not_open() -> None:
    sealed = seal("text", "correct horse")
    assert unseal(sealed, "correct horse") == "text"
    box = bytearray(base64.b64decode(sealed["box"]))
    box[-1] ^= 1
    for wrong in (
        sealed | {"box": base64.b64encode(box).decode()},
        sealed | {"form": "other"},
        sealed | {"salt": "no base64"},
        {"form": sealed["form"]},
    ):
        with pytest.raises(NotOpened):
            unseal(wrong, "correct horse")


def test_a_passphrase_file_is_as_secret_as_the_keys_and_not_empty(tmp_path: Path) -> None:
    path = tmp_path / "passphrase"
    path.write_text("correct horse\n")
    path.chmod(0o644)
    with pytest.raises(SettingsWrong, match="chmod 600"):
        passphrases_of(path)
    path.chmod(0o600)
    assert passphrases_of(path) == ("correct horse",)
    path.write_text("\n")
    with pytest.raises(SettingsWrong, match="no passphrase"):
        passphrases_of(path)


# -- what is shown ------------------------------------------------------------------------------------------


def test_nothing_that_shows_a_book_shows_a_private_key() -> None:
    book = first_book(make_keys(ID), NOW).rotated(make_keys(ID), NOW)
    for shown in (repr(book), str(book), f"{book.keys[0]}", f"{book.current!r}"):
        assert book.current.key_id in shown
        assert not any(secret in shown for secret in secrets_of(book))


def test_no_error_of_a_broken_key_file_shows_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / FILE
    book = KeyFile(path, ID).load_or_make(NOW)
    whole = path.read_text()
    signing = base64.b64encode(bytes(book.current.signing)).decode()
    broken = [
        whole[:-10],
        whole.replace('"current"', '"sleeping"'),
        whole.replace('"current"', '"pending"'),
        whole.replace(signing, signing[:-4]),
        whole.replace(signing, signing + "!!"),
        whole.replace('"changed_at"', '"changed"'),
        whole.replace("signing_private_key", "private"),
        f"[{whole}]",
    ]
    for text in broken:
        path.write_text(text)
        with pytest.raises(SettingsWrong) as refused:
            KeyFile(path, ID).read()
        shown = "".join(traceback.format_exception(refused.value))
        assert not any(secret in shown for secret in [*secrets_of(book), signing[:20]])
