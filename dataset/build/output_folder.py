"""The folder of the trees: one build at a time, and no scene in two splits of its trees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bsd.errors import UserMistake
from bsd.lock import locked
from dataset.build.assignment import check_homes
from dataset.build.plan import TreePlan
from dataset.build.published_tree import PublishedTree, published_trees
from dataset.build.request import WORK_NAME, BuildRequest

_LOCK_NAME: Final = "lock"


@contextmanager
def held_folder(out: Path) -> Iterator[None]:
    """Keep builds out of a folder that is there.

    Raises
    ------
    UserMistake
        A build writes there.
    """
    memory = out / WORK_NAME
    memory.mkdir(exist_ok=True)
    with locked(memory / _LOCK_NAME):
        yield


@contextmanager
def held_output(request: BuildRequest) -> Iterator[None]:
    """Keep other builds out of the folder: scenes are placed over all of its trees.

    Raises
    ------
    UserMistake
        Another build writes there, it is a file or a link to nothing, or lies within a session or
        a calibration.
    """
    _check_place(request)
    request.memory.mkdir(parents=True, exist_ok=True)
    with locked(request.memory / _LOCK_NAME):
        try:
            yield
        except UserMistake:
            _forget_refused(request)
            raise


def _check_place(request: BuildRequest) -> None:
    out = request.out
    if not out.is_dir() and (out.exists() or out.is_symlink()):
        what = "a file" if out.exists() else f"a link to {out.readlink()}, which is not there"
        raise UserMistake(f"{out}: is {what}; give a folder that is empty or not there yet")
    whole = out.resolve()
    for kind, folders in (("session", request.sessions), ("calibration", request.calibrations)):
        for folder in folders:
            if whole.is_relative_to(folder.resolve()):
                raise UserMistake(
                    f"--out {out}: lies in the {kind} {folder}, which a build only reads; give"
                    " another folder"
                )


def _forget_refused(request: BuildRequest) -> None:
    """Leave nothing behind of a build that was refused before it found out anything."""
    if [path.name for path in request.memory.iterdir()] != [_LOCK_NAME]:
        return
    (request.memory / _LOCK_NAME).unlink()
    request.memory.rmdir()
    if not any(request.out.iterdir()):
        request.out.rmdir()


def check_neighbours(
    out: Path, before: Mapping[str, PublishedTree], plans: Mapping[str, TreePlan]
) -> None:
    """Look once more at all trees before one is published; locks do not reach everywhere.

    Raises
    ------
    UserMistake
        A tree came or changed while this build ran, or a scene stands in two splits.
    """
    others = {name: tree for name, tree in published_trees(out).items() if name not in plans}
    for name, tree in others.items():
        known = before.get(name)
        if known is None or known.description != tree.description:
            raise UserMistake(
                f"{tree.root}: was published while this build ran, so that a scene may stand in two"
                " splits; remove what is newer of the two and build it again"
            )
    check_homes(
        [
            *(each for tree in others.values() for each in tree.placements),
            *(clip.placement(name) for name, plan in plans.items() for clip in plan.inputs),
        ]
    )
