"""A file that leads a browser to the page, so that no command line shows the address's key."""

from __future__ import annotations

import html
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="referrer" content="no-referrer">
<title>Preview</title><meta http-equiv="refresh" content="0; url={url}"></head>
<body><p><a href="{url}">Preview</a></p></body></html>
"""


@contextmanager
def doorway(url: str) -> Iterator[Path]:
    """A page that goes on to `url`, readable by this user only; gone afterwards.

    A browser is given an address on its command line, which every user of the computer can list.
    """
    with tempfile.TemporaryDirectory(prefix="bsd-preview-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "preview.html"
        path.touch(mode=0o600)
        path.write_text(_PAGE.format(url=html.escape(url)), encoding="utf-8")
        yield path
