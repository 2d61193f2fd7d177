"""Places a running rig's scene between two clips, and writes the script that a capture runs."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bsd.document import write_bytes
from bsd.errors import UserMistake
from hardware.twin.control import ask
from hardware.twin.pictures_config import PHOTOGRAPHS
from hardware.twin.placing import SHAKE_MRAD, Told, keeps, placed
from hardware.twin.rig_file import session_of
from hardware.twin.session_folder import CONTROL_FILE, WORLD_FILE
from hardware.twin.world_config import SceneConfig, WorldConfig

_LONGEST_US: Final = 3000
"""Of C2: where a series goes on before a surface that is no longer there, nothing clips."""


def put(rig_file: Path, told: Told) -> WorldConfig:
    """Put before a running rig what a clip needs; the world then.

    Raises
    ------
    ToolkitError
        No rig runs there, or it does not take requests.
    """
    folder = session_of(rig_file)
    control = folder / CONTROL_FILE
    occasion = told.occasion
    present = SceneConfig.model_validate(ask(control, {"status": True})["scene"])
    world = WorldConfig.read(folder / WORLD_FILE).model_copy(update={"scene": present})
    if keeps(occasion):
        if _is_flat(present):
            return world
        occasion = occasion.at(_LONGEST_US)
    world = placed(world, occasion)
    request: dict[str, Any] = {
        "scene": None,
        "assignments": [
            f"scene={json.dumps(world.scene.model_dump(mode='json'))}",
            f"rig_motion={json.dumps(world.rig_motion.model_dump(mode='json'))}",
        ],
        "moves": told.moves_s,
    }
    ask(control, request)
    return world


def write_launcher(
    path: Path, rig_file: Path, pictures: Sequence[str] = (), shake_mrad: float = SHAKE_MRAD
) -> None:
    """Write an executable script that runs ``place`` for a rig; it replaces an older one.

    Parameters
    ----------
    path
        Of the script.
    rig_file
        Of the rig; it need not run yet.
    pictures
        For scenes: files, or names of shipped photographs.
    shake_mrad
        Of the hand before a scene.

    Raises
    ------
    UserMistake
        A picture is neither.
    """
    words = [sys.executable, "-m", "hardware.twin", "place", "--rig-file", str(rig_file.absolute())]
    words += ["--shake", f"{shake_mrad:g}"]
    for name in pictures:
        if name not in PHOTOGRAPHS and not Path(name).is_file():
            raise UserMistake(
                f"--picture {name}: no such file; shipped ones are {', '.join(PHOTOGRAPHS)}"
            )
        shown = name if name in PHOTOGRAPHS else str(Path(name).absolute())
        words += ["--picture", shown]
    said = "# Puts before the virtual rig what the next clip needs."
    write_bytes(path, f"#!/bin/sh\n{said}\nexec {shlex.join(words)}\n".encode())
    path.chmod(0o755)


def _is_flat(scene: SceneConfig) -> bool:
    return not scene.cap and [layer.picture.kind for layer in scene.layers] == ["flat"]
