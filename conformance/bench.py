"""The bench that every check works at: a conversation with the target, and the one trade that several rules look at."""

from __future__ import annotations

from conformance.conversation import Conversation, Limits
from conformance.messages import Parties
from conformance.peer import Peer
from conformance.trade import Trade
from energy.offers import StorageUse


class Bench(Conversation):
    """One run against one target."""

    def __init__(self, peer: Peer, target: str, parties: Parties, use: StorageUse, limits: Limits) -> None:
        super().__init__(peer, target, parties, use, limits)
        self.trade = Trade(self)
