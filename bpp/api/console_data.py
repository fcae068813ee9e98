"""The operator's API of what is looked at: the fleet at a glance, what is free when, and a battery's day.

The console reads it; so may anybody who may see the fleet. Nothing here changes anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from aiohttp import web

from bpp.api.requests import time_of
from bpp.api.shapes import reservation_json, window_json
from bpp.api.visibility import sees_only, visible_battery
from bpp.availability import free_profile
from bpp.capacity import Book, Booking, pieces
from bpp.catalog import ListedBattery
from bpp.desk import Desk
from bpp.dispatch import FRESH_PERIODS, LOST_PERIODS
from bpp.expected import Level, expected_course
from bpp.history import History
from bpp.store import books, fleet, glance
from bpp.store.glance import Asked, Doing, Heard, Newest, Sum
from energy.intervals import SLOT_S, Interval, align_down
from energy.quantities import decimal_text
from energy.rollups import Rollup
from node.database import Database
from node.openapi import query
from node.problems import Problem, json_response
from protocol.moments import timestamp_text

ROWS_DEFAULT = 100
ROWS_MAX = 500
CALENDAR_ROWS = 50
CALENDAR_SLOTS_MAX = 200
DAY_S = 86_400
STEP_S_MAX = 31 * DAY_S
DAY_MAX = timedelta(days=2)
FACT_S = 300
_NOT_HEARD = "never"
_OUT = "out-of-service"
_OFFSET_MAX = 10**8
_OFFSET = {"type": "integer", "minimum": 0, "maximum": _OFFSET_MAX}
_TIME = {"type": "string", "format": "date-time"}
_WORDS_MAX = 255
_MILLION = 1_000_000
_HUNDREDTH = Decimal("0.01")
_SHOWN = (*(doing.value for doing in Doing), _NOT_HEARD, _OUT)


class ConsoleDataApi:
    """What the console shows beside what other routes tell; ``samples`` is the samples' database."""

    def __init__(self, desk: Desk, samples: Database, history: History) -> None:
        self._desk = desk
        self._samples = samples
        self._history = history

    def add_routes(self, app: web.Application, prefix: str) -> None:
        """Register the routes."""
        app.router.add_get(f"{prefix}/overview", self._overview)
        app.router.add_get(f"{prefix}/calendar", self._calendar)
        app.router.add_get(f"{prefix}/batteries/{{battery_id}}/day", self._day)

    # -- the fleet ------------------------------------------------------------------------------------------

    @query(
        show={"enum": list(_SHOWN)},
        search={"type": "string"},
        limit={"type": "integer", "minimum": 1, "maximum": ROWS_MAX},
        offset=_OFFSET,
    )
    async def _overview(self, request: web.Request) -> web.Response:
        """Tell the fleet at a glance: how many batteries do what, and a page of them.

        `search` looks in ids, sites and the beginnings of names, `show` is one of charging, returning, resting, stale,
        lost, never and out-of-service; `limit` and `offset` choose the page.
        """
        desk, now = self._desk, self._desk.moment().trade
        heard, limit, offset = self._heard(now), _number(request, "limit", ROWS_DEFAULT, ROWS_MAX), _offset(request)
        matching = await self._matching(request, heard)
        page = matching[offset : offset + limit]
        listed = await desk.database.read(lambda tx: fleet.listed_of(tx, desk.cancellation, page))
        newest = await self._samples.read(lambda tx: glance.newest_of(tx, heard, page))
        clocks = desk.participant.clocks
        content = {
            "provider": desk.provider.name,
            "trade_time": timestamp_text(now),
            "speed": clocks.trade_time.speed,
            "totals": await self._totals(request, heard),
            "matching": len(matching),
            "batteries": [_glance_json(listed[each], newest.get(each), now) for each in page if each in listed],
        }
        return json_response(content)

    async def _matching(self, request: web.Request, heard: Heard) -> list[str]:
        show = request.query.get("show", "")
        if show and show not in _SHOWN:
            raise Problem(400, "Invalid query", f"show must be one of {', '.join(_SHOWN)}.")
        asked = replace(self._asked(request), is_out_of_service=show == _OUT)
        found = await self._desk.database.read(lambda tx: glance.ids(tx, asked))
        if show in {"", _OUT}:
            return found
        if show == _NOT_HEARD:
            others = await self._samples.read(glance.heard_ids)
            return [each for each in found if each not in others]
        doing = Doing(show)
        wanted = await self._samples.read(lambda tx: glance.ids_doing(tx, heard, doing))
        return [each for each in found if each in wanted]

    async def _totals(self, request: web.Request, heard: Heard) -> dict[str, int]:
        whole = Asked(sees_only(self._desk, request))
        out = replace(whole, is_out_of_service=True)
        total, out_count = await self._desk.database.read(lambda tx: (glance.count(tx, whole), glance.count(tx, out)))
        only = None
        if whole.account is not None:
            only = set(await self._desk.database.read(lambda tx: glance.ids(tx, whole)))
        sums = await self._samples.read(lambda tx: glance.sums(tx, heard, only))
        nothing = Sum(0, 0)
        return {
            "batteries": total,
            _OUT: out_count,
            _NOT_HEARD: max(0, total - sum(one.count for one in sums.values())),
            **{doing.value: sums.get(doing, nothing).count for doing in Doing},
            "charge_w": sums.get(Doing.CHARGING, nothing).power_w,
            "discharge_w": -sums.get(Doing.RETURNING, nothing).power_w,
        }

    def _asked(self, request: web.Request) -> Asked:
        return Asked(sees_only(self._desk, request), request.query.get("search", "")[:_WORDS_MAX])

    def _heard(self, now: datetime) -> Heard:
        period = timedelta(seconds=self._desk.meters.sample_period_s)
        return Heard(now - FRESH_PERIODS * period, now - LOST_PERIODS * period)

    # -- what is free -----------------------------------------------------------------------------------------

    @query(
        **{"from": _TIME},
        until=_TIME,
        step_s={"type": "integer", "minimum": SLOT_S, "maximum": STEP_S_MAX},
        battery_id={"type": "string"},
        search={"type": "string"},
        offset=_OFFSET,
    )
    async def _calendar(self, request: web.Request) -> web.Response:
        """Tell what is free of the batteries in each slot from `from` to `until`: the least at any instant of it.

        `step_s` is a slot's length, a day when nothing is said; `battery_id` asks for one battery.
        """
        desk, moment = self._desk, self._desk.moment()
        step_s = _number(request, "step_s", DAY_S, STEP_S_MAX, SLOT_S)
        start = time_of(request, "from", align_down(moment.trade, DAY_S))
        window = _window(start, time_of(request, "until", start + timedelta(days=14)), step_s * CALENDAR_SLOTS_MAX)
        asked, one, offset = self._asked(request), request.query.get("battery_id"), _offset(request)
        matching = await desk.database.read(lambda tx: glance.ids(tx, asked))
        if one is not None:
            matching = [each for each in matching if each == one]
        page = matching[offset : offset + CALENDAR_ROWS]
        known = await desk.database.read(lambda tx: books.with_books(tx, desk.cancellation, page, moment, window))
        rows = [_calendar_json(listed, book, window, step_s) for listed, book in known]
        return json_response(
            {
                **window_json(window),
                "trade_time": timestamp_text(moment.trade),
                "step_s": step_s,
                "matching": len(matching),
                "batteries": sorted(rows, key=lambda row: str(row["battery_id"])),
            }
        )

    # -- one battery's day ------------------------------------------------------------------------------------

    @query(**{"from": _TIME}, until=_TIME)
    async def _day(self, request: web.Request) -> web.Response:
        """Tell a battery's plan and facts from `from` to `until`, two days at most.

        Facts are told in steps of five minutes, and a battery is heard at least every `fresh_s` seconds. The expected
        course begins with the first state of charge that was measured in the window, and follows the plan from there.
        """
        desk, moment, battery_id = self._desk, self._desk.moment(), request.match_info["battery_id"]
        start = time_of(request, "from", align_down(moment.trade, DAY_S))
        until = time_of(request, "until", start + timedelta(days=1))
        window = _window(align_down(start, FACT_S), until, DAY_MAX // timedelta(seconds=1))

        listed = (await visible_battery(desk, request)).listed
        booked = await desk.database.read(lambda tx: fleet.committed_during(tx, window, battery_id))
        past = await self._history.read(battery_id, window, FACT_S)
        bookings = [reservation.booking for reservation in booked]
        return json_response(
            {
                **window_json(window),
                "battery_id": battery_id,
                "trade_time": timestamp_text(moment.trade),
                "step_s": FACT_S,
                "fresh_s": FRESH_PERIODS * desk.meters.sample_period_s,
                "soc_min_percent": decimal_text(listed.battery.soc_min.scaleb(2)),
                "soc_max_percent": decimal_text(listed.battery.soc_max.scaleb(2)),
                "plan": _plan_json(bookings, window),
                "expected": _expected_json(listed, bookings, past.rollups, window.end),
                "facts": [_fact_json(rollup) for rollup in past.rollups],
                "bookings": [reservation_json(reservation) for reservation in booked],
            }
        )


def _glance_json(listed: ListedBattery, newest: Newest | None, now: datetime) -> dict[str, Any]:
    battery = listed.battery
    place = {"latitude": decimal_text(battery.place.latitude), "longitude": decimal_text(battery.place.longitude)}
    content = {
        "battery_id": battery.battery_id,
        "name": battery.name,
        "site_id": battery.site_id,
        "place": place,
        "in_service": listed.in_service,
        "usable_energy_wh": battery.usable_energy_wh,
    }
    if newest is None:
        return content | {"doing": _NOT_HEARD, "is_doubted": False, "soc_percent": None, "power_w": None, "age_s": None}
    return content | {
        "doing": newest.doing.value,
        "is_doubted": newest.is_doubted,
        "soc_percent": None if newest.soc is None else decimal_text(newest.soc.scaleb(2)),
        "power_w": newest.power_w,
        "age_s": max(timedelta(0), now - newest.measured_at) // timedelta(seconds=1),
    }


def _calendar_json(listed: ListedBattery, book: Book, window: Interval, step_s: int) -> dict[str, Any]:
    battery = listed.battery
    slots = free_profile(battery, book, window, step_s)
    # What an empty book lets in is the measure of what a slot has left.
    whole = free_profile(battery, Book(), Interval(window.start, window.start + timedelta(seconds=step_s)), step_s)
    return {
        "battery_id": battery.battery_id,
        "name": battery.name,
        "in_service": listed.in_service,
        "energy_wh": whole[0].energy_wh,
        "slots": [
            window_json(slot.interval)
            | {"energy_wh": slot.energy_wh, "charge_w": slot.charge_power_w, "discharge_w": slot.discharge_power_w}
            for slot in slots
        ],
    }


def _plan_json(bookings: Sequence[Booking], window: Interval) -> list[dict[str, Any]]:
    return [
        window_json(piece.interval) | {"charge_w": piece.charge_w, "discharge_w": piece.discharge_w}
        for piece in pieces(Book(bookings), window)
    ]


def _expected_json(
    listed: ListedBattery, bookings: Sequence[Booking], facts: Sequence[Rollup], until: datetime
) -> list[dict[str, Any]]:
    """From the end of the first step that told a state of charge; nothing when none did."""
    first = next((fact for fact in facts if fact.soc_millionths is not None), None)
    if first is None or first.soc_millionths is None:
        return []
    measured = Level(first.start + timedelta(seconds=first.step_s), Decimal(first.soc_millionths.last) / _MILLION)
    course = expected_course(listed.battery, bookings, measured, until)
    return [{"at": timestamp_text(level.at), "soc_percent": _percent(level.soc)} for level in course]


def _fact_json(fact: Rollup) -> dict[str, Any]:
    """``soc_percent`` is the last of the step, ``power_w`` its mean."""
    charge, power = fact.soc_millionths, fact.power_w
    return {
        "start": timestamp_text(fact.start),
        "soc_percent": None if charge is None else _percent(Decimal(charge.last) / _MILLION),
        "power_w": None if power is None else power.mean,
        "energy_in_wh": fact.energy_in_wh,
        "energy_out_wh": fact.energy_out_wh,
        "is_doubted": fact.trusted < fact.samples,
    }


def _percent(share: Decimal) -> str:
    """Two decimals are more than a drawing can show."""
    return decimal_text((share * 100).quantize(_HUNDREDTH))


def _window(start: datetime, until: datetime, most_s: int) -> Interval:
    if not timedelta(0) < until - start <= timedelta(seconds=most_s):
        raise Problem(400, "Invalid query", f"until must be later than from, by at most {most_s} s.")
    return Interval(start, until)


def _number(request: web.Request, name: str, default: int, most: int, least: int = 1) -> int:
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and least <= int(text[:9]) <= most):
        raise Problem(400, "Invalid query", f"{name} must be a whole number from {least} to {most}.")
    return int(text)


def _offset(request: web.Request) -> int:
    return _number(request, "offset", 0, _OFFSET_MAX, least=0)
