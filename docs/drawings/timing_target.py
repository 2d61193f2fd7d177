"""The LED timing target: its circuit, and its face with the numbers of the LEDs.

Run without arguments it writes its SVG files into ``docs/images``. The same schemdraw version
gives the same bytes; a test runs it again and compares.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import schemdraw
import schemdraw.elements as elm

IMAGES = Path(__file__).resolve().parents[1] / "images"

BOARD_RIGHT = 4.0
CHIP_LEFT, CHIP_RIGHT = 10.6, 14.2
MATRIX_LEFT, MATRIX_RIGHT = 19.6, 25.4
PULL_UP_X = 5.7
SHARED = {"SRCLK": 6.6, "RCLK": 7.5, "OE": 8.4}
SMALL = 11
GREY = "#555555"
PAPER = "#f4f4f4"
RED = "#d62728"

Point = tuple[float, float]


def begin() -> schemdraw.Drawing:
    """Open an empty drawing on white, with text as text (searchable, no fonts inside)."""
    schemdraw.use("svg")
    schemdraw.svgconfig.text = "text"
    drawing = schemdraw.Drawing(show=False)
    drawing.config(fontsize=13, font="DejaVu Sans, Helvetica, Arial, sans-serif", bgcolor="white")
    return drawing


def text(drawing: schemdraw.Drawing, at: Point, words: str, halign: str = "left") -> None:
    """Write in the normal size, on the line of `at`."""
    label = elm.Label().at((at[0], at[1] - 0.1)).theta(0)
    drawing += label.label(words, halign=halign, valign="center", ofst=0)


def note(drawing: schemdraw.Drawing, at: Point, *lines: str, halign: str = "left") -> None:
    """Write small grey lines downwards from `at`."""
    for number, words in enumerate(lines):
        label = elm.Label().at((at[0], at[1] - 0.1 - 0.6 * number)).theta(0)
        drawing += label.label(
            words, fontsize=SMALL, color=GREY, halign=halign, valign="center", ofst=0
        )


def wire(drawing: schemdraw.Drawing, *points: Point) -> None:
    """Draw straight wires from point to point."""
    for start, end in pairwise(points):
        drawing += elm.Line().at(start).to(end)


def box(drawing: schemdraw.Drawing, left: float, top: float, right: float, bottom: float) -> None:
    """Draw a rectangle."""
    shape = elm.Rect(corner1=(left, bottom), corner2=(right, top), fill=PAPER)
    drawing += shape.at((0, 0)).theta(0)  # else it turns with the element before it


def margin(drawing: schemdraw.Drawing, corner: Point) -> None:
    """Let the picture reach to `corner` (right, bottom): text alone does not widen it."""
    drawing += elm.Line(color="white").at(corner).to((corner[0], corner[1] + 0.01))


def supply(drawing: schemdraw.Drawing, at: Point) -> None:
    """Draw the 5 V terminal."""
    drawing += elm.Dot(open=True).at(at)
    text(drawing, (at[0], at[1] + 0.6), "5 V", "center")


def ground(drawing: schemdraw.Drawing, at: Point) -> None:
    """Draw the ground's sign."""
    drawing += elm.Ground().at(at).theta(0)


def eight(drawing: schemdraw.Drawing, at: Point) -> None:
    """Mark a wire as eight wires."""
    x, y = at
    wire(drawing, (x - 0.15, y - 0.3), (x + 0.15, y + 0.3))
    note(drawing, (x, y + 0.65), "8", halign="center")


def controller(drawing: schemdraw.Drawing, rows: dict[str, float], bottom: float) -> None:
    """Draw the board; `rows` are its pins' heights."""
    box(drawing, 0, 2.6, BOARD_RIGHT, bottom)
    text(drawing, (0.3, 1.9), "Nano or Uno")
    note(drawing, (0.3, 1.3), "ATmega328P, 5 V,", "16 MHz crystal")
    for pin, height in rows.items():
        text(drawing, (BOARD_RIGHT - 0.25, height), pin, "right")


