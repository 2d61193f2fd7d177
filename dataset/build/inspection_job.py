"""One clip through its gates: read once, developed where needed, remembered for the next run."""

from __future__ import annotations

import base64
import json
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from acquisition.clip.reader import Clip
from acquisition.ledger.row import TakePart
from bsd.document import Document, Part
from bsd.errors import UserMistake
from bsd.provenance import sha256_bytes, toolkit_version
from calibration.bundle.calibration import Calibration
from dataset.build.balance import LightSum
from dataset.build.clip_sum import clip_sha256
from dataset.build.config import BuildConfig
from dataset.build.evidence import write_evidence
from dataset.build.survey import SurveyedClip, paired_places
from dataset.executor import Advance, ahead
from dataset.gate.result import GateResult, clip_passes
from dataset.gate.scene import Signature
from dataset.gate.watch import ClipFacts, ClipWatch
from dataset.pair.development import DevelopOptions, PairDeveloper

INSPECTION_NAME = "inspection.json"
_FRAMES_AHEAD = 4
_LEAST_SEEN = 8


class Inspection(Document):
    """What is known of a clip after its gates.

    Attributes
    ----------
    clip, uuid, clip_sha256, calibration_sha256
        What was inspected, and with what.
    results
        Of the gates that need one clip alone.
    facts
        What the gates measured on the way.
    crop_px
        (x, y, width, height) of the published view in C1's upright picture.
    white_balance
        Gains of red, green and blue.
    white_dn
        Common white level of the two views, C1's DN above black.
    signatures
        Of a few frames, base64: tell whether two clips show one scene.
    middle
        Place among the clip's pairs of the pair that its pictures show.
    """

    format: str = "bsd-inspection"
    format_version: int = 1
    clip: str
    uuid: str
    clip_sha256: str
    calibration_sha256: str
    results: tuple[GateResult, ...]
    facts: ClipFacts
    crop_px: tuple[int, int, int, int]
    white_balance: tuple[float, float, float]
    white_dn: tuple[float, float, float]
    signatures: tuple[str, ...]
    middle: int

    @property
    def passes(self) -> bool:
        """Whether no gate failed."""
        return clip_passes(self.results)

    def read_signatures(self) -> tuple[Signature, ...]:
        """The signatures themselves."""
        return tuple(Signature.from_bytes(base64.b64decode(text)) for text in self.signatures)


@dataclass(frozen=True)
class InspectionJob:
    """A clip, how it would be built, and where answers are remembered."""

    clip: SurveyedClip
    config: BuildConfig
    memory: Path


class Inspected(NamedTuple):
    """The answer of a job: what was found, and the folder of its pictures where a gate failed."""

    inspection: Inspection
    pictures: Path


class RawPair(NamedTuple):
    """Both frames of a row, as delivered; `place` is the row's number in the ledger."""

    place: int
    row: np.void
    blurry: NDArray[np.uint8] | NDArray[np.uint16]
    sharp: NDArray[np.uint8] | NDArray[np.uint16]


def inspect_job(job: InspectionJob, threads: int, advance: Advance) -> Inspected:
    """Run the gates over one clip, unless an earlier run did.

    Parameters
    ----------
    job
        The clip.
    threads
        Of the development of one pair.
    advance
        Is told of every pair, those of an earlier run included.
    """
    clip = job.clip
    calibration = read_calibration(clip.calibration)
    clip_hash = clip_sha256(clip.source.path, clip.source.uuid, job.memory / "sums")
    folder = job.memory / "clips" / _key(job, clip_hash, calibration.sha256)
    if (known := _remembered(folder / INSPECTION_NAME)) is not None:
        advance(clip.pairs)
        return Inspected(known, folder)
    developer = make_developer(clip, job.config, threads)
    with closing(developer):
        found = _inspected(job, developer, clip_hash, calibration.sha256, advance)
        folder.mkdir(parents=True, exist_ok=True)
        if not found.passes:
            write_evidence(folder, clip.source.path, developer, found)
    found.write(folder / INSPECTION_NAME)
    return Inspected(found, folder)


def make_developer(clip: SurveyedClip, config: BuildConfig, threads: int) -> PairDeveloper:
    """What aligns the pairs of a clip.

    Raises
    ------
    UserMistake
        The common view is smaller than the size that is asked for.
    """
    calibration = read_calibration(clip.calibration)
    model = calibration.pair_model(clip.setting.name, clip.source.begun_utc)
    options = DevelopOptions(
        demosaic=config.demosaic,
        kernel=config.kernel,
        size_px=config.frame_size,
        scale=config.scale,
    )
    try:
        return PairDeveloper(model, sharp_shape(clip), options, threads)
    except UserMistake as error:
        raise UserMistake(f"{clip.identity}: {error}") from error


