"""Links to a contract's live values: good for one contract, until a moment, and for whoever was told them.

A link ends in ``<contract id>.<end in seconds since 1970>.<signature>``. The signature (HMAC-SHA-256) is made with a
secret of that contract alone, so nobody can make one, lengthen one or turn it to another contract, and a link is made
anew for each ``on_track`` without being stored. That a contract is over is judged where it is read.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime

_FORM = re.compile(r"([0-9a-f-]{36})\.([0-9]{1,11})\.([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class Link:
    """What a link says of itself; nothing of it is proven before `is_signed`."""

    contract_id: str
    until: datetime
    signature: str

    def is_signed(self, secret: str | None) -> bool:
        """Whether it was made with the contract's secret."""
        if secret is None:
            return False
        return hmac.compare_digest(self.signature, _signature(self.contract_id, self.until, secret))


def made(contract_id: str, until: datetime, secret: str) -> str:
    """The end of a link that is good until a wire time, of whole seconds."""
    return f"{contract_id}.{_seconds(until)}.{_signature(contract_id, until, secret)}"


def read(text: str) -> Link | None:
    """What a text says that should be the end of a link; None: it is none."""
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    return Link(match[1], datetime.fromtimestamp(int(match[2]), UTC), match[3])


def _signature(contract_id: str, until: datetime, secret: str) -> str:
    signed = hmac.digest(secret.encode(), f"{contract_id}.{_seconds(until)}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(signed).rstrip(b"=").decode()


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