def register(drawing: schemdraw.Drawing, top: float, name: str, what: str) -> dict[str, float]:
    """Draw a 74HC595; returns the heights of its pins, `Q` being all eight outputs."""
    box(drawing, CHIP_LEFT, top, CHIP_RIGHT, top - 5.6)
    text(drawing, (CHIP_LEFT + 1.75, top - 3.9), name)
    note(drawing, (CHIP_LEFT + 1.75, top - 4.5), "74HC595", what)
    pins = {"SER": "14", "SRCLK": "11", "RCLK": "12", "OE": "13", "QH'": "9"}
    heights = {pin: top - 0.8 - 1.0 * row for row, pin in enumerate(pins)}
    for pin, number in pins.items():
        shown = "/OE" if pin == "OE" else pin
        text(drawing, (CHIP_LEFT + 0.2, heights[pin]), shown)
        note(drawing, (CHIP_LEFT - 0.15, heights[pin] + 0.32), number, halign="right")
    heights["Q"] = heights["RCLK"]
    text(drawing, (CHIP_RIGHT - 0.2, heights["Q"]), "QA–QH", "right")
    for pin, x in SHARED.items():
        wire(drawing, (x, heights[pin]), (CHIP_LEFT, heights[pin]))
        drawing += elm.Dot().at((x, heights[pin]))
    return heights


def shared_lines(
    drawing: schemdraw.Drawing, rows: dict[str, float], tops: dict[str, float], low: float
) -> None:
    """Draw the three lines that all registers have in common, from the board to the last one."""
    for (pin, x), board_pin in zip(SHARED.items(), ("D13", "D9", "D8"), strict=True):
        wire(drawing, (BOARD_RIGHT, rows[board_pin]), (x, rows[board_pin]))
        wire(drawing, (x, max(rows[board_pin], tops[pin])), (x, low + tops[pin]))
    height = rows["D8"]
    drawing += elm.Dot().at((PULL_UP_X, height))
    drawing += elm.Resistor().at((PULL_UP_X, height)).down().length(2).label("10 kΩ", loc="top")
    wire(drawing, (PULL_UP_X, height - 2), (PULL_UP_X, height - 2.1))
    drawing += elm.Dot(open=True).at((PULL_UP_X, height - 2.1))
    text(drawing, (PULL_UP_X, height - 2.7), "5 V", "center")


def matrix(drawing: schemdraw.Drawing, columns: float, rows: float) -> None:
    """Draw the matrix with one of its LEDs between a column (upper wire) and a row."""
    box(drawing, MATRIX_LEFT, columns + 1.5, MATRIX_RIGHT, rows - 1.5)
    wire(drawing, (CHIP_RIGHT, columns), (15.6, columns))
    eight(drawing, (15.0, columns))
    drawing += elm.Resistor().at((15.6, columns)).right().length(2.8).label("8 × 270 Ω")
    middle = MATRIX_LEFT + 1.6
    wire(drawing, (18.4, columns), (middle, columns), (middle, columns - 1.6))
    drawing += elm.LED().at((middle, columns - 1.6)).down().length(2.4)
    wire(drawing, (middle, columns - 4.0), (middle, rows), (CHIP_RIGHT, rows))
    eight(drawing, (15.0, rows))
    text(drawing, (middle + 0.4, columns), "columns C0–C7")
    note(drawing, (middle + 0.4, columns - 0.6), "anodes, high = on")
    text(drawing, (middle + 1.2, columns - 2.5), "8 × 8 LEDs")
    note(drawing, (middle + 1.2, columns - 3.1), "one of 64 drawn")
    text(drawing, (middle + 0.4, rows), "rows R0–R7")
    note(drawing, (middle + 0.4, rows - 0.6), "cathodes, low = on")


def counter(drawing: schemdraw.Drawing, height: float) -> None:
    """Draw the round's bits."""
    wire(drawing, (CHIP_RIGHT, height), (15.6, height))
    eight(drawing, (15.0, height))
    drawing += elm.Resistor().at((15.6, height)).right().length(2.8).label("8 × 5.6 kΩ")
    drawing += elm.LED().at((18.4, height)).right().length(2.2)
    wire(drawing, (20.6, height), (21.2, height))
    ground(drawing, (21.2, height))
    note(drawing, (22.0, height), "8 LEDs: bits 0 (QA)", "to 7 (QH), round number")


def reference(drawing: schemdraw.Drawing, height: float) -> None:
    """Draw the LEDs that are always lit."""
    supply(drawing, (15.3, height))
    drawing += elm.Resistor().at((15.3, height)).right().length(3.1).label("3 × 5.6 kΩ")
    drawing += elm.LED().at((18.4, height)).right().length(2.2)
    wire(drawing, (20.6, height), (21.2, height))
    ground(drawing, (21.2, height))
    note(drawing, (22.0, height), "3 reference LEDs,", "always lit")


def jumper(drawing: schemdraw.Drawing, height: float) -> None:
    """Draw the jumper from D2 to ground."""
    wire(drawing, (BOARD_RIGHT, height), (PULL_UP_X, height))
    drawing += elm.Switch().at((PULL_UP_X, height)).down().length(2.0)
    ground(drawing, (PULL_UP_X, height - 2.0))
    note(drawing, (PULL_UP_X - 0.5, height - 1.0), "JP1", halign="right")


