"""What a program sends when it fills in a page that was made for people."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.forms import FIELDS_MAX, HtmlForm, read_form


def test_a_form_is_sent_with_its_hidden_fields_and_every_box_ticked() -> None:
    page = (
        b'<p>Terms</p><form method="post" action="agree"><input type=hidden name=once value="a&amp;b">'
        b'<label><input type="checkbox" name="terms" value="yes" required> I agree</label>'
        b"<button>Agree</button></form>"
    )
    assert read_form(page) == HtmlForm("agree", "post", (("once", "a&b"), ("terms", "yes")))


def test_a_box_without_a_value_is_sent_as_on_and_a_text_as_it_stands() -> None:
    page = (
        b"<form><input type=checkbox name=a><input name=b value=c><textarea name=d>\nTwo\nlines &lt;</textarea></form>"
    )
    form = read_form(page)
    assert form is not None
    assert form.fields == (("a", "on"), ("b", "c"), ("d", "Two\nlines <"))
    assert form.method == "get"


@pytest.mark.parametrize(
    "field",
    [
        b"<input value=unnamed>",
        b"<input type=file name=a>",
        b"<input type=reset name=a>",
        b"<input name=a disabled>",
        b"<p name=a>",
    ],
)
def test_what_a_browser_does_not_send_is_not_sent(field: bytes) -> None:
    assert read_form(b"<form>" + field + b"</form>") == HtmlForm("", "get", ())


def test_of_several_buttons_and_of_radio_buttons_the_first_counts() -> None:
    page = (
        b"<form><input type=radio name=r value=1><input type=radio name=r value=2>"
        b"<button name=x value=yes></button><button name=x value=no></button></form>"
    )
    form = read_form(page)
    assert form is not None
    assert form.fields == (("r", "1"), ("x", "yes"))


def test_fields_outside_of_the_first_form_do_not_count() -> None:
    page = b"<input name=a><form action=one><input name=b></form><input name=c><form action=two><input name=d></form>"
    assert read_form(page) == HtmlForm("one", "get", (("b", ""),))


@pytest.mark.parametrize("page", [b"", b"Thank you!", b'{"submission_id":"1"}', b"\xff\xfe<forms>"])
def test_a_page_without_a_form_has_none(page: bytes) -> None:
    assert read_form(page) is None


def test_a_form_without_end_is_read_up_to_a_limit() -> None:
    form = read_form(b"<form>" + b"<input name=a>" * (FIELDS_MAX * 2))
    assert form is not None
    assert len(form.fields) == FIELDS_MAX


@given(st.lists(st.tuples(st.text(min_size=1, max_size=8), st.text(max_size=8)), max_size=5))
def test_the_body_says_the_fields_whatever_is_in_them(fields: list[tuple[str, str]]) -> None:
    body = HtmlForm("", "post", tuple(fields)).body.decode()
    assert parse_qsl(body, keep_blank_values=True, errors="replace") == fields


@given(st.binary(max_size=200))
def test_any_bytes_after_a_form_tag_are_read_without_an_error(rest: bytes) -> None:
    assert read_form(b"<form>" + rest) is not None
