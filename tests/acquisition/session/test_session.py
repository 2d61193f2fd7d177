"""A session: what counts is complete and known, what does not is put aside, gaps are refused."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from acquisition.clip.reader import Clip
from acquisition.ledger.row import Verdict
from acquisition.rig import ROLES, Rig
from acquisition.session.document import SessionDocument, rig_identity
from acquisition.session.estimate import estimated_bytes
from acquisition.session.journal import JOURNAL_NAME, read_entries
from acquisition.session.journal_entry import Consent, TakePlan, TakeSealed
from acquisition.session.record import SessionRecord
from acquisition.session.session import Session
from acquisition.session.take import Take
from bsd.errors import UserMistake
from tests.acquisition.small_clips import (
    HEIGHT,
    RIG_FIELDS,
    WIDTH,
    Content,
    recorded,
    seal_part,
    write_clip,
    write_part,
    write_rig,
)

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[3]
SCENE = TakePlan(purpose="scene", frames=10, setting="2ms16ms", motion="hand shake")
NOBODY = Consent(persons=False)


@pytest.fixture
def rig(tmp_path: Path) -> Path:
    return write_rig(tmp_path / "rig.yaml")


@pytest.fixture
def session(tmp_path: Path, rig: Path) -> Iterator[Session]:
    with Session.create(tmp_path / "day", rig, operator="A. Operator", consent=NOBODY) as made:
        yield made


def _reopened(session: Session, **options: Any) -> Session:
    """As after a kill: the lock goes with the process, nothing is closed in order."""
    session._release()
    return Session.open(session.folder, **options)


def test_a_session_is_a_folder_that_tells_who_and_with_what(session: Session, rig: Path) -> None:
    names = {path.name for path in session.folder.iterdir()}
    assert names == {".lock", "discarded", "journal.jsonl", "rig.yaml", "session.json"}
    assert (session.folder / "rig.yaml").read_bytes() == rig.read_bytes()
    document = SessionDocument.read(session.folder / "session.json")
    assert (document.name, document.operator, document.rig) == ("day", "A. Operator", "bench-1")
    assert document.rig_sha256 == rig_identity(Rig.read(rig))
    assert document.consent == NOBODY


def test_takes_are_numbered_and_kept(session: Session) -> None:
    takes = [recorded(session, session.begin_take(SCENE)) for _ in range(2)]
    assert [take.final.name for take in takes] == ["clip-000.h5", "clip-001.h5"]
    record = SessionRecord.read(session.folder)
    assert [(clip.clip, clip.attempt, clip.pairs) for clip in record.clips] == [
        ("clip-000", 1, 10),
        ("clip-001", 1, 10),
    ]
    assert record.clips[0].size_bytes == takes[0].final.stat().st_size
    assert record.clips[1].plan.motion == "hand shake"


def test_a_discarded_take_gives_its_number_back(session: Session) -> None:
    first = session.begin_take(SCENE)
    content = Content(losses=[(3, "sharp", Verdict.MISSED)], verdict="discarded")
    rows = write_part(first.part, content, first)
    session.judge(first, "discarded", ["the sharp camera missed pulse 3"])
    seal_part(first.part, rows, content)
    left = session.discard(first, "a pulse was missed")
    assert left == session.folder / "discarded" / "clip-000.1.h5"
    again = recorded(session, session.begin_take(SCENE))
    assert (again.clip, again.attempt) == ("clip-000", 2)
    with Clip.open(again.final) as clip:
        assert (clip.head.take, clip.head.name) == (2, "clip-000")
    with Clip.open(left) as clip:
        assert (clip.head.take, clip.tail.verdict) == (1, "discarded")
    assert [each.why for each in session.record.discarded] == ["a pulse was missed"]


def test_an_interrupted_take_can_be_deleted(session: Session) -> None:
    take = session.begin_take(SCENE)
    write_part(take.part, Content(), take)
    assert session.discard(take, "stopped by the operator", keep_file=False) is None
    assert list(session.folder.glob("**/*.h5*")) == []


def test_a_kill_while_recording_recovers_the_frames(session: Session) -> None:
    take = session.begin_take(SCENE)
    write_part(take.part, Content(pulses=7), take)
    with _reopened(session) as resumed:
        assert not take.part.exists()
        aside = session.folder / "discarded" / "clip-000.1.h5"
        with Clip.open(aside) as clip:
            assert clip.tail.verdict == "recovered"
            assert [len(clip.frames(role)) for role in ROLES] == [7, 7]
        assert resumed.report == [
            "clip-000.1: the recording was interrupted; 7 blurry and 7 sharp frames were saved,"
            " see discarded/clip-000.1.h5"
        ]
        assert resumed.record.clips == []
        again = resumed.begin_take(SCENE)
        assert (again.clip, again.attempt) == ("clip-000", 2)


def test_a_kill_before_the_first_frame_leaves_nothing(session: Session) -> None:
    session.begin_take(SCENE)
    with _reopened(session) as resumed:
        take = resumed.begin_take(SCENE)
        write_part(take.part, Content(pulses=0), take)
    resumed._release()
    with Session.open(session.folder) as once_more:
        assert list((session.folder / "discarded").iterdir()) == []
        assert [each.file for each in once_more.record.discarded] == [None, None]
        assert once_more.begin_take(SCENE).attempt == 3


def test_a_part_that_is_no_clip_is_kept_under_another_name(session: Session) -> None:
    import h5py

    take = session.begin_take(SCENE)
    with h5py.File(take.part, "w") as file:
        file["other"] = 1
    with _reopened(session) as resumed:
        file_name = resumed.record.discarded[0].file
        assert file_name == "discarded/clip-000.1.h5.unreadable"
        assert (session.folder / file_name).exists()


@pytest.mark.parametrize("at", [20, 200])
def test_a_part_that_cannot_be_parsed_is_kept(session: Session, at: int) -> None:
    """Byte 20 lies in the superblock, byte 200 in the root group."""
    take = session.begin_take(SCENE)
    write_part(take.part, Content(), take)
    content = bytearray(take.part.read_bytes())
    content[at] ^= 0xFF
    take.part.write_bytes(content)
    with _reopened(session) as resumed:
        aside = session.folder / "discarded" / "clip-000.1.h5.unreadable"
        assert aside.read_bytes() == content
        assert not take.part.exists()
        assert resumed.record.discarded[0].file == "discarded/clip-000.1.h5.unreadable"
        assert "cannot be read" in resumed.report[0]
        assert resumed.begin_take(SCENE).attempt == 2


def test_a_part_with_frames_behind_a_broken_one_is_kept_beside_the_clip(session: Session) -> None:
    import h5py

    take = session.begin_take(SCENE)
    write_part(take.part, Content(), take)
    with h5py.File(take.part, "r+") as file:
        file["c1/arrivals"].resize((4,))
    with _reopened(session) as resumed:
        aside = session.folder / "discarded" / "clip-000.1.h5"
        assert aside.with_name("clip-000.1.h5.unreadable").exists()
        lost = "6 blurry frames could not be read and are in discarded/clip-000.1.h5.unreadable"
        assert lost in resumed.report[0]
        assert lost in resumed.record.discarded[0].why
        with Clip.open(aside) as clip:
            assert [len(clip.frames(role)) for role in ROLES] == [4, 10]


def test_a_damaged_last_entry_is_said(session: Session) -> None:
    session.note("rain")
    session._release()
    journal = session.folder / JOURNAL_NAME
    *lines, _ = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines) + b'{"n": 2, \0\0\0}\n')
    with Session.open(session.folder) as resumed:
        assert "its last line (entry 2) is damaged" in resumed.report[0]
    with Session.open(session.folder) as again:
        assert again.report == []
        assert "entry 2" in again.record.notes[0].text, "what is cut off stays said"


@pytest.mark.parametrize("where", ["before", "within", "after"])
def test_an_interrupt_leaves_record_and_journal_together(
    session: Session, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Between the entry on the disk and the record that follows it."""
    follow = SessionRecord.follow
    take = session.begin_take(SCENE)

    def interrupted(record: SessionRecord, entry: Any) -> None:
        if where == "within":
            record.open_takes.clear()
        if where == "after":
            follow(record, entry)
        raise KeyboardInterrupt

    monkeypatch.setattr(SessionRecord, "follow", interrupted)
    with pytest.raises(KeyboardInterrupt):
        session.judge(take, "good", ["seen"])
    monkeypatch.undo()
    (open_take,) = session.record.open_takes
    assert (open_take.verdict, open_take.findings) == ("good", ("seen",))
    session.discard(take, "stopped")
    assert SessionRecord.read(session.folder).discarded == session.record.discarded
    assert [entry.n for entry in session.record.entries] == list(range(5))


