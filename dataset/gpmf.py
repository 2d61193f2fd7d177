"""GPMF: the telemetry that GoPro cameras write beside the picture, as far as exposure goes.

Records are key (4 letters), type (one character), size of an item and count, then the items,
big-endian, padded to 4 bytes; type 0 is a record of records. ``SHUT`` holds the exposure of one
frame after another, in seconds. See gopro/gpmf-parser, README, "GPMF deep dive".
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_HEADER = struct.Struct(">4sBBH")
_NESTED = 0
_FLOAT = ord("f")
_FLOAT_BYTES = 4
_FIRST_KEY = b"DEVC"
_DEEPEST = 16  # cameras nest three levels


@dataclass(frozen=True)
class Record:
    """One leaf: its key, type character (as a number), bytes of an item, and the items."""

    key: bytes
    kind: int
    item_bytes: int
    content: bytes


def is_gpmf(packet: bytes) -> bool:
    """Whether a data packet is GPMF."""
    return packet[:4] == _FIRST_KEY


def records(packet: bytes, depth: int = 0) -> Iterator[Record]:
    """Leaves of a packet in order, nested ones included.

    A record that reaches beyond its packet ends the walk: cameras cut the last packet short. So
    does one that is nested more deeply than any camera does.
    """
    place = 0
    while place + _HEADER.size <= len(packet):
        key, kind, item_bytes, count = _HEADER.unpack_from(packet, place)
        place += _HEADER.size
        length = item_bytes * count
        if place + length > len(packet):
            return
        content = packet[place : place + length]
        if kind == _NESTED:
            if depth < _DEEPEST:
                yield from records(content, depth + 1)
        else:
            yield Record(key, kind, item_bytes, content)
        place += -(-length // 4) * 4


def shutters_us(packet: bytes) -> tuple[float, ...]:
    """Exposures of a packet's frames in µs; empty where it holds none, or none that can be."""
    found: list[float] = []
    for record in records(packet):
        if (record.key, record.kind, record.item_bytes) == (b"SHUT", _FLOAT, _FLOAT_BYTES):
            times_us = [1e6 * seconds for (seconds,) in struct.iter_unpack(">f", record.content)]
            if all(0 <= time_us < math.inf for time_us in times_us):
                found += times_us
    return tuple(found)
