"""The pages that have to be agreed to before a contract is confirmed, and the number that proves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from types import MappingProxyType

from bpp.contracts import FormPage
from bpp.pages.layout import alert, definitions, form, page
from bpp.terms import Fact

_TEXTS: Mapping[FormPage, tuple[str, str, str, str]] = MappingProxyType(
    {
        FormPage.CONSENT: (
            "Consent to automatic dispatch",
            "With automatic dispatch the operator starts and stops charging and return at the times below, without "
            "asking again.",
            "I hand control of charging and return over for this contract.",
            "Give consent",
        ),
        FormPage.TERMS: (
            "Terms of the contract",
            "This is what is agreed when your platform confirms the contract.",
            "I agree to these terms.",
            "Agree to the terms",
        ),
    }
)


def agreement_page(asked: FormPage, step: tuple[int, int], facts: Sequence[Fact], once: str, wrong: str = "") -> str:
    """A page to agree to; ``step`` is (this, of so many)."""
    title, introduction, sentence, button = _TEXTS[asked]
    box = f'<label><input type="checkbox" name="{asked.value}" value="yes" required>{escape(sentence)}</label>'
    return page(
        title,
        f"<p>Step {step[0]} of {step[1]}</p>{alert(wrong)}<p>{escape(introduction)}</p>{definitions(facts)}"
        f"{form(once, box, button)}",
    )


def submitted_page(submission_id: str) -> str:
    """The end of the form: the number that ``confirm`` has to carry."""
    return page(
        "Agreed",
        "<p>Thank you. Your platform confirms the contract with this number:</p>"
        f"<p><code>{escape(submission_id)}</code></p>",
    )
