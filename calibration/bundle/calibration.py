"""A calibration on the disk: read, compared with a rig, and made into what pairs need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from acquisition.clip.document import ClipHead
from acquisition.picture.view import FrameFormat
from acquisition.rig import ROLES, Role
from bsd.errors import FoundBad, UserMistake
from bsd.provenance import sha256_file
from calibration.bundle.array_file import read_array
from calibration.bundle.document import (
    CALIBRATION_NAME,
    CalibrationDocument,
    FlatSolution,
    SettingPhotometry,
)
from calibration.bundle.rig import ANEW, CalibratedCamera, CalibratedRig, planned_us
from calibration.geometry.view_map import ViewMap, between
from calibration.pair_model import PairModel

_SAME_EXPOSURE: Final = 0.002


class Withheld(FoundBad):
    """A calibration broke one of its limits: nothing is built with it."""


class Calibration:
    """A folder with ``calibration.json`` and its arrays.

    Parameters
    ----------
    folder
        Where it lies.
    document
        What it says.

    Attributes
    ----------
    sha256
        Of ``calibration.json``, which holds the hashes of all arrays: names the whole.
    """

    def __init__(self, folder: Path, document: CalibrationDocument, sha256: str) -> None:
        self.folder = folder
        self.document = document
        self.sha256 = sha256

    @classmethod
    def read(cls, folder: Path) -> Calibration:
        """Read the document; arrays follow when they are asked for.

        Raises
        ------
        UserMistake
            No calibration, or a damaged one.
        """
        path = folder / CALIBRATION_NAME
        if not path.is_file():
            raise UserMistake(
                f"{folder}: is no calibration, it has no {CALIBRATION_NAME}; make one with"
                " 'python -m calibration.solve SESSION --out CAL'"
            )
        return cls(folder, CalibrationDocument.read(path), sha256_file(path))

    @property
    def session(self) -> str:
        """Uuid of the session that it was made from."""
        return self.document.session

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of the settings that it covers."""
        return tuple(self.document.settings)

    def array(self, name: str) -> NDArray[Any]:
        """One of its arrays, checked against its hash."""
        told = self.document.arrays.get(name)
        if told is None:
            raise UserMistake(f"{self.folder / CALIBRATION_NAME}: names no array '{name}'")
        return read_array(self.folder, told)

    def require_good(self) -> None:
        """Raise `Withheld` where it broke a limit; the message names the first."""
        broken = [item for item in self.document.items if item.passed is False]
        if self.document.verdict != "good":
            what = broken[0].summary() if broken else "see its report"
            raise Withheld(
                f"{self.folder}: is withheld: {what}; see 'python -m calibration.report"
                f" {self.folder}'"
            )

    def check_rig(self, head: ClipHead) -> None:
        """Raise `UserMistake` where a clip is of another rig, or of this one set up otherwise."""
        if why := self.document.rig.unlike(CalibratedRig.of(head)):
            way = "" if ANEW in why else "; calibrate the rig that recorded this"
            raise UserMistake(f"{self.folder}: is the calibration of another rig: {why}{way}")
        if why := self._other_exposures(head):
            raise UserMistake(
                f"{self.folder}: is the calibration of other exposures: {why}; {ANEW}"
            )

    def _other_exposures(self, head: ClipHead) -> str | None:
        """By the plan, of a setting that is covered."""
        found = self.document.settings.get(head.setting.name if head.setting else "")
        if found is None:
            return None
        for role, calibrated_us in zip(ROLES, found.exposures_us, strict=True):
            exposure_us = planned_us(head, role)
            if exposure_us is None:
                continue
            if abs(exposure_us / calibrated_us - 1.0) > _SAME_EXPOSURE:
                return f"{role} camera {exposure_us:g} µs, calibrated {calibrated_us:g} µs"
        return None

    def view_map(self, utc: str) -> ViewMap:
        """The map at a moment: between those of the session's start and end."""
        geometry = self.document.geometry
        if geometry.end is None:
            return geometry.start.view_map
        share = _share(geometry.start.utc, geometry.end.utc, utc)
        return between(geometry.start.view_map, geometry.end.view_map, share)

    def pair_model(self, setting: str, begun_utc: str) -> PairModel:
        """What turns raw pairs of a setting, recorded at a moment, into aligned ones.

        Raises
        ------
        UserMistake
            The setting is not covered, or an array is damaged.
        """
        found = self.document.settings.get(setting)
        if found is None:
            raise UserMistake(
                f"{self.folder}: does not cover {setting}, only {', '.join(self.settings)}; record"
                " a dark clip and a flat field at it and solve again"
            )
        share = 0.0 if found.end is None else _share(found.start.utc, found.end.utc, begun_utc)
        ratio = self._between(f"ratio-{setting}", f"ratio-end-{setting}", share)
        pixel_gain = self._optional(f"pixel-gain-sharp-{setting}")
        return PairModel(
            formats=self._formats,
            black_dn={role: _black(found, role, share) for role in ROLES},
            map_xy=_maps(self.view_map(begun_utc)),
            ratio=ratio,
            matrix=_matrix(found, share),
            white_dn=np.array(found.white_dn, dtype=np.float64),
            defects={role: self._optional(f"defects-{role}") for role in ROLES},
            pixel_gain_2=pixel_gain,
            response={role: self._response(found, role, share) for role in ROLES},
        )

    @cached_property
    def _formats(self) -> Mapping[Role, FrameFormat]:
        return {
            role: replace(
                format_of(camera),
                saturation_dn=self.document.cameras[role].saturation.clip_dn
                if self.document.cameras[role].response is None
                else None,
            )
            for role, camera in self.document.rig.cameras.items()
        }

    def _response(
        self, found: SettingPhotometry, role: Role, share: float
    ) -> NDArray[np.float32] | None:
        """Linear light above black by code: what `PairModel.response` holds."""
        curve = self._optional(f"response-{role}")
        if curve is None:
            return None
        red, first, second, blue = _black(found, role, share)
        return np.asarray(curve - np.array([red, (first + second) / 2, blue]), dtype=np.float32)

    def _optional(self, name: str) -> NDArray[Any] | None:
        return self.array(name) if name in self.document.arrays else None

    def _between(self, start: str, end: str, share: float) -> NDArray[np.float32]:
        first: NDArray[np.float32] = self.array(start)
        if share <= 0.0 or end not in self.document.arrays:
            return first
        last: NDArray[np.float32] = self.array(end)
        return np.asarray(first + np.float32(share) * (last - first), dtype=np.float32)


