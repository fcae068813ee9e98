"""Thousands of spoilt messages at the whole way in: each is taken or refused by a rule, in bounded memory, never a 500.

Most are signed over the bytes that are sent, so that the later checks see them too. Both kinds of spoiling are seeded:
of the JSON (members dropped, renamed, retyped, doubled, blown up) and of the bytes (keys twice, NaN, cut, flipped).
"""

from __future__ import annotations

import copy
import json
import os
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from energy.wire.v1.tolerances import TOLERANT
from node.answers import Answer, AnswerForms
from node.clocks import Clocks
from node.observability import Metrics
from node.rates import Rate, RateLimit
from node.server import BecknServer
from node.settings import AnswerSettings, TradeTimeSettings
from protocol.actions import ACTIONS, Role
from protocol.keys import KeyId, KeyRecord
from protocol.policy import Identity, Policy
from protocol.verification import Verified
from schemas.loader import ack
from tests.energy.wire.v1.examples import CONTENTS
from tests.messages import header, own_keys, record
from tests.schemas.test_battery_storage import told

NOW = datetime(2026, 11, 1, 0, 0, 5, tzinfo=UTC)
FEW, MANY = 2_000, 20_000
REFUSED = {400, 401, 403, 409, 413, 415}
MEMORY_PER_BYTE, MEMORY_AT_LEAST = 60, 3_000_000
BAP, BPP = own_keys("bap.example"), own_keys("bpp.example")
RECORDS = (
    record(BAP, Role.BAP, "https://bap.example/beckn"),
    record(BPP, Role.BPP, "https://bpp.example/beckn"),
)
MESSAGES = {action: told(action) for action in CONTENTS}
RIGHT_TO_LEFT = "\u202eבטריה \u0627\u0644\u0628\u0637\u0627\u0631\u064a\u0629\u202c"
STRANGE: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    7.5,
    10**40,
    -(10**4_000),
    1e308,
    5e-324,
    "",
    " ",
    "x" * 5_000,
    "\u0000",
    "\ud800",
    "\udfff\ud800",
    RIGHT_TO_LEFT,
    "𝟙𝟚𝟛",
    "NaN",
    "-0",
    "1e400",
    "9" * 30,
    "0.0000000001",
    "9999-12-31T23:59:60Z",
    "0000-01-01T00:00:00Z",
    "2026-11-01T00:00:00+23:59",
    "P9999999999999Y",
    "PT" + "9" * 400 + "S",
    "javascript:alert(1)",
    "../../etc/passwd",
    [],
    {},
    [[]],
    [None] * 300,
    {"": {"": {"": ""}}},
    {"descriptor": {"code": "tariff"}, "list": []},
)


# -- the way in, with a registry and an inbox in memory -----------------------------------------------------------


class Keys:
    """A keyring that knows the two parties."""

    def cached(self, key_id: KeyId) -> tuple[KeyRecord, ...]:
        return tuple(one for one in RECORDS if (one.subscriber_id, one.key_id) == (key_id.subscriber_id, key_id.key_id))

    async def records(self, key_id: KeyId, *, fresh: bool = False) -> tuple[KeyRecord, ...]:
        return self.cached(key_id)


class Taken:
    """An inbox that counts."""

    def __init__(self) -> None:
        self.messages = 0

    async def knows(self, _verified: Verified) -> bool:
        return False

    async def accept(self, _verified: Verified, _authorization: str) -> None:
        self.messages += 1


async def _alive(_url: str) -> None:
    return None


def server(role: Role, taken: Taken) -> BecknServer:
    """The receiving side of the BAP or the BPP."""
    own = next(one for one in RECORDS if one.role is role)
    return BecknServer(
        Identity(own.subscriber_id, role, own.url),
        Policy(),
        Keys(),  # type: ignore[arg-type]
        taken,  # type: ignore[arg-type]
        Clocks(TradeTimeSettings(), lambda: NOW),
        Metrics(),
        _alive,
        RateLimit(Rate(per_minute=10**9, burst=10**9)),
        AnswerForms(AnswerSettings()),
        TOLERANT,
    )


