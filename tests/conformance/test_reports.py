"""Reports: what a person, a program and a build server are told."""

from __future__ import annotations

import base64
import io
import json
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from conformance.reports import BODY_BYTES_MAX, show, to_json, to_junit
from conformance.verdicts import Outcome, Report, Request, Result, Rule, Severity
from protocol.actions import Role
from tests.messages import DAY

REQUEST = Request("POST", "http://127.0.0.1:4002/beckn/search", {"Authorization": "Signature x"}, b'{"a":"[red]"}')


async def never(_bench: object) -> None:
    """No rule is tried here."""


def rule(id_: str, severity: Severity = Severity.MUST) -> Rule:
    return Rule(id_, f"What {id_} asks for", "Beckn core 1.1.1", severity, never)


def failed(id_: str, severity: Severity = Severity.MUST, request: Request | None = REQUEST) -> Result:
    return Result(rule(id_, severity), Outcome.FAILED, 12, "a NACK", "200 [bold]ACK", request)


PASSED = Result(rule("one"), Outcome.PASSED, 3)
SKIPPED = Result(rule("two"), Outcome.SKIPPED, 0, got="it needs one")


def report(*results: Result, problem: str | None = None) -> Report:
    return Report("http://127.0.0.1:4002/beckn", Role.BPP, DAY, 1_234, results, problem)


def shown(of: Report) -> str:
    console = Console(file=io.StringIO(), width=160)
    show(of, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (report(PASSED), 0),
        (report(PASSED, SKIPPED), 0),
        (report(PASSED, failed("three", Severity.SHOULD)), 0),
        (report(PASSED, failed("three")), 1),
        (report(problem="The registry does not answer."), 2),
    ],
)
def test_the_exit_code_is_about_what_must_hold(made: Report, code: int) -> None:
    assert made.exit_code == code
    assert json.loads(to_json(made))["exit_code"] == code


def test_a_failure_is_shown_with_the_exact_request_brackets_and_all() -> None:
    text = shown(report(PASSED, failed("three")))

    assert "expected  a NACK" in text
    assert "got       200 [bold]ACK" in text
    assert "POST http://127.0.0.1:4002/beckn/search" in text
    assert "Authorization: Signature x" in text
    assert '{"a":"[red]"}' in text
    assert "MUST: 1 passed, 1 failed, 0 not reached; SHOULD: 0 passed, 0 failed, 0 not reached (in 1.2 s)" in text


def test_a_run_that_could_not_be_made_is_one_sentence() -> None:
    assert shown(report(problem="The [registry] is down.")).strip() == (
        "The run could not be made: The [registry] is down."
    )


def test_json_tells_every_rule_and_the_request_of_a_failure() -> None:
    content = json.loads(to_json(report(PASSED, SKIPPED, failed("three"))))

    assert [entry["outcome"] for entry in content["rules"]] == ["passed", "skipped", "failed"]
    assert content["sum"]["MUST"] == {"passed": 1, "failed": 1, "skipped": 1}
    assert content["rules"][0]["request"] is None
    assert content["rules"][2]["request"]["body"] == REQUEST.body.decode()
    assert content["rules"][2]["request"]["headers"] == dict(REQUEST.headers)


def test_a_body_that_is_no_text_is_given_in_base64_and_a_long_one_by_its_beginning() -> None:
    binary = Request("POST", "http://127.0.0.1:9/", {}, b"\x1f\x8b\x00")
    long = Request("POST", "http://127.0.0.1:9/", {}, b"x" * 5_000_000)
    one, other = json.loads(to_json(report(failed("a", request=binary), failed("b", request=long))))["rules"]

    assert one["request"]["body"] is None
    assert base64.b64decode(one["request"]["body_base64"]) == binary.body
    assert len(other["request"]["body"]) == BODY_BYTES_MAX
    assert other["request"]["body_bytes"] == 5_000_000


def test_a_build_fails_by_what_must_hold_alone() -> None:
    suite = ET.fromstring(to_junit(report(PASSED, SKIPPED, failed("three"), failed("four", Severity.SHOULD))))

    assert dict(suite.attrib) | {"tests": "4", "failures": "1", "errors": "0", "skipped": "2"} == dict(suite.attrib)
    assert [[child.tag for child in case] for case in suite] == [[], ["skipped"], ["failure"], ["skipped"]]
    assert suite[2][0].get("message") == "expected a NACK, got 200 [bold]ACK"
    assert REQUEST.url in (suite[2][0].text or "")


def test_a_build_sees_a_run_that_could_not_be_made_as_an_error() -> None:
    suite = ET.fromstring(to_junit(report(problem="The registry is down.")))

    assert suite.get("errors") == "1"
    assert suite[0][0].get("message") == "The registry is down."


@given(st.text(), st.binary())
def test_whatever_a_target_answers_the_reports_can_be_read_again(got: str, body: bytes) -> None:
    request = Request("POST", "http://127.0.0.1:9/", {}, body)
    made = report(Result(rule("one"), Outcome.FAILED, 1, "a NACK", got, request))

    assert ET.fromstring(to_junit(made))[0][0].tag == "failure"
    assert json.loads(to_json(made))["rules"][0]["request"]["body_bytes"] == len(body)
    assert "expected  a NACK" in shown(made)
