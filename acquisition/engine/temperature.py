"""How warm the cameras were, over a whole run: what a slope needs and a moment cannot tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from acquisition.rig import ROLES, Role

Reading = tuple[int, float | None]

LEAST_NS: Final = 60_000_000_000
WINDOW_NS: Final = 300_000_000_000


class TemperatureLog:
    """Readings of each camera in the order of time; None is what a camera does not tell."""

    def __init__(self) -> None:
        self._readings: dict[Role, list[Reading]] = {role: [] for role in ROLES}

    def note(self, role: Role, host_ns: int, temperature_c: float | None) -> None:
        """Keep a reading; `host_ns` as of `time.monotonic_ns`."""
        if temperature_c is not None:
            self._readings[role].append((host_ns, temperature_c))

    def spans(self) -> Mapping[Role, list[Reading]]:
        """What the slope of now is made of, for `acquisition.preflight.camera_checks.temperature`.

        Of each camera the newest reading, and before it the first of the last `WINDOW_NS` that is
        at least `LEAST_NS` older: a sensor that tells half degrees has no slope of seconds. Where
        none is, the last that is so much older; without one the newest stands alone.
        """
        return {role: _span(readings) for role, readings in self._readings.items()}


def _span(readings: list[Reading]) -> list[Reading]:
    if not readings:
        return []
    newest = readings[-1]
    older = [each for each in readings if newest[0] - each[0] >= LEAST_NS]
    if not older:
        return [newest]
    recent = [each for each in older if newest[0] - each[0] <= WINDOW_NS]
    return [recent[0] if recent else older[-1], newest]
