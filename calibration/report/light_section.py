"""Light at one setting: black levels, flats, gains, colours, ceilings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from acquisition.picture.view import CHANNELS
from acquisition.rig import ROLES, Role
from bsd.page import Block, Cell, Column, Figure, FigureRow, Heading, Paragraph, Table
from calibration.bundle.calibration import Calibration, format_of
from calibration.bundle.document import CalibrationDocument, FlatSolution, SettingPhotometry
from calibration.ceiling.prediction import Ceilings
from calibration.photometry.colour import ColourMatrix
from calibration.photometry.flat import RatioDrift
from calibration.report.chart import VIEW_NAMES
from calibration.report.curves import black_chart, gain_chart
from calibration.report.judgement import spoilt
from calibration.report.view_maps import covered, ratio_map, ratio_reach

_CHANNEL_WORDS = {"R": "red", "G": "green", "B": "blue"}


def light_blocks(calibration: Calibration, name: str) -> Iterator[Block]:
    """All of one setting."""
    found = calibration.document.settings[name]
    blurry_us, sharp_us = found.exposures_us
    yield Paragraph(
        f"C1 exposes {blurry_us / 1000:g} ms, C2 {sharp_us / 1000:g} ms as planned. Channels clip"
        f" from {', '.join(f'{v:.0f}' for v in found.white_dn)} DN (R, G, B; C1 above black) on."
    )
    ends = flat_ends(found)
    yield Heading("Black level and gains", 3)
    yield FigureRow([_black(calibration, name, ends), _gains(ends)])
    yield _black_table(ends)
    yield _gain_table(ends)
    fault = spoilt(calibration.document, "drift of the gains", name)
    if fault is not None:
        yield Paragraph(
            f"The flat field of the session's end cannot be used: {fault}. What changed since the"
            " start is not known.",
            "warning",
        )
    elif found.end is None:
        yield Paragraph(
            "There is no flat field of the session's end: what changed since the start is not"
            " known, and every clip takes the levels of the start.",
            "note",
        )
    yield Heading("Ratio flat", 3)
    yield from _ratio(calibration, name, found)
    yield Heading("Colours", 3)
    yield from colour_blocks(found.colour)
    yield Heading("Ceilings", 3)
    yield from ceiling_blocks(found)


def flat_ends(found: SettingPhotometry) -> dict[str, FlatSolution]:
    """``start`` and, where there is one, ``end``."""
    ends = {"start": found.start}
    return ends if found.end is None else {**ends, "end": found.end}


def place_names(calibration: Calibration, role: Role) -> tuple[str, ...]:
    """What the four places of a camera's cell are called: R G1 G2 B, or by number."""
    camera = calibration.document.rig.cameras[role]
    if calibration.document.cameras[role].response is not None or "RGB" in camera.pixel_format:
        return ("R", "G", "G", "B")
    cfa = format_of(camera).upright_cfa
    return ("1", "2", "3", "4") if cfa is None else tuple(cfa)


def _black(calibration: Calibration, name: str, ends: dict[str, FlatSolution]) -> Figure:
    both = {role: place_names(calibration, role) for role in ROLES}
    hollow = "; the end is hollow" if len(ends) > 1 else ""
    return Figure(
        black_chart(ends, both),
        f"Black level of the four places of the cell, ± 1 σ{hollow}. Taken off every sample.",
        f"Black levels of both cameras at {name}: "
        + "; ".join(
            f"{VIEW_NAMES[role]}, {when}: {each.black[role].values.mean():.2f} DN"
            for when, each in ends.items()
            for role in ROLES
        )
        + ".",
    )


def _gains(ends: dict[str, FlatSolution]) -> Figure:
    nominal = next(iter(ends.values())).gains.nominal
    return Figure(
        gain_chart(ends),
        f"C1 over C2 by channel, ± 1 σ, against the nominal {nominal:.4f} (exposure × ND"
        " transmission). Aligned C2 is multiplied by it, by way of the matrix below.",
        "Channel gains: "
        + "; ".join(
            f"{when}: " + ", ".join(f"{gain:.4f}" for gain in each.gains.gain)
            for when, each in ends.items()
        )
        + f"; nominal {nominal:.4f}.",
    )


def _black_table(ends: dict[str, FlatSolution]) -> Table:
    columns = (
        Column("camera"),
        Column("end of the session"),
        Column("black level, DN", ".3f"),
        Column("± σ, DN", ".3f"),
        Column("dark noise, DN", ".2f"),
        Column("spread of pixels, DN", ".2f"),
        Column("drift within the clip, DN", "+.3f"),
        Column("known to", right=True),
    )
    rows: list[tuple[Cell, ...]] = [
        (
            VIEW_NAMES[role][:2],
            when,
            float(black.values.mean()),
            float(black.sigmas.max()),
            black.dark_noise_dn,
            black.fixed_pattern_dn,
            black.drift_dn,
            f"a bound, ± {black.bound_dn:.2f} DN" if black.is_bound else "its σ",
        )
        for when, each in ends.items()
        for role, black in ((role, each.black[role]) for role in ROLES)
    ]
    caption = "Dark clips. A bound: noise is too small to be seen past the rounding to whole DN."
    return Table(columns, rows, caption, sortable=False)


