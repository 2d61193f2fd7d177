"""Which session a command line means, and what it says of persons and of the operator."""

import getpass
from pathlib import Path

import pytest

from acquisition.session.opening import open_session, stated_consent
from bsd.errors import UserMistake

pytestmark = pytest.mark.unit


@pytest.fixture
def rig_file(tmp_path: Path) -> Path:
    page = Path(__file__).resolve().parents[3] / "docs" / "reference" / "rig.md"
    file = tmp_path / "rig.yaml"
    file.write_text(page.read_text().partition("```yaml\n")[2].partition("```")[0])
    return file


def test_the_operator_is_asked_once_and_kept(rig_file: Path, tmp_path: Path) -> None:
    said: list[str] = []
    asked = iter(["Ada"])
    for _ in range(2):  # the second time nobody is asked: the iterator is empty
        with open_session(
            tmp_path / "s", rig_file, operator=None, say=said.append, ask=lambda: next(asked)
        ) as session:
            assert session.document.operator == "Ada"
    with pytest.raises(UserMistake, match="is the session of Ada; leave --operator out"):
        open_session(tmp_path / "s", rig_file, operator="Berta", say=said.append)
    with open_session(tmp_path / "s", rig_file, operator="Ada", say=said.append):
        pass


def test_without_a_word_it_is_the_user_of_the_machine(rig_file: Path, tmp_path: Path) -> None:
    with open_session(tmp_path / "s", rig_file, operator=None, say=print) as session:
        assert session.document.operator == getpass.getuser()


def test_statements_on_persons() -> None:
    assert stated_consent(None, "", no_persons=False) is None
    nobody = stated_consent(None, "", no_persons=True)
    assert nobody is not None
    assert not nobody.persons
    someone = stated_consent("form 7", "signed", no_persons=False)
    assert someone is not None
    assert (someone.persons, someone.who, someone.how) == (True, "form 7", "signed")
    with pytest.raises(UserMistake, match="exclude each other"):
        stated_consent("form 7", "signed", no_persons=True)
    with pytest.raises(UserMistake, match="say how"):
        stated_consent("form 7", " ", no_persons=False)


def test_a_new_statement_holds_from_now_on(rig_file: Path, tmp_path: Path) -> None:
    first = stated_consent(None, "", no_persons=True)
    with open_session(tmp_path / "s", rig_file, operator="Ada", say=print, consent=first):
        pass
    second = stated_consent("form 7", "signed", no_persons=False)
    with open_session(tmp_path / "s", rig_file, operator=None, say=print, consent=second) as again:
        assert again.record.consent == second
