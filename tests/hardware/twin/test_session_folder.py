"""Folders of sessions: private, gone at the end, swept where nobody is left to do it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from hardware.twin.session_folder import LONGEST_BASE_BYTES, base_folder, session_folder, sweep

pytestmark = pytest.mark.unit


def test_folder_is_private_and_goes_with_its_block(tmp_path: Path) -> None:
    with session_folder(tmp_path) as (folder, lock):
        assert folder.stat().st_mode & 0o777 == 0o700
        assert os.get_inheritable(lock) is False  # given to children one by one
        assert sweep(tmp_path) == []
        assert folder.exists()
    assert list(tmp_path.iterdir()) == []


def test_what_nobody_holds_is_swept_and_nothing_else(tmp_path: Path) -> None:
    dead, mine = tmp_path / "bsd-twin-dead", tmp_path / "other"
    link = tmp_path / "bsd-twin-link"
    dead.mkdir()
    mine.mkdir()
    (dead / "world.sock").touch()
    (dead / "lock").touch()
    (tmp_path / "bsd-twin-just-made").mkdir()  # its rig was killed before it made the lock
    link.symlink_to(mine)
    with session_folder(tmp_path) as (folder, _):
        assert sorted(tmp_path.iterdir()) == sorted([folder, link, mine])


def test_what_a_person_named_like_a_rigs_folder_stays(tmp_path: Path) -> None:
    recorded = tmp_path / "bsd-twin-sessions-0" / "clip-000.h5"
    recorded.parent.mkdir()
    recorded.write_bytes(b"frames")
    assert sweep(tmp_path) == []
    assert list(recorded.parent.iterdir()) == [recorded]


@pytest.mark.parametrize("attempt", range(30))  # a race shows in one of about thirty
def test_starts_at_the_same_time_do_not_sweep_each_other(tmp_path: Path, attempt: int) -> None:
    kept: list[bool] = []
    together, done = threading.Barrier(6), threading.Barrier(6)

    def start() -> None:
        together.wait(10)
        with session_folder(tmp_path) as (folder, _):
            done.wait(10)
            kept.append((folder / "lock").exists())

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert kept == [True] * 6


def test_base_is_short_enough_for_a_socket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert (base_folder() == tmp_path) is (len(str(tmp_path)) <= LONGEST_BASE_BYTES)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/" + "a" * LONGEST_BASE_BYTES)
    assert len(str(base_folder())) <= LONGEST_BASE_BYTES
