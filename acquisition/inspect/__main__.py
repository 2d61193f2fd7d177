"""``python -m acquisition.inspect``: what a clip or a session holds, here or as a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bsd import command, errors
from bsd.errors import UserMistake

if TYPE_CHECKING:
    from acquisition.clip.reader import Clip

app = command.application("Show a clip or a session: ledger, rates, losses, pictures, timeline.")

_TONES = {"good": "green", "free-running": "yellow", "marked": "yellow"}


@app.command()
def main(
    path: Annotated[Path, typer.Argument(metavar="CLIP|SESSION", help="A clip or a session.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="PAGE", help="Write a page, an .html file.")
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option("--picture", metavar="PNG", help="Write a clip's middle pair as a picture."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> int:
    """Show what was recorded. Exit code 1: a clip that does not count, or files with gaps.

    Example: python -m acquisition.inspect my-session --out session.html
    """
    if out is not None and out.suffix.lower() not in {".html", ".htm"}:
        raise UserMistake(f"--out {out}: a page is an .html file; name it so")
    if picture is not None and picture.suffix.lower() != ".png":
        raise UserMistake(f"--picture {picture}: a picture is a .png file; name it so")
    if not path.exists():
        raise UserMistake(f"{path}: no such clip or session")
    if path.is_dir():
        return _session(path, out, picture, as_json=as_json)
    return _clip(path, out, picture, as_json=as_json)


def _clip(path: Path, out: Path | None, picture: Path | None, *, as_json: bool) -> int:
    from acquisition.clip.reader import Clip
    from acquisition.inspect.clip_inspection import inspect_clip
    from acquisition.inspect.summary import clip_summary

    if path.suffix == ".part":
        raise UserMistake(
            f"{path}: is not sealed: it is being recorded now, or was interrupted; the next"
            " 'python -m acquisition.capture' into its session (--out) recovers its frames"
        )
    with Clip.open(path) as clip:
        seen = inspect_clip(clip)
        if out is not None:
            from acquisition.inspect.clip_page import clip_page

            _write(clip_page(clip), out)
        if picture is not None:
            _write_picture(clip, picture)
    if as_json:
        command.print_json(seen.as_fields())
    else:
        _print(clip_summary(seen), seen.verdict, out, picture)
    return errors.EXIT_DONE if seen.counts else errors.EXIT_FOUND_BAD


def _session(path: Path, out: Path | None, picture: Path | None, *, as_json: bool) -> int:
    from acquisition.inspect.session_inspection import inspect_session
    from acquisition.inspect.summary import session_summary

    if picture is not None:
        raise UserMistake(f"--picture {picture}: is of one clip; name a clip, or use --out")
    seen = inspect_session(path)
    if out is not None:
        from acquisition.inspect.session_page import session_page

        _write(session_page(seen), out)
    if as_json:
        command.print_json(seen.as_fields())
    else:
        _print(session_summary(seen), "", out, None)
    return errors.EXIT_DONE if not seen.gaps else errors.EXIT_FOUND_BAD


def _write(page: Any, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    page.write(out)


def _write_picture(clip: Clip, picture: Path) -> None:
    from acquisition.inspect.clip_picture import Studio, chosen_pairs
    from bsd.document import write_bytes

    pairs = chosen_pairs(clip)
    if not pairs:
        raise UserMistake(
            f"{clip.path}: has no pair, so there is no picture of one; --out shows single frames"
        )
    pair = pairs.get("middle", next(iter(pairs.values())))
    picture.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(picture, Studio.of(clip).beside(pair))


def _print(
    lines: list[tuple[str, str]], verdict: str, out: Path | None, picture: Path | None
) -> None:
    """Plain columns; a path is never folded, whatever reads the output."""
    console = command.out()
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        console.print(f"{name:{width}}  ", end="", markup=False)
        style = _TONES.get(verdict, "bold red") if name == "verdict" else None
        console.print(text, style=style, markup=False)
    for made in (out, picture):
        if made is not None:
            console.print(f"  {made}", markup=False)


if __name__ == "__main__":
    command.run(app, "acquisition.inspect")
