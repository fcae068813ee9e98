"""The registry's challenges: proof that a subscriber holds its encryption key and answers at its URL.

Each application in the database waits for one right answer. The challenger sends ``POST {url}/on_subscribe`` with a
random text, encrypted for the application's key and signed by the registry. A text counts once and for ``lifetime_s``;
a wrong or missing answer voids it, and after a growing delay the next attempt has a text of its own. When the attempts
are spent, the application waits until the subscriber subscribes again. A newcomer whose TLS certificate does not hold
is INVALID_SSL until it answers.

What waits is on disk, so a restart goes on with it. Source: Beckn registry 1.1.1, /on_subscribe; INTEROP 6.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import random
from collections.abc import Callable
from datetime import timedelta

import orjson

from node.client import PeerClient
from node.clocks import Now
from node.database import Database
from node.ids import new_token
from node.landing import land
from protocol import challenge, signing
from protocol.errors import CertificateInvalid, PeerFailed
from protocol.keys import OwnKeys, encryption_public_key
from registry import store
from registry.settings import ChallengeSettings
from registry.store import Challenge

logger = logging.getLogger(__name__)

IDLE_S = 1.0


class Challenger:
    """``sign`` gives the registry's signature header over a body."""

    def __init__(
        self,
        database: Database,
        client: PeerClient,
        own: OwnKeys,
        sign: Callable[[bytes], str],
        now: Now,
        settings: ChallengeSettings,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._client = client
        self._own = own
        self._sign = sign
        self._now = now
        self._settings = settings
        self._jitter = jitter
        self._wake = database.channel(store.CHANNEL)
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Begin, with what an earlier process left."""
        attempts = self._settings.max_attempts
        await self._database.write(lambda tx: store.take_up_challenges(tx, self._now(), attempts))
        self._loop = asyncio.create_task(self._run())

    async def stop(self, within_s: float) -> None:
        """Send nothing more and let the answers in hand arrive; the next start asks the others again."""
        self._stopping = True
        self._wake.set()
        if self._loop is not None:
            await asyncio.gather(self._loop, return_exceptions=True)
        await land(self._tasks, within_s)

    async def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                begun = await self._begin_due()
            except Exception:
                logger.exception("reading the due challenges failed")
                begun = 0
            if begun:
                continue
            try:
                await asyncio.wait_for(self._wake.wait(), IDLE_S)
            except TimeoutError:
                continue

    async def _begin_due(self) -> int:
        texts = [new_token() for _ in range(self._settings.at_once - len(self._tasks))]
        if not texts:
            return 0
        lifetime_s, attempts = self._settings.lifetime_s, self._settings.max_attempts
        due = await self._database.write(lambda tx: store.next_challenges(tx, self._now(), texts, lifetime_s, attempts))
        for item in due:
            task = asyncio.create_task(self._challenge(item))
            self._tasks.add(task)
            task.add_done_callback(self._finished)
        return len(due)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._wake.set()

    async def _challenge(self, item: Challenge) -> None:
        facts = {"subscriber_id": item.application.subscriber_id, "key_id": item.application.key_id}
        try:
            failure = await self._failure(item)
            if failure is None and await self._database.write(lambda tx: store.answered(tx, item, self._now())):
                logger.info("subscribed", extra=facts)
                return
            delay_s = self._settings.schedule.delay_s(item.attempt, self._jitter())
            due_at = self._now() + timedelta(seconds=delay_s)
            insecure = isinstance(failure, CertificateInvalid)
            await self._database.write(lambda tx: store.give_up(tx, item, self._now(), due_at, insecure=insecure))
            asyncio.get_running_loop().call_later(delay_s, self._wake.set)
        except Exception:
            # The database failed: the application is due again when the challenge's lifetime has passed.
            logger.exception("a challenge failed", extra=facts)
            return
        spent = "; it has to subscribe again" if self._settings.schedule.is_spent(item.attempt) else ""
        reason = failure.sentence if failure is not None else "the challenge does not count any more"
        logger.warning("challenge %d not answered: %s%s", item.attempt, reason, spent, extra=facts)

    async def _failure(self, item: Challenge) -> PeerFailed | None:
        """Send the challenge; None when its answer was right, else what was wrong."""
        application = item.application
        peer = encryption_public_key(application.encryption_public_key)
        body = orjson.dumps(
            {
                "subscriber_id": application.subscriber_id,
                "pub_key_id": application.key_id,
                "challenge": challenge.encrypt(item.text, self._own.encryption, peer),
            }
        )
        try:
            url = f"{application.url}/on_subscribe"
            answer = await self._client.post(url, body, {signing.AUTHORIZATION: self._sign(body)})
        except PeerFailed as error:
            return error
        if answer.nack is not None:
            return PeerFailed(answer.nack)
        content = answer.json()
        given = content.get("answer") if isinstance(content, dict) else None
        if isinstance(given, str) and hmac.compare_digest(given.encode(), item.text.encode()):
            return None
        return PeerFailed("the answer is wrong")
