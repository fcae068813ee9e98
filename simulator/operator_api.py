"""A battery operator's gateway as a client of the BPP's operator API: HTTP and JSON, and nothing of the simulation.

Two things can go wrong and mean different things: `BppUnreachable` is worth trying again, `BppRefused` is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from energy.battery import Battery
from energy.intervals import Interval
from energy.metering import Sample
from node.settings import TradeTimeSettings
from node.telemetry.sample_json import read_sample, write_sample
from protocol.moments import parse_timestamp, timestamp_text
from simulator.battery import Schedule, ScheduledPower
from simulator.fleet import battery_of

TIMEOUT_S = 5.0
_TRY_AGAIN = frozenset({408, 425, 429})


class BppUnreachable(Exception):
    """No answer came, or one that says that the BPP can not answer now."""


class BppRefused(Exception):
    """The BPP understood the request and will not do it, or answered what a BPP does not answer."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A battery as the BPP knows it, with the latest sample that it has of it."""

    battery: Battery
    latest: Sample | None


class OperatorApi:
    """The endpoints of ``/api/v1`` that a gateway uses; open with ``async with``. ``transport`` is httpx's, for tests.

    Every method raises `BppUnreachable` or `BppRefused`.
    """

    def __init__(self, bpp_url: str, token: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._http = httpx.AsyncClient(
            base_url=f"{bpp_url.rstrip('/')}/api/v1/",
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_S,
            trust_env=False,
            transport=transport,
        )

    async def __aenter__(self) -> OperatorApi:
        return self

    async def __aexit__(self, *_reason: object) -> None:
        await self._http.aclose()

    async def trade_time(self) -> TradeTimeSettings:
        """How the network's trade time follows from the wall clock."""
        content = await self._call("GET", "trade-time")
        with _Expected("a trade time"):
            return TradeTimeSettings(
                epoch=parse_timestamp(content["epoch"]),
                started=parse_timestamp(content["started"]),
                speed=int(content["speed"]),
            )

    async def battery(self, battery_id: str) -> Registered | None:
        """A battery of the fleet; None when it is not there."""
        content = await self._call("GET", f"batteries/{quote(battery_id, safe='')}", may_be_absent=True)
        if content is None:
            return None
        with _Expected("a battery"):
            latest = content["latest"]
            return Registered(battery_of(content), None if latest is None else read_sample(latest))

    async def register(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Put batteries into the fleet."""
        await self._call("POST", "batteries", json=list(documents))

    async def dispatch(self, start: datetime, until: datetime) -> dict[str, Schedule]:
        """What every battery is ordered to do from ``start`` to ``until``, by battery id."""
        window = {"from": timestamp_text(start), "until": timestamp_text(until)}
        content = await self._call("GET", "dispatch", params=window)
        with _Expected("schedules"):
            return {item["battery_id"]: _schedule(item) for item in content["schedules"]}

    async def send(self, samples: Sequence[Sample]) -> list[str]:
        """Hand over samples; why the BPP did not want some of them, a sentence for each of these."""
        content = await self._call("POST", "telemetry", json={"samples": [write_sample(sample) for sample in samples]})
        with _Expected("a receipt"):
            return [str(rejection["detail"]) for rejection in content["rejected"]]

    async def _call(self, method: str, path: str, *, may_be_absent: bool = False, **request: Any) -> Any:
        """The JSON of the answer; None where what is asked for may be absent and is."""
        try:
            response = await self._http.request(method, path, **request)
        except httpx.TransportError as error:
            raise BppUnreachable(f"{method} {path}: {type(error).__name__}: {error}") from None
        if response.is_server_error or response.status_code in _TRY_AGAIN:
            raise BppUnreachable(f"{method} {path}: status {response.status_code}")
        if may_be_absent and response.status_code == httpx.codes.NOT_FOUND:
            return None
        if not response.is_success:
            raise BppRefused(f"{method} {path}: status {response.status_code}: {response.text[:500]}")
        with _Expected("JSON"):
            return response.json()


def _schedule(content: Mapping[str, Any]) -> Schedule:
    return Schedule(
        valid_until=parse_timestamp(content["valid_until"]),
        powers=tuple(
            ScheduledPower(
                Interval(parse_timestamp(item["start"]), parse_timestamp(item["end"])),
                item["charge_w"],
                item["discharge_w"],
            )
            for item in content["intervals"]
        ),
    )


class _Expected:
    """Turns the errors of reading an answer that has another shape into `BppRefused`."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, (KeyError, TypeError, ValueError, AttributeError)):
            raise BppRefused(f"the BPP's answer is not {self._what}: {type(error).__name__}: {error}") from None
