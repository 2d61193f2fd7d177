"""The optics of the rig: both layouts, focus behind glass, degrees of freedom of the mount.

Run it as ``python docs/drawings/rig_optics.py``; it writes three SVG files into ``docs/images``,
the same bytes each time. Numbers in the drawings are computed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bsd.document import write_bytes

IMAGES = Path(__file__).resolve().parents[1] / "images"

FOCAL_PX = 1600.0
PIXEL_UM = 3.45
F_NUMBER = 4.0
INDEX = 1.5168  # N-BK7 in yellow light
CORNER_PX = 400.0  # half of the diagonal of 640 x 480
DISTANCE_MM = 2000.0
ARM_MM = 40.0  # from the splitter's coating to the sensor
BUDGET_PX = 0.1

STYLE = """
  text { font: 13px "DejaVu Sans", Helvetica, Arial, sans-serif; fill: #24292f }
  .head { font-size: 16px; font-weight: 600 }
  .strong { font-weight: 600 }
  .small { font-size: 12px; fill: #57606a }
  .c1 { fill: #1f5fae } .c2 { fill: #a85a10 }
  .glass { fill: #cfe6f5; stroke: #57606a; stroke-width: 1.2 }
  .nd { fill: #6e7781; stroke: #24292f; stroke-width: 1.2 }
  .ir { fill: #bfe3c8; stroke: #57606a; stroke-width: 1.2 }
  .body { fill: #eef0f2; stroke: #57606a; stroke-width: 1.2 }
  .trap { fill: #24292f }
  .line { fill: none; stroke: #57606a; stroke-width: 1.2 }
  .axis { fill: none; stroke: #8c959f; stroke-width: 1; stroke-dasharray: 7 3 2 3 }
  .guide { fill: none; stroke: #8c959f; stroke-width: 1; stroke-dasharray: 3 3 }
  .light { fill: none; stroke: #e0a100; stroke-width: 1.4 }
  .coating { stroke: #24292f; stroke-width: 2.2 }
  .s1 { fill: none; stroke: #2f7ed8; stroke-width: 2.2 }
  .s2 { fill: none; stroke: #d9822b; stroke-width: 2.2 }
"""

Point = tuple[float, float]


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    """One line of writing; `y` is its base line."""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" class="{kind}">{words}</text>'


def rect(left: float, top: float, width: float, height: float, kind: str) -> str:
    """An upright rectangle."""
    return f'<rect x="{left:g}" y="{top:g}" width="{width:g}" height="{height:g}" class="{kind}"/>'


def path(kind: str, *points: Point) -> str:
    """Straight lines from point to point."""
    joined = "L".join(f"{x:.2f} {y:.2f}" for x, y in points)
    return f'<path class="{kind}" d="M{joined}"/>'


def arrow(kind: str, start: Point, end: Point, size: float = 6) -> Iterator[str]:
    """A line with a head at its end, along x or along y."""
    yield path(kind, start, end)
    (x, y), along = end, (end[0] - start[0], end[1] - start[1])
    if abs(along[0]) > abs(along[1]):
        back = x - size if along[0] > 0 else x + size
        yield path(kind, (back, y - size / 2), (x, y), (back, y + size / 2))
    else:
        back = y - size if along[1] > 0 else y + size
        yield path(kind, (x - size / 2, back), (x, y), (x + size / 2, back))


def lens(x: float, y: float, half: float, *, upright: bool = True) -> str:
    """A lens that light passes along x, or along y where it is not upright."""
    bulge = half * 0.45
    if upright:
        return (
            f'<path class="glass" d="M{x:g} {y - half:g}Q{x + bulge:g} {y:g} {x:g} {y + half:g}'
            f'Q{x - bulge:g} {y:g} {x:g} {y - half:g}Z"/>'
        )
    return (
        f'<path class="glass" d="M{x - half:g} {y:g}Q{x:g} {y + bulge:g} {x + half:g} {y:g}'
        f'Q{x:g} {y - bulge:g} {x - half:g} {y:g}Z"/>'
    )


def svg(width: int, height: int, title: str, elements: Iterator[str]) -> str:
    """The whole file, on white."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
            f' width="{width}" height="{height}" role="img">',
            f"<title>{title}</title>",
            f"<style>{STYLE}</style>",
            f'<rect width="{width}" height="{height}" fill="white"/>',
            *elements,
            "</svg>\n",
        ]
    )


def cube(x: float, y: float, side: float) -> Iterator[str]:
    """A splitter around (x, y) that turns light from the left upwards, and the trap below it."""
    half = side / 2
    yield rect(x - half, y - half, side, side, "glass")
    yield path("coating", (x - half, y + half), (x + half, y - half))
    yield rect(x - half - 4, y + half + 8, side + 8, 12, "trap")
    yield text(x, y + half + 38, "light trap", "small", "middle")


def cameras(x: float, y: float, first: float, second: float) -> Iterator[str]:
    """C1 to the right, its sensor at `first` from (x, y); C2 above, its sensor at `second`."""
    yield rect(x + first - 14, y - 36, 84, 72, "body")
    yield path("s1", (x + first, y - 22), (x + first, y + 22))
    yield text(x + first + 12, y - 4, "C1", "strong c1")
    yield text(x + first + 12, y + 14, "blurry", "small")
    yield rect(x - 36, y - second - 56, 72, 70, "body")
    yield path("s2", (x - 22, y - second), (x + 22, y - second))
    yield text(x, y - second - 32, "C2", "strong c2", "middle")
    yield text(x, y - second - 15, "sharp", "small", "middle")


def turned(start: Point, end: Point, centre: Point) -> tuple[Point, Point]:
    """Where the ray meets the coating through `centre`, and where it would end, turned upwards."""
    (x0, y0), (x1, y1), (cx, cy) = start, end, centre
    share = (cx + cy - x0 - y0) / ((x1 - x0) + (y1 - y0))
    hit = (x0 + share * (x1 - x0), y0 + share * (y1 - y0))
    return hit, (cx + cy - y1, cy - (x1 - cx))


def shared_lens(x: float, y: float) -> Iterator[str]:
    """One objective before the splitter; (x, y) is the splitter's middle."""
    arm = 170.0
    yield text(x - 225, 34, "shared_lens", "head")
    yield path("axis", (x - 225, y), (x + arm, y))
    yield path("axis", (x, y), (x, y - arm))
    yield rect(x - 168, y - 48, 6, 96, "ir")
    yield lens(x - 125, y, 46)
    yield from cube(x, y, 84)
    yield rect(x + 62, y - 34, 16, 68, "nd")
    yield rect(x - 34, y - 78, 68, 16, "glass")
    yield from cameras(x, y, arm, arm)
    for height in (-38.0, 38.0):
        start, end = (x - 125, y + height), (x + arm, y)
        hit, image = turned(start, end, (x, y))
        yield path("light", (x - 225, y + height), start, end)
        yield path("light", hit, image)
    yield text(x - 165, y - 60, "IR cut", "small", "middle")
    yield text(x - 125, y + 68, "objective", "small", "middle")
    yield text(x - 125, y + 84, "(long back focus)", "small", "middle")
    yield text(x + 60, y + 54, "ND 1/8", "small")
    yield text(x + 46, y - 78, "compensating plate,", "small")
    yield text(x + 46, y - 63, "as thick as the ND", "small")
    yield text(x + 46, y - arm - 22, "mirrored:", "small")
    yield text(x + 46, y - arm - 6, "flip: horizontal", "small")
    yield text(x - 225, y + 132, "One entrance pupil: no parallax.", "strong")
    yield text(x - 225, y + 151, "Glass in the converging light: only a cube, and a")
    yield text(x - 225, y + 168, "lens that leaves room for it. A sensor that moves")
    pixel = f"by {PIXEL_UM:g} µm moves the picture by a pixel."
    yield text(x - 225, y + 185, pixel)


def two_lenses(x: float, y: float) -> Iterator[str]:
    """A lens for each camera behind the splitter; (x, y) is the splitter's middle."""
    place, arm = 118.0, 200.0
    yield text(x - 150, 34, "two_lenses", "head")
    yield path("axis", (x - 150, y), (x + arm, y))
    yield path("axis", (x, y), (x, y - arm))
    yield rect(x - 78, y - 48, 6, 96, "ir")
    yield from cube(x, y, 84)
    yield rect(x + 66, y - 32, 12, 64, "nd")
    yield lens(x + place, y, 32)
    yield lens(x, y - place, 32, upright=False)
    yield from cameras(x, y, arm, arm)
    for height in (-24.0, 24.0):
        yield path("light", (x - 150, y + height), (x + place, y + height), (x + arm, y))
        turn = x - height
        yield path("light", (turn, y + height), (turn, y - place), (x, y - arm))
    yield text(x - 75, y - 60, "IR cut", "small", "middle")
    yield text(x + 60, y + 54, "ND 1/8", "small")
    yield text(x + place + 12, y - 42, "lens 1", "small", "middle")
    yield text(x + 42, y - place + 4, "lens 2", "small")
    yield text(x + 46, y - arm - 22, "mirrored:", "small")
    yield text(x + 46, y - arm - 6, "flip: horizontal", "small")
    yield text(x - 150, y + 132, "Two entrance pupils: parallax.", "strong")
    per_mm = FOCAL_PX / DISTANCE_MM
    yield text(x - 150, y + 151, "Both pupils equally far from the coating, on one axis:")
    yield text(x - 150, y + 168, f"1 mm beside it is {per_mm:g} px at 2 m. Plate or cube; the ND")
    yield text(x - 150, y + 185, "before the lens moves no focus, so no second plate.")


def layouts() -> str:
    """Both optics of rig.yaml side by side."""

    def elements() -> Iterator[str]:
        yield from shared_lens(255, 272)
        yield path("guide", (528, 20), (528, 470))
        yield from two_lenses(706, 272)
        yield text(20, 486, "Not to scale. The coating turns C2's view and mirrors it.", "small")

    return svg(1010, 498, "Optics of the rig: shared lens, and two lenses", elements())


def _cone(x: float, y: float, height: float, thickness: float) -> Iterator[str]:
    """Rays from (x, y ± height) that would meet 300 further on, through glass from 90 on."""
    slope = height / 300
    front, back = 90.0, 90.0 + thickness
    for side in (-1.0, 1.0):
        at_front = height - slope * front
        at_back = at_front - slope / INDEX * thickness  # Snell for small angles
        focus = back + at_back / slope
        yield path(
            "light",
            (x, y + side * height),
            (x + front, y + side * at_front),
            (x + back, y + side * at_back),
            (x + focus, y),
        )


def behind_glass() -> str:
    """How a filter moves the focus, and how a plate in the other arm brings it back."""
    thickness, x, cone = 120.0, 130.0, 46.0
    shift = thickness * (1 - 1 / INDEX)
    first, second = x + 300, x + 300 + shift
    per_mm = 1 - 1 / INDEX

    def row(y: float, name: str, of: str, glass: str | None, focus: float) -> Iterator[str]:
        kind = "1" if name == "C1" else "2"
        if glass is not None:
            yield rect(x + 90, y - 44, thickness, 88, glass)
        yield path("axis", (x - 10, y), (second + 40, y))
        yield from _cone(x, y, cone, 0.0 if glass is None else thickness)
        yield path("s" + kind, (focus, y - 26), (focus, y + 26))
        yield text(20, y - 2, name, f"strong c{kind}")
        yield text(20, y + 15, of, "small")

    def elements() -> Iterator[str]:
        for place in (first, second):
            yield path("guide", (place, 52), (place, 428))
        yield from row(106, "C2", "no glass", None, first)
        yield from row(226, "C1", "ND filter", "nd", second)
        yield from row(346, "C2", "plate", "glass", second)
        yield text((first + second) / 2, 42, "t (1 − 1/n)", "strong", "middle")
        yield path("line", (first, 50), (second, 50))
        yield from arrow("line", (x + 90, 284), (x + 90 + thickness, 284))
        yield from arrow("line", (x + 90 + thickness, 284), (x + 90, 284))
        yield text(x + 90 + thickness / 2, 299, "t", "strong", "middle")
        right = 540
        yield text(right, 96, "The two arms focus at different places:")
        yield text(right, 115, f"{per_mm:.2f} mm for each mm of glass, n = {INDEX:g}.")
        yield text(right, 216, "Inside the glass the rays run flatter and")
        yield text(right, 235, "come together later. Their angle after it is")
        yield text(right, 254, "the old one: size and scale stay.")
        yield text(right, 336, "With clear glass of the same thickness in")
        yield text(right, 355, "C2's arm both have the same focus and the")
        yield text(right, 374, "same aberrations.")
        yield text(20, 434, "Angles and thickness are drawn much larger than they are.", "small")

    return svg(880, 448, "Focus behind the filter and behind the compensating plate", elements())


def sensitivities() -> list[tuple[str, str, str]]:
    """(movement, what it costs with a shared lens, with two lenses), for a tenth of a pixel."""
    angle_urad = 1e6 * BUDGET_PX / FOCAL_PX
    shift_um = BUDGET_PX * PIXEL_UM
    roll_urad = 1e6 * BUDGET_PX / CORNER_PX
    pupil_mm = BUDGET_PX * DISTANCE_MM / FOCAL_PX
    along_mm = BUDGET_PX * DISTANCE_MM / CORNER_PX
    focus_um = F_NUMBER * PIXEL_UM  # a circle of light as wide as a pixel
    tilt_mrad = 1e3 * focus_um / (CORNER_PX * PIXEL_UM)
    splitter_urad = 1e3 * shift_um / (2 * ARM_MM)
    return [
        ("x, y: across", f"{shift_um:.3f} µm", f"{1e3 * pupil_mm:.0f} µm (parallax at 2 m)"),
        ("pan, tilt", f"1 px of blur: {tilt_mrad:.0f} mrad", f"{angle_urad:.1f} µrad"),
        ("roll", f"{roll_urad:.0f} µrad", f"{roll_urad:.0f} µrad"),
        ("z: along", f"1 px of blur: ±{focus_um:.1f} µm", f"{along_mm:.1f} mm (scale at 2 m)"),
        ("splitter tilts", f"{splitter_urad:.1f} µrad", f"{angle_urad / 2:.0f} µrad"),
    ]


def _tile(x: float, y: float, moved: str) -> str:
    """C2's frame as the overlay shows it over C1's."""
    frame = "M-34-24H34V24H-34Z"
    seen = {
        "x, y: across": ("translate(9 -6)", frame),
        "pan, tilt": ("translate(9 0)", "M-32-20L34-27V27L-32 20Z"),
        "roll": ("rotate(9)", frame),
        "z: along": ("scale(1.18)", frame),
        "splitter tilts": ("translate(12 0)", frame),
    }
    turn, outline = seen[moved]
    return (
        f'<g transform="translate({x:g} {y:g})"><path class="s1" d="{frame}"/>'
        f'<path class="s2" transform="{turn}" d="{outline}"/></g>'
    )


def _camera_with_axes(x: float, y: float) -> Iterator[str]:
    """A camera in oblique view with its axes."""
    yield rect(x - 48, y - 40, 96, 80, "body")
    yield f'<circle cx="{x:g}" cy="{y:g}" r="27" class="glass"/>'
    yield path("body", (x - 48, y - 40), (x - 14, y - 66), (x + 82, y - 66), (x + 48, y - 40))
    yield path("body", (x + 48, y - 40), (x + 82, y - 66), (x + 82, y + 14), (x + 48, y + 40))
    yield from arrow("s2", (x, y), (x + 122, y), 10)
    yield text(x + 128, y - 2, "x", "strong")
    yield text(x + 128, y + 15, "tilt about it", "small")
    yield from arrow("s2", (x, y), (x, y - 106), 10)
    yield text(x + 10, y - 104, "y", "strong")
    yield text(x + 10, y - 88, "pan about it", "small")
    end = (x - 88, y + 67)
    yield path("s2", (x, y), end)
    yield path("s2", (end[0] + 4, end[1] - 11), end, (end[0] + 12, end[1]))
    yield text(end[0] + 14, end[1] + 8, "z, the optical axis", "strong")
    yield text(end[0] + 14, end[1] + 25, "roll about it", "small")


def freedoms() -> str:
    """What each movement of C2 does to its picture, and how much of it is a tenth of a pixel."""

    def elements() -> Iterator[str]:
        yield text(20, 32, "Movements of C2 against C1", "head")
        yield from _camera_with_axes(136, 220)
        yield path("s1", (20, 358), (48, 358))
        yield text(56, 363, "C1's frame")
        yield path("s2", (150, 358), (178, 358))
        yield text(186, 363, "C2's, in the overlay")
        for line, words in enumerate(
            (
                f"f = {FOCAL_PX:g} px, pixels of {PIXEL_UM:g} µm, f/{F_NUMBER:g};",
                f"roll and z: {CORNER_PX:g} px from the middle;",
                f"splitter with a shared lens: {ARM_MM:g} mm",
                "from its coating to the sensor.",
            )
        ):
            yield text(20, 394 + 17 * line, words, "small")
        left = 356
        yield text(left + 110, 32, f"{BUDGET_PX:g} px is", "head")
        yield text(left + 110, 56, "shared_lens", "strong")
        yield text(left + 330, 56, "two_lenses", "strong")
        for row, (moved, shared, two) in enumerate(sensitivities()):
            y = 108 + 80 * row
            yield _tile(left + 40, y, moved)
            yield text(left + 110, y - 10, moved, "strong")
            yield text(left + 110, y + 12, shared)
            yield text(left + 330, y + 12, two)
            if row:
                yield path("guide", (left - 10, y - 40), (left + 520, y - 40))

    return svg(890, 470, "Degrees of freedom of the mount and what they cost", elements())


DRAWINGS = {
    "rig-optics-layouts.svg": layouts,
    "rig-optics-glass.svg": behind_glass,
    "rig-optics-mount.svg": freedoms,
}


def main() -> None:
    """Write every drawing into the folder of images."""
    for name, draw in DRAWINGS.items():
        write_bytes(IMAGES / name, draw().encode())


if __name__ == "__main__":
    main()
