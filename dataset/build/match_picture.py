"""A clip beside one that shows the same: why the gate on scenes refused it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acquisition.clip.reader import Clip
from bsd.document import write_bytes
from dataset.build.config import BuildConfig
from dataset.build.evidence import MATCH, OVERVIEW_PX, shrunk
from dataset.build.inspection_job import Inspection, make_developer, raw_pair
from dataset.build.survey import SurveyedClip, paired_places
from dataset.executor import Advance
from dataset.pair.encoding import Encoding
from dataset.png import decode_png, encode_png


@dataclass(frozen=True)
class ClipView:
    """A clip that was inspected: its middle frame is shown."""

    clip: SurveyedClip
    inspection: Inspection


@dataclass(frozen=True)
class MatchPictureJob:
    """Two views of one scene; a published one is the path of a frame.

    Attributes
    ----------
    folder
        Where the picture goes.
    views
        The clip that is left out, and the other one.
    config
        How clips are developed.
    """

    folder: Path
    views: tuple[ClipView, ClipView | Path]
    config: BuildConfig


def write_match(job: MatchPictureJob, threads: int, _advance: Advance) -> None:
    """Write ``match.png``: the sharp views of both, side by side."""
    sides = [shrunk(_picture(view, job.config, threads), OVERVIEW_PX) for view in job.views]
    height = min(len(side) for side in sides)
    picture = np.ascontiguousarray(np.hstack([side[:height] for side in sides]))
    write_bytes(job.folder / f"{MATCH}.png", encode_png(picture))


def _picture(view: ClipView | Path, config: BuildConfig, threads: int) -> NDArray[np.uint8]:
    if isinstance(view, Path):
        return decode_png(view.read_bytes(), str(view))
    with closing(make_developer(view.clip, config, threads)) as developer:
        with Clip.open(view.clip.source.path) as clip:
            places = paired_places(clip)
            raw = raw_pair(clip, int(places[min(view.inspection.middle, len(places) - 1)]))
        pair = developer.develop(raw.blurry, raw.sharp)
        coded = Encoding.of(view.inspection.white_balance, developer.model.white_dn)
        return coded.srgb(pair.sharp)
