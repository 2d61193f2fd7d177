"""A recipe: how source frames become a blurry and a sharp frame, as a validated, versioned file.

The groups follow the light: source, window, response, average, quantise, bounds. Later recipes add
groups or members of a union; what stands here keeps its meaning.
"""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import Field, model_validator

from bsd.document import Document, Part
from bsd.errors import UserMistake
from dataset.sums import MOST_FRAMES, SumTable, code_value_table, response_table

RecipeName = Annotated[
    str, Field(max_length=40, pattern="^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9_-])?$")
]
"""Two of them make the default name of a dataset (see `dataset.description.DatasetName`)."""


class SourceRate(Part):
    """What a source must be.

    Attributes
    ----------
    rate_hz
        Its frame rate.
    rate_tolerance_percent
        How far the true rate may lie from it.
    """

    rate_hz: float = Field(gt=0)
    rate_tolerance_percent: float = Field(ge=0, lt=50)

    def accepts(self, rate_hz: float) -> bool:
        """Whether a source of `rate_hz` may be used."""
        return abs(rate_hz / self.rate_hz - 1) * 100 <= self.rate_tolerance_percent


class WindowRule(Part):
    """Which source frames make one output frame.

    Attributes
    ----------
    frames
        Source frames averaged.
    allowed_frames
        Lengths that the recipe knows; empty for any odd one.
    hop_frames
        Source frames from one window to the next. Neither this nor `output_rate_hz`: windows
        touch without overlap.
    output_rate_hz
        Rate of the output; the hop is the nearest whole number of source frames.
    sharp
        Which frame of the window is the sharp one.
    """

    frames: int = Field(ge=1, le=MOST_FRAMES)
    allowed_frames: tuple[int, ...] = ()
    hop_frames: int | None = Field(default=None, ge=1)
    output_rate_hz: float | None = Field(default=None, gt=0)
    sharp: Literal["middle"] = "middle"

    def hop(self, source_rate_hz: float) -> int:
        """Source frames from one window to the next, for a source of that rate."""
        if self.output_rate_hz is not None:
            return max(1, round(source_rate_hz / self.output_rate_hz))
        return self.frames if self.hop_frames is None else self.hop_frames


class Identity(Part):
    """Averages code values as they are."""

    kind: Literal["identity"] = "identity"

    def averaging_space(self) -> str:
        """In words, what is averaged."""
        return "code values"

    def sum_table(self, frames: int) -> SumTable:
        """The table that `dataset.blur` sums with."""
        return code_value_table(frames)


