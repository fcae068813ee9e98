"""The operator's API for meters: ``/api/v1/telemetry``. A sample that came before is counted and does nothing.

``POST`` takes samples in four forms: a list in the member ``samples``, one sample by itself, interval JSON
(`node.telemetry.interval_json`) and CSV (`node.telemetry.sample_csv`, with a report of every row). Facts are taken as
they are, also outside of a battery's limits, and flagged. What can not be taken is told by its index, and the others
are stored all the same. A device's token (the role "device") sends for its own battery only: its account is the
battery's id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from aiohttp import web

from bpp.desk import Desk
from bpp.store import fleet, meters
from bpp.telemetry import Telemetry
from energy.metering import Sample
from node.callers import AccessRole, caller_of, check_role
from node.problems import Problem, json_object, json_response
from node.telemetry.intake import Flagged, Receipt, Refusal, Rejection
from node.telemetry.interval_json import is_interval_json, read_intervals
from node.telemetry.sample_csv import CsvUnreadable, read_csv, report
from node.telemetry.sample_json import SampleUnreadable, read_sample
from protocol.moments import parse_timestamp

_CSV = "text/csv"
_NOTE_LENGTH_MAX = 1_000
_SHIFT_S_MAX = 10**10


class TelemetryApi:
    """Takes samples in, tells how the sources are doing, and takes the operator's word on meters and clocks."""

    def __init__(self, desk: Desk, telemetry: Telemetry) -> None:
        self._desk = desk
        self._telemetry = telemetry

    def add_routes(self, app: web.Application, prefix: str) -> None:
        """Register the routes."""
        app.router.add_post(f"{prefix}/telemetry", self._take)
        app.router.add_get(f"{prefix}/telemetry/health", self._health)
        app.router.add_post(f"{prefix}/telemetry/meter-changes", self._change_meter)
        app.router.add_post(f"{prefix}/telemetry/set-aside/replay", self._replay)

    async def _take(self, request: web.Request) -> web.Response:
        """Take samples of meters in; those that are no samples are told by their index."""
        if request.content_type == _CSV:
            return await self._take_csv(request)
        content = await json_object(request)
        if is_interval_json(content):
            series = read_intervals(content)
            self._check_count(len(series.samples) + len(series.rejected))
            receipt = await self._taken(request, series.samples)
            return json_response(receipt_json(_with_rejected(_at_places(receipt, series.places), series.rejected)))
        items = content.get("samples", [content] if "battery_id" in content else None)
        if not isinstance(items, list):
            raise Problem(422, "Invalid telemetry", "Send the samples as a list in the member samples.")
        self._check_count(len(items))
        samples, places, rejected = _read(items)
        receipt = await self._taken(request, samples)
        return json_response(receipt_json(_with_rejected(_at_places(receipt, places), rejected)))

    async def _take_csv(self, request: web.Request) -> web.Response:
        try:
            text = (await request.read()).decode("utf-8")
            rows = read_csv(text, request.query.get("battery_id"))
        except UnicodeDecodeError:
            raise Problem(422, "Invalid CSV", "Save the file as UTF-8.") from None
        except CsvUnreadable as error:
            raise Problem(422, "Invalid CSV", f"Nothing was stored: {error}.") from None
        self._check_count(len(rows))
        receipt = await self._taken(request, [row.sample for row in rows if row.sample is not None])
        counts = {"accepted": receipt.accepted, "duplicates": receipt.duplicates, "rows": report(rows, receipt)}
        return json_response(counts)

    async def _taken(self, request: web.Request, samples: Sequence[Sample]) -> Receipt:
        """What became of the samples; a device may send for its own battery only."""
        caller = caller_of(request)
        if caller.role is not AccessRole.DEVICE:
            # Where every account has a fleet of its own, others send through their devices.
            check_role(caller, AccessRole.OPERATOR if self._desk.settings.shared_fleet else AccessRole.ADMIN)
            return await self._telemetry.ingest.take(samples)
        own = [index for index, sample in enumerate(samples) if sample.battery_id == caller.account]
        receipt = _at_places(await self._telemetry.ingest.take([samples[index] for index in own]), own)
        sentence = f"battery_id must be {caller.account}: this token is that battery's."
        others = sorted(set(range(len(samples))).difference(own))
        return _with_rejected(receipt, [Rejection(index, Refusal.NOT_YOURS, sentence) for index in others])

    def _check_count(self, count: int) -> None:
        most = self._desk.settings.telemetry.samples_per_request
        if count > most:
            raise Problem(413, "Too many samples", f"Send at most {most} samples at once, not {count}.")

    async def _health(self, request: web.Request) -> web.Response:
        """Tell how the measuring goes, battery by battery."""
        battery_id = request.query.get("battery_id")
        only_problems = request.query.get("only") == "problems"
        return json_response(await self._telemetry.health(self._desk, battery_id, only_problems=only_problems))

    async def _change_meter(self, request: web.Request) -> web.Response:
        """Note that a battery has another meter from a moment on."""
        content = await json_object(request)
        battery_id = await self._known_battery(content)
        changed_at, note = _changed_at(content), content.get("note", "")
        if not isinstance(note, str) or len(note) > _NOTE_LENGTH_MAX:
            raise Problem(422, "Invalid meter change", f"note is a text of at most {_NOTE_LENGTH_MAX} characters.")
        confirm = partial(
            meters.confirm_change,
            battery_id=battery_id,
            changed_at=changed_at,
            confirmed_by=caller_of(request).name,
            note=note,
        )
        await self._telemetry.samples.write(confirm)
        self._desk.live_meters.forget_all()
        return json_response({"battery_id": battery_id, "changed_at": content["changed_at"]}, 201)

    async def _replay(self, request: web.Request) -> web.Response:
        """Take samples that were set aside in again."""
        content = await json_object(request)
        battery_id = await self._known_battery(content)
        shift_s = content.get("shift_s", 0)
        if type(shift_s) is not int or abs(shift_s) > _SHIFT_S_MAX:
            raise Problem(422, "Invalid replay", "shift_s is a whole number of seconds to add to each measured_at.")
        receipt = await self._telemetry.ingest.replay(battery_id, timedelta(seconds=shift_s))
        return json_response(receipt_json(receipt))

    async def _known_battery(self, content: dict[str, Any]) -> str:
        battery_id = content.get("battery_id")
        if isinstance(battery_id, str):
            known = await self._desk.database.read(lambda tx: fleet.battery(tx, battery_id, self._desk.cancellation))
            if known is not None:
                return battery_id
        raise Problem(404, "Not found", f"There is no battery {str(battery_id)[:64]} in this fleet.")


