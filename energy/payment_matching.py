"""Which document a payment is for: by the references that its texts name, and never by a guess.

A reference is found however a bank has written it: ``BB/26-27/000012`` is also named by ``bb 26 27 000012`` and by
``BB2627000012``, and not by ``BB/26-27/0000123``. Only one named document is certain. Where a text names none or two,
or the money is in another currency or goes the other way, the payment is parked for a person with the reason, and
`alike` lists what it may be for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from energy.payments import Due, Payment, PaymentRefused, Way, paid

_WORD = re.compile(r"[A-Z0-9]+")
_WORDS_MAX = 12
_CARD = re.compile(r"(?<![0-9])(?:[0-9][ -]?){12,18}[0-9](?![0-9])")


@dataclass(frozen=True, slots=True)
class Match:
    """The payment with what it pays; ``parked`` says why a person is asked, about all of it or about the rest."""

    payment: Payment
    parked: str | None = None


def plain(reference: str) -> str:
    """A reference as it is compared: its letters and digits, in capitals."""
    return "".join(_WORD.findall(reference.upper()))


def named(text: str, known: Mapping[str, str]) -> tuple[str, ...]:
    """What of ``known`` (plain reference → what it stands for) a text names, each once, in the text's order."""
    words = _WORD.findall(text.upper())
    found: dict[str, None] = {}
    for first in range(len(words)):
        joined = ""
        for word in words[first : first + _WORDS_MAX]:
            joined += word
            if joined in known:
                found[known[joined]] = None
    return tuple(found)


def match(payment: Payment, texts: Iterable[str], known: Mapping[str, str], dues: Mapping[str, Due]) -> Match:
    """Pay the one document that the texts name; ``known``: plain reference → number, ``dues``: number → what is due."""
    numbers = tuple(dict.fromkeys(number for text in texts for number in named(text, known)))
    if not numbers:
        return Match(payment, "It names no invoice of ours.")
    if len(numbers) > 1:
        return Match(payment, f"It names {len(numbers)} invoices: {', '.join(numbers[:5])}.")
    due = dues[numbers[0]]
    try:
        matched = paid(payment, due)
    except PaymentRefused as refusal:
        return Match(payment, refusal.sentence)
    if matched.open.amount_minor:
        rest = matched.open
        return Match(matched, f"It is {rest.text} {rest.currency} more than invoice {due.number} asks for.")
    return Match(matched)


def alike(payment: Payment, dues: Sequence[Due], limit: int = 5) -> tuple[Due, ...]:
    """Open documents that ask for exactly what is open of a payment, the earliest due first: for a person to judge."""
    same = [due for due in dues if due.open == payment.open and not due.is_paid]
    return tuple(sorted(same, key=lambda due: (due.due_at, due.number))[:limit])


def without_cards(text: str) -> str:
    """The text with what may be the number of a payment card (13 to 19 digits with Luhn's check digit) masked."""
    return _CARD.sub(lambda found: _masked(found[0]), text)


def way_of(texts: Iterable[str]) -> Way:
    """How a statement's line says that the money came: Indian banks begin the text of UPI payments with UPI."""
    return Way.UPI if any(text.upper().lstrip().startswith("UPI") for text in texts) else Way.TRANSFER


def _masked(written: str) -> str:
    digits = [int(letter) for letter in written if letter.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    is_card = (sum(digits[::-2]) + sum(doubled)) % 10 == 0
    return f"[card number ending in {written[-4:]}]" if is_card else written
