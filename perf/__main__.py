"""Run the speed comparisons: ``python -m perf [NAME ...] [--json FILE]``.

Each module ``perf/bench_NAME.py`` has one function, ``run(report)``.
"""

import importlib
from pathlib import Path
from typing import Annotated

import typer

from bsd import command
from bsd.errors import UserMistake
from perf.harness import Report

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
    listed: Annotated[bool, typer.Option("--list", help="Print the names and leave.")] = False,
) -> None:
    """Compare our speed with the usual scripts'; a missed aim is shown and is no failure.

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
    report = Report()
    for name in sorted(set(names or known)):
        importlib.import_module(f"perf.{_PREFIX}{name}").run(report)
    report.console.print(report.table())
    if json_path is not None:
        report.write_json(json_path)


if __name__ == "__main__":
    command.run(app, "perf")
