"""What a laboratory may choose when it solves a calibration."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from bsd.document import Document
from calibration.geometry.limits import GeometryLimits
from calibration.photometry.response import Method
from calibration.target.board import BoardSpec
from calibration.target.detection import TargetLimits

Optional = Literal["series", "near", "end"]
OPTIONAL: Final[tuple[Optional, ...]] = ("series", "near", "end")


class SolveOptions(Document):
    """Options of ``calibration.solve``; a YAML file gives those that differ.

    Attributes
    ----------
    board
        The printed target.
    geometry, target
        Limits of the map and of each picture of the board.
    refine
        Sharp against sharp after the corners.
    gain_drift_percent
        Most that a channel's gain may change from the session's start to its end: 1 % costs a pair
        all but 54 dB.
    black_drift_dn
        The same of the black level, DN of 12 bit.
    offset_us
        Most that an exposure may differ from the plan: 14 µs of 2 ms make the ratio 0.6 % wrong.
    gain_percent
        Most that C1 over C2 may lie off its nominal value, after which something is wrong with
        the filter or the splitter; it is corrected below.
    defect_percent
        Most pixels that may be of no use.
    pixel_gain
        Take the sensitivities of C2's single pixels out of the sharp frames.
    response
        Method for cameras that deliver encoded colour only.
    allow_missing
        Steps that a session may lack: what they tell is then not known. `near` is the target at the
        nearer distance, `end` all that is recorded after the scenes.
    ceiling_pictures
        Frames that the two ceilings are predicted with.
    """

    format: Literal["bsd-solve"] = "bsd-solve"
    format_version: int = 1
    board: BoardSpec = BoardSpec()
    geometry: GeometryLimits = GeometryLimits()
    target: TargetLimits = TargetLimits()
    refine: bool = True
    gain_drift_percent: float = Field(default=1.0, gt=0)
    black_drift_dn: float = Field(default=1.0, gt=0)
    offset_us: float = Field(default=10.0, gt=0)
    gain_percent: float = Field(default=25.0, gt=0)
    defect_percent: float = Field(default=0.5, gt=0)
    pixel_gain: bool = True
    response: Method = "debevec"
    allow_missing: tuple[Optional, ...] = ()
    ceiling_pictures: int = Field(default=4, ge=1, le=64)

    @classmethod
    def load(cls, path: Path | None) -> SolveOptions:
        """Of a file, or the defaults."""
        return cls() if path is None else cls.read(path)
