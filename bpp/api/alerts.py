"""``/api/v1/alerts``: what the operator should look at, to read, to follow and to acknowledge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from bpp.alerts import Alert
from bpp.api.requests import limit_of
from bpp.desk import Desk
from bpp.store import alerts
from node.callers import caller_of
from node.event_stream import Event, last_event_id, stream
from node.problems import Problem, json_response
from protocol.moments import timestamp_text

EVENTS_AT_ONCE = 200
_STATES = ("open", "all")


class AlertsApi:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_routes(self, app: web.Application, prefix: str) -> None:
        """Register the routes."""
        app.router.add_get(f"{prefix}/alerts", self._list)
        app.router.add_get(f"{prefix}/alerts/stream", self._stream)
        app.router.add_post(f"{prefix}/alerts/{{alert_id}}/acknowledge", self._acknowledge)

    async def _list(self, request: web.Request) -> web.Response:
        """List the alerts, the newest first.

        ``state`` is "open" (raised, or not acknowledged yet; so it is without it) or "all"; ``battery_id`` those of
        one battery, ``limit`` how many.
        """
        state, battery_id = request.query.get("state", "open"), request.query.get("battery_id")
        limit = limit_of(request)
        if state not in _STATES:
            raise Problem(400, "Invalid query", f"state must be one of {', '.join(_STATES)}.")
        found = await self._desk.database.read(
            lambda tx: alerts.listed(tx, battery_id, limit, only_open=state == "open")
        )
        return json_response({"alerts": [alert_json(alert) for alert in found]})

    async def _acknowledge(self, request: web.Request) -> web.Response:
        """Say that somebody sees to it; the alert stays until its cause is over."""
        alert_id, by = request.match_info["alert_id"], caller_of(request).name
        now, change_no = self._desk.moment().wire, self._desk.participant.ids.next()
        alert = await self._desk.database.write(lambda tx: alerts.acknowledge(tx, alert_id, by, now, change_no))
        if alert is None:
            raise Problem(404, "Not found", f"There is no alert {alert_id[:64]}.")
        return json_response(alert_json(alert))

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        """Follow the alerts: each that is raised, cleared or acknowledged, as server-sent events.

        It begins with those that are raised now; with Last-Event-ID, with those that changed since that event.
        """
        following = _Following(self._desk, last_event_id(request))
        with self._desk.database.watch(alerts.CHANNEL) as news:
            return await stream(request, alerts.CHANNEL, news, following.next_events)


class _Following:
    """One reader's way through the changes."""

    def __init__(self, desk: Desk, seen: int | None) -> None:
        self._desk = desk
        self._seen = 0 if seen is None else seen
        self._only_raised = seen is None

    async def next_events(self) -> Sequence[Event]:
        """What changed since the last call."""
        found = await self._desk.database.read(lambda tx: alerts.changed_after(tx, self._seen, EVENTS_AT_ONCE))
        told = [
            Event("alert", alert_json(alert), change_no)
            for change_no, alert in found
            if alert.cleared_at is None or not self._only_raised
        ]
        if found:
            self._seen = found[-1][0]
        if len(found) < EVENTS_AT_ONCE:
            self._only_raised = False
        return told or (await self.next_events() if len(found) == EVENTS_AT_ONCE else [])


def alert_json(alert: Alert) -> dict[str, Any]:
    """An alert for an operator."""
    key = alert.key
    return {
        "alert_id": alert.alert_id,
        "kind": key.kind.value,
        "battery_id": key.battery_id,
        "contract_id": key.contract_id,
        "sentence": alert.sentence,
        "raised_at": timestamp_text(alert.raised_at),
        "cleared_at": None if alert.cleared_at is None else timestamp_text(alert.cleared_at),
        "acknowledged_at": None if alert.acknowledged_at is None else timestamp_text(alert.acknowledged_at),
        "acknowledged_by": alert.acknowledged_by,
    }
