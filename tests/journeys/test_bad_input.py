"""Every way in which a message can be bad, against the running platforms of both sides, over raw HTTP.

Each is refused before the ACK: a NACK with code, path and a sentence, nothing stored, nothing of our insides told; and
the platform goes on: a proper message is acknowledged right after. The senders are proper subscribers.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import pytest_asyncio
from nacl.signing import SigningKey
from sqlalchemy import func, select

from beckn_battery.network import Network
from energy.messages import Message
from energy.offers import SupportContact
from energy.wire.v1.writer import write
from node.participant import Participant
from node.tables import inbox
from protocol import signing
from protocol.actions import Role
from protocol.context import write_body
from protocol.errors import INVALID_REQUEST
from protocol.keys import OwnKeys
from schemas.loader import ack
from tests import messages
from tests.journeys.subscriber import Reply, Subscriber, send, subscribed

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEN_MB = 10_000_000
LEVELS = 500
CONTACT = SupportContact(
    "6a0a21fd-6d54-4a25-9a4d-8a4c5b1b7f01", "+91 80 5550 0199", "desk@bpp.test", "https://bpp.test"
)


@dataclass(frozen=True)
class Side:
    """A platform under test, who properly speaks to it, and who does not; ``action`` carries ``content``."""

    receiver: Participant
    speaker: Subscriber
    impostor: Subscriber
    action: str
    other_action: str
    content: Message

    @property
    def keys(self) -> OwnKeys:
        """The speaker's."""
        return self.speaker.participant.keyring.own

    def body(self, **context: Any) -> bytes:
        """A proper message, but for these members of its context."""
        return write_body(self.speaker.context(self.action, **context), write(self.action, self.content))

    def edited(self, edit: Callable[[dict[str, Any]], object]) -> bytes:
        """A proper message after ``edit`` of its JSON."""
        content = json.loads(self.body())
        edit(content)
        return orjson.dumps(content)


@dataclass(frozen=True)
class Bad:
    """A request; ``headers`` None: those of a proper message with this body. ``path`` None: the action's."""

    body: bytes
    headers: dict[str, str] | None = None
    path: str | None = None
    method: str = "POST"
    more_headers: dict[str, str] = field(default_factory=dict)
    chunked: bool = False


@dataclass(frozen=True)
class Case:
    """What is sent, and the status, rule and path of the NACK; ``path`` may have the side's own words in it."""

    made: Callable[[Side], Bad]
    status: int
    rule: str
    path: str = ""


def bare(side: Side, **headers: str) -> Bad:
    """A proper body under these headers alone."""
    return Bad(side.body(), {"Content-Type": "application/json", **headers})


def signed(side: Side, created_s: int, window_s: int, keys: OwnKeys | None = None) -> Bad:
    """A proper body, signed so many seconds from now for so long, by the speaker or by other keys."""
    body, keys = side.body(), keys or side.keys
    created = int(datetime.now(UTC).timestamp()) + created_s
    header = signing.sign(body, keys.signing, keys.id, created=created, expires=created + window_s)
    return Bad(body, {"Content-Type": "application/json", "Authorization": header})


def with_another_key(side: Side) -> Bad:
    own = side.keys
    return signed(side, 0, 300, OwnKeys(own.subscriber_id, own.key_id, SigningKey.generate(), own.encryption))


def tampered(side: Side) -> Bad:
    body = side.body()
    return Bad(body.replace(b"std:080", b"std:081"), side.speaker.headers(body))


def by_another_algorithm(side: Side) -> Bad:
    body = side.body()
    headers = side.speaker.headers(body)
    return Bad(body, headers | {"Authorization": headers["Authorization"].replace("ed25519", "rsa")})


def by_the_wrong_role(side: Side) -> Bad:
    own = side.impostor.participant.identity
    claimed = "bap" if side.speaker.participant.identity.role is Role.BAP else "bpp"
    body = side.body(**{f"{claimed}_id": own.subscriber_id, f"{claimed}_uri": own.url})
    return Bad(body, side.impostor.headers(body))


def naming(sender: bool, member: str, value: str) -> Callable[[Side], Bad]:
    """A message whose context names another sender or receiver."""

    def made(side: Side) -> Bad:
        speaks = side.speaker.participant.identity.role.value.lower()
        hears = side.receiver.identity.role.value.lower()
        return Bad(side.body(**{f"{speaks if sender else hears}_{member}": value}))

    return made


