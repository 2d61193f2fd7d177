"""Runs a verb: logging, progress, interrupts, and errors as one line with an exit code.

A verb module holds ``app = command.application(...)`` with one ``@app.command()`` function and
ends in ``command.run(app, "WING.VERB")``. ``bsd WING VERB`` finds the same module by name.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from bsd import errors
from bsd.provenance import toolkit_version

log = logging.getLogger(__name__)

VERBS: dict[str, dict[str, str]] = {
    "acquisition": {
        "doctor": "acquisition.doctor",
        "capture": "acquisition.capture.__main__",
        "inspect": "acquisition.inspect.__main__",
        "preview": "acquisition.preview.__main__",
    },
    "calibration": {
        "solve": "calibration.solve.__main__",
        "report": "calibration.report.__main__",
    },
    "dataset": {
        "build": "dataset.build.__main__",
        "synthesize": "dataset.synthesize",
        "render": "dataset.render",
        "verify": "dataset.verify",
    },
    "benchmark": {
        "train": "benchmark.train",
        "evaluate": "benchmark.evaluate",
        "report": "benchmark.report",
        "cost": "benchmark.cost",
        "upstream": "benchmark.upstream",
        "demo": "benchmark.demo",
    },
    "hardware": {
        "firmware": "hardware.firmware.__main__",
        "host": "hardware.host.__main__",
        "twin": "hardware.twin.__main__",
    },
}
"""`bsd WING VERB` → module. Strings only: a verb is imported when it is asked for."""

_QUIET_PROGRESS_SECONDS = 10.0


def application(help_text: str) -> typer.Typer:
    """An empty typer application for one verb; `help_text` may hold an example."""
    return typer.Typer(
        help=help_text,
        add_completion=False,
        no_args_is_help=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
    )


def out() -> Console:
    """Console for what was asked for (standard output)."""
    return Console(soft_wrap=True, highlight=False, emoji=False)


def err() -> Console:
    """Console for everything beside the answer (standard error)."""
    return Console(stderr=True, soft_wrap=True, highlight=False, emoji=False)


def print_json(answer: object) -> None:
    """Print one JSON document to standard output, for programs that read the answer."""
    sys.stdout.write(json.dumps(answer, indent=2, ensure_ascii=False, default=str) + "\n")


@contextlib.contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show progress with time left on standard error; yields ``advance(steps)``.

    In a terminal this is a bar; elsewhere one line every ten seconds.
    """
    console = err()
    if not console.is_terminal:
        yield _line_progress(title, total)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda steps: bar.update(task, advance=steps)


def _line_progress(title: str, total: int) -> Callable[[int], None]:
    done = 0
    last = time.monotonic()

    def advance(steps: int) -> None:
        nonlocal done, last
        done += steps
        now = time.monotonic()
        if now - last >= _QUIET_PROGRESS_SECONDS:
            last = now
            sys.stderr.write(f"{title}: {done}/{total}\n")

    return advance


def run(app: typer.Typer, name: str, arguments: list[str] | None = None) -> NoReturn:
    """Run a verb and leave the process with its exit code (see `bsd.errors`).

    Parameters
    ----------
    app
        The verb's typer application.
    name
        ``WING.VERB``, shown in the help text.
    arguments
        Command line without the program's name; default ``sys.argv[1:]``.
    """
    configure_logging()
    with contextlib.suppress(ValueError):  # not the main thread
        signal.signal(signal.SIGTERM, _interrupt)
    code = _outcome(app, name, sys.argv[1:] if arguments is None else arguments)
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
    sys.exit(code)


def _outcome(app: typer.Typer, name: str, arguments: list[str]) -> int:
    try:
        answer: Any = app(args=arguments, prog_name=f"python -m {name}", standalone_mode=False)
        if answer == errors.EXIT_INTERRUPTED:  # typer turns Ctrl-C into this answer
            raise KeyboardInterrupt
        return answer if isinstance(answer, int) else errors.EXIT_DONE
    except errors.ToolkitError as error:
        return _say(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _say("interrupted", errors.EXIT_INTERRUPTED)
    except typer.Exit as leaving:
        return leaving.exit_code
    except BrokenPipeError:  # the reader of our output went away: nothing left to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return errors.EXIT_DONE
    except OSError as error:
        explained = errors.explain_os_error(error)
        return _say(str(explained), explained.exit_code)
    except Exception as error:
        if hasattr(error, "format_message"):  # typer's own complaint about the command line
            return _say(f"{error.format_message()} (see --help)", errors.EXIT_USER_MISTAKE)
        log.exception("a defect of this toolkit; please report it with the lines above")
        return errors.EXIT_DEFECT


def _say(message: str, code: int) -> int:
    sys.stderr.write(f"error: {' '.join(message.split())}\n")
    return code


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def configure_logging() -> None:
    """Send log records to standard error; ``BSD_LOG`` (debug, info, warning) sets the level."""
    level = os.environ.get("BSD_LOG", "info").upper()
    handler = _StandardError()
    handler.setFormatter(logging.Formatter("%(levelname_lower)s%(message)s"))
    logging.basicConfig(
        level=level if level in logging.getLevelNamesMapping() else "INFO",
        handlers=[handler],
        force=True,
    )
    for noisy in ("numba", "matplotlib", "PIL", "libav"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class _StandardError(logging.Handler):
    """One line a record, on whatever standard error is now: a progress bar replaces it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record; what is worse than information is named."""
        plain = record.levelno <= logging.INFO
        record.levelname_lower = "" if plain else f"{record.levelname.lower()}: "
        sys.stderr.write(self.format(record) + "\n")


def main() -> NoReturn:
    """``bsd WING VERB ...``: the same as ``python -m WING.VERB ...``."""
    words = sys.argv[1:]
    if words[:1] == ["--version"]:
        sys.stdout.write(toolkit_version() + "\n")
        sys.exit(errors.EXIT_DONE)
    if len(words) >= 2 and words[1] in VERBS.get(words[0], {}):
        name = VERBS[words[0]][words[1]]
        run(importlib.import_module(name).app, name.removesuffix(".__main__"), words[2:])
    known = [f"  bsd {wing} {verb}" for wing, verbs in VERBS.items() for verb in verbs]
    text = "\n".join(["usage: bsd WING VERB [OPTIONS]", "", *known, ""])
    asked = words[:1] in (["--help"], ["-h"])
    (sys.stdout if asked else sys.stderr).write(text)
    sys.exit(errors.EXIT_DONE if asked else errors.EXIT_USER_MISTAKE)
