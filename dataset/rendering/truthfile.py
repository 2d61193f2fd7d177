"""The truth file beside a rendered clip; it also tells our clips from other people's."""

from __future__ import annotations

from pathlib import Path

from bsd.errors import UserMistake
from bsd.provenance import sha256_file
from dataset.rendering.scene import Truth

_WAY_OUT = "move it away, or render into another folder"


def truth_path(video: Path) -> Path:
    """Where the truth of a rendered clip lies: NAME.truth.json beside NAME.mkv."""
    return video.with_suffix(".truth.json")


def refuse_foreign(video: Path) -> Truth | None:
    """The truth of a clip that stands at `video`; None where there is none yet.

    Raises
    ------
    UserMistake
        What lies there was not rendered here or was changed since: it must not be overwritten.
    """
    truth_file = truth_path(video)
    try:
        truth = Truth.read(truth_file) if truth_file.exists() else None
    except UserMistake as error:
        raise UserMistake(f"{error}; {_WAY_OUT}") from error
    if not video.exists():
        return None
    if truth is None or truth.video.sha256 != sha256_file(video):
        raise UserMistake(
            f"{video}: is not as it was rendered here ({truth_file.name} beside it is"
            f" {'missing' if truth is None else 'of another file'}); {_WAY_OUT}"
        )
    return truth
