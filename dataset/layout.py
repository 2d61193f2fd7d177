"""Where things lie in a dataset: the names that writer, reader and checks share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from bsd.document import PART_SUFFIX
from dataset.description import DESCRIPTION_NAME
from dataset.manifest import MANIFEST_NAME
from dataset.splits import SPLITS, SPLITS_NAME

WORK_NAME = ".work"
"""Folder of what only an unfinished dataset has: plan, lock, one journal a sequence."""

PLAN_NAME, LOCK_NAME = "plan.json", "lock"
DOCUMENT_NAMES = (DESCRIPTION_NAME, MANIFEST_NAME, SPLITS_NAME)
View = Literal["Blur", "Sharp"]
VIEWS: tuple[View, View] = ("Blur", "Sharp")

_OWN = re.compile(
    rf"(?:(?:{'|'.join(SPLITS)})/[0-9]{{3,}}/(?:{'|'.join(VIEWS)})/RGB/[0-9]{{8,}}\.png"
    rf"|{'|'.join(map(re.escape, (*DOCUMENT_NAMES, f'{WORK_NAME}/{PLAN_NAME}')))})"
)


def frame_path(split: str, sequence: str, view: View, index: int) -> str:
    """Path of a frame below the root: ``train/000/Blur/RGB/00000000.png``."""
    return f"{split}/{sequence}/{view}/RGB/{index:08d}.png"


def is_own_part(name: str) -> bool:
    """Whether a path below the root is a half-written file of ours, and not of anybody else."""
    return name.endswith(PART_SUFFIX) and _OWN.fullmatch(name.removesuffix(PART_SUFFIX)) is not None


def own_parts(root: Path) -> Iterator[Path]:
    """Half-written files of ours, in the places where a writer of datasets puts them."""
    for pattern in ("", f"{WORK_NAME}/", *(f"{split}/*/*/RGB/" for split in SPLITS)):
        for path in root.glob(f"{pattern}*{PART_SUFFIX}"):
            if is_own_part(path.relative_to(root).as_posix()):
                yield path
