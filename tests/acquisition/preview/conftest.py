"""A preview with a feeder, and a browser to look at it with."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from acquisition.child import Child
from acquisition.preview.process import News, PreviewProcess
from acquisition.preview.status import Role, Status, TakeLine
from acquisition.ring import FrameRing
from tests.acquisition.preview.feeder import SMALL, Feed, both, feeder, marked

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

IDLE = Status(rig="bench-1", take=TakeLine(state="idle"))
PATIENCE_S = 20.0


@dataclass
class Bench:
    """A running preview whose cameras are a feeder."""

    rings: dict[Role, FrameRing]
    preview: PreviewProcess
    feeder: Child
    _told: list[News] = field(default_factory=list)

    def feed(self, feed: Feed) -> None:
        """Show other frames."""
        self.feeder.ask(feed, PATIENCE_S)

    def tell(self, status: Status) -> None:
        """Tell the page, and wait until its server has taken it in."""
        self.preview.show(status)
        until_s = time.monotonic() + PATIENCE_S
        while self.preview._untold or self.preview._telling:
            assert time.monotonic() < until_s
            self._told += self.preview.news(0.1)

    def news(self, count: int = 1) -> list[News]:
        """The next that operators ask for."""
        until_s = time.monotonic() + PATIENCE_S
        while len(self._told) < count and time.monotonic() < until_s:
            self._told += self.preview.news(0.2)
        found, self._told = self._told[:count], self._told[count:]
        assert len(found) == count, found
        return found


def eventually(holds: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Wait for a condition."""
    until_s = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < until_s, "does not come true"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with ExitStack() as stack:
        rings: dict[Role, FrameRing] = {"blurry": FrameRing(1 << 20), "sharp": FrameRing(1 << 20)}
        preview = stack.enter_context(PreviewProcess(rings))
        camera = stack.enter_context(feeder(rings))
        yield Bench(rings, preview, camera)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium on this machine: the page is not looked at")
    with api.sync_playwright() as play:
        running = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def page(bench: Bench, browser: Browser) -> Iterator[Page]:
    """The page, live: both views of the marked frame are shown."""
    bench.preview.scenery(SMALL)
    bench.tell(IDLE)
    bench.feed(Feed(both(marked())))
    with opened(browser, bench.preview.url) as page:
        live(page)
        yield page


class opened:  # noqa: N801  reads like a function
    """A page of its own context; whatever the page complains of fails the test."""

    def __init__(self, browser: Browser, url: str, width: int = 1280, height: int = 800) -> None:
        self._context = browser.new_context(viewport={"width": width, "height": height})
        self._url = url
        self.complaints: list[str] = []

    def __enter__(self) -> Page:
        page = self._context.new_page()
        page.set_default_timeout(PATIENCE_S * 1000)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(self._url)
        return page

    def __exit__(self, *_: object) -> None:
        self._context.close()
        assert self.complaints == []


def live(page: Page, state: str = "live") -> None:
    """Wait until the page is in a state."""
    page.wait_for_selector(f'body[data-state="{state}"]')


def pixels(page: Page, name: str, x: float, y: float, size: int = 6) -> list[float]:
    """Mean red, green and blue of a patch of a canvas, its middle at shares of its sides."""
    found: list[float] = page.evaluate(
        """([name, x, y, size]) => {
            const canvas = document.getElementById(`canvas-${name}`);
            const left = Math.round(x * canvas.width - size / 2);
            const top = Math.round(y * canvas.height - size / 2);
            const data = canvas.getContext("2d").getImageData(left, top, size, size).data;
            const sums = [0, 0, 0];
            for (let i = 0; i < data.length; i += 4) {
                for (let c = 0; c < 3; c++) sums[c] += data[i + c];
            }
            return sums.map((sum) => sum / (data.length / 4));
        }""",
        [name, x, y, size],
    )
    return found
