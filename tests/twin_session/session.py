"""A session on the disk and the truth behind it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acquisition.rig import ROLES, Role
from acquisition.session.record import ClipRecord, SessionRecord
from bsd.setting import Setting
from hardware.twin.placing import Occasion
from hardware.twin.renderer import Renderer
from hardware.twin.sensor import Sensor
from hardware.twin.world_config import WorldConfig
from tests.twin_session.eye import Light
from tests.twin_session.filming import (
    FIRST_NS,
    Filming,
    TruePlan,
    at_distance,
    calibration_filming,
    planned,
    scene_filming,
)
from tests.twin_session.spec import Spec


@dataclass
class TwinSession:
    """A session on the disk and the truth behind it.

    Attributes
    ----------
    folder
        Of the session.
    spec
        What it was made from.
    """

    folder: Path
    spec: Spec

    @property
    def record(self) -> SessionRecord:
        return SessionRecord.read(self.folder)

    @cached_property
    def world(self) -> WorldConfig:
        """Optics and sensors as they are; the scene is the default's."""
        return self.spec.world()

    def clip(self, step: str, when: str = "start") -> Path:
        """File of a calibration step."""
        found = [
            each for each in self.record.clips if (each.plan.step, each.plan.when) == (step, when)
        ]
        return self.folder / found[-1].file

    def scene(self, index: int = 0) -> Path:
        """File of a scene clip, from 0."""
        return self.folder / self._scenes()[index].file

    def copy(self, folder: Path) -> TwinSession:
        """A copy that may be changed."""
        shutil.copytree(self.folder, folder)
        return TwinSession(folder, self.spec)

    # truth

    def homography(self) -> NDArray[np.float64]:
        """(3, 3), upright C2 → upright C1 at the first clip; of two lenses: infinitely far."""
        return self._renderer.homography(FIRST_NS)

    def to_c1(
        self, points: NDArray[np.float64], distance_mm: float = 4000.0, time_ns: int = FIRST_NS
    ) -> NDArray[np.float64]:
        """Upright C1 of upright C2 pixels (..., 2) for what stands at a distance; exact."""
        return at_distance(self.world.model_dump_json(), distance_mm).layer_map(0, points, time_ns)

    def level_ratio(self) -> NDArray[np.float64]:
        """(3,) C1 / C2 of an even grey surface in the middle of the view, by channel R, G, B."""
        rates = [self.signal_rate(role) for role in ROLES]
        widths = [getattr(self.true_plan(self.spec.setting), role) for role in ROLES]
        return np.asarray(
            rates[0] * (widths[0][1] - widths[0][0]) / (rates[1] * (widths[1][1] - widths[1][0]))
        )

    def signal_rate(self, role: Role) -> NDArray[np.float64]:
        """(3,) DN per ns of a camera before a grey of reflectance × brightness 1, by channel."""
        from hardware.twin.optics import throughput

        number = ROLES.index(role) + 1
        sensor = self.world.sensor(number)
        spectral = np.asarray(self.world.view(number).spectral, np.float64).sum(axis=1)
        per_second = sensor.electrons_per_light_second / self.electrons_per_dn(role)
        lamps = sum(lamp.share for lamp in self.world.light.components)
        return np.asarray(throughput(self.world, number) * spectral * per_second * lamps * 1e-9)

    def true_plan(self, setting: str) -> TruePlan:
        """Real exposures of a setting: the plan's pulses through the world's sensors."""
        return TruePlan.of(planned(self.spec, Setting.parse(setting)), self.world)

    def offset_ns(self, role: Role, setting: str | None = None) -> int:
        """Real exposure minus what the plan in the clips' heads predicts."""
        name = setting or self.spec.setting
        begin, end = getattr(self.true_plan(name), role)
        return int(end - begin - getattr(planned(self.spec, Setting.parse(name)), role).width_ns)

    def electrons_per_dn(self, role: Role) -> float:
        return self._sensor(role).electrons_per_dn(self.spec.bits)

    def black_dn(self, role: Role) -> float:
        """Without dark current, which adds up to 0.1 electrons."""
        return self._sensor(role).black_level_dn(self.spec.bits)

    def expected_dn(self, role: Role, clip: Path | str, pulse: int = 0) -> Light:
        """(H, W, 3) float32 DN above black, upright, of a perfect sensor: no noise, no PRNU."""
        occasion = self._occasion(clip)
        window = occasion.window(role, pulse)
        number = ROLES.index(role) + 1
        light = occasion.renderer(pulse).irradiance(number, *window)
        mirror = self.world.view(number).mirror
        upright = light[:, ::-1] if mirror == "horizontal" else light
        upright = upright[::-1] if mirror == "vertical" else upright
        return np.ascontiguousarray(upright * self._dn_per_light_second(role))

    def sharp_truth_dn(self, clip: Path | str, pulse: int) -> Light:
        """(H1, W1, 3) float32 DN above black in C2's units: C2's light in C1's geometry, upright.

        Divide by C1's exposure ratio as the calibration does, or compare up to a gain.
        """
        occasion = self._occasion(clip)
        light = occasion.renderer(pulse).sharp_truth(*occasion.window("sharp", pulse))
        return np.asarray(light * self._dn_per_light_second("sharp"), dtype=np.float32)

    def _dn_per_light_second(self, role: Role) -> np.float32:
        sensor = self._sensor(role).config
        return np.float32(sensor.electrons_per_light_second / self.electrons_per_dn(role))

    def _occasion(self, clip: Path | str) -> Filming:
        name = Path(clip).name.removesuffix(".h5")
        record = next(each for each in self.record.clips if each.clip == name)
        if record.plan.purpose != "scene":
            when, step = record.plan.when or "start", record.plan.step or ""
            setting = Setting.parse(record.plan.setting or self.spec.setting)
            told = Occasion(record.plan.purpose, step, record.plan.distance_mm)
            return calibration_filming(self.spec, record.number, told, when, setting)
        index = [each.clip for each in self._scenes()].index(name)
        return scene_filming(self.spec, record.number, self.spec.scenes[index])

    def _scenes(self) -> list[ClipRecord]:
        return [each for each in self.record.clips if each.plan.purpose == "scene"]

    @cached_property
    def _renderer(self) -> Renderer:
        return Renderer(self.world, threads=1)

    def _sensor(self, role: Role) -> Sensor:
        number = ROLES.index(role) + 1
        return Sensor(self.world.sensor(number), self.world.seed, number)


def truncate(path: Path, share: float = 0.5) -> None:
    """Cut a clip file of a copied session, as a failing disk does."""
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.truncate(int(path.stat().st_size * share))
