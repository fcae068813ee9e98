"""One conformance run: join the network as a BAP, try every rule on the target, wait once for silence, report.

The target has to find our key in the registry. Either the harness subscribes itself, as every platform does, or it is
given the keys of a subscriber that the network already knows, together with the URL where that one is called.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from nacl.signing import SigningKey

from conformance.bench import Bench
from conformance.conversation import Limits
from conformance.messages import Parties, use_on
from conformance.peer import Peer
from conformance.rules import RULES
from conformance.verdicts import Afterwards, Breach, NotReached, Outcome, Report, Request, Result, Rule
from node import keyfile
from node.clocks import wall_clock
from node.ids import new_uuid
from node.settings import NetworkSettings, NodeSettings, RegistrySettings, TimeLimits
from protocol.actions import Role
from protocol.errors import PeerFailed, SettingsWrong
from protocol.keys import KeyRecord, KeyUnusable, OwnKeys
from protocol.urls import same_url

DAYS_AHEAD = (1, 30, 180)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a run needs to know.

    ``target`` is the URL that the registry has for the platform (…/beckn). ``subscriber_id`` None: a fresh one, with
    fresh keys, subscribes. With an id, the keys are kept in ``data_dir``; with ``keys_file`` the network knows them
    already and nothing is subscribed, so that ``public_url`` has to be the registered one. ``day`` is a day of the
    target's trade time on which ``energy_wh`` can be stored; when None, the first of `DAYS_AHEAD` that finds an offer.
    """

    target: str
    registry: RegistrySettings
    role: Role = Role.BPP
    subscriber_id: str | None = None
    data_dir: Path | None = None
    keys_file: Path | None = None
    host: str = "127.0.0.1"
    port: int = 0
    public_url: str | None = None
    domain: str = "dent:0.1.0"
    city_code: str = "std:080"
    country_code: str = "IND"
    energy_wh: int = 10_000
    day: date | None = None
    limits: Limits = field(default_factory=Limits)


class CannotRun(Exception):
    """There is nothing to judge: the text says what has to be put right first."""


async def run(options: Options) -> Report:
    """Try all rules. A run that can not be made is a report with a ``problem``; nothing is raised for it."""
    began_at, began_s = wall_clock(), time.monotonic()
    results: tuple[Result, ...] = ()
    problem = None
    try:
        results = await _run(options)
    except (CannotRun, SettingsWrong) as error:
        problem = str(error)
    return Report(options.target, options.role, began_at, _ms_since(began_s), results, problem)


async def _run(options: Options) -> tuple[Result, ...]:
    rules = RULES.get(options.role)
    if rules is None:
        raise CannotRun(f"There are no rules for a {options.role} yet; there are for: {', '.join(RULES)}.")
    async with joined(options) as bench:
        return await _judge(bench, rules)


@asynccontextmanager
async def joined(options: Options) -> AsyncIterator[Bench]:
    """A bench whose peer is on the network and whose target answers.

    Raises:
        CannotRun, SettingsWrong: what has to be put right first.
    """
    peer = new_peer(options)
    try:
        await peer.start()
        for url in (options.registry.url, options.target):
            await _reach(peer, url)
        await _join(peer, options)
        yield await _bench(peer, await _registered(peer, options), options)
    finally:
        await peer.stop()


# -- getting ready ------------------------------------------------------------------------------------------


def new_peer(options: Options) -> Peer:
    """The harness on a port of its own, not started.

    Raises:
        CannotRun, SettingsWrong: what has to be put right first.
    """
    own = _own_keys(options)
    sock = _listening(options)
    port = sock.getsockname()[1]
    settings = NodeSettings(
        subscriber_id=own.subscriber_id,
        data_dir=options.data_dir or Path(),
        public_url=options.public_url or f"http://{options.host}:{port}/beckn",
        domains=(options.domain,),
        city_code=options.city_code,
        country_code=options.country_code,
        times=TimeLimits(peer_timeout_s=options.limits.answer_s),
        # Whoever runs the harness names the platform and the registry, wherever they are.
        network=NetworkSettings(allow_private_addresses=True, allow_plain_http=True),
    )
    try:
        return Peer(settings, options.registry, own, sock, subscribes=options.keys_file is None)
    except KeyUnusable as error:
        sock.close()
        raise CannotRun(f"registry: {error}") from None


def _own_keys(options: Options) -> OwnKeys:
    if options.subscriber_id is None:
        if options.keys_file or options.data_dir:
            raise CannotRun("Say whose keys these are: the subscriber id is missing.")
        return OwnKeys(f"conformance-{new_uuid()[:8]}", new_uuid(), SigningKey.generate(), X25519PrivateKey.generate())
    if options.keys_file is not None:
        return keyfile.load(options.keys_file, options.subscriber_id)
    if options.data_dir is None:
        raise CannotRun("Say where the keys of this subscriber are kept: the data directory is missing.")
    return keyfile.load_or_make(options.data_dir, options.subscriber_id)