def saying(**context: Any) -> Callable[[Side], Bad]:
    """A message with these members in its context."""
    return lambda side: Bad(side.body(**context))


def without(*path: str) -> Callable[[Side], Bad]:
    """A message that lacks a member."""

    def remove(content: dict[str, Any]) -> None:
        for name in path[:-1]:
            content = content[name]
        del content[path[-1]]

    return lambda side: Bad(side.edited(remove))


def raw(body: bytes) -> Callable[[Side], Bad]:
    """These bytes, properly signed."""
    return lambda _side: Bad(body)


def ending(tail: bytes) -> Callable[[Side], Bad]:
    """A proper message that goes on so before its last brace."""
    return lambda side: Bad(side.body()[:-1] + tail + b"}")


def minutes_from_now(minutes: int) -> datetime:
    return datetime.now(UTC) + timedelta(minutes=minutes)


HEADER, GATEWAY_HEADER = signing.AUTHORIZATION, signing.GATEWAY_AUTHORIZATION
PADDED = b',"padding":"' + b"x" * TEN_MB + b'"'
NESTED = b',"nested":' + b"[" * LEVELS + b"]" * LEVELS
CASES: dict[str, Case] = {
    "no signature header": Case(bare, 401, "V2-header", HEADER),
    "a garbled header": Case(lambda side: bare(side, Authorization="Signature garbled"), 401, "V2-header", HEADER),
    "a bearer token": Case(lambda side: bare(side, Authorization="Bearer secret"), 401, "V2-header", HEADER),
    "another algorithm": Case(by_another_algorithm, 401, "V3-algorithm", HEADER),
    "another key": Case(with_another_key, 401, "V6-signature", HEADER),
    "a tampered body": Case(tampered, 401, "V6-signature", HEADER),
    "an expired signature": Case(lambda side: signed(side, -700, 300), 401, "V4-window", HEADER),
    "a future signature": Case(lambda side: signed(side, 60, 300), 401, "V4-window", HEADER),
    "a signature for ten hours": Case(lambda side: signed(side, 0, 36_000), 401, "V4-window", HEADER),
    "an unknown subscriber": Case(
        lambda side: signed(side, 0, 300, messages.own_keys("nobody.test")), 401, "V5-key", HEADER
    ),
    "a garbled gateway header": Case(
        lambda side: Bad(side.body(), more_headers={GATEWAY_HEADER: "garbled"}), 401, "V2-header", GATEWAY_HEADER
    ),
    "the wrong role": Case(by_the_wrong_role, 403, "V8-role", "/context/action"),
    "another sender": Case(naming(True, "id", "nobody.test"), 403, "V8-signer", "/context/{speaks}_id"),
    "another receiver": Case(naming(False, "id", "nobody.test"), 403, "V8-receiver", "/context/{hears}_id"),
    "another url": Case(naming(True, "uri", "http://127.0.0.1:9/beckn"), 403, "V9-url", "/context/{speaks}_uri"),
    "no json": Case(raw(b"energy=300"), 400, "V1-body"),
    "an empty body": Case(raw(b""), 400, "V1-body"),
    "no object": Case(raw(b"[1, 2]"), 400, "V1-body"),
    "no utf-8": Case(raw(b'{"context": "\xff"}'), 400, "V1-body"),
    "half of a surrogate pair": Case(ending(b',"text":"\\ud800"'), 400, "V1-body"),
    "not a number": Case(ending(b',"number":NaN'), 400, "V1-body"),
    "a key twice": Case(ending(b',"context":{}'), 400, "V1-duplicate-key"),
    "ten megabytes": Case(ending(PADDED), 413, "V1-size"),
    "ten megabytes in chunks": Case(
        lambda side: Bad(side.body()[:-1] + PADDED + b"}", chunked=True), 413, "V1-size"
    ),
    "500 levels": Case(ending(NESTED), 400, "V1-body"),
    "a compressed body": Case(
        lambda side: Bad(gzip.compress(side.body()), more_headers={"Content-Encoding": "gzip"}),
        415, "V1-encoding", "Content-Encoding",
    ),
    "another media type": Case(
        lambda side: Bad(side.body(), more_headers={"Content-Type": "text/plain"}), 415, "V1-media", "Content-Type"
    ),
    "an unknown action": Case(lambda side: Bad(side.body(), path="steal"), 404, "route", "/beckn/steal"),
    "an unknown route": Case(lambda side: Bad(side.body(), path="a/b/c"), 404, "route", "/beckn/a/b/c"),
    "the other side's action": Case(
        lambda side: Bad(side.body(), path=side.other_action), 404, "route", "/beckn/{other_action}"
    ),
    "a get": Case(lambda side: Bad(b"", method="GET"), 404, "route", "/beckn/{action}"),
    "another action in the context": Case(
        lambda side: Bad(side.edited(lambda content: content["context"].update(action="init"))),
        400, "V10-action", "/context/action",
    ),
    "another version": Case(saying(version="2.0.0"), 400, "V10-action", "/context/version"),
    "another domain": Case(saying(domain="retail"), 400, "V10-action", "/context/domain"),
    "a passed ttl": Case(lambda side: saying(timestamp=minutes_from_now(-60))(side), 400, "V12-ttl", "/context/ttl"),
    "a time to come": Case(
        lambda side: saying(timestamp=minutes_from_now(120))(side), 400, "V12-ttl", "/context/timestamp"
    ),
    "an id of 300 characters": Case(saying(message_id="x" * 300), 400, "V10-context", "/context/message_id"),
    "no context": Case(without("context"), 400, "V10-context", "/context"),
    **{
        f"no {member} in the context": Case(without("context", member), 400, "V10-context", f"/context/{member}")
        for member in ("domain", "action", "version", "bap_id", "bap_uri", "transaction_id", "message_id", "timestamp")
    },
}  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def speakers(
    network: Network, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Subscriber, Subscriber]]:
    """A producer's and an operator's platform of the tests' own."""
    folder = tmp_path_factory.mktemp("speakers")
    registry, sides = network.registry.peer_settings, network.participants
    async with (
        subscribed(registry, sides["bpp"].identity, folder / "bap") as bap,
        subscribed(registry, sides["bap"].identity, folder / "bpp") as bpp,
    ):
        yield bap, bpp


