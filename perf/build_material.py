"""What a build is measured with: a session of sealed clips, and its calibration, on the disk.

A texture with a photograph's spectrum goes past both cameras at an even speed and rests in the
bookends: blurred by C1's exposure and by C2's, sampled through a mosaic, with noise. The
calibration is the truth of it, so that nothing has to be rendered or solved.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from acquisition.clip.reader import Clip
from acquisition.rig import ROLES, Role
from acquisition.session.document import SessionDocument
from acquisition.session.journal_entry import Consent, TakePlan
from acquisition.session.session import Session
from bsd.setting import Setting
from calibration.bundle.document import (
    CalibrationDocument,
    CameraPhotometry,
    FlatSolution,
    Geometry,
    Item,
    MapSolution,
    SettingPhotometry,
)
from calibration.bundle.folder import write_calibration
from calibration.bundle.rig import CalibratedRig
from calibration.geometry.refinement import Refinement
from calibration.geometry.residual import Residual
from calibration.geometry.uncertainty import MapUncertainty
from calibration.geometry.view_map import ViewMap
from calibration.photometry.black_level import BlackLevel
from calibration.photometry.colour import ColourMatrix
from calibration.photometry.defects import DefectCounts
from calibration.photometry.flat import FlatQuality, RatioQuality
from calibration.photometry.gain import ChannelGains
from calibration.photometry.saturation import Saturation

_SOURCE = "truth"
_BLACK_DN, _TOP_DN, _NOISE_DN = 64, 4095, 6.0
_SPEED_PX = 32  # a frame period
_RATE_HZ = 15.0
_BOOKEND = 5
_C2_LIES_PX = (4, 2)  # x, y in C1 of C2's first pixel
_MARGIN_PX = 8
_SURE = MapUncertainty(
    x_px=(0.0, 1.0), y_px=(0.0, 1.0), sigma_px=((0.0, 0.0),) * 2, rms_px=0.0, max_px=0.0
)


@dataclass(frozen=True)
class BuildMaterial:
    """Folders of a session and of its calibration, and how many scene pairs a build makes."""

    session: Path
    calibration: Path
    pairs: int


def build_material(
    folder: Path, size_px: tuple[int, int], clips: int, frames: int
) -> BuildMaterial:
    """Scenes of 12 bit at 2ms16ms that pass all gates.

    Parameters
    ----------
    folder
        Takes both.
    size_px
        Of both cameras, width and height.
    clips, frames
        How many scene clips, and pairs of each without its bookends.
    """
    # Tests are no part of what is typed strictly, and know how a capture writes a session.
    twin, devices, filming = (
        importlib.import_module(f"tests.twin_session{name}") for name in ("", ".bench", ".filming")
    )
    spec: Any = twin.Spec(size_px=size_px, mirrors=("none", "none"))
    setting = Setting.parse(spec.setting)
    rig_file = folder / "rig-of-the-session.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    rig_file.write_text(yaml.safe_dump(spec.rig().model_dump(mode="json")))
    with Session.create(
        folder / "session", rig_file, operator="-", name="perf", consent=Consent(persons=False)
    ) as session:
        bench = devices.Bench(session, spec)
        for number in range(clips):
            clip = twin.SceneClip(frames=frames, bookend=_BOOKEND)
            passing = _Passing(size_px, number, frames, setting)
            for role in ROLES:
                bench.eyes[role].frame = passing.of(role)
            plan = TakePlan(
                purpose="scene", frames=frames, setting=setting.name, motion="even", notes=""
            )
            shown = filming.scene_filming(spec, session.record.next_number, clip)
            take = bench.record(plan, setting, shown, _BOOKEND, clip)
        _write_truth(take.final, setting, session.document, folder / "calibration")
    return BuildMaterial(folder / "session", folder / "calibration", clips * frames)


class _Passing:
    """What both cameras see of one texture that goes past."""

    def __init__(self, size_px: tuple[int, int], seed: int, frames: int, setting: Setting) -> None:
        self._size_px, self._frames = size_px, frames
        self._rng = np.random.default_rng(np.random.SeedSequence([*size_px, seed]))
        width, height = size_px
        wide = width + _SPEED_PX * (frames + 1) + 2 * _MARGIN_PX
        self._still = _texture(self._rng, height + 2 * _MARGIN_PX, wide)
        exposures_us = {"blurry": setting.blurry_us, "sharp": setting.sharp_us}
        self._moving = {
            role: _smeared(self._still, _SPEED_PX * _RATE_HZ * 1e-6 * exposures_us[role])
            for role in ROLES
        }

    def of(self, role: Role) -> Any:
        """The role's ``frame(filming, pulse)``: (H, W) uint16."""

        def frame(_filming: object, pulse: int) -> NDArray[np.uint16]:
            scene = pulse - _BOOKEND
            rests = not 0 <= scene < self._frames
            source = self._still if rests else self._moving[role]
            x = _MARGIN_PX + _SPEED_PX * min(max(scene, 0), self._frames)
            y = _MARGIN_PX
            if role == "sharp":
                x, y = x + _C2_LIES_PX[0], y + _C2_LIES_PX[1]
            width, height = self._size_px
            return self._sampled(source[y : y + height, x : x + width])

        return frame

    def _sampled(self, light: NDArray[np.float32]) -> NDArray[np.uint16]:
        mosaic = np.array(light[..., 1])
        mosaic[::2, ::2], mosaic[1::2, 1::2] = light[::2, ::2, 0], light[1::2, 1::2, 2]
        mosaic += _NOISE_DN * self._rng.standard_normal(mosaic.shape, np.float32) + _BLACK_DN
        return np.clip(np.rint(mosaic), 0, _TOP_DN).astype(np.uint16)


