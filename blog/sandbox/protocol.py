"""What passes between a server and its child: a JSON head and raw bytes, in a limited time."""

import asyncio
import json
import struct
from typing import Any, BinaryIO, NamedTuple


class Limit(NamedTuple):
    """Seconds of computing, and seconds by the clock on a machine that is busy with others."""

    computing: float
    waiting: float


LIMITS = {"render": Limit(2, 15), "picture": Limit(20, 90)}
LENGTHS = struct.Struct(">II")
Frame = tuple[dict[str, Any], bytes]


def pack(head: dict[str, Any], raw: bytes = b"") -> bytes:
    text = json.dumps(head).encode()
    return LENGTHS.pack(len(text), len(raw)) + text + raw


async def receive(stream: asyncio.StreamReader) -> Frame:
    """Raises `EOFError` when the other side is gone."""
    head, raw = LENGTHS.unpack(await stream.readexactly(LENGTHS.size))
    return json.loads(await stream.readexactly(head)), await stream.readexactly(raw)


def read(stream: BinaryIO) -> Frame | None:
    """The same without a loop; None when the other side is gone."""
    lengths = stream.read(LENGTHS.size)
    if len(lengths) < LENGTHS.size:
        return None
    head, raw = LENGTHS.unpack(lengths)
    return json.loads(stream.read(head)), stream.read(raw)
