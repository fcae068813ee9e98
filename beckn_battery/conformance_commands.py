"""``beckn-battery conformance run``: does a platform speak the protocol?"""

from __future__ import annotations

import asyncio
import logging
import sys
from datetime import datetime
from pathlib import Path

import click
import httpx

from beckn_battery.terminal import new_console
from conformance import reports, runner
from conformance.verdicts import Report
from node.observability import log_to
from node.settings import RegistrySettings
from protocol.actions import Role
from protocol.errors import SettingsWrong

ANSWER_WITHIN_S = 10


@click.group()
def conformance() -> None:
    """Prove that a platform speaks the protocol."""


@conformance.command()
@click.option("--target", required=True, help="The platform's URL as the registry has it, ending in /beckn.")
@click.option("--role", type=click.Choice([Role.BPP.value.lower()]), default="bpp", show_default=True)
@click.option("--registry", default="http://127.0.0.1:4000", show_default=True, help="The registry that both trust.")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Day to store energy on, in the target's trade time.")
@click.option("--subscriber-id", help="Take part as this subscriber; by default a fresh one subscribes.")
@click.option("--keys", type=click.Path(path_type=Path), help="Keys of a subscriber that the registry already knows.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on for callbacks.")
@click.option("--port", default=0, help="Port to listen on for callbacks; 0 takes a free one.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Also write the report as JSON.")
@click.option("--junit", "junit_file", type=click.Path(path_type=Path), help="Also write the report as JUnit XML.")
def run(
    target: str,
    role: str,
    registry: str,
    day: datetime | None,
    subscriber_id: str | None,
    keys: Path | None,
    host: str,
    port: int,
    json_file: Path | None,
    junit_file: Path | None,
) -> None:
    """Try every rule on the platform at TARGET. Exit code 1 when a MUST fails, 2 when nothing could be tried."""
    log_to(level=logging.ERROR)
    options = runner.Options(
        target=target,
        role=Role(role.upper()),
        registry=_registry(registry),
        subscriber_id=subscriber_id,
        keys_file=keys,
        host=host,
        port=port,
        day=None if day is None else day.date(),
    )
    report = asyncio.run(runner.run(options))
    reports.show(report, new_console())
    _write(report, json_file, junit_file)
    sys.exit(report.exit_code)


def _registry(url: str) -> RegistrySettings:
    """The registry's public keys, from itself: the harness has nothing to lose that a pinned key would protect."""
    try:
        answer = httpx.get(f"{url.rstrip('/')}/keys", timeout=ANSWER_WITHIN_S)
        keys = answer.raise_for_status().json()
        return RegistrySettings(url, keys["subscriber_id"], keys["signing_public_key"], keys["encr_public_key"])
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        raise SettingsWrong(f"the registry at {url} does not tell its keys: {error}") from None


def _write(report: Report, json_file: Path | None, junit_file: Path | None) -> None:
    try:
        if json_file is not None:
            json_file.write_text(reports.to_json(report), encoding="utf-8")
        if junit_file is not None:
            junit_file.write_text(reports.to_junit(report), encoding="utf-8")
    except OSError as error:
        raise SettingsWrong(f"{error.filename}: {error.strerror}") from None
