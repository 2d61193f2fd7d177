"""Looks at a source before anything is written: may the recipe use it, and which parts of it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bsd.errors import UserMistake
from dataset.blur import Window, plan_windows
from dataset.description import LeftOut
from dataset.manifest import Mark
from dataset.motion import largest_step_px
from dataset.recipe import Recipe, Times
from dataset.video import Source, open_source

_FEWEST_SAMPLES, _MOST_SAMPLES = 3, 24
_WINDOWS_PER_SAMPLE = 2
_SAMPLES_OF_A_REFUSAL = 8
_PARTS = 4


@dataclass(frozen=True)
class ProbeRequest:
    """What to look at, and how strictly; see `dataset.synthesis.SynthesisOptions`."""

    path: Path
    recipe: Recipe
    rate_hz: float | None
    shutter_us: float | None
    allow_rate_mismatch: bool
    keep_stepped: bool
    sequence_frames: int | None


@dataclass(frozen=True)
class Cut:
    """One sequence of a source.

    Attributes
    ----------
    windows
        Source frames of each of its pairs.
    marks
        What a user of its pairs must know.
    step_px, sampled_pairs
        Largest motion from one source frame to the next, None where it cannot be measured, and
        the pairs of neighbours that it was looked for in.
    """

    windows: tuple[Window, ...]
    marks: tuple[Mark, ...]
    step_px: float | None
    sampled_pairs: int


@dataclass(frozen=True)
class Probe:
    """A source that may be used.

    Attributes
    ----------
    source
        Opened and looked through; its `name` is the scene.
    times
        Of the recipe on this source.
    cuts
        Its sequences, in order.
    left_out
        Parts that are not used, and why.
    """

    source: Source
    times: Times
    cuts: tuple[Cut, ...]
    left_out: tuple[LeftOut, ...]


def probe(request: ProbeRequest, threads: int, _advance: object) -> Probe:
    """Open a source, measure its motion, and cut it into sequences.

    Raises
    ------
    UserMistake
        It cannot be read, or its rate is not the recipe's and that was not allowed.
    """
    recipe = request.recipe
    source = open_source(request.path, request.rate_hz, request.shutter_us, threads)
    rate_hz = float(source.rate_hz)
    matches = recipe.source.accepts(rate_hz)
    if not matches and not request.allow_rate_mismatch:
        raise UserMistake(_wrong_rate(source, recipe))
    times = recipe.times(rate_hz, source.shutter_us)
    marks: list[Mark] = [] if matches else ["rate-mismatch"]
    if source.shutter_us is None:
        marks.append("shutter-unknown")
    elif recipe.sharp_is_long(times):
        marks.append("long-sharp-shutter")
    windows = plan_windows(source.frame_count, times.window_frames, times.hop_frames)
    groups, left_out = _grouped(source, windows, times, request.sequence_frames)
    cuts: list[Cut] = []
    for first_pair, group in groups:
        places = sampled_places(group)
        step_px = _largest_step_px(source, places)
        stepped = step_px is not None and step_px > recipe.bounds.max_step_px
        if stepped and not request.keep_stepped:
            left_out.append(
                LeftOut(
                    scene=source.name,
                    reason=f"{_pairs(first_pair, len(group))}: the picture moves up to"
                    f" {step_px:.1f} px from one source frame to the next, above"
                    f" {recipe.bounds.max_step_px:g} px (bounds.max_step_px; in {len(places)}"
                    " sampled pairs)",
                )
            )
            continue
        cut_marks = (*marks, "stepped") if stepped else tuple(marks)
        cuts.append(Cut(group, cut_marks, step_px, len(places)))
    return Probe(source, times, tuple(cuts), tuple(left_out))


def sampled_places(windows: tuple[Window, ...]) -> list[int]:
    """First frames of the pairs of neighbours to look at, evenly spread over what is averaged.

    One for every two windows, from 3 to 24: fewer miss the peaks of a hand's shake, and more
    would cost more than a small share of the synthesis, for each has to be decoded up to.
    """
    places = sorted({window.first + k for window in windows for k in range(window.frames - 1)})
    return spread(
        places, min(max(len(windows) // _WINDOWS_PER_SAMPLE, _FEWEST_SAMPLES), _MOST_SAMPLES)
    )


def _largest_step_px(source: Source, places: Sequence[int]) -> float | None:
    """Read the pairs side by side, in parts that do not depend on the number of threads."""
    reader = copy.copy(source)
    reader.threads = 1
    size = -(-len(places) // _PARTS)
    parts = [places[first : first + size] for first in range(0, len(places), size or 1)]
    return largest_step_px([reader.pairs(part) for part in parts], source.threads)


def spread(places: Sequence[int], samples: int) -> list[int]:
    """Up to `samples` of these places, each the middle of an equal share of them."""
    samples = min(samples, len(places))
    return [places[(2 * k + 1) * len(places) // (2 * samples)] for k in range(samples)]


def _grouped(
    source: Source, windows: tuple[Window, ...], times: Times, size: int | None
) -> tuple[list[tuple[int, tuple[Window, ...]]], list[LeftOut]]:
    """Sequences as (number of the first pair, windows), and what is too short for one."""
    if not windows:
        reason = f"{source.frame_count} frames, fewer than one window of {times.window_frames}"
        return [], [LeftOut(scene=source.name, reason=reason)]
    size = size or len(windows)
    whole = len(windows) // size * size
    groups = [(place, windows[place : place + size]) for place in range(0, whole, size)]
    rest = len(windows) - whole
    if rest == 0:
        return groups, []
    reason = f"{_pairs(whole, rest)}: fewer than a sequence of {size} (--sequence-frames)"
    return groups, [LeftOut(scene=source.name, reason=reason)]


def _pairs(first: int, count: int) -> str:
    return f"pair {first}" if count == 1 else f"pairs {first} to {first + count - 1}"


def _wrong_rate(source: Source, recipe: Recipe) -> str:
    places = spread(range(source.frame_count - 1), _SAMPLES_OF_A_REFUSAL)
    step_px = _largest_step_px(source, places)
    bound = f"bound {recipe.bounds.max_step_px:g} px"
    moves = (
        f"from one frame to the next the picture moves up to {step_px:.1f} px ({bound})"
        if step_px is not None
        else "its motion from frame to frame cannot be measured"
    )
    return (
        f"{source.path}: {float(source.rate_hz):.4g} fps, recipe {recipe.title} needs"
        f" {recipe.source.rate_hz:g} fps ±{recipe.source.rate_tolerance_percent:g} %; {moves}; give"
        " a source of that rate, or --rate-hz where the file's rate is not the true one, or"
        " --allow-rate-mismatch --keep-stepped to compute it all the same"
    )
