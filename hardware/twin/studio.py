"""What the cameras stand before, as it is now: the world, its renderer, faults of the optics."""

from __future__ import annotations

import math
from typing import Any, Final

from bsd.document import parse_assignment
from bsd.errors import UserMistake
from hardware.twin.faults_config import (
    AlignmentDrift,
    Defocus,
    DirtySplitter,
    Flicker,
    OpticalFault,
    WrongNd,
)
from hardware.twin.presets import SCENES
from hardware.twin.renderer import Renderer
from hardware.twin.world_config import MotionConfig, SceneConfig, WorldConfig

_CHANGEABLE: Final = ("scene", "light", "rig_motion", "optics")
_SAME_TAKE_NS: Final = 1_000_000_000
"""First exposures of both cameras lie closer together."""

_MOST_TIME_CONSTANTS: Final = 20.0
"""Beyond, the exponential that a late drift is written as loses its digits."""


class Studio:
    """The world and its renderer; a fault of the optics makes a new pair of both.

    Parameters
    ----------
    world
        How it begins.
    threads
        Of the renderer, for one picture.
    """

    def __init__(self, world: WorldConfig, *, threads: int) -> None:
        self._threads = threads
        self._moves: tuple[float, float] | None = None
        self._anchor_ns: int | None = None
        self.renderer = Renderer(world, threads=threads)

    @property
    def world(self) -> WorldConfig:
        """As it is now."""
        return self.renderer.world

    def apply(self, fault: OpticalFault, time_ns: int) -> None:
        """Change the optics for what is exposed from now on.

        Raises
        ------
        UserMistake
            The fault does not fit this world.
        """
        self._set(changed(self.world, fault, time_ns))

    def exposed(self, number: int, begin_ns: int) -> Renderer:
        """The renderer for an exposure.

        Parameters
        ----------
        number
            In its acquisition: where the motion follows the acquisitions, 0 begins it anew.
        begin_ns
            Of the exposure.
        """
        if self._moves is not None and number == 0:
            before = self._anchor_ns
            if before is None or abs(begin_ns - before) > _SAME_TAKE_NS:  # the other camera's first
                self._anchor_ns = begin_ns
                self._set(_moving(self.world, *(begin_ns * 1e-9 + at for at in self._moves)))
        return self.renderer

    def rearrange(
        self,
        scene: str | None,
        assignments: list[str],
        moves: tuple[float, float] | None = None,
    ) -> None:
        """Put something else before the cameras, for what is exposed from now on.

        Parameters
        ----------
        scene
            One of the ready scenes; None leaves it as it is.
        assignments
            ``FIELD=VALUE`` in `scene`, `light`, `rig_motion` or `optics`, afterwards.
        moves
            Seconds after the first exposure of each acquisition between which all motion takes
            place, so that what is before and behind stands still; None: as the world says.

        Raises
        ------
        UserMistake
            No such scene or field, or a field of a camera, which cannot change while it runs.
        """
        for assignment in assignments:
            if parse_assignment(assignment)[0].split(".")[0] not in _CHANGEABLE:
                raise UserMistake(
                    f"--set {assignment}: of a rig that runs only {', '.join(_CHANGEABLE)} change"
                )
        self._set(with_scene(self.world, scene).override(assignments))
        self._moves, self._anchor_ns = moves, None

    def _set(self, world: WorldConfig) -> None:
        self.renderer = Renderer(world, threads=self._threads)


def _moving(world: WorldConfig, begin_s: float, end_s: float) -> WorldConfig:
    """The world with all its motion between two times."""

    def timed(motion: MotionConfig) -> MotionConfig:
        return motion.model_copy(update={"begin_s": begin_s, "end_s": end_s})

    layers = tuple(
        layer.model_copy(update={"motion": timed(layer.motion)}) for layer in world.scene.layers
    )
    return world.model_copy(
        update={
            "scene": world.scene.model_copy(update={"layers": layers}),
            "rig_motion": timed(world.rig_motion),
        }
    )


def with_scene(world: WorldConfig, scene: str | None) -> WorldConfig:
    """The world before one of the ready scenes; None leaves it as it is.

    Raises
    ------
    UserMistake
        No such scene.
    """
    if scene is None:
        return world
    if scene not in SCENES:
        raise UserMistake(f"scene {scene}: there are {', '.join(SCENES)}")
    placed = SceneConfig.preset(scene, world.scene.number)
    return world.model_copy(update={"scene": placed})


def changed(world: WorldConfig, fault: OpticalFault, time_ns: int) -> WorldConfig:
    """The world with a fault of its optics.

    Parameters
    ----------
    world
        As it is.
    fault
        What happens.
    time_ns
        When it does, in the world's time: a drift begins then.

    Raises
    ------
    UserMistake
        A drift in a world that drifts already, or far later than it lasts.
    """
    fields = world.model_dump(mode="json")
    optics = fields["optics"]
    match fault:
        case WrongNd():
            _view(optics, fault.camera)["nd_error"] = fault.nd_error
        case Defocus():
            _view(optics, fault.camera)["defocus_sigma_px"] = fault.defocus_sigma_px
        case Flicker():
            for lamp in fields["light"]["components"]:
                lamp["frequency_hz"] = fault.frequency_hz
                lamp["modulation"] = fault.modulation
        case DirtySplitter():
            splitter = optics["splitter"]
            splitter["dust_spots"] = fault.dust_spots
            splitter["dust_depth"] = fault.dust_depth
            splitter["dust_radius_px"] = fault.dust_radius_px
        case AlignmentDrift():
            _drift(world, optics, fault, time_ns)
    return WorldConfig.from_fields(fields, f"fault {fault.kind}")


def _view(optics: dict[str, Any], role: str) -> dict[str, Any]:
    view: dict[str, Any] = optics["view_1" if role == "blurry" else "view_2"]
    return view


def _drift(world: WorldConfig, optics: dict[str, Any], fault: AlignmentDrift, time_ns: int) -> None:
    """Move C2 in C1: at once, or as S (1 − exp(−(t − t₀)/τ)).

    The world's own drift is A (1 − exp(−t/τ)); with A = S exp(t₀/τ) and a shift of S − A at once,
    the sum is what is wanted.
    """
    alignment, drift = optics["alignment"], optics["drift"]
    wanted = [*fault.shift_px, fault.rotation_mrad]
    grown = [0.0, 0.0, 0.0]
    if fault.time_constant_s > 0:
        if any((*world.optics.drift.shift_px, world.optics.drift.rotation_mrad)):
            raise UserMistake(
                "fault alignment-drift: this world drifts already; time_constant_s 0 moves at once"
            )
        ages = time_ns * 1e-9 / fault.time_constant_s
        if ages > _MOST_TIME_CONSTANTS:
            raise UserMistake(
                f"fault alignment-drift: time_constant_s {fault.time_constant_s:g} is too short"
                f" {time_ns * 1e-9:.0f} s after the start; take a longer one, or 0: at once"
            )
        grown = [size * math.exp(ages) for size in wanted]
        drift["shift_px"], drift["rotation_mrad"] = grown[:2], grown[2]
        drift["time_constant_s"] = fault.time_constant_s
    at_once = [size - late for size, late in zip(wanted, grown, strict=True)]
    alignment["shift_px"] = [
        before + more for before, more in zip(alignment["shift_px"], at_once[:2], strict=True)
    ]
    alignment["rotation_mrad"] += at_once[2]