def test_a_hidden_folder_is_left_alone(session: Session) -> None:
    (session.folder / ".x.h5").mkdir()
    with _reopened(session) as resumed:
        assert resumed.report == []
    assert (session.folder / ".x.h5").is_dir()


def test_a_session_s_rig_file_lies_in_it(session: Session) -> None:
    session._release()
    path = session.folder / "session.json"
    fields = json.loads(path.read_text())
    path.write_text(json.dumps(fields | {"rig_file": "../rig.yaml"}))
    with pytest.raises(UserMistake, match="rig_file"):
        SessionRecord.read(session.folder)


def test_a_kill_between_seal_and_journal_keeps_the_clip(session: Session) -> None:
    take = session.begin_take(SCENE)
    rows = write_part(take.part, Content(), take)
    session.judge(take, "good")
    seal_part(take.part, rows, Content())
    with _reopened(session) as resumed:
        assert [clip.file for clip in resumed.record.clips] == ["clip-000.h5"]
        assert resumed.report == ["clip-000.1: was complete, it counts as clip-000.h5"]
        last = [each for each in resumed.record.entries if isinstance(each, TakeSealed)][-1]
        assert last.adopted


def test_a_kill_between_verdict_and_putting_aside_never_counts(session: Session) -> None:
    take = session.begin_take(SCENE)
    content = Content(verdict="discarded")
    rows = write_part(take.part, content, take)
    session.judge(take, "discarded", ["the light flickered"])
    seal_part(take.part, rows, content)
    with _reopened(session) as resumed:
        assert resumed.record.clips == []
        assert not take.final.exists()
        assert resumed.record.discarded[0].file == "discarded/clip-000.1.h5"
        assert resumed.record.discarded[0].why == "the light flickered"


