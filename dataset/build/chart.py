"""How strong the blur of both views is over a tree, as a chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

import numpy as np

_WIDTH: Final = 640
_HEIGHT: Final = 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 12, 40
_BINS: Final = 30
_COLOURS: Final = ("#b35806", "#2b6cb0")


def blur_histogram(blurs_px: Mapping[str, Sequence[float]]) -> str:
    """Histogram of blur lengths as an SVG file's text.

    Parameters
    ----------
    blurs_px
        Name → lengths in px; two names at most, each over all measured frames.
    """
    values = {name: np.asarray(each, dtype=np.float64) for name, each in blurs_px.items()}
    most = max((float(each.max()) for each in values.values() if each.size), default=1.0)
    top_px = max(1.0, float(np.ceil(most)))
    edges = np.linspace(0.0, top_px, _BINS + 1)
    counts = {name: np.histogram(each, edges)[0] for name, each in values.items()}
    highest = max((int(each.max()) for each in counts.values()), default=0) or 1
    parts = [_axes(top_px, highest)]
    wide = (_WIDTH - _LEFT - _RIGHT) / _BINS
    for place, (name, found) in enumerate(counts.items()):
        colour = _COLOURS[place % len(_COLOURS)]
        for number, count in enumerate(found):
            high = (_HEIGHT - _TOP - _BOTTOM) * int(count) / highest
            x = _LEFT + wide * (number + place / 2)
            parts.append(
                f'<rect x="{x:.1f}" y="{_HEIGHT - _BOTTOM - high:.1f}" width="{wide / 2:.1f}"'
                f' height="{high:.1f}" fill="{colour}"/>'
            )
        parts.append(
            f'<text x="{_WIDTH - _RIGHT}" y="{_TOP + 14 + 16 * place}" text-anchor="end"'
            f' font-size="12" fill="{colour}">{escape(name)}</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        f' font-family="sans-serif">{"".join(parts)}</svg>'
    )


def _axes(top_px: float, highest: int) -> str:
    floor = _HEIGHT - _BOTTOM
    line = f'<path d="M{_LEFT} {_TOP}V{floor}H{_WIDTH - _RIGHT}" fill="none" stroke="#888"/>'
    texts = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = _LEFT + share * (_WIDTH - _LEFT - _RIGHT)
        texts.append((x, floor + 16, "middle", f"{share * top_px:g}"))
    texts.append((_LEFT + (_WIDTH - _LEFT - _RIGHT) / 2, _HEIGHT - 6, "middle", "blur, px"))
    texts.append((_LEFT - 6, _TOP + 10, "end", str(highest)))
    texts.append((_LEFT - 6, floor, "end", "0"))
    return line + "".join(
        f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" font-size="12" fill="#666">{text}</text>'
        for x, y, anchor, text in texts
    )
