"""The context: who says what to whom, in a message whose signature holds. A false one is a NACK and no callback."""

from __future__ import annotations

from datetime import timedelta

from conformance import messages
from conformance.bench import Bench
from conformance.conversation import nothing_called_back, refused
from conformance.messages import UNKNOWN_ID, Letter
from conformance.verdicts import Afterwards, Check
from node.clocks import wall_clock
from protocol.moments import timestamp_text

_LONG_AGO = timedelta(minutes=10)


def without(member: str) -> Check:
    """A ``select`` whose context lacks this member."""

    async def check(bench: Bench) -> Afterwards:
        return await _try(bench, valid_select(bench).without_context(member))

    return check


async def another_action(bench: Bench) -> Afterwards:
    """``context.action`` says ``init`` on the path of ``select``: the signature does not cover the path."""
    return await _try(bench, valid_select(bench).with_context(action="init"))


async def another_receiver(bench: Bench) -> Afterwards:
    """``bpp_id`` names somebody else."""
    return await _try(bench, valid_select(bench).with_context(bpp_id=f"{UNKNOWN_ID}.invalid"))


async def another_sender(bench: Bench) -> Afterwards:
    """``bap_id`` names somebody else than the signer."""
    return await _try(bench, valid_select(bench).with_context(bap_id=f"{UNKNOWN_ID}.invalid"))


async def another_url(bench: Bench) -> Afterwards:
    """``bap_uri`` is not the URL that the registry has for the sender."""
    return await _try(bench, valid_select(bench).with_context(bap_uri=f"{bench.peer.identity.url}/elsewhere"))


async def past_its_ttl(bench: Bench) -> Afterwards:
    """A freshly signed message whose own lifetime is over."""
    written = timestamp_text(wall_clock() - _LONG_AGO)
    return await _try(bench, valid_select(bench).with_context(timestamp=written, ttl="PT30S"))


def valid_select(bench: Bench) -> Letter:
    """What the checks of this file spoil: as it is, it would be acknowledged, and answered with an error."""
    pick = messages.nothing_known()
    return bench.writer.letter("select", messages.order(pick, bench.use))


async def _try(bench: Bench, letter: Letter) -> Afterwards:
    sent = await bench.send(letter)
    refused(sent)
    return nothing_called_back(bench, letter, sent)
