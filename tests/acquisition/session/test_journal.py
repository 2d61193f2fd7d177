"""A journal: nothing acknowledged is lost, nothing torn is read, nothing new is guessed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from acquisition.session.journal import Journal, lost_entry, read_entries
from acquisition.session.journal_entry import Closed, Noted, Opened, RigChanged
from bsd.errors import EnvironmentFault, UserMistake

pytestmark = pytest.mark.unit

SESSION = "0c5a"


def _written(path: Path, notes: int = 4) -> list[bytes]:
    """A journal; the content after each entry."""
    states = []
    with Journal.create(path, SESSION) as journal:
        states.append(path.read_bytes())
        for number in range(notes):
            journal.add(Noted, text=f"Bemerkung {number}: größer als 5 µs — \n gut")
            states.append(path.read_bytes())
    return states


def test_every_cut_leaves_what_was_acknowledged(tmp_path: Path) -> None:
    states = _written(tmp_path / "whole.jsonl")
    content = states[-1]
    path = tmp_path / "cut.jsonl"
    for end in range(len(states[1]), len(content) + 1):
        path.write_bytes(content[:end])
        acknowledged = sum(len(state) <= end for state in states)
        entries, sound_bytes = read_entries(path)
        assert len(entries) == acknowledged
        assert sound_bytes == len(states[acknowledged - 1])
        with Journal.open(path) as journal:
            added = journal.add(Closed)
        assert added.n == acknowledged
        assert [entry.n for entry in read_entries(path)[0]] == list(range(acknowledged + 1))


def test_cutting_changes_nothing_for_a_reader(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    content = _written(path)[-1][:-3]
    path.write_bytes(content)
    read_entries(path)
    assert path.read_bytes() == content


def test_a_last_line_without_its_middle_is_no_entry(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    states = _written(path)
    torn = states[-2] + b'{"n": 4, "utc"' + b"\0" * 40 + b'"}\n'
    path.write_bytes(torn)
    entries, sound_bytes = read_entries(path)
    assert (len(entries), sound_bytes) == (4, len(states[-2]))
    path.write_bytes(states[-2] + b"\0" * 100)
    assert len(read_entries(path)[0]) == 4


def test_entries_are_numbered_dated_and_typed(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    _written(path, notes=1)
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(line["n"], line["kind"]) for line in lines] == [(0, "began"), (1, "noted")]
    assert all(line["utc"].endswith("Z") for line in lines)
    assert lines[0]["session"] == SESSION


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda lines: lines[:1] + lines[2:], "entry 2 stands where 1 belongs"),
        (lambda lines: [lines[0], lines[2], lines[1]], "out of order"),
        (lambda lines: [lines[0], '{"n": 1, broken', lines[2]], "line 2 is damaged"),
        (lambda lines: lines[1:], "entry 1 stands where 0 belongs"),
        (lambda lines: lines[:0], "holds no entry"),
        (
            lambda lines: [*lines[:2], lines[2].replace('"noted"', '"teleported"')],
            "kind 'teleported' is unknown to this toolkit; install a newer",
        ),
        (
            lambda lines: [*lines[:2], lines[2].replace('"text"', '"colour": 1, "text"')],
            "unknown field 'noted.colour'",
        ),
        (
            lambda lines: [lines[0].replace('_version": 1', '_version": 2'), *lines[1:]],
            "journal version 2 is newer",
        ),
    ],
)
def test_what_is_wrong_before_the_end_is_refused(tmp_path: Path, change, says) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "journal.jsonl"
    _written(path, notes=2)
    lines = change(path.read_text(encoding="utf-8").splitlines())
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    with pytest.raises(UserMistake, match=says) as refused:
        Journal.open(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_field_that_does_not_fit_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal.create(path, SESSION) as journal:
        before = path.read_bytes()
        with pytest.raises(UserMistake, match="clip"):
            journal.add(Noted, text="x", clip="../../etc")
        assert path.read_bytes() == before
        assert journal.add(Opened, toolkit="1").n == 1


def test_a_full_disk_leaves_the_journal_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.jsonl"
    write = os.write

    def half(file: int, content: memoryview) -> int:
        if len(content) < 20:
            raise OSError(28, "No space left on device")
        return write(file, content[:15])

    with Journal.create(path, SESSION) as journal:
        before = path.read_bytes()
        monkeypatch.setattr("acquisition.session.journal.os.write", half)
        with pytest.raises(EnvironmentFault, match="no space left"):
            journal.add(Noted, text="lost")
        monkeypatch.undo()
        assert path.read_bytes() == before
        journal.add(Noted, text="kept")
    assert [entry.n for entry in read_entries(path)[0]] == [0, 1]


def test_an_interrupt_leaves_the_journal_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.jsonl"
    fsync = os.fsync

    def interrupted(file: int) -> None:
        fsync(file)
        raise KeyboardInterrupt

    with Journal.create(path, SESSION) as journal:
        before = path.read_bytes()
        monkeypatch.setattr("acquisition.session.journal.os.fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            journal.add(Noted, text="lost")
        monkeypatch.undo()
        assert path.read_bytes() == before
        assert len(journal) == 1
        journal.add(Noted, text="kept")
    assert [entry.n for entry in read_entries(path)[0]] == [0, 1]


def test_what_could_not_be_taken_back_is_cut_off_by_the_next_entry(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal.create(path, SESSION) as journal:
        with path.open("ab") as file:
            file.write(b'{"n": 1, "utc": "", "kind": "closed"}\n')
        assert journal.add(Noted, text="kept").n == 1
    assert [entry.kind for entry in read_entries(path)[0]] == ["began", "noted"]


def test_a_damaged_last_line_is_told_from_a_torn_one(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    states = _written(path)
    assert lost_entry(path) is None
    path.write_bytes(states[-1][:-1])
    assert lost_entry(path) is None, "it was never acknowledged"
    path.write_bytes(states[-2] + b"\0" * 40 + b"\n")
    assert lost_entry(path) == 4
    with Journal.open(path) as journal:
        assert (journal.lost, len(journal)) == (4, 4)
    with Journal.open(path) as journal:
        assert journal.lost is None


@pytest.mark.parametrize(
    "name", ["../rig.yaml", "rig.yml", "/etc/passwd", "rig-x.yaml", "rig.yaml\n"]
)
def test_a_rig_file_lies_in_the_session(tmp_path: Path, name: str) -> None:
    with Journal.create(tmp_path / "journal.jsonl", SESSION) as journal:
        with pytest.raises(UserMistake, match="file"):
            journal.add(RigChanged, file=name, rig_sha256="x", why="x")
        assert journal.add(RigChanged, file="rig-12.yaml", rig_sha256="x", why="x").n == 1


def test_kill_loses_no_acknowledged_entry(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    code = (
        "import sys; from pathlib import Path; from acquisition.session.journal import Journal;"
        "from acquisition.session.journal_entry import Noted\n"
        f"j = Journal.create(Path({str(path)!r}), 's')\n"
        "while True:\n"
        "    print(j.add(Noted, text='x' * 200).n, flush=True)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    told = [int(child.stdout.readline()) for _ in range(30)]
    child.send_signal(signal.SIGKILL)
    told += [int(line) for line in child.stdout.read().splitlines()]
    child.wait(timeout=10)
    child.stdout.close()
    with Journal.open(path) as journal:
        assert len(journal.entries) in (told[-1] + 1, told[-1] + 2)


def test_a_second_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    _written(path, notes=0)
    with pytest.raises(UserMistake, match="is a journal already"):
        Journal.create(path, SESSION)
    with pytest.raises(UserMistake, match="no such file"):
        Journal.open(tmp_path / "absent.jsonl")
