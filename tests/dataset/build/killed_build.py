"""Builds a session in a process of its own and kills it in a stage, as ``kill -9`` does.

``python -m tests.dataset.build.killed_build STAGE OUT``; stage ``none`` runs to the end.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from dataset import completion, installation
from dataset.build import develop_job, documents, inspection_job
from dataset.build.config import BuildConfig
from dataset.build.construction import build
from dataset.build.request import BuildRequest
from tests.dataset.build.sessions import SIZE, scene, session
from tests.dataset.build.truth_calibration import TruthCalibration, serve

STAGES: dict[str, tuple[Any, str, int]] = {
    "gates": (inspection_job, "_inspected", 1),
    "development": (develop_job, "_extras", 17),
    "documents": (documents, "put_document", 1),
    "manifest": (completion, "write_sorted", 0),
    "installation": (installation, "sync_folder", 2),
}
"""Name → function that kills after so many calls."""


def main(stage: str, out: Path) -> None:
    """Build with the truth as the calibration."""
    with pytest.MonkeyPatch.context() as patch:
        if stage in STAGES:
            module, name, calls = STAGES[stage]
            patch.setattr(module, name, _deadly(getattr(module, name), calls))
        twin = session(scene(0), scene(1), scene(2))
        serve(patch, {twin.folder: TruthCalibration(twin)})
        folders = (twin.folder,)
        config = BuildConfig.of(None, size=SIZE)
        build(BuildRequest(folders, folders, out, config, licence="CC-BY-4.0"))


def _deadly(function: Any, calls: int) -> Any:
    left = [calls]

    def counted(*arguments: Any) -> Any:
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        return function(*arguments)

    return counted


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
