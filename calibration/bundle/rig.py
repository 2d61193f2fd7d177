"""Which rig a calibration is of, as the clips themselves tell it."""

from __future__ import annotations

from typing import Any, Final

from pydantic import JsonValue

from acquisition.clip.document import ClipHead
from acquisition.clip.format import frame_format
from acquisition.picture.view import Cfa, Flip
from acquisition.rig import ROLES, Role
from bsd.document import Part
from bsd.errors import UserMistake

ANEW: Final = "calibrate again after rig.yaml was changed"


class CalibratedCamera(Part):
    """One camera as far as its pictures depend on it.

    Attributes
    ----------
    vendor, model, serial
        As the camera told.
    pixel_format, bits, cfa
        Of the delivered frames; `cfa` None where there is no mosaic.
    width_px, height_px
        Delivered.
    flip, region
        Of ``rig.yaml``.
    gain_db
        As set; None where the camera does not tell.
    timing
        Of ``rig.yaml``, as dumped: exposures are planned with it.
    """

    vendor: str
    model: str
    serial: str
    pixel_format: str
    bits: int
    cfa: Cfa | None
    width_px: int
    height_px: int
    flip: Flip
    region: tuple[int, int, int, int] | None
    gain_db: float | None
    timing: dict[str, JsonValue] | None = None


class CalibratedRig(Part):
    """A pair of cameras behind one splitter.

    Attributes
    ----------
    name, lens, nd_transmission
        Of ``rig.yaml``.
    cameras
        By role.
    """

    name: str
    lens: str
    nd_transmission: float
    cameras: dict[Role, CalibratedCamera]

    @classmethod
    def of(cls, head: ClipHead) -> CalibratedRig:
        """What the head of a clip tells.

        Raises
        ------
        UserMistake
            It was written by another program and lacks what is needed.
        """
        optics = head.rig.get("optics")
        told: dict[str, Any] = dict(optics) if isinstance(optics, dict) else {}
        if "lens" not in told:
            raise UserMistake(f"{head.name}: its head does not tell the rig's optics")
        return cls(
            name=str(head.rig.get("name", "")),
            lens=str(told["lens"]),
            nd_transmission=float(told.get("nd_transmission", 0.125)),
            cameras={role: _camera(head, role) for role in ROLES},
        )

    def unlike(self, other: CalibratedRig) -> str | None:
        """In what `other` differs so that this calibration does not hold for it; None: it does."""
        if self.lens != other.lens:
            return f"lens {other.lens}, calibrated {self.lens}"
        if self.nd_transmission != other.nd_transmission:
            return (
                f"nd_transmission is {other.nd_transmission:g}, calibrated"
                f" {self.nd_transmission:g}; {ANEW}"
            )
        for role in ROLES:
            if why := _other_timing(self.cameras[role].timing, other.cameras[role].timing):
                return f"{role} camera's {why}; {ANEW}"
            mine, theirs = self.cameras[role].model_dump(), other.cameras[role].model_dump()
            for field, value in mine.items():
                if value != theirs[field]:
                    return (
                        f"{role} camera's {field} is {_shown(theirs[field])}, calibrated"
                        f" {_shown(value)}"
                    )
        return None


def planned_us(head: ClipHead, role: Role) -> float | None:
    """What the plan of a clip predicts that a camera exposed, µs; None where it tells nothing."""
    exposure = (head.plan or {}).get(role)
    if not isinstance(exposure, dict):
        return None
    begin_ns, end_ns = exposure.get("begin_ns"), exposure.get("end_ns")
    if not isinstance(begin_ns, int) or not isinstance(end_ns, int):
        return None
    return (end_ns - begin_ns) / 1000.0


def _other_timing(mine: dict[str, JsonValue] | None, theirs: dict[str, JsonValue] | None) -> str:
    """In what field; empty: in none."""
    mine, theirs = mine or {}, theirs or {}
    for field in sorted(mine.keys() | theirs.keys()):
        if mine.get(field) != theirs.get(field):
            told, calibrated = _shown(theirs.get(field)), _shown(mine.get(field))
            return f"timing.{field} is {told}, calibrated {calibrated}"
    return ""


def _shown(value: object) -> str:
    return "not told" if value is None else str(value)


def _camera(head: ClipHead, role: Role) -> CalibratedCamera:
    camera = head.cameras[role]
    identity, told = dict(camera.identity), dict(camera.configured)
    form = frame_format(head, role)
    cameras = head.rig.get("cameras")
    rig: Any = cameras.get(role, {}) if isinstance(cameras, dict) else {}
    region = rig.get("region")
    return CalibratedCamera(
        vendor=str(identity.get("vendor", "")),
        model=str(identity.get("model", "")),
        serial=str(identity.get("serial", "")),
        pixel_format=str(told.get("pixel_format", "")),
        bits=form.bits,
        cfa=form.cfa,
        width_px=_whole(head, role, told.get("width")),
        height_px=_whole(head, role, told.get("height")),
        flip=form.flip,
        region=None if region is None else tuple(region),
        gain_db=_number(told.get("gain_db")),
        timing=rig.get("timing"),
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _whole(head: ClipHead, role: Role, value: object) -> int:
    if not isinstance(value, int):
        raise UserMistake(f"{head.name}: its head does not tell the size of the {role} frames")
    return value
