"""``beckn-battery explain`` on messages in every form that people have them in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from beckn_battery.explain import WHAT, Letter, Verdict, explain
from beckn_battery.explain_commands import explain_command
from protocol.actions import ACTIONS
from tests import messages
from tests.energy.wire.v1.examples import CONTENTS
from tests.messages import own_keys, select_body
from tests.schemas.test_battery_storage import told

KEYS = own_keys("bap.test")
NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
BODY = select_body(NOW)
HEADER = messages.header(BODY, KEYS, NOW)
ENTRY = {"sender": "bap.test", "action": "select", "authorization": HEADER, "gateway_authorization": None}
REQUEST = f"POST /beckn/select HTTP/1.1\r\nHost: bpp.test\r\nauthorization: {HEADER}\r\n\r\n".encode()


def run(data: bytes, *words: str, name: str = "-", folder: Path | None = None) -> Result:
    if folder is not None:
        name = str(folder / name)
        Path(name).write_bytes(data)
        return CliRunner().invoke(explain_command, [name, *words])
    return CliRunner().invoke(explain_command, [name, *words], input=data)


def members(result: Result) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(result.stdout)
    return content


def changed(**context: Any) -> bytes:
    content = json.loads(BODY)
    content["context"].update(context)
    return json.dumps(content).encode()


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({KEYS.id.text.removesuffix("|ed25519"): KEYS.signing_public_b64}))
    return file


def test_every_action_is_told_in_plain_words() -> None:
    assert WHAT.keys() == ACTIONS.keys()


@pytest.mark.parametrize("action", CONTENTS)
def test_what_our_writer_writes_is_valid(action: str) -> None:
    told_of = explain(Letter(json.dumps(told(action)).encode()), None)
    assert (told_of.action, told_of.verdict, told_of.findings, told_of.tolerances) == (action, Verdict.VALID, [], ())


def test_a_bare_body_is_told_with_its_parties_and_times() -> None:
    result = run(BODY)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "select: a producer asks for a quote."
    assert "bap.test to bpp.test, in dent:0.1.0" in result.stdout
    assert "holds until 2026-11-20T10:00:30.000Z" in result.stdout
    assert "verdict     valid" in result.stdout


def test_a_message_that_only_a_tolerant_reader_takes_ends_with_1_and_the_tolerances() -> None:
    content = json.loads(BODY)
    content["context"]["city"] = content["context"].pop("location")["city"]["code"]
    result = run(json.dumps(content).encode(), "--json")
    told_of = members(result)
    assert (result.exit_code, told_of["verdict"]) == (1, "tolerated")
    assert (told_of["strictly_valid"], told_of["tolerantly_valid"]) == (False, True)
    assert "D1-city" in told_of["tolerances"]
    assert {finding["of"] for finding in told_of["findings"]} == {"strict"}


def test_a_message_that_lacks_a_member_ends_with_2_and_the_member_s_own_pointer() -> None:
    content = json.loads(BODY)
    del content["message"]["order"]["items"]
    result = run(json.dumps(content).encode())
    assert result.exit_code == 2
    assert "refused     /message/order/items:" in result.stdout
    assert "see docs/errors.md#v14" in result.stdout


def test_bytes_that_are_no_json_end_with_2() -> None:
    result = run(b"energy=300", "--json")
    assert (result.exit_code, members(result)["findings"][0]["rule"]) == (2, "V1-body")


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"context":{}}', b'{"context":{"action":"steal"}}', b"\xff\xfe"])
def test_what_is_no_message_ends_with_2_and_no_trace(data: bytes) -> None:
    result = run(data)
    assert (result.exit_code, isinstance(result.exception, SystemExit)) == (2, True)
    assert "no Beckn message" in result.stdout


@pytest.mark.parametrize("action", ["on_confirm", "steal"])
def test_a_wrong_context_action_is_named_and_the_message_is_read_on(action: str, tmp_path: Path) -> None:
    result = run(changed(action=action), "--json", name="select-request.json", folder=tmp_path)
    told_of = members(result)
    assert (result.exit_code, told_of["action"], told_of["verdict"]) == (2, "select", "refused")
    assert [(one["rule"], one["path"], one["got"]) for one in told_of["findings"]] == [
        ("V10-action", "/context/action", action)
    ]


def test_without_a_path_a_wrong_action_gives_way_to_what_the_message_has_the_shape_of() -> None:
    result = run(changed(action="on_status"), "--json")
    told_of = members(result)
    assert (result.exit_code, told_of["action"]) == (2, "select")
    assert [(one["rule"], one["got"]) for one in told_of["findings"]] == [("V10-action", "on_status")]


def test_the_path_of_a_request_says_which_action_it_is() -> None:
    data = REQUEST.replace(b"/beckn/select", b"/beckn/init") + BODY
    told_of = members(run(data, "--json"))
    assert (told_of["action"], told_of["findings"][0]["rule"]) == ("init", "V10-action")


def test_the_option_says_which_action_it_is() -> None:
    assert members(run(changed(action="init"), "--json", "--action", "select"))["action"] == "select"


def test_a_demo_entry_and_the_whole_demo_are_read() -> None:
    entry = {**ENTRY, "body": BODY.decode()}
    one = run(json.dumps(entry).encode(), "--json")
    assert (one.exit_code, members(one)["action"]) == (0, "select")
    several = run(json.dumps({"messages": [entry, {**entry, "action": "init"}], "public_keys": {}}).encode(), "--json")
    assert several.exit_code == 2
    assert [json.loads(line)["action"] for line in several.stdout.splitlines()] == ["select", "init"]


# -- signatures ---------------------------------------------------------------------------------------------------


def test_a_signature_is_told_and_not_checked_without_keys() -> None:
    result = run(REQUEST + BODY)
    assert result.exit_code == 0
    assert f"by {KEYS.id.text}" in result.stdout
    assert "not checked: name --keys or --registry" in result.stdout


@pytest.mark.parametrize("data", [REQUEST + BODY, REQUEST.replace(b"\r\n", b"\n") + BODY + b"\n"], ids=["crlf", "lf"])
def test_a_signature_over_these_bytes_holds_however_old_it_is(data: bytes, keys_file: Path) -> None:
    result = run(data, "--keys", str(keys_file))
    assert result.exit_code == 0
    assert f"Authorization holds: by bap.test|{KEYS.key_id}, signed at 2026-11-20T10:00:00+00:00" in result.stdout


def test_a_signature_over_other_bytes_is_refused(keys_file: Path) -> None:
    result = run(REQUEST + BODY.replace(b"std:080", b"std:081"), "--keys", str(keys_file), "--json")
    assert (result.exit_code, members(result)["findings"][0]["rule"]) == (2, "V6-signature")


def test_an_unknown_signer_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "none.json"
    file.write_text("{}")
    result = run(REQUEST + BODY, "--keys", str(file), "--json")
    assert (result.exit_code, members(result)["findings"][0]["rule"]) == (2, "V5-key")


def test_a_garbled_header_is_refused_with_the_parameter() -> None:
    result = run(b"POST /beckn/select HTTP/1.1\r\nAuthorization: Bearer x\r\n\r\n" + BODY, "--json")
    finding = members(result)["findings"][0]
    assert (result.exit_code, finding["rule"], finding["path"]) == (2, "V2-header", "Authorization")


@pytest.mark.parametrize("content", ["[]", "no json", '{"bap.test|key": "no key"}'])
def test_a_file_that_holds_no_keys_is_told_in_one_line(content: str, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(content)
    result = run(BODY, "--keys", str(file))
    assert type(result.exception).__name__ == "SettingsWrong"
    assert "no JSON object" in str(result.exception)
