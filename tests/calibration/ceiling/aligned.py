"""PSNR of an aligned sharp frame against the virtual rig's truth, with and without noise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acquisition.clip.reader import Clip
from acquisition.picture.view import FrameFormat, unflip
from acquisition.session.record import SessionRecord
from calibration.bundle.calibration import Calibration
from calibration.ceiling.walk import srgb
from calibration.mosaic import channel_index
from dataset.pair.development import DevelopOptions, PairDeveloper
from tests.twin_session import TwinSession

Picture = NDArray[np.float32]


def measured_db(
    session: TwinSession, calibration: Calibration, scene: int, size_px: tuple[int, int]
) -> tuple[float, float]:
    """Without and with noise, of the middle pair of a scene, 8-bit sRGB, dB."""
    path = session.scene(scene)
    with Clip(path) as clip:
        pulse = len(clip.ledger) // 2
        blurry, sharp = (
            np.asarray(clip.frames(role)[int(clip.ledger[pulse][f"{prefix}_index"])])
            for role, prefix in (("blurry", "c1"), ("sharp", "c2"))
        )
        setting = clip.head.setting.name
    model = calibration.pair_model(setting, _begun(session, path))
    developer = PairDeveloper(model, sharp.shape[:2], DevelopOptions(size_px=size_px))
    rate = session.signal_rate("blurry") / session.signal_rate("sharp")
    plan = session.true_plan(setting)
    rate *= (plan.blurry[1] - plan.blurry[0]) / (plan.sharp[1] - plan.sharp[0])
    form = model.formats["sharp"]
    truth = developer.crop.of(session.sharp_truth_dn(path, pulse))
    if form.upright_cfa is None and sharp.ndim == 2:  # mono: no filters, the mean of all colours
        truth, rate = np.repeat(truth.mean(axis=2, keepdims=True), 3, axis=2), rate.mean()
    truth = truth * np.float32(rate)
    encode = srgb(model.white_dn)
    light = session.expected_dn("sharp", path, pulse)
    clean = noiseless(light, form, session.black_dn("sharp"))
    found = [
        decibels(encode(truth), encode(developer.develop(blurry, frame).sharp))
        for frame in (clean, sharp)
    ]
    developer.close()
    return found[0], found[1]


def noiseless(light: Picture, form: FrameFormat, black_dn: float) -> NDArray[np.uint16]:
    """What a perfect sensor delivers of upright light (H, W, 3), DN above black."""
    cfa = form.upright_cfa
    mosaic = light.mean(axis=2) if cfa is None else np.empty(light.shape[:2], dtype=np.float32)
    for (row, column), channel in np.ndenumerate(channel_index(cfa)) if cfa else ():
        mosaic[row::2, column::2] = light[row::2, column::2, channel]
    whole = np.clip(np.floor(mosaic + black_dn + 0.5), 0, form.white_dn).astype(np.uint16)
    return np.ascontiguousarray(unflip(whole, form))  # a mirror takes itself back


def table(
    told: Sequence[tuple[float, float | None]], reached: Sequence[tuple[float, float]]
) -> str:
    """Predicted, reached and their difference of each view, without and with noise, dB."""
    rows = []
    for number, (before, after) in enumerate(zip(told, reached, strict=True)):
        for name, one, other in zip(("systematic", "total"), before, after, strict=True):
            assert one is not None
            rows.append(f"{number} {name} {one:.2f} {other:.2f} {one - other:+.2f}")
    return "\n".join(rows)


def worst_db(
    told: Sequence[tuple[float, float | None]], reached: Sequence[tuple[float, float]]
) -> tuple[float, float]:
    """Largest difference of a view without and with noise."""
    apart = np.abs(np.array(told, dtype=np.float64) - np.array(reached)).max(axis=0)
    return float(apart[0]), float(apart[1])


def decibels(truth: NDArray[np.uint8], found: NDArray[np.uint8]) -> float:
    """PSNR."""
    error = float(np.square(truth.astype(np.float64) - found).mean())
    return 10 * float(np.log10(255**2 / error))


def _begun(session: TwinSession, path: Path) -> str:
    record = SessionRecord.read(session.folder)
    return next(each.begun_utc for each in record.clips if each.file == path.name)