def test_a_kill_during_recovery_is_recovered(session: Session) -> None:
    take = session.begin_take(SCENE)
    write_part(take.part, Content(), take)
    (session.folder / "discarded" / "clip-000.1.h5.part").write_bytes(b"half of a recovery")
    with _reopened(session) as resumed:
        assert "clip-000.1.h5.part: swept" in resumed.report
    shutil.copy(take.discarded, take.part)  # the recovery was complete, the part not yet removed
    journal = session.folder / JOURNAL_NAME
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:3]))
    with Session.open(session.folder) as once_more:
        assert not take.part.exists()
        assert once_more.record.discarded[0].file == "discarded/clip-000.1.h5"


def test_the_journal_cut_anywhere_can_be_resumed(session: Session, tmp_path: Path) -> None:
    """Whatever of the last take's entries a kill left, its file is adopted, aside or recovered."""
    recorded(session, session.begin_take(SCENE))
    sealed_bytes = len((session.folder / JOURNAL_NAME).read_bytes())
    recorded(session, session.begin_take(SCENE))
    session._release()
    content = (session.folder / JOURNAL_NAME).read_bytes()
    lines = [0]
    for line in content.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))
    ends = [end for end in lines if end >= sealed_bytes] + [lines[-1] - 1, lines[-2] - 5]
    for number, end in enumerate(ends):
        copy = tmp_path / f"copy-{number}"
        shutil.copytree(session.folder, copy)
        (copy / JOURNAL_NAME).write_bytes(content[:end])
        whole_entries = content[sealed_bytes:end].count(b"\n")
        begun, judged = whole_entries >= 1, whole_entries >= 2
        if not begun:  # a clip that no entry announced cannot be told from a foreign one
            with pytest.raises(UserMistake, match=r"clip-001\.h5: .*does not know this file"):
                Session.open(copy)
            continue
        with Session.open(copy) as resumed:
            clips = [clip.clip for clip in resumed.record.clips]
            assert clips == (["clip-000", "clip-001"] if judged else ["clip-000"])
            assert (copy / "discarded" / "clip-001.1.h5").exists() is not judged


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda path: path.unlink(), "is missing, the journal says that it was recorded"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "was sealed with"),
        (lambda path: path.rename(path.with_name("clip-007.h5")), "clip-000.h5: is missing"),
    ],
)
def test_gaps_are_refused_with_the_way_out(session: Session, harm: Any, says: str) -> None:
    take = recorded(session, session.begin_take(SCENE))
    recorded(session, session.begin_take(SCENE))
    session.close()
    take.final.chmod(0o644)
    harm(take.final)
    with pytest.raises(UserMistake, match=says) as refused:
        Session.open(session.folder)
    assert "--forget clip-000" in str(refused.value)
    (session.folder / "clip-007.h5").unlink(missing_ok=True)
    with Session.open(session.folder, forget=["clip-000"]) as resumed:
        assert [clip.clip for clip in resumed.record.clips] == ["clip-001"]
        assert resumed.begin_take(SCENE).clip == "clip-002"


def test_an_exchanged_clip_is_refused(session: Session, tmp_path: Path) -> None:
    first, second = (recorded(session, session.begin_take(SCENE)) for _ in range(2))
    session.close()
    content = second.final.read_bytes()
    assert len(content) == first.final.stat().st_size
    first.final.chmod(0o644)
    first.final.write_bytes(content)
    with pytest.raises(UserMistake, match="is take 1 of clip-001, not the file that was recorded"):
        Session.open(session.folder)


