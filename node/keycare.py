"""The care that a running participant takes of its own keys, without downtime.

At a bounded interval (``keys.check_every_s``), or when it is woken, it does what is due:

1. takes up what ``beckn-battery keys`` has changed in the key file;
2. makes a new key when the current one nears its end at the registry (``keys.renew_before_days``);
3. publishes a pending key, and signs with it once the registry lists it and it is valid on every clock of the network;
4. tells the registry of a key whose overlap (``keys.overlap_s``) is over, and forgets its private halves.

Each step is written into the key file before the next, and every step can be done again: a participant that is killed
anywhere goes on where it was. While the registry is down, everything stays as it is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

from node.clocks import Now
from node.keybook import KeyBook
from node.keyfile import KeyFile, make_keys
from node.keyring import Keyring
from node.settings import NodeSettings
from node.subscription import Subscription
from protocol.errors import PeerFailed, SettingsWrong

logger = logging.getLogger(__name__)


class KeyCare:
    """``book`` is what the file held when the participant was made."""

    def __init__(
        self,
        file: KeyFile,
        book: KeyBook,
        keyring: Keyring,
        subscription: Subscription,
        settings: NodeSettings,
        now: Now,
    ) -> None:
        self._file = file
        self._book = book
        self._keyring = keyring
        self._subscription = subscription
        self._settings = settings
        self._now = now
        self._wake = asyncio.Event()
        keyring.adopt(book)

    def wake(self) -> None:
        """Look at once."""
        self._wake.set()

    async def run(self) -> None:
        """Join the network, then take care until cancelled."""
        await self._subscription.run()
        while True:
            self._wake.clear()
            try:
                await self.step()
            except (PeerFailed, SettingsWrong, OSError) as error:
                logger.warning("the keys stay as they are for now: %s", error)
            try:
                await asyncio.wait_for(self._wake.wait(), self._settings.keys.check_every_s)
            except TimeoutError:
                continue

    async def step(self) -> None:
        """Whatever is due.

        Raises:
            PeerFailed: the registry refuses or does not answer. SettingsWrong, OSError: the key file can not be used.
        """
        if self._file.changed:
            self._take_up(await asyncio.to_thread(self._file.read))
        await self._renew()
        await self._publish()
        await self._retire()

    async def _renew(self) -> None:
        record, book = self._subscription.record, self._book
        if record is None or record.key_id != book.current.key_id or record.valid_until is None or book.pending:
            return
        now = self._now()
        if record.valid_until - now > timedelta(days=self._settings.keys.renew_before_days):
            return
        fresh = make_keys(book.subscriber_id)
        await self._change(lambda book: book if book.pending else book.rotated(fresh, now))
        logger.info("the key nears its end: a new one is made", extra={"key_id": book.current.key_id})

    async def _publish(self) -> None:
        pending = self._book.pending
        if pending is None:
            return
        record = await self._subscription.listed(pending) or await self._subscription.publish(pending)
        now = self._now()
        # A peer whose clock is behind the registry's would find the key not valid yet.
        if record.valid_from is not None and now < record.valid_from + self._skew():
            return
        overlap = timedelta(seconds=self._settings.keys.overlap_s)
        await self._change(lambda book: book.adopted(now, overlap))
        self._subscription.record = record
        logger.info("signing with a new key", extra={"key_id": pending.key_id})

    async def _retire(self) -> None:
        for keys in self._book.ended(self._now()):
            now = self._now()
            if await self._subscription.listed(keys) is not None:
                await self._subscription.end(keys, now)
            await self._change(lambda book, key_id=keys.key_id, now=now: book.retired(key_id, now))  # type: ignore[misc]
            logger.info("a key is retired", extra={"key_id": keys.key_id})

    def _skew(self) -> timedelta:
        return timedelta(seconds=self._settings.policy.clock_skew_s)

    async def _change(self, fn: Callable[[KeyBook], KeyBook]) -> None:
        self._take_up(await asyncio.to_thread(self._file.change, fn))

    def _take_up(self, book: KeyBook) -> None:
        self._book = book
        self._keyring.adopt(book)
