"""The protocol between a server and its sandbox process: JSON and raw bytes, with time limits.

A frame is the lengths of both parts (two big-endian 32-bit integers), a JSON object, raw bytes.
"""

import asyncio
import json
import struct
from typing import Any, BinaryIO, NamedTuple


class Limit(NamedTuple):
    """Seconds of processor time, and seconds of wall time on a busy machine."""

    computing: float
    waiting: float


LIMITS = {"render": Limit(2, 15), "picture": Limit(20, 90)}
LENGTHS = struct.Struct(">II")
Head = dict[str, Any]  # a JSON object whose keys depend on the job
Frame = tuple[Head, bytes]


def pack(head: Head, raw: bytes = b"") -> bytes:
    """Return the bytes of a frame."""
    text = json.dumps(head).encode()
    return LENGTHS.pack(len(text), len(raw)) + text + raw


async def receive(stream: asyncio.StreamReader) -> Frame:
    """Read one frame. Raises `EOFError` if the other side has closed the stream."""
    head_length, raw_length = LENGTHS.unpack(await stream.readexactly(LENGTHS.size))
    head = json.loads(await stream.readexactly(head_length))
    return head, await stream.readexactly(raw_length)


def read(stream: BinaryIO) -> Frame | None:
    """Read one frame from a blocking stream. None if the other side has closed it."""
    lengths = stream.read(LENGTHS.size)
    if len(lengths) < LENGTHS.size:
        return None
    head_length, raw_length = LENGTHS.unpack(lengths)
    return json.loads(stream.read(head_length)), stream.read(raw_length)
