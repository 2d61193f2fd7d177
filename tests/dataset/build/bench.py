"""Whole builds in this process, of recorded sessions with the truth as their calibration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bsd.provenance import sha256_file
from dataset.build.config import BuildConfig
from dataset.build.construction import BuildAnswer, build
from dataset.build.request import BuildRequest
from tests.dataset.build.sessions import SIZE
from tests.dataset.build.truth_calibration import TruthCalibration, serve
from tests.twin_session import TwinSession

NAME = "BSD_2ms16ms"


class Bench:
    """Builds sessions with the truth as their calibration."""

    def __init__(self, patch: pytest.MonkeyPatch, out: Path) -> None:
        self.out = out
        self._patch = patch
        self._served: dict[Path, TruthCalibration] = {}

    def build(self, *sessions: TwinSession, **fields: Any) -> BuildAnswer:
        """Build; fields are those of the request, `set` those of the configuration.

        `calibrated` is the number of the calibration, where it is another one than the first;
        `calibrations` their folders, where they are given otherwise than the sessions'.
        """
        number = fields.pop("calibrated", 0)
        for each in sessions:
            self._served[each.folder] = TruthCalibration(
                each,
                settings=(str(each.spec.setting),),
                sha256=f"{1000 * number + each.spec.seed:064x}",
            )
        folders = tuple(each.folder for each in sessions)
        calibrations = fields.pop("calibrations", folders)
        for folder in calibrations:
            self._served[folder] = self._served[folder.resolve()]
        serve(self._patch, self._served)
        config = BuildConfig.of(None, size=SIZE, assignments=fields.pop("set", ()))
        return build(BuildRequest(folders, calibrations, self.out, config, **fields))

    def hashes(self, name: str = NAME) -> dict[str, str]:
        """SHA-256 of every file of a tree."""
        root = self.out / name
        return {
            str(path.relative_to(root)): sha256_file(path)
            for path in sorted(root.rglob("*"))
            if path.is_file()
        }
