"""One solved session for all tests that only read it, and the verb in this process."""

from __future__ import annotations

import pytest

from bsd import command
from calibration.solve import __main__ as verb
from calibration.solve.solution import solve
from tests.calibration.worlds import LEAN, WHOLE
from tests.twin_session import twin_session


@pytest.fixture(scope="session")
def whole():
    """A session with all steps at both ends; never change it."""
    return twin_session(WHOLE)


@pytest.fixture(scope="session")
def lean_session():
    """A session with what a calibration needs; never change it."""
    return twin_session(LEAN)


@pytest.fixture(scope="session")
def solved(whole, tmp_path_factory):
    """The calibration of `whole`; never change it."""
    return solve(whole.folder, tmp_path_factory.mktemp("solved") / "cal")


@pytest.fixture
def solve_verb(monkeypatch, capsys):
    """Run the verb in this process, whose threads it leaves alone; code, stdout, stderr."""
    monkeypatch.setattr("bsd.threads.set_threads", lambda _: None)
    monkeypatch.setattr(command, "configure_logging", lambda: None)

    def run(*arguments):
        with pytest.raises(SystemExit) as leaving:
            command.run(verb.app, "calibration.solve", [str(a) for a in arguments])
        return leaving.value.code, *capsys.readouterr()

    return run
