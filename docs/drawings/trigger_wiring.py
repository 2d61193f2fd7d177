"""Wiring of the trigger controller to two cameras, with buffers or with opto-isolators.

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
NODE_X = 5.6  # where the pull-down hangs
CAMERA_LEFT = 18.6
SMALL = 11
GREY = "#555555"
BLURRY = ("D9", "C1 blurry")
SHARP = ("D10", "C2 sharp")

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
    place = (at[0], at[1] - 0.1)
    label = elm.Label().at(place).theta(0)
    drawing += label.label(words, halign=halign, valign="center", ofst=0)


def note(drawing: schemdraw.Drawing, at: Point, *lines: str) -> None:
    """Write small grey lines downwards from `at`."""
    for number, words in enumerate(lines):
        place = (at[0], at[1] - 0.1 - 0.6 * number)
        label = elm.Label().at(place).theta(0)  # else it turns with the element before it
        drawing += label.label(
            words, fontsize=SMALL, color=GREY, halign="left", valign="center", ofst=0
        )


def wire(drawing: schemdraw.Drawing, *points: Point) -> None:
    """Draw straight wires from point to point."""
    for start, end in pairwise(points):
        drawing += elm.Line().at(start).to(end)


def box(drawing: schemdraw.Drawing, left: float, top: float, right: float, bottom: float) -> None:
    """Draw a rectangle."""
    shape = elm.Rect(corner1=(left, bottom), corner2=(right, top), fill="#f4f4f4")
    drawing += shape.at((0, 0)).theta(0)  # else it turns with the element before it


def triangle(drawing: schemdraw.Drawing, at: Point, size: float) -> None:
    """Draw a buffer: a triangle whose input is `at` and whose output is `size` to the right."""
    x, y = at
    corners = [(x, y + size / 2), (x + size, y), (x, y - size / 2), (x, y + size / 2)]
    wire(drawing, *corners)


def controller(drawing: schemdraw.Drawing, rows: dict[str, float], bottom: float) -> None:
    """Draw the board; `rows` are its pins' heights."""
    box(drawing, 0, 1.4, BOARD_RIGHT, bottom)
    text(drawing, (0.3, 0.7), "Uno or Nano")
    note(drawing, (0.3, 0.1), "ATmega328P, 5 V", "Optiboot")
    for pin, height in rows.items():
        text(drawing, (BOARD_RIGHT - 0.25, height), pin, "right")


def pull_down(drawing: schemdraw.Drawing, height: float) -> None:
    """Hang 10 kOhm from the output's wire: low in reset and while the bootloader runs."""
    drawing += elm.Dot().at((NODE_X, height))
    drawing += elm.Resistor().at((NODE_X, height)).down().length(2).label("10 kΩ", loc="bottom")
    drawing += elm.Ground().at((NODE_X, height - 2))


def camera(drawing: schemdraw.Drawing, height: float, name: str, ground: float) -> None:
    """Draw a camera with its trigger input at `height` and the input's ground at `ground`."""
    box(drawing, CAMERA_LEFT, height + 1.3, CAMERA_LEFT + 3.9, ground - 0.6)
    text(drawing, (CAMERA_LEFT + 0.25, height + 0.75), name)
    text(drawing, (CAMERA_LEFT + 0.25, height), "trigger in")
    text(drawing, (CAMERA_LEFT + 0.25, ground), "its ground")


def gate(drawing: schemdraw.Drawing, height: float) -> None:
    """Draw the foot switch from D2 to ground; the chip pulls D2 up."""
    wire(drawing, (BOARD_RIGHT, height), (NODE_X, height))
    drawing += elm.Resistor().at((NODE_X, height)).right().length(2.4).label("1 kΩ")
    drawing += elm.Switch().at((NODE_X + 2.4, height)).right().length(2.4).label("foot switch")
    wire(drawing, (NODE_X + 4.8, height), (NODE_X + 5.4, height))
    drawing += elm.Ground().at((NODE_X + 5.4, height))
    note(drawing, (NODE_X + 6.3, height), "gate (optional): closed to ground = run")


def buffer_row(
    drawing: schemdraw.Drawing, height: float, names: tuple[str, str], pins: tuple[str, str, str]
) -> None:
    """Draw one output through a buffer gate; `pins` are its input, output and enable."""
    _, camera_name = names
    wire(drawing, (BOARD_RIGHT, height), (8.2, height))
    pull_down(drawing, height)
    triangle(drawing, (8.2, height), 1.4)
    note(drawing, (7.75, height + 0.35), pins[0])
    note(drawing, (9.75, height + 0.35), pins[1])
    wire(drawing, (8.9, height - 0.35), (8.9, height - 1.2))
    drawing += elm.Ground().at((8.9, height - 1.2))
    note(drawing, (9.2, height - 0.9), f"{pins[2]} (enable)")
    wire(drawing, (9.6, height), (11.4, height))
    drawing += elm.Resistor().at((11.4, height)).right().length(2.4).label("100 Ω")
    wire(drawing, (13.8, height), (CAMERA_LEFT, height))
    camera(drawing, height, camera_name, height - 2.2)
    wire(drawing, (CAMERA_LEFT, height - 2.2), (16.9, height - 2.2))
    drawing += elm.Ground().at((16.9, height - 2.2))


