"""How far a solved calibration lies from the truth of the virtual rig that it was made from."""

from __future__ import annotations

from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

from acquisition.rig import ROLES
from calibration.bundle.calibration import Calibration
from calibration.geometry.view_map import view_points
from calibration.photometry.gain import ChannelGains
from tests.twin_session import Spec, TwinSession

Picture = NDArray[np.float32]

FAR_MM = 4000.0
_EDGE_PX = 6


@dataclass(frozen=True)
class Errors:
    """Solved less true.

    Attributes
    ----------
    map_px
        RMS over C1's view at the far distance.
    corners_px, corners_p95_px
        Held-out, as the calibration tells them.
    gain_percent
        Largest of the three channels.
    ratio_percent
        RMS of the ratio flat over the common view, largest channel.
    black_dn
        Largest of both cameras and the four places, DN.
    offset_us
        Larger of both cameras.
    """

    map_px: float
    corners_px: float
    corners_p95_px: float
    gain_percent: float
    ratio_percent: float
    black_dn: float
    offset_us: float

    def text(self) -> str:
        """One line."""
        return ", ".join(f"{each.name} {getattr(self, each.name):.4f}" for each in fields(self))


LIMITS = Errors(0.05, 0.10, 0.18, 0.3, 0.5, 0.1, 5.0)


def world_of(seed: int, lens: str, mirrors: tuple[str, str]) -> Spec:
    """A rig drawn by a seed: everything that a calibration finds is another one in each."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, 6]))

    def between(low: float, high: float) -> float:
        return round(float(rng.uniform(low, high)), 6)

    sets = [
        f"optics.alignment.shift_px=[{between(-12, 12)}, {between(-12, 12)}]",
        f"optics.alignment.rotation_mrad={between(-12, 12)}",
        f"optics.alignment.scale={between(0.997, 1.003)}",
        f"optics.alignment.keystone_per_px=[{between(-2e-6, 2e-6)}, {between(-2e-6, 2e-6)}]",
        f"optics.view_1.nd_error={between(-0.04, 0.04)}",
        f"optics.splitter.transmitted={between(0.47, 0.5)}",
        f"optics.splitter.reflected={between(0.47, 0.5)}",
        f"optics.view_1.edge_loss={between(0, 0.25)}",
        f"optics.view_2.edge_loss={between(0, 0.25)}",
        f"optics.splitter.dust_spots={int(rng.integers(0, 4))}",
        f"optics.splitter.dust_depth={between(0.01, 0.04)}",
        "optics.splitter.dust_radius_px=40",
        f"sensor_1.black_level_dn12={between(50, 90)}",
        f"sensor_2.black_level_dn12={between(50, 90)}",
        f"sensor_1.gain_e_per_dn12={between(2.4, 2.6)}",
        f"sensor_2.gain_e_per_dn12={between(2.4, 2.6)}",
        f"sensor_1.timing.end_latency_ns={int(rng.integers(0, 30_000))}",
        f"sensor_2.timing.end_latency_ns={int(rng.integers(0, 30_000))}",
        f"optics.view_1.psf_sigma_px={between(0.45, 0.6)}",
        f"optics.view_2.psf_sigma_px={between(0.45, 0.6)}",
    ]
    if lens == "two_lenses":
        for view in (1, 2):
            k1, k2 = between(-0.15, 0.15), between(-0.3, 0.3)
            sets.append(f"optics.view_{view}.distortion=[{k1}, {k2}]")
        sets.append(f"optics.view_2.focal_scale={between(0.998, 1.002)}")
        sets.append(f"optics.view_2.pupil_mm=[{between(-1, 1)}, {between(-1, 1)}, 0]")
    return Spec(
        seed=seed,
        size_px=(1280, 720),
        bits=12,
        lens=lens,
        mirrors=mirrors,
        sets=tuple(sets),
        rig_sets=(
            "cameras.blurry.timing.end_latency_ns=5000",
            "cameras.sharp.timing.end_latency_ns=5000",
        ),
        scenes=(),
        options=(("dark_frames", 16), ("flat_frames", 16), ("series_frames", 2)),
        missing=("sync", "colour"),
    )


def errors_of(session: TwinSession, calibration: Calibration) -> Errors:
    """Compare everything that the issue of accuracy asks."""
    document = calibration.document
    name = session.spec.setting
    found = document.settings[name]
    start = document.geometry.start
    offsets = []
    for role in ROLES:
        line = document.cameras[role].linearity
        assert line is not None
        offsets.append(line.offset_us - session.offset_ns(role) / 1000.0)
    black = [
        np.abs(np.array(found.start.black[role].value_dn) - session.black_dn(role)).max()
        for role in ROLES
    ]
    true, inside = _flats(session, calibration)
    ratio = calibration.array(f"ratio-{name}")
    return Errors(
        map_px=_map_px(session, calibration),
        corners_px=start.residual.rms_px,
        corners_p95_px=start.residual.p95_px,
        gain_percent=100 * _gain(true, inside, found.start.gains, ratio),
        ratio_percent=100 * _ratio(true, inside, ratio),
        black_dn=float(max(black)),
        offset_us=float(np.abs(offsets).max()),
    )


def _map_px(session: TwinSession, calibration: Calibration) -> float:
    view_map = calibration.document.geometry.start.view_map
    points2 = view_map.to_c2(view_points(view_map.shape_1))
    apart = view_map.to_c1(points2) - session.to_c1(points2, FAR_MM)
    return float(np.sqrt((apart**2).sum(axis=-1).mean()))


def _flats(session: TwinSession, calibration: Calibration) -> tuple[Picture, NDArray[np.bool_]]:
    """True C2 over C1 of the flat field in C1's geometry, (H1, W1, 3), and where C2 sees it."""
    clip = session.clip("flat")
    light = {role: session.expected_dn(role, clip) for role in ROLES}
    grid = calibration.document.geometry.start.view_map.grid()
    carried = cv2.remap(light["sharp"], grid[..., 0], grid[..., 1], cv2.INTER_LINEAR)
    height, width = light["sharp"].shape[:2]
    inside = (grid[..., 0] > _EDGE_PX) & (grid[..., 0] < width - 1 - _EDGE_PX)
    inside &= (grid[..., 1] > _EDGE_PX) & (grid[..., 1] < height - 1 - _EDGE_PX)
    return carried / light["blurry"], inside


def _gain(true: Picture, inside: NDArray[np.bool_], gains: ChannelGains, ratio: Picture) -> float:
    """Largest relative error of a channel: what C2 is multiplied by, over the common view."""
    applied = np.array(gains.gain) / ratio[inside].astype(np.float64)
    return float(np.abs((applied * true[inside]).mean(axis=0) - 1.0).max())


def _ratio(true: Picture, inside: NDArray[np.bool_], solved: Picture) -> float:
    """RMS of solved over true ratio flat, less 1; the largest channel."""
    quotient = solved[inside].astype(np.float64) / true[inside]
    return float((quotient.std(axis=0) / quotient.mean(axis=0)).max())
