"""Writes one sequence: rows of a clip, developed and encoded, and what goes beside RGB."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from acquisition.clip.format import frame_format
from acquisition.clip.reader import Clip
from acquisition.rig import ROLES
from dataset.build.config import BuildConfig
from dataset.build.inspection_job import (
    RawPair,
    is_mosaic,
    make_developer,
    raw_pairs,
    sharp_shape,
)
from dataset.build.survey import SurveyedClip, paired_places
from dataset.executor import Advance
from dataset.extras import PairExtras
from dataset.manifest import CaptureSource, ClipSource
from dataset.pair.development import DevelopedPair, PairDeveloper
from dataset.pair.encoding import Encoding
from dataset.pair.raw import RawPair as RawCut
from dataset.splits import Split
from dataset.writer import SequenceWriter

ENCODER_VERSION: Final = 1
"""Of the way from a developed pair to the bytes of its files: one more with any change of a byte.

It stands in the plan, so that a sequence is never finished by another encoder than began it.
"""


@dataclass(frozen=True)
class SequenceJob:
    """One sequence: where it goes, and which pairs of which clip it is.

    Attributes
    ----------
    root
        Of the tree.
    split, sequence
        Its place.
    clip
        The clip; its pairs from `clip.first` on are written.
    clip_sha256, calibration_sha256
        Of the files that it is made from.
    frames
        How many pairs.
    white_balance
        Gains of red, green and blue.
    config
        How pairs are developed, and what is written.
    """

    root: Path
    split: Split
    sequence: str
    clip: SurveyedClip
    clip_sha256: str
    calibration_sha256: str
    frames: int
    white_balance: tuple[float, float, float]
    config: BuildConfig


def develop_sequence(job: SequenceJob, threads: int, advance: Advance) -> None:
    """Write the pairs of a sequence that an earlier run did not.

    Parameters
    ----------
    job
        The sequence.
    threads
        Of development and of encoding.
    advance
        Is told of every pair, those of an earlier run included.
    """
    with SequenceWriter(job.root, job.split, job.sequence, threads) as writer:
        advance(writer.frames_done)
        if writer.frames_done >= job.frames:
            return
        with closing(make_developer(job.clip, job.config, threads)) as developer:
            _write(job, developer, writer, advance)


def _write(
    job: SequenceJob, developer: PairDeveloper, writer: SequenceWriter, advance: Advance
) -> None:
    coded = Encoding.of(job.white_balance, developer.model.white_dn)
    cut = None
    if "raw" in job.config.formats and is_mosaic(job.clip):
        cut = RawCut(developer.model, sharp_shape(job.clip), developer.crop)
        writer.put_map(cut.map_xy, _map_source(job))
    begin = job.clip.first + writer.frames_done
    with Clip.open(job.clip.source.path) as clip:
        places = paired_places(clip)[begin : job.clip.first + job.frames]
        with closing(raw_pairs(clip, places)) as pairs:
            for raw in pairs:
                pair = developer.develop(raw.blurry, raw.sharp)
                extras = _extras(job, coded, cut, raw, pair)
                sides = coded.srgb(pair.blurry), coded.srgb(pair.sharp)
                writer.append(*sides, _source(job, raw), extras)
                advance(1)


def _extras(
    job: SequenceJob, coded: Encoding, cut: RawCut | None, raw: RawPair, pair: DevelopedPair
) -> PairExtras:
    linear = masks = None
    if "linear" in job.config.formats:
        linear = coded.linear16(pair.blurry), coded.linear16(pair.sharp)
    if "masks" in job.config.formats:
        masks = pair.blurry_saturated, pair.sharp_saturated
    if cut is None:
        return PairExtras(linear=linear, masks=masks)
    bits = max(frame_format(job.clip.head, role).bits for role in ROLES)
    mosaics = cut.cut(raw.blurry, raw.sharp)
    return PairExtras(mosaics, (cut.cfa, cut.cfa_2), bits, linear, masks)


def _source(job: SequenceJob, raw: RawPair) -> CaptureSource:
    source = job.clip.source
    return CaptureSource(
        session=source.session,
        clip=source.clip,
        clip_uuid=source.uuid,
        clip_sha256=job.clip_sha256,
        pulse=int(raw.row["pulse"]),
        row=raw.place,
        calibration_sha256=job.calibration_sha256,
    )


def _map_source(job: SequenceJob) -> ClipSource:
    source = job.clip.source
    return ClipSource(
        session=source.session,
        clip=source.clip,
        clip_uuid=source.uuid,
        clip_sha256=job.clip_sha256,
        calibration_sha256=job.calibration_sha256,
    )
