"""Room 4 of 7: who listens. In: "chat X has moved" from any process; out: wake flags.
Never: payloads, order, promises of delivery; whoever is woken reads the log."""

from sparky_nb.fanout.bell import Bell
from sparky_nb.fanout.doorbell import Ringer
from sparky_nb.fanout.hub import Hub, Wake

__all__ = ["Bell", "Hub", "Ringer", "Wake"]
