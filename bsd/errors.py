"""Errors that end a command in one clear line, and the exit code that each one carries.

========  ==========================================================
code      meaning
========  ==========================================================
0         done
1         checked and found bad (`FoundBad`)
2         a user's mistake (`UserMistake`)
3         a device or the environment (`EnvironmentFault`, disk full)
70        a defect of this toolkit: traceback, please report
130       interrupted (Ctrl-C, SIGTERM)
========  ==========================================================
"""

from __future__ import annotations

import errno

EXIT_DONE = 0
EXIT_FOUND_BAD = 1
EXIT_USER_MISTAKE = 2
EXIT_ENVIRONMENT = 3
EXIT_DEFECT = 70
EXIT_INTERRUPTED = 130


class ToolkitError(Exception):
    """Base of every error whose message is meant for the person at the keyboard.

    The message is one line that names the file, field, frame or device and the way out.
    """

    exit_code = EXIT_DEFECT


class FoundBad(ToolkitError):
    """A check ran to its end and what it checked is not good."""

    exit_code = EXIT_FOUND_BAD


class UserMistake(ToolkitError):
    """What was asked for cannot be done as asked: wrong path, option, field or file."""

    exit_code = EXIT_USER_MISTAKE


class EnvironmentFault(ToolkitError):
    """The machine or a device prevents it: full disk, read-only folder, missing compiler."""

    exit_code = EXIT_ENVIRONMENT


_FAULTS = {
    errno.ENOSPC: "no space left on the disk; free some or choose another folder, then run again",
    errno.EDQUOT: "disk quota used up; free some space or choose another folder, then run again",
    errno.EROFS: "the file system is read-only; choose a folder that can be written",
    errno.EACCES: "permission denied; choose a folder that you may write or read",
    errno.EPERM: "operation not permitted; choose a folder that you may write or read",
    errno.EMFILE: "too many open files; raise the limit with 'ulimit -n 4096'",
    errno.EIO: "input/output error of the disk; check it before you go on",
}


def explain_os_error(error: OSError) -> ToolkitError:
    """Turn an `OSError` into the one line that a person can act on.

    Parameters
    ----------
    error
        Any operating system error; `filename` is named where the system gave one.

    Returns
    -------
    ToolkitError
        `EnvironmentFault` for the machine's faults, `UserMistake` for paths that do not fit.
    """
    where = f"{error.filename}: " if error.filename else ""
    if error.errno in _FAULTS:
        return EnvironmentFault(f"{where}{_FAULTS[error.errno]}")
    if isinstance(error, FileNotFoundError):
        return UserMistake(f"{where}no such file or folder")
    if isinstance(error, NotADirectoryError | IsADirectoryError | FileExistsError):
        return UserMistake(f"{where}{(error.strerror or 'wrong kind of file').lower()}")
    return EnvironmentFault(f"{where}{error.strerror or error}")
