"""Curves of a calibration: linearity, noise, levels, gains, parallax, response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from acquisition.rig import ROLES, Role
from calibration.bundle.document import FlatSolution
from calibration.geometry.parallax import Parallax
from calibration.photometry.linearity import Linearity
from calibration.photometry.noise import NoiseModel
from calibration.report.chart import (
    INK,
    LIMIT_COLOUR,
    QUIET_COLOUR,
    VIEW_COLOURS,
    VIEW_NAMES,
    Chart,
    chart,
    plain_log,
)

Values = NDArray[np.float64]

_MARKERS: Final[dict[Role, str]] = {"blurry": "o", "sharp": "s"}
_DASHES: Final[dict[Role, str]] = {"blurry": "solid", "sharp": "dashed"}
_CHANNELS: Final = ("R", "G", "B")
_CHANNEL_COLOURS: Final = ("#c0392b", "#0d9e78", "#2b83d6")


def linearity_chart(found: Mapping[Role, Linearity], limit_percent: float) -> str:
    """Deviation of every level from the line, with the limit; levels left out are hollow."""
    with chart() as made:
        shown = [0.0]
        for role, each in found.items():
            times_ms = np.array(each.exposures_us) / 1000.0
            deviation = np.array(each.deviation_percent)
            used = used_levels(each)
            shown += np.abs(deviation[used]).tolist()
            made.axes.plot(
                times_ms[used],
                deviation[used],
                color=VIEW_COLOURS[role],
                linestyle=_DASHES[role],
                marker=_MARKERS[role],
                markersize=4,
                linewidth=1.2,
                label=VIEW_NAMES[role],
            )
            made.axes.plot(
                times_ms[~used],
                deviation[~used],
                color=VIEW_COLOURS[role],
                linestyle="none",
                marker=_MARKERS[role],
                markerfacecolor="none",
            )
        plain_log(made, x=True)
        made.axes.axhline(0.0, color=INK, linewidth=0.8)
        _band(made, limit_percent, f"limit ± {limit_percent:g} %")
        reach = 1.3 * max(limit_percent, *shown)
        made.axes.set_ylim(-reach, reach)
        made.axes.set_xlabel("exposure as planned, ms")
        made.axes.set_ylabel("level off the line, %")
        made.legend()
    return made.svg


def used_levels(found: Linearity) -> NDArray[np.bool_]:
    """Which levels of a series the line was fitted to: (L,) bool."""
    if len(found.sources) != len(found.exposures_us):
        return np.ones(len(found.exposures_us), dtype=bool)
    return np.array([name not in found.left_out for name in found.sources])


def photon_transfer_chart(models: Mapping[Role, NoiseModel], most_dn: Mapping[Role, float]) -> str:
    """Noise against signal, both logarithmic: flat where reading out rules, slope 1/2 of photons.

    Parameters
    ----------
    most_dn
        Where each camera clips, DN above black.
    """
    with chart() as made:
        for role, model in models.items():
            signal = np.geomspace(0.5, max(1.0, most_dn[role]), 120).astype(np.float32)
            noise = np.sqrt(model.variance_dn2(signal))
            made.axes.plot(
                signal,
                noise,
                color=VIEW_COLOURS[role],
                linestyle=_DASHES[role],
                linewidth=1.7,
                label=VIEW_NAMES[role],
            )
        plain_log(made, x=True, y=True)
        made.axes.set_xlabel("signal, DN above black")
        made.axes.set_ylabel("noise in time, DN")
        made.legend()
    return made.svg


def black_chart(ends: Mapping[str, FlatSolution], places: Mapping[Role, Sequence[str]]) -> str:
    """Black level by place of both cameras, at the start (filled) and the end (hollow)."""
    with chart(2.6) as made:
        labels: list[str] = []
        for number, role in enumerate(ROLES):
            first = 5.0 * number
            at = first + np.arange(4)
            labels += [f"{name}" for name in places[role]]
            for place, (when, each) in enumerate(ends.items()):
                black = each.black[role]
                made.axes.errorbar(
                    at + 0.24 * place - 0.12 * (len(ends) - 1),
                    black.values,
                    yerr=black.sigmas,
                    fmt=_MARKERS[role],
                    markersize=5,
                    color=VIEW_COLOURS[role],
                    markerfacecolor="none" if place else VIEW_COLOURS[role],
                    elinewidth=1.0,
                    capsize=2,
                    label=f"{VIEW_NAMES[role]}, {when}",
                )
        made.axes.set_xticks([*range(4), *range(5, 9)], labels)
        made.axes.set_xlabel("place of the 2 × 2 cell, row by row")
        made.axes.set_ylabel("black level, DN")
        _plain_y(made)
        made.legend(2)
    return made.svg


def gain_chart(ends: Mapping[str, FlatSolution]) -> str:
    """Channel gains C1/C2 at the start (filled) and the end (hollow) against the nominal one."""
    with chart(2.6) as made:
        for place, (when, each) in enumerate(ends.items()):
            gains = each.gains
            made.axes.errorbar(
                np.arange(3) + 0.2 * place - 0.1 * (len(ends) - 1),
                gains.gain,
                yerr=gains.sigma,
                fmt="os"[place % 2],
                markersize=5,
                color=QUIET_COLOUR,
                markerfacecolor="none" if place else QUIET_COLOUR,
                elinewidth=1.0,
                capsize=2,
                label=when,
            )
        nominal = next(iter(ends.values())).gains.nominal
        made.axes.axhline(
            nominal, color=LIMIT_COLOUR, linestyle="dashed", linewidth=1.2, label="nominal"
        )
        made.axes.set_xticks(range(3), _CHANNELS)
        made.axes.set_xlim(-0.6, 2.6)
        made.axes.set_xlabel("channel")
        made.axes.set_ylabel("gain C1 / C2")
        _plain_y(made)
        made.legend()
    return made.svg


def parallax_chart(found: Parallax) -> str:
    """Shift p(z) = b f (1/z − 1/z_ref) in x and y with its uncertainty, and the neglected band."""
    near_mm = min(0.25 * found.reference_mm, max(0.5 * found.below_limit_from_mm, 200.0))
    distance_mm = np.geomspace(near_mm, 8.0 * found.reference_mm, 240)
    inverse = 1.0 / distance_mm - 1.0 / found.reference_mm
    with chart() as made:
        for number, (name, dash) in enumerate((("x", "solid"), ("y", "dashed"))):
            colour = (VIEW_COLOURS["blurry"], VIEW_COLOURS["sharp"])[number]
            shift = found.bf_px_mm[number] * inverse
            sigma = np.abs(found.sigma_px_mm[number] * inverse)
            made.axes.plot(
                distance_mm / 1000.0, shift, color=colour, linestyle=dash, label=f"in {name}, ± 1 σ"
            )
            made.axes.fill_between(
                distance_mm / 1000.0, shift - sigma, shift + sigma, color=colour, alpha=0.25, lw=0
            )
        plain_log(made, x=True)
        _band(made, found.limit_px, f"neglected, ± {found.limit_px:g} px")
        made.axes.axvline(found.reference_mm / 1000.0, color=INK, linewidth=0.8, linestyle="dotted")
        largest = float(np.abs(np.outer(inverse, found.bf_px_mm)).max())
        reach = min(max(1.6 * found.limit_px, 1.1 * largest), 20.0 * found.limit_px)
        made.axes.set_ylim(-reach, reach)
        made.axes.set_xlabel("distance, m")
        made.axes.set_ylabel("shift of C1, px")
        made.legend()
    return made.svg


def response_chart(curve: NDArray[np.float32], known: tuple[int, int] | None = None) -> str:
    """Linear light of every code, (codes, 3) float32, as a share of the brightest.

    Codes outside of `known` are shaded: no picture showed them.
    """
    top = float(curve.max()) or 1.0
    codes = np.arange(len(curve))
    with chart() as made:
        for channel, name in enumerate(_CHANNELS):
            made.axes.plot(
                codes,
                curve[:, channel] / top,
                color=_CHANNEL_COLOURS[channel],
                linestyle=("solid", "dashed", "dotted")[channel],
                linewidth=1.6,
                label=name,
            )
        made.axes.plot(codes[[0, -1]], [0.0, 1.0], color=INK, linewidth=0.7, label="linear")
        for number, (begin, end) in enumerate(_unseen(known, len(curve))):
            made.axes.axvspan(
                begin,
                end,
                color=LIMIT_COLOUR,
                alpha=0.08,
                linewidth=0,
                label="extrapolated" if number == 0 else None,
            )
        made.axes.set_xlabel("code of the camera")
        made.axes.set_ylabel("light, share of the brightest")
        made.legend(4)
    return made.svg


def _unseen(known: tuple[int, int] | None, codes: int) -> list[tuple[int, int]]:
    """Ranges of codes outside of those that are known."""
    if known is None:
        return []
    sides = [(0, known[0]), (known[1], codes - 1)]
    return [(begin, end) for begin, end in sides if end > begin]


def _band(made: Chart, limit: float, label: str) -> None:
    for sign in (-1.0, 1.0):
        made.axes.axhline(
            sign * limit,
            color=LIMIT_COLOUR,
            linestyle="dotted",
            linewidth=1.3,
            label=label if sign > 0 else None,
        )
    made.axes.axhspan(-limit, limit, color=LIMIT_COLOUR, alpha=0.06, linewidth=0)


def _plain_y(made: Chart) -> None:
    made.axes.ticklabel_format(axis="y", style="plain", useOffset=False)
    made.axes.margins(y=0.15)
