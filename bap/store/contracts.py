"""Contracts, the requests sent for them, live readings and invoices: functions of one connection."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, Row, delete, insert, select, update

from bap.store.documents import decode, encode, encode_bytes
from bap.store.records import Asked, Contract, Request, RequestState
from bap.store.tables import contracts, invoices, news, readings, requests
from energy.offers import LiveState
from node.clocks import milliseconds, moment_of
from node.database import lock, notify
from node.personal_columns import Sealed, opened, sealed


def add(tx: Connection, contract: Contract) -> None:
    """Remember a new contract."""
    tx.execute(insert(contracts).values(contract_id=contract.contract_id, **_values(tx, contract)))
    notify(tx, news(contract.contract_id))


def save(tx: Connection, contract: Contract) -> None:
    """Put the contract in the place of what was remembered."""
    where = contracts.c.contract_id == contract.contract_id
    tx.execute(update(contracts).where(where).values(_values(tx, contract)))
    notify(tx, news(contract.contract_id))


def load(tx: Connection, contract_id: str) -> Contract | None:
    """One contract."""
    document = tx.scalar(select(contracts.c.document).where(contracts.c.contract_id == contract_id))
    return None if document is None else _contract(tx, contract_id, document)


def hold(tx: Connection, contract_id: str) -> Contract | None:
    """The same as `load`, and nobody else changes the contract until the transaction ends."""
    lock(tx, contracts, [contract_id])
    return load(tx, contract_id)


def account_of(tx: Connection, contract_id: str) -> str | None:
    """Whose contract it is; None: there is none."""
    account: str | None = tx.scalar(select(contracts.c.account).where(contracts.c.contract_id == contract_id))
    return account


def exists(tx: Connection, contract_id: str) -> bool:
    """Whether there is a contract with this id."""
    return tx.execute(select(contracts.c.contract_id).where(contracts.c.contract_id == contract_id)).first() is not None


def latest(tx: Connection, limit: int, account: str | None = None) -> list[Contract]:
    """The newest contracts (of this account), newest first."""
    order = (contracts.c.created_at_ms.desc(), contracts.c.contract_id)
    asked = select(contracts.c.contract_id, contracts.c.document).order_by(*order).limit(limit)
    if account is not None:
        asked = asked.where(contracts.c.account == account)
    return [_contract(tx, row.contract_id, row.document) for row in tx.execute(asked).all()]


# -- requests -----------------------------------------------------------------------------------------------


def add_request(tx: Connection, request: Request) -> None:
    """Remember a request that is about to be sent."""
    tx.execute(
        insert(requests).values(
            message_id=request.message_id,
            contract_id=request.contract_id,
            action=request.action,
            sent_at_ms=milliseconds(request.sent_at),
            state=request.state,
            asked=encode(request.asked),
        )
    )


def load_request(tx: Connection, message_id: str) -> Request | None:
    """One request."""
    row = tx.execute(select(requests).where(requests.c.message_id == message_id)).first()
    return None if row is None else _request(row)


def end_request(tx: Connection, request: Request, state: RequestState, inbox_id: int | None = None) -> None:
    """The request is over; ``inbox_id`` is the message that ended it."""
    where = requests.c.message_id == request.message_id
    tx.execute(update(requests).where(where).values(state=state, inbox_id=inbox_id))
    notify(tx, news(request.contract_id))


def replace_requests(tx: Connection, contract_id: str, actions: Collection[str]) -> None:
    """Requests of these actions that still wait do not count any more: a newer one takes their place."""
    where = (requests.c.contract_id == contract_id, requests.c.action.in_(actions), _WAITS)
    tx.execute(update(requests).where(*where).values(state=RequestState.REPLACED))


def waiting_request(tx: Connection, contract_id: str, actions: Collection[str] | None = None) -> Request | None:
    """The newest request (of these actions) whose answer is awaited."""
    asked = select(requests).where(requests.c.contract_id == contract_id, _WAITS)
    if actions is not None:
        asked = asked.where(requests.c.action.in_(actions))
    row = tx.execute(asked.order_by(requests.c.sent_at_ms.desc(), requests.c.message_id).limit(1)).first()
    return None if row is None else _request(row)


# -- readings and invoices ----------------------------------------------------------------------------------


def add_reading(tx: Connection, contract_id: str, live: LiveState, inbox_id: int) -> None:
    """Keep a live state; what was measured at the same moment is told once."""
    measured_at_ms = milliseconds(live.measured_at)
    same = (readings.c.contract_id == contract_id, readings.c.measured_at_ms == measured_at_ms)
    if tx.execute(select(readings.c.inbox_id).where(*same)).first() is None:
        row = {"contract_id": contract_id, "measured_at_ms": measured_at_ms, "inbox_id": inbox_id}
        tx.execute(insert(readings).values(**row, live=encode(live)))


def readings_of(tx: Connection, contract_id: str, limit: int) -> list[LiveState]:
    """The newest ``limit`` readings, oldest first."""
    newest = select(readings.c.live).where(readings.c.contract_id == contract_id)
    rows = tx.scalars(newest.order_by(readings.c.measured_at_ms.desc()).limit(limit)).all()
    return [decode(LiveState, row) for row in reversed(rows)]


def readings_after(tx: Connection, contract_id: str, after_ms: int, limit: int) -> list[LiveState]:
    """The first ``limit`` readings that were measured after that trade time, oldest first."""
    later = (readings.c.contract_id == contract_id, readings.c.measured_at_ms > after_ms)
    rows = tx.scalars(select(readings.c.live).where(*later).order_by(readings.c.measured_at_ms).limit(limit))
    return [decode(LiveState, row) for row in rows]


def put_invoice(tx: Connection, contract_id: str, digest_sha256: str, content: bytes, now: datetime) -> None:
    """Keep the exact bytes of an invoice document in place of an earlier one."""
    tx.execute(delete(invoices).where(invoices.c.contract_id == contract_id))
    row = {"contract_id": contract_id, "digest_sha256": digest_sha256, "fetched_at_ms": milliseconds(now)}
    tx.execute(insert(invoices).values(**row, content=sealed(tx, invoices.c.content, contract_id, content)))


def invoice_of(tx: Connection, contract_id: str, digest_sha256: str) -> bytes | None:
    """The document with this digest, if it was fetched before."""
    where = (invoices.c.contract_id == contract_id, invoices.c.digest_sha256 == digest_sha256)
    content = tx.scalar(select(invoices.c.content).where(*where))
    return None if content is None else opened(tx, invoices.c.content, contract_id, content)


_WAITS = requests.c.state == RequestState.WAITING


def _contract(tx: Connection, contract_id: str, document: Sealed) -> Contract:
    return decode(Contract, opened(tx, contracts.c.document, contract_id, document))


def _values(tx: Connection, contract: Contract) -> dict[str, object]:
    return {
        "search_id": contract.search_id,
        "bpp_id": contract.bpp_id,
        "account": contract.account,
        "stage": contract.stage,
        "created_at_ms": milliseconds(contract.created_at),
        "updated_at_ms": milliseconds(contract.updated_at),
        "document": sealed(tx, contracts.c.document, contract.contract_id, encode_bytes(contract)),
    }


def _request(row: Row[tuple[object, ...]]) -> Request:
    return Request(
        message_id=row.message_id,
        contract_id=row.contract_id,
        action=row.action,
        sent_at=moment_of(row.sent_at_ms),
        state=RequestState(row.state),
        asked=decode(Asked, row.asked),
    )
