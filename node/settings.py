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
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from energy.wire.v1.tolerances.rules import Reading
from node.rates import Rate
from node.reading import NAMES
from protocol.addresses import AddressRules
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
    """The registry that this participant trusts; its two public keys are pinned here.

    ``signs_challenges`` false: it sends them unsigned (INTEROP 6, dpi and ONDC), and whoever sends one is answered that
    was encrypted with the pinned key.
    """

    url: str
    subscriber_id: str
    signing_public_key: str
    encr_public_key: str
    signs_challenges: bool = True


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


@dataclass(frozen=True, slots=True)
class KeySettings:
    """Our own keys (`node.keycare`), and how often strangers may make us ask the registry for theirs.

    The key file is sealed under the passphrase in ``passphrase_file``, where one is named.
    """

    overlap_s: int = 86_400
    check_every_s: int = 5
    renew_before_days: int = 30
    passphrase_file: Path | None = None
    stranger_lookups: Rate = field(default_factory=lambda: Rate(per_minute=600, burst=200))


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """Whom we call: public addresses with TLS, and what this adds (`protocol.addresses`).

    ``plain_http_hosts`` and ``allow_plain_http`` name hosts off this machine, or all of them, that need no TLS: peers,
    ``public_url`` and our own ``host``. ``ca_file`` (PEM) holds authorities that count besides the system's.
    """

    allow_private_addresses: bool = False
    allow_plain_http: bool = False
    plain_http_hosts: tuple[str, ...] = ()
    ca_file: Path | None = None

    @property
    def rules(self) -> AddressRules:
        """The same as the pure object."""
        hosts = frozenset(host.lower() for host in self.plain_http_hosts)
        return AddressRules(self.allow_private_addresses, self.allow_plain_http, hosts)


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """Our certificate chain and its key (PEM files), for the listener and for peers that ask who calls.

    With ``client_ca`` a caller may show a certificate of those authorities; ``require_client_certificate``: it must.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None
    require_client_certificate: bool = False


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """How often who may call (`node.access`), and how long a login lasts (`node.login`).

    ``token_rate`` holds for each token or account on our API, ``peer_rate`` for each subscriber whose message was
    verified, ``address_rate`` for each address below ``/beckn`` before that, ``guess_rate`` for each address that shows
    a token which is not known at the moment. From the ``failures_free``-th wrong password in a row on there is a wait:
    one second, doubled by each further one up to ``lock_max_s``.
    """

    token_rate: Rate = field(default_factory=lambda: Rate(per_minute=12_000, burst=2_000))
    peer_rate: Rate = field(default_factory=lambda: Rate(per_minute=60_000, burst=10_000))
    address_rate: Rate = field(default_factory=lambda: Rate(per_minute=120_000, burst=20_000))
    guess_rate: Rate = field(default_factory=lambda: Rate(per_minute=600, burst=200))
    session_idle_s: int = 3_600
    session_max_s: int = 43_200
    failures_free: int = 5
    lock_max_s: int = 900


@dataclass(frozen=True, slots=True)
class PeerAnswerSettings:
    """How the peer with this subscriber id wants to hear ACK and NACK (`node.answers`).

    ``ack_status`` is 200 or 202, ``error`` "beside" the ``message`` or "inside" it.
    """

    subscriber_id: str
    ack_status: int = 200
    error: str = "beside"

    def __post_init__(self) -> None:
        if self.ack_status not in (200, 202):
            raise SettingsWrong(f"answers.peers: ack_status must be 200 or 202, but is {self.ack_status}")
        if self.error not in ("beside", "inside"):
            raise SettingsWrong(f"answers.peers: error must be beside or inside, but is {self.error!r}")


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """What our ACK and NACK look like; ``docs_url`` is where a NACK's reader finds the page of errors."""

    docs_url: str = "docs/errors.md"
    peers: tuple[PeerAnswerSettings, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadingSettings:
    """How messages are read that leave the strict form (`node.reading`; ``strict`` refuses all of them).

    ``without`` names the tolerances of ``docs/divergences.md`` that are not taken. ``zone`` is the one of times that
    name none, as the time zone database calls it.
    """

    without: tuple[str, ...] = ()
    zone: str = "UTC"

    def __post_init__(self) -> None:
        for name in self.without:
            if name not in NAMES:
                near = difflib.get_close_matches(name, NAMES, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise SettingsWrong(f"reading.without: {name} is no tolerance{hint}")
        try:
            zone_of(self.zone)
        except ValueError:
            raise SettingsWrong(f"reading.zone: {self.zone!r} is no time zone such as Asia/Kolkata") from None


def zone_of(name: str) -> tzinfo:
    """The time zone of that name.

    Raises:
        ValueError: there is none.
    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError) as error:
        # A folder of the database, such as Asia, is an error of the file system.
        raise ValueError(str(error)) from None


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """How many days messages that are over and an operator's samples are kept: 0 for ever, otherwise at least 7.

    Messages are counted in wire time (`node.retention`), samples in trade time (`bpp.store.samples`).
    """

    messages_days: int = 0
    samples_days: int = 0

    def __post_init__(self) -> None:
        for name, days in (("messages_days", self.messages_days), ("samples_days", self.samples_days)):
            if days and days < 7:
                raise SettingsWrong(f"retention.{name} must be 0 or at least 7, but is {days}")


@dataclass(frozen=True, kw_only=True)
class NodeSettings:
    """What every participant needs. ``public_url`` is what the registry holds, usually ending in ``/beckn``.

    ``data_key_file`` holds the keys that personal data in the database is sealed under (`node.data_keys`); without it
    that data is stored plain.
    """

    subscriber_id: str
    data_dir: Path
    public_url: str
    host: str = "127.0.0.1"
    port: int = 0
    database_url: str | None = None
    data_key_file: Path | None = None
    domains: tuple[str, ...] = ("dent:0.1.0",)
    city_code: str = "std:080"
    country_code: str = "IND"
    strict: bool = False
    registry: RegistrySettings | None = None
    trade_time: TradeTimeSettings = field(default_factory=TradeTimeSettings)
    times: TimeLimits = field(default_factory=TimeLimits)
    sizes: SizeLimits = field(default_factory=SizeLimits)
    retry: RetrySettings = field(default_factory=RetrySettings)
    keys: KeySettings = field(default_factory=KeySettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    tls: TlsSettings | None = None
    access: AccessSettings = field(default_factory=AccessSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    answers: AnswerSettings = field(default_factory=AnswerSettings)
    reading: ReadingSettings = field(default_factory=ReadingSettings)

    @property
    def policy(self) -> Policy:
        """What the verifier needs of these settings."""
        return Policy(
            domains=self.domains,
            max_body_bytes=self.sizes.max_body_bytes,
            max_depth=self.sizes.max_depth,
            zone=zone_of(self.reading.zone),
        )

    @property
    def how_to_read(self) -> Reading:
        """What the reader needs of these settings."""
        return Reading(self.strict, frozenset(self.reading.without), zone_of(self.reading.zone))

    def database(self, name: str) -> str:
        """The database URL; by default one SQLite file per role in ``data_dir``."""
        return self.database_url or f"sqlite:///{self.data_dir / name}.sqlite"


S = TypeVar("S")


def load(path: Path, kind: type[S]) -> S:
    """The settings in a TOML file.

    Raises:
        SettingsWrong: unreadable, no TOML, an unknown or missing key, a value of the wrong type; one line.
    """
    return cast(S, _build(kind, _read(path), str(path), ""))


def load_common(path: Path) -> NodeSettings:
    """What every role has, of any role's file; the role's own settings are passed over. Raises as `load`."""
    common = {item.name for item in dataclasses.fields(NodeSettings)}
    raw = {name: value for name, value in _read(path).items() if name in common}
    return cast(NodeSettings, _build(NodeSettings, raw, str(path), ""))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsWrong(f"{path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsWrong(f"{path}: not TOML: {error}") from None


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
