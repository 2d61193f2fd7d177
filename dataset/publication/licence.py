"""The licence of the data, which a person states: there is no default."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from bsd.document import Part
from bsd.errors import UserMistake

_MOST_BYTES = 1 << 20


class DataLicence(Part):
    """A licence of data.

    Attributes
    ----------
    name
        SPDX identifier, or the name of the file that was given.
    url
        Of the binding text; empty for a file.
    text
        What ``LICENSE-DATA.txt`` holds.
    """

    name: str
    url: str
    text: str


class _Known(NamedTuple):
    title: str
    url: str
    terms: str


def _commons(code: str) -> str:
    return f"https://creativecommons.org/licenses/{code}/4.0/legalcode"


_BY = "You may copy, share and adapt the data, provided that you name its makers, link to the"
_KNOWN: Final = {
    "CC0-1.0": _Known(
        "Creative Commons Zero 1.0 Universal",
        "https://creativecommons.org/publicdomain/zero/1.0/legalcode",
        "The makers waive their rights in the data as far as the law allows: you may use it for"
        " any purpose and need not ask or name anybody.",
    ),
    "CC-BY-4.0": _Known(
        "Creative Commons Attribution 4.0 International",
        _commons("by"),
        f"{_BY} licence, and say what you changed.",
    ),
    "CC-BY-SA-4.0": _Known(
        "Creative Commons Attribution-ShareAlike 4.0 International",
        _commons("by-sa"),
        f"{_BY} licence, say what you changed, and share what you make of it under this licence.",
    ),
    "CC-BY-NC-4.0": _Known(
        "Creative Commons Attribution-NonCommercial 4.0 International",
        _commons("by-nc"),
        f"{_BY} licence, say what you changed, and do not use it mainly for commercial ends.",
    ),
    "CC-BY-NC-SA-4.0": _Known(
        "Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International",
        _commons("by-nc-sa"),
        f"{_BY} licence, say what you changed, do not use it mainly for commercial ends, and share"
        " what you make of it under this licence.",
    ),
}
LICENCES: Final = tuple(_KNOWN)
"""SPDX identifiers that need no file."""


def data_licence(given: str | None, holder: str = "") -> DataLicence:
    """The licence that a person named.

    Parameters
    ----------
    given
        One of `LICENCES`, or the path of a text file of their own.
    holder
        Who is to be named, for ``LICENSE-DATA.txt``; may be empty.

    Raises
    ------
    UserMistake
        Nothing was given, or neither a known name nor a readable text file.
    """
    choice = f"one of {', '.join(LICENCES)}, or a text file of your own"
    if not given or not given.strip():
        raise UserMistake(f"--licence: publishing needs a licence of the data; give {choice}")
    by_name = {name.lower(): name for name in LICENCES}
    if (name := by_name.get(given.strip().lower())) is not None:
        known = _KNOWN[name]
        return DataLicence(name=name, url=known.url, text=_notice(name, known, holder))
    path = Path(given)
    if not path.is_file():
        raise UserMistake(f"--licence {given}: neither a known name nor a file; give {choice}")
    return _own(path)


def _notice(name: str, known: _Known, holder: str) -> str:
    named = f"To be named as the maker of the data: {holder}\n\n" if holder else ""
    return (
        f"SPDX-License-Identifier: {name}\n\n"
        f"The data of this dataset is published under the licence\n\n"
        f"    {known.title} ({name})\n    {known.url}\n\n"
        f"{named}"
        f"In short: {known.terms}\n\n"
        "The short form is no part of the licence and does not replace it; the text at the\n"
        "address above is binding. The licence covers the data. The software that made it has\n"
        "a licence of its own. Rights of people who can be seen are not licensed by it.\n"
    )


def _own(path: Path) -> DataLicence:
    if path.stat().st_size > _MOST_BYTES:
        raise UserMistake(f"--licence {path}: over 1 MiB; give the licence as plain text")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserMistake(f"--licence {path}: is not plain text in UTF-8") from error
    if not text.strip():
        raise UserMistake(f"--licence {path}: is empty")
    return DataLicence(name=path.name, url="", text=text if text.endswith("\n") else f"{text}\n")
