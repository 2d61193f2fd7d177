"""``calibration.json``: what was found out about a rig in one session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from acquisition.rig import Role
from bsd.document import Document, Part
from bsd.provenance import toolkit_version
from calibration.bundle.array_file import ArrayFile
from calibration.bundle.rig import CalibratedRig
from calibration.bundle.source import SourceClip
from calibration.ceiling.prediction import Ceilings
from calibration.geometry.drift import Drift
from calibration.geometry.parallax import Parallax
from calibration.geometry.refinement import Refinement
from calibration.geometry.residual import Residual
from calibration.geometry.uncertainty import MapUncertainty
from calibration.geometry.view_map import ViewMap
from calibration.photometry.black_level import BlackLevel
from calibration.photometry.colour import ColourMatrix
from calibration.photometry.defects import DefectCounts
from calibration.photometry.flat import FlatQuality, RatioDrift, RatioQuality
from calibration.photometry.gain import ChannelGains
from calibration.photometry.linearity import Linearity
from calibration.photometry.noise import NoiseModel
from calibration.photometry.response import Response
from calibration.photometry.saturation import Saturation

CALIBRATION_NAME = "calibration.json"
Verdict = Literal["good", "withheld"]
Three = tuple[float, float, float]


class Item(Part):
    """One line of the verdict.

    Attributes
    ----------
    name, setting
        What was measured; the setting is empty for what holds for all of them.
    value, limit, unit
        The figure and what it may be; None where it is a statement only.
    passed
        None: nothing to judge by, or no limit.
    text
        In words.
    unusable
        Clips were recorded for it and cannot be used; `text` tells why.
    way_out
        What mends it where it failed; else empty.
    """

    name: str
    setting: str = ""
    value: float | None
    limit: float | None
    unit: str
    passed: bool | None
    text: str
    unusable: bool = False
    way_out: str = ""

    @property
    def words(self) -> str:
        """`text`; of clips that cannot be used it says so."""
        return f"recorded, and cannot be used: {self.text}" if self.unusable else self.text

    def summary(self) -> str:
        """Name, figure, limit and the way out in one line."""
        name = f"{self.name} {self.setting}".strip()
        way_out = f"; {self.way_out}" if self.way_out else ""
        if self.value is None:
            return f"{name}: {self.words}{way_out}"
        limit = "" if self.limit is None else f", limit {self.limit:g}"
        return f"{name} {self.value:.3g} {self.unit}{limit} ({self.words}){way_out}"


class PoseFacts(Part):
    """One pose of the board.

    Attributes
    ----------
    clip, distance_mm, corners
        Where from, how far away, how many corners both views show.
    edge_blurry_px, edge_sharp_px
        Width of the board's edges in either view, 10 to 90 %.
    """

    clip: str
    distance_mm: float
    corners: int
    edge_blurry_px: float
    edge_sharp_px: float


class MapSolution(Part):
    """The map between the views at one end of a session.

    Attributes
    ----------
    view_map
        Upright C2 → upright C1, at the distance of the far target.
    utc
        Middle of the clips that it was made from.
    residual, per_channel
        Of held-out points.
    uncertainty
        Over the view.
    refinement
        Sharp against sharp.
    points, inliers, cover_share, poses, notes
        What it rests on.
    """

    view_map: ViewMap
    utc: str
    residual: Residual
    per_channel: dict[str, Residual]
    uncertainty: MapUncertainty
    refinement: Refinement
    points: int
    inliers: int
    cover_share: float
    poses: tuple[PoseFacts, ...]
    notes: tuple[str, ...] = ()


class Geometry(Part):
    """The maps of a session.

    Attributes
    ----------
    start, end
        No `end` where the target was not recorded again.
    drift
        One against the other.
    parallax
        None where the near target is missing.
    left_out
        Clip → why its board is not used.
    """

    start: MapSolution
    end: MapSolution | None = None
    drift: Drift | None = None
    parallax: Parallax | None = None
    left_out: dict[str, str] = Field(default_factory=dict)


class CameraPhotometry(Part):
    """What holds for one camera at all exposures.

    Attributes
    ----------
    saturation, linearity, noise, defects
        See there; `linearity` and `noise` None without an exposure series.
    response
        Of a camera that delivers encoded colour only.
    rig_advice
        What to write into ``rig.yaml`` so that the plan predicts the exposure; None: nothing.
    """

    saturation: Saturation
    linearity: Linearity | None
    noise: NoiseModel | None
    defects: DefectCounts
    response: Response | None = None
    rig_advice: str | None = None


class FlatSolution(Part):
    """Levels of both views at one end of a session.

    Attributes
    ----------
    utc
        When the flat field was recorded.
    black
        By role, from this end's dark clip, or the other end's where there is only one.
    flat
        By role.
    ratio, gains
        C2 against C1.
    """

    utc: str
    black: dict[Role, BlackLevel]
    flat: dict[Role, FlatQuality]
    ratio: RatioQuality
    gains: ChannelGains


class SettingPhotometry(Part):
    """Light at one setting.

    Attributes
    ----------
    exposures_us
        Predicted, of C1 and C2.
    start, end
        No `end` where the flat field was not recorded again.
    colour
        At the start.
    white_dn
        The lower common level at which a channel clips, DN of C1 above black.
    ratio_drift
        Of the ratio flat, start against end; None without an end.
    ceilings
        None where the session has no scene to predict with.
    """

    exposures_us: tuple[float, float]
    start: FlatSolution
    end: FlatSolution | None
    colour: ColourMatrix
    white_dn: Three
    ratio_drift: RatioDrift | None = None
    ceilings: Ceilings | None = None


def _from_version_1(fields: dict[str, Any]) -> dict[str, Any]:
    """Items of version 1 told by the beginning of their text that clips cannot be used."""
    items = fields.get("items")
    if not isinstance(items, list):
        return fields  # damaged: told when it is validated
    return {**fields, "items": [_item_from_version_1(item) for item in items]}


def _item_from_version_1(item: object) -> object:
    if not isinstance(item, dict) or item.get("value") is not None:
        return item
    text = str(item.get("text", ""))
    bare = text.removeprefix("end: ").removeprefix("near: ")
    return item if bare == text else {**item, "text": bare, "unusable": True}


class CalibrationDocument(Document):
    """The calibration of one session.

    Attributes
    ----------
    rig, session
        What it is of: it holds for this pair of cameras, set up as they were.
    geometry
        Where C1 sees what C2 sees.
    cameras, settings
        How either tells light.
    items, verdict
        Everything that has a limit. ``withheld``: some limit was broken, no dataset is built.
    options
        The solve's own, resolved.
    arrays
        Name → file beside this document.
    sources, left_out
        Clips it was made from; clips that were not used, and why.
    timing
        Begin and end of the exposures as a timing target tells them; not measured by this version.
    """

    upgrades: ClassVar[Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]] = {
        1: _from_version_1
    }

    format: Literal["bsd-calibration"] = "bsd-calibration"
    format_version: int = 2
    toolkit: str = Field(default_factory=toolkit_version)
    rig: CalibratedRig
    session: str
    geometry: Geometry
    cameras: dict[Role, CameraPhotometry]
    settings: dict[str, SettingPhotometry]
    items: tuple[Item, ...]
    verdict: Verdict
    options: dict[str, Any]
    arrays: dict[str, ArrayFile]
    sources: tuple[SourceClip, ...]
    left_out: dict[str, str]
    timing: dict[str, Any] | None = None
