"""Settings: TOML files read into frozen dataclasses, checked on load with the path of the wrong key.

A role derives its own class from `NodeSettings` and adds sections. Unknown keys are errors, so a typing mistake never
silently becomes a default; a missing key takes the default written here. Secrets come from files, never from settings.
"""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast

from protocol.errors import SettingsWrong
from protocol.policy import Policy
from protocol.retry import RetrySchedule


@dataclass(frozen=True, slots=True)
class TradeTimeSettings:
    """Trade time = ``epoch`` + ``speed`` × (wall time − ``started``); all roles of a network share these three."""

    epoch: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    started: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    speed: int = 1


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """The registry that this participant trusts; its two public keys are pinned here."""

    url: str
    subscriber_id: str
    signing_public_key: str
    encr_public_key: str


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Waiting times in seconds of wall time."""

    peer_timeout_s: int = 10
    stop_within_s: int = 10
    key_cache_s: int = 60
    key_lookup_every_s: int = 10
    registry_outage_s: int = 3_600
    signature_window_s: int = 300


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """How much of everything."""

    max_body_bytes: int = 4 * 1024 * 1024
    max_answer_bytes: int = 1024 * 1024
    max_depth: int = 64
    flights_per_destination: int = 16
    flights: int = 128
    decisions_at_once: int = 64


@dataclass(frozen=True, slots=True)
class RetrySettings:
    """The outbox's schedule, see `protocol.retry`."""

    first_delay_s: float = 0.5
    max_delay_s: float = 60.0
    max_attempts: int = 20

    @property
    def schedule(self) -> RetrySchedule:
        """The same as the pure object."""
        return RetrySchedule(self.first_delay_s, self.max_delay_s, self.max_attempts)


@dataclass(frozen=True, kw_only=True)
class NodeSettings:
    """What every participant needs. ``public_url`` is what the registry holds, usually ending in ``/beckn``."""

    subscriber_id: str
    data_dir: Path
    public_url: str
    host: str = "127.0.0.1"
    port: int = 0
    database_url: str | None = None
    domains: tuple[str, ...] = ("dent:0.1.0",)
    city_code: str = "std:080"
    country_code: str = "IND"
    strict: bool = False
    registry: RegistrySettings | None = None
    trade_time: TradeTimeSettings = field(default_factory=TradeTimeSettings)
    times: TimeLimits = field(default_factory=TimeLimits)
    sizes: SizeLimits = field(default_factory=SizeLimits)
    retry: RetrySettings = field(default_factory=RetrySettings)

    @property
    def policy(self) -> Policy:
        """What the verifier needs of these settings."""
        return Policy(domains=self.domains, max_body_bytes=self.sizes.max_body_bytes, max_depth=self.sizes.max_depth)

    def database(self, name: str) -> str:
        """The database URL; by default one SQLite file per role in ``data_dir``."""
        return self.database_url or f"sqlite:///{self.data_dir / name}.sqlite"


S = TypeVar("S", bound=NodeSettings)


def load(path: Path, kind: type[S]) -> S:
    """The settings in a TOML file.

    Raises:
        SettingsWrong: unreadable, no TOML, an unknown or missing key, a value of the wrong type; one line.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsWrong(f"{path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsWrong(f"{path}: not TOML: {error}") from None
    return cast(S, _build(kind, raw, str(path), ""))


def _build(kind: type[Any], raw: Mapping[str, Any], file: str, section: str) -> Any:
    hints = typing.get_type_hints(kind)
    fields = {item.name: item for item in dataclasses.fields(kind)}
    for key in raw:
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise SettingsWrong(f"{file}: {section}{key} is not a setting{hint}")
    values = {}
    for name, item in fields.items():
        if name in raw:
            values[name] = _value(hints[name], raw[name], file, f"{section}{name}")
        elif item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
            raise SettingsWrong(f"{file}: {section}{name} is missing")
    return kind(**values)


def _value(hint: Any, raw: Any, file: str, path: str) -> Any:
    if isinstance(hint, types.UnionType):
        hint = next(option for option in typing.get_args(hint) if option is not type(None))
    if dataclasses.is_dataclass(hint) and isinstance(raw, dict):
        return _build(cast(type[Any], hint), raw, file, f"{path}.")
    if typing.get_origin(hint) is tuple and isinstance(raw, list):
        inner = typing.get_args(hint)[0]
        return tuple(_value(inner, entry, file, f"{path}[{index}]") for index, entry in enumerate(raw))
    if hint is Path and isinstance(raw, str):
        return Path(raw)
    if hint is float and isinstance(raw, int) and not isinstance(raw, bool):
        return float(raw)
    if hint is datetime and isinstance(raw, datetime):
        if raw.tzinfo is None:
            raise SettingsWrong(f"{file}: {path} needs a zone, such as Z")
        return raw.astimezone(UTC)
    if isinstance(hint, type) and type(raw) is hint:
        return raw
    name = getattr(hint, "__name__", str(hint))
    raise SettingsWrong(f"{file}: {path} must be of type {name}, but is {raw!r}")
