"""One run: the network, its processes on their disks, the workload, and a look at the invariants after every commit.

For `FAULTS_S` of virtual time everything may go wrong. Then faults end, the workload too, and within `CALM_S` every
message must be decided and every letter sent or dead. A run is its seed: chance, ids, tokens and time follow from it.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import random
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qsl

import orjson

from bap.app import VERSIONS as BAP_VERSIONS
from bap.app import Bap
from bpp.api.forms import AgreementForms, Submission, agree
from bpp.app import BPP_VERSIONS, SAMPLE_VERSIONS, Bpp
from bpp.store import fleet as fleet_store
from bpp.store import trade as trade_store
from node.client import Answer
from node.ids import IdMint, chance, new_token, new_uuid
from node.migrations.run import NODE_VERSIONS
from node.participant import Outside, Participant
from protocol.actions import Role
from registry.gateway import Gateway
from tests.simulation import invariants
from tests.simulation.disks import Disk, MemoryDatabase
from tests.simulation.faults import Faults, Odds
from tests.simulation.loop import Life, Stuck, VirtualLoop
from tests.simulation.network import Client, Door, Network
from tests.simulation.settings import START, Member, fleet, members

FAULTS_S = 9.0
CALM_S = 60.0
_VERSIONS = {Role.BAP: BAP_VERSIONS, Role.BPP: BPP_VERSIONS}


@dataclass(frozen=True, slots=True)
class Result:
    """``violation`` is None when all was well."""

    seed: int
    trace: tuple[str, ...]
    violation: str | None
    facts: dict[str, int] = field(default_factory=dict)


@dataclass
class Site:
    """A participant over all its lives: its disks, how wrong its clock is, and what runs now."""

    member: Member
    disks: dict[str, Disk]
    offset: timedelta = timedelta(0)
    life: Life | None = None
    platform: Any = None

    @property
    def disk(self) -> Disk:
        """The database with its inbox and outbox."""
        return self.disks["main"]


@dataclass(frozen=True, slots=True)
class Change:
    """A rule broken on purpose: ``apply(platform, member)`` is called on every platform before it starts."""

    apply: Callable[[Any, Member], None]


class _World(Outside):
    """What one process finds around it."""

    def __init__(self, run: Run, site: Site, life: Life) -> None:
        self._run, self._site, self._life = run, site, life

    def ids(self) -> IdMint:
        return IdMint(lambda: (self._run.clock(self._site) - _EPOCH) // timedelta(microseconds=1))

    def jitter(self) -> float:
        return chance.get().random()

    def database(self, url: str, versions: Sequence[Path]) -> MemoryDatabase:
        disk = self._site.disks["samples" if "samples" in url else "main"]
        return MemoryDatabase(disk, self._life, partial(self._run.committed, self._site), versions)

    def client(self, _settings: Any) -> Any:
        return Client(self._life, self._run.network)

    async def listen(self, participant: Participant) -> Any:
        self._run.open_door(self._site, self._life, participant)


_EPOCH = datetime(1970, 1, 1, tzinfo=START.tzinfo)


class Run:
    """One seed's run. ``change`` breaks a rule, to see that it is noticed."""

    def __init__(self, seed: int, odds: Odds = Odds(), change: Change | None = None) -> None:  # noqa: B008 - frozen
        self.seed = seed
        self.chance = random.Random(seed)
        self.loop = VirtualLoop(self._task_failed)
        self.faults = Faults(random.Random(self.chance.random()), odds)
        self.network = Network(self.loop, self.faults, self.note, self.acknowledged)
        self.trace: list[str] = []
        self.acks: list[tuple[str, bytes]] = []
        self.failure: str | None = None
        self.crashes = 0
        self._change = change
        self._ended: asyncio.Future[None] = self.loop.create_future()
        self.sites = {site.member.name: site for site in _sites()}
        self.network.records = [_record(site.member) for site in self.sites.values()]

    # -- what happens around --------------------------------------------------------------------------------

    def note(self, who: str, what: str) -> None:
        """One line of the trace."""
        self.trace.append(f"{self.loop.now_s:9.3f} {who}: {what}")

    def clock(self, site: Site) -> datetime:
        """The site's wall clock."""
        return START + timedelta(microseconds=round(self.loop.now_s * 1_000_000)) + site.offset

    def acknowledged(self, name: str, body: bytes) -> None:
        """An ACK was given: the message must be on disk."""
        self.acks.append((name, body))
        self._demand(invariants.is_stored(self.sites[name].disk, body), f"{name} acknowledged what it has not stored")

    def committed(self, site: Site) -> None:
        """A transaction is on disk: what must hold at every moment holds."""
        for problem in invariants.always(site.member.role, site.disk):
            self.fail(f"{site.member.name}: {problem}")

    def fail(self, problem: str) -> None:
        """Remember the first violation and end the run."""
        if self.failure is None:
            self.failure = problem
            self.note("VIOLATION", problem)
            self._end()

    def _task_failed(self, error: BaseException) -> None:
        if not isinstance(error, invariants.EXPECTED_ERRORS):
            self.fail(f"a task ended by {type(error).__name__}: {error}")

    def _demand(self, holds: bool, problem: str) -> None:
        if not holds:
            self.fail(problem)

    # -- processes ------------------------------------------------------------------------------------------

    def open_door(self, site: Site, life: Life, participant: Participant) -> None:
        """Peers reach the site from now on."""
        name = site.member.name

        async def receive(path: str, headers: Any, body: bytes) -> Answer:
            if path.startswith("/beckn/forms/"):
                return await _form(site, path.rpartition("/")[2], body, self.clock(site))
            answer = await participant.server.receive(path.rpartition("/")[2], headers, body)
            return Answer(answer.status, answer.body)

        self.network.doors[name] = Door(life, receive)

    def boot(self, site: Site) -> None:
        """A new process on the site's disks."""
        fate = self.faults.of_process()

        def passes(point: str) -> None:
            if fate.met_by(point):
                self._crash(site, point)

        site.life = Life(site.member.name, passes)
        self.note(site.member.name, "starts")
        self.loop.start(site.life, self._start(site, site.life))

    async def _start(self, site: Site, life: Life) -> None:
        platform = _platform(site.member, partial(self.clock, site), _World(self, site, life))
        if self._change is not None:
            self._change.apply(platform, site.member)
        site.platform = platform
        await platform.start()

    def _crash(self, site: Site, point: str) -> None:
        assert site.life is not None
        self.crashes += 1
        self.note(site.member.name, f"is killed ({point})")
        site.life.end()
        site.life, site.platform = None, None
        door = self.network.doors.pop(site.member.name, None)
        if door is not None:
            door.shut()
        self.loop.call_later(self.faults.down_s(), self.boot, site)

    # -- the run ----------------------------------------------------------------------------------------------

    def go(self, workload: Callable[[Run], Coroutine[Any, Any, None]]) -> None:
        """Run to the end, or to the first violation."""
        work = self.loop.create_task(self._main(workload))
        work.add_done_callback(lambda _: self._end())
        try:
            self.loop.run_until_complete(self._ended)
        except Stuck:
            self.fail("nothing moves any more")
        if work.done():
            work.result()
        work.cancel()

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    async def _main(self, workload: Callable[[Run], Coroutine[Any, Any, None]]) -> None:
        """Everything, from the first start to calm."""
        for site in self.sites.values():
            self.boot(site)
        work = asyncio.create_task(workload(self))
        while self.loop.now_s < FAULTS_S:
            await asyncio.sleep(self.chance.uniform(0.5, 2.0))
            self._jump()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        self.faults.stop()
        for site in self.sites.values():
            site.offset = timedelta(0)
        self.note("world", "faults end")
        await self._calm()
        for problem in invariants.finally_({name: site.disk for name, site in self.sites.items()}, self.acks):
            self.fail(problem)

    def _jump(self) -> None:
        seconds = self.faults.clock_jump_s()
        if seconds:
            site = self.chance.choice(list(self.sites.values()))
            site.offset = timedelta(seconds=round(seconds, 3))
            self.note(site.member.name, f"has its clock {seconds:+.3f} s off")

    async def _calm(self) -> None:
        until = self.loop.now_s + CALM_S
        while True:
            await asyncio.sleep(1.0)
            left = [name for name, site in self.sites.items() if not invariants.is_idle(site.member.role, site.disk)]
            if not left:
                return
            if self.loop.now_s > until:
                self.fail(f"{' and '.join(left)} did not finish within {CALM_S} s after the last fault")
                return