def side_of(role: str, network: Network, speakers: tuple[Subscriber, Subscriber]) -> Side:
    """The platform of that role."""
    bap, bpp = speakers
    if role == "bpp":
        return Side(network.bpp.participant, bap, bpp, "select", "on_select", messages.order("no-such-battery"))
    return Side(network.bap.participant, bpp, bap, "on_support", "support", CONTACT)


@pytest.fixture(params=["bpp", "bap"])
def side(request: pytest.FixtureRequest, network: Network, speakers: tuple[Subscriber, Subscriber]) -> Side:
    """Either platform of the network."""
    return side_of(request.param, network, speakers)


async def stored(participant: Participant) -> int:
    """How many messages the platform keeps."""
    count = await participant.database.read(lambda tx: tx.scalar(select(func.count()).select_from(inbox)))
    assert count is not None
    return count


async def chunks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 100_000):
        yield body[start : start + 100_000]


async def sent(side: Side, bad: Bad) -> Reply:
    path = side.action if bad.path is None else bad.path
    headers = side.speaker.headers(bad.body) if bad.headers is None else bad.headers
    body = chunks(bad.body) if bad.chunked else bad.body
    return await send(f"{side.receiver.identity.url}/{path}", body, headers | bad.more_headers, bad.method)


def check_nack(reply: Reply, status: int, rule: str, path: str) -> None:
    """A NACK with code, path, rule and a sentence, and nothing of our insides."""
    assert (reply.status, reply.content["message"]["ack"]["status"]) == (status, "NACK"), reply.body
    assert ack().explain(reply.content) == []
    tags = {one["descriptor"]["code"]: one["value"] for one in reply.content["message"]["ack"]["tags"][0]["list"]}
    error = reply.content["error"]
    assert (tags["rule"], error["paths"], error["code"]) == (rule, path, INVALID_REQUEST)
    assert error["message"].endswith(".")
    assert len(error["message"].split()) > 3
    for inside in (b"Traceback", b".py", b"Error:", b"site-packages"):
        assert inside not in reply.body
    challenge = "Proxy-Authenticate" if path == GATEWAY_HEADER else "WWW-Authenticate"
    assert (challenge in reply.headers) is (status == 401)
    if status == 401:
        assert reply.headers[challenge].endswith('headers="(created) (expires) digest"')


