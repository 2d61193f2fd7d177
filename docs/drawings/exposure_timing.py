"""Draws docs/images/exposure-timing.svg: lines, light and readout of one frame.

Run it as ``python docs/drawings/exposure_timing.py``; the same text each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from acquisition.exposure import CameraTiming, Plan, plan
from bsd.document import write_bytes
from bsd.setting import SETTINGS

TARGET = Path(__file__).resolve().parents[1] / "images" / "exposure-timing.svg"

WIDTH_PX, HEIGHT_PX = 860, 416
LEFT_PX, PX_PER_MS = 172, 19.6
LINE_PX = 26
LAST_NS = 34_200_000

DELAYS_US = {"blurry": (600, 1_700), "sharp": (400, 1_200)}
"""Rise and fall delays: much longer than real ones, or they could not be seen."""

STYLE = """
  text { font: 13px sans-serif; fill: #57606a }
  .strong { fill: #24292f; font-weight: 600 }
  .small { font-size: 11.5px }
  .line { fill: none; stroke: #57606a; stroke-width: 2 }
  .light { fill: #d9822b }
  .readout { fill: #8c959f; fill-opacity: 0.35 }
  .guide { stroke: #8c959f; stroke-width: 1; stroke-dasharray: 3 3 }
  .centre { stroke: #2f7ed8; stroke-width: 1.5 }
  .measure { stroke: #57606a; stroke-width: 1; fill: none }
  .blue { fill: #2f7ed8 }
  @media (prefers-color-scheme: dark) {
    text { fill: #a5adb8 } .strong { fill: #e6edf3 } .line, .measure { stroke: #a5adb8 }
    .centre { stroke: #62a8ff } .blue { fill: #62a8ff }
  }
"""


def planned() -> Plan:
    """The frame that is drawn: 2ms16ms at 30 fps with much exaggerated delays."""
    blurry, sharp = (
        CameraTiming(
            exposure="trigger_width",
            rise_delay_ns=1000 * rise_us,
            fall_delay_ns=1000 * fall_us,
            readout_us=9_300,
        )
        for rise_us, fall_us in DELAYS_US.values()
    )
    return plan(SETTINGS["2ms16ms"], 30, "centre", blurry, sharp)


def _x(time_ns: float) -> str:
    return f"{LEFT_PX + PX_PER_MS * time_ns / 1e6:.1f}"


def _text(x: str, y: int, words: str, kind: str = "", anchor: str = "middle") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" class="{kind}">{words}</text>'


def _pulse(y: int, rise_ns: int, fall_ns: int, next_ns: int | None) -> str:
    """A line that is high once, and again from `next_ns` on where that is in the picture."""
    top, rise, fall = y - LINE_PX, _x(rise_ns), _x(fall_ns)
    again = "" if next_ns is None else f"H{_x(next_ns)}V{top}"
    return (
        f'<path class="line" d="M{_x(-600_000)} {y}H{rise}V{top}H{fall}V{y}{again}H{_x(LAST_NS)}"/>'
    )


def _bar(y: int, begin_ns: float, end_ns: float, kind: str) -> str:
    width_px = PX_PER_MS * (end_ns - begin_ns) / 1e6
    return (
        f'<rect class="{kind}" x="{_x(begin_ns)}" y="{y - 20}" width="{width_px:.1f}" height="20"/>'
    )


def _measure(y: int, begin_ns: float, end_ns: float) -> str:
    begin, end = _x(begin_ns), _x(end_ns)
    ends = f"M{begin} {y - 4}V{y + 4}M{end} {y - 4}V{y + 4}"
    return f'<path class="measure" d="M{begin} {y}H{end}{ends}"/>'


def _guide(kind: str, time_ns: float, top: int, bottom: int) -> str:
    return f'<path class="{kind}" d="M{_x(time_ns)} {top}V{bottom}"/>'


def elements(made: Plan) -> Iterator[str]:
    """The figure's elements, from the bottom of the stack to its top."""
    program = made.program
    period_ns = program.shortest_period_ticks * program.tick_ns
    (rise1, fall1), (rise2, fall2) = program.edges_ns(1, 0), program.edges_ns(2, 0)
    readout_ns = 9_300_000
    yield _guide("guide", 0, 34, 366)
    yield _guide("guide", period_ns, 34, 366)
    yield _text(_x(0), 26, "frame begins")
    yield _text(_x(period_ns), 26, "next frame")
    label = str(LEFT_PX - 22)
    rows = (
        (96, "C1 line", "channel 1"),
        (154, "C1 light", "blurry"),
        (246, "C2 line", "channel 2"),
        (304, "C2 light", "sharp"),
    )
    for y, name, of in rows:
        yield _text(label, y - 10, name, "strong", "end")
        yield _text(label, y + 4, of, "small", "end")
    yield _pulse(96, rise1, fall1, period_ns)
    yield _text(_x((rise1 + fall1) / 2), 88, "W1", "strong")
    yield _bar(154, made.blurry.begin_ns, made.blurry.end_ns, "light")
    yield _bar(154, made.blurry.end_ns, made.blurry.end_ns + readout_ns, "readout")
    yield _text(_x(made.blurry.end_ns + readout_ns / 2), 149, "readout", "small")
    yield _pulse(246, rise2, fall2, None)
    yield _text(_x((rise2 + fall2) / 2), 238, "W2", "strong small")
    yield _measure(232, 0, rise2)
    yield _text(_x(rise2 / 2), 226, "D2 (D1 = 0)", "strong")
    yield _bar(304, made.sharp.begin_ns, made.sharp.end_ns, "light")
    yield _bar(304, made.sharp.end_ns, made.sharp.end_ns + readout_ns, "readout")
    yield _text(_x(made.sharp.end_ns + readout_ns / 2), 299, "readout", "small")
    yield from _delays(rise1, fall1, made)
    yield _guide("centre", made.blurry.centre_ns, 124, 322)
    yield _text(_x(made.blurry.centre_ns), 338, "both mid-exposures", "blue")
    yield _measure(358, 0, period_ns)
    yield _text(_x(period_ns / 2), 376, f"period, {period_ns / 1e6:.3f} ms at 30 fps")
    yield _text(
        str(WIDTH_PX // 2),
        404,
        "The delays are drawn much longer than those of real lines and sensors.",
        "small",
    )


def _delays(rise_ns: int, fall_ns: int, made: Plan) -> Iterator[str]:
    """From the edges of channel 1 to the begin and the end of the blurry light."""
    for edge_ns, light_ns, words in (
        (rise_ns, made.blurry.begin_ns, "r + s"),
        (fall_ns, made.blurry.end_ns, "f + e"),
    ):
        yield _guide("guide", edge_ns, 96, 172)
        yield _guide("guide", light_ns, 154, 172)
        yield _measure(168, edge_ns, light_ns)
        yield _text(_x(edge_ns + 200_000), 187, words, "small", "start")


def drawing() -> str:
    """The SVG's text."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH_PX} {HEIGHT_PX}"'
        f' width="{WIDTH_PX}" height="{HEIGHT_PX}" role="img">',
        "<title>Trigger lines, exposures and readout of one frame</title>",
        f"<style>{STYLE}</style>",
        *elements(planned()),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    write_bytes(TARGET, drawing().encode())
