"""No private address passes, however it is written, and no parser reads another host than the one that was judged."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from protocol.addresses import AddressRules, check_address, check_transport, check_url, is_public
from protocol.errors import AddressForbidden
from protocol.urls import origin

PUBLIC_ONLY = AddressRules()
LOCAL = AddressRules(allow_private=True)
ALL_HTTP = AddressRules(allow_private=True, allow_plain_http=True)


def passes(url: str, rules: AddressRules = PUBLIC_ONLY) -> bool:
    try:
        check_url(url, rules)
    except AddressForbidden:
        return False
    return True


@pytest.mark.parametrize(
    "host",
    ["bpp.example", "BPP.Example", "8.8.8.8", "[2606:4700:4700::1111]", "xn--bcher-kva.example", "a_b.example", "1.a"],
)
def test_a_public_host_with_tls_is_called(host: str) -> None:
    assert passes(f"https://{host}/beckn/search")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.255.255.254", "10.1.2.3", "100.64.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "[::1]", "[fd00::1]", "localhost", "bpp.localhost",
    ],
)  # fmt: skip
def test_a_private_address_is_called_only_where_the_settings_allow_it(host: str) -> None:
    assert not passes(f"https://{host}/")
    assert passes(f"https://{host}/", LOCAL)


@pytest.mark.parametrize(
    "host",
    [
        "0.0.0.0", "0.1.2.3", "169.254.169.254", "192.0.0.1", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1",
        "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
        "[::]", "[fe80::1]", "[fec0::1]", "[ff02::1]", "[100::1]", "[2001:db8::1]", "[3fff::1]",
        "[::ffff:7f00:1]", "[::ffff:808:808]", "[::7f00:1]", "[2002:7f00:1::]", "[2001:0:1::1]", "[64:ff9b::7f00:1]",
        "[64:ff9b:1::1]",
    ],
)  # fmt: skip
def test_an_address_that_no_participant_can_have_is_never_called(host: str) -> None:
    assert not passes(f"https://{host}/", ALL_HTTP)


@pytest.mark.parametrize(
    "host",
    [
        "127.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "127.0.0.01", "127.0.0.1.", "127.0.0.0x1",
        "[0:0:0:0:0:0:0:1]", "[::0001]", "[::ffff:127.0.0.1]", "[::127.0.0.1]", "[0::1]", "8.8.2056", "1.2.3.4.5",
        "256.1.1.1", "a..b", "-a.example", "a-.example", ".", "a" * 64, ".".join(["a" * 60] * 5),
    ],
)  # fmt: skip
def test_a_host_in_another_form_than_a_name_or_a_canonical_address_is_never_called(host: str) -> None:
    assert not passes(f"https://{host}/", ALL_HTTP)


@pytest.mark.parametrize(
    "url",
    [
        "https://user@bpp.example/", "https://user:word@bpp.example/", "https://bpp.example:0/", "ftp://bpp.example/",
        "file:///etc/passwd", "gopher://bpp.example/", "//bpp.example/", "/beckn", "", "https://", "https://bpp.example:99999/",
        "https://bpp.example\\@127.0.0.1/", "https://bpp.example#@127.0.0.1/", "https://127\u3002\uff10.0.1/",
        "https://\u2460\u2461\u2466.0.0.1/", "https://bpp.example/\r\nHost: other",
    ],
)  # fmt: skip
def test_a_url_with_anything_unusual_is_never_called(url: str) -> None:
    assert not passes(url, ALL_HTTP)


def test_plain_http_off_this_machine_is_called_only_where_the_settings_name_it() -> None:
    named = AddressRules(plain_http_hosts=frozenset({"bpp.example"}))
    assert not passes("http://bpp.example/")
    assert passes("http://bpp.example/", named)
    assert not passes("http://other.example/", named)
    assert passes("http://other.example/", ALL_HTTP)
    assert not passes("http://10.0.0.1/", LOCAL)
    assert passes("http://127.0.0.1:4002/beckn", LOCAL)


def test_a_listener_of_our_own_needs_tls_unless_only_this_machine_reaches_it() -> None:
    check_transport("host", False, "::1", PUBLIC_ONLY)
    check_transport("host", True, "0.0.0.0", PUBLIC_ONLY)
    with pytest.raises(AddressForbidden):
        check_transport("host", False, "0.0.0.0", PUBLIC_ONLY)


def test_the_refusal_names_the_setting_that_would_allow_it() -> None:
    with pytest.raises(AddressForbidden, match=r"network\.allow_private_addresses") as caught:
        check_url("https://10.0.0.1/", PUBLIC_ONLY)
    assert caught.value.retryable is False


PRIVATE_NUMBERS = st.one_of(
    st.integers(0x0A000000, 0x0AFFFFFF),
    st.integers(0x64400000, 0x647FFFFF),
    st.integers(0x7F000000, 0x7FFFFFFF),
    st.integers(0xA9FE0000, 0xA9FEFFFF),
    st.integers(0xAC100000, 0xAC1FFFFF),
    st.integers(0xC0A80000, 0xC0A8FFFF),
    st.integers(0xE0000000, 0xFFFFFFFF),
)


def notations(number: int) -> list[str]:
    """Every way to write an IPv4 address that some library reads."""
    a, b, c, d = number.to_bytes(4, "big")
    dotted = f"{a}.{b}.{c}.{d}"
    carriers = {
        "mapped": (0xFFFF << 32) | number,
        "compatible": number,
        "6to4": (0x2002 << 112) | (number << 80),
        "Teredo": (0x20010000 << 96) | (number ^ 0xFFFFFFFF),
        "NAT64": (0x64FF9B << 96) | number,
    }
    return [
        dotted, str(number), hex(number), f"0{number:o}", f"{a}.{number & 0xFFFFFF}", f"{a}.{b}.{number & 0xFFFF}",
        f"0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}", f"0{a:o}.0{b:o}.0{c:o}.0{d:o}", f"{a:03}.{b:03}.{c:03}.{d:03}",
        f"{dotted}.", f"[::ffff:{dotted}]", f"[::{dotted}]",
        *(f"[{IPv6Address(carrier)}]" for carrier in carriers.values()),
    ]  # fmt: skip


@given(PRIVATE_NUMBERS, st.sampled_from(["http", "https"]), st.integers(1, 65_535))
def test_no_private_address_passes_in_any_notation(number: int, scheme: str, port: int) -> None:
    for host in notations(number):
        assert not passes(f"{scheme}://{host}:{port}/", AddressRules(allow_plain_http=True)), host


@given(st.ip_addresses(v=6))
def test_an_ipv6_address_that_is_called_is_global_unicast(address: IPv6Address) -> None:
    if is_public(address):
        assert address.is_global
        assert (address.ipv4_mapped, address.sixtofour, address.teredo) == (None, None, None)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_that_is_called_is_global_unicast(address: IPv4Address) -> None:
    if is_public(address):
        assert address.is_global
        assert not address.is_multicast


NUMBERS = r"(0[xX])?[0-9a-f]{1,10}(\.(0[xX])?[0-9a-f]{0,5}){0,4}"


@given(st.from_regex(NUMBERS, fullmatch=True))
def test_a_host_that_the_system_would_read_as_an_address_is_judged_as_that_address(host: str) -> None:
    if passes(f"https://{host}/"):
        try:
            meant = socket.inet_ntoa(socket.inet_aton(host))
        except OSError:
            return
        assert meant == host
        assert is_public(IPv4Address(host))


PIECES = st.sampled_from(
    [
        "http://",
        "https://",
        "bpp.example",
        "127.0.0.1",
        "[::1]",
        "@",
        ":",
        "/",
        "\\",
        "?",
        "#",
        "%",
        "8080",
        ".",
        "a",
        "\u3002",
    ]
)


@given(st.lists(PIECES, max_size=8).map("".join))
def test_what_passes_is_read_alike_by_the_library_that_calls_it(url: str) -> None:
    if passes(url, ALL_HTTP):
        judged, called = origin(url), URL(url)
        assert judged is not None
        assert (judged.scheme, judged.host, judged.port) == (called.scheme, called.host, called.port)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "fe80::1%eth0", "169.254.169.254", "::ffff:10.0.0.1", "bpp"])
def test_a_name_that_leads_to_a_private_address_is_refused(address: str) -> None:
    with pytest.raises(AddressForbidden):
        check_address("bpp.example", address, PUBLIC_ONLY)
