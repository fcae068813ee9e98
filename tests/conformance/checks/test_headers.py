"""The forged headers: our own verifier takes none of them, and a target that takes one fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conformance.checks import headers
from conformance.checks.headers import Forger
from conformance.peer import Peer
from conformance.runner import Options, joined, new_peer
from conformance.verdicts import Afterwards, Breach, Outcome
from node.clocks import wall_clock
from node.settings import RegistrySettings
from protocol import authentication, signing
from protocol.actions import Role
from protocol.errors import NotAuthenticated
from protocol.policy import Policy
from tests.conformance.targets import Failing, Silent, Target, TwoFaced, outcomes_on, pointed_at
from tests.messages import own_keys, record
from tests.waiting import until

BODY = b'{"context":{}}'


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    """The harness's peer, on no network."""
    pinned = own_keys("registry.test")
    registry = RegistrySettings(
        "http://127.0.0.1:9/", "registry.test", pinned.signing_public_b64, pinned.encryption_public_b64
    )
    made = new_peer(Options(target="http://127.0.0.1:9/beckn", registry=registry))
    yield made
    await made.stop()


def judged(peer: Peer, authorization: str, body: bytes) -> None:
    """Check a header as every platform does."""
    known = record(peer.own, Role.BAP, peer.identity.url)
    header = signing.parse_header(authorization)
    authentication.authenticate(header, signing.digest(body), [known], Policy(), wall_clock())


async def test_the_header_that_is_forged_would_pass_as_it_is(peer: Peer) -> None:
    judged(peer, peer.sign(BODY), BODY)

    assert signing.parse_header(peer.sign(BODY)).key_id == peer.own.id


@pytest.mark.parametrize(
    ("forge", "rule"),
    [
        (headers.garbled, "V2-header"),
        (headers.without_headers, "V2-header"),
        (headers.wrong_algorithm, "V3-algorithm"),
        (headers.expired, "V4-window"),
        (headers.created_in_the_future, "V4-window"),
        (headers.too_long_a_window, "V4-window"),
        (headers.wrong_key, "V6-signature"),
        (headers.tampered, "V6-signature"),
    ],
)
async def test_a_forged_header_is_refused_for_what_was_forged(peer: Peer, forge: Forger, rule: str) -> None:
    authorization, body = forge(peer, BODY)

    with pytest.raises(NotAuthenticated) as refusal:
        judged(peer, authorization or "", body)

    assert refusal.value.diagnosis.rule == rule


async def test_no_header_is_no_header(peer: Peer) -> None:
    assert headers.no_header(peer, BODY) == (None, BODY)


def test_a_target_that_verifies_passes_every_rule_of_the_header() -> None:
    assert outcomes_on(Silent, "auth-") == {Outcome.PASSED}


@pytest.mark.parametrize("kind", [Target, Failing])
def test_a_target_that_takes_everything_or_breaks_fails_every_rule_of_the_header(kind: type[Target]) -> None:
    assert outcomes_on(kind, "auth-") == {Outcome.FAILED}


async def test_a_refused_message_that_is_answered_all_the_same_fails_when_the_run_is_quiet(tmp_path: Path) -> None:
    breaches: list[Breach] = []

    def answered(look: Afterwards) -> bool:
        try:
            look()
        except Breach as breach:
            breaches.append(breach)
        return bool(breaches)

    async with pointed_at(TwoFaced, tmp_path) as options, joined(options) as bench:
        look = await headers.unauthenticated(headers.no_header)(bench)
        assert look is not None
        await until(lambda: answered(look), what="the callback")

    assert breaches[0].got == "on_search"
    assert breaches[0].request is not None
    assert "Authorization" not in breaches[0].request.headers