def shifter() -> schemdraw.Drawing:
    """Draw both outputs through a 74LVC125A (3.3 V) or 74AHCT125 (5 V)."""
    drawing = begin()
    rows = {"D9": -1.4, "D10": -6.2, "D2": -10.6, "GND": -12.4}
    controller(drawing, rows, -13.4)
    buffer_row(drawing, rows["D9"], BLURRY, ("2", "3", "1"))
    buffer_row(drawing, rows["D10"], SHARP, ("5", "6", "4"))
    gate(drawing, rows["D2"])
    wire(drawing, (BOARD_RIGHT, rows["GND"]), (NODE_X, rows["GND"]))
    drawing += elm.Ground().at((NODE_X, rows["GND"]))
    note(
        drawing,
        (NODE_X + 1.4, rows["GND"]),
        "buffer: 74LVC125A at 3.3 V for 3.3 V inputs, or 74AHCT125 at 5 V for 5 V inputs and for",
        "cameras' own opto-isolated inputs; pin 14 supply, pin 7 ground, 100 nF between them;",
        "unused gates: pins 9, 10, 12, 13 to ground. All grounds are one.",
    )
    return drawing


def isolator_row(drawing: schemdraw.Drawing, height: float, names: tuple[str, str]) -> None:
    """Draw one output through an opto-isolator with totem-pole output (HCPL-2201)."""
    _, camera_name = names
    low = height - 2.2
    wire(drawing, (BOARD_RIGHT, height), (6.6, height))
    pull_down(drawing, height)
    drawing += elm.Resistor().at((6.6, height)).right().length(2.4).label("820 Ω")
    box(drawing, 10.2, height + 1.3, 14.6, low - 0.6)
    text(drawing, (10.45, height + 0.8), "HCPL-2201")
    wire(drawing, (9.0, height), (11.3, height))
    drawing += elm.LED().at((11.3, height)).down().length(2.2)
    wire(drawing, (11.3, low), (9.3, low))
    drawing += elm.Ground().at((9.3, low))
    note(drawing, (9.75, height + 0.3), "2")
    note(drawing, (9.75, low + 0.3), "3")
    triangle(drawing, (12.7, height - 1.1), 1.0)
    right = 14.6
    wire(drawing, (right, height), (CAMERA_LEFT, height))
    wire(drawing, (right, low), (CAMERA_LEFT, low))
    note(drawing, (right + 0.15, height + 0.3), "7")
    note(drawing, (right + 0.15, low + 0.3), "5")
    wire(drawing, (right, height + 0.9), (15.8, height + 0.9), (15.8, height + 1.5))
    drawing += elm.Dot(open=True).at((15.8, height + 1.5))
    text(drawing, (16.05, height + 1.5), "5 V")
    note(drawing, (right + 0.15, height + 1.3), "8")
    camera(drawing, height, camera_name, low)


def isolators() -> schemdraw.Drawing:
    """Draw both outputs through opto-isolators; the cameras' grounds stay apart from ours."""
    drawing = begin()
    rows = {"D9": -1.4, "D10": -6.8, "D2": -11.2, "GND": -13.0}
    controller(drawing, rows, -14.0)
    isolator_row(drawing, rows["D9"], BLURRY)
    isolator_row(drawing, rows["D10"], SHARP)
    gate(drawing, rows["D2"])
    wire(drawing, (BOARD_RIGHT, rows["GND"]), (NODE_X, rows["GND"]))
    drawing += elm.Ground().at((NODE_X, rows["GND"]))
    note(
        drawing,
        (NODE_X + 1.4, rows["GND"]),
        "pin 8: 4.5 to 20 V from the camera's side, never from ours; 100 nF between pins 8 and 5.",
        "LED on (4 mA) = output high: idle is low, with the controller unplugged too.",
        "The ground of the cameras is not joined to the controller's.",
    )
    return drawing


DRAWINGS = {"trigger-wiring-buffers.svg": shifter, "trigger-wiring-isolators.svg": isolators}


def main() -> None:
    """Write every drawing into the folder of images."""
    for name, draw in DRAWINGS.items():
        (IMAGES / name).write_bytes(draw().get_imagedata("svg"))


if __name__ == "__main__":
    main()
