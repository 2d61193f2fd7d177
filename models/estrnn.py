"""ESTRNN, the efficient spatio-temporal recurrent network (Zhong et al., ECCV 2020; IJCV 2022).

Attribute names follow the layout of published checkpoints, so a state dict's keys are theirs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from models.errors import ModelMistake
from models.registry import register
from models.streaming import State

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "gelu": nn.GELU,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}
SKIPS = ("none", "centre")
DENSE_LAYERS = 3
LIMITS = {"blocks": (1, 1000), "channels": (5, 5000), "future": (0, 100), "past": (0, 100)}
"""Least and most of each size: a model's file must not be able to ask for all memory there is."""


@dataclass(frozen=True)
class EstrnnConfig:
    """Everything that fixes the shape of an ESTRNN. Defaults are the papers' B9C80, F2P2.

    Parameters
    ----------
    blocks
        B, residual dense blocks in the cell, at least 1.
    channels
        C = 5n, width of a frame's feature at a quarter of the size; a multiple of 5.
    future, past
        F and P, frames after and before the restored one; together at least 1.
    activation
        One of `ACTIVATIONS`. Released checkpoints use ``gelu``; the paper's text says ReLU.
    skip
        ``none`` is the papers' form. ``centre`` is ours: the blurry centre frame is added to the
        output, so the network learns the difference.
    zero_last
        Start the last convolution at zero. With ``skip="centre"`` an untrained network then
        returns its input.
    """

    blocks: int = 9
    channels: int = 80
    future: int = 2
    past: int = 2
    activation: str = "gelu"
    skip: str = "none"
    zero_last: bool = False

    def __post_init__(self) -> None:
        for field, (least, most) in LIMITS.items():
            value = getattr(self, field)
            if type(value) is not int or not least <= value <= most:
                raise ModelMistake(
                    f"estrnn: {field} is {value!r}; give a whole number from {least} to {most}"
                )
        if self.channels % 5:
            raise ModelMistake(
                f"estrnn: channels is {self.channels}; a feature has five parts, "
                f"give a multiple of 5, for example {self.channels // 5 * 5 + 5}"
            )
        if self.past + self.future == 0:
            raise ModelMistake("estrnn: past and future are both 0; give at least one neighbour")
        for field, known in (("activation", tuple(ACTIVATIONS)), ("skip", SKIPS)):
            value = getattr(self, field)
            if value not in known:
                raise ModelMistake(f"estrnn: {field} is {value!r}; give one of {', '.join(known)}")
        if type(self.zero_last) is not bool:
            raise ModelMistake(f"estrnn: zero_last is {self.zero_last!r}; give true or false")

    @property
    def width(self) -> int:
        """n, a fifth of the channels."""
        return self.channels // 5

    @property
    def window(self) -> int:
        """K = F + P + 1, frames that one output looks at."""
        return self.future + self.past + 1

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EstrnnConfig:
        """Read a plain mapping; fields left out take defaults, unknown ones are refused."""
        known = [field.name for field in dataclasses.fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ModelMistake(
                f"estrnn: no field is called '{unknown[0]}'; known are {', '.join(known)}"
            )
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Every field as a plain value, ready for JSON or YAML."""
        return dataclasses.asdict(self)


class DenseLayer(nn.Module):
    """A 3x3 convolution whose activated output is appended to its input."""

    def __init__(self, channels: int, growth: int, activation: str) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, growth, 3, padding=1)
        self.act = ACTIVATIONS[activation]()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, c, h, w) to (N, c + growth, h, w), old channels first."""
        return torch.cat((x, self.act(self.conv(x))), dim=1)


class ResidualDenseBlock(nn.Module):
    """Dense layers, a 1x1 convolution back to the input's width, and the input added."""

    def __init__(self, channels: int, growth: int, activation: str) -> None:
        super().__init__()
        self.dense_layers = nn.Sequential(
            *(DenseLayer(channels + i * growth, growth, activation) for i in range(DENSE_LAYERS))
        )
        self.conv1x1 = nn.Conv2d(channels + DENSE_LAYERS * growth, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, c, h, w) to the same shape."""
        return cast(Tensor, self.conv1x1(self.dense_layers(x)) + x)


class DownStage(nn.Module):
    """A residual dense block, then a convolution that halves the size and doubles the width."""

    def __init__(self, channels: int, growth: int, activation: str) -> None:
        super().__init__()
        self.rdb = ResidualDenseBlock(channels, growth, activation)
        self.down_sampling = nn.Conv2d(channels, 2 * channels, 5, stride=2, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, c, h, w) to (N, 2c, h/2, w/2)."""
        return cast(Tensor, self.down_sampling(self.rdb(x)))


class DenseChain(nn.Module):
    """Residual dense blocks in series, all their outputs fused by a 1x1 and a 3x3 convolution."""

    def __init__(self, blocks: int, channels: int, growth: int, activation: str) -> None:
        super().__init__()
        self.RDBs = nn.ModuleList(
            ResidualDenseBlock(channels, growth, activation) for _ in range(blocks)
        )
        self.conv1x1 = nn.Conv2d(blocks * channels, channels, 1)
        self.conv3x3 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, c, h, w) to the same shape."""
        outputs = []
        for block in self.RDBs:
            x = block(x)
            outputs.append(x)
        return cast(Tensor, self.conv3x3(self.conv1x1(torch.cat(outputs, dim=1))))


class Cell(nn.Module):
    """One recurrent step: a frame and the last state to a feature and the next state."""

    def __init__(self, config: EstrnnConfig) -> None:
        super().__init__()
        n, act = config.width, config.activation
        self.F_B0 = nn.Conv2d(3, n, 5, padding=2)
        self.F_B1 = DownStage(n, n, act)
        self.F_B2 = DownStage(2 * n, int(1.5 * n), act)
        self.F_R = DenseChain(config.blocks, 5 * n, 2 * n, act)
        self.F_h = nn.Sequential(
            nn.Conv2d(5 * n, n, 3, padding=1),
            ResidualDenseBlock(n, n, act),
            nn.Conv2d(n, n, 3, padding=1),
        )

    def forward(self, frame: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Map (N, 3, H, W) and (N, n, H/4, W/4) to (N, 5n, H/4, W/4) and the next state."""
        encoded = self.F_B2(self.F_B1(self.F_B0(frame)))
        feature = self.F_R(torch.cat((encoded, state), dim=1))
        return feature, self.F_h(feature)


