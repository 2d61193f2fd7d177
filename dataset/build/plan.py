"""What a build is going to write of one tree, as JSON: published with it, compared when resumed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from bsd.document import Part, first_fault
from bsd.errors import UserMistake
from bsd.provenance import toolkit_version
from dataset.build.assignment import Placement
from dataset.build.config import BuildConfig
from dataset.build.survey import LeftOutClip
from dataset.splits import Split

GROWING: Final = ("sessions", "calibrations", "inputs", "left_out", "publication", "consents")
"""Lists of a plan that a later build may lengthen."""


class PlannedClip(Part):
    """A clip that becomes a sequence. It does not change when others are added.

    Attributes
    ----------
    split, sequence, scene
        Its place, and what it shows.
    session, session_name, clip, uuid, sha256
        What it is made from.
    identity
        As people name it.
    calibration_sha256
        What aligns it.
    first, frames
        Its first pair among those of the clip, and how many.
    white_balance
        Gains of red, green and blue.
    matches
        Most points that agree with a clip of another scene.
    toolkit, encoder
        Versions that build it: of the toolkit, and of what turns pairs into files.
    """

    split: Split
    sequence: str
    scene: str
    identity: str
    session: str
    session_name: str
    clip: str
    uuid: str
    sha256: str
    calibration_sha256: str
    first: int
    frames: int
    white_balance: tuple[float, float, float]
    matches: int
    toolkit: str
    encoder: int

    def placement(self, tree: str) -> Placement:
        """Its place."""
        return Placement(
            tree=tree,
            split=self.split,
            sequence=self.sequence,
            scene=self.scene,
            clip=self.identity,
            frames=self.frames,
        )


class PlannedCamera(Part):
    """A camera: role, maker and model, delivered format. No serial number is published."""

    role: str
    model: str
    pixel_format: str
    bits: int


class PlannedSession(Part):
    """What is told of a session: no operator, no names of persons.

    Attributes
    ----------
    session, name
        UUID and name.
    recorded_on
        Day, ``2026-11-20``.
    lens, nd_transmission, cameras
        Of the rig.
    """

    session: str
    name: str
    recorded_on: str
    lens: str
    nd_transmission: float | None
    cameras: tuple[PlannedCamera, ...]


class PlannedTolerance(Part):
    """One figure of a calibration with its limit."""

    item: str
    value: float | None
    limit: float | None
    unit: str
    sigma: float | None = None
    note: str = ""


class PlannedCalibration(Part):
    """A calibration: its hash, and what it says of itself.

    Attributes
    ----------
    sha256, session
        Of ``calibration.json``, and UUID of the session that it was made from.
    tolerances
        Every figure with its limit.
    ceilings_db
        Name → PSNR that the pairs' own errors allow, where the calibration predicts it.
    """

    sha256: str
    session: str
    tolerances: tuple[PlannedTolerance, ...]
    ceilings_db: dict[str, float]


class PlannedConsent(Part):
    """Whether persons can be recognised in the scenes of a session; who they are is not told."""

    session: str
    persons: bool


class Publication(Part):
    """That the tree is published, and how.

    Attributes
    ----------
    licence
        Its SPDX name, or the name of the file that it was given as.
    text_sha256
        Of the text of a licence that was given as a file, else empty.
    contact
        Whom users of the data may write to.
    """

    licence: str
    text_sha256: str = ""
    contact: str = ""


class TreePlan(Part):
    """Everything that decides the files of one tree: no path, no time, no number of workers.

    Attributes
    ----------
    name, setting, sharp_us, blurry_us, rate_hz
        Of the tree.
    options
        The configuration.
    sessions, calibrations
        That something is built from.
    inputs
        Clips that are built, published ones first.
    left_out
        Clips that are not, with the reason.
    publication
        Empty where it is not published; the last one counts.
    consents
        Of the sessions of a tree that is published.
    """

    name: str
    setting: str
    sharp_us: int
    blurry_us: int
    rate_hz: str
    options: dict[str, Any]
    sessions: tuple[PlannedSession, ...]
    calibrations: tuple[PlannedCalibration, ...]
    inputs: tuple[PlannedClip, ...]
    left_out: tuple[LeftOutClip, ...]
    publication: tuple[Publication, ...] = ()
    consents: tuple[PlannedConsent, ...] = ()

    def to_json(self) -> str:
        """The text that is published as ``build.json``."""
        whole = {
            "verb": "dataset.build",
            "toolkit": toolkit_version(),
            **self.model_dump(mode="json"),
        }
        return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"

    @property
    def licence(self) -> str | None:
        """Of the data; None where it is not published."""
        return self.publication[-1].licence if self.publication else None

    @property
    def standing_left_out(self) -> tuple[LeftOutClip, ...]:
        """The last word on each clip that is not built: later ones may have come back."""
        built = {clip.uuid for clip in self.inputs}
        last = {each.uuid: each for each in self.left_out}
        return tuple(each for uuid, each in last.items() if uuid not in built)


def read_plan(fields: Mapping[str, Any], where: str) -> TreePlan:
    """A published plan.

    Raises
    ------
    UserMistake
        It is not one of this verb, or of a newer toolkit.
    """
    if fields.get("verb") != "dataset.build":
        raise UserMistake(f"{where}: was not made by dataset.build; give another --out")
    known = {name: value for name, value in fields.items() if name not in ("verb", "toolkit")}
    try:
        return TreePlan.model_validate(known)
    except ValidationError as error:
        raise UserMistake(f"{where}: {first_fault(error)}; was a newer toolkit used?") from error


def options_of(config: BuildConfig) -> dict[str, Any]:
    """The configuration as a plan holds it."""
    return config.model_dump(mode="json", exclude={"format", "format_version"})


def merged(before: Sequence[LeftOutClip], now: Sequence[LeftOutClip]) -> tuple[LeftOutClip, ...]:
    """Published decisions, then those on clips, or with calibrations, that were not decided."""
    decided = {(each.uuid, each.calibration_sha256) for each in before}
    return (
        *before,
        *(each for each in now if (each.uuid, each.calibration_sha256) not in decided),
    )