def sharp_shape(clip: SurveyedClip) -> tuple[int, int]:
    """Height and width of C2's frames."""
    told: dict[str, Any] = dict(clip.head.cameras["sharp"].configured)
    return int(told["height"]), int(told["width"])


def is_mosaic(clip: SurveyedClip) -> bool:
    """Whether both cameras deliver one sample a pixel, which is what RAW files hold."""
    cameras = clip.head.cameras.values()
    return all(dict(camera.configured).get("channels", 1) == 1 for camera in cameras)


@lru_cache(maxsize=4)
def read_calibration(folder: Path) -> Calibration:
    """A calibration, read once in each process."""
    return Calibration.read(folder)


def raw_pairs(clip: Clip, places: NDArray[np.intp]) -> Generator[RawPair]:
    """Rows of the ledger with their frames, read a little ahead of their use."""
    return ahead((raw_pair(clip, int(place)) for place in places), _FRAMES_AHEAD)


def raw_pair(clip: Clip, place: int) -> RawPair:
    """One row of the ledger with its frames."""
    row = clip.ledger[place]
    blurry, sharp = clip.frames("blurry"), clip.frames("sharp")
    return RawPair(place, row, blurry[int(row["c1_index"])], sharp[int(row["c2_index"])])


def _inspected(
    job: InspectionJob,
    developer: PairDeveloper,
    clip_hash: str,
    calibration_hash: str,
    advance: Advance,
) -> Inspection:
    exposures = float(job.clip.setting.blurry_us), float(job.clip.setting.sharp_us)
    model = developer.model
    forms = {
        role: replace(form, black_dn=float(np.mean(model.black_dn[role])))
        for role, form in model.formats.items()
    }
    watch = ClipWatch(job.config.gates, exposures, forms, developer.model.map_xy["G"])
    watch.calibrated(job.clip.calibration_age_h)
    light = LightSum()
    with Clip.open(job.clip.source.path) as clip:
        watch.ledger(clip.tail.verdict, clip.ledger)
        every = min(job.config.gate_every, max(1, job.clip.frames // _LEAST_SEEN))
        scene = 0
        for _, row, blurry, sharp in raw_pairs(clip, paired_places(clip)):
            pulse, is_scene = int(row["pulse"]), int(row["part"]) == TakePart.SCENE
            is_seen = not is_scene or scene % every == 0
            pair = developer.develop(blurry, sharp) if is_seen else None
            if pair is not None:
                light.add(pair.sharp, pair.sharp_saturated, developer.model.white_dn)
            if is_scene:
                watch.scene(pulse, blurry, sharp, pair)
                scene += 1
            elif pair is not None:
                watch.bookend(pulse, pair)
            advance(1)
    given = job.config.white_balance
    return Inspection(
        clip=job.clip.identity,
        uuid=job.clip.source.uuid,
        clip_sha256=clip_hash,
        calibration_sha256=calibration_hash,
        results=watch.results(),
        facts=watch.facts(),
        crop_px=developer.crop,
        white_balance=light.gains() if given == "auto" else given,
        white_dn=_triple(developer.model.white_dn),
        signatures=tuple(base64.b64encode(each.to_bytes()).decode() for each in watch.signatures()),
        middle=job.clip.first + job.clip.frames // 2,
    )


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    red, green, blue = (round(float(value), 3) for value in values)
    return red, green, blue


class _Key(Part):
    """Everything that decides an inspection."""

    toolkit: str
    clip: str
    calibration: str
    first: int
    frames: int
    options: dict[str, object]


def _key(job: InspectionJob, clip_hash: str, calibration_hash: str) -> str:
    names = {
        "gates",
        "demosaic",
        "kernel",
        "scale",
        "gate_every",
        "white_balance",
        "size",
        "preset",
    }
    key = _Key(
        toolkit=toolkit_version(),
        clip=clip_hash,
        calibration=calibration_hash,
        first=job.clip.first,
        frames=job.clip.frames,
        options=job.config.model_dump(mode="json", include=names),
    )
    text = json.dumps(key.model_dump(mode="json"), sort_keys=True)
    return sha256_bytes(text.encode())[:32]


def _remembered(path: Path) -> Inspection | None:
    if not path.is_file():
        return None
    try:
        return Inspection.read(path)
    except (UserMistake, ValidationError):  # of another version: inspect again
        return None