class SpatioTemporalAttention(nn.Module):
    """GSA: each neighbour's feature, weighted by channel beside the centre's, then all fused."""

    def __init__(self, config: EstrnnConfig) -> None:
        super().__init__()
        n, fused = config.width, config.window * 5 * config.width
        self.past = config.past
        self.F_f = nn.Sequential(
            nn.Linear(10 * n, 20 * n),
            ACTIVATIONS[config.activation](),
            nn.Linear(20 * n, 10 * n),
            nn.Sigmoid(),
        )
        self.F_p = nn.Sequential(nn.Conv2d(10 * n, 20 * n, 1), nn.Conv2d(20 * n, 10 * n, 1))
        self.condense = nn.Conv2d(10 * n, 5 * n, 1)
        self.fusion = nn.Conv2d(fused, fused, 1)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Fuse K features (N, 5n, h, w) in time order to (N, K 5n, h, w); the centre is last."""
        centre = features[self.past]
        parts = []
        for i, neighbour in enumerate(features):
            if i != self.past:
                pair = torch.cat((centre, neighbour), dim=1)
                weight = self.F_f(pair.mean(dim=(2, 3)))[:, :, None, None]
                parts.append(self.condense(weight * self.F_p(pair)))
        return cast(Tensor, self.fusion(torch.cat((*parts, centre), dim=1)))


class Reconstructor(nn.Module):
    """Two transposed convolutions to full size and a 5x5 convolution to RGB; all linear."""

    def __init__(self, config: EstrnnConfig) -> None:
        super().__init__()
        n, fused = config.width, config.window * 5 * config.width
        self.model = nn.Sequential(
            nn.ConvTranspose2d(fused, 2 * n, 3, stride=2, padding=1, output_padding=1),
            nn.ConvTranspose2d(2 * n, n, 3, stride=2, padding=1, output_padding=1),
            nn.Conv2d(n, 3, 5, padding=2),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, K 5n, h, w) to (N, 3, 4h, 4w)."""
        return cast(Tensor, self.model(x))