@pytest.mark.parametrize("name", CASES)
async def test_a_bad_message_is_refused_and_not_stored_and_the_next_proper_one_is_acknowledged(
    side: Side, name: str
) -> None:
    case, before = CASES[name], await stored(side.receiver)
    reply = await sent(side, case.made(side))
    speaks, hears = (one.identity.role.value.lower() for one in (side.speaker.participant, side.receiver))
    path = case.path.format(speaks=speaks, hears=hears, action=side.action, other_action=side.other_action)
    check_nack(reply, case.status, case.rule, path)
    assert await stored(side.receiver) == before
    await side.speaker.say(side.action, side.content)
    assert await stored(side.receiver) == before + 1


# -- what the message says ------------------------------------------------------------------------------------

SELECTED = "/message/order/items/0"
AMOUNT = f"{SELECTED}/quantity/selected/measure/value"
ABSENT = object()
# The platform that gets it, the member that is changed, what it becomes, and the rule and path of the NACK.
CONTENTS: dict[str, tuple[str, str, object, str, str]] = {
    "no message": ("bpp", "/message", ABSENT, "V13-core-1.1.1/required", "/message"),
    "no order": ("bpp", "/message/order", ABSENT, "V13-core-1.1.1/required", "/message/order"),
    "an order that is a number": ("bpp", "/message/order", 7, "V13-core-1.1.1/type", "/message/order"),
    "no provider": ("bpp", "/message/order/provider", ABSENT, "V14-storage", "/message/order/provider"),
    "items that are no list": ("bpp", "/message/order/items", {}, "V13-core-1.1.1/type", "/message/order/items"),
    "no battery": ("bpp", f"{SELECTED}/id", ABSENT, "V14-storage", f"{SELECTED}/id"),
    "an amount in words": ("bpp", AMOUNT, "much", "V13-core-1.1.1/pattern", AMOUNT),
    "a negative amount": ("bpp", AMOUNT, "-3", "V14-storage", AMOUNT),
    "no windows": ("bpp", "/message/order/fulfillments", ABSENT, "V14-storage", "/message/order/fulfillments"),
    "no answer": ("bap", "/message", ABSENT, "V14-storage", "/message/support"),
    "an empty answer": ("bap", "/message/support", ABSENT, "V14-storage", "/message/support"),
    "an address that is a number": (
        "bap",
        "/message/support/email",
        7,
        "V13-core-1.1.1/type",
        "/message/support/email",
    ),
}


def put(content: Any, pointer: str, value: object) -> None:
    """Change the member at a JSON pointer, or take it away."""
    *parents, last = pointer.split("/")[1:]
    for name in parents:
        content = content[int(name) if isinstance(content, list) else name]
    if value is ABSENT:
        del content[last]
    else:
        content[last] = value


@pytest.mark.parametrize("name", CONTENTS)
async def test_a_message_that_lacks_something_or_says_nonsense_is_refused_with_the_member_and_not_stored(
    network: Network, speakers: tuple[Subscriber, Subscriber], name: str
) -> None:
    role, pointer, value, rule, path = CONTENTS[name]
    side = side_of(role, network, speakers)
    before = await stored(side.receiver)
    reply = await sent(side, Bad(side.edited(lambda content: put(content, pointer, value))))
    check_nack(reply, 400, rule, path)
    assert await stored(side.receiver) == before


async def test_other_bytes_under_a_known_message_id_are_refused_and_the_same_bytes_are_acknowledged_again(
    network: Network, speakers: tuple[Subscriber, Subscriber]
) -> None:
    side = side_of("bpp", network, speakers)
    before, body = await stored(side.receiver), side.body()
    message_id = json.loads(body)["context"]["message_id"]
    for _ in range(2):
        assert (await sent(side, Bad(body))).status == 200
    reply = await sent(side, Bad(side.body(message_id=message_id)))
    check_nack(reply, 409, "V11-duplicate", "/context/message_id")
    assert await stored(side.receiver) == before + 1
