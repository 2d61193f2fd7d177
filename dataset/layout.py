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
NEXT_NAME = "next"
"""Folder in `WORK_NAME` of documents that wait to be installed, ``dataset.json`` last of all."""

DOCUMENT_NAMES = (DESCRIPTION_NAME, MANIFEST_NAME, SPLITS_NAME)
BUILD_NAME = "build.json"
"""The plan of captured material as published: what a later build may add to."""

DATASHEET_NAME, LICENCE_NAME, QC_NAME = "datasheet.md", "LICENSE-DATA.txt", "qc.html"
View = Literal["Blur", "Sharp"]
VIEWS: tuple[View, View] = ("Blur", "Sharp")
Product = Literal["RGB", "RAW", "Linear", "Mask"]
SUFFIXES: dict[Product, str] = {"RGB": ".png", "RAW": ".tiff", "Linear": ".tiff", "Mask": ".png"}
"""What may be published of a frame, and the ending of its files."""

MAP_NAME = "map.npy"
MAP_SUFFIX = ".map.json"
"""Ending of the note in `WORK_NAME` that a sequence's map is on the disk."""

_SEQUENCE = rf"(?:{'|'.join(SPLITS)})/[0-9]{{3,}}"
_PRODUCTS = "|".join(f"{name}/[0-9]{{8,}}{re.escape(end)}" for name, end in SUFFIXES.items())
_EXTRA = (
    rf"(?:{'|'.join(map(re.escape, (BUILD_NAME, DATASHEET_NAME, LICENCE_NAME, QC_NAME)))}"
    r"|qc/[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.(?:html|png|jpg|webp|json))"
)
_DOCUMENT = rf"(?:{'|'.join(map(re.escape, DOCUMENT_NAMES))}|{_EXTRA})"
_OWN = re.compile(
    rf"(?:{_SEQUENCE}/(?:(?:{'|'.join(VIEWS)})/(?:{_PRODUCTS})|{re.escape(MAP_NAME)})"
    rf"|{_DOCUMENT}|{re.escape(WORK_NAME)}/(?:{re.escape(PLAN_NAME)}"
    rf"|(?:{'|'.join(SPLITS)})-[0-9]{{3,}}{re.escape(MAP_SUFFIX)}|{NEXT_NAME}/{_DOCUMENT}))"
)
_PUBLISHED_EXTRA = re.compile(_EXTRA)


def frame_path(split: str, sequence: str, view: View, index: int, product: Product = "RGB") -> str:
    """Path of a frame below the root: ``train/000/Blur/RGB/00000000.png``."""
    return f"{split}/{sequence}/{view}/{product}/{index:08d}{SUFFIXES[product]}"


def product_of(path: str) -> Product | None:
    """Which product a frame's path belongs to; None for other files, such as a map."""
    parts = path.split("/")
    for product, suffix in SUFFIXES.items():
        if len(parts) == 5 and parts[3] == product and parts[4].endswith(suffix):
            return product
    return None


def map_path(split: str, sequence: str) -> str:
    """Path of a sequence's map below the root: ``train/000/map.npy``."""
    return f"{split}/{sequence}/{MAP_NAME}"


def map_note(root: Path, split: str, sequence: str) -> Path:
    """Where an unfinished dataset notes that the sequence's map is on the disk."""
    return root / WORK_NAME / f"{split}-{sequence}{MAP_SUFFIX}"


def is_extra_document(name: str) -> bool:
    """Whether a dataset may have this document beside the three that each one has."""
    return _PUBLISHED_EXTRA.fullmatch(name) is not None


def is_own_part(name: str) -> bool:
    """Whether a path below the root is a half-written file of ours, and not of anybody else."""
    return name.endswith(PART_SUFFIX) and _OWN.fullmatch(name.removesuffix(PART_SUFFIX)) is not None


def own_parts(root: Path) -> Iterator[Path]:
    """Half-written files of ours, in the places where a writer of datasets puts them."""
    work = (f"{WORK_NAME}/", f"{WORK_NAME}/{NEXT_NAME}/", f"{WORK_NAME}/{NEXT_NAME}/qc/")
    frames = (f"{split}/*/{below}" for split in SPLITS for below in ("", "*/*/"))
    for pattern in ("", "qc/", *work, *frames):
        for path in root.glob(f"{pattern}*{PART_SUFFIX}"):
            if is_own_part(path.relative_to(root).as_posix()):
                yield path
