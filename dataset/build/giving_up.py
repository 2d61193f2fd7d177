"""Gives up what is unfinished: only what is published stays, as it was published."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bsd.document import PART_SUFFIX, sync_folder
from bsd.errors import UserMistake
from bsd.lock import locked
from dataset.build.output_folder import held_folder
from dataset.build.published_tree import BegunTree, begun_trees, published_trees
from dataset.journal import Journal
from dataset.layout import LOCK_NAME, PLAN_NAME, WORK_NAME, is_own_part, own_parts


@dataclass(frozen=True)
class GivenUp:
    """A tree that is no longer unfinished.

    Attributes
    ----------
    name
        Of the tree.
    revision
        That stands as it was published; None where none was.
    sequences
        That were begun, ``train/002``.
    files
        Of them, that were removed.
    kept
        Files among them that no build wrote.
    """

    name: str
    revision: int | None
    sequences: tuple[str, ...]
    files: int
    kept: tuple[str, ...]


def give_up(out: Path) -> tuple[GivenUp, ...]:
    """Remove what unfinished builds wrote; the plan of each goes last.

    After a kill in the midst, this goes on, or the build does: to either it is unfinished still.
    What was decided to be published when it was cut short is published, as the next build would.

    Parameters
    ----------
    out
        Folder of the trees.

    Raises
    ------
    UserMistake
        No folder, another build writes there, or a tree is damaged or not of this verb.
    """
    if not out.is_dir():
        raise UserMistake(f"{out}: no folder of data sets, so there is nothing to give up")
    if not any(out.glob(f"*/{WORK_NAME}")):
        return ()
    with held_folder(out):
        before = published_trees(out)
        begun = begun_trees(out, before)
        given = tuple(
            _given_up(tree, before[name].description.revision if name in before else None)
            for name, tree in begun.items()
        )
        for work in sorted(out.glob(f"*/{WORK_NAME}")):
            _clear(work, is_published=work.parent.name in before)
        return given


def _clear(work: Path, *, is_published: bool) -> None:
    """Remove what a kill left before a plan stood, or after its tree was published."""
    before_a_plan = {LOCK_NAME, f"{PLAN_NAME}{PART_SUFFIX}"}
    if not is_published and not {path.name for path in work.iterdir()} <= before_a_plan:
        return
    with locked(work / LOCK_NAME):
        shutil.rmtree(work)
    if not is_published:
        with suppress(OSError):  # it holds what no build wrote
            work.parent.rmdir()


def _given_up(tree: BegunTree, revision: int | None) -> GivenUp:
    root, work = tree.root, tree.root / WORK_NAME
    sequences = tuple(f"{clip.split}/{clip.sequence}" for clip in tree.clips)
    with locked(work / LOCK_NAME):
        for journal in work.glob("*.jsonl"):
            Journal(journal).close()  # refuses while a worker of a killed run still holds it
        parts = list(own_parts(root))
        found = [path for name in sequences for path in _files(root / name)]
        own = [path for path in found if _is_own(path.relative_to(root).as_posix())]
        for path in (*own, *(part for part in parts if part.exists())):
            _remove(path)
        for name in sequences:
            _remove_empty(root / name)
            with suppress(OSError):  # of a split that holds other sequences
                (root / name).parent.rmdir()
        last = (work / PLAN_NAME, work / LOCK_NAME)
        for path in [path for path in _files(work) if path not in last]:
            _remove(path)
        sync_folder(root)
        for path in last:
            _remove(path)
        _remove_empty(work)
    if revision is None:
        with suppress(OSError):  # it holds what no build wrote
            root.rmdir()
    kept = tuple(path.relative_to(root).as_posix() for path in found if path not in own)
    return GivenUp(tree.plan.name, revision, sequences, len(own), kept)


def _is_own(name: str) -> bool:
    return is_own_part(f"{name}{PART_SUFFIX}") or is_own_part(name)


def _files(folder: Path) -> Iterator[Path]:
    """Everything below that is no folder; links are not followed."""
    for place, _folders, names in os.walk(folder):
        yield from (Path(place) / name for name in sorted(names))


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _remove_empty(folder: Path) -> None:
    """The folder and those below it, as far as they are empty."""
    for place, _folders, _names in os.walk(folder, topdown=False):
        with suppress(OSError):
            Path(place).rmdir()