def run(
    seed: int,
    workload: Callable[[Run], Coroutine[Any, Any, None]] | None = None,
    odds: Odds = Odds(),  # noqa: B008 - frozen
    change: Change | None = None,
) -> Result:
    """Run one seed."""
    from tests.simulation.workload import trade

    def within() -> Result:
        chance.set(random.Random(f"ids {seed}"))
        one = Run(seed, odds, change)
        with _errors_to(one):
            one.go(workload or trade)
        facts = invariants.facts({name: site.disk for name, site in one.sites.items()}) | {"crashes": one.crashes}
        one.loop.finish()
        return Result(seed, tuple(one.trace), one.failure, facts)

    # Keys and disks are made once, with chance of their own: a run is the same whether it is the first or not.
    _sites()
    for member in _members():
        _record(member)
    return contextvars.copy_context().run(within)


class _Errors(logging.Handler):
    """An exception that the product logs is one that nobody foresaw."""

    def __init__(self, run: Run) -> None:
        super().__init__(logging.ERROR)
        self._run = run

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        # What asyncio complains of depends on when garbage is collected; `VirtualLoop.on_error` hears of it at once.
        if isinstance(error, invariants.EXPECTED_ERRORS) or record.name == "asyncio":
            return
        self._run.fail(f"{record.name}: {record.getMessage()}: {type(error).__name__}: {error}")


