"""The small sessions that tests of the solve share, and what may go wrong with one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acquisition.clip.reader import Clip
from acquisition.clip.sink import FrameShape
from acquisition.clip.writer import ClipWriter, seal
from acquisition.rig import ROLES
from calibration.solve.options import SolveOptions
from tests.twin_session import SceneClip, Spec, TwinSession, twin_session

NEAR = tuple(f"target-near-{number}" for number in range(1, 9))

LEAN = Spec(
    missing=("sync", "colour", *NEAR),
    scenes=(),
    end=False,
    options=(
        ("dark_frames", 8),
        ("flat_frames", 16),
        ("series_frames", 2),
        ("target_frames", 2),
    ),
)
"""What a calibration needs and no more; hardly larger than the markers of its board allow."""

LEAN_OPTIONS = SolveOptions(allow_missing=("near", "end"))
LEAN_WORDS = ("--set", "allow_missing=[near,end]")
"""What lets a lean session be solved."""

WHOLE = Spec(scenes=(SceneClip(frames=4, bookend=1),))
"""All steps of a guide, at both ends, and a scene."""


def lean(**fields: object) -> TwinSession:
    """A session of the clips that a calibration needs."""
    return twin_session(replace(LEAN, **fields))  # type: ignore[arg-type]


def only(*steps: str, **fields: object) -> TwinSession:
    """A session of some steps alone, for `graft`."""
    every = ["dark", "flat", "series", "sync", "colour", *NEAR]
    every += [f"target-far-{number}" for number in range(1, 9)]
    missing = tuple(name for name in every if name not in steps)
    return lean(missing=missing, **fields)


def graft(session: TwinSession, step: str, other: TwinSession, theirs: str | None = None) -> None:
    """Put another session's clip where a step's clip of a copied session is."""
    record = session.record
    old = [each for each in record.clips if each.plan.step == step][-1]
    source = other.clip(theirs or step)
    new = next(each for each in other.record.clips if each.file == source.name)
    path = session.folder / old.file
    path.unlink()
    shutil.copyfile(source, path)
    journal = session.folder / "journal.jsonl"
    text = journal.read_text()
    assert old.uuid is not None
    assert new.uuid is not None
    journal.write_text(text.replace(old.uuid, new.uuid))


def forget(session: TwinSession, *steps: str, when: str = "start") -> None:
    """Take the clips of steps or purposes out of a copied session, as its journal can say."""
    journal = session.folder / "journal.jsonl"
    lines = journal.read_text().splitlines()
    utc = json.loads(lines[-1])["utc"]
    gone = [
        each
        for each in session.record.clips
        if {each.plan.step, each.plan.purpose} & set(steps) and each.plan.when == when
    ]
    assert gone
    for each in gone:
        entry = {"n": len(lines), "utc": utc, "kind": "clip_forgotten", "clip": each.clip}
        lines.append(json.dumps({**entry, "why": "a test"}))
        (session.folder / each.file).unlink()
    journal.write_text("\n".join(lines) + "\n")


def edit(path: Path, change: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
    """Replace the frames of a clip of 12 bit by what `change` makes of each."""
    part = path.with_name(path.name.replace(".h5", ".h5.part"))
    with Clip(path) as clip:
        head, tail, rows, pulses = clip.head, clip.tail, clip.ledger.copy(), clip.pulses.copy()
        told = {role: clip.arrivals(role).copy() for role in ROLES}
        frames = {
            role: [change(np.array(frame)).astype(np.uint16) for frame in clip.frames(role)]
            for role in ROLES
        }
    path.unlink()
    shape = FrameShape(*frames["blurry"][0].shape, 1, "uint16")
    writer = ClipWriter(part, head, dict.fromkeys(ROLES, shape))
    for role in ROLES:
        for arrival, frame in zip(told[role], frames[role], strict=True):
            writer.append(role, arrival, frame.reshape(-1).view(np.uint8))
    writer.pulses(pulses)
    writer.close()
    seal(part, rows, tail)


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def told(stderr: str) -> list[str]:
    """Lines of standard error that are no progress."""
    return [line for line in stderr.splitlines() if not line.startswith("solve: ")]
