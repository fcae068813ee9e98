"""Whole runs: against our own platform, and those that can not be made."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.conversation import Limits
from conformance.runner import Options, joined, run
from conformance.verdicts import Outcome, Severity
from node import keyfile
from protocol.actions import Role
from tests.conformance.network import Network, network
from tests.conformance.targets import HARNESS_ID, Silent, pointed_at
from tests.ports import free_port

LIMITS = Limits(on_search_s=10, callback_s=10, quiet_s=0.3)


def options(of: Network, **more: object) -> Options:
    return replace(Options(target=of.target, registry=of.registry, limits=LIMITS), **more)


async def test_our_own_platform_passes_every_rule_and_is_left_without_a_contract(tmp_path: Path) -> None:
    async with network(tmp_path) as known:
        report = await run(options(known))
        again = await run(options(known))
        booked = await known.contracts()

    assert booked == []
    for made in (report, again):
        assert made.problem is None
        assert [result for result in made.results if result.outcome is not Outcome.PASSED] == []
        assert made.exit_code == 0
        assert made.duration_ms < 15_000


async def test_the_harness_joins_with_kept_keys_and_then_as_a_subscriber_that_is_known(tmp_path: Path) -> None:
    port = free_port()
    async with network(tmp_path) as known:
        kept = options(known, subscriber_id=HARNESS_ID, data_dir=tmp_path / "harness", port=port)
        async with joined(kept) as bench:
            first = bench.peer.own.id
        keys_file = tmp_path / "harness" / keyfile.FILE
        async with joined(replace(kept, data_dir=None, keys_file=keys_file)) as bench:
            sent = await bench.send((await bench.trade.search())[0])

    assert bench.peer.own.id == first
    assert sent.answer.status == 200


async def test_an_energy_that_nobody_offers_fails_the_search_and_says_what_was_asked_for(tmp_path: Path) -> None:
    async with network(tmp_path) as known:
        report = await run(options(known, energy_wh=10**12, limits=Limits(on_search_s=0.2, quiet_s=0.1)))

    failed = {result.rule.id: result for result in report.results if result.outcome is Outcome.FAILED}
    assert list(failed) == ["search-answer"]
    assert "1000000000 kWh" in failed["search-answer"].got
    assert report.count(Severity.MUST, Outcome.SKIPPED) > 0


async def test_without_a_registry_the_run_can_not_be_made(tmp_path: Path) -> None:
    async with pointed_at(Silent, tmp_path) as known:
        nowhere = replace(known.registry, url=f"http://127.0.0.1:{free_port()}")
        report = await run(replace(known, registry=nowhere))

    assert report.exit_code == 2
    assert f"{nowhere.url} does not answer" in (report.problem or "")


async def test_a_target_that_does_not_answer_can_not_be_judged(tmp_path: Path) -> None:
    async with pointed_at(Silent, tmp_path) as known:
        report = await run(replace(known, target=f"http://127.0.0.1:{free_port()}/beckn"))

    assert report.exit_code == 2
    assert "does not answer" in (report.problem or "")


async def test_a_target_that_the_registry_does_not_list_can_not_be_judged_and_the_listed_are_named(
    tmp_path: Path,
) -> None:
    async with pointed_at(Silent, tmp_path) as known:
        elsewhere = known.target.removesuffix("/beckn") + "/elsewhere"
        report = await run(replace(known, target=elsewhere))

    assert report.exit_code == 2
    assert f"at {elsewhere}, but: {known.target}" in (report.problem or "")


async def test_a_registry_that_never_challenges_is_waited_for_no_longer_than_allowed(tmp_path: Path) -> None:
    async with pointed_at(Silent, tmp_path) as known:
        report = await run(replace(known, subscriber_id=None, keys_file=None, limits=Limits(join_s=0.2)))

    assert report.exit_code == 2
    assert "within 0.2 s; it has to reach" in (report.problem or "")


async def test_a_port_in_use_and_missing_or_wrong_keys_are_one_clear_line_each(tmp_path: Path) -> None:
    async with pointed_at(Silent, tmp_path) as known:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            wrong = {
                f"Can not listen on 127.0.0.1 port {port}": replace(known, port=port),
                "subscriber id is missing": replace(known, subscriber_id=None),
                "data directory is missing": replace(known, keys_file=None),
                "can not be read": replace(known, keys_file=tmp_path / "nothing.json"),
                "holds the keys of harness.test": replace(known, subscriber_id="somebody.else"),
                "no rules for a BAP": replace(known, role=Role.BAP),
            }
            problems = {line: (await run(made)).problem or "" for line, made in wrong.items()}

    assert {line: problem for line, problem in problems.items() if line not in problem} == {}


@pytest.mark.parametrize("member", ["signing_public_key", "encr_public_key"])
async def test_a_pinned_key_that_is_none_is_one_clear_line(tmp_path: Path, member: str) -> None:
    async with pointed_at(Silent, tmp_path) as known:
        registry = replace(known.registry, **{member: "AAAA"})
        report = await run(replace(known, registry=registry, keys_file=None, data_dir=tmp_path))

    assert report.exit_code == 2
    assert (report.problem or "").startswith("registry: ")
