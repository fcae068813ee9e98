"""A report for people at a terminal, for programs (JSON), and for build servers (JUnit XML).

A failure shows the exact request, so that it can be sent again. Bodies that are no text are given in base64, and of a
very long body the beginning, with its length and digest.
"""

from __future__ import annotations

import base64
import hashlib
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any

import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from conformance.verdicts import Outcome, Report, Request, Result, Severity
from protocol.moments import timestamp_text

BODY_BYTES_MAX = 65_536
_SHOWN_BODY_MAX = 2_000
_COLOURS: Mapping[Outcome, str] = {Outcome.PASSED: "green", Outcome.FAILED: "red", Outcome.SKIPPED: "yellow"}


# -- for people ---------------------------------------------------------------------------------------------


def show(report: Report, console: Console) -> None:
    """The table of all rules, then every failure with its request, then the sum."""
    if report.problem is not None:
        console.print(f"[red]The run could not be made:[/] {escape(report.problem)}")
        return
    console.print(_table(report))
    for result in report.results:
        if result.outcome is Outcome.FAILED:
            _show_failure(result, console)
    console.print(_sum(report))


def _table(report: Report) -> Table:
    table = Table(title=f"{report.role} {escape(report.target)}", title_justify="left")
    for heading in ("rule", "", "what is asked for", "source", "came out"):
        table.add_column(heading)
    table.add_column("ms", justify="right")
    for result in report.results:
        rule, colour = result.rule, _COLOURS[result.outcome]
        came_out = f"[{colour}]{result.outcome}[/]"
        table.add_row(rule.id, rule.severity, escape(rule.title), rule.source, came_out, str(result.duration_ms))
    return table


def _show_failure(result: Result, console: Console) -> None:
    console.print(f"\n[red]{result.rule.id}[/] ({result.rule.severity}) {escape(result.rule.title)}")
    console.print(f"  expected  {escape(result.expected)}")
    console.print(f"  got       {escape(result.got)}")
    if result.request is None:
        return
    # What was sent is shown as it is, to be copied: no markup, no line breaks of ours.
    lines = [f"  {result.request.method} {result.request.url}"]
    lines += [f"  {name}: {value}" for name, value in result.request.headers.items()]
    body = _text(result.request.body) or base64.b64encode(result.request.body).decode()
    if body:
        cut = "" if len(body) <= _SHOWN_BODY_MAX else f"… ({len(result.request.body)} bytes)"
        lines.append(f"\n  {body[:_SHOWN_BODY_MAX]}{cut}")
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def _sum(report: Report) -> str:
    parts = []
    for severity in Severity:
        passed, failed, skipped = (report.count(severity, outcome) for outcome in Outcome)
        parts.append(f"{severity}: {passed} passed, {failed} failed, {skipped} not reached")
    return f"\n{'; '.join(parts)} (in {report.duration_ms / 1_000:.1f} s)"


# -- for programs -------------------------------------------------------------------------------------------


def to_json(report: Report) -> str:
    """One JSON object: the sum, and every rule with what came of it."""
    content = {
        "target": report.target,
        "role": report.role.value,
        "began_at": timestamp_text(report.began_at),
        "duration_ms": report.duration_ms,
        "exit_code": report.exit_code,
        "problem": report.problem,
        "sum": {
            severity.value: {outcome.value: report.count(severity, outcome) for outcome in Outcome}
            for severity in Severity
        },
        "rules": [_result_json(result) for result in report.results],
    }
    return orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()


def _result_json(result: Result) -> dict[str, Any]:
    rule = result.rule
    return {
        "id": rule.id,
        "title": rule.title,
        "source": rule.source,
        "severity": rule.severity.value,
        "outcome": result.outcome.value,
        "duration_ms": result.duration_ms,
        "expected": result.expected or None,
        "got": _printable(result.got) or None,
        "request": None if result.request is None else _request_json(result.request),
    }


def _request_json(request: Request) -> dict[str, Any]:
    body = request.body[:BODY_BYTES_MAX]
    text = _text(body)
    return {
        "method": request.method,
        "url": request.url,
        "headers": dict(request.headers),
        "body": text,
        "body_base64": base64.b64encode(body).decode() if text is None else None,
        "body_bytes": len(request.body),
        "body_sha256": hashlib.sha256(request.body).hexdigest(),
    }


# -- for build servers --------------------------------------------------------------------------------------


def to_junit(report: Report) -> str:
    """One test suite. A SHOULD that does not hold is a skipped test with its reason: it must not fail a build."""
    results = report.results
    broken = [result for result in results if _breaks_a_build(result)]
    suite = ET.Element(
        "testsuite",
        name=f"beckn-battery conformance {report.role}",
        tests=str(len(results)),
        failures=str(len(broken)),
        errors="0" if report.problem is None else "1",
        skipped=str(sum(result.outcome is not Outcome.PASSED for result in results) - len(broken)),
        time=_seconds(report.duration_ms),
        timestamp=timestamp_text(report.began_at),
    )
    if report.problem is not None:
        case = ET.SubElement(suite, "testcase", classname="run", name=report.target)
        ET.SubElement(case, "error", message=_printable(report.problem))
    for result in results:
        _add_case(suite, result)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True)


def _add_case(suite: ET.Element, result: Result) -> None:
    rule = result.rule
    case = ET.SubElement(
        suite,
        "testcase",
        classname=f"{rule.severity}.{rule.source}",
        name=f"{rule.id}: {rule.title}",
        time=_seconds(result.duration_ms),
    )
    if result.outcome is Outcome.PASSED:
        return
    came = f"expected {result.expected}, got {result.got}" if result.expected else result.got
    kind = "failure" if _breaks_a_build(result) else "skipped"
    told = ET.SubElement(case, kind, message=_printable(came))
    if result.request is not None:
        told.text = orjson.dumps(_request_json(result.request), option=orjson.OPT_INDENT_2).decode()


def _breaks_a_build(result: Result) -> bool:
    return result.outcome is Outcome.FAILED and result.rule.severity is Severity.MUST


def _seconds(duration_ms: int) -> str:
    return f"{duration_ms // 1_000}.{duration_ms % 1_000:03d}"


def _text(body: bytes) -> str | None:
    """The body as text, when it is one that XML and terminals can show."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return text if text == _printable(text) else None


def _printable(text: str) -> str:
    """Without control characters, and without halves of characters: a target may answer anything."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text)