class Network:
    """Both sides."""

    def __init__(self) -> None:
        self.taken = Taken()
        self._servers = {role: server(role, self.taken) for role in (Role.BAP, Role.BPP)}

    async def post(self, action: str, body: bytes, headers: dict[str, str] | None = None) -> Answer:
        """What the side that receives this action answers."""
        keys = BAP if ACTIONS[action].sender is Role.BAP else BPP
        signed = {"content-type": "application/json", "authorization": header(body, keys, NOW)}
        return await self._servers[ACTIONS[action].receiver].receive(action, signed | (headers or {}), body)


# -- spoiling -----------------------------------------------------------------------------------------------------


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (owner, step) below."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in list(steps):
        yield value, step
        yield from places(inner)


def drop(owner: Any, step: Any, _random: Random) -> None:
    del owner[step]


def retype(owner: Any, step: Any, random: Random) -> None:
    owner[step] = copy.deepcopy(random.choice(STRANGE))


def rename(owner: Any, step: Any, random: Random) -> None:
    if isinstance(owner, dict):
        owner[random.choice(("id", "message", step.upper(), f"{step} ", RIGHT_TO_LEFT, "\ud800", "__proto__"))] = (
            owner.pop(step)
        )


def double(owner: Any, step: Any, random: Random) -> None:
    if isinstance(owner[step], list):
        owner[step] = owner[step] * random.choice((2, 50))
    elif isinstance(owner[step], str):
        owner[step] = owner[step] * random.choice((2, 1_000))


def nest(owner: Any, step: Any, random: Random) -> None:
    for _ in range(random.choice((1, 20, 70))):
        owner[step] = random.choice(([owner[step]], {"a": owner[step]}))


def mend_number(owner: Any, step: Any, random: Random) -> None:
    if isinstance(owner[step], str):
        owner[step] = random.choice(("-", "", "+")) + owner[step] + random.choice(("", "0", ".5", "e3", "%"))


def swap(owner: Any, step: Any, random: Random) -> None:
    other = random.choice(list(owner) if isinstance(owner, dict) else range(len(owner)))
    owner[step], owner[other] = owner[other], owner[step]


SPOIL: tuple[Callable[[Any, Any, Random], None], ...] = (drop, retype, retype, rename, double, nest, mend_number, swap)


def spoilt_json(message: Any, random: Random) -> bytes:
    """The message after one to three changes to its JSON."""
    message = copy.deepcopy(message)
    for _ in range(random.choice((1, 1, 2, 3))):
        found = list(places(message))
        if found:
            owner, step = random.choice(found)
            random.choice(SPOIL)(owner, step, random)
    return json.dumps(message, ensure_ascii=random.random() < 0.3).encode("utf-8", "surrogatepass")


def spoilt_bytes(body: bytes, random: Random) -> bytes:
    """The bytes after one change that no JSON library would make."""
    at = random.randrange(len(body))
    return random.choice(
        (
            lambda: body[:at],
            lambda: body[:at] + bytes([random.randrange(256)]) + body[at + 1 :],
            lambda: body[:at] + random.randbytes(random.choice((1, 50))) + body[at:],
            lambda: body.replace(b'"message":', b'"message":{},"message":', 1),
            lambda: body.replace(b'"id":', b'"id":"x","id":', 1),
            lambda: body.replace(b'"value": "', b'"value": NaN, "v": "', 1),
            lambda: body.replace(b'"value": "', b'"value": -Infinity, "v": "', 1),
            lambda: body[:-1] + b',"n":' + b"9" * 5_000 + b"}",
            lambda: body[:-1] + b',"n":1e999}',
            lambda: body[:-1] + b',"n":' + b"[" * 3_000 + b"]" * 3_000 + b"}",
            lambda: body[:-1] + b',"n":"' + b"\\ud83d" * 500 + b'"}',
            lambda: body[:-1] + b"," + b",".join(b'"k%d":[{}]' % n for n in range(800)) + b"}",
            lambda: b"\xef\xbb\xbf" + body,
            lambda: body.decode("utf-8", "replace").encode("utf-16"),
            lambda: b'"' * len(body),
            lambda: b"[" + body + b"]",
            lambda: body + body,
        )
    )()


