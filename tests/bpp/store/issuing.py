"""Issues invoices until it is killed, and tells each that is on disk: ``python -m tests.bpp.store.issuing URL``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

from sqlalchemy import Connection

from bpp.app import BPP_VERSIONS
from bpp.store import money
from bpp.store.money import IssuedInvoice
from energy.invoices import serial
from energy.quantities import Money
from node.database import Database
from node.ids import new_token, new_uuid
from node.migrations.run import NODE_VERSIONS
from tests.energy.examples import at

SERIES = "BB/26-27"


def issuing() -> Callable[[Connection], int]:
    """A write function that issues one invoice; the number it got."""
    token, contract_id = new_token(), new_uuid()

    def issue(tx: Connection) -> int:
        number = money.next_number(tx, SERIES)
        text = serial("BB", at(0), number)
        money.add(tx, IssuedInvoice(contract_id, text, token, at(0), at(1), Money(100, "INR"), "ab" * 32, b"{}"))
        return number

    return issue


async def main(url: str) -> None:
    """Issue eight at a time, for ever."""
    database = Database(url, [NODE_VERSIONS, BPP_VERSIONS])
    await database.start()
    while True:
        for number in await asyncio.gather(*(database.write(issuing()) for _ in range(8))):
            sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
