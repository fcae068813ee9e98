"""Joining the network: subscribe at the registry, answer its challenge, and know when we are SUBSCRIBED.

On every start the participant sends its subscription, signed with the key it carries; the registry answers
UNDER_SUBSCRIPTION, sends an encrypted challenge to our ``/on_subscribe`` and lists us when the answer is right. Only a
challenge that our pinned registry signed is decrypted. Source: Beckn registry 1.1.1, /subscribe and /on_subscribe.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from node.answers import nack
from node.client import PeerClient
from node.clocks import Clocks
from node.ids import new_uuid
from node.keyring import Keyring
from node.problems import json_response
from node.settings import NodeSettings, RegistrySettings
from protocol import authentication, challenge, signing
from protocol.actions import Role
from protocol.errors import BecknError, Diagnosis, Malformed, NotAuthenticated, NotAuthorised, PeerFailed
from protocol.jsontext import parse_object
from protocol.keys import KeyId, KeyRecord, encryption_public_key, signing_public_key
from protocol.policy import SUBSCRIBED, Identity

logger = logging.getLogger(__name__)

POLL_S = 0.1
RETRY_S = 2.0
POLLS = 100


class Subscription:
    """One participant's standing at its registry; ``subscribed`` is set once it is SUBSCRIBED with its present key."""

    def __init__(
        self,
        settings: NodeSettings,
        registry: RegistrySettings,
        identity: Identity,
        keyring: Keyring,
        client: PeerClient,
        clocks: Clocks,
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._identity = identity
        self._keyring = keyring
        self._client = client
        self._clocks = clocks
        self._registry_key = encryption_public_key(registry.encr_public_key)
        self._registry_record = KeyRecord(
            subscriber_id=registry.subscriber_id,
            key_id="pinned",
            signing_public_key=signing_public_key(registry.signing_public_key),
            role=Role.BREG,
            url=registry.url,
            status=SUBSCRIBED,
        )
        self.subscribed = asyncio.Event()

    async def run(self) -> None:
        """Subscribe, and try again until it is done."""
        while not self.subscribed.is_set():
            try:
                await self._subscribe()
                await self._wait_until_listed()
            except PeerFailed as error:
                logger.warning("not subscribed yet: %s", error.sentence)
                await asyncio.sleep(RETRY_S)

    async def on_subscribe(self, request: web.Request) -> web.Response:
        """Answer the registry's challenge."""
        try:
            body = await request.read()
            self._check_registry(request, body)
            content = parse_object(body, max_depth=4)
            self._check_addressee(content)
            text = content.get("challenge")
            if not isinstance(text, str):
                raise Malformed(
                    "/challenge must be a text.", Diagnosis("challenge", "/challenge", "base64", type(text).__name__)
                )
            answer = challenge.answer(text, self._keyring.own.encryption, self._registry_key)
        except BecknError as error:
            return nack(error, self._identity.subscriber_id)
        return json_response({"answer": answer})

    def _check_registry(self, request: web.Request, body: bytes) -> None:
        header = signing.parse_header(request.headers.get(signing.AUTHORIZATION, ""))
        if header.key_id.subscriber_id != self._registry.subscriber_id:
            raise NotAuthenticated(
                "Only our registry may send a challenge.",
                Diagnosis("V5-key", signing.AUTHORIZATION, self._registry.subscriber_id, header.key_id.subscriber_id),
            )
        authentication.authenticate(
            header, signing.digest(body), [self._registry_record], self._settings.policy, self._clocks.wire()
        )

    def _check_addressee(self, content: Mapping[str, Any]) -> None:
        # Whoever subscribes another id at our URL, with our public encryption key, must get no answer from us. Some
        # registries name neither the subscriber nor the key (INTEROP 6).
        own = self._keyring.own
        for member, ours in (("subscriber_id", own.subscriber_id), ("pub_key_id", own.key_id)):
            named = content.get(member, ours)
            if named != ours:
                raise NotAuthorised(
                    f"/{member} must be {ours}: this challenge is for another subscription.",
                    Diagnosis("challenge", f"/{member}", ours, str(named)),
                )

    async def _subscribe(self) -> None:
        body = orjson.dumps(self._subscription())
        headers = {signing.AUTHORIZATION: self._keyring.authorization(body)}
        answer = await self._client.post(f"{self._registry.url.rstrip('/')}/subscribe", body, headers)
        if answer.nack is not None:
            raise PeerFailed(f"the registry refused our subscription: {answer.nack}")

    def _subscription(self) -> dict[str, Any]:
        own = self._keyring.own
        return {
            "subscriber_id": own.subscriber_id,
            "url": self._settings.public_url,
            "type": self._identity.role.value,
            "domain": self._settings.domains[0],
            "location": {
                "city": {"code": self._settings.city_code},
                "country": {"code": self._settings.country_code},
            },
            "key_id": own.key_id,
            "signing_public_key": own.signing_public_b64,
            "encr_public_key": own.encryption_public_b64,
            "nonce": new_uuid(),
        }

    async def _wait_until_listed(self) -> None:
        own = self._keyring.own
        query = {"subscriber_id": own.subscriber_id, "key_id": own.key_id}
        for _ in range(POLLS):
            records = await self._keyring.subscribers(query)
            if any(record.status == SUBSCRIBED for record in records):
                self.subscribed.set()
                logger.info("subscribed", extra={"subscriber_id": own.subscriber_id, "key_id": own.key_id})
                return
            await asyncio.sleep(POLL_S)
        raise PeerFailed(f"the registry did not list {KeyId(own.subscriber_id, own.key_id).text} in time")
