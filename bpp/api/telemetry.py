"""The operator's API for meters: ``POST /api/v1/telemetry``. A sample that came before is counted and does nothing.

A sample is what a gateway read at one moment: AC registers in Wh, power in W (positive while charging), state of charge
in percent. Facts are taken as they are, also outside of a battery's limits. What is no sample is told by its index, and
the others are stored all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from aiohttp import web

from bpp.desk import Desk
from bpp.store import fleet, samples
from energy.metering import Sample
from energy.offers import Quality
from node.database import Database
from node.problems import Problem, json_object, json_response
from protocol.moments import parse_timestamp

_CHUNK = 1_000
_REGISTER_WH_MAX = 10**15
_POWER_W_MAX = 10**12
_SEQUENCE_MAX = 2**62
_PERCENT_MAX = 1_000
_PERCENT_DIGITS = 4
_SOURCE = "push"
_SOURCE_LENGTH_MAX = 64
_MEMBERS = frozenset(
    {
        "battery_id",
        "measured_at",
        "soc_percent",
        "power_w",
        "energy_in_wh",
        "energy_out_wh",
        "sequence",
        "source",
        "quality",
    }
)


class TelemetryApi:
    """Takes samples in."""

    def __init__(self, desk: Desk, database: Database) -> None:
        self._desk = desk
        self._database = database

    def add_routes(self, app: web.Application, prefix: str) -> None:
        """Register the routes."""
        app.router.add_post(f"{prefix}/telemetry", self._take)

    async def _take(self, request: web.Request) -> web.Response:
        items = (await json_object(request)).get("samples")
        if not isinstance(items, list):
            raise Problem(422, "Invalid telemetry", "Send the samples as a list in the member samples.")
        most = self._desk.settings.telemetry.samples_per_request
        if len(items) > most:
            raise Problem(413, "Too many samples", f"Send at most {most} samples at once, not {len(items)}.")
        known_ids = await self._desk.database.read(fleet.known_ids)
        taken, rejected = _sorted_out(items, known_ids, self._latest_time())
        accepted = 0
        for start in range(0, len(taken), _CHUNK):
            accepted += await self._store(taken[start : start + _CHUNK])
        answer = {"accepted": accepted, "duplicates": len(taken) - accepted, "rejected": rejected}
        return json_response(answer)

    async def _store(self, taken: Sequence[Sample]) -> int:
        return await self._database.write(lambda tx: samples.add(tx, taken))

    def _latest_time(self) -> datetime:
        """A sample of a later trade time is refused: it would be the newest one until that time comes."""
        clocks = self._desk.participant.clocks
        return clocks.trade_at(clocks.wire() + timedelta(seconds=self._desk.settings.telemetry.ahead_s))


def _sorted_out(
    items: Sequence[object], known_ids: set[str], latest_time: datetime
) -> tuple[list[Sample], list[dict[str, Any]]]:
    taken: list[Sample] = []
    rejected: list[dict[str, Any]] = []
    for index, item in enumerate(items):
        try:
            taken.append(_sample(item, known_ids, latest_time))
        except ValueError as error:
            rejected.append({"index": index, "detail": str(error)})
    return taken, rejected


def _sample(item: object, known_ids: set[str], latest_time: datetime) -> Sample:
    if not isinstance(item, dict):
        raise ValueError("A sample is a JSON object.")
    unknown = sorted(set(item) - _MEMBERS)
    if unknown:
        raise ValueError(f"{unknown[0][:64]} is no member of a sample.")
    battery_id = item.get("battery_id")
    if not isinstance(battery_id, str) or battery_id not in known_ids:
        raise ValueError(f"battery_id {str(battery_id)[:64]} is not in this fleet.")
    return Sample(
        battery_id=battery_id,
        measured_at=_measured_at(item.get("measured_at"), latest_time),
        soc=_soc(item.get("soc_percent")),
        power_w=None if item.get("power_w") is None else _integer(item, "power_w", -_POWER_W_MAX, _POWER_W_MAX),
        energy_in_wh=_integer(item, "energy_in_wh", 0, _REGISTER_WH_MAX),
        energy_out_wh=_integer(item, "energy_out_wh", 0, _REGISTER_WH_MAX),
        quality=_quality(item.get("quality")),
        source=_source(item.get("source")),
        sequence=_integer(item, "sequence", 0, _SEQUENCE_MAX),
    )


def _integer(item: Mapping[str, Any], name: str, least: int, most: int) -> int:
    value = item.get(name)
    if type(value) is int and least <= value <= most:
        return value
    raise ValueError(f"{name} must be a whole number from {least} to {most}.")


def _measured_at(value: object, latest_time: datetime) -> datetime:
    try:
        moment = parse_timestamp(str(value))
    except ValueError:
        raise ValueError("measured_at must be a time such as 2026-11-20T10:00:00Z.") from None
    if moment > latest_time:
        raise ValueError("measured_at lies in the future of trade time: check the meter's clock.")
    return moment


def _soc(value: object) -> Decimal | None:
    if value is None:
        return None
    try:
        percent = Decimal(str(value)) if not isinstance(value, bool) else Decimal("NaN")
    except InvalidOperation:
        percent = Decimal("NaN")
    if not percent.is_finite() or abs(percent) > _PERCENT_MAX:
        raise ValueError(f"soc_percent must be a number, from -{_PERCENT_MAX} to {_PERCENT_MAX}.")
    return round(percent, _PERCENT_DIGITS).scaleb(-2)


def _quality(value: object) -> Quality:
    try:
        return Quality.FRESH if value is None else Quality(str(value))
    except ValueError:
        raise ValueError(f"quality must be one of: {', '.join(Quality)}.") from None


def _source(value: object) -> str:
    source = _SOURCE if value is None else value
    if isinstance(source, str) and 0 < len(source) <= _SOURCE_LENGTH_MAX:
        return source
    raise ValueError(f"source must be a text of 1 to {_SOURCE_LENGTH_MAX} characters.")