@contextlib.contextmanager
def _errors_to(run: Run) -> Iterator[None]:
    root, handler = logging.getLogger(), _Errors(run)
    before = root.handlers[:]
    root.handlers[:] = [handler]
    try:
        yield
    finally:
        root.handlers[:] = before


# -- making things --------------------------------------------------------------------------------------------


@cache
def _folder() -> TemporaryDirectory[str]:
    """For the keys; removed when this process ends."""
    return TemporaryDirectory(prefix="simulation-")


@cache
def _members() -> tuple[Member, ...]:
    return members(Path(_folder().name))


@cache
def _disks() -> dict[str, dict[str, Disk]]:
    """One set for all runs of this process."""
    disks = {}
    for member in _members():
        extra = (_VERSIONS[member.role],) if member.role in _VERSIONS else ()
        disks[member.name] = {"main": Disk((NODE_VERSIONS, *extra))}
    disks["bpp"]["samples"] = Disk((SAMPLE_VERSIONS,))
    return disks


def _sites() -> list[Site]:
    sites = [Site(member, _disks()[member.name]) for member in _members()]
    for site in sites:
        for disk in site.disks.values():
            disk.erase()
        if site.member.role is Role.BPP:
            for listed in fleet():
                site.disk.transaction(partial(_save, listed))
    return sites


def _save(listed: Any, tx: Any) -> None:
    fleet_store.save_battery(tx, listed)


def _platform(member: Member, wire: Callable[[], datetime], world: Outside) -> Any:
    if member.role is Role.BPP:
        return Bpp(member.settings, wire, world)
    if member.role is Role.BAP:
        return Bap(member.settings, wire, world)
    return Gateway(member.settings, wire, world)


@cache
def _record(member: Member) -> dict[str, Any]:
    keys = _platform(member, lambda: START, Outside()).participant.keyring.own
    return {
        "subscriber_id": member.name,
        "key_id": keys.key_id,
        "signing_public_key": keys.signing_public_b64,
        "type": member.role.value,
        "url": member.url,
        "status": "SUBSCRIBED",
        "domain": "dent:0.1.0",
    }


async def _form(site: Site, token: str, body: bytes, at: datetime) -> Answer:
    """The operator's form: its page for no body, its submission for one, by the code behind `bpp.api.forms`' routes."""
    desk = site.platform.desk
    forms, database = AgreementForms(desk), site.platform.participant.database
    if not body:
        found = await database.read(lambda tx: trade_store.of_form(tx, token))
        return Answer(404, b"{}") if found is None else Answer(200, (await forms.page(found)).encode())
    submission = Submission(dict(parse_qsl(body.decode())), at, new_token(), new_uuid())
    contract, wrong = await database.write(lambda tx: agree(tx, desk, token, submission))
    if contract is None or wrong:
        return Answer(409, orjson.dumps({"detail": wrong or "closed"}))
    return Answer(200, orjson.dumps(forms.told(contract)))
