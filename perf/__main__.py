"""Run the speed comparisons: ``python -m perf [NAME ...] [--json FILE]``.

Each module ``perf/bench_NAME.py`` has one function, ``run(report)``.
"""

import importlib
import logging
from pathlib import Path
from typing import Annotated

import typer

from bsd import command
from bsd.errors import FoundBad, ToolkitError, UserMistake
from perf.harness import Report

log = logging.getLogger(__name__)

_PREFIX = "bench_"

app = command.application("Speed comparisons: ours beside what a user would write.")


def bench_names() -> list[str]:
    """Names of the benchmarks beside this file, sorted."""
    return sorted(
        path.stem.removeprefix(_PREFIX) for path in Path(__file__).parent.glob(f"{_PREFIX}*.py")
    )


@app.command()
def compare(
    names: Annotated[
        list[str] | None, typer.Argument(help="Benchmarks to run; all where none is named.")
    ] = None,
    json_path: Annotated[
        Path | None, typer.Option("--json", help="Write the rows to this file too.")
    ] = None,
    trial: Annotated[
        bool,
        typer.Option("--trial", help="Each job once and small: does it run? Figures mean nothing."),
    ] = False,
    listed: Annotated[bool, typer.Option("--list", help="Print the names and leave.")] = False,
) -> None:
    """Compare our speed with the usual scripts'; a missed aim is shown and is no failure.

    What crashes or cannot run here is told in the table, and the exit code is 1 at the end.

    Example: python -m perf fidelity --json fidelity.json
    """
    known = bench_names()
    if listed:
        command.out().print("\n".join(known), markup=False)
        return
    unknown = sorted(set(names or ()) - set(known))
    if unknown:
        raise UserMistake(f"no benchmark {', '.join(unknown)}: choose from {', '.join(known)}")
    if json_path is not None and not json_path.parent.is_dir():
        raise UserMistake(f"{json_path}: its folder does not exist; create it first")
    report = Report(trial=trial)
    chosen = sorted(set(names or known))
    for name in chosen:
        _run(name, report)
    report.console.print(report.table())
    if json_path is not None:
        report.write_json(json_path)
    if report.failures:
        failed = ", ".join(each.name for each in report.failures)
        raise FoundBad(
            f"{len(report.failures)} of {len(chosen)} benchmarks did not run through: {failed};"
            " the reasons stand in the table"
        )


def _run(name: str, report: Report) -> None:
    """Run one benchmark; whatever it raises is kept, so that the others still run."""
    try:
        importlib.import_module(f"perf.{_PREFIX}{name}").run(report)
    except (ToolkitError, ModuleNotFoundError) as error:
        report.fail(name, f"refused: {error}")
    except Exception as error:
        log.exception("perf %s crashed", name)
        report.fail(name, f"crashed: {type(error).__name__}: {error}")


if __name__ == "__main__":
    command.run(app, "perf")
