"""Links to live values: whoever was told one has it, and nobody makes one, lengthens one or turns it to another."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import assume, given
from hypothesis import strategies as st

from bpp.tracking import made, read
from tests.energy.examples import at

CONTRACT = "6a0a21fd-6d54-4a25-9a4d-8a4c5b1b7f01"
OTHER = "6a0a21fd-6d54-4a25-9a4d-8a4c5b1b7f02"


@given(st.text(min_size=1), st.integers(0, 10**6))
def test_a_link_says_its_contract_and_its_end_and_proves_them(secret: str, seconds: int) -> None:
    until = at(0) + timedelta(seconds=seconds)
    link = read(made(CONTRACT, until, secret))
    assert link is not None
    assert (link.contract_id, link.until) == (CONTRACT, until)
    assert link.is_signed(secret)
    assert not link.is_signed(f"{secret}x")
    assert not link.is_signed(None)


def test_a_link_that_was_lengthened_or_turned_to_another_contract_proves_nothing() -> None:
    text = made(CONTRACT, at(1), "secret")
    later = text.replace(str(int(at(1).timestamp())), str(int(at(9).timestamp())))
    for forged in (later, text.replace(CONTRACT, OTHER)):
        assert forged != text
        link = read(forged)
        assert link is not None
        assert not link.is_signed("secret")


@given(st.data())
def test_a_link_with_another_character_somewhere_is_no_link_or_proves_nothing(data: st.DataObject) -> None:
    text = made(CONTRACT, at(1), "secret")
    place = data.draw(st.integers(0, len(text) - 1))
    changed = text[:place] + data.draw(st.characters()) + text[place + 1 :]
    assume(changed != text)
    link = read(changed)
    # The last character of base64 carries bits that count for nothing, so the text itself is compared.
    assert link is None or not link.is_signed("secret")


@given(st.text())
def test_any_other_text_is_no_link(text: str) -> None:
    assert read(text) is None
