"""How often somebody may do something: a token bucket for each caller, with a bounded number of callers.

A bucket holds ``burst`` tokens and gains ``per_minute`` of them in a minute; what is done takes one. Time is an
argument. Of more than ``callers_max`` callers the one that was not seen for longest is forgotten, which gives it a full
bucket: memory stays bounded, and only somebody with that many addresses gains by it.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

CALLERS_MAX = 10_000
# A bucket is counted in parts of a token, so that it fills exactly: at a rate of N a minute N parts each microsecond.
_PARTS = 60_000_000
_MICROSECOND = timedelta(microseconds=1)
_IPV6_NETWORK_BITS = 64


@dataclass(frozen=True, slots=True)
class Rate:
    """``per_minute`` things a minute in the long run, ``burst`` of them at once; ``per_minute`` 0: no limit."""

    per_minute: int
    burst: int


@dataclass(slots=True)
class _Bucket:
    parts: int
    filled_at: datetime


class RateLimit:
    """One rate, kept for each caller by itself."""

    def __init__(self, rate: Rate, callers_max: int = CALLERS_MAX) -> None:
        self._rate = rate
        self._callers_max = callers_max
        self._buckets: dict[str, _Bucket] = {}

    def wait_s(self, caller: str, now: datetime, *, taking: bool = True) -> int:
        """0: go ahead, and a token is taken. Otherwise whole seconds until there will be one; nothing is taken.

        ``taking`` False only asks: what costs a token is known later.
        """
        if self._rate.per_minute <= 0:
            return 0
        bucket = self._buckets.pop(caller, None) or _Bucket(self._rate.burst * _PARTS, now)
        if len(self._buckets) >= self._callers_max:
            self._buckets.pop(next(iter(self._buckets)))
        self._buckets[caller] = bucket
        self._fill(bucket, now)
        if bucket.parts >= _PARTS:
            bucket.parts -= _PARTS if taking else 0
            return 0
        return -((bucket.parts - _PARTS) // (self._rate.per_minute * 1_000_000))

    def _fill(self, bucket: _Bucket, now: datetime) -> None:
        # A clock that was set back gives nothing and takes nothing.
        passed_us = max((now - bucket.filled_at) // _MICROSECOND, 0)
        bucket.parts = min(bucket.parts + passed_us * self._rate.per_minute, self._rate.burst * _PARTS)
        bucket.filled_at = now


def network_of(address: str | None) -> str:
    """Whom a remote address counts for: an IPv4 address itself, of IPv6 its /64, which one subscriber line gets."""
    try:
        ip = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, _IPV6_NETWORK_BITS), strict=False))
    return str(ip)
