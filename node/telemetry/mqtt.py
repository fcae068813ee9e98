"""MQTT in: one connection to a broker, whose session it keeps, and samples handed over before they are acknowledged.

- The session is persistent (``clean_session`` off, a client id of its own) and subscribed with QoS 1: what was
  published with QoS 1 while we were away waits at the broker.
- A message is acknowledged only after the intake has its samples on disk. Whoever is killed in between gets it again,
  and taking a sample twice changes nothing.
- A message that can not be read is acknowledged too, or it would come for ever; its source says what is wrong with it.
- A broker that can not be reached is told once and tried again with a growing pause.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Sequence

import aiomqtt

from energy.metering import Sample
from node.clocks import Clocks
from node.keyfile import read_secret
from node.telemetry.intake import Intake, Standing
from node.telemetry.mqtt_layouts import KEEPALIVE_S, Keepalive, MessageUnusable, MqttLayout
from node.telemetry.settings import MqttSettings
from protocol.retry import RetrySchedule

logger = logging.getLogger(__name__)

RETRY = RetrySchedule(first_delay_s=0.5, max_delay_s=30.0)
BATCH_MESSAGES = 500
LOOK_EVERY_S = 0.5
CONNECT_WITHIN_S = 10.0
_QOS = 1


class AcknowledgingClient(aiomqtt.Client):
    """aiomqtt's client with acknowledgements by hand, which paho has and aiomqtt does not offer."""

    def keep_acknowledgements(self) -> None:
        """From now on messages are acknowledged with `acknowledge` only."""
        self._client.manual_ack_set(True)

    def acknowledge(self, messages: Sequence[aiomqtt.Message]) -> None:
        """Tell the broker that it need not keep these any more."""
        for message in messages:
            if message.qos:
                self._client.ack(message.mid, message.qos)


class MqttSource:
    """Reads one broker between `start` and `stop`.

    Raises:
        SettingsWrong: a password or certificate file can not be read.
    """

    def __init__(self, settings: MqttSettings, intake: Intake, clocks: Clocks, retry: RetrySchedule = RETRY) -> None:
        self._settings = settings
        self._intake = intake
        self._clocks = clocks
        self._retry = retry
        self._layout = MqttLayout(settings)
        self._password = None if settings.password_file is None else read_secret(settings.password_file).strip()
        self._task: asyncio.Task[None] | None = None
        self.standing = Standing(settings.name, "mqtt", f"{settings.host}:{settings.port}")

    async def start(self) -> None:
        """Begin to connect."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Disconnect; what is not acknowledged stays at the broker."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                await self._read_while_connected()
            except aiomqtt.MqttError as error:
                failures = 1 if self.standing.is_connected else failures + 1
                self._note_loss(f"The broker can not be reached: {error}.")
            except Exception as error:
                # Nothing was acknowledged, so the broker hands the same messages over again.
                failures = 1 if self.standing.is_connected else failures + 1
                logger.exception("messages of the broker %s could not be taken", self._settings.name)
                self._note_loss(f"What it sent could not be stored: {type(error).__name__}.")
            await asyncio.sleep(self._retry.delay_s(failures, random.random()))

    def _note_loss(self, sentence: str) -> None:
        if self.standing.is_connected or self.standing.since is None:
            logger.warning("mqtt source %s: %s", self._settings.name, sentence)
        self.standing.lost(sentence, self._clocks.wire())

    async def _read_while_connected(self) -> None:
        async with self._client() as client:
            for topic in self._layout.subscriptions:
                await client.subscribe(topic, qos=_QOS)
            self.standing.connected(self._clocks.wire())
            logger.info("mqtt source %s is connected", self._settings.name)
            beside = [asyncio.create_task(self._tell_what_is_due())]
            if self._layout.keepalive is not None:
                beside.append(asyncio.create_task(_keep_alive(client, self._layout.keepalive)))
            try:
                await self._read(client)
            finally:
                for task in beside:
                    task.cancel()
                await asyncio.gather(*beside, return_exceptions=True)

    def _client(self) -> AcknowledgingClient:
        settings = self._settings
        context = ssl.create_default_context(cafile=settings.ca_file) if settings.tls else None
        client = AcknowledgingClient(
            settings.host,
            settings.port,
            username=settings.username,
            password=self._password,
            identifier=settings.client_id or f"beckn-battery-{settings.name}",
            clean_session=False,
            timeout=CONNECT_WITHIN_S,
            tls_context=context,
        )
        # Before it connects: what waited for us at the broker comes with the connection.
        client.keep_acknowledgements()
        return client

    async def _read(self, client: AcknowledgingClient) -> None:
        """Take messages in pieces: all that are here, up to `BATCH_MESSAGES`."""
        batch: list[aiomqtt.Message] = []
        async for message in client.messages:
            batch.append(message)
            if len(batch) < BATCH_MESSAGES and len(client.messages):
                continue
            await self._hand_over([sample for one in batch for sample in self._samples_of(one)])
            client.acknowledge(batch)
            batch = []

    def _samples_of(self, message: aiomqtt.Message) -> list[Sample]:
        topic, now = message.topic.value, self._clocks.wire()
        try:
            samples = self._layout.read(topic, bytes(message.payload), now)
        except MessageUnusable as error:
            self.standing.wrong(topic, f"{error}", now)
            return []
        self.standing.right(topic)
        return samples

    async def _tell_what_is_due(self) -> None:
        """Hand over what was put together from single values. These can not wait for the broker's next message."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self._hand_over(self._layout.due(self._clocks.wire(), self._clocks.trade_at))
            except Exception:
                # The values are still at the device, which repeats them.
                logger.exception("values of the broker %s could not be stored", self._settings.name)

    async def _hand_over(self, samples: Sequence[Sample]) -> None:
        if not samples:
            return
        receipt = await self._intake.take(samples)
        now = self._clocks.wire()
        self.standing.delivered(now)
        rejected = {samples[one.index].battery_id: one.sentence for one in receipt.rejected}
        for sample in samples:
            if sample.battery_id in rejected:
                self.standing.wrong(sample.battery_id, rejected[sample.battery_id], now)
            else:
                self.standing.right(sample.battery_id)


async def _keep_alive(client: aiomqtt.Client, keepalive: Keepalive) -> None:
    await client.publish(keepalive.topic, keepalive.first)
    while True:
        await asyncio.sleep(KEEPALIVE_S)
        await client.publish(keepalive.topic, keepalive.again)
