"""What an operator sees: one structured log line a message, and counters in Prometheus' form.

A line is one JSON object with ``time``, ``level``, ``logger``, ``event`` and whatever the caller passed as ``extra``,
transaction_id and message_id above all. Bodies, keys and personal data are never logged.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

import orjson
from prometheus_client import CollectorRegistry, Counter, Histogram

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """One compact JSON object a record."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "event": record.getMessage(),
        }
        line |= {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def log_to(stream: TextIO = sys.stderr, level: int = logging.INFO) -> None:
    """Send this process's log to ``stream`` as JSON lines."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Migrations report every start otherwise, and httpx every request.
    for talkative in ("alembic", "httpx"):
        logging.getLogger(talkative).setLevel(logging.WARNING)


class Metrics:
    """The counters of one participant, in a registry of its own since several may live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.received = Counter(
            "beckn_messages_received",
            "Messages that arrived, by action and outcome (ACK, or the rule that refused)",
            ["action", "outcome"],
            registry=self.registry,
        )
        self.sent = Counter(
            "beckn_calls_sent", "Calls to peers, by HTTP status (0: no answer)", ["status"], registry=self.registry
        )
        self.call_seconds = Histogram("beckn_call_seconds", "How long peers took to answer", registry=self.registry)
        self.tolerances = Counter(
            "beckn_tolerances", "Deviations that were read all the same", ["rule"], registry=self.registry
        )
        self.fanned_out = Counter(
            "beckn_gateway_fanned_out", "Searches forwarded by a gateway", ["outcome"], registry=self.registry
        )
        self._received: dict[tuple[str, str], Counter] = {}

    def count_received(self, action: str, outcome: str) -> None:
        """One more message. The counter of each pair is kept, since looking it up costs more than counting."""
        counter = self._received.get((action, outcome))
        if counter is None:
            counter = self._received[action, outcome] = self.received.labels(action, outcome)
        counter.inc()
