"""An HDF5 file that a killed process left open, read as if it had been closed.

HDF5 refuses such a file, but for a reader beside a living writer, which tries again and again,
practically for ever, to read metadata that are broken. Nothing is going to mend them here, so the
file is shown to HDF5 with a superblock that says: closed, and as long as it is. The file itself is
not touched.

Superblock of version 3 (HDF5 File Format Specification 3.0, II.A): signature, version, size of
offsets, size of lengths, flags, four addresses of which the third is the end of the file, and the
checksum of all these, which is Jenkins' lookup3 with the initial value 0.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Final

_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
_FIELDS: Final = struct.Struct("<8s4B4Q")
_CHECKSUM: Final = struct.Struct("<I")
_SIZE: Final = _FIELDS.size + _CHECKSUM.size
_WORD: Final = 0xFFFFFFFF


class UnclosedFile(io.FileIO):
    """Read-only; for ``h5py.File(UnclosedFile(path))``.

    Raises
    ------
    ValueError
        It does not begin with a whole superblock of version 3.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "rb")
        try:
            self._superblock = _as_closed(super().read(_SIZE) or b"", path.stat().st_size)
        except BaseException:
            self.close()
            raise
        self.seek(0)

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """As of a file, with the superblock of one that was closed."""
        begin = self.tell()
        count = super().readinto(buffer) or 0
        shown = self._superblock[begin : begin + count]
        memoryview(buffer).cast("B")[: len(shown)] = shown
        return count


def _as_closed(superblock: bytes, size: int) -> bytes:
    if len(superblock) < _SIZE:
        raise ValueError("shorter than a superblock")
    signature, version, *sizes, _flags, base, extension, _end, root = _FIELDS.unpack_from(
        superblock
    )
    (told,) = _CHECKSUM.unpack_from(superblock, _FIELDS.size)
    if signature != _SIGNATURE or version != 3 or sizes != [8, 8]:
        raise ValueError("not an HDF5 file with a superblock of version 3")
    if told != lookup3(superblock[: _FIELDS.size]):
        raise ValueError("the superblock's checksum is wrong")
    closed = _FIELDS.pack(signature, version, *sizes, 0, base, extension, size, root)
    return closed + _CHECKSUM.pack(lookup3(closed))


def lookup3(data: bytes) -> int:
    """Bob Jenkins' lookup3 of bytes, ``hashlittle`` with the initial value 0 (public domain).

    Examples
    --------
    >>> hex(lookup3(b"Four score and seven years ago"))
    '0x17770551'
    """
    a = b = c = (0xDEADBEEF + len(data)) & _WORD
    if not data:
        return c
    last = (len(data) - 1) // 12 * 12
    for begin in range(0, last, 12):
        a, b, c = (x + y & _WORD for x, y in zip((a, b, c), _words(data, begin), strict=True))
        a, b, c = _mixed(a, b, c)
    a, b, c = (x + y & _WORD for x, y in zip((a, b, c), _words(data, last), strict=True))
    return _finished(a, b, c)


def _words(data: bytes, begin: int) -> tuple[int, int, int]:
    """Three little-endian words; zeros where the data end before."""
    a, b, c = struct.unpack("<3I", data[begin : begin + 12].ljust(12, b"\0"))
    return a, b, c


def _turned(value: int, bits: int) -> int:
    return (value << bits | value >> 32 - bits) & _WORD


def _mixed(a: int, b: int, c: int) -> tuple[int, int, int]:
    for bits in (4, 6, 8, 16, 19, 4):
        a = (a - c & _WORD) ^ _turned(c, bits)
        c = c + b & _WORD
        a, b, c = b, c, a  # the words change places from one round to the next
    return a, b, c


def _finished(a: int, b: int, c: int) -> int:
    for bits in (14, 11, 25, 16, 4, 14, 24):
        c = (c ^ b) - _turned(b, bits) & _WORD
        a, b, c = b, c, a
    return b
