"""The order of numbered names: frame 10 follows frame 9, and a gap in the numbers is noticed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

_NUMBER = re.compile("([0-9]+)")


class Gap(NamedTuple):
    """Two neighbours in the order whose running numbers do not follow one another."""

    before: Path
    after: Path
    first_missing: int
    missing: int


def natural(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Sort key: numbers in a name by their value, letters as they are."""
    words = _NUMBER.split(path.name)  # text, number, text, number, ..., text
    key = [(int(word), "") if place % 2 else (-1, word) for place, word in enumerate(words)]
    return key, path.name


def first_gap(files: Sequence[Path]) -> Gap | None:
    """The first place where the running number of sorted files does not go up by one.

    Names have a running number where they differ in exactly one of the numbers in them and in
    nothing else but their ending. Of other names nobody can tell, so they have no gap.
    """
    numbers = _running_numbers(files)
    for place, (one, other) in enumerate(pairwise(numbers)):
        if other != one + 1:
            return Gap(files[place], files[place + 1], one + 1, other - one - 1)
    return None


def _running_numbers(files: Sequence[Path]) -> list[int]:
    names = [_NUMBER.split(path.stem) for path in files]
    texts = {tuple(words[::2]) for words in names}
    if len(texts) != 1:
        return []
    columns = [[int(words[place]) for words in names] for place in range(1, len(names[0]), 2)]
    varying = [column for column in columns if len(set(column)) > 1]
    return varying[0] if len(varying) == 1 else []
