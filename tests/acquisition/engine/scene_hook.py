#!/usr/bin/env python3
"""For `--before-step`: puts before the virtual rig what a laboratory would put before a real one.

`BSD_RIG_FILE` names the rig's file; the capture tells the rest.
"""

from __future__ import annotations

import os
import subprocess
import sys

STILL = ["--set", "rig_motion.shake.rotation_rms_mrad=[0,0,0]"]
WALL = "{picture: {kind: flat, reflectance: [0.18,0.18,0.18]}, distance_mm: 8000}"
WHITE = "scene.layers=[{picture: {kind: flat, reflectance: [0.95,0.95,0.95]}}]"


def board(pose: int, distance_mm: float) -> str:
    """A ChArUco board, tilted and moved a little from pose to pose, as large in every view."""
    x, y = (pose % 3 - 1) * 0.05, (pose // 3 - 1) * 0.04
    tilt = [(-1) ** pose * 120, (pose % 4 - 1.5) * 100, pose * 15]
    square = 60.0 * distance_mm / 2000
    return (
        f"scene.layers=[{WALL}, {{picture: {{kind: charuco, square_mm: {square}}},"
        f" distance_mm: {distance_mm}, centre_mm: [{x * distance_mm}, {y * distance_mm}],"
        f" rotation_mrad: {tilt}}}]"
    )


def words(purpose: str, step: str, distance_mm: float) -> list[str]:
    """What the rig is told."""
    match purpose:
        case "dark":
            return ["--scene", "dark", *STILL]
        case "flat" | "series":
            return ["--set", WHITE, "--set", "scene.cap=false", *STILL]
        case "colour":
            return ["--scene", "chart", *STILL]
        case "target":
            return ["--set", board(int(step.rpartition("-")[2]), distance_mm), *STILL]
        case "sync":
            return ["--scene", "led_bar", *STILL]
        case _:
            return ["--scene", "photographs", "--set",
                    "rig_motion.shake.rotation_rms_mrad=[4,4,2]"]  # fmt: skip


def main() -> int:
    told = os.environ
    distance_mm = float(told["BSD_DISTANCE_MM"] or 0)
    asked = words(told["BSD_PURPOSE"], told["BSD_STEP"], distance_mm)
    command = [sys.executable, "-m", "hardware.twin", "change", "--rig-file", told["BSD_RIG_FILE"]]
    return subprocess.run([*command, *asked], check=False, timeout=60).returncode


if __name__ == "__main__":
    sys.exit(main())
