"""The registry tells of another key, another URL, or nonsense: the message is refused, nothing of it is stored, and the
same sender is let in as soon as the truth is told.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from tests.faults.answers import answering
from tests.faults.once import SETTLED_WITHIN_S
from tests.faults.processes import Processes
from tests.faults.proxy import PassOn, Script
from tests.faults.strangers import FROM, greeting, peer, registry_of, say
from tests.journeys.subscriber import subscribed
from tests.messages import own_keys
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

Lie = Callable[[dict[str, Any]], Any]
_numbers = count()


def telling(lie: Lie) -> Script:
    """Pass a lookup on, and change every item of its answer."""

    async def script(pass_on: PassOn) -> web.Response:
        answer = await pass_on()
        assert answer is not None
        assert isinstance(answer.body, bytes)
        items = [lie(item) for item in orjson.loads(answer.body)]
        return web.Response(body=orjson.dumps(items), content_type="application/json")

    return script


OTHER_KEY = own_keys("somebody.else").signing_public_b64
WEAK_KEY = base64.b64encode(bytes(32)).decode()
LIES: dict[str, tuple[Script, int]] = {
    "another key": (telling(lambda item: item | {"signing_public_key": OTHER_KEY}), 401),
    "a weak key": (telling(lambda item: item | {"signing_public_key": WEAK_KEY}), 401),
    "a key that is none": (telling(lambda item: item | {"signing_public_key": "none"}), 401),
    "another role": (telling(lambda item: item | {"type": "BAP"}), 403),
    "another URL": (
        telling(lambda item: item | dict.fromkeys(("url", "subscriber_url"), "http://127.0.0.1:9/beckn")),
        403,
    ),
    "not subscribed": (telling(lambda item: item | {"status": "EXPIRED"}), 401),
    "items that are none": (telling(lambda _item: 7), 401),
    "nobody": (answering(200, b"[]", Content_Type="application/json"), 401),
    "an object": (answering(200, b'{"message":{}}', Content_Type="application/json"), 503),
    "a page": (answering(200, b"<html>welcome</html>"), 503),
    "a failure": (answering(500), 503),
}


@pytest.mark.parametrize(("script", "status"), LIES.values(), ids=LIES.keys())
async def test_what_the_registry_says_wrongly_lets_nobody_in_and_keeps_nobody_out_for_good(
    processes: Processes, tmp_path: Path, script: Script, status: int
) -> None:
    name = f"liar-{next(_numbers)}.test"
    async with subscribed(registry_of(processes), peer(processes, "bap"), tmp_path, name) as newcomer:
        own_id = newcomer.participant.identity.subscriber_id
        taken = len(processes.rows("bap", FROM, own_id))
        body = greeting(newcomer)
        with processes.proxies["registry"].during("lookup", script):
            assert (await say(newcomer, body)).status == status
        assert len(processes.rows("bap", FROM, own_id)) == taken

        async def let_in() -> bool:
            return (await say(newcomer, body)).status == 200

        await until(let_in, SETTLED_WITHIN_S, "the truth")
        assert len(processes.rows("bap", FROM, own_id)) == taken + 1
