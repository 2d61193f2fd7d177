"""Versions, hashes and thread counts are those of the machine."""

import hashlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from bsd.provenance import environment, package_versions, sha256_bytes, sha256_file, toolkit_version
from bsd.threads import available_cores, set_threads

pytestmark = pytest.mark.unit


def test_one_place_for_the_version() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert toolkit_version() == project["project"]["version"]


def test_hashes_equal_hashlib(tmp_path: Path) -> None:
    content = bytes(range(256)) * 9000  # more than one piece
    path = tmp_path / "big.bin"
    path.write_bytes(content)
    assert sha256_file(path) == hashlib.sha256(content).hexdigest() == sha256_bytes(content)


def test_environment_names_what_is_installed() -> None:
    found = environment(["numpy", "not-a-package"])
    assert set(found.packages) == {"numpy"} == set(package_versions(["numpy"]))
    assert found.cores == available_cores() <= (os.cpu_count() or 1)


def test_threads_reach_libraries_loaded_before_and_after() -> None:
    code = (
        "import cv2; from bsd.threads import set_threads; set_threads(1); import numba, torch;"
        "print(cv2.getNumThreads(), numba.get_num_threads(), torch.get_num_threads())"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["1", "1", "1"]


def test_no_threads_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        set_threads(0)
