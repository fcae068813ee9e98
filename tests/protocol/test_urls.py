"""Two URLs as one endpoint, two URLs on one server."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.urls import Origin, origin, same_origin, same_url


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("http://bpp.example/beckn", "HTTP://BPP.example:80/beckn/", True),
        ("https://bpp.example/beckn", "https://bpp.example:443/beckn", True),
        ("https://bpp.example/beckn", "http://bpp.example/beckn", False),
        ("https://bpp.example/beckn", "https://bpp.example/other", False),
        ("https://user@bpp.example/beckn", "https://bpp.example/beckn", False),
        ("https://bpp.example/beckn?a=1", "https://bpp.example/beckn", False),
    ],
)
def test_one_endpoint_is_one_scheme_host_port_and_path(one: str, other: str, same: bool) -> None:
    assert same_url(one, other) is same


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("HTTPS://BPP.example", Origin("https", "bpp.example", 443)),
        ("http://bpp.example:8080/a?b=c", Origin("http", "bpp.example", 8_080)),
        ("https://[2606:4700::1111]:444/", Origin("https", "2606:4700::1111", 444)),
        ("https://bpp.example:0/", None),
        ("https://bpp.example:65536/", None),
        ("https://bpp.example:0443/", None),
        ("https://bpp.example:/", None),
        ("https://bpp.example/#fragment", None),
        ("https://bpp.example/a b", None),
        ("https://bpp.example/\n", None),
        ("https://bpp.exam\u00adple/", None),
        ("https://127\u30020\u30020\u30021/", None),
        ("https://bpp%2eexample/", None),
        ("https://bpp.example\\@other.example/", None),
        ("https://[127.0.0.1]/", None),
        ("https://[fe80::1%25eth0]/", None),
        ("ftp://bpp.example/", None),
        ("https:bpp.example", None),
    ],
)
def test_an_origin_is_read_from_a_plain_absolute_url_only(url: str, found: Origin | None) -> None:
    assert origin(url) == found


@pytest.mark.parametrize(
    ("url", "known", "same"),
    [
        ("http://bpp.example/forms/1", "http://bpp.example/beckn", True),
        ("http://BPP.example:80/forms/1", "http://bpp.example/beckn", True),
        ("https://bpp.example/forms/1", "https://bpp.example:443/beckn", True),
        ("https://bpp.example/forms/1", "http://bpp.example/beckn", False),
        ("http://bpp.example:8080/forms/1", "http://bpp.example/beckn", False),
        ("http://other.example/forms/1", "http://bpp.example/beckn", False),
        ("http://bpp.example@other.example/", "http://bpp.example/beckn", False),
        ("http://user@bpp.example/", "http://bpp.example/beckn", False),
        ("file:///etc/passwd", "http://bpp.example/beckn", False),
        ("//bpp.example/forms/1", "http://bpp.example/beckn", False),
        ("http://bpp.example:port/", "http://bpp.example/beckn", False),
        ("", "", False),
    ],
)
def test_one_origin_is_one_scheme_host_and_port(url: str, known: str, same: bool) -> None:
    assert same_origin(url, known) is same


@settings(deadline=None)
@given(st.text(max_size=30))
def test_no_text_is_of_an_origin_that_is_none(text: str) -> None:
    assert not same_origin(text, "mailto:desk@bpp.example")
