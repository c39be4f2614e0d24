"""Room 5 of 7: the resumable stream, sans-I/O, both ends. In: positions and batches of the log, or
frames and the passing of time; out: frames, or events to apply. Never: sockets, clocks, threads."""

from sparky_nb.stream import stimuli
from sparky_nb.stream.batch import Batch, encode_batch
from sparky_nb.stream.close import CloseCode, may_reconnect
from sparky_nb.stream.frames import (
    CLIENT_FRAMES,
    HEARTBEAT_MS,
    INBOUND_MAX,
    SERVER_FRAMES,
    SUBPROTOCOL,
    Cursor,
    Gap,
    decode_client_frame,
    decode_server_frame,
    encode_frame,
)
from sparky_nb.stream.receiver import Receiver
from sparky_nb.stream.resume import Resumption, find_gap, resume
from sparky_nb.stream.sender import Sender
from sparky_nb.stream.start import Start, parse_start

__all__ = [
    "CLIENT_FRAMES",
    "HEARTBEAT_MS",
    "INBOUND_MAX",
    "SERVER_FRAMES",
    "SUBPROTOCOL",
    "Batch",
    "CloseCode",
    "Cursor",
    "Gap",
    "Receiver",
    "Resumption",
    "Sender",
    "Start",
    "decode_client_frame",
    "decode_server_frame",
    "encode_batch",
    "encode_frame",
    "find_gap",
    "may_reconnect",
    "parse_start",
    "resume",
    "stimuli",
]