def spoilt_headers(body: bytes, random: Random) -> dict[str, str]:
    """Headers that are not quite those of these bytes; mostly none, so that the body is looked at."""
    if random.random() < 0.85:
        return {}
    good = header(body, BAP, NOW)
    at = random.randrange(len(good))
    return random.choice(
        (
            {"authorization": good[:at]},
            {"authorization": good[:at] + chr(random.randrange(1, 0x2FFF)) + good[at:]},
            {"authorization": good * 30},
            {"x-gateway-authorization": good},
            {"proxy-authorization": good[:at]},
            {"content-type": "text/plain"},
            {"content-encoding": "br"},
            {"authorization": "\udcff" * 50},
        )
    )


def check(answer: Answer, body: bytes) -> str:
    """An ACK, or a NACK that explains itself; which rule."""
    content = json.loads(answer.body)
    assert ack().is_valid(content)
    if answer.status == 200:
        assert content == {"message": {"ack": {"status": "ACK"}}}
        return "ACK"
    tags = {tag["descriptor"]["code"]: tag["value"] for tag in content["message"]["ack"]["tags"][0]["list"]}
    assert answer.status in REFUSED, (answer.status, tags, body[:3_000])
    assert content["error"]["message"]
    assert tags["help"].startswith("docs/errors.md#")
    assert len(answer.body) < 8_000
    rule: str = tags["rule"]
    return rule


@asynccontextmanager
async def measured() -> AsyncIterator[None]:
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


async def spoil(count: int, seed: int) -> Counter[str]:
    """So many spoilt messages; how many each rule refused."""
    random, network, rules = Random(seed), Network(), Counter[str]()
    for _ in range(count):
        action = random.choice(list(MESSAGES))
        body = spoilt_json(MESSAGES[action], random)
        if random.random() < 0.25:
            body = spoilt_bytes(body, random)
        headers = spoilt_headers(body, random)
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        answer = await network.post(action, body, headers)
        used = tracemalloc.get_traced_memory()[1] - before
        assert used < max(MEMORY_AT_LEAST, MEMORY_PER_BYTE * len(body)), (action, used, len(body))
        rules[check(answer, body).partition("/")[0]] += 1
    assert rules["ACK"] == network.taken.messages
    return rules


async def test_each_message_of_the_story_is_taken() -> None:
    network = Network()
    for action, message in MESSAGES.items():
        body = json.dumps(message).encode()
        assert check(await network.post(action, body), body) == "ACK"
    assert network.taken.messages == len(MESSAGES)


async def test_thousands_of_spoilt_messages_are_taken_or_refused_by_a_rule_in_bounded_memory() -> None:
    async with measured():
        rules = await spoil(FEW, seed=int(os.environ.get("BECKN_SEED", "6")))
    assert {"ACK", "V1-body", "V1-duplicate-key", "V2-header", "V10-context", "V14-storage"} <= rules.keys()
    assert rules.most_common(1)[0][1] < FEW * 0.6


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(4))
async def test_twenty_thousand_spoilt_messages_are_taken_or_refused_by_a_rule_in_bounded_memory(seed: int) -> None:
    async with measured():
        assert sum((await spoil(MANY // 4, seed=1_000 + seed)).values()) == MANY // 4


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(), max_size=10), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(action=st.sampled_from(sorted(MESSAGES)), content=_JSON, data=st.data())
async def test_any_json_in_any_place_of_a_message_is_taken_or_refused_by_a_rule(
    action: str, content: Any, data: st.DataObject
) -> None:
    message = copy.deepcopy(MESSAGES[action])
    found = list(places(message))
    owner, step = found[data.draw(st.integers(0, len(found) - 1))]
    owner[step] = content
    body = json.dumps(message).encode("utf-8", "surrogatepass")
    check(await Network().post(action, body), body)


@settings(max_examples=300, deadline=None)
@given(action=st.sampled_from(sorted(MESSAGES)), body=st.binary(max_size=300))
async def test_any_bytes_are_refused_by_a_rule(action: str, body: bytes) -> None:
    assert check(await Network().post(action, body), body) != "ACK"
