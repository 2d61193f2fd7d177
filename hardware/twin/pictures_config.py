"""What a layer of the scene shows: one group of fields per kind of picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from bsd.document import Part

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Rgb = tuple[float, float, float]

PHOTOGRAPHS = (
    "astronaut",
    "brick",
    "camera",
    "chelsea",
    "coffee",
    "coins",
    "grass",
    "gravel",
    "hubble_deep_field",
    "moon",
    "page",
    "rocket",
    "text",
)
"""Pictures that scikit-image carries inside its package, so that nothing is downloaded."""


class Photograph(Part):
    """A picture that scikit-image ships, decoded from sRGB to linear light."""

    kind: Literal["photograph"] = "photograph"
    name: str = "astronaut"
    width_mm: Positive = 500.0
    extent: Literal["once", "mirror"] = "once"
    outline: Literal["rectangle", "ellipse"] = "rectangle"

    @model_validator(mode="after")
    def _is_shipped(self) -> Photograph:
        if self.name not in PHOTOGRAPHS:
            raise ValueError(f"no photograph '{self.name}'; there are {', '.join(PHOTOGRAPHS)}")
        return self


class PictureFile(Part):
    """A picture of the user's own, 8 or 16 bit, with or without alpha.

    Attributes
    ----------
    path
        From the folder of the file that names it, or from the present one where ``--set`` does.
    """

    kind: Literal["file"] = "file"
    path: Annotated[str, Field(min_length=1)]
    encoding: Literal["srgb", "linear"] = "srgb"
    width_mm: Positive = 500.0
    extent: Literal["once", "mirror"] = "once"
    outline: Literal["rectangle", "ellipse"] = "rectangle"

    def beside(self, folder: Path) -> PictureFile:
        """The same picture with a path that holds in every folder."""
        return self.model_copy(update={"path": str((folder / self.path).absolute())})


class Noise(Part):
    """A coloured random texture with the 1/f amplitude of natural pictures."""

    kind: Literal["noise"] = "noise"
    size_px: Annotated[int, Field(ge=16, le=4096)] = 512
    width_mm: Positive = 500.0
    extent: Literal["once", "mirror"] = "mirror"
    outline: Literal["rectangle", "ellipse"] = "rectangle"


class Flat(Part):
    """One reflectance in every direction: an integrating sphere, or the sky."""

    kind: Literal["flat"] = "flat"
    reflectance: Rgb = (0.5, 0.5, 0.5)


class Chessboard(Part):
    """Squares, dark at the upper left, on a light margin one square wide."""

    kind: Literal["chessboard"] = "chessboard"
    columns: Annotated[int, Field(ge=2, le=64)] = 10
    rows: Annotated[int, Field(ge=2, le=64)] = 7
    square_mm: Positive = 60.0
    dark: Share = 0.04
    light: Share = 0.85


class Charuco(Part):
    """A ChArUco board of OpenCV's current layout (dark square at the upper left)."""

    kind: Literal["charuco"] = "charuco"
    columns: Annotated[int, Field(ge=3, le=32)] = 9
    rows: Annotated[int, Field(ge=3, le=32)] = 7
    square_mm: Positive = 60.0
    marker_share: Annotated[float, Field(gt=0.2, lt=1)] = 0.75
    dictionary: str = "DICT_5X5_100"
    dark: Share = 0.04
    light: Share = 0.85


class Chart(Part):
    """Twenty-four patches (6 × 4) of stated linear reflectance; see `hardware.twin.targets`."""

    kind: Literal["chart"] = "chart"
    patch_mm: Positive = 120.0
    gap_share: Annotated[float, Field(ge=0, lt=0.5)] = 0.12


class Dots(Part):
    """A grid of round light dots on a dark ground; one dot is a grid of one."""

    kind: Literal["dots"] = "dots"
    columns: Annotated[int, Field(ge=1, le=128)] = 9
    rows: Annotated[int, Field(ge=1, le=128)] = 7
    pitch_mm: Positive = 50.0
    diameter_mm: Positive = 12.0
    dark: Share = 0.0
    light: Share = 0.9


class LedBar(Part):
    """The LED-bar timing target: 8 × 8 LEDs in turn and a row of eight that count rounds.

    Attributes
    ----------
    radiance
        Of a lit LED, in the unit in which a white surface under the scene's light has 1.
    clock_ppm, offset_us
        Its clock runs free: its time = (world time) × (1 + ppm/1e6) + offset.
    """

    kind: Literal["led_bar"] = "led_bar"
    pitch_mm: Positive = 20.0
    diameter_mm: Positive = 8.0
    board: Share = 0.02
    radiance: Annotated[float, Field(ge=0)] = 3.0
    equalise: bool = False
    clock_ppm: Annotated[float, Field(ge=-10_000, le=10_000)] = 0.0
    offset_us: float = 0.0


Picture = Annotated[
    Photograph | PictureFile | Noise | Flat | Chessboard | Charuco | Chart | Dots | LedBar,
    Field(discriminator="kind"),
]