class Gamma(Part):
    """Averages ``x ** exponent`` (x: code value in 0..1) and goes back."""

    kind: Literal["gamma"] = "gamma"
    exponent: float = Field(ge=1, le=4)

    def averaging_space(self) -> str:
        """In words, what is averaged."""
        return f"linear light, taken as (code / 255) ** {self.exponent:g}"

    def linear(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Code values in 0..1 to linear light in 0..1, float64."""
        return x**self.exponent

    def sum_table(self, frames: int) -> SumTable:
        """The table that `dataset.blur` sums with."""
        return response_table(self.linear, frames)


ResponseRule = Annotated[Identity | Gamma, Field(discriminator="kind")]


class AverageRule(Part):
    """How the frames of a window are weighted: all alike."""

    weights: Literal["equal"] = "equal"


class QuantiseRule(Part):
    """How the average becomes a code value again."""

    bits: Literal[8] = 8
    rounding: Literal["half-up"] = "half-up"


class Bounds(Part):
    """What a sequence must keep to.

    Attributes
    ----------
    max_step_px
        Largest motion from one source frame to the next. Above it the blur is a row of copies.
    exposure_ratio
        Effective exposure over the sharp frame's exposure, at least; below it the sharp frame
        carries blur of its own and is marked ``long-sharp-shutter``. The rig's is 8.
    """

    max_step_px: float = Field(gt=0)
    exposure_ratio: float = Field(ge=1)


class Times(Part):
    """The times of a recipe on one source; None where the source's shutter is unknown.

    Attributes
    ----------
    source_rate_hz, output_rate_hz
        Frame rates.
    period_us
        From one source frame to the next.
    window_frames, hop_frames
        Source frames of a window, and to the next window.
    source_shutter_us
        Exposure of a source frame.
    effective_exposure_us
        ``(window_frames - 1) * period_us + source_shutter_us``: the blurry frame's.
    sharp_exposure_us
        The sharp frame's.
    centre_residual_us
        Centre of the sharp exposure minus centre of the blurry one.
    averaging_space
        In words, what is averaged.
    """

    source_rate_hz: float
    output_rate_hz: float
    period_us: float
    window_frames: int
    hop_frames: int
    source_shutter_us: float | None
    effective_exposure_us: float | None
    sharp_exposure_us: float | None
    centre_residual_us: float
    averaging_space: str

    def sentence(self) -> str:
        """All of it in one line for a person."""
        if self.effective_exposure_us is None or self.sharp_exposure_us is None:
            span_us = (self.window_frames - 1) * self.period_us
            exposures = f"shutter unknown, blurry {span_us:.1f} µs + shutter"
        else:
            exposures = (
                f"blurry {self.effective_exposure_us:.1f} µs, sharp {self.sharp_exposure_us:.1f} µs"
            )
        return (
            f"source {self.source_rate_hz:.4g} fps (period {self.period_us:.1f} µs),"
            f" {self.window_frames} frames every {self.hop_frames},"
            f" output {self.output_rate_hz:.4g} fps; {exposures};"
            f" centre residual {self.centre_residual_us:.1f} µs;"
            f" averaged in {self.averaging_space}"
        )


class Recipe(Document):
    """A file ``bsd-recipe``. Attributes are its groups; see the classes above."""

    format: Literal["bsd-recipe"] = "bsd-recipe"
    format_version: int = 1
    name: RecipeName
    variant: RecipeName
    about: str
    source: SourceRate
    window: WindowRule
    response: ResponseRule
    average: AverageRule = AverageRule()
    quantise: QuantiseRule = QuantiseRule()
    bounds: Bounds

    @property
    def title(self) -> str:
        """``name/variant``, as the manifest has it."""
        return f"{self.name}/{self.variant}"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        window = self.window
        if window.frames % 2 == 0:
            residual_us = 0.5e6 / self.source.rate_hz
            raise UserMistake(
                f"recipe {self.title}: window.frames={window.frames}: an even window has no"
                f" centre frame, the sharp frame would lie {residual_us:.0f} µs off the centre at"
                f" {self.source.rate_hz:g} fps; use an odd number"
            )
        if window.allowed_frames and window.frames not in window.allowed_frames:
            known = ", ".join(map(str, window.allowed_frames))
            raise UserMistake(
                f"recipe {self.title}: window.frames={window.frames}: this recipe has windows of"
                f" {known}; to leave it on purpose also set window.allowed_frames=[]"
            )
        if window.hop_frames is not None and window.output_rate_hz is not None:
            raise UserMistake(
                f"recipe {self.title}: window.hop_frames and window.output_rate_hz are both set;"
                " set one of them to null"
            )
        return self

    def times(self, source_rate_hz: float, shutter_us: float | None) -> Times:
        """The times on a source of that true rate and shutter (None: unknown)."""
        period_us = 1e6 / source_rate_hz
        frames = self.window.frames
        hop = self.window.hop(source_rate_hz)
        span_us = (frames - 1) * period_us
        return Times(
            source_rate_hz=source_rate_hz,
            output_rate_hz=source_rate_hz / hop,
            period_us=period_us,
            window_frames=frames,
            hop_frames=hop,
            source_shutter_us=shutter_us,
            effective_exposure_us=None if shutter_us is None else span_us + shutter_us,
            sharp_exposure_us=shutter_us,
            centre_residual_us=((frames // 2) - (frames - 1) / 2) * period_us,
            averaging_space=self.response.averaging_space(),
        )

    def sharp_is_long(self, times: Times) -> bool:
        """Whether the sharp exposure exceeds the effective exposure over `exposure_ratio`."""
        if times.sharp_exposure_us is None or times.effective_exposure_us is None:
            return False
        limit_us = times.effective_exposure_us / self.bounds.exposure_ratio
        return times.sharp_exposure_us > limit_us


def recipe_names() -> tuple[str, ...]:
    """Names of the recipes that come with the toolkit."""
    found = (entry.name for entry in _shipped().iterdir())
    return tuple(sorted(name[: -len(".yaml")] for name in found if name.endswith(".yaml")))


def load_recipe(name_or_path: str) -> Recipe:
    """Read a recipe by its name, or from a ``.yaml`` or ``.json`` file of one's own.

    Raises
    ------
    UserMistake
        Neither a known name nor a file, or a file that is not a valid recipe.
    """
    if name_or_path in recipe_names():
        text = (_shipped() / f"{name_or_path}.yaml").read_text(encoding="utf-8")
        return Recipe.from_fields(yaml.safe_load(text), f"recipe {name_or_path}")
    path = Path(name_or_path)
    if path.suffix in {".yaml", ".yml", ".json"}:
        return Recipe.read(path)
    raise UserMistake(
        f"recipe '{name_or_path}': unknown; known are {', '.join(recipe_names())},"
        " or give a .yaml file"
    )


def _shipped() -> Traversable:
    return resources.files("dataset.recipes")
