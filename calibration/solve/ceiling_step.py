"""Both ceilings, predicted with what the session's own scenes show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from acquisition.clip.reader import Clip
from acquisition.ledger.row import TakePart, Verdict
from acquisition.picture.view import Cfa, FrameFormat, unflip
from acquisition.session.record import SessionRecord
from bsd.errors import FoundBad, UserMistake
from bsd.phrase import counted
from calibration.bundle.calibration import format_of
from calibration.bundle.document import CalibrationDocument, Geometry, Item, SettingPhotometry
from calibration.bundle.rig import CalibratedRig
from calibration.ceiling.content import View, view_of
from calibration.ceiling.prediction import Ceilings, PairErrors, predict, srgb
from calibration.mosaic import channel_index
from calibration.pair_model import PairModel
from calibration.photometry.flat import FlatQuality
from calibration.photometry.position import spread
from calibration.solve.material import Material
from calibration.solve.options import SolveOptions

_LEAST_SIDE_PX: Final = 64
_USABLE: Final = frozenset({"good", "marked"})


def add_ceilings(
    material: Material,
    document: CalibrationDocument,
    arrays: Mapping[str, NDArray[Any]],
    options: SolveOptions,
) -> CalibrationDocument:
    """The document with the ceilings of each setting that has scenes, and their items."""
    settings = dict(document.settings)
    items = list(document.items)
    left_out: dict[str, str] = {}
    for name, setting in settings.items():
        own: dict[str, str] = {}
        found = _ceilings(material, document, name, arrays, options, own)
        if found is not None:
            settings[name] = setting.model_copy(update={"ceilings": found})
            items += _items(name, found)
        elif own:
            items.append(_not_predicted(name, next(iter(own.values()))))
        left_out |= own
    told = {"settings": settings, "items": tuple(items), "left_out": document.left_out | left_out}
    return document.model_copy(update=told)


def _ceilings(
    material: Material,
    document: CalibrationDocument,
    name: str,
    arrays: Mapping[str, NDArray[Any]],
    options: SolveOptions,
    left_out: dict[str, str],
) -> Ceilings | None:
    setting = document.settings[name]
    form = replace(
        format_of(document.rig.cameras["sharp"]),
        saturation_dn=document.cameras["sharp"].saturation.clip_dn,
    )
    if form.upright_cfa is None or document.cameras["sharp"].response is not None:
        return None
    model = _model(document, setting, arrays[f"ratio-{name}"], form)
    noise = document.cameras["sharp"].noise
    black = np.array(setting.start.black["sharp"].value_dn)
    views: list[View] = []
    for frame in _frames(material, name, options.ceiling_pictures, left_out):
        upright = np.ascontiguousarray(unflip(frame, form)).astype(np.float32)
        mosaic = np.asarray(upright - spread(black, upright), dtype=np.float32)
        if min(mosaic.shape) < _LEAST_SIDE_PX:
            return None
        level = np.float32(max(0.0, _green(mosaic, form.upright_cfa)))
        variance = 0.0 if noise is None else float(noise.variance_dn2(np.array([level]))[0])
        views.append(view_of(mosaic, form.upright_cfa, model.matrix, variance))
    if not views:
        return None
    flat = setting.start.flat["sharp"]
    left = flat.prnu if f"pixel-gain-sharp-{name}" not in arrays else _left(flat)
    gains = setting.start.gains
    errors = PairErrors(
        map_px=_map_error_px(document.geometry),
        gain=max(sigma / gain for sigma, gain in zip(gains.sigma, gains.gain, strict=True)),
        pixel_gain=left,
        noise=noise,
    )
    return predict(views, model, errors, srgb(model.white_dn))


def _green(mosaic: NDArray[np.float32], cfa: Cfa) -> float:
    places = np.argwhere(channel_index(cfa) == 1)
    return float(np.mean([mosaic[y::2, x::2].mean(dtype=np.float64) for y, x in places]))


def _left(flat: FlatQuality) -> float:
    """What the correction of the pixels leaves, drawn towards 1 as it is (Wiener's error)."""
    noise = np.sqrt(max(0.0, flat.pixel_sigma**2 - flat.prnu**2))
    return float(flat.prnu * noise / max(flat.pixel_sigma, 1e-9))


def _map_error_px(geometry: Geometry) -> float:
    """Both coordinates together, with half of what drifted and was interpolated."""
    sigma = np.sqrt(2.0) * geometry.start.uncertainty.rms_px
    drift = 0.0 if geometry.drift is None else geometry.drift.rms_px
    return float(np.hypot(sigma, drift / np.sqrt(12.0)))


def _model(
    document: CalibrationDocument,
    setting: SettingPhotometry,
    ratio: NDArray[Any],
    form: FrameFormat,
) -> PairModel:
    grid = document.geometry.start.view_map.grid()
    camera = document.rig.cameras["blurry"]
    return PairModel(
        formats={"blurry": format_of(camera), "sharp": form},
        black_dn={
            role: np.array(black.value_dn, dtype=np.float32)
            for role, black in setting.start.black.items()
        },
        map_xy={"R": grid, "G": grid, "B": grid},
        ratio=np.asarray(ratio, dtype=np.float32),
        matrix=setting.colour.array(),
        white_dn=np.array(setting.white_dn),
    )


def _frames(
    material: Material, setting: str, count: int, left_out: dict[str, str]
) -> Iterator[NDArray[Any]]:
    """C2's frame in the middle of scene clips that are spread over the session.

    A scene that cannot be read costs its own picture and no more.
    """
    session = SessionRecord.read(material.folder)
    clips = [
        clip
        for clip in session.clips
        if clip.plan.purpose == "scene" and clip.plan.setting == setting and clip.verdict in _USABLE
    ]
    chosen = np.unique(np.linspace(0, len(clips) - 1, count).round().astype(int)) if clips else ()
    for index in chosen:
        record = clips[int(index)]
        try:
            frame = _middle_frame(material, record.file)
        except (FoundBad, UserMistake) as error:
            left_out[record.clip] = str(error)
            continue
        if frame is not None:
            yield frame


def _middle_frame(material: Material, file: str) -> NDArray[Any] | None:
    with Clip(material.folder / file) as clip:
        if why := material.rig.unlike(CalibratedRig.of(clip.head)):
            raise UserMistake(f"{clip.path}: was recorded with another rig: {why}")
        rows = clip.ledger[clip.ledger["verdict"] == Verdict.PAIRED]
        rows = rows[rows["part"] == TakePart.SCENE]
        if not len(rows):
            return None
        frame: NDArray[Any] = clip.frames("sharp")[int(rows[len(rows) // 2]["c2_index"])]
        return frame


def _not_predicted(name: str, why: str) -> Item:
    return Item(
        name="ceiling, systematic",
        setting=name,
        value=None,
        limit=None,
        unit="dB",
        passed=None,
        text=f"not predicted: {why}",
    )


def _items(name: str, found: Ceilings) -> tuple[Item, ...]:
    views = counted(found.pictures, "view")
    what = f"what a pair's own errors allow, predicted with {views} of the session"
    rows = [("ceiling, systematic", found.systematic_db, what)]
    if found.total_db is not None:
        rows.append(("ceiling, total", found.total_db, "the same with C2's noise"))
    return tuple(
        Item(name=title, setting=name, value=value, limit=None, unit="dB", passed=None, text=text)
        for title, value, text in rows
    )
