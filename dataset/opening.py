"""Opens a folder to write a dataset: new, begun, finished, or somebody else's and left alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from bsd.document import PART_SUFFIX, write_bytes
from bsd.errors import UserMistake
from bsd.lock import locked
from bsd.provenance import sha256_bytes
from dataset.description import DESCRIPTION_NAME, DatasetDescription, read_sealed
from dataset.journal import Journal
from dataset.layout import DOCUMENT_NAMES, LOCK_NAME, PLAN_NAME, WORK_NAME, own_parts

State = Literal["new", "resumed", "finished"]


@contextmanager
def held_tree(root: Path, plan_json: str) -> Iterator[State]:
    """Begin a dataset, or go on with one that the same plan began, and keep other runs out of it.

    Parameters
    ----------
    root
        Folder to write to; it and its parents are made.
    plan_json
        Everything that decides the files' content, as JSON text: inputs by hash, recipe, splits.
        No absolute path, time or worker count, since its hash is published.

    Yields
    ------
    ``new``, ``resumed``, or ``finished`` where the dataset of this plan is complete already.

    Raises
    ------
    UserMistake
        The folder holds something else, a dataset of another plan or with damaged documents, is
        a file, or another run writes it; nothing in it was changed.
    """
    if root.exists() and not root.is_dir():
        raise UserMistake(f"{root}: is a file; give a folder that is empty or not there yet")
    _refuse_others(root, plan_json)
    work = root / WORK_NAME
    if (root / DESCRIPTION_NAME).exists() and not work.exists():
        yield _settled(root, plan_json)
        return
    work.mkdir(parents=True, exist_ok=True)
    with locked(work / LOCK_NAME):
        _refuse_others(root, plan_json)  # again: another run may have ended in between
        yield _settled(root, plan_json)


def open_tree(root: Path, plan_json: str) -> State:
    """As `held_tree`, without keeping other runs out once it has returned."""
    with held_tree(root, plan_json) as state:
        return state


def _settled(root: Path, plan_json: str) -> State:
    """Remove what a killed run left of a folder that is known to be ours."""
    work = root / WORK_NAME
    for path in sorted(work.glob("*.jsonl")):
        Journal(path).close()  # refuses while a worker of a killed run still holds it
    for part in own_parts(root):
        part.unlink(missing_ok=True)
    if (root / DESCRIPTION_NAME).exists():
        if work.exists():
            shutil.rmtree(work)
        return "finished"
    if (work / PLAN_NAME).exists():
        return "resumed"
    write_bytes(work / PLAN_NAME, plan_json.encode())
    return "new"


def _refuse_others(root: Path, plan_json: str) -> None:
    if (root / DESCRIPTION_NAME).exists():
        described = DatasetDescription.read(root / DESCRIPTION_NAME)
        if described.plan_sha256 != sha256_bytes(plan_json.encode()):
            raise UserMistake(
                f"{root}: holds a finished dataset, '{described.name}', of other inputs or"
                " options; give another folder"
            )
        read_sealed(root)
    elif (root / WORK_NAME / PLAN_NAME).exists():
        _compare_plans((root / WORK_NAME / PLAN_NAME).read_bytes(), plan_json.encode(), root)
    else:
        refuse_undescribed(root)
        _refuse_foreign(root)


def refuse_undescribed(root: Path) -> None:
    """Raise `UserMistake` where the other documents of a published dataset lie without the first.

    It is neither a plain tree nor can it be written to.
    """
    left = [name for name in DOCUMENT_NAMES if (root / name).exists()]
    if left and DESCRIPTION_NAME not in left:
        raise UserMistake(
            f"{root / DESCRIPTION_NAME}: missing beside {left[0]}; restore it from a copy, or make"
            " the dataset again in another folder"
        )


def _refuse_foreign(root: Path) -> None:
    if not root.exists():
        return
    begun = (LOCK_NAME, f"{PLAN_NAME}{PART_SUFFIX}")  # killed before the plan stood
    own = {WORK_NAME, *(f"{WORK_NAME}/{name}" for name in begun)}
    found = [*root.iterdir(), *(root / WORK_NAME).glob("*")]
    foreign = sorted(path for path in found if path.relative_to(root).as_posix() not in own)
    if foreign:
        raise UserMistake(
            f"{root}: holds '{foreign[0].relative_to(root)}', which is not of a dataset begun"
            " here; give a folder that is empty or not there yet"
        )


def _compare_plans(begun: bytes, asked: bytes, root: Path) -> None:
    if begun == asked:
        return
    differing = ""
    try:
        old, new = json.loads(begun), json.loads(asked)
    except (ValueError, RecursionError):  # not a plan of ours
        old = new = None
    if isinstance(old, dict) and isinstance(new, dict):
        names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
        differing = f" (different: {', '.join(names)})"
    raise UserMistake(
        f"{root}: holds an unfinished dataset of other inputs or options{differing}; give those"
        " again to finish it, or another folder"
    )
