"""Room 1 of 7: what happened. In: facts from producers; out: events, their bytes, and the state
they fold into. Never: I/O, time, threads, randomness."""

from sparky_nb.events.codec import decode_event, encode_body, encode_event
from sparky_nb.events.fold import FOLD_VERSION, Fold, new_state
from sparky_nb.events.model import DATA_TYPES, Data, Event, NewEvent

__all__ = [
    "DATA_TYPES",
    "FOLD_VERSION",
    "Data",
    "Event",
    "Fold",
    "NewEvent",
    "decode_event",
    "encode_body",
    "encode_event",
    "new_state",
]
