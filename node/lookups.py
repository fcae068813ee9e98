"""What we ask a registry for, and what we read of its answer: every name and form of INTEROP 5.

Names and spellings are tolerated, trust is not: a record that lacks its status or its URL, whose names disagree, whose
time can not be read or whose key is unusable, is no record.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from node.client import Answer
from protocol.actions import Role
from protocol.errors import PeerFailed
from protocol.keys import KEY_ID_NAMES, KeyId, KeyRecord, KeyUnusable, signing_public_key
from protocol.moments import parse_timestamp

logger = logging.getLogger(__name__)

_URL_NAMES = ("url", "subscriber_url")


def lookup_query(key_id: KeyId) -> dict[str, str]:
    """The body of a lookup. Registries that know the key's id by another name answer with all keys (`of_key`)."""
    query = {"subscriber_id": key_id.subscriber_id}
    return query if key_id.key_id is None else query | {"key_id": key_id.key_id}


def of_key(records: Iterable[KeyRecord], key_id: KeyId) -> list[KeyRecord]:
    """Those that were asked for: a registry may answer with more than its reader named."""
    return [
        record
        for record in records
        if record.subscriber_id == key_id.subscriber_id and key_id.key_id in {None, record.key_id}
    ]


def records_of(answer: Answer) -> list[KeyRecord]:
    """The usable records of a registry's answer; the others are passed over with a line in the log.

    Raises:
        PeerFailed: it is no list of records.
    """
    items = answer.json()
    if answer.status != 200 or not isinstance(items, list):
        raise PeerFailed(f"the registry answered {answer.status} to a lookup")
    return [record for record in map(_record, items) if record is not None]


def _record(item: Any) -> KeyRecord | None:
    try:
        return KeyRecord(
            subscriber_id=_text(item, ("subscriber_id",)),
            key_id=_text(item, KEY_ID_NAMES),
            signing_public_key=signing_public_key(_text(item, ("signing_public_key",))),
            role=Role(_text(item, ("type",)).upper()),
            url=_text(item, _URL_NAMES),
            status=_text(item, ("status",)).upper(),
            domain=item.get("domain"),
            valid_from=_time(item.get("valid_from")),
            valid_until=_time(item.get("valid_until")),
        )
    except (AttributeError, TypeError, ValueError, KeyUnusable) as error:
        logger.warning("the registry gave an unusable record: %s: %s", type(error).__name__, error)
        return None


def _text(item: Mapping[str, Any], names: Iterable[str]) -> str:
    given = {value for name in names if (value := item.get(name)) not in {None, ""}}
    if len(given) != 1:
        raise ValueError(f"{' or '.join(names)} must have one value, but has {len(given)}")
    return str(given.pop())


def _time(text: str | None) -> datetime | None:
    return parse_timestamp(text) if text else None
