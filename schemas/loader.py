"""The compiled schemas of whole messages: Beckn core 1.1.1, and the battery-storage rules on top.

Rules:

- The JSON files beside this module are the product; nothing is generated. Each has an ``$id`` that is its path
  below `BASE_URI`, so a relative ``$ref`` between files means the same on disk and in the validator:
  ``objects/Order.json`` from an action of core, ``../beckn-1.1.1/objects/Order.json`` from a storage schema.
- References are resolved among these files alone; nothing is ever fetched.
- A schema is compiled once, when it is first asked for.
- Formats (uuid, date-time, date, uri, email) are tolerances when reading and asserted when writing (ENERGY 1.2,
  D15): ``core(action)`` ignores them, ``core(action, formats=True)`` and ``storage(action)`` assert them. An e-mail
  address is an address alone, without a display name (docs/divergences.md, S4).
- What decides is the schema in its faster form (`schemas.deciding`); what explains is the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import islice
from typing import Any

from jsonschema_rs import Draft202012, Draft202012Validator, EmailOptions, Registry

from schemas.deciding import decided_faster
from schemas.violations import Source, Violation, unreadable_text, violations

__all__ = ["MessageSchema", "UnknownSchema", "Violation", "ack", "core", "document", "storage"]

BASE_URI = "https://beckn-battery.invalid/schemas/"
MAX_VIOLATIONS = 20
CORE_FOLDER = "beckn-1.1.1"
STORAGE_FOLDER = "battery-storage"
CORE_FAMILY = "core-1.1.1"
STORAGE_FAMILY = "battery-storage-1"

# A message of many thousand mistakes is not read to its end: this many are enough to tell twenty.
_ERRORS_READ = 200
_EMAIL = EmailOptions(allow_display_text=False)


class UnknownSchema(LookupError):
    """There is no schema for that action."""


class MessageSchema:
    """One compiled schema for a whole message (a JSON value as ``json.loads`` gives it)."""

    def __init__(self, uri: str, family: str, *, formats: bool) -> None:
        """Compile the schema whose ``$id`` is ``uri``; ``family`` begins the rule of every violation.

        Raises:
            UnknownSchema: no file has that ``$id``.
        """
        self._source = Source(dict(document(uri)), _registry().resolver(uri))
        self._family = family
        self._formats = formats
        self._decider = self._compiled(_deciding_documents()[uri], _deciding_registry())
        self._explainer: Draft202012Validator | None = None

    def is_valid(self, message: object) -> bool:
        """Whether the message fits. About 5 µs for 2 KB."""
        try:
            return self._decider.is_valid(message)
        except UnicodeEncodeError:
            # JSON can spell a lone surrogate, no UTF-8 text can hold it, and the validator reads UTF-8.
            return False

    def explain(self, message: object) -> list[Violation]:
        """What is wrong with the message: empty when it fits, at most 20 violations."""
        if self._explainer is None:
            self._explainer = self._compiled(self._source.document, _registry())
        try:
            errors = list(islice(self._explainer.iter_errors(message), _ERRORS_READ))
        except UnicodeEncodeError:
            return [unreadable_text(self._family)]
        return list(islice(violations(errors, self._family, self._source), MAX_VIOLATIONS))

    def _compiled(self, schema: dict[str, Any], registry: Registry) -> Draft202012Validator:
        return Draft202012Validator(
            schema, registry=registry, validate_formats=self._formats, email_options=_EMAIL, offline=True
        )


@cache
def core(action: str, *, formats: bool = False) -> MessageSchema:
    """The whole message ``{context, message, error?}`` of an action ("select", "on_select") by Beckn core 1.1.1.

    ``formats`` asserts uuid, date-time, date, uri and email as well.

    Raises:
        UnknownSchema: core has no such action.
    """
    return MessageSchema(f"{BASE_URI}{CORE_FOLDER}/{action}.json", CORE_FAMILY, formats=formats)


@cache
def storage(action: str) -> MessageSchema:
    """The whole message of an action as a battery-storage trade writes it: closed, formats asserted.

    Raises:
        UnknownSchema: the storage trade has no such action.
    """
    return MessageSchema(f"{BASE_URI}{STORAGE_FOLDER}/{action}.json", STORAGE_FAMILY, formats=True)


@cache
def ack() -> MessageSchema:
    """The body of the answer to every POST: ACK or NACK (Beckn core 1.1.1, default response)."""
    return MessageSchema(f"{BASE_URI}{CORE_FOLDER}/ack.json", CORE_FAMILY, formats=False)


def document(uri: str) -> Mapping[str, Any]:
    """The schema file whose ``$id`` this is.

    Raises:
        UnknownSchema: there is none.
    """
    found = _documents().get(uri)
    if found is None:
        raise UnknownSchema(f"there is no schema {uri.removeprefix(BASE_URI)}")
    return found


@cache
def _registry() -> Registry:
    return Registry(_documents().items(), draft=Draft202012)


@cache
def _deciding_documents() -> Mapping[str, dict[str, Any]]:
    return decided_faster(_documents(), _registry())


@cache
def _deciding_registry() -> Registry:
    return Registry(_deciding_documents().items(), draft=Draft202012)


@cache
def _documents() -> Mapping[str, dict[str, Any]]:
    """Every schema file by its ``$id``."""
    root = files("schemas")
    folders = (root / CORE_FOLDER, root / STORAGE_FOLDER)
    read = (json.loads(file.read_bytes()) for folder in folders for file in _json_files(folder))
    return {content["$id"]: content for content in read}


def _json_files(folder: Traversable) -> Iterator[Traversable]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _json_files(entry)
        elif entry.name.endswith(".json"):
            yield entry