def receipt_json(receipt: Receipt) -> dict[str, Any]:
    """A receipt: how many were taken and known, and what is to be said of single ones."""
    return {
        "accepted": receipt.accepted,
        "duplicates": receipt.duplicates,
        "rejected": [
            {"index": one.index, "reason": one.refusal.value, "detail": one.sentence} for one in receipt.rejected
        ],
        "flagged": [
            {"index": one.index, "doubts": list(one.doubts), "details": list(one.sentences)} for one in receipt.flagged
        ],
    }


def _changed_at(content: dict[str, Any]) -> datetime:
    try:
        return parse_timestamp(str(content.get("changed_at")))
    except ValueError:
        sentence = "changed_at must be the time of the new meter, such as 2026-11-20T10:00:00Z."
        raise Problem(422, "Invalid meter change", sentence) from None


def _read(items: Sequence[object]) -> tuple[list[Sample], list[int], list[Rejection]]:
    samples, places, rejected = [], [], []
    for index, item in enumerate(items):
        try:
            samples.append(read_sample(item))
            places.append(index)
        except SampleUnreadable as error:
            rejected.append(Rejection(index, Refusal.UNREADABLE, str(error)))
    return samples, places, rejected


def _at_places(receipt: Receipt, places: Sequence[int]) -> Receipt:
    """The receipt with the indexes that the samples had before some were left out."""
    rejected = tuple(replace(one, index=places[one.index]) for one in receipt.rejected)
    flagged: tuple[Flagged, ...] = tuple(replace(one, index=places[one.index]) for one in receipt.flagged)
    return replace(receipt, rejected=rejected, flagged=flagged)


def _with_rejected(receipt: Receipt, more: Sequence[Rejection]) -> Receipt:
    return replace(receipt, rejected=tuple(sorted((*receipt.rejected, *more), key=lambda one: one.index)))
