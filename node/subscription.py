"""Joining the network: subscribe at the registry, answer its challenge, and know when we are SUBSCRIBED.

On every start the participant sends its subscription, signed with the key it carries; the registry answers
UNDER_SUBSCRIPTION, sends an encrypted challenge to our ``/on_subscribe`` and lists us when the answer is right. Only a
challenge that our pinned registry signed is decrypted, unless the settings say that it signs none. Further keys are
published, and ended, in the same form: the application carries the key, and the present key signs it. Source: Beckn
registry 1.1.1, /subscribe and /on_subscribe.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from aiohttp import web

from node.answers import nack
from node.client import PeerClient
from node.clocks import Clocks
from node.ids import new_uuid
from node.keyring import Keyring
from node.lookups import lookup_query, of_key
from node.problems import json_response
from node.settings import NodeSettings, RegistrySettings
from protocol import authentication, challenge, signing
from protocol.actions import Role
from protocol.errors import BecknError, Diagnosis, Malformed, NotAuthenticated, NotAuthorised, PeerFailed
from protocol.jsontext import parse_object
from protocol.keys import KeyRecord, OwnKeys, encryption_public_key, signing_public_key
from protocol.moments import timestamp_text
from protocol.policy import SUBSCRIBED, Identity

logger = logging.getLogger(__name__)

POLL_S = 0.1
RETRY_S = 2.0
POLLS = 100


class Subscription:
    """One participant's standing at its registry; ``subscribed`` is set once it is SUBSCRIBED with its present key.

    ``record`` is then that key as the registry lists it.
    """

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
        self._published: OwnKeys | None = None
        self.subscribed = asyncio.Event()
        self.record: KeyRecord | None = None

    async def run(self) -> None:
        """Subscribe, and try again until it is done."""
        while not self.subscribed.is_set():
            try:
                self.record = await self.publish(self._keyring.own)
                self.subscribed.set()
            except PeerFailed as error:
                logger.warning("not subscribed yet: %s", error.sentence)
                await asyncio.sleep(RETRY_S)

    async def publish(self, keys: OwnKeys) -> KeyRecord:
        """Subscribe with ``keys``, signed by our present key; the record, once the registry lists it.

        Raises:
            PeerFailed: the registry refuses, does not answer, or does not list it in time.
        """
        self._published = keys
        await self._post(self._application(keys))
        for _ in range(POLLS):
            record = await self.listed(keys)
            if record is not None:
                logger.info("subscribed", extra={"subscriber_id": keys.subscriber_id, "key_id": keys.key_id})
                return record
            await asyncio.sleep(POLL_S)
        raise PeerFailed(f"the registry did not list {keys.id.text} in time")

    async def end(self, keys: OwnKeys, at: datetime) -> None:
        """Tell the registry that ``keys`` end ``at`` that wire time, signed by our present key. Raises `PeerFailed`."""
        await self._post(self._application(keys) | {"valid_until": timestamp_text(at)})

    async def listed(self, keys: OwnKeys) -> KeyRecord | None:
        """The key as the registry lists it, or None. Raises `PeerFailed`."""
        records = of_key(await self._keyring.subscribers(lookup_query(keys.id)), keys.id)
        return next((record for record in records if record.status == SUBSCRIBED), None)

    async def on_subscribe(self, request: web.Request) -> web.Response:
        """Answer the registry's challenge."""
        try:
            body = await request.read()
            self._check_registry(request, body)
            content = parse_object(body, max_depth=4)
            keys = self._addressed(content)
            text = content.get("challenge")
            if not isinstance(text, str):
                raise Malformed(
                    "/challenge must be a text.", Diagnosis("challenge", "/challenge", "base64", type(text).__name__)
                )
            answer = challenge.answer(text, keys.encryption, self._registry_key)
        except BecknError as error:
            return nack(error, self._identity.subscriber_id).response
        return json_response({"answer": answer})

    def _check_registry(self, request: web.Request, body: bytes) -> None:
        if not self._registry.signs_challenges and signing.AUTHORIZATION not in request.headers:
            return
        header = signing.parse_header(request.headers.get(signing.AUTHORIZATION, ""))
        if header.key_id.subscriber_id != self._registry.subscriber_id:
            raise NotAuthenticated(
                "Only our registry may send a challenge.",
                Diagnosis("V5-key", signing.AUTHORIZATION, self._registry.subscriber_id, header.key_id.subscriber_id),
            )
        authentication.authenticate(
            header, signing.digest(body), [self._registry_record], self._settings.policy, self._clocks.wire()
        )

    def _addressed(self, content: Mapping[str, Any]) -> OwnKeys:
        # Whoever subscribes another id at our URL, with our public encryption key, must get no answer from us. Some
        # registries name neither the subscriber nor the key (INTEROP 6): then it is the key that we published last.
        keys = self._published or self._keyring.own
        named_key = content.get("pub_key_id", keys.key_id)
        keys = next((key for key in self._keyring.held if key.key_id == named_key), keys)
        for member, ours in (("subscriber_id", keys.subscriber_id), ("pub_key_id", keys.key_id)):
            named = content.get(member, ours)
            if named != ours:
                raise NotAuthorised(
                    f"/{member} must be {ours}: this challenge is for another subscription.",
                    Diagnosis("challenge", f"/{member}", ours, str(named)),
                )
        return keys

    async def _post(self, application: Mapping[str, Any]) -> None:
        body = orjson.dumps(application)
        headers = {signing.AUTHORIZATION: self._keyring.authorization(body)}
        answer = await self._client.post(f"{self._registry.url.rstrip('/')}/subscribe", body, headers)
        if answer.nack is not None:
            raise PeerFailed(f"the registry refused our subscription: {answer.nack}")

    def _application(self, keys: OwnKeys) -> dict[str, Any]:
        return {
            "subscriber_id": keys.subscriber_id,
            "url": self._settings.public_url,
            "type": self._identity.role.value,
            "domain": self._settings.domains[0],
            "location": {
                "city": {"code": self._settings.city_code},
                "country": {"code": self._settings.country_code},
            },
            "key_id": keys.key_id,
            "signing_public_key": keys.signing_public_b64,
            "encr_public_key": keys.encryption_public_b64,
            "nonce": new_uuid(),
        }
