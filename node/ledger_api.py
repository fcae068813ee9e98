"""``/api/v1/ledger``: accounts with what lies on them, entries, and the signed roots of days, to read.

The same for every role; who may read is the routes' least role (`node.callers`), and the ledger of a participant is
not divided by accounts.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from energy.ledger import Kind
from node import ledger
from node.database import Database
from node.ledger import Balance, Booked, Root
from node.openapi import query
from node.problems import Problem, json_response
from protocol.moments import timestamp_text

PAGE = 200
PAGE_MAX = 1_000
_DIGITS_MAX = 18
_COUNT = {"type": "integer", "minimum": 0}
BALANCES, ENTRIES, ROOTS = "ledger/balances", "ledger/entries", "ledger/roots"
LEDGER_PATHS = (BALANCES, ENTRIES, ROOTS)


class LedgerApi:
    """The handlers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_routes(self, app: web.Application, prefix: str) -> None:
        """Register the routes."""
        app.router.add_get(f"{prefix}/{BALANCES}", self._balances)
        app.router.add_get(f"{prefix}/{ENTRIES}", self._entries)
        app.router.add_get(f"{prefix}/{ROOTS}", self._roots)

    @query(kind={"enum": [kind.value for kind in Kind]}, owner={"type": "string"})
    async def _balances(self, request: web.Request) -> web.Response:
        """List the accounts that are not empty, with what lies on them: a debit is positive.

        The query may say ``kind`` and ``owner``. Amounts are watt-hours, or minor units of the currency.
        """
        kind, owner = _kind(request), request.query.get("owner")
        found = await self._database.read(lambda tx: ledger.balances(tx, kind, owner))
        return json_response({"balances": [_balance_json(each) for each in found]})

    @query(contract_id={"type": "string"}, after=_COUNT, limit=_COUNT)
    async def _entries(self, request: web.Request) -> web.Response:
        """List entries in their order: those of ``contract_id``, or at most ``limit`` behind the number ``after``."""
        contract_id = request.query.get("contract_id")
        after, limit = _number(request, "after", 0), _limit(request)

        def read(tx: Connection) -> list[Booked]:
            return ledger.after(tx, after, limit) if contract_id is None else ledger.of_contract(tx, contract_id)

        found = await self._database.read(read)
        return json_response({"entries": [entry_json(each) for each in found]})

    @query(limit=_COUNT)
    async def _roots(self, request: web.Request) -> web.Response:
        """List the signed roots, the newest first.

        A root is the hash of the last entry of a day (UTC, trade time). The signature is Ed25519 over the compact JSON
        object of day, hash, last_seq and subscriber_id with sorted keys; the registry knows the key by its id.
        """
        limit = _limit(request)
        found = await self._database.read(lambda tx: ledger.roots(tx, limit))
        return json_response({"roots": [_root_json(each) for each in found]})


def entry_json(booked: Booked) -> dict[str, Any]:
    """An entry as it is told."""
    entry = booked.entry
    return {
        "seq": booked.seq,
        "booked_at": timestamp_text(booked.at),
        "reference": entry.reference,
        "event": entry.event.value,
        "contract_id": entry.contract_id,
        "sentence": entry.sentence,
        "reverses": entry.reverses,
        "hash": booked.hash,
        "postings": [
            {"account": each.account.name, "kind": each.account.kind.value, "amount": each.amount, "unit": each.unit}
            for each in entry.postings
        ],
    }


def _balance_json(balance: Balance) -> dict[str, Any]:
    account = balance.account
    return {
        "account": account.name,
        "kind": account.kind.value,
        "owner": account.owner,
        "detail": account.detail,
        "unit": balance.unit,
        "amount": balance.amount,
    }


def _root_json(root: Root) -> dict[str, Any]:
    return {
        "day": root.day.isoformat(),
        "last_seq": root.last_seq,
        "hash": root.hash,
        "key_id": root.key_id,
        "public_key": root.public_key,
        "signature": root.signature,
    }


def _kind(request: web.Request) -> Kind | None:
    text = request.query.get("kind")
    if text is not None and text not in set(Kind):
        raise Problem(400, "Invalid query", f"kind must be one of {', '.join(Kind)}.")
    return None if text is None else Kind(text)


def _limit(request: web.Request) -> int:
    limit = _number(request, "limit", PAGE)
    if not 1 <= limit <= PAGE_MAX:
        raise Problem(400, "Invalid query", f"limit must be a whole number from 1 to {PAGE_MAX}.")
    return limit


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX):
        raise Problem(400, "Invalid query", f"{name} must be a whole number.")
    return int(text)
