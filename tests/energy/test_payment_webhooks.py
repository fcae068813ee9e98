"""Webhooks: genuine and recent ones are let in, everything else is refused with the reason."""

from __future__ import annotations

import base64

import pytest

from energy.payment_webhooks import ID, SIGNATURE, TIMESTAMP, WebhookRefused, secret_key, signed, verify

KEY = b"k" * 32
NOW = 1_795_000_000
BODY = b'{"type":"payment.captured"}'


def test_what_was_signed_with_the_secret_is_genuine() -> None:
    assert verify(KEY, signed(KEY, "evt_1", NOW, BODY), BODY, NOW + 299) == "evt_1"


def test_while_a_secret_is_changed_either_signature_counts() -> None:
    both = signed(b"o" * 32, "evt_1", NOW, BODY)
    both[SIGNATURE] += " " + signed(KEY, "evt_1", NOW, BODY)[SIGNATURE]
    assert verify(KEY, both, BODY, NOW) == "evt_1"


def test_the_vector_of_the_standard_is_signed_as_the_standard_says() -> None:
    key = secret_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    found = signed(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body)
    assert found[SIGNATURE] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({ID: "evt_2"}, "signature"),
        ({TIMESTAMP: str(NOW + 1)}, "signature"),
        ({SIGNATURE: "v1,AAAA"}, "signature"),
        ({SIGNATURE: "v2," + base64.b64encode(b"x").decode()}, "signature"),
        ({SIGNATURE: "nonsense"}, "signature"),
        ({TIMESTAMP: "soon"}, "Send"),
        ({ID: ""}, "Send"),
        ({ID: "e" * 300}, "Send"),
    ],
)
def test_a_forged_event_is_refused(change: dict[str, str], words: str) -> None:
    with pytest.raises(WebhookRefused, match=words):
        verify(KEY, signed(KEY, "evt_1", NOW, BODY) | change, BODY, NOW)


def test_another_body_or_another_secret_is_refused() -> None:
    headers = signed(KEY, "evt_1", NOW, BODY)
    with pytest.raises(WebhookRefused, match="signature"):
        verify(KEY, headers, BODY + b" ", NOW)
    with pytest.raises(WebhookRefused, match="signature"):
        verify(b"x" * 32, headers, BODY, NOW)


@pytest.mark.parametrize("late_s", [301, -301])
def test_an_event_that_is_sent_again_later_is_refused(late_s: int) -> None:
    with pytest.raises(WebhookRefused, match="more than 300 s"):
        verify(KEY, signed(KEY, "evt_1", NOW, BODY), BODY, NOW + late_s)


@pytest.mark.parametrize("text", ["whsec_short", "whsec_" + base64.b64encode(b"x" * 8).decode(), "!!"])
def test_a_short_or_broken_secret_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        secret_key(text)
