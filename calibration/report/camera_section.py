"""How either camera tells light, at all exposures: linearity, noise, saturation, defects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from acquisition.rig import ROLES, Role
from bsd.page import (
    Block,
    Cell,
    Column,
    Details,
    Figure,
    FigureRow,
    Paragraph,
    Table,
    grouped,
)
from calibration.bundle.calibration import Calibration
from calibration.bundle.document import CalibrationDocument, CameraPhotometry
from calibration.photometry.linearity import Linearity
from calibration.photometry.response import Response
from calibration.report.chart import VIEW_NAMES
from calibration.report.curves import (
    linearity_chart,
    photon_transfer_chart,
    response_chart,
    used_levels,
)

_PERCENT: Final = 1.0


def camera_blocks(calibration: Calibration) -> Iterator[Block]:
    """Charts and a table of both cameras."""
    document = calibration.document
    figures = [*_linearity(document), *_transfer(document), *_responses(calibration)]
    if figures:
        yield FigureRow(figures)
    for role in ROLES:
        camera = document.cameras[role]
        if camera.linearity is None:
            yield Paragraph(
                f"{VIEW_NAMES[role]}: there is no exposure series, so linearity, exposure offset"
                " and noise are not known.",
                "note",
            )
        if camera.rig_advice is not None:
            yield Paragraph(
                f"{VIEW_NAMES[role]}: in rig.yaml set {camera.rig_advice}, so that the plan"
                " predicts its exposure.",
                "note",
            )
    yield _table(document.cameras)
    levels = {role: each.linearity for role, each in document.cameras.items()}
    known = {role: each for role, each in levels.items() if each is not None}
    if known:
        yield Details("Levels of the exposure series", [_levels(known)])


def _linearity(document: CalibrationDocument) -> Iterator[Figure]:
    known: dict[Role, Linearity] = {
        role: each.linearity
        for role, each in document.cameras.items()
        if each.linearity is not None
    }
    if not known:
        return
    limits = [
        item.limit
        for item in document.items
        if item.name.startswith("linearity") and item.limit is not None
    ]
    limit = limits[0] if limits else _PERCENT
    worst = max(each.nonlinearity_percent for each in known.values())
    left_out = any(each.left_out for each in known.values())
    hollow = " Clipped levels are hollow, and may lie outside." if left_out else ""
    yield Figure(
        linearity_chart(known, limit),
        "Linearity: mean level of each exposure of the series against the line through those that"
        f" are not clipped, {worst:.2g} % off at most, limit {limit:g} %.{hollow}",
        f"Deviation from linearity against exposure for both cameras, at most {worst:.2g} %.",
    )


def _transfer(document: CalibrationDocument) -> Iterator[Figure]:
    known = {role: each for role, each in document.cameras.items() if each.noise is not None}
    models = {role: each.noise for role, each in known.items() if each.noise is not None}
    if not models:
        return
    black = next(iter(document.settings.values())).start.black
    most = {
        role: each.saturation.clip_dn - float(black[role].values.mean())
        for role, each in known.items()
    }
    words = "; ".join(
        f"{VIEW_NAMES[role]} {1.0 / model.gain_dn_per_e:.4g} e⁻/DN, dark noise"
        f" {'at most ' if model.is_bound else ''}{model.dark_noise_dn:.2f} DN"
        f" ({model.levels} levels, {model.deviation_percent:.1f} % off the line at most)"
        for role, model in models.items()
    )
    yield Figure(
        photon_transfer_chart(models, most),
        f"Photon transfer: noise in time of a pixel by its signal, as the fitted model has it."
        f" {words}.",
        f"Noise against signal, both logarithmic: {words}.",
    )


def _responses(calibration: Calibration) -> Iterator[Figure]:
    for role in ROLES:
        told = calibration.document.cameras[role].response
        if told is None:
            continue
        yield Figure(
            response_chart(calibration.array(f"response-{role}"), told.known),
            f"Response of {VIEW_NAMES[role]}, which delivers encoded colour: {told.method},"
            f" {told.levels} exposures, {told.deviation_percent:.2g} % RMS between them."
            f"{_known(told)} Frames are made linear by it before anything else.",
            f"Light against code of the {role} camera, red, green and blue.",
        )


def _known(told: Response) -> str:
    if told.known is None:
        return ""
    low, high = told.known
    return (
        f" The series shows codes {low} to {high}; below and above (shaded) the curve is"
        " extrapolated, and light is not known."
    )


def _table(cameras: Mapping[Role, CameraPhotometry]) -> Table:
    columns = (Column(""), *(Column(VIEW_NAMES[role], right=True) for role in ROLES))
    both = [cameras[role] for role in ROLES]
    rows: list[tuple[Cell, ...]] = [
        ("clips from, DN", *(str(each.saturation.clip_dn) for each in both)),
        ("which is", *(_clip(each) for each in both)),
        ("defects, hot", *(grouped(each.defects.hot) for each in both)),
        ("defects, noisy", *(grouped(each.defects.noisy) for each in both)),
        ("defects, dead", *(grouped(each.defects.dead) for each in both)),
        ("defects, all, of the pixels", *(_defects(each) for each in both)),
        ("linearity, worst level", *(_worst(each) for each in both)),
        ("exposure offset, µs", *(_offset(each) for each in both)),
        ("system gain, e⁻/DN", *(_gain(each) for each in both)),
        ("dark noise, DN", *(_dark(each) for each in both)),
    ]
    return Table(columns, rows, "Both cameras, at all exposures.", sortable=False)


def _clip(found: CameraPhotometry) -> str:
    return "measured" if found.saturation.is_measured else "98 % of full scale"


def _defects(found: CameraPhotometry) -> str:
    counts = found.defects
    return f"{grouped(counts.total)} of {grouped(counts.pixels)}"


def _worst(found: CameraPhotometry) -> str | None:
    return None if found.linearity is None else f"{found.linearity.nonlinearity_percent:.3g} %"


def _offset(found: CameraPhotometry) -> str | None:
    if found.linearity is None:
        return None
    line = found.linearity
    return f"{line.offset_us:+.2f} ± {line.offset_sigma_us:.2f}".replace("-", "−")


def _gain(found: CameraPhotometry) -> str | None:
    if found.noise is None:
        return None
    gain = found.noise.gain_dn_per_e
    return f"{1.0 / gain:.4g} ± {found.noise.gain_sigma / gain**2:.2g}"


def _dark(found: CameraPhotometry) -> str | None:
    if found.noise is None:
        return None
    return f"{'≤ ' if found.noise.is_bound else ''}{found.noise.dark_noise_dn:.3f}"


def _levels(known: Mapping[Role, Linearity]) -> Table:
    columns = (
        Column("camera"),
        Column("exposure as planned, ms", ".4f"),
        Column("off the line, %", "+.4f"),
        Column("used"),
        Column("clip"),
    )
    rows: list[tuple[Cell, ...]] = []
    for role, found in known.items():
        sources = found.sources or ("",) * len(found.exposures_us)
        for number, used in enumerate(used_levels(found)):
            rows.append(
                (
                    VIEW_NAMES[role],
                    found.exposures_us[number] / 1000.0,
                    found.deviation_percent[number],
                    "yes" if used else "no, clipped",
                    sources[number],
                )
            )
    return Table(columns, rows)
