"""When the frames of a clip are exposed, and what stands before the rig then."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from acquisition.exposure import Plan, plan
from acquisition.rig import ROLES, Role
from bsd.setting import Setting
from hardware.twin.placing import Occasion, keeps, placed
from hardware.twin.renderer import Renderer
from hardware.twin.world_config import WorldConfig
from tests.twin_session.spec import SceneClip, Spec

Window = tuple[int, int]

FIRST_NS = 1_000_000_000
_CLIP_NS = 20_000_000_000


@dataclass(frozen=True)
class TruePlan:
    """Begin and end of the real exposures in ns after a frame's begin."""

    blurry: Window
    sharp: Window

    @classmethod
    def of(cls, made: Plan, world: WorldConfig) -> TruePlan:
        windows = []
        for number, (delay, width) in enumerate(
            zip(made.program.delay_ticks, made.program.width_ticks, strict=True), start=1
        ):
            timing = world.sensor(number).timing
            rise, fall = delay * made.program.tick_ns, (delay + width) * made.program.tick_ns
            windows.append((rise + timing.start_latency_ns, fall + timing.end_latency_ns))
        return cls(windows[0], windows[1])


def planned(spec: Spec, setting: Setting) -> Plan:
    rig = spec.rig()
    return plan(setting, spec.rate, "centre", rig.cameras.blurry.timing, rig.cameras.sharp.timing)


@dataclass
class Filming:
    """A clip's pulses and what stands before the rig at each of them."""

    number: int
    exposures: Plan
    true: TruePlan
    world: WorldConfig
    late_world: WorldConfig | None = None
    pulses: int = 0
    _renderers: dict[bool, Renderer] = field(default_factory=dict)

    def pulse_ns(self, pulse: int) -> int:
        """World time of a pulse's begin."""
        program = self.exposures.program
        ticks = pulse * program.period_numerator // program.period_denominator
        return FIRST_NS + self.number * _CLIP_NS + ticks * program.tick_ns

    def window(self, role: Role, pulse: int) -> Window:
        """Light of a frame, with the sensor's jitter."""
        begin, end = getattr(self.true, role)
        number = ROLES.index(role) + 1
        seed = np.random.SeedSequence([self.world.seed, self.number, number, pulse, 0x71])
        rms = self.world.sensor(number).timing.jitter_rms_ns
        early, late = np.random.default_rng(seed).standard_normal(2) * rms
        at = self.pulse_ns(pulse)
        return at + begin + round(early), at + end + round(late)

    def is_late(self, pulse: int) -> bool:
        return self.late_world is not None and pulse >= self.pulses // 2

    def renderer(self, pulse: int) -> Renderer:
        late = self.is_late(pulse)
        if late not in self._renderers:
            world = self.late_world if late and self.late_world is not None else self.world
            self._renderers[late] = Renderer(world, threads=1)
        return self._renderers[late]


def _changed(world: WorldConfig, sets: tuple[str, ...]) -> WorldConfig:
    return world.override(sets) if sets else world


def calibration_filming(
    spec: Spec, number: int, occasion: Occasion, when: str, setting: Setting
) -> Filming:
    asked = Setting.parse(spec.setting)
    occasion = replace(occasion, sharp_us=asked.sharp_us, number=number)
    if keeps(occasion):  # the levels of a series see what the flat saw
        occasion = replace(occasion, step="series-1")
    world = placed(spec.world(), occasion)
    name = occasion.step
    words = {occasion.purpose, name, f"{when}:{occasion.purpose}", f"{when}:{name}"}
    world = _changed(world, tuple(text for word, text in spec.step_sets if word in words))
    made = planned(spec, setting)
    return Filming(number, made, TruePlan.of(made, world), world)


def scene_filming(spec: Spec, number: int, clip: SceneClip) -> Filming:
    made = planned(spec, Setting.parse(clip.setting or spec.setting))
    shown = number if clip.number is None else clip.number
    world = placed(spec.world(), Occasion("scene", number=shown))
    filming = Filming(number, made, TruePlan.of(made, world), world, pulses=clip.pulses)
    guard_ns = 5_000_000
    times = {
        "begin_s": (filming.pulse_ns(clip.bookend) - guard_ns) * 1e-9,
        "end_s": (filming.pulse_ns(clip.bookend + clip.frames) - guard_ns) * 1e-9,
    }
    if not clip.still_bookends:
        times = {"begin_s": filming.pulse_ns(0) * 1e-9, "end_s": None}  # type: ignore[dict-item]
    fields = world.model_dump(mode="json")
    turns = clip.shake_mrad if clip.moves else (0.0, 0.0, 0.0)
    fields["rig_motion"] = {
        "shake": {"rotation_rms_mrad": turns, "peak_hz": 8.0, "seed": number},
        **times,
    }
    for layer in fields["scene"]["layers"]:
        layer["motion"] = (layer["motion"] | times) if clip.moves else {}
    world = _changed(WorldConfig.from_fields(fields, "scene"), clip.sets)
    filming.world = world
    if clip.late_sets:
        filming.late_world = _changed(world, clip.late_sets)
    return filming


@lru_cache(maxsize=16)
def at_distance(world: str, distance_mm: float) -> Renderer:
    fields = WorldConfig.model_validate_json(world).model_dump(mode="json")
    fields["scene"] = {"layers": [{"picture": {"kind": "flat"}, "distance_mm": distance_mm}]}
    return Renderer(WorldConfig.from_fields(fields, "distance"), threads=1)
