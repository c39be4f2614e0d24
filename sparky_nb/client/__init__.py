"""A client of a running server. In: its address and a token; out: events of a chat that resume by
themselves, and the calls of protocol.md §2. Never: the log itself; for that see ``sparky_nb.log``.

``ChatClient`` and ``SparkyClient`` are for asyncio; ``sparky_nb.client.sync`` has the same without.
"""

from sparky_nb.client.address import Address
from sparky_nb.client.calls import SparkyClient
from sparky_nb.client.chat import ChatClient

__all__ = ["Address", "ChatClient", "SparkyClient"]
