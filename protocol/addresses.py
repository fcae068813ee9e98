"""Which addresses may be called: nobody's message makes us a way into a private network.

Rules, for each URL before it is called and for each address that its name has when we connect:

1. http or https, to a host that is a name or an IP address in its canonical form, without a user. ``127.1``,
   ``0x7f000001`` and ``2130706433`` are refused whatever they mean, since every library reads them differently.
2. The address is a public one. Loopback, private, shared (RFC 6598) and unique local addresses are called only where
   the settings say so (`AddressRules.allow_private`).
3. Link-local addresses (a cloud's metadata service), multicast, reserved and documentation addresses and IPv6
   addresses that carry an IPv4 one (mapped, compatible, 6to4, Teredo, NAT64) are never called: no participant has one.
4. Off this machine only with TLS, unless the settings name the host or allow plain HTTP.

Sources: IANA's IPv4 and IPv6 special-purpose address registries; issue "Trust and delivery". Nothing here resolves a
name: `node.addresses` asks `check_address` for what a name resolved to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network

from protocol.errors import AddressForbidden, Diagnosis
from protocol.urls import origin

Address = IPv4Address | IPv6Address

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
# A last label such as these makes libraries read the whole name as an IPv4 address.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_NAME_LENGTH_MAX = 253
_LOOPBACK = IPv4Address("127.0.0.1")
_LOOPBACKS = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
_PRIVATE = (
    *_LOOPBACKS,
    IPv4Network("10.0.0.0/8"),
    IPv4Network("100.64.0.0/10"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv6Network("fc00::/7"),
)
_NEVER = (
    IPv4Network("0.0.0.0/8"),
    IPv4Network("169.254.0.0/16"),
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.0.2.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv4Network("198.18.0.0/15"),
    IPv4Network("198.51.100.0/24"),
    IPv4Network("203.0.113.0/24"),
    IPv4Network("224.0.0.0/3"),
    IPv6Network("2001::/23"),
    IPv6Network("2001:db8::/32"),
    IPv6Network("2002::/16"),
    IPv6Network("3fff::/20"),
)
# All global unicast IPv6 addresses that were ever given out; everything outside is special in some way.
_GLOBAL_V6 = IPv6Network("2000::/3")


@dataclass(frozen=True, slots=True)
class AddressRules:
    """What a network allows beyond public addresses with TLS. ``plain_http_hosts`` are hosts as URLs name them."""

    allow_private: bool = False
    allow_plain_http: bool = False
    plain_http_hosts: frozenset[str] = frozenset()


def check_url(url: str, rules: AddressRules) -> None:
    """Rules 1 and 4, and 2 and 3 where the host is an address.

    Raises:
        AddressForbidden: it may not be called.
    """
    called = origin(url)
    if called is None:
        raise _forbidden(url, "address-form", "a plain http or https URL", "something else")
    address = _literal(called.host)
    if address is None and not _is_name(called.host):
        raise _forbidden(url, "address-form", "a host name or a canonical IP address", called.host)
    if address is not None:
        _check(url, address, rules)
    check_transport(url, called.scheme == "https", called.host, rules)


def check_address(url: str, address: str, rules: AddressRules) -> None:
    """Rules 2 and 3 for an address that the URL's name resolved to.

    Raises:
        AddressForbidden: the name must not be called, whatever other addresses it has.
    """
    _check(url, _parsed(address), rules)


def check_transport(what: str, is_encrypted: bool, host: str, rules: AddressRules) -> None:
    """Rule 4, for a URL or for a listener of our own.

    Raises:
        AddressForbidden: plain HTTP off this machine.
    """
    if is_encrypted or rules.allow_plain_http or host in rules.plain_http_hosts or is_loopback(host):
        return
    raise _forbidden(what, "address-tls", "TLS, or the host in network.plain_http_hosts", "plain HTTP off this machine")


def is_loopback(host: str) -> bool:
    """Whether the host can only be this machine: ``localhost`` or a canonical loopback address."""
    address = _literal(host)
    return address is not None and _is_in(address, _LOOPBACKS)


def is_public(address: Address) -> bool:
    """Whether the address is one that everybody on the Internet may have."""
    if isinstance(address, IPv6Address) and address not in _GLOBAL_V6:
        return False
    return not _is_in(address, _PRIVATE) and not _is_in(address, _NEVER)


def _check(url: str, address: Address | None, rules: AddressRules) -> None:
    if address is not None and (is_public(address) or (rules.allow_private and _is_in(address, _PRIVATE))):
        return
    if address is not None and _is_in(address, _PRIVATE):
        expected = "a public address, unless network.allow_private_addresses is set"
    else:
        expected = "a public address"
    raise _forbidden(url, "address", expected, str(address))


def _literal(host: str) -> Address | None:
    """The host's address when it is written as one in canonical form, or is the name of this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return _LOOPBACK
    address = _parsed(host)
    return address if str(address) == host else None


def _parsed(text: str) -> Address | None:
    for kind in (IPv4Address, IPv6Address):
        try:
            return kind(text)
        except AddressValueError:
            continue
    return None


def _is_name(host: str) -> bool:
    labels = host.split(".")
    whole = len(host) <= _NAME_LENGTH_MAX and all(_LABEL.fullmatch(label) for label in labels)
    return whole and _NUMBER.fullmatch(labels[-1]) is None


def _is_in(address: Address, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    return any(address in network for network in networks)


def _forbidden(url: str, rule: str, expected: str, got: str) -> AddressForbidden:
    return AddressForbidden(f"{url[:200]} is not called: {got}, not {expected}.", Diagnosis(rule, url, expected, got))