class Estrnn(nn.Module):
    """ESTRNN of any B, C, F and P; RGB frames in [-0.5, 0.5], H and W multiples of 4.

    The whole-sequence `forward` is built from `first_state`, `advance` and `restore`, the three
    calls that `models.streaming.Stream` makes, so the two agree bit for bit.
    """

    multiple = 4

    def __init__(self, config: EstrnnConfig) -> None:
        super().__init__()
        self.config = config
        self.cell = Cell(config)
        self.fusion = SpatioTemporalAttention(config)
        self.recons = Reconstructor(config)
        if config.zero_last:
            last = cast(nn.Conv2d, self.recons.model[2])
            nn.init.zeros_(last.weight)
            nn.init.zeros_(cast(Tensor, last.bias))

    @property
    def past(self) -> int:
        """Frames before the restored one."""
        return self.config.past

    @property
    def future(self) -> int:
        """Frames after the restored one: the latency of the streaming form, in frames."""
        return self.config.future

    @property
    def needs_centre(self) -> bool:
        """Whether `restore` reads the centre frame."""
        return self.config.skip == "centre"

    def first_state(self, frame: Tensor) -> State:
        """Zeros (N, n, H/4, W/4) for frames like this one (N, 3, H, W)."""
        batch, _, height, width = frame.shape
        return (frame.new_zeros(batch, self.config.width, height // 4, width // 4),)

    def advance(self, frame: Tensor, state: State) -> tuple[Tensor, State]:
        """Run the cell on one frame (N, 3, H, W): its feature (N, 5n, H/4, W/4), next state."""
        feature, hidden = self.cell(frame, state[0])
        return feature, (hidden,)

    def restore(self, features: Sequence[Tensor], centre: Tensor | None) -> Tensor:
        """Restore the frame at index P of K features; `centre` is read with skip only."""
        restored = cast(Tensor, self.recons(self.fusion(features)))
        if not self.needs_centre:
            return restored
        if centre is None:
            raise ModelMistake("estrnn: skip is 'centre'; restore needs the centre frame")
        return restored + centre

    def forward(self, x: Tensor) -> Tensor:
        """Restore a sequence from zero state.

        Parameters
        ----------
        x
            (N, T, 3, H, W), float, RGB in [-0.5, 0.5]; T at least F + P + 1.

        Returns
        -------
        Tensor
            (N, T - F - P, 3, H, W), same scale, not clamped: frames P to T - 1 - F.

        Raises
        ------
        ModelMistake
            If the shape does not fit.
        """
        self._check(x)
        window, past = self.config.window, self.config.past
        state = self.first_state(x[:, 0])
        features = []
        for frame in x.unbind(dim=1):
            feature, state = self.advance(frame, state)
            features.append(feature)
        restored = [
            self.restore(features[i : i + window], x[:, i + past] if self.needs_centre else None)
            for i in range(len(features) - window + 1)
        ]
        return torch.stack(restored, dim=1)

    def _check(self, x: Tensor) -> None:
        if x.dim() != 5 or x.shape[2] != 3:
            raise ModelMistake(f"estrnn: input is {tuple(x.shape)}; give (N, T, 3, H, W)")
        if x.shape[1] < self.config.window:
            raise ModelMistake(
                f"estrnn: {x.shape[1]} frames; past {self.past} and future {self.future} "
                f"need at least {self.config.window}"
            )
        if x.shape[3] % 4 or x.shape[4] % 4:
            raise ModelMistake(
                f"estrnn: frames of {x.shape[3]}x{x.shape[4]}; pad height and width to multiples "
                "of 4 (models.adaptor.FrameAdaptor does)"
            )


@register("estrnn")
def build(config: Mapping[str, Any]) -> nn.Module:
    """Build an `Estrnn` from plain fields of `EstrnnConfig`."""
    return Estrnn(EstrnnConfig.from_dict(config))
