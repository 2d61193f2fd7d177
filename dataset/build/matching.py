"""Which clips show the same scene: an index names the few pairs that are then compared."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from bsd import command
from bsd.document import Document
from bsd.errors import UserMistake
from dataset.build.assignment import Placement
from dataset.executor import Advance, run_jobs
from dataset.gate.limits import GateLimits
from dataset.gate.scene import Signature, overlap, signature
from dataset.gate.scene_index import candidates
from dataset.layout import frame_path
from dataset.png import decode_png

VERDICTS_NAME: Final = "scenes.json"
_PAIRS_PER_JOB: Final = 64


@dataclass(frozen=True)
class Look:
    """What a clip looks like: its identity and the signatures of a few frames."""

    clip: str
    signatures: tuple[Signature, ...]

    @property
    def sha256(self) -> str:
        """Of all that is compared."""
        whole = hashlib.sha256()
        for each in self.signatures:
            whole.update(each.to_bytes())
        return whole.hexdigest()


@dataclass(frozen=True)
class Match:
    """Two clips that show something alike: points that agree on one motion of the view."""

    clips: frozenset[str]
    matches: int


class SceneVerdicts(Document):
    """Pairs that were compared, for the next run.

    Attributes
    ----------
    limit
        `GateLimits.overlap_matches`: a comparison ends with the first views that reach it.
    matches
        Hashes of two looks, the lower one first, joined by a dash → points that agree.
    """

    format: str = "bsd-scene-verdicts"
    format_version: int = 1
    limit: int
    matches: dict[str, int]


@dataclass(frozen=True)
class _PublishedJob:
    root: Path
    placement: Placement


@dataclass(frozen=True)
class _Comparison:
    """Two clips, by the signatures that have most in common."""

    key: str
    pairs: tuple[tuple[Signature, Signature], ...]


@dataclass(frozen=True)
class _MatchJob:
    comparisons: tuple[_Comparison, ...]
    limits: GateLimits


def published_looks(places: Sequence[tuple[Path, Placement]], workers: int) -> tuple[Look, ...]:
    """Looks of published sequences, from their sharp frames: nothing else is needed of them."""
    jobs = [_PublishedJob(root, placement) for root, placement in places]
    return tuple(run_jobs(_published_look, jobs, workers))


def matched(
    known: Sequence[Look],
    new: Sequence[Look],
    limits: GateLimits,
    workers: int,
    memory: Path | None = None,
) -> tuple[Match, ...]:
    """Every new clip against those before it and all known ones.

    Parameters
    ----------
    memory
        Folder that keeps the verdicts for the next run.

    Returns
    -------
    Only pairs with at least one point in common; `GateLimits.overlap_matches` decides.
    """
    looks = (*known, *new)
    likely = candidates([look.signatures for look in looks], since=len(known))
    hashes = [look.sha256 for look in looks] if likely else []
    keys = {pair: "-".join(sorted(hashes[at] for at in pair)) for pair in likely}
    path = None if memory is None else memory / VERDICTS_NAME
    verdicts = _remembered(path, limits)
    missing = [
        _Comparison(
            keys[one, other],
            tuple((looks[one].signatures[a], looks[other].signatures[b]) for a, b in views),
        )
        for (one, other), views in likely.items()
        if keys[one, other] not in verdicts
    ]
    verdicts |= _compared(missing, limits, workers)
    if path is not None and missing:
        path.parent.mkdir(parents=True, exist_ok=True)
        SceneVerdicts(limit=limits.overlap_matches, matches=verdicts).write(path)
    return tuple(
        Match(frozenset((looks[one].clip, looks[other].clip)), verdicts[key])
        for (one, other), key in keys.items()
        if verdicts[key] > 0
    )


def _compared(
    comparisons: Sequence[_Comparison], limits: GateLimits, workers: int
) -> dict[str, int]:
    jobs = [
        _MatchJob(tuple(comparisons[begin : begin + _PAIRS_PER_JOB]), limits)
        for begin in range(0, len(comparisons), _PAIRS_PER_JOB)
    ]
    with command.progress("scenes", len(comparisons)) as advance:
        found = run_jobs(_match_job, jobs, workers, advance)
    return {key: count for part in found for key, count in part.items()}


def _published_look(job: _PublishedJob, _threads: int, _advance: Advance) -> Look:
    placement = job.placement
    signatures = []
    for index in sorted({0, placement.frames // 2, placement.frames - 1}):
        path = job.root / frame_path(placement.split, placement.sequence, "Sharp", index)
        signatures.append(signature(decode_png(path.read_bytes(), str(path))))
    return Look(placement.clip, tuple(signatures))


def _match_job(job: _MatchJob, _threads: int, advance: Advance) -> dict[str, int]:
    found = {}
    for each in job.comparisons:
        most = 0
        for one, other in each.pairs:
            most = max(most, overlap(one, other).matches)
            if most >= job.limits.overlap_matches:
                break
        found[each.key] = most
        advance(1)
    return found


def _remembered(path: Path | None, limits: GateLimits) -> dict[str, int]:
    if path is None or not path.is_file():
        return {}
    try:
        told = SceneVerdicts.read(path)
    except (UserMistake, ValidationError):  # of another version: compare again
        return {}
    return dict(told.matches) if told.limit == limits.overlap_matches else {}
