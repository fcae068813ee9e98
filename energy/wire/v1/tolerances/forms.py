"""Consent forms: D12, D13 and D14. A consent is never made up: only a submission that was accepted is one."""

from __future__ import annotations

from energy.wire.v1.tolerances.rules import Json, Parts, Rule, below, some

_OTHER_OWNERS = frozenset({"init", "confirm"})
_XINPUT_MEMBERS = frozenset({"head"})
_FORM_MEMBERS = frozenset({"id", "resubmit", "multiple_submissions", "multiple_sumbissions"})


def _form_response(parts: Parts) -> bool:
    """D13. A submission is the form's; one whose status is not true is no consent and is dropped."""
    answered = [xinput for xinput in _xinputs(parts) if "form_response" in xinput]
    for xinput in answered:
        response, form = xinput.pop("form_response"), xinput.setdefault("form", {})
        given = isinstance(response, dict) and response.get("status") is True and "submission_id" in response
        if given and isinstance(form, dict):
            form.setdefault("submission_id", response["submission_id"])
    return bool(answered)


def _buyers_form(parts: Parts) -> bool:
    """D14. A form that a buyer hands out himself asks us for nothing and is no consent: only a submission counts."""
    if parts.action not in _OTHER_OWNERS:
        return False
    own = [form for xinput in _xinputs(parts) if _extras(xinput) for form in below(xinput, "form") if "url" in form]
    own = [form for form in own if "submission_id" not in form]
    for form in own:
        del form["url"]
    return bool(own)


def _form_members(parts: Parts) -> bool:
    """D12. Pages and resubmission rules are passed over: the form itself shows them."""
    return some(_strip(xinput) for xinput in _xinputs(parts))


def _strip(xinput: Json) -> bool:
    found = _extras(xinput)
    for owner, name in found:
        del owner[name]
    return bool(found)


def _extras(xinput: Json) -> list[tuple[Json, str]]:
    inside = [(form, name) for form in below(xinput, "form") for name in _FORM_MEMBERS & form.keys()]
    return [(xinput, name) for name in _XINPUT_MEMBERS & xinput.keys()] + inside


def _xinputs(parts: Parts) -> list[Json]:
    owners = parts.orders + parts.items
    return [xinput for owner in owners for xinput in below(owner, "xinput")]


RULES: tuple[Rule, ...] = (
    Rule(
        "D13-form-response",
        "`xinput.form_response{status, submission_id}`",
        "`xinput.form.submission_id`, where the status is true",
        _form_response,
    ),
    Rule("D14-buyers-form", "the BAP's own form in `init` and `confirm`", "no consent", _buyers_form),
    Rule(
        "D12-form-members",
        "`xinput.head`, `form.id`, `form.resubmit`, `form.multiple_sumbissions`",
        "the form without them",
        _form_members,
    ),
)