def test_a_rehearsal_is_swept(session: Session) -> None:
    for name in (".rehearsal.h5", ".rehearsal.h5.part"):
        (session.folder / name).write_bytes(b"x")
    with _reopened(session) as resumed:
        assert resumed.report == [".rehearsal.h5: swept", ".rehearsal.h5.part: swept"]
    assert list(session.folder.glob(".rehearsal*")) == []


def test_an_unknown_clip_is_refused(session: Session) -> None:
    session.close()
    stranger = write_clip(session.folder / "clip-000.h5")
    with pytest.raises(UserMistake, match="does not know this file; move it out"):
        Session.open(session.folder)
    stranger.rename(session.folder / "clip-004.h5.part")
    with pytest.raises(UserMistake, match=r"clip-004.h5.part: .* does not know this file"):
        Session.open(session.folder)


def test_one_process_at_a_time(session: Session) -> None:
    code = f"from acquisition.session.session import Session; from pathlib import Path; Session.open(Path({str(session.folder)!r}))"  # noqa: E501
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False
    )
    assert "another run writes here now" in found.stderr
    session.close()
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False
    )
    assert found.returncode == 0, found.stderr


def test_a_folder_of_something_else_is_refused(tmp_path: Path, rig: Path) -> None:
    folder = tmp_path / "photographs"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"x")
    with pytest.raises(UserMistake, match=r"is not empty \(a.jpg\)"):
        Session.create(folder, rig, operator="A")
    assert {path.name for path in folder.iterdir()} == {"a.jpg"}
    (tmp_path / "r").mkdir()
    write_rig(tmp_path / "r" / "rig.yaml")
    with pytest.raises(UserMistake, match=r"is not empty \(rig.yaml\)"):
        Session.create(rig.parent / "r", rig, operator="A")


def test_what_a_killed_creation_left_is_no_obstacle(tmp_path: Path, rig: Path) -> None:
    folder = tmp_path / "day"
    with Session.create(folder, rig, operator="A"):
        pass
    (folder / "session.json").unlink()
    (folder / "session.json.part").write_text("{")
    with pytest.raises(UserMistake, match="is no session"):
        Session.open(folder)
    with Session.create(folder, rig, operator="B") as session:
        assert session.document.operator == "B"
        assert session.record.entries[0].n == 0
    with pytest.raises(UserMistake, match="is a session already; resume it"):
        Session.create(folder, rig, operator="B")


def test_another_rig_is_refused_unless_said(session: Session, tmp_path: Path) -> None:
    moved = {**RIG_FIELDS, "trigger": {"port": "/dev/ttyACM7"}}
    plugged = write_rig(tmp_path / "plugged.yaml", **moved)
    with _reopened(session, rig_file=plugged) as resumed:
        assert resumed.record.rig_file == "rig.yaml"
    other = {**RIG_FIELDS, "optics": {"lens": "two_lenses"}}
    changed = write_rig(tmp_path / "changed.yaml", **other)
    with pytest.raises(UserMistake, match=r"is not the rig that .* was recorded with"):
        Session.open(session.folder, changed)
    with Session.open(session.folder, changed, rig_changed="a lens broke") as resumed:
        assert resumed.record.rig_file == "rig-1.yaml"
        assert resumed.rig.optics.lens == "two_lenses"
    with Session.open(session.folder, changed) as resumed:
        assert resumed.rig.optics.lens == "two_lenses"


def test_scenes_need_a_statement_on_persons(tmp_path: Path, rig: Path) -> None:
    with Session.create(tmp_path / "day", rig, operator="A") as session:
        dark = session.begin_take(TakePlan(purpose="dark", frames=2))
        session.discard(dark, "a try")
        with pytest.raises(UserMistake, match="statement on persons"):
            session.begin_take(SCENE)
        session.state(consent=Consent(persons=True, who="codes A1, A2", how="signed form"))
        session.begin_take(SCENE)
    assert SessionRecord.read(tmp_path / "day").consent == Consent(
        persons=True, who="codes A1, A2", how="signed form"
    )
    with pytest.raises(ValueError, match="who consented and how"):
        Consent(persons=True, who="somebody")