def format_of(camera: CalibratedCamera) -> FrameFormat:
    """How the frames of a calibrated camera are read; black levels are in the calibration."""
    return FrameFormat(cfa=camera.cfa, bits=camera.bits, black_dn=0.0, flip=camera.flip)


def _maps(view_map: ViewMap) -> dict[str, NDArray[np.float32]]:
    green = view_map.grid("G")
    red = view_map.grid("R") if "R" in view_map.channel_shift else green
    blue = view_map.grid("B") if "B" in view_map.channel_shift else green
    return {"R": red, "G": green, "B": blue}


def _black(found: SettingPhotometry, role: Role, share: float) -> NDArray[np.float32]:
    start = np.array(found.start.black[role].value_dn)
    end = start if found.end is None else np.array(found.end.black[role].value_dn)
    return np.asarray(start + share * (end - start), dtype=np.float32)


def _matrix(found: SettingPhotometry, share: float) -> NDArray[np.float64]:
    """The colour matrix of the start, its rows scaled as the gains have drifted since."""
    matrix = found.colour.array()
    if found.end is None:
        return matrix
    start, end = (_gains(each) for each in (found.start, found.end))
    return np.asarray(matrix * (1.0 + share * (end / start - 1.0))[:, None])


def _gains(found: FlatSolution) -> NDArray[np.float64]:
    return np.array(found.gains.gain, dtype=np.float64)


def _share(start_utc: str, end_utc: str, utc: str) -> float:
    """How far a moment lies from the one to the other, 0 to 1."""
    start, end, at = (datetime.fromisoformat(text) for text in (start_utc, end_utc, utc))
    length = (end - start).total_seconds()
    if length <= 0:
        return 0.0
    return float(np.clip((at - start).total_seconds() / length, 0.0, 1.0))