def _gain_table(ends: dict[str, FlatSolution]) -> Table:
    columns = (
        Column("end of the session"),
        Column("channel"),
        Column("gain C1/C2", ".5f"),
        Column("± σ", ".5f"),
        Column("off nominal, %", "+.2f"),
        Column("ND × splitter × sensors", ".5f"),
        Column("level C1, DN", ".1f"),
        Column("level C2, DN", ".1f"),
    )
    rows: list[tuple[Cell, ...]] = []
    for when, each in ends.items():
        gains = each.gains
        for number, channel in enumerate(CHANNELS):
            rows.append(
                (
                    when,
                    channel,
                    gains.gain[number],
                    gains.sigma[number],
                    100.0 * (gains.relative[number] - 1.0),
                    None if gains.transmission is None else gains.transmission[number],
                    each.flat["blurry"].level_dn[number],
                    each.flat["sharp"].level_dn[number],
                )
            )
    return Table(columns, rows, "Flat fields, levels above black.", sortable=False)


def _ratio(calibration: Calibration, name: str, found: SettingPhotometry) -> Iterator[Block]:
    ratio = calibration.array(f"ratio-{name}")
    seen = covered(calibration.document.geometry.start.view_map)
    known = np.where(seen[..., None], ratio, np.float32(np.nan))
    planes = [np.ascontiguousarray(known[..., channel]) for channel in range(3)]
    reach = ratio_reach(planes)
    quality = found.start.ratio
    figures = []
    for channel, plane in zip(CHANNELS, planes, strict=True):
        word = _CHANNEL_WORDS[channel]
        extent = f"{np.nanmin(plane):.3f} to {np.nanmax(plane):.3f}"
        figures.append(
            Figure(
                ratio_map(plane, reach),
                f"Ratio flat at the start, {word}: {extent}; blank where C2 sees nothing.",
                f"Map of the ratio flat in {word} over C1's view, {extent}.",
            )
        )
    yield Paragraph(
        "How much more C2 shows than C1 from place to place, each channel's mean taken out;"
        f" aligned C2 is divided by it. {quality.least:.3f} to {quality.most:.3f} over the common"
        f" view ({100 * quality.covered_share:.1f} % of C1's), known to"
        f" {100 * quality.sigma:.2g} %; colours reach to ± {100 * reach:g} %."
    )
    yield FigureRow(figures)
    if found.ratio_drift is not None:
        yield from _ratio_drift(calibration.document, name, found.ratio_drift)


def _ratio_drift(document: CalibrationDocument, name: str, drift: RatioDrift) -> Iterator[Block]:
    limits = [
        item.limit
        for item in document.items
        if (item.name, item.setting) == ("drift of the ratio flat", name) and item.limit is not None
    ]
    limit = "".join(f", limit {each:g} % RMS" for each in limits)
    yield Paragraph(
        f"Drift of the ratio flat, start against end: {drift.rms_percent:.2g} % RMS in the"
        f" channel with the most, 95 % of the view below {drift.p95_percent:.2g} %{limit}. Below"
        " the limit a clip takes what lies between both, by its time; above it, look for dust, for"
        " a lens that turned, or for a field that was lit otherwise."
    )


def colour_blocks(found: ColourMatrix) -> Iterator[Block]:
    """The matrix, and why it is a diagonal where it is one."""
    if found.kind == "full":
        held_out = "" if found.held_out_percent is None else f" {found.held_out_percent:.2g} %"
        diagonal = "" if found.diagonal_percent is None else f"{found.diagonal_percent:.2g} %"
        yield Paragraph(
            f"A full matrix from {found.patches} patches of the chart. Patches that were held out"
            f" are off by{held_out} RMS, with the gains alone by {diagonal}."
        )
    else:
        yield Paragraph(f"A diagonal, the gains of the channels alone: {found.reason}.")
    columns = (Column("C1 from C2"), *(Column(name, right=True) for name in CHANNELS))
    rows: list[tuple[Cell, ...]] = [
        (
            channel,
            *(
                f"{value:+.4f} ± {sigma:.4f}".replace("-", "−") if value or sigma else "0"
                for value, sigma in zip(values, sigmas, strict=True)
            ),
        )
        for channel, values, sigmas in zip(CHANNELS, found.matrix, found.sigma, strict=True)
    ]
    yield Table(columns, rows, "Linear light; rows are C1's channels.", sortable=False)


def ceiling_blocks(found: SettingPhotometry) -> Iterator[Block]:
    """Both ceilings and what they mean; or why there are none."""
    ceilings = found.ceilings
    if ceilings is None:
        yield Paragraph(
            "Not predicted: that takes a scene of this setting in the session, with detail and not"
            " clipped.",
            "note",
        )
        return
    most = "at most " if ceilings.is_bound else ""
    views = "one view" if ceilings.pictures == 1 else f"{ceilings.pictures} views"
    total = "not known" if ceilings.total_db is None else f"{most}{ceilings.total_db:.2f} dB"
    yield Table(
        (Column("ceiling"), Column("PSNR", right=True), Column("is")),
        [
            (
                "systematic",
                f"{most}{ceilings.systematic_db:.2f} dB",
                "What a perfect method could reach against the published sharp frames if C2 had"
                " no noise: demosaicing, resampling and what this calibration leaves unknown.",
            ),
            (
                "total",
                total,
                "The same with C2's own noise in the sharp frames, which no method can foresee.",
            ),
        ],
        sortable=False,
    )
    yield Paragraph(
        f"Both are predictions, not measurements: means over {views} of this"
        f" session, walked through the chain of a pair with the errors above ({_mosaic(ceilings)})."
        " Other scenes, with finer or less detail, have other ceilings."
    )


def _mosaic(ceilings: Ceilings) -> str:
    if ceilings.is_bound:
        return "C2 makes its own colours, in a way that is not known: it costs some more"
    return "no mosaic" if ceilings.demosaic is None else f"demosaicing: {ceilings.demosaic}"
