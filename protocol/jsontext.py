"""Reading arriving JSON: bounded depth, no duplicate keys, no NaN, no lone surrogates (check 1).

orjson silently keeps the last of two equal keys, so a message could say one thing to us and another to its signer's
other readers. A body that orjson writes again byte for byte has lost nothing in reading, a second key least of all:
proof enough, and true of what most platforms send (compact, UTF-8, INTEROP 1). Every other body is read by the standard
decoder with a hook, three times as slowly.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from itertools import accumulate
from typing import Any, NoReturn

import orjson

from protocol.errors import Diagnosis, Malformed

# Nothing is given back (`*+`) and the closing quote may be missing, so that any body is read in one pass: a hostile one
# of many quotes would otherwise be read again from each of them.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
# What a bracket adds to the depth, plus one since bytes are not negative.
_STEP_OF = bytes.maketrans(b"[{]}", b"\x02\x02\x00\x00")


def parse_object(body: bytes, max_depth: int) -> dict[str, Any]:
    """The JSON object in ``body``.

    Raises:
        Malformed: not UTF-8, no JSON, not an object, nested deeper than ``max_depth``, a key twice in one object,
            NaN or an infinite number, or half of a surrogate pair.
    """
    _check_depth(body, max_depth)
    try:
        content = orjson.loads(body)
        if type(content) is dict and orjson.dumps(content) == body:
            return content
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        # What is wrong with it, if anything is, the standard decoder tells.
        pass
    return _parse_slowly(body)


def _parse_slowly(body: bytes) -> dict[str, Any]:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed("UTF-8", f"byte {error.start} is not") from None
    try:
        parsed = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise _malformed("JSON", f"{error.msg} at character {error.pos}") from None
    except RecursionError:
        raise _malformed("JSON that this platform can read", "nested too deeply") from None
    except ValueError:
        # The standard decoder's only other complaint: Python reads integers of at most 4,300 digits.
        raise _malformed("JSON with numbers of a sensible length", "an integer of thousands of digits") from None
    if not isinstance(parsed, dict):
        raise _malformed("a JSON object", type(parsed).__name__)
    if b"\\u" in body:
        _check_surrogates(parsed)
    return parsed


def _malformed(expected: str, got: str) -> Malformed:
    return Malformed(
        f"The body must be {expected}: {got}.", Diagnosis(rule="V1-body", path="", expected=expected, got=got)
    )


def _check_depth(body: bytes, max_depth: int) -> None:
    # Counting every opener is a cheap upper bound of the depth; only a body over it is walked.
    if body.count(b"{") + body.count(b"[") <= max_depth:
        return
    steps = _STRING.sub(b"", body).translate(_STEP_OF, _NOT_BRACKETS)
    if max(accumulate(steps, lambda depth, step: depth + step - 1, initial=0)) > max_depth:
        raise _malformed(f"nested at most {max_depth} levels deep", "more levels")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, count in counts.items() if count > 1)
        raise Malformed(
            f"The key {twice[:50]!r} stands twice in one object; leave one.",
            Diagnosis(rule="V1-duplicate-key", path="", expected="each key once", got=repr(twice[:50])),
        )
    return result


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _malformed("JSON with finite numbers", text[:40])
    return value


def _constant(text: str) -> NoReturn:
    raise _malformed("JSON with finite numbers", text)


def _check_surrogates(parsed: dict[str, Any]) -> None:
    try:
        json.dumps(parsed, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise _malformed("text without lone surrogates", "an escape such as \\ud800") from None


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_number, parse_constant=_constant)