def test_one_take_at_a_time_and_in_order(session: Session) -> None:
    take = session.begin_take(SCENE)
    with pytest.raises(UserMistake, match=r"clip-000.1 is still being recorded"):
        session.begin_take(SCENE)
    with pytest.raises(UserMistake, match="was judged 'None'"):
        session.keep(take)
    session.judge(take, "good")
    with pytest.raises(UserMistake, match="is not this take's sealed file"):
        session.keep(take)
    session.discard(take, "never recorded")
    with pytest.raises(UserMistake, match=r"clip-000.1: is not being recorded"):
        session.discard(take, "twice")


def test_notes_are_kept_beside_sealed_clips(session: Session) -> None:
    take = recorded(session, session.begin_take(SCENE))
    before = take.final.read_bytes()
    session.note("a bird in frame 4", "clip-000.h5")
    session.note("it began to rain")
    with pytest.raises(UserMistake, match="has no clip 'clip-009'"):
        session.note("x", "clip-009")
    assert take.final.read_bytes() == before
    notes = [(note.clip, note.text) for note in SessionRecord.read(session.folder).notes]
    assert notes == [("clip-000", "a bird in frame 4"), (None, "it began to rain")]


def test_a_journal_of_another_session_is_refused(session: Session, tmp_path: Path) -> None:
    session.close()
    path = session.folder / JOURNAL_NAME
    lines = path.read_text().splitlines(keepends=True)
    first = json.loads(lines[0]) | {"session": "other"}
    path.write_text(json.dumps(first) + "\n" + "".join(lines[1:]))
    with pytest.raises(UserMistake, match="is the journal of session other"):
        Session.open(session.folder)


def test_a_part_that_still_grows_is_not_touched(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = session.begin_take(SCENE)
    take.part.write_bytes(b"x")
    size = iter(range(1000))
    real = os.stat

    def growing(path: Any, **options: Any) -> Any:
        if str(path).endswith(".h5.part"):
            with take.part.open("ab") as file:
                file.write(b"x" * (1 + next(size) % 3))
        return real(path, **options)

    monkeypatch.setattr("acquisition.session.recovery._PATIENCE_S", 0.2)
    monkeypatch.setattr("acquisition.session.recovery._QUIET_S", 0.01)
    monkeypatch.setattr("pathlib.os.stat", growing)
    with pytest.raises(UserMistake, match="another process still writes to it"):
        _reopened(session)
    monkeypatch.undo()
    assert take.part.exists()


@pytest.mark.parametrize("pulses", [1, 40, 300])
def test_the_estimate_is_just_above_the_truth(tmp_path: Path, pulses: int) -> None:
    path = write_clip(tmp_path / "clip-000.h5", Content(pulses=pulses))
    frame_bytes = dict.fromkeys(ROLES, WIDTH * HEIGHT)
    estimate = estimated_bytes([pulses], frame_bytes)
    size = path.stat().st_size
    assert size <= estimate <= size + 400_000


def test_reading_changes_nothing(session: Session) -> None:
    take = session.begin_take(SCENE)
    write_part(take.part, Content(), take)
    before = {path: path.read_bytes() for path in session.folder.rglob("*") if path.is_file()}
    record = SessionRecord.read(session.folder)
    assert [each.identity for each in record.open_takes] == ["clip-000.1"]
    after = {path: path.read_bytes() for path in session.folder.rglob("*") if path.is_file()}
    assert before == after
    assert len(read_entries(session.folder / JOURNAL_NAME)[0]) == 3


def test_take_paths(tmp_path: Path) -> None:
    take = Take.of(tmp_path, "s", "clip-012", 3)
    names = (take.part.name, take.final.name, take.discarded.name)
    assert names == ("clip-012.h5.part", "clip-012.h5", "clip-012.3.h5")


def test_kills_at_any_moment_lose_nothing_that_counts(session: Session) -> None:
    session.close()
    random = np.random.default_rng(5)
    told: list[str] = []
    command = [sys.executable, "-m", "tests.acquisition.session_process", str(session.folder)]
    for _ in range(4):
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert child.stdout is not None
        told.append(child.stdout.readline().strip())
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=float(random.uniform(0.0, 0.15)))
        child.kill()
        told += child.stdout.read().splitlines()
        child.wait(timeout=10)
        child.stdout.close()
    with Session.open(session.folder) as resumed:
        kept = [clip.identity for clip in resumed.record.clips]
        # A clip may have been kept in the moment before it was told.
        assert set(told) <= set(kept)
        assert len(kept) <= len(told) + 4
        assert [clip.number for clip in resumed.record.clips] == list(range(len(kept)))
        for clip in resumed.record.clips:
            with Clip.open(session.folder / clip.file) as opened:
                assert (opened.tail.verdict, opened.pair_count) == ("good", 3)
        assert list(session.folder.glob("*.part")) == []
        resumed.begin_take(SCENE)
