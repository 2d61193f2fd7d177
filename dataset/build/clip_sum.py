"""SHA-256 of clips, remembered: a sealed clip does not change, and hashing it takes seconds."""

from __future__ import annotations

from pathlib import Path

from bsd.document import Part, parse_json, write_bytes
from bsd.errors import UserMistake
from bsd.provenance import sha256_file


class _Remembered(Part):
    size: int
    modified_ns: int
    sha256: str


def clip_sha256(path: Path, uuid: str, memory: Path) -> str:
    """SHA-256 of a clip file.

    Parameters
    ----------
    path
        The clip.
    uuid
        Of the clip, names its note in the memory.
    memory
        Folder of what is remembered; a note counts as long as size and time of change agree.
    """
    told = path.stat()
    note = memory / f"{uuid}.json"
    if note.is_file():
        try:
            known = _Remembered.model_validate(parse_json(note.read_text(), str(note)))
        except (UserMistake, ValueError):  # half a note of another version: hash again
            known = None
        if known and (known.size, known.modified_ns) == (told.st_size, told.st_mtime_ns):
            return known.sha256
    sha256 = sha256_file(path)
    memory.mkdir(parents=True, exist_ok=True)
    found = _Remembered(size=told.st_size, modified_ns=told.st_mtime_ns, sha256=sha256)
    write_bytes(note, found.model_dump_json().encode())
    return sha256
