"""The one error of reading: a peer's message that can not become an object of the storage trade.

What we ourselves can not write is our own mistake and a plain `ValueError`: the two are never mixed up.
"""

from __future__ import annotations

GOT_LENGTH = 200


class WireError(Exception):
    """A member of a message is missing, is not what it must be, or contradicts another.

    ``path`` is a JSON pointer into the whole message ("/message/order/quote/price"), ``sentence`` tells a person
    what to change (and names the second path where two members contradict each other), ``expected`` and ``got``
    are short texts.
    """

    def __init__(self, path: str, sentence: str, expected: str = "", got: str = "") -> None:
        super().__init__(f"{path}: {sentence}")
        self.path = path
        self.sentence = sentence
        self.expected = expected
        self.got = got[:GOT_LENGTH]