def _texture(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """(H, W, 3) DN above black, spectrum 1/f, nearly grey."""
    down, across = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    falling = 1 / np.maximum(np.hypot(down, across), 1 / width)
    layers = []
    for _ in range(2):
        noise = np.fft.rfft2(rng.standard_normal((height, width)))
        layer = np.fft.irfft2(falling * noise, (height, width))
        layers.append(layer / layer.std())
    grey, tint = layers
    colours = [1400 + 420 * grey + 90 * share * tint for share in (1.0, 0.0, -1.0)]
    return np.asarray(np.clip(np.stack(colours, axis=-1), 60, 3600), np.float32)


def _smeared(texture: NDArray[np.float32], length_px: float) -> NDArray[np.float32]:
    """The mean over a way of `length_px` along x, its middle at the pixel."""
    reach = int(np.ceil(length_px / 2 + 0.5))
    at = np.arange(-reach, reach + 1)
    inside = np.minimum(at + 0.5, length_px / 2) - np.maximum(at - 0.5, -length_px / 2)
    kernel = (np.clip(inside, 0, None) / length_px).astype(np.float32)
    return np.asarray(cv2.filter2D(texture, cv2.CV_32F, kernel[None, :]), np.float32)


def _write_truth(clip_path: Path, setting: Setting, session: SessionDocument, folder: Path) -> None:
    with Clip.open(clip_path) as clip:
        rig = CalibratedRig.of(clip.head)
    height, width = _shape(rig, "blurry")
    document = CalibrationDocument(
        rig=rig,
        session=session.session,
        geometry=Geometry(start=_map(rig, session.created_utc)),
        cameras={role: _camera(width * height) for role in ROLES},
        settings={setting.name: _photometry(setting, session.created_utc)},
        items=(Item(name="map", value=0.0, limit=0.1, unit="px", passed=True, text=_SOURCE),),
        verdict="good",
        options={},
        arrays={},
        sources=(),
        left_out={},
    )
    ratio = np.ones((height, width, 3), np.float32)
    write_calibration(folder, document, {f"ratio-{setting.name}": ratio})


def _shape(rig: CalibratedRig, role: Role) -> tuple[int, int]:
    return rig.cameras[role].height_px, rig.cameras[role].width_px


def _map(rig: CalibratedRig, utc: str) -> MapSolution:
    x_px, y_px = _C2_LIES_PX
    resolution = (rig.cameras["blurry"].width_px, rig.cameras["blurry"].height_px)
    exact = Residual(rms_px=0, p95_px=0, max_px=0, count=0, poses=0, resolution=resolution)
    view_map = ViewMap.model_validate(
        {
            "c2_to_c1": ((1, 0, x_px), (0, 1, y_px), (0, 0, 1)),
            "shape_1": _shape(rig, "blurry"),
            "shape_2": _shape(rig, "sharp"),
        }
    )
    return MapSolution(
        view_map=view_map,
        utc=utc,
        residual=exact,
        per_channel={},
        uncertainty=_SURE,
        refinement=Refinement(
            used=False,
            points_before_px=0,
            points_after_px=0,
            moved_px=0,
            uncertainty=_SURE,
            pairs=0,
            pixels=0,
        ),
        points=0,
        inliers=0,
        cover_share=1.0,
        poses=(),
    )


def _camera(pixels: int) -> CameraPhotometry:
    clip = Saturation(
        clip_dn=4095, level_dn=None, sigma_dn=None, is_measured=False, pixels=0, sources=()
    )
    none = DefectCounts(hot=0, noisy=0, dead=0, total=0, pixels=pixels)
    return CameraPhotometry(saturation=clip, linearity=None, noise=None, defects=none)


def _photometry(setting: Setting, utc: str) -> SettingPhotometry:
    exposures = float(setting.blurry_us), float(setting.sharp_us)
    zero = (0.0, 0.0, 0.0)
    start = FlatSolution(
        utc=utc,
        black={
            role: _black(exposure_us) for role, exposure_us in zip(ROLES, exposures, strict=True)
        },
        flat=dict.fromkeys(ROLES, _EVEN),
        ratio=RatioQuality(least=1, most=1, sigma=0, covered_share=1, sources=(_SOURCE, _SOURCE)),
        gains=ChannelGains(
            gain=(1.0, 1.0, 1.0),
            sigma=zero,
            nominal=1.0,
            relative=(1.0, 1.0, 1.0),
            is_within=True,
            sources=(_SOURCE, _SOURCE),
        ),
    )
    colour = ColourMatrix(
        matrix=((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
        kind="diagonal",
        reason=_SOURCE,
        sigma=(zero, zero, zero),
        patches=0,
        sources=(),
    )
    top = float(_TOP_DN - _BLACK_DN)
    return SettingPhotometry(
        exposures_us=exposures, start=start, end=None, colour=colour, white_dn=(top, top, top)
    )


_EVEN = FlatQuality(
    level_dn=(1.0, 1.0, 1.0),
    flicker=0,
    clipped_share=0,
    pixel_sigma=0,
    prnu=0,
    shading_range=1,
    sigma=0,
    frames=1,
    source=_SOURCE,
)


def _black(exposure_us: float) -> BlackLevel:
    return BlackLevel(
        exposure_us=exposure_us,
        value_dn=(float(_BLACK_DN),) * 4,
        sigma_dn=(0.0,) * 4,
        is_bound=False,
        bound_dn=0,
        dark_noise_dn=1,
        fixed_pattern_dn=0,
        drift_dn=0,
        cut_share=0,
        frames=1,
        source=_SOURCE,
    )
