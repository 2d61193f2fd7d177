"""Opens a folder to write a dataset: new, begun, finished, or somebody else's and left alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bsd.document import PART_SUFFIX, write_bytes
from bsd.errors import UserMistake
from bsd.lock import locked
from bsd.provenance import sha256_bytes
from dataset.description import DESCRIPTION_NAME, DatasetDescription, read_sealed
from dataset.installation import install_documents, is_decided
from dataset.journal import Journal
from dataset.layout import (
    BUILD_NAME,
    DOCUMENT_NAMES,
    LOCK_NAME,
    NEXT_NAME,
    PLAN_NAME,
    WORK_NAME,
    own_parts,
)
from dataset.plan import differing_fields, plan_fields, refuse_shrinking
from dataset.splits import SPLITS_NAME, Splits

State = Literal["new", "resumed", "finished", "extended"]


@dataclass(frozen=True)
class Published:
    """What lies in a folder already.

    Attributes
    ----------
    description, splits
        Of the dataset.
    plan
        Fields of the plan that it was built by; None where none was published.
    """

    description: DatasetDescription
    splits: Splits
    plan: dict[str, Any] | None


def published(root: Path) -> Published | None:
    """The dataset that is published in a folder; None where there is none yet.

    An installation that a kill cut short is completed first.

    Raises
    ------
    UserMistake
        Its documents are damaged, or another run writes here.
    """
    if is_decided(root):
        with locked(root / WORK_NAME / LOCK_NAME):
            install_documents(root)
    if not (root / DESCRIPTION_NAME).exists():
        return None
    description = read_sealed(root)
    plan = root / BUILD_NAME
    fields = plan_fields(plan.read_bytes()) if plan.exists() else None
    return Published(description, Splits.read(root / SPLITS_NAME), fields)


@contextmanager
def held_tree(root: Path, plan_json: str, growing: Sequence[str] = ()) -> Iterator[State]:
    """Begin a dataset, or go on with one that the same plan began, and keep other runs out of it.

    Parameters
    ----------
    root
        Folder to write to; it and its parents are made.
    plan_json
        Everything that decides the files' content, as JSON text: inputs by hash, recipe, splits.
        No absolute path, time or worker count, since its hash is published.
    growing
        Lists of the plan that may become longer once the dataset is published: an extension has
        every item of the published plan, in its order, and others.

    Yields
    ------
    ``new``; ``resumed``; ``finished`` where the dataset of this plan is complete already;
    ``extended`` where a finished one is added to for the first time.

    Raises
    ------
    UserMistake
        The folder holds something else, a dataset of another plan or with damaged documents, is
        a file, or another run writes it; nothing in it was changed.
    """
    if root.exists() and not root.is_dir():
        raise UserMistake(f"{root}: is a file; give a folder that is empty or not there yet")
    finished = _refuse_others(root, plan_json, growing)
    work = root / WORK_NAME
    if finished and not work.exists():
        for part in own_parts(root):
            part.unlink(missing_ok=True)
        yield "finished"
        return
    work.mkdir(parents=True, exist_ok=True)
    with locked(work / LOCK_NAME):
        finished = _refuse_others(root, plan_json, growing)  # again: another run may have ended
        state = _settled(root, plan_json, finished)
        try:
            yield state
        except UserMistake:
            _forget_refused(root)
            raise


def _forget_refused(root: Path) -> None:
    """Leave a published dataset as it was where an addition was refused before it wrote a pair."""
    work = root / WORK_NAME
    is_begun = any(path.stat().st_size for path in work.glob("*.jsonl"))
    if (root / DESCRIPTION_NAME).exists() and not is_begun and not is_decided(root):
        shutil.rmtree(work, ignore_errors=True)


def open_tree(root: Path, plan_json: str, growing: Sequence[str] = ()) -> State:
    """As `held_tree`, without keeping other runs out once it has returned."""
    with held_tree(root, plan_json, growing) as state:
        return state


def _settled(root: Path, plan_json: str, finished: bool) -> State:
    """Go on from what a killed run left of a folder that is known to be ours."""
    work = root / WORK_NAME
    for path in sorted(work.glob("*.jsonl")):
        Journal(path).close()  # refuses while a worker of a killed run still holds it
    for part in own_parts(root):
        part.unlink(missing_ok=True)
    if is_decided(root):
        install_documents(root)
        return "finished"
    if finished:
        shutil.rmtree(work)
        return "finished"
    shutil.rmtree(work / NEXT_NAME, ignore_errors=True)  # staged, and not installed: made again
    if (work / PLAN_NAME).exists():
        return "resumed"
    write_bytes(work / PLAN_NAME, plan_json.encode())
    return "extended" if (root / DESCRIPTION_NAME).exists() else "new"


def _refuse_others(root: Path, plan_json: str, growing: Sequence[str]) -> bool:
    """Raise unless the folder is free, or of this plan; whether this plan's dataset is finished."""
    begun = root / WORK_NAME / PLAN_NAME
    asked = plan_json.encode()
    if (root / DESCRIPTION_NAME).exists():
        described = DatasetDescription.read(root / DESCRIPTION_NAME)
        of_plan = described.plan_sha256 == sha256_bytes(asked)
        if begun.exists() and sha256_bytes(begun.read_bytes()) != described.plan_sha256:
            _compare_plans(begun.read_bytes(), asked, root)
        elif not of_plan:
            _refuse_other_plan(root, described, asked, growing)
        if not is_decided(root):  # else some documents are new and some are old: see `_settled`
            read_sealed(root)
        return of_plan
    if begun.exists():
        _compare_plans(begun.read_bytes(), asked, root)
    else:
        refuse_undescribed(root)
        _refuse_foreign(root)
    return False


def _refuse_other_plan(
    root: Path, described: DatasetDescription, asked: bytes, growing: Sequence[str]
) -> None:
    if not growing or BUILD_NAME not in described.documents:
        raise UserMistake(
            f"{root}: holds a finished dataset, '{described.name}', of other inputs or"
            " options; give another folder"
        )
    read_sealed(root)
    refuse_shrinking((root / BUILD_NAME).read_bytes(), asked, growing, f"{root}")


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
    old, new = plan_fields(begun), plan_fields(asked)
    names = differing_fields(old, new) if old is not None and new is not None else []
    differing = f" (different: {', '.join(names)})" if names else ""
    raise UserMistake(
        f"{root}: holds an unfinished dataset of other inputs or options{differing}; give those"
        " again to finish it, or another folder"
    )
