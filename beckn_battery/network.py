"""A whole network in one process: registry, gateway, battery operator, producer, and the simulated equipment.

Each server has its own port, data folder and database, and they meet on the wire only; one process is a matter of
convenience. ``up`` runs it for as long as you like, ``demo`` for one story.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from decimal import Decimal

import httpx

from bap.app import Bap
from bap.client import ApiError, AsyncBapClient
from bap.settings import BapSettings
from beckn_battery.configuration import LocalNetwork, write_settings
from beckn_battery.running import Server
from bpp.app import Bpp
from bpp.settings import BppSettings
from energy.offers import Place
from node.clocks import wall_clock
from node.participant import Participant
from node.settings import NodeSettings, load
from protocol.errors import SettingsWrong
from protocol.moments import parse_timestamp
from registry.app import Registry
from registry.gateway import Gateway
from registry.settings import RegistryServerSettings
from simulator.broker import LocalBroker
from simulator.links import Link, ModbusLink, MqttLink, Transport, of_transport
from simulator.operator import Operator
from simulator.producer import LEAD, Producer, TradeFailed
from simulator.weather import SolarPlant, Weather

READY_WITHIN_S = 30
PRODUCER_RETRY_S = 5.0
MESSAGES_TAKE = timedelta(seconds=5)
PRODUCER_LOOKS_AGAIN = timedelta(hours=6)
PEAK_POWER_W, OWN_LOAD_W = 100_000, 5_000
ROOFTOP = Place(Decimal("12.969800"), Decimal("77.750000"))

logger = logging.getLogger(__name__)


class SimulatedFleet:
    """The simulated operator as a server: `start` returns when its batteries are on offer."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Run the fleet; a refusal by the BPP is raised here."""
        self._task = asyncio.create_task(self._operator.run(self._stop))
        began = asyncio.create_task(self._operator.began.wait())
        await asyncio.wait({self._task, began}, timeout=READY_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
        began.cancel()
        if self._task.done():
            self._task.result()

    async def stop(self) -> None:
        """Let the fleet hand over its last samples, then end."""
        self._stop.set()
        if self._task is not None:
            await self._task


class SimulatedProducer:
    """A rooftop that stores its surplus, one contract after the other, over the producer platform's public API."""

    def __init__(self, local: LocalNetwork, token: str) -> None:
        self._client = AsyncBapClient(f"http://{local.host}:{local.bap_port}", token)
        # The messages of a contract take wall time, and a fast trade clock goes on meanwhile.
        lead = max(LEAD, MESSAGES_TAKE * local.speed)
        plant, weather = SolarPlant(PEAK_POWER_W, OWN_LOAD_W), Weather(local.seed, ROOFTOP)
        self._producer = Producer(self._client, plant, weather, lead=lead)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to trade."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Trade no more; what is agreed goes on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._client.close()

    async def _run(self) -> None:
        while True:
            try:
                await asyncio.sleep(await self._trade_once())
            except (TradeFailed, ApiError, httpx.HTTPError) as error:
                logger.warning("the simulated producer could not trade: %s", error)
                await asyncio.sleep(PRODUCER_RETRY_S)

    async def _trade_once(self) -> float:
        """One contract, unless one is running; wall seconds until it is over."""
        clock = await self._client.trade_time()
        now = parse_timestamp(clock["trade_time"])
        running = [one["giveback"]["end"] for one in await self._client.contracts() if one["status"] == "ACTIVE"]
        if running:
            over = max(map(parse_timestamp, running))
        else:
            use = self._producer.wish(now)
            over = now + PRODUCER_LOOKS_AGAIN
            if use is not None:
                over = (await self._producer.store(use)).use.giveback.end
        return max((over - now).total_seconds() / clock["speed"], PRODUCER_RETRY_S)


def _links(local: LocalNetwork) -> list[Link]:
    """The ways out of the simulated sites, beside HTTPS."""
    links: list[Link] = []
    if local.mqtt_port and local.modbus_port:
        links.append(MqttLink(local.host, local.mqtt_port, of_transport(local.transports, Transport.MQTT)))
        if local.modbus_units:
            links.append(ModbusLink(local.modbus_port, local.modbus_units))
    return links


class Network:
    """The four servers and the simulator; `start` returns when the network can trade.

    ``trading``: a simulated producer makes contracts of its own accord.
    """

    def __init__(self, local: LocalNetwork, *, trading: bool = False) -> None:
        write_settings(local, wall_clock())
        self.local = local
        self.registry = Registry(load(local.file("registry"), RegistryServerSettings))
        self.gateway = Gateway(load(local.file("gateway"), NodeSettings))
        self.bpp = Bpp(load(local.file("bpp"), BppSettings))
        self.bap = Bap(load(local.file("bap"), BapSettings))
        bpp_url = f"http://{local.host}:{local.bpp_port}"
        links = _links(local)
        operator = Operator(bpp_url, self.bpp.participant.token, seed=local.seed, count=local.batteries, links=links)
        self.fleet = SimulatedFleet(operator)
        self._trading = trading
        self._running: list[Server] = []

    @property
    def participants(self) -> dict[str, Participant]:
        """The signing participants by role."""
        return {
            "gateway": self.gateway.participant,
            "bpp": self.bpp.participant,
            "bap": self.bap.participant,
        }

    async def start(self) -> None:
        """Start everything and wait until all are subscribed and the fleet is on offer.

        Raises:
            SettingsWrong: a port is taken, or the network did not come up in time.
        """
        try:
            servers: list[Server] = [self.registry, self.gateway, self.bpp, self.bap]
            if self.local.mqtt_port:
                servers.insert(0, LocalBroker(self.local.mqtt_port))
            for server in servers:
                await server.start()
                self._running.append(server)
            joined = [one.subscription.subscribed.wait() for one in self.participants.values()]
            await asyncio.wait_for(asyncio.gather(*joined), READY_WITHIN_S)
            await self.fleet.start()
            self._running.append(self.fleet)
            if self._trading:
                producer = SimulatedProducer(self.local, self.bap.participant.token)
                await producer.start()
                self._running.append(producer)
        except TimeoutError:
            await self.stop()
            raise SettingsWrong(f"the participants were not subscribed within {READY_WITHIN_S} s") from None
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop everything, in the opposite order."""
        while self._running:
            await self._running.pop().stop()
