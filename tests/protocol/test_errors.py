"""The error tree: the drawing at the top of the file is the classes below it."""

from __future__ import annotations

import inspect
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import errors
from protocol.errors import BecknError, Diagnosis, TradeRefused

_ROW = re.compile(r"^    (?P<indent>(?:│   |    )*)(?:├── |└── )?(?P<name>[A-Z]\w+)(?P<words>.*)$")
# BECKN-005 as INTEROP 9 lists it: domain errors 30000 to 30015, business 40000 to 40006, policy 50000 to 50004.
BECKN_005 = {str(n) for block in (range(30000, 30016), range(40000, 40007), range(50000, 50005)) for n in block}
CLASSES = {
    name: found
    for name, found in vars(errors).items()
    if inspect.isclass(found) and issubclass(found, BecknError) and found.__module__ == errors.__name__
}


def drawn() -> dict[str, tuple[str | None, int | None]]:
    """The tree of the docstring: name -> (parent, HTTP status where the row ends with one), in its order."""
    tree: dict[str, tuple[str | None, int | None]] = {}
    ancestors: list[str] = []
    drawing = (errors.__doc__ or "").split("The tree::")[1].split("\n\n")[1]
    for line in drawing.splitlines():
        row = _ROW.match(line)
        assert row is not None, line
        level = 0 if row["name"] == "BecknError" else len(row["indent"]) // 4 + 1
        del ancestors[level:]
        status = re.search(r"\s(\d{3})$", row["words"])
        tree[row["name"]] = (ancestors[-1] if ancestors else None, int(status[1]) if status else None)
        ancestors.append(row["name"])
    return tree


def test_the_drawn_tree_names_every_class_with_its_parent_in_the_file_s_order() -> None:
    parents = {name: None if found is BecknError else found.__mro__[1].__name__ for name, found in CLASSES.items()}
    assert {name: parent for name, (parent, _) in drawn().items()} == parents
    assert list(drawn()) == list(CLASSES)


def test_the_drawn_http_status_is_the_class_s_own() -> None:
    statuses = {name: status for name, (_, status) in drawn().items() if status is not None}
    assert len(statuses) >= 13
    assert {name: CLASSES[name].http_status for name in statuses} == statuses


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_error_has_a_wire_code_of_beckn_005(name: str) -> None:
    assert CLASSES[name].code in BECKN_005


def test_every_named_wire_code_is_one_of_beckn_005_and_stands_once() -> None:
    codes = [value for name, value in vars(errors).items() if name.isupper() and isinstance(value, str)]
    assert len(codes) == len(set(codes)) >= 17
    assert set(codes) <= BECKN_005


def test_only_what_may_pass_by_itself_is_retryable() -> None:
    retryable = {name for name, found in CLASSES.items() if found.retryable}
    assert retryable == {"TooManyRequests", "PeerFailed", "RegistryUnavailable", "CertificateInvalid"}


def test_an_error_without_a_diagnosis_is_diagnosed_by_its_class() -> None:
    error = errors.UnknownRoute("There is no such endpoint.")
    assert (str(error), error.sentence, error.diagnosis) == (
        "There is no such endpoint.",
        "There is no such endpoint.",
        Diagnosis(rule="UnknownRoute"),
    )


def test_a_trade_refusal_carries_its_code_and_path() -> None:
    error = TradeRefused(errors.QUANTITY_UNAVAILABLE, "Only 200 kWh are free.", "/message/order/items/0")
    assert (error.trade_code, error.sentence) == ("40002", "Only 200 kWh are free.")
    assert error.diagnosis == Diagnosis(rule="trade-40002", path="/message/order/items/0")


@given(path=st.text(st.characters()), expected=st.text(st.characters()), got=st.text(st.characters(), max_size=500))
def test_a_diagnosis_of_any_text_can_be_sent_and_is_short(path: str, expected: str, got: str) -> None:
    diagnosis = Diagnosis("V2-header", path, expected, got)
    for text in (diagnosis.path, diagnosis.expected, diagnosis.got):
        assert len(text) <= 200
        assert json.loads(json.dumps(text, ensure_ascii=False).encode("utf-8")) == text


def test_a_diagnosis_is_cut_to_200_characters() -> None:
    diagnosis = Diagnosis("V2-header", "/" * 201, "e" * 201, "g" * 201)
    assert (diagnosis.path, diagnosis.expected, diagnosis.got) == ("/" * 200, "e" * 200, "g" * 200)


def test_a_diagnosis_shows_the_bytes_of_a_header_that_are_no_utf_8_as_escapes() -> None:
    assert Diagnosis("V2-header", got="a\udcffb").got == "a\\udcffb"
