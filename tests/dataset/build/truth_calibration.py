"""A calibration that is the twin's truth itself, so that a build is tested without a solve."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from acquisition.clip.document import ClipHead
from acquisition.clip.format import frame_format
from acquisition.clip.reader import Clip
from acquisition.rig import ROLES
from bsd.errors import UserMistake
from calibration.pair_model import PairModel
from tests.twin_session import TwinSession


@dataclass
class TruthCalibration:
    """Stands for `calibration.bundle.calibration.Calibration`; the rig is told by its name."""

    twin: TwinSession
    settings: tuple[str, ...] = ("2ms16ms",)
    sha256: str = "c" * 64
    document: Any = field(default=None)

    def __post_init__(self) -> None:
        with Clip.open(self.twin.scene(0)) as clip:
            self.head = clip.head
        self.session = self.twin.record.document.session
        self.document = SimpleNamespace(
            items=(
                SimpleNamespace(
                    name="map", setting="", value=0.02, limit=0.1, unit="px", text="held out"
                ),
            ),
            settings={name: SimpleNamespace(ceilings=None) for name in self.settings},
            geometry=SimpleNamespace(
                start=SimpleNamespace(utc=self.twin.record.clips[0].begun_utc), end=None
            ),
        )

    def require_good(self) -> None:
        """The truth is never withheld."""

    def check_rig(self, head: ClipHead) -> None:
        """Refuse what has another rig's name."""
        if head.rig["name"] != self.head.rig["name"]:
            raise UserMistake("truth: is the calibration of another rig")

    def pair_model(self, _setting: str, _begun_utc: str) -> PairModel:
        """The model, exact up to pixel response and noise."""
        forms = {role: frame_format(self.head, role) for role in ROLES}
        told = self.head.cameras["blurry"].configured
        height, width = int(told["height"]), int(told["width"])  # type: ignore[call-overload]
        y, x = np.mgrid[:height, :width].astype(np.float64)
        points = np.stack([x, y, np.ones_like(x)], axis=-1)
        moved = points @ np.linalg.inv(self.twin.homography()).T
        grid = np.ascontiguousarray(moved[..., :2] / moved[..., 2:], dtype=np.float32)
        black = {role: float(self.twin.black_dn(role)) for role in ROLES}
        gain = np.asarray(self.twin.level_ratio(), dtype=np.float64)
        tops = {role: forms[role].clip_dn - black[role] for role in ROLES}
        return PairModel(
            formats={role: replace(forms[role], black_dn=0.0) for role in ROLES},
            black_dn={role: np.full(4, black[role], np.float32) for role in ROLES},
            map_xy={"R": grid, "G": grid, "B": grid},
            ratio=np.ones((height, width, 3), np.float32),
            matrix=np.diag(gain),
            white_dn=np.minimum(tops["blurry"], gain * tops["sharp"]),
        )


def serve(monkeypatch: Any, calibrations: dict[Path, TruthCalibration]) -> None:
    """Let builds of this process read these calibrations in the place of folders."""
    for module in ("selection", "inspection_job", "provenance"):
        monkeypatch.setattr(f"dataset.build.{module}.read_calibration", calibrations.__getitem__)
