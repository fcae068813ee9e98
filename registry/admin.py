"""What the registry's operator may do over HTTP: see everybody, decide who takes part, revoke a key.

``GET  /admin/subscribers?after=ID``                              everybody, listed or not, by id
``POST /admin/subscribers/{id}/approve|suspend|reinstate|revoke`` see `registry.admission`
``POST /admin/keys/{subscriber}/{key}/revoke``                    the key never counts again

All of it needs ``Authorization: Bearer`` with the token in ``admin.token`` (mode 0600, made on the first start). Each
decision and its entry in the log are one transaction.
"""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

from aiohttp import web
from sqlalchemy import Connection

from node.clocks import Now
from node.database import Database
from node.ids import new_token
from node.keyfile import read_secret, write_secret
from node.problems import Problem, json_response
from protocol.errors import NotValid
from protocol.moments import timestamp_text
from registry import store
from registry.admission import DECISIONS, decided, without_key
from registry.applications import Standing
from registry.audit import record
from registry.subscriptions import SubscriberKey

TOKEN_FILE = "admin.token"  # noqa: S105 - a file's name


def load_or_make_admin_token(data_dir: Path) -> str:
    """The token in ``data_dir``.

    Raises:
        SettingsWrong: the file can not be read or others can read it.
    """
    path = data_dir / TOKEN_FILE
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_secret(path, new_token() + "\n")
    return read_secret(path).strip()


class AdminApi:
    """The endpoints on the registry's database; ``rows_max`` subscribers a page."""

    def __init__(self, token: str, database: Database, now: Now, rows_max: int) -> None:
        self._token = _hash(token)
        self._database = database
        self._now = now
        self._rows_max = rows_max

    def add_routes(self, app: web.Application) -> None:
        """The three; add them before whatever catches all paths."""
        app.router.add_get("/admin/subscribers", self._list)
        app.router.add_post("/admin/subscribers/{subscriber_id}/{decision}", self._decide)
        app.router.add_post("/admin/keys/{subscriber_id}/{key_id}/revoke", self._revoke_key)

    async def _list(self, request: web.Request) -> web.Response:
        """List everybody by id, listed to others or not."""
        self._check(request)
        after = request.query.get("after", "")
        found = await self._database.read(lambda tx: store.listing(tx, after, self._rows_max))
        return json_response({"subscribers": [_shown(one) for one in found]})

    async def _decide(self, request: web.Request) -> web.Response:
        """Approve, suspend, reinstate or revoke a subscriber."""
        actor = self._check(request)
        subscriber_id, decision = request.match_info["subscriber_id"], request.match_info["decision"]
        if decision not in DECISIONS:
            raise Problem(404, "Not found", f"There are the decisions {', '.join(DECISIONS)}.")
        now = self._now()

        def decide(tx: Connection) -> Standing:
            held = _held(tx, subscriber_id)
            try:
                after = decided(held, decision, now)
            except NotValid as error:
                raise Problem(409, "Not possible", error.sentence) from None
            store.put_standing(tx, after)
            before, admission = held.subscriber.admission.value, after.subscriber.admission.value
            record(tx, now, actor, decision, subscriber_id, before=before, after=admission)
            return after

        return json_response(_shown(await self._database.write(decide)))

    async def _revoke_key(self, request: web.Request) -> web.Response:
        """Make a key never count again."""
        actor = self._check(request)
        subscriber_id, key_id = request.match_info["subscriber_id"], request.match_info["key_id"]
        now = self._now()

        def revoke(tx: Connection) -> Standing:
            held = _held(tx, subscriber_id)
            if held.key(key_id) is None:
                raise Problem(404, "Not found", f"{subscriber_id} has no key {key_id[:80]}.")
            after = without_key(held, key_id, now, now)
            store.put_standing(tx, after)
            record(tx, now, actor, "revoke-key", subscriber_id, key_id=key_id)
            return after

        return json_response(_shown(await self._database.write(revoke)))

    def _check(self, request: web.Request) -> str:
        """Let the operator alone through; whom the log names."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(_hash(given.strip()), self._token):
            raise Problem(401, "Unauthorized", "Send Authorization: Bearer with the registry's admin token.")
        return f"admin@{request.remote}"


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def _held(tx: Connection, subscriber_id: str) -> Standing:
    held = store.hold(tx, subscriber_id)
    if held is None:
        raise Problem(404, "Not found", f"There is no subscriber {subscriber_id[:80]}.")
    return held


def _shown(standing: Standing) -> dict[str, object]:
    entry = standing.subscriber
    return {
        "subscriber_id": entry.subscriber_id,
        "url": entry.url,
        "type": entry.role.value,
        "domain": entry.domain,
        "status": entry.state.value,
        "admission": entry.admission.value,
        "created": timestamp_text(entry.created_at),
        "updated": timestamp_text(entry.updated_at),
        "keys": [_shown_key(key) for key in standing.keys],
    }


def _shown_key(key: SubscriberKey) -> dict[str, object]:
    times = {"valid_from": key.valid_from, "valid_until": key.valid_until, "withdrawn": key.withdrawn_at}
    shown = {name: None if moment is None else timestamp_text(moment) for name, moment in times.items()}
    return {"key_id": key.key_id, **shown}
