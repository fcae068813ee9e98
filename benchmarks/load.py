"""A raw-socket HTTP generator: pre-built requests over keep-alive connections, one in flight on each.

It does nothing per answer but look for its end and its first line, so that it is not what is measured: alone, against
a sink that counts bytes and answers (`benchmarks.servers sink`), it exceeds 20,000 requests a second on one core.
"""

from __future__ import annotations

import selectors
import socket
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

CONNECTIONS = 64
ANSWER_BYTES = 65_536


@dataclass(frozen=True)
class Load:
    """What one run saw. Latencies in milliseconds."""

    requests: int
    seconds: float
    wrong: int
    latencies_ms: tuple[float, ...]

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    def percentile_ms(self, share: float) -> float:
        """The latency below which ``share`` of the answers came."""
        ordered = sorted(self.latencies_ms)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def request(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """The bytes of one POST."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += ["Content-Type: application/json", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def drive(port: int, requests: Sequence[bytes], connections: int = CONNECTIONS) -> Load:
    """Send all requests as fast as the answers come back."""
    selector = selectors.DefaultSelector()
    waiting = iter(requests)
    started_at: dict[socket.socket, float] = {}
    latencies: list[float] = []
    wrong = 0
    begun = time.perf_counter()
    for _, first in zip(range(connections), waiting, strict=False):
        link = socket.create_connection(("127.0.0.1", port))
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(link, selectors.EVENT_READ, bytearray())
        started_at[link] = time.perf_counter()
        link.sendall(first)
    while started_at:
        for key, _ in selector.select():
            link: socket.socket = key.fileobj  # type: ignore[assignment]
            key.data.extend(link.recv(ANSWER_BYTES))
            if not _is_whole(key.data):
                continue
            now = time.perf_counter()
            latencies.append((now - started_at[link]) * 1_000)
            wrong += not key.data.startswith(b"HTTP/1.1 200")
            key.data.clear()
            following = next(waiting, None)
            if following is None:
                selector.unregister(link)
                link.close()
                del started_at[link]
            else:
                started_at[link] = now
                link.sendall(following)
    return Load(len(latencies), time.perf_counter() - begun, wrong, tuple(latencies))


def _is_whole(answer: bytearray) -> bool:
    head = answer.find(b"\r\n\r\n")
    if head < 0:
        return False
    length = answer.find(b"Content-Length: ")
    if length < 0 or length > head:
        return True
    return len(answer) >= head + 4 + int(answer[length + 16 : answer.find(b"\r\n", length)])


def spread(values: Sequence[float]) -> str:
    """Median and half the range, as text."""
    half = (max(values) - min(values)) / 2
    return f"{statistics.median(values):,.0f} ± {half:,.0f}"
