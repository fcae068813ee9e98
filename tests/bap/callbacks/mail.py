"""Callbacks as they lie in the inbox, and what the platform's handlers make of them on a real database."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bap.callbacks.receiving import Answers
from bap.store import contracts
from bap.store.records import Contract, Request
from energy.messages import Message
from energy.wire.v1.writer import write
from node.database import Database
from node.inbox import Received
from protocol.context import write_body
from tests import messages
from tests.bap.examples import BPP_ID, BPP_URI, NOW, SEARCH

Content = Message | dict[str, Any] | None


def callback(
    action: str,
    content: Content,
    message_id: str = "message-1",
    *,
    at: datetime = NOW,
    error: dict[str, str] | None = None,
    sender_id: str = BPP_ID,
    transaction_id: str = SEARCH.search_id,
    inbox_id: int = 7,
) -> Received:
    """An acknowledged message of the operator."""
    context = messages.context(
        action, at, transaction_id=transaction_id, message_id=message_id, bpp_id=sender_id, bpp_uri=BPP_URI
    )
    message = content if content is None or isinstance(content, dict) else write(action, content)
    return Received(inbox_id, messages.verified(action, write_body(context, message, error), sender_id), "Signature")


def refusal(action: str, code: str = "40002", text: str = "Sold out.", message_id: str = "message-1") -> Received:
    """A callback that says no."""
    return callback(action, None, message_id, error={"code": code, "message": text, "paths": "/message/order"})


async def remember(database: Database, contract: Contract, *requests: Request) -> None:
    """Let the platform know a contract and what it has asked."""

    def put(tx: Any) -> None:
        contracts.add(tx, contract)
        for request in requests:
            contracts.add_request(tx, request)

    await database.write(put)


async def take(database: Database, received: Received, now: datetime = NOW) -> Contract:
    """Decide a callback as the inbox does; the contract afterwards."""
    decision = await Answers(database, lambda: now).handle(received)
    await database.write(decision)
    return await known(database)


async def known(database: Database) -> Contract:
    """The contract as it is remembered."""
    found = await database.read(lambda tx: contracts.load(tx, SEARCH.search_id))
    assert found is not None
    return found


async def waiting(database: Database) -> str | None:
    """The action whose answer is awaited."""
    found = await database.read(lambda tx: contracts.waiting_request(tx, SEARCH.search_id))
    return None if found is None else found.action
