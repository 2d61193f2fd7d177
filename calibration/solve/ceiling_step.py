"""Both ceilings, predicted with what the session's own scenes show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from acquisition.clip.reader import Clip
from acquisition.ledger.row import TakePart, Verdict
from acquisition.picture.view import FrameFormat, unflip
from acquisition.session.record import SessionRecord
from bsd.errors import FoundBad, UserMistake
from bsd.phrase import counted
from calibration.bundle.calibration import format_of
from calibration.bundle.document import CalibrationDocument, Geometry, Item, SettingPhotometry
from calibration.bundle.rig import CalibratedRig
from calibration.ceiling.content import LEAST_SIDE_PX, published_part
from calibration.ceiling.prediction import Ceilings, predict
from calibration.ceiling.sensing import Sensing
from calibration.ceiling.walk import PairErrors, srgb
from calibration.pair_model import PairModel
from calibration.photometry.flat import FlatQuality
from calibration.photometry.noise import NoiseModel
from calibration.photometry.position import spread
from calibration.solve.material import Material
from calibration.solve.options import SolveOptions

_CLIPPED_PERCENT: Final = 5.0
"""As the gate of clipping has it: more, and a view is nothing that is published."""

_DARK_SIGMAS: Final = 2.0
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
    camera, photometry = document.rig.cameras["sharp"], document.cameras["sharp"]
    curve = None
    if photometry.response is not None:
        curve = arrays["response-sharp"] - spread(_black(setting), arrays["response-sharp"][None])
    form = format_of(camera)
    if curve is None:
        form = replace(form, saturation_dn=photometry.saturation.clip_dn)
    model = replace(
        _model(document, setting, arrays[f"ratio-{name}"], form, curve),
        pixel_gain_2=arrays.get(f"pixel-gain-sharp-{name}"),
    )
    is_mono = camera.cfa is None and "MONO" in camera.pixel_format.upper()
    sensing = Sensing.of(model, is_mono=is_mono)
    noise = photometry.noise
    views = []
    for clip, frame in _frames(material, name, options.ceiling_pictures, left_out):
        try:
            views.append(_view(frame, model, sensing, _black(setting), noise))
        except NoView as error:
            left_out[clip] = f"{clip}: no ceiling is predicted with it: {error}"
    if not views:
        return None
    flat, gains = setting.start.flat["sharp"], setting.start.gains
    errors = PairErrors(
        map_px=_map_error_px(document.geometry),
        gain=max(sigma / gain for sigma, gain in zip(gains.sigma, gains.gain, strict=True)),
        pixel_gain=flat.prnu if f"pixel-gain-sharp-{name}" not in arrays else _left(flat),
        noise=noise,
    )
    try:
        return predict(views, model, errors, srgb(model.white_dn), sensing)
    except FoundBad as error:
        left_out[f"ceilings {name}"] = str(error)
        return None


class NoView(FoundBad):
    """A frame tells nothing of ceilings."""


def _view(
    frame: NDArray[Any],
    model: PairModel,
    sensing: Sensing,
    black: NDArray[np.float64],
    noise: NoiseModel | None,
) -> NDArray[np.float32]:
    """A frame's middle in C1's colours, (H, W, 3) float32 DN of C1 above black."""
    form = model.formats["sharp"]
    upright = np.ascontiguousarray(published_part(unflip(frame, form)))
    if min(upright.shape[:2]) < LEAST_SIDE_PX:
        raise NoView(f"its frames are smaller than {LEAST_SIDE_PX} px")
    clipped = 100.0 * float((upright >= form.clip_dn).mean())
    if clipped > _CLIPPED_PERCENT:
        raise NoView(f"{clipped:.0f} % of it is clipped")
    if sensing.curve is not None:
        curve = sensing.curve
        samples = np.stack([curve[upright[..., c], c] for c in range(3)], axis=-1)
    else:
        samples = upright.astype(np.float32) - spread(black, upright)
    if model.pixel_gain_2 is not None:
        samples = samples / published_part(model.pixel_gain_2)
    if not np.isfinite(samples).all():
        raise NoView("a black level or a pixel's gain is no number")
    level = np.array([max(0.0, float(samples.mean(dtype=np.float64)))], dtype=np.float32)
    if noise is not None and level[0] < _DARK_SIGMAS * np.sqrt(noise.variance_dn2(level)[0]):
        raise NoView("it is so dark that noise hides it")
    colours = sensing.colours(np.asarray(samples, dtype=np.float32))
    return np.asarray(colours @ model.matrix.T.astype(np.float32), dtype=np.float32)


def _black(setting: SettingPhotometry) -> NDArray[np.float64]:
    return np.array(setting.start.black["sharp"].value_dn)


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
    curve: NDArray[np.float32] | None,
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
        response={"blurry": None, "sharp": curve},
    )


def _frames(
    material: Material, setting: str, count: int, left_out: dict[str, str]
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Clip and C2's frame in the middle of scene clips that are spread over the session.

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
            yield record.clip, frame


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
    bound = "at most: what C2's own processing costs is not known; " if found.is_bound else ""
    what = f"{bound}what a pair's own errors allow, predicted with {views} of the session"
    rows = [("ceiling, systematic", found.systematic_db, what)]
    if found.total_db is not None:
        rows.append(("ceiling, total", found.total_db, f"{bound}the same with C2's noise"))
    return tuple(
        Item(name=title, setting=name, value=value, limit=None, unit="dB", passed=None, text=text)
        for title, value, text in rows
    )
