"""What a calibration was made from and with: clips, options, files, versions."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from acquisition.rig import ROLES
from bsd.page import Block, Code, Column, Details, Facts, Paragraph, Table
from calibration.bundle.calibration import Calibration
from calibration.bundle.document import CalibrationDocument
from calibration.bundle.rig import CalibratedCamera
from calibration.report.chart import VIEW_NAMES


def origin_blocks(calibration: Calibration) -> Iterator[Block]:
    """Clips used and left out, rig, options, files."""
    document = calibration.document
    yield from _left_out(document)
    yield Details(f"{len(document.sources)} clips that it was made from", [_sources(document)])
    yield Facts(list(_rig(document)), "The rig that it holds for.")
    options = yaml.safe_dump(document.options, sort_keys=False, allow_unicode=True)
    yield Details("Options of the solve", [Code(options.strip(), "As resolved; YAML.")])
    yield Details(f"{len(document.arrays)} arrays beside it", [_arrays(document)])
    yield Facts(
        [
            ("session", document.session),
            ("SHA-256 of calibration.json", calibration.sha256),
            ("format", f"{document.format} {document.format_version}"),
            ("solved by", f"bsd-toolkit {document.toolkit}"),
        ]
    )


def _left_out(document: CalibrationDocument) -> Iterator[Block]:
    if not document.left_out:
        yield Paragraph("Every calibration clip of the session was used.")
        return
    rows = [(clip, why) for clip, why in document.left_out.items()]
    caption = "Clips that were left out, and why."
    yield Table((Column("clip"), Column("why")), rows, caption, sortable=False)


def _sources(document: CalibrationDocument) -> Table:
    columns = ("clip", "purpose", "step", "end of the session", "setting", "uuid")
    rows = [
        (each.clip, each.purpose, each.step, each.when, each.setting, each.uuid)
        for each in document.sources
    ]
    return Table([Column(name) for name in columns], rows)


def _rig(document: CalibrationDocument) -> Iterator[tuple[str, str]]:
    rig = document.rig
    yield "name", rig.name or "–"
    yield "lens", rig.lens
    yield "ND transmission, nominal", f"{rig.nd_transmission:g}"
    for role in ROLES:
        yield VIEW_NAMES[role], _camera(rig.cameras[role])


def _camera(camera: CalibratedCamera) -> str:
    region = "" if camera.region is None else f", region {camera.region}"
    gain = "gain not told" if camera.gain_db is None else f"gain {camera.gain_db:g} dB"
    return (
        f"{camera.vendor} {camera.model} {camera.serial}, {camera.width_px} ×"
        f" {camera.height_px} px, {camera.pixel_format}, {camera.bits} bit, flip {camera.flip},"
        f" {gain}{region}"
    )


def _arrays(document: CalibrationDocument) -> Table:
    columns = ("array", "file", "shape", "type", "SHA-256")
    rows = [
        (name, told.file, " × ".join(str(n) for n in told.shape), told.dtype, told.sha256)
        for name, told in document.arrays.items()
    ]
    return Table([Column(name) for name in columns], rows)
