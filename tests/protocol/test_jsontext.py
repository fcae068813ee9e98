"""Reading arriving JSON: as the standard decoder does, but nothing that two readers could read differently."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import Malformed
from protocol.jsontext import parse_object

DEPTH = 64
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=20
)
_OBJECTS = st.dictionaries(st.text(), _VALUES, max_size=5)


def assert_malformed(body: bytes, expected: str = "") -> Malformed:
    with pytest.raises(Malformed) as caught:
        parse_object(body, DEPTH)
    assert type(caught.value) is Malformed
    assert expected in caught.value.diagnosis.expected
    return caught.value


def depth_of(value: Any) -> int:
    """How many brackets stand around the innermost value."""
    if isinstance(value, dict):
        return 1 + max((depth_of(inner) for inner in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((depth_of(inner) for inner in value), default=0)
    return 0


@given(value=_OBJECTS, ascii_only=st.booleans(), indent=st.sampled_from([None, 2]))
def test_whatever_json_dumps_writes_is_read_as_json_loads_reads_it(
    value: dict[str, Any], ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert parse_object(text.encode(), 500) == json.loads(text) == value


@given(st.binary() | st.text('{}[]",:\\u0189aftn eE+-.').map(str.encode))
def test_any_bytes_are_an_object_or_malformed(body: bytes) -> None:
    try:
        parsed = parse_object(body, DEPTH)
    except Malformed as error:
        rule = error.diagnosis.rule
        assert rule in {"V1-body", "V1-duplicate-key"}
    else:
        assert parsed == json.loads(body)


# -- text ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [b'{"a":"\xff"}', b'{"a":"\xed\xa0\x80"}', b"\xff\xfe{\x00}\x00", '{"ä":1}'.encode("latin-1")]
)
def test_bytes_that_are_no_utf_8_are_refused(body: bytes) -> None:
    assert assert_malformed(body, "UTF-8").diagnosis.rule == "V1-body"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"}",
        b"hello",
        b"{'a':1}",
        b'{"a":1,}',
        b'{"a":01}',
        b'{"a":1} {}',
        b'{"a"}',
        b'{"a":tru}',
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":"\n"}',
        b'{"a":"\\x"}',
        b"// no\n{}",
        b'{"a":"unfinished',
        b'{"a":"\\',
    ],
)
def test_a_body_that_is_no_json_is_refused_with_the_place(body: bytes) -> None:
    assert "at character" in assert_malformed(body, "JSON").diagnosis.got


@pytest.mark.parametrize(("body", "kind"), [(b"[]", "list"), (b'"a"', "str"), (b"1", "int"), (b"null", "NoneType")])
def test_a_json_value_that_is_no_object_is_refused_by_its_kind(body: bytes, kind: str) -> None:
    assert assert_malformed(body, "a JSON object").diagnosis.got == kind


@pytest.mark.parametrize("escape", ["\\ud800", "\\udfff", "\\uDC00\\uD800", "\\ud83dx", "\\ud800\\u0041"])
@pytest.mark.parametrize("place", ['{{"a":"{}"}}', '{{"{}":1}}', '{{"a":[{{"b":"x{}"}}]}}'])
def test_half_of_a_surrogate_pair_is_refused_wherever_it_stands(escape: str, place: str) -> None:
    assert_malformed(place.format(escape).encode(), "lone surrogates")


def test_a_whole_surrogate_pair_is_one_character() -> None:
    assert parse_object(b'{"a":"\\ud83d\\udd0b"}', DEPTH) == {"a": "🔋"}


# -- keys ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ['{"a":1,"a":1}', '{"x":{"a":1,"b":2,"a":3}}', '{"x":[{"a":1,"\\u0061":2}]}'])
def test_a_key_that_stands_twice_in_one_object_is_refused_by_its_name(body: str) -> None:
    error = assert_malformed(body.encode(), "each key once")
    assert error.diagnosis.rule == "V1-duplicate-key"
    assert "'a'" in error.sentence


def test_the_same_key_in_two_objects_is_read() -> None:
    assert parse_object(b'{"a":{"a":[{"a":1},{"a":2}]}}', DEPTH) == {"a": {"a": [{"a": 1}, {"a": 2}]}}


@given(value=st.dictionaries(st.text(), st.integers(), min_size=1), data=st.data())
def test_repeating_any_member_makes_an_object_unreadable(value: dict[str, int], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(value)))
    members = [f"{json.dumps(name)}:{number}" for name, number in [*value.items(), (key, value[key])]]
    error = assert_malformed(("{" + ",".join(members) + "}").encode(), "each key once")
    assert error.diagnosis.got == repr(key[:50])[:200]


# -- numbers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" + "0" * 400 + ".0"])
def test_a_number_that_is_not_finite_is_refused(number: str) -> None:
    assert_malformed(f'{{"a":[{number}]}}'.encode(), "finite numbers")


def test_an_integer_of_thousands_of_digits_is_refused_and_one_of_hundreds_is_exact() -> None:
    assert_malformed(b'{"a":' + b"9" * 5_000 + b"}", "sensible length")
    assert parse_object(b'{"a":' + b"9" * 400 + b"}", DEPTH) == {"a": 10**400 - 1}


# -- depth --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_the_deepest_allowed_nesting_is_read_and_one_level_more_is_refused(opening: str, closing: str) -> None:
    def nested(levels: int) -> bytes:
        return ('{"top":' + opening * (levels - 1) + "1" + closing * (levels - 1) + "}").encode()

    assert depth_of(parse_object(nested(DEPTH), DEPTH)) == DEPTH
    assert_malformed(nested(DEPTH + 1), "nested at most 64 levels deep")


@given(value=_OBJECTS, limit=st.integers(min_value=1, max_value=8))
def test_a_body_is_refused_exactly_when_it_is_deeper_than_the_limit(value: dict[str, Any], limit: int) -> None:
    body = json.dumps(value).encode()
    if depth_of(value) <= limit:
        assert parse_object(body, limit) == value
    else:
        with pytest.raises(Malformed, match="levels deep"):
            parse_object(body, limit)


def test_brackets_inside_texts_and_beside_one_another_are_no_depth() -> None:
    value = {"text": '[{"\\' * 200, '{"key[': "]" * 10, "wide": [[] for _ in range(500)]}
    assert parse_object(json.dumps(value).encode(), 3) == value


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"a":' * 500 + b"1" + b"}" * 500, id="500 levels"),
        pytest.param(b"[" * 4_000_000, id="four million brackets"),
        pytest.param(b"{" * 65 + b'\\"' * 2_000_000, id="two million escaped quotes outside any text"),
        pytest.param(b"{" * 65 + b'"' + b"\\" * 4_000_000, id="a text of backslashes that never ends"),
        pytest.param(
            ("{" + ",".join(f'"{n}":1' for n in range(200_000)) + ',"z":1,"z":2}').encode(),
            id="200,001 keys, the last twice",
        ),
    ],
)
def test_a_hostile_body_is_refused_in_one_pass(body: bytes) -> None:
    # Processor time, so that a busy machine does not count: read again and again, these would take minutes.
    begun_s = time.process_time()
    assert_malformed(body)
    assert time.process_time() - begun_s < 3