def _listening(options: Options) -> socket.socket:
    try:
        return socket.create_server((options.host, options.port))
    except OSError as error:
        raise CannotRun(f"Can not listen on {options.host} port {options.port}: {error.strerror or error}.") from None


async def _reach(peer: Peer, url: str) -> None:
    """Any HTTP answer will do: without one, every rule would fail for the same reason."""
    try:
        await peer.request(Request("GET", url, {}, b""))
    except Breach as breach:
        raise CannotRun(f"{url} does not answer: {breach.got}.") from None


async def _join(peer: Peer, options: Options) -> None:
    within_s = options.limits.join_s
    try:
        await peer.join(within_s)
    except TimeoutError:
        raise CannotRun(
            f"The registry at {options.registry.url} did not list {peer.identity.subscriber_id} within {within_s:g} s; "
            f"it has to reach {peer.identity.url}/on_subscribe."
        ) from None


async def _registered(peer: Peer, options: Options) -> KeyRecord:
    """The registry's record of the target."""
    query = {"type": options.role.value, "domain": options.domain}
    try:
        records = await peer.keyring.subscribers(query)
    except PeerFailed as error:
        raise CannotRun(f"The registry can not be asked: {error.sentence}") from None
    for record in records:
        if same_url(record.url, options.target):
            return record
    known = ", ".join(sorted({record.url for record in records})) or "none"
    raise CannotRun(f"The registry knows no {options.role} of {options.domain} at {options.target}, but: {known}.")


async def _bench(peer: Peer, target: KeyRecord, options: Options) -> Bench:
    """The bench of a day on which there is something to trade: the target's trade clock may run ahead of ours."""
    parties = Parties(
        domain=options.domain,
        bap_id=peer.identity.subscriber_id,
        bap_uri=peer.identity.url,
        bpp_id=target.subscriber_id,
        bpp_uri=target.url,
        city_code=options.city_code,
        country_code=options.country_code,
    )
    today = wall_clock().date()
    days = [options.day] if options.day else [today + timedelta(days=ahead) for ahead in DAYS_AHEAD]
    target_url = options.target.rstrip("/")

    def on(day: date) -> Bench:
        return Bench(peer, target_url, parties, use_on(day, options.energy_wh), options.limits)

    for bench in map(on, days if len(days) > 1 else ()):
        if await _offers(bench):
            return bench
    # Nothing was found: a bench that has not tried yet, so that the rules say what is wrong.
    return on(days[0])


async def _offers(bench: Bench) -> bool:
    """Whether the target offers something for this bench's day; another bench then tries every rule from the start."""
    with suppress(Breach, NotReached):
        return (await bench.trade.catalog()).item_id is not None
    return False


# -- judging ------------------------------------------------------------------------------------------------


async def _judge(bench: Bench, rules: Sequence[Rule]) -> tuple[Result, ...]:
    tried = [await _try(bench, rule) for rule in rules]
    # One quiet time for all rules that expect silence, instead of one for each.
    await asyncio.sleep(bench.limits.quiet_s)
    return tuple(_after(result, look) for result, look in tried)


async def _try(bench: Bench, rule: Rule) -> tuple[Result, Afterwards | None]:
    began_s = time.monotonic()
    try:
        async with asyncio.timeout(bench.limits.rule_s):
            look = await rule.check(bench)
    except Breach as breach:
        return _failed(rule, began_s, breach), None
    except NotReached as reason:
        return Result(rule, Outcome.SKIPPED, _ms_since(began_s), got=str(reason)), None
    except TimeoutError:
        return _failed(rule, began_s, Breach(f"all answers within {bench.limits.rule_s:g} s", "not all")), None
    except Exception as error:
        # A mistake of ours in one check must not keep the others from being tried, nor look like a pass.
        logger.exception("the check of %s failed", rule.id)
        return _failed(rule, began_s, Breach("a check that ends", f"{type(error).__name__}: {error}"[:300])), None
    return Result(rule, Outcome.PASSED, _ms_since(began_s)), look


def _after(result: Result, look: Afterwards | None) -> Result:
    if look is None:
        return result
    try:
        look()
    except Breach as breach:
        return replace(result, outcome=Outcome.FAILED, expected=breach.expected, got=breach.got, request=breach.request)
    return result


def _failed(rule: Rule, began_s: float, breach: Breach) -> Result:
    return Result(rule, Outcome.FAILED, _ms_since(began_s), breach.expected, breach.got, breach.request)


def _ms_since(began_s: float) -> int:
    return round((time.monotonic() - began_s) * 1_000)