def circuit() -> schemdraw.Drawing:
    """Draw the board, three shift registers, the matrix, the counter and the references."""
    drawing = begin()
    tops = (2.6, -4.4, -11.4)
    rows = {"D11": tops[0] - 0.8, "D13": tops[0] - 1.8, "D9": tops[0] - 2.8, "D8": tops[0] - 3.8}
    low = {"GND": -6.2, "D2": -8.2}
    controller(drawing, rows | low, -11.0)
    heights = [
        register(drawing, tops[0], "U1", "columns"),
        register(drawing, tops[1], "U2", "rows"),
        register(drawing, tops[2], "U3", "counter"),
    ]
    shared_lines(drawing, rows, heights[0], tops[2] - tops[0])
    wire(drawing, (BOARD_RIGHT, rows["D11"]), (CHIP_LEFT, heights[0]["SER"]))
    for upper, lower in pairwise(heights):
        x = 9.6
        wire(drawing, (CHIP_LEFT, upper["QH'"]), (x, upper["QH'"]), (x, lower["SER"]))
        wire(drawing, (x, lower["SER"]), (CHIP_LEFT, lower["SER"]))
    matrix(drawing, heights[0]["Q"], heights[1]["Q"])
    counter(drawing, heights[2]["Q"])
    reference(drawing, heights[2]["Q"] - 2.9)
    jumper(drawing, low["D2"])
    wire(drawing, (BOARD_RIGHT, low["GND"]), (4.6, low["GND"]))
    ground(drawing, (4.6, low["GND"]))
    note(
        drawing,
        (0, -12.4),
        "each 74HC595: pin 16 and",
        "10 (/SRCLR) to 5 V, pin 8",
        "to ground, 100 nF from 16",
        "to 8; QA is pin 15, QB to",
        "QH are pins 1 to 7.",
        "D10 and D12 stay free.",
        "JP1 closed: equalise.",
    )
    margin(drawing, (28.4, -17.2))
    return drawing


def lamp(drawing: schemdraw.Drawing, at: Point, words: str, fill: str, ink: str = "black") -> None:
    """Draw one LED of the face with its name."""
    drawing += elm.Dot(radius=0.42, open=True, fill=fill).at(at).theta(0).zorder(3)
    label = elm.Label().at((at[0] - 0.09, at[1] - 0.08)).theta(0)
    label = label.label(words, fontsize=10, color=ink, halign="center", valign="center", ofst=0)
    drawing += label.zorder(4)


def face() -> schemdraw.Drawing:
    """Draw the face, lit as in a picture of 3 ms that begins at 17.7 steps of round 13."""
    drawing = begin()
    drawing += elm.Rect(corner1=(-2.6, -12.6), corner2=(9.6, 1.8), fill=PAPER).at((0, 0)).theta(0)
    partly = {17: "#f3bcbc", 23: "#d93a3b"}
    for led in range(64):
        whole = 18 <= led <= 22
        fill = RED if whole else partly.get(led, "white")
        ink = "white" if whole or led == 23 else "black"
        lamp(drawing, (led % 8, -(led // 8) * 1.1), str(led), fill, ink)
    code = 13 ^ (13 >> 1)
    for bit in range(8):
        lit = code >> bit & 1
        fill, ink = (RED, "white") if lit else ("white", "black")
        lamp(drawing, (7 - bit, -10.3), f"b{bit}", fill, ink)
    for x, y in ((-1.6, 0.9), (8.6, 0.9), (-1.6, -11.7)):
        lamp(drawing, (x, y), "ref", RED, "white")
    note(drawing, (3.5, -11.35), "number of the round, Gray code", halign="center")
    note(drawing, (3.5, -8.9), "row = led // 8, column = led % 8", halign="center")
    note(
        drawing,
        (10.2, 0.6),
        "seen from the front",
        "",
        "Three corners have a reference LED; the",
        "fourth is empty, so that a mirrored or",
        "turned view is recognised.",
        "",
        "Lit here: a picture of 3 ms that begins at",
        "17.70 and ends at 23.95 steps of round 13.",
        "LED 17 has 30 % of a full step's light, 18 to",
        "22 have all of it, 23 has 95 %.",
        "Round 13 is 0000 1011 in Gray code.",
    )
    margin(drawing, (18.2, -12.6))
    return drawing


DRAWINGS = {"timing-target.svg": circuit, "timing-target-face.svg": face}


def main() -> None:
    """Write every drawing into the folder of images."""
    for name, draw in DRAWINGS.items():
        (IMAGES / name).write_bytes(draw().get_imagedata("svg"))


if __name__ == "__main__":
    main()
