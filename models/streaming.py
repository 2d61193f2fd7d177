"""A model run frame by frame: bounded state, the same bits as the whole sequence at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor

from models.errors import ModelMistake

State: TypeAlias = tuple[Tensor, ...]


@runtime_checkable
class Streamable(Protocol):
    """What a model offers so that it can be run frame by frame."""

    @property
    def past(self) -> int:
        """Frames before the restored one that an output needs."""

    @property
    def future(self) -> int:
        """Frames after the restored one that an output needs."""

    @property
    def multiple(self) -> int:
        """Height and width must be multiples of this, in px."""

    @property
    def needs_centre(self) -> bool:
        """Whether `restore` reads the centre frame itself."""

    def first_state(self, frame: Tensor) -> State:
        """State before the first frame."""

    def advance(self, frame: Tensor, state: State) -> tuple[Tensor, State]:
        """One frame and the state before it to its feature and the state after it."""

    def restore(self, features: Sequence[Tensor], centre: Tensor | None) -> Tensor:
        """P + 1 + F features in time order to the restored centre frame."""


class Stream:
    """One sequence running through a model, one frame at a time.

    Between two steps it holds P + F features, the model's state, and, where the model adds the
    centre frame, the last F frames. What happens at the ends of a sequence is the caller's
    choice: see `models.adaptor.restore_stream`. Steps record no gradients, so memory stays
    bounded.

    Parameters
    ----------
    model
        Any `Streamable`; its weights are used as they are at each step.
    """

    def __init__(self, model: Streamable) -> None:
        self._model = model
        self._features: deque[Tensor] = deque()
        self._frames: deque[Tensor] = deque()
        self._state: State | None = None
        self._shape: torch.Size | None = None

    @property
    def state_bytes(self) -> int:
        """Bytes held now, between two steps; constant once P + F frames have been seen."""
        held = (*self._features, *self._frames, *(self._state or ()))
        return sum(tensor.numel() * tensor.element_size() for tensor in held)

    def reset(self) -> None:
        """Forget the sequence; the next frame is the first of another."""
        self._features.clear()
        self._frames.clear()
        self._state = None
        self._shape = None

    @torch.no_grad()
    def step(self, frame: Tensor) -> Tensor | None:
        """Take frame t; give restored frame t - F, or None for the first P + F frames.

        Parameters
        ----------
        frame
            (N, 3, H, W), float, RGB in [-0.5, 0.5], H and W multiples of the model's `multiple`.

        Returns
        -------
        Tensor or None
            (N, 3, H, W), same scale, not clamped.

        Raises
        ------
        ModelMistake
            If the shape does not fit or changes within a sequence.
        """
        if self._state is None:
            self._begin(frame)
        if frame.shape != self._shape or self._state is None:
            raise ModelMistake(
                f"frame is {tuple(frame.shape)}, the sequence began with "
                f"{tuple(self._shape or ())}; call reset() before another sequence"
            )
        model = self._model
        feature, self._state = model.advance(frame, self._state)
        self._features.append(feature)
        if model.needs_centre:
            # A copy, because a caller may fill one buffer again and again.
            self._frames.append(frame.clone() if model.future else frame)
        if len(self._features) <= model.past + model.future:
            self._forget(self._frames, model.future)
            return None
        centre = self._frames[0] if model.needs_centre else None
        restored = model.restore(tuple(self._features), centre)
        self._features.popleft()
        self._forget(self._frames, model.future)
        return restored

    def _begin(self, frame: Tensor) -> None:
        multiple = self._model.multiple
        if frame.dim() != 4 or frame.shape[2] % multiple or frame.shape[3] % multiple:
            raise ModelMistake(
                f"frame is {tuple(frame.shape)}; give (N, 3, H, W) with H and W multiples of "
                f"{multiple} (models.adaptor.FrameAdaptor pads)"
            )
        self._shape = frame.shape
        self._state = self._model.first_state(frame)

    @staticmethod
    def _forget(ring: deque[Tensor], keep: int) -> None:
        while len(ring) > keep:
            ring.popleft()
