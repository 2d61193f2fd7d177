"""The file that leads a browser to the page."""

import html
import os
import re
import stat

import pytest

from acquisition.preview.doorway import doorway

pytestmark = pytest.mark.unit


def test_only_the_user_can_read_it_and_it_goes() -> None:
    url = "http://127.0.0.1:4711/?token=a-b_c&x=1"
    with doorway(url) as path:
        found = re.search(r'content="0; url=([^"]+)"', path.read_text(encoding="utf-8"))
        assert found is not None
        assert html.unescape(found[1]) == url
        assert "token" not in path.as_uri()
        if os.name == "posix":
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.parent.exists()
