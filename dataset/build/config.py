"""What a build is asked for: one document, saved with what it made."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator

from bsd.document import Document, load_fields
from bsd.errors import UserMistake
from calibration.interpolation import Kernel
from calibration.mosaic import Demosaic
from dataset.build.preset import PRESETS, Preset, PresetName, Shape
from dataset.gate.limits import GateLimits

Product = Literal["rgb", "raw", "linear", "masks"]
PRODUCTS: tuple[Product, ...] = ("rgb", "raw", "linear", "masks")
Gain = Annotated[float, Field(gt=0, le=16)]
Side = Annotated[int, Field(ge=16, multiple_of=2)]


class BuildConfig(Document):
    """``build.yaml``.

    Attributes
    ----------
    preset
        Which of the papers' data sets: how many sequences of how many frames, name, size.
    size
        Width and height of a frame in px, even; None: the preset's.
    scale
        Published pixels per pixel of C1; at 1 C1 is cropped, not resampled.
    demosaic
        ``malvar`` or ``menon``.
    kernel
        Of the resampling of C2: ``keys`` or ``spline``.
    formats
        What is written beside RGB.
    splits
        Sequences × frames of each split per setting; None: the preset's.
    least_frames
        A clip with fewer neighbouring pairs is left out.
    gate_every
        Every how many frames of a scene the gates see an aligned pair.
    white_balance
        ``auto``: from each clip's own light (shades of grey, Finlayson & Trezzi 2004); or the
        gains of red, green and blue for all clips.
    gates
        Limits of the gates.
    """

    format: Literal["bsd-build"] = "bsd-build"
    format_version: int = 1
    preset: PresetName = "bsd"
    size: tuple[Side, Side] | None = None
    scale: float = Field(default=1.0, ge=0.1, le=1)
    demosaic: Demosaic = "malvar"
    kernel: Kernel = "keys"
    formats: tuple[Product, ...] = PRODUCTS
    splits: Shape | None = None
    least_frames: int = Field(default=10, ge=1)
    gate_every: int = Field(default=5, ge=1)
    white_balance: Literal["auto"] | tuple[Gain, Gain, Gain] = "auto"
    gates: GateLimits = GateLimits()

    @field_validator("formats")
    @classmethod
    def _has_rgb(cls, formats: tuple[Product, ...]) -> tuple[Product, ...]:
        if "rgb" not in formats:
            raise ValueError("rgb is always written: it is what a data set is read by; add it")
        return tuple(product for product in PRODUCTS if product in formats)

    @property
    def paper(self) -> Preset:
        """The preset itself."""
        return PRESETS[self.preset]

    @property
    def shape(self) -> Shape:
        """Sequences × frames of each split, per tree."""
        return self.splits or self.paper.shape

    @property
    def frame_size(self) -> tuple[int, int]:
        """Width and height of a published frame, px."""
        return self.size or self.paper.size

    @classmethod
    def of(
        cls,
        file: Path | None,
        *,
        preset: str | None = None,
        size: str | None = None,
        scale: float | None = None,
        formats: str | None = None,
        assignments: Iterable[str] = (),
    ) -> Self:
        """The file's fields, then the options', then the assignments of ``--set``.

        Raises
        ------
        UserMistake
            The file, an option or an assignment does not fit; it is named.
        """
        fields = {"format_version": 1} if file is None else load_fields(file)
        config = cls.from_fields(fields, "build" if file is None else str(file))
        typed: dict[str, object] = {}
        if preset is not None:
            if preset not in PRESETS:
                raise UserMistake(f"--preset {preset}: there are {', '.join(PRESETS)}")
            typed["preset"] = preset
        if size is not None:
            typed["size"] = parse_size(size)
        if scale is not None:
            typed["scale"] = scale
        if formats is not None:
            typed["formats"] = _products(formats)
        if typed:
            whole = config.model_dump(mode="json") | typed
            config = cls.from_fields(whole, ", ".join(f"--{name}" for name in typed))
        return config.override(assignments)


def parse_size(text: str) -> tuple[int, int]:
    """Width and height of ``640x480``; `UserMistake` for anything else."""
    width, sign, height = text.lower().replace("×", "x").partition("x")
    if not sign or not width.isdecimal() or not height.isdecimal():
        raise UserMistake(f"--size {text}: write width and height in pixels, e.g. 640x480")
    return int(width), int(height)


def _products(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in PRODUCTS:
            raise UserMistake(f"--formats {text}: '{name}' is none of {', '.join(PRODUCTS)}")
    return names if "rgb" in names else ["rgb", *names]
