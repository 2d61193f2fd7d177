"""The firmware on avr8js, an emulator that shares no line with ours, gives the same edges."""

import binascii
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.rig

FOLDER = Path(__file__).parent / "avr8js"
FIRMWARE = Path(__file__).resolve().parents[2] / "hardware" / "firmware" / "controller.hex"
PROGRAMS = {
    "2ms16ms, 15 fps": {"W1": 32000, "D1": 0, "W2": 4000, "D2": 14000, "PN": 400000, "PD": 3},
    "3ms24ms, 15 fps": {"W1": 48000, "D1": 0, "W2": 6000, "D2": 21000, "PN": 400000, "PD": 3},
    "3ms24ms, 30 fps": {"W1": 48000, "D1": 0, "W2": 6000, "D2": 21000, "PN": 200000, "PD": 3},
    "1ms8ms, 30 fps": {"W1": 16000, "D1": 0, "W2": 2000, "D2": 7000, "PN": 200000, "PD": 3},
    "opto-isolators": {"W1": 31926, "D1": 0, "W2": 3943, "D2": 13997, "PN": 133333, "PD": 1},
}


def _run(fields: dict[str, int], frames: int) -> dict[str, Any]:
    """Edges and answers of one run on avr8js."""
    commands = ["OPEN 4711", *(f"SET {name} {value}" for name, value in fields.items())]
    texts = [f"{seq}:{text}" for seq, text in enumerate([*commands, "SET HB 0", f"RUN {frames}"])]
    lines = [f"{text}*{binascii.crc_hqx(text.encode(), 0xFFFF):04X}" for text in texts]
    request = {"hex": str(FIRMWARE), "lines": lines, "limit_s": 30}
    node = subprocess.run(
        ["node", "run.mjs"],
        cwd=FOLDER,
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=55,
        check=True,
    )
    answer: dict[str, Any] = json.loads(node.stdout)
    return answer


def _expected(fields: dict[str, int], frames: int) -> np.ndarray:
    """(2·frames·2, 3) rows of cycle, channel, level, from the arithmetic of the protocol page."""
    begins = np.arange(frames) * fields["PN"] // fields["PD"]
    rows = [
        (8 * (begin + fields[f"D{channel}"] + width), channel, level)
        for begin in begins
        for channel in (1, 2)
        for width, level in ((0, 1), (fields[f"W{channel}"], 0))
    ]
    return np.array(sorted(rows))


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.skipif(
    not (FOLDER / "node_modules").is_dir(), reason="avr8js is not installed: run make avr8js"
)
@pytest.mark.parametrize("name", PROGRAMS)
def test_avr8js_gives_the_same_edges_within_one_cycle(name: str) -> None:
    frames = 100
    answer = _run(PROGRAMS[name], frames)
    edges, expected = np.array(answer["edges"]), _expected(PROGRAMS[name], frames)
    order = np.lexsort((edges[:, 2], edges[:, 1], edges[:, 0]))
    edges = edges[order]
    assert edges.shape == expected.shape, answer["answers"]
    assert np.array_equal(edges[:, 1:], expected[:, 1:])
    cycles = edges[:, 0] - edges[0, 0] - (expected[:, 0] - expected[0, 0])
    assert np.ptp(cycles) <= 1, np.unique(cycles, return_counts=True)
    done = [line for line in answer["answers"] if line.startswith("EVT DONE")]
    assert f"n1={frames} n2={frames} cause=count cut=0" in done[0]
