"""``beckn-battery explain``: what a message in a file says, in plain words; made for whoever has to mend a refusal."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import click
import orjson

from beckn_battery.explain import WHAT, Explanation, Finding, Letter, Records, Verdict, action_of_name, explain
from node.client import PeerClient
from node.lookups import lookup_query, of_key, records_of
from protocol import signing
from protocol.actions import ACTIONS, Role
from protocol.addresses import AddressRules
from protocol.errors import PeerFailed, SettingsWrong
from protocol.keys import KeyId, KeyRecord, KeyUnusable, signing_public_key
from protocol.moments import timestamp_text
from protocol.policy import SUBSCRIBED
from protocol.remedies import anchor

SHOWN = 5
TIMEOUT_S = 10
ANSWER_BYTES_MAX = 1024 * 1024


@click.command(name="explain")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--action", type=click.Choice(tuple(ACTIONS)), help="The action of the path it was posted to.")
@click.option(
    "--keys", "keys_file", type=click.Path(path_type=Path), help='JSON of public keys: {"subscriber|key": …}.'
)
@click.option("--registry", "registry_url", help="URL of the registry to ask for the sender's key.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each message.")
def explain_command(
    file: str, action: str | None, keys_file: Path | None, registry_url: str | None, as_json: bool
) -> None:
    """Tell what the message in FILE (- for standard input) is, whether it is valid, and which tolerances it needs.

    FILE is the body alone, an HTTP request with its headers, a message of "demo --json", or all of them. Exit code 0:
    valid; 1: only a tolerant reader takes it; 2: refused, or it can not be read.
    """
    records = _records(keys_file, registry_url)
    worst = Verdict.VALID
    with click.open_file(file, "rb") as opened:
        data: bytes = opened.read()
    for letter in letters(data, action or action_of_name(file)):
        told = explain(letter, records)
        click.echo(orjson.dumps(as_members(told)) if as_json else "\n".join(lines(told)))
        worst = max(worst, told.verdict, key=lambda verdict: verdict.exit_code)
    sys.exit(worst.exit_code)


# -- what is in the file --------------------------------------------------------------------------------------


def letters(data: bytes, action: str | None) -> Iterator[Letter]:
    """The messages in a file; ``action`` is what is known of their path."""
    head, gap, body = _parted(data)
    request = head.split(b" ", 2)
    if gap and len(request) == 3 and request[2].startswith(b"HTTP/"):
        yield _of_request(head.decode("latin-1"), body, action)
        return
    content = _json(data)
    entries = content.get("messages") if isinstance(content, dict) and "context" not in content else None
    if isinstance(entries, list):
        yield from (_of_entry(entry, action) for entry in entries if _is_entry(entry))
    elif _is_entry(content):
        yield _of_entry(content, action)
    else:
        yield Letter(data.strip(), action)


def _parted(data: bytes) -> tuple[bytes, bytes, bytes]:
    parted = data.partition(b"\r\n\r\n")
    return parted if parted[1] else data.partition(b"\n\n")


def _of_request(head: str, body: bytes, action: str | None) -> Letter:
    first, *rest = head.splitlines()
    path = first.split(" ")[1].partition("?")[0]
    pairs = [line.partition(":") for line in rest]
    headers: dict[str, str] = {}
    for name, _, value in pairs:
        key = name.strip().lower()
        headers[key] = f"{headers[key]}, {value.strip()}" if key in headers else value.strip()
    length = headers.get("content-length", "")
    # Editors end a file with a line break that was never signed.
    body = body[: int(length)] if length.isdecimal() else body.rstrip(b"\r\n")
    return Letter(body, action_of_name(path) or action, headers)


def _is_entry(content: object) -> bool:
    return isinstance(content, dict) and isinstance(content.get("body"), str)


def _of_entry(entry: Mapping[str, Any], action: str | None) -> Letter:
    names = (("authorization", signing.AUTHORIZATION), ("gateway_authorization", signing.GATEWAY_AUTHORIZATION))
    headers = {name.lower(): entry[member] for member, name in names if isinstance(entry.get(member), str)}
    return Letter(
        entry["body"].encode("utf-8", "surrogatepass"), action_of_name(str(entry.get("action"))) or action, headers
    )


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


# -- keys -------------------------------------------------------------------------------------------------------


def _records(keys_file: Path | None, registry_url: str | None) -> Records | None:
    if keys_file is not None:
        return _of_file(keys_file)
    return None if registry_url is None else _of_registry(registry_url.rstrip("/"))


def _of_file(file: Path) -> Records:
    try:
        content = json.loads(file.read_bytes())
        listed = content.get("public_keys", content)
        known = [_record(name, text) for name, text in listed.items()]
    except (OSError, ValueError, AttributeError, KeyUnusable) as error:
        raise SettingsWrong(f'{file}: no JSON object {{"subscriber|key": "public key"}}: {error}') from None
    return lambda key_id: of_key(known, key_id)


def _record(name: str, text: str) -> KeyRecord:
    subscriber_id, _, key_id = name.partition("|")
    # A file of keys says nothing about roles and URLs, which a signature does not prove either.
    return KeyRecord(subscriber_id, key_id, signing_public_key(text), Role.BAP, "", SUBSCRIBED)


def _of_registry(url: str) -> Records:
    @cache
    def asked(key_id: KeyId) -> list[KeyRecord]:
        try:
            return asyncio.run(_lookup(url, key_id))
        except PeerFailed as error:
            raise SettingsWrong(f"the registry {url}: {error.sentence}") from None

    return asked


async def _lookup(url: str, key_id: KeyId) -> list[KeyRecord]:
    client = PeerClient(TIMEOUT_S, ANSWER_BYTES_MAX, AddressRules(True, True))
    await client.start()
    try:
        answer = await client.post(f"{url}/lookup", orjson.dumps(lookup_query(key_id)))
        return of_key(records_of(answer), key_id)
    finally:
        await client.stop()


# -- telling ----------------------------------------------------------------------------------------------------


def lines(told: Explanation) -> list[str]:
    """The explanation for a person."""
    return [
        _headline(told),
        *_context_lines(told),
        f"  strictly    {_validity(told.findings, ('wire', 'strict'))}",
        f"  tolerantly  {_validity(told.findings, ('wire', 'tolerant'))}",
        f"  tolerances  {', '.join(told.tolerances) or 'none'}",
        f"  signature   {told.signature}",
        *_findings(told.findings),
        f"  verdict     {told.verdict}",
    ]


def _headline(told: Explanation) -> str:
    if told.action is None:
        return "This is no Beckn message that can be told apart."
    return f"{told.action}: {WHAT[told.action]}."


def _context_lines(told: Explanation) -> list[str]:
    context = told.context
    if context is None:
        return []
    parties = [context.bap_id, context.bpp_id or "every operator"]
    sender, receiver = reversed(parties) if (told.action or "").startswith("on_") else parties
    return [
        f"  from        {sender} to {receiver}, in {context.domain}, version {context.version}",
        f"  transaction {context.transaction_id}, message {context.message_id}",
        f"  sent        {timestamp_text(context.timestamp)}, holds until {timestamp_text(context.holds_until)}",
    ]


def _validity(findings: Iterable[Finding], kinds: Sequence[str]) -> str:
    count = sum(finding.of in kinds for finding in findings)
    return "valid" if not count else f"not valid: {count} {'finding' if count == 1 else 'findings'}"


def _findings(findings: Sequence[Finding]) -> Iterator[str]:
    refused_first = sorted(findings, key=lambda finding: finding.of == "strict")
    once = {(finding.diagnosis.path, finding.diagnosis.expected): finding for finding in reversed(refused_first)}
    distinct = [finding for finding in refused_first if finding in once.values()]
    for finding in distinct[:SHOWN]:
        diagnosis, kind = finding.diagnosis, "deviates" if finding.of == "strict" else "refused"
        yield f"  {kind:11} {diagnosis.path or 'the message'}: {finding.sentence}"
        yield f"              rule {diagnosis.rule}, expected {diagnosis.expected or '-'}, got {diagnosis.got or '-'}"
        yield f"              see docs/errors.md#{anchor(diagnosis.rule, finding.code)}"
    if len(distinct) > SHOWN:
        yield f"              and {len(distinct) - SHOWN} more"


def as_members(told: Explanation) -> dict[str, Any]:
    """The explanation for a program."""
    context = told.context
    return {
        "action": told.action,
        "what": None if told.action is None else WHAT[told.action],
        "bap_id": context and context.bap_id,
        "bpp_id": context and context.bpp_id,
        "transaction_id": context and context.transaction_id,
        "message_id": context and context.message_id,
        "verdict": told.verdict.value,
        "strictly_valid": _validity(told.findings, ("wire", "strict")) == "valid",
        "tolerantly_valid": _validity(told.findings, ("wire", "tolerant")) == "valid",
        "tolerances": list(told.tolerances),
        "signature": told.signature,
        "findings": [_finding_members(finding) for finding in told.findings],
    }


def _finding_members(finding: Finding) -> dict[str, str]:
    diagnosis = finding.diagnosis
    return {
        "of": finding.of,
        "code": finding.code,
        "rule": diagnosis.rule,
        "path": diagnosis.path,
        "expected": diagnosis.expected,
        "got": diagnosis.got,
        "sentence": finding.sentence,
        "help": f"docs/errors.md#{anchor(diagnosis.rule, finding.code)}",
    }
