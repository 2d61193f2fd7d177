"""What is known of one captured sequence: how it was cut, developed, measured and judged."""

from __future__ import annotations

from pydantic import Field

from bsd.document import Part
from bsd.provenance import toolkit_version
from dataset.splits import Split

Rgb = tuple[float, float, float]


class BlurLengths(Part):
    """Length of the motion blur over a sequence's frames, in px of the published frame."""

    median_px: float = Field(ge=0)
    p95_px: float = Field(ge=0)
    largest_px: float = Field(ge=0)


class GateValue(Part):
    """What a gate measured.

    Attributes
    ----------
    gate
        Its name.
    passed
        None where it could not judge.
    value, limit, unit
        The number, what it was held against, and the unit of both.
    text
        The same in words.
    """

    gate: str
    passed: bool | None
    value: float | None
    limit: float | None
    unit: str
    text: str = ""


class LinearScale(Part):
    """A sample of a Linear file: ``offset_counts + counts_per_dn`` × C1's DN above black level."""

    counts_per_dn: float = Field(gt=0)
    offset_counts: float = 0.0


class SequenceFacts(Part):
    """One captured sequence.

    Attributes
    ----------
    split, sequence, scene
        Where it stands and what it shows, as in the splits.
    session, clip, clip_uuid, clip_sha256, calibration_sha256
        What it was made from.
    setting, frames, rate_hz
        Such as ``2ms16ms``; number of pairs; pairs per second.
    crop_px
        (x, y, width, height) of the published frame in C1's upright picture, before `scale`.
    scale
        Published px per px of the sensor.
    demosaic
        The method.
    white_balance
        Gains of red, green and blue, constant over the sequence and the same for both views.
    white_dn
        The common white level, in C1's DN above black level, per channel.
    linear
        What the Linear files' samples stand for; None where there are none.
    blurry_blur_px, sharp_blur_px
        Motion blur of either view; None where it could not be measured.
    gates
        The verdict of every gate.
    marks
        What a user must know.
    toolkit
        Version that built it.
    """

    split: Split
    sequence: str = Field(pattern="^[0-9]{3,}$")
    scene: str
    session: str
    clip: str
    clip_uuid: str | None = None
    clip_sha256: str
    calibration_sha256: str
    setting: str
    frames: int = Field(ge=1)
    rate_hz: float = Field(gt=0)
    crop_px: tuple[int, int, int, int]
    scale: float = Field(default=1.0, gt=0)
    demosaic: str = "malvar"
    white_balance: Rgb
    white_dn: Rgb
    linear: LinearScale | None = None
    blurry_blur_px: BlurLengths | None = None
    sharp_blur_px: BlurLengths | None = None
    gates: tuple[GateValue, ...] = ()
    marks: tuple[str, ...] = ()
    toolkit: str = Field(default_factory=toolkit_version)
