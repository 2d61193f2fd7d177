"""From a session to its calibration, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from acquisition.rig import ROLES, Rig, Role
from calibration.bundle.calibration import Calibration
from calibration.bundle.document import CalibrationDocument, SettingPhotometry
from calibration.bundle.folder import check_out, write_calibration
from calibration.geometry.view_map import ViewMap
from calibration.mosaic import DefectRepair
from calibration.photometry.faults import NonLinear
from calibration.photometry.response import Response, recover_response
from calibration.solve.camera_step import CameraLight, solve_camera
from calibration.solve.ceiling_step import add_ceilings
from calibration.solve.completeness import is_encoded, require_steps
from calibration.solve.frames import Linear, frames_of
from calibration.solve.light_step import SettingLight, chart_first, solve_setting
from calibration.solve.map_step import MapResult, Views, solve_maps
from calibration.solve.material import Material, MissingClips, When
from calibration.solve.options import SolveOptions
from calibration.solve.verdict import judge

Arrays = dict[str, NDArray[Any]]
Advance = Callable[[int], None]
STEPS: Final = 6


def solve(
    session: Path,
    out: Path,
    options: SolveOptions | None = None,
    *,
    force: bool = False,
    advance: Advance = lambda _steps: None,
) -> Calibration:
    """Solve a session's calibration and write it.

    Parameters
    ----------
    session
        Folder of a recorded session; only read.
    out
        Folder to make.
    options
        Default: `SolveOptions()`.
    force
        Replace a calibration that lies in `out`.
    advance
        Is told of each of `STEPS` steps.

    Returns
    -------
    Calibration
        As it lies on the disk; its verdict may be ``withheld``.

    Raises
    ------
    UserMistake
        A folder or a clip that cannot be used; nothing was written.
    FoundBad
        The clips do not give a calibration; the message says why. Nothing was written.
    """
    options = options or SolveOptions()
    out = check_out(out, force=force)
    material = Material.read(session)
    require_steps(material, options)
    advance(1)
    document, arrays = _solved(material, options, advance)
    write_calibration(out, document, arrays, force=force)
    return Calibration.read(out)


def _solved(
    material: Material, options: SolveOptions, advance: Advance
) -> tuple[CalibrationDocument, Arrays]:
    rig = _rig(material)
    cameras = {role: _camera(material, role, rig, options) for role in ROLES}
    advance(1)
    maps = solve_maps(material, _views(material, cameras), options)
    advance(1)
    ends: dict[When, ViewMap] = {"start": maps.geometry.start.view_map}
    if maps.geometry.end is not None:
        ends["end"] = maps.geometry.end.view_map
    lights: dict[str, SettingLight] = {}
    for setting in chart_first(material):
        known = {name: found.photometry for name, found in lights.items()}
        lights[setting] = solve_setting(material, setting, cameras, ends, options, known)
    if not lights:
        raise MissingClips(
            f"{material.folder}: no setting has a dark clip or a flat field; record them with"
            " 'python -m acquisition.capture --guided start'"
        )
    advance(1)
    arrays = _arrays(maps, cameras, lights)
    settings = {name: lights[name].photometry for name in material.settings}
    faults = maps.faults | {name: light.fault for name, light in lights.items() if light.fault}
    if material.disorder is not None:
        faults["order"] = material.disorder
    document = _document(material, maps, cameras, settings, options, faults)
    document = add_ceilings(material, document, arrays, options)
    advance(1)
    return document, arrays


def _rig(material: Material) -> Rig:
    head = material.recordings[0].head
    return Rig.from_fields(dict(head.rig), f"{material.folder}: the rig in {head.name}")


def _camera(material: Material, role: Role, rig: Rig, options: SolveOptions) -> CameraLight:
    try:
        return solve_camera(material, role, rig)
    except NonLinear:
        response = _response(material, role, options)
        if response is None:
            raise
        return solve_camera(material, role, rig, response)


def _response(
    material: Material, role: Role, options: SolveOptions
) -> tuple[Linear, Response] | None:
    """Of a camera that delivers 8-bit colour; others have to be linear."""
    camera = material.rig.cameras[role]
    if not is_encoded(camera):
        return None
    pictures, exposures = [], []
    for recording in material.of("series"):
        pictures.append(np.asarray(next(frames_of(recording, role, None)), dtype=np.uint8))
        exposures.append(recording.exposure_us(role))
    curve, told = recover_response(pictures, exposures, f"{role} camera", options.response)
    return Linear.of(curve), told


def _views(material: Material, cameras: Mapping[Role, CameraLight]) -> Views:
    """Levels and defects for pictures of targets, which need black and clipping only roughly."""
    black, clip, repair = {}, {}, {}
    for role, camera in cameras.items():
        longest = max(camera.black.values(), key=lambda level: level.exposure_us)
        black[role] = longest.values
        clip[role] = float(camera.photometry.saturation.clip_dn)
        repair[role] = DefectRepair(
            camera.defects.mask, 1 if material.rig.cameras[role].cfa is None else 2
        )
    linear = {role: camera.linear for role, camera in cameras.items()}
    return Views(black, clip, linear, repair)


def _arrays(
    maps: MapResult,
    cameras: Mapping[Role, CameraLight],
    lights: Mapping[str, SettingLight],
) -> Arrays:
    arrays: Arrays = {
        "residual-at": maps.residual_at.astype(np.float32),
        "residual-px": maps.residual_px.astype(np.float32),
    }
    for role, camera in cameras.items():
        arrays[f"defects-{role}"] = camera.defects.mask
        if camera.linear is not None:
            arrays[f"response-{role}"] = camera.linear.curve
    for name, light in lights.items():
        arrays[f"ratio-{name}"] = light.ratio
        if light.ratio_end is not None:
            arrays[f"ratio-end-{name}"] = light.ratio_end
        if light.pixel_gain is not None:
            arrays[f"pixel-gain-sharp-{name}"] = light.pixel_gain
    return arrays


def _document(
    material: Material,
    maps: MapResult,
    cameras: Mapping[Role, CameraLight],
    settings: Mapping[str, SettingPhotometry],
    options: SolveOptions,
    faults: Mapping[str, str],
) -> CalibrationDocument:
    photometry = {role: camera.photometry for role, camera in cameras.items()}
    items = judge(maps.geometry, photometry, settings, material.rig, options, faults)
    withheld = any(item.passed is False for item in items)
    return CalibrationDocument(
        rig=material.rig,
        session=material.session,
        geometry=maps.geometry,
        cameras=photometry,
        settings=dict(settings),
        items=items,
        verdict="withheld" if withheld else "good",
        options=options.model_dump(mode="json"),
        arrays={},
        sources=tuple(recording.source for recording in material.recordings),
        left_out=material.left_out | maps.geometry.left_out,
    )
