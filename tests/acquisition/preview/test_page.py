"""The page in a browser: what it shows, and what an operator can do with it."""

from __future__ import annotations

import os
import re
import signal
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest

from acquisition.child import ChildLost
from acquisition.preview.message import Leave, Note, StartTake, StopTake
from acquisition.preview.process import PreviewProcess
from acquisition.preview.status import CameraLine, CheckLine, Disk, Status, Sync, TakeLine, Verdict
from acquisition.ring import FrameRing
from tests.acquisition.preview.conftest import (
    IDLE,
    PATIENCE_S,
    Bench,
    eventually,
    live,
    opened,
    pixels,
)
from tests.acquisition.preview.feeder import (
    HEIGHT,
    SMALL,
    WIDTH,
    Feed,
    as_delivered,
    both,
    feeder,
    flat,
    marked,
    texture,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.unit

NASTY = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>'


def text(page: Page, selector: str) -> str:
    return " ".join((page.text_content(selector) or "").split())


def shows(page: Page, selector: str, wanted: str) -> None:
    """Wait for a text."""
    page.wait_for_function(
        "([selector, wanted]) => document.querySelector(selector).textContent.includes(wanted)",
        arg=[selector, wanted],
    )


def number(page: Page, selector: str) -> float:
    return float(text(page, selector).replace("\u2212", "-"))


def shown(page: Page, name: str, mode: str, zoom: int = 0) -> None:
    """Wait until a canvas shows a mode."""
    page.wait_for_selector(f'#canvas-{name}[data-mode="{mode}"][data-zoom="{zoom}"]')


# Pictures


def test_both_views_are_shown_upright(page: Page) -> None:
    for name in ("blurry", "sharp"):
        assert min(pixels(page, name, 0.08, 0.08)) > 215
        assert max(pixels(page, name, 0.92, 0.08)) < 160


def test_new_pictures_keep_coming(page: Page) -> None:
    read = "() => Number(document.getElementById('canvas-blurry').dataset.number)"
    first = page.evaluate(read)
    page.wait_for_function(f"first => ({read})() > first + 5", arg=first)


def test_the_token_is_gone_from_the_address(page: Page, bench: Bench) -> None:
    assert "token" not in page.url
    page.reload()  # the cookie has it
    live(page)


def test_overlay_shows_half_of_each(page: Page, bench: Bench) -> None:
    bright = {"blurry": [flat(200, 0)], "sharp": [as_delivered(flat(0, 0))]}
    bench.feed(Feed(bright))
    page.keyboard.press("2")
    shown(page, "both", "overlay")
    eventually(lambda: 105 < pixels(page, "both", 0.5, 0.5)[1] < 130)  # sRGB of 200 is 228


def test_the_difference_of_equal_views_is_flat_grey(page: Page, bench: Bench) -> None:
    bench.feed(Feed(both(flat(noise=0))))
    page.get_by_role("button", name="Difference").click()
    shown(page, "both", "difference")
    eventually(
        lambda: all(
            abs(level - 128) < 2
            for x in (0.1, 0.5, 0.9)
            for level in pixels(page, "both", x, 0.5, 10)
        )
    )
    assert page.locator('button[data-mode="difference"]').get_attribute("aria-pressed") == "true"


def test_a_shift_shows_in_the_anaglyph_as_colour(page: Page, bench: Bench) -> None:
    bar, shifted = flat(40, 0), flat(40, 0)
    bar[:, 60:80] = 220
    shifted[:, 80:100] = 220
    bench.feed(Feed({"blurry": [bar], "sharp": [as_delivered(shifted)]}))
    page.keyboard.press("5")
    shown(page, "both", "anaglyph")

    def fringes() -> bool:
        left, right = pixels(page, "both", 70 / WIDTH, 0.5), pixels(page, "both", 90 / WIDTH, 0.5)
        return left[0] > left[2] + 80 and right[2] > right[0] + 80

    eventually(fringes)


def test_blink_shows_them_in_turn(page: Page, bench: Bench) -> None:
    bench.feed(Feed({"blurry": [flat(30, 0)], "sharp": [as_delivered(flat(200, 0))]}))
    page.keyboard.press("3")
    for role, low, high in (("blurry", 60, 140), ("sharp", 200, 256), ("blurry", 60, 140)):
        page.wait_for_selector(f'#canvas-both[data-role="{role}"]')
        eventually(
            lambda low=low, high=high: low < pixels(page, "both", 0.5, 0.5)[1] < high  # type: ignore[misc]
        )


def test_zoom_shows_one_to_one_and_is_dragged(page: Page) -> None:
    page.keyboard.press("z")
    page.keyboard.press("z")
    shown(page, "sharp", "side", 4)
    box = page.locator("#view-blurry .box").bounding_box()
    assert box is not None
    size = page.evaluate(
        """() => { const c = document.getElementById('canvas-blurry');
        return [c.width, c.clientWidth, window.devicePixelRatio]; }"""
    )
    assert size[1] * size[2] == pytest.approx(4 * size[0])
    assert max(pixels(page, "blurry", 0.5, 0.5)) < 170
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 400, middle[1] + 300, steps=8)
    page.mouse.up()
    eventually(lambda: min(pixels(page, "blurry", 0.1, 0.1)) > 215)  # the corner came in
    eventually(lambda: min(pixels(page, "sharp", 0.1, 0.1)) > 215)  # in both


def test_a_double_click_zooms_to_the_spot(page: Page) -> None:
    page.wait_for_function("() => document.getElementById('canvas-blurry').width === 160")
    before = page.locator("#canvas-blurry").bounding_box()
    assert before is not None
    page.mouse.dblclick(before["x"] + 0.1 * before["width"], before["y"] + 0.2 * before["height"])
    shown(page, "blurry", "side", 1)
    page.keyboard.press("z")
    shown(page, "blurry", "side", 4)
    eventually(lambda: min(pixels(page, "blurry", 0.1, 0.1)) > 215)


def test_brighten_is_of_the_display_only(page: Page, bench: Bench) -> None:
    bench.feed(Feed(both(flat(30, 0))))
    eventually(lambda: pixels(page, "blurry", 0.5, 0.5)[1] < 110)
    shows(page, "#level-blurry", "%")
    light = text(page, "#level-blurry")
    page.keyboard.press("g")
    page.keyboard.press("g")
    shows(page, "#gain-value", "×4")
    eventually(lambda: pixels(page, "blurry", 0.5, 0.5)[1] > 170)
    assert text(page, "#level-blurry") == light


# Measurements


def test_focus_falls_with_blur_and_keeps_its_maximum(page: Page, bench: Bench) -> None:
    sharp = texture()
    soft = np.clip(sharp * 0.3 + 70, 0, 255).astype(np.uint8)
    bench.feed(Feed(both(sharp)))
    page.keyboard.press("m")
    eventually(lambda: text(page, "#focus-blurry") != "–" and number(page, "#focus-blurry") > 20)
    eventually(lambda: number(page, "#focus-blurry") > 20)
    most = number(page, "#focus-blurry")
    bench.feed(Feed(both(soft)))
    eventually(lambda: number(page, "#focus-blurry") < most / 2)
    kept = re.search(r"best so far ([\d.]+)", text(page, '[data-role="blurry"].measure'))
    assert kept is not None
    assert float(kept[1]) >= most
    page.keyboard.press("m")
    eventually(
        lambda: (
            f"best so far {number(page, '#focus-blurry'):.1f}"
            in text(page, '[data-role="blurry"].measure')
        )
    )


def test_clipping_is_marked_by_channel(page: Page, bench: Bench) -> None:
    hot = flat(100, 0)
    hot[::2, ::2] = 255  # every red sample of a mosaic RGGB
    bench.feed(Feed({"blurry": [hot], "sharp": [as_delivered(flat(100, 0))]}))
    page.wait_for_selector('#histogram-blurry rect[data-channel="R"]')
    assert page.locator("#histogram-blurry rect").count() == 1
    assert page.locator("#histogram-sharp rect").count() == 0
    assert text(page, "#clips-blurry .clipped") == "R 100\u202f%".replace("\u202f", " ")
    shows(page, "#warnings", "C1: 100")
    shows(page, "#warnings", "of the red samples are clipped")


def test_the_ratio_and_its_band(page: Page, bench: Bench) -> None:
    bench.feed(Feed({"blurry": [flat(103, 0)], "sharp": [as_delivered(flat(100, 0))]}))
    shows(page, "#ratio-value", "1.03")
    shows(page, "#ratio", "within 5")
    bench.feed(Feed({"blurry": [flat(120, 0)], "sharp": [as_delivered(flat(100, 0))]}))
    shows(page, "#ratio-value", "1.2")
    shows(page, "#ratio", "C1 is 20")


def test_where_c2_lies_in_c1_is_shown_with_its_age(page: Page, bench: Bench) -> None:
    seen = texture()
    moved = np.roll(seen, (2, -4), axis=(0, 1))
    bench.feed(Feed({"blurry": [seen], "sharp": [as_delivered(moved)]}))
    shows(page, "#registration", "+4.0")
    names = page.locator("#registration dt").all_text_contents()
    assert names == ["Shift x", "Shift y", "Roll", "Scale"]
    values = page.locator("#registration dd").all_text_contents()
    numbers = [float(each.split(" ")[0].replace("\u2212", "-")) for each in values]
    assert numbers[:2] == pytest.approx([4, -2], abs=0.1)
    assert numbers[2:] == pytest.approx([0, 0], abs=1)
    assert [each.rsplit("\u202f")[1] for each in values] == ["px", "px", "mrad", "‰"]
    assert all(" ± " in each for each in values)
    assert re.search(r"\d\ss ago", page.text_content("#registration-age") or "")
    bench.feed(Feed(both(flat(noise=0))))
    shows(page, "#registration-word", "cannot be told: the views show nothing alike")
    assert page.locator("#registration dl").is_hidden()


def test_registration_figures_age_with_their_frames(page: Page, bench: Bench) -> None:
    bench.feed(Feed(both(texture()), rate_hz=0))
    page.wait_for_function(
        "() => parseInt(document.getElementById('registration-age').textContent) >= 4"
    )


def test_frames_that_are_no_pair_are_said(page: Page, bench: Bench) -> None:
    bench.feed(Feed(both(marked()), behind=2))
    shows(page, "#stage-note", "C2 is 2 frames behind C1")
    bench.preview.scenery(SMALL.model_copy(update={"triggered": False}))
    shows(page, "#stage-note", "the cameras run freely")


# Status and states


def test_the_status_is_shown(page: Page, bench: Bench) -> None:
    bench.tell(
        Status(
            rig="bench-1",
            session="yard",
            setting="2ms16ms",
            rate_hz=15.0,
            blurry=CameraLine(state="running", rate_hz=14.99, temperature_c=41.2, frames=87),
            sharp=CameraLine(state="running", lost=2, ring_fill=0.75),
            sync=Sync(state="in_step", text="87 pulses"),
            disk=Disk(free_bytes=250_000_000_000, left_s=300.0, write_mb_s=9.2),
            take=TakeLine(state="idle"),
            warnings=("C1 is cold",),
        )
    )
    shows(page, "#head-facts", "2ms16ms")
    assert text(page, "#rig-rows tr:first-child") == "C1running14.9987––41.2°"
    assert text(page, "#rig-rows tr:last-child .bad >> nth=0") == "2"
    assert "In sync" in text(page, "#sync")
    assert "250 GB · 5 min left" in text(page, "#disk")
    warned = text(page, "#warnings")
    for part in ("C2: 2 frames of this take lost", "memory is 75", "room for 5", "C1 is cold"):
        assert part in warned


def _told(preview: PreviewProcess, page: Page, state: str) -> None:
    """Wait for a state; what could not be told at once goes out with the next look for news."""
    eventually(lambda: not preview.news(0.1) and state in text(page, "#state-name"))


def test_the_states_of_the_page(bench: Bench, browser: Browser) -> None:
    rings = {"blurry": FrameRing(1 << 20), "sharp": FrameRing(1 << 20)}
    with ExitStack() as stack:
        preview = stack.enter_context(PreviewProcess(rings))  # type: ignore[arg-type]
        cameras = stack.enter_context(feeder(rings))  # type: ignore[arg-type]
        page = stack.enter_context(opened(browser, preview.url))
        shows(page, "#state-name", "No cameras yet")
        told = partial(_told, preview, page)
        preview.scenery(SMALL)
        told("Waiting for a frame")
        for feed, state in (
            (Feed(both(marked())), "LIVE"),
            (Feed(both(marked()), rate_hz=0), "No new frames"),
            (Feed(both(marked())), "LIVE"),
        ):
            cameras.ask(feed, PATIENCE_S)
            shows(page, "#state-name", state)
        lost = IDLE.model_copy(update={"sharp": CameraLine(state="lost")})
        preview.show(lost)
        told("C2 lost")
        taking = TakeLine(state="recording", name="clip-001", done=30, asked=150)
        preview.show(lost.model_copy(update={"take": taking}))
        told("RECORDING")
        shows(page, "#warnings", "C2 is lost")
        live(page, "recording")


# A take


def test_start_progress_stop_verdict_note(page: Page, bench: Bench) -> None:
    page.get_by_label("Frames", exact=True).fill("90")
    page.get_by_label("Motion").fill("walking")
    page.get_by_label("Notes").fill("sun")
    page.get_by_role("button", name="Start take").click()
    assert bench.news() == [
        StartTake(purpose="scene", frames=90, notes="sun", motion="walking", countdown_s=3)
    ]
    counting = TakeLine(state="countdown", name="clip-001", asked=100, countdown_s=2.4)
    bench.tell(IDLE.model_copy(update={"take": counting}))
    page.wait_for_selector("#countdown:not([hidden])")
    assert text(page, "#countdown") == "3"
    taking = TakeLine(state="recording", name="clip-001", purpose="scene", done=45, asked=100)
    bench.tell(IDLE.model_copy(update={"take": taking}))
    live(page, "recording")
    assert text(page, "#recording .count") == "45 of 100"
    assert page.locator("#start-form").is_hidden()
    page.keyboard.press("s")
    assert bench.news() == [StopTake()]
    bench.tell(
        IDLE.model_copy(
            update={
                "verdict": Verdict(
                    name="clip-001", verdict="stopped", text="45 pairs", findings=("short",)
                )
            }
        )
    )
    live(page)
    assert text(page, "#verdict p").startswith("clip-001 stopped 45 pairs")
    assert text(page, "#verdict-findings") == "short"
    page.keyboard.press("n")
    page.keyboard.type("r4 s again")  # keys are letters here
    page.keyboard.press("Enter")
    assert bench.news() == [Note(text="r4 s again")]
    assert page.locator('button[data-mode="side"]').get_attribute("aria-pressed") == "true"


def test_a_start_that_the_program_refuses_is_answered(page: Page, bench: Bench) -> None:
    page.keyboard.press("r")
    assert len(bench.news()) == 1
    bench.tell(IDLE.model_copy(update={"message": "disk: no space left for 150 frames"}))
    shows(page, "#answer", "disk: no space left")
    assert page.locator("#start").is_enabled()


def test_a_number_that_does_not_fit_is_not_sent(page: Page, bench: Bench) -> None:
    page.get_by_label("Frames", exact=True).fill("0")
    page.get_by_role("button", name="Start take").click()
    assert bench.preview.news(0.3) == []


def test_scenes_are_recorded_here_and_calibration_clips_by_the_guide(
    page: Page, bench: Bench
) -> None:
    assert page.get_by_label("Purpose").count() == 0
    shows(page, "#start-form", "acquisition.capture --guided")
    page.get_by_label("Countdown").select_option("0")
    page.get_by_role("button", name="Start take").click()
    assert bench.news() == [StartTake(purpose="scene", frames=150)]


def test_what_the_preflight_found_is_shown(page: Page, bench: Bench) -> None:
    warned = CheckLine(name="disk", status="warning", text=NASTY)
    bench.tell(IDLE.model_copy(update={"checks": (warned,)}))
    shows(page, "#checks-name", "Preflight: 1 warning")
    assert page.locator("#checks-lines").is_hidden()
    fault = CheckLine(name="level", status="fault", text="too dark; open the aperture")
    bench.tell(IDLE.model_copy(update={"checks": (fault, warned)}))
    shows(page, "#checks-name", "Preflight: 1 fault, 1 warning")
    assert text(page, "#checks-lines .bad") == "level: too dark; open the aperture"
    assert page.locator("#checks-lines").is_visible()
    bench.tell(IDLE)
    page.wait_for_selector("#checks", state="hidden")


def test_the_end_is_asked_for_twice(page: Page, bench: Bench) -> None:
    page.get_by_role("button", name="End", exact=True).click()
    assert bench.preview.news(0.2) == []
    page.get_by_role("button", name="End it").click()
    assert bench.news() == [Leave()]


def test_without_takes_nothing_can_be_started(page: Page, bench: Bench) -> None:
    bench.tell(Status())
    shows(page, "#take-none", "Takes cannot be started here")
    page.wait_for_selector("#start-form", state="hidden")
    page.keyboard.press("r")
    assert bench.preview.news(0.3) == []


# Hostile and unlucky


def test_markup_is_shown_as_text(page: Page, bench: Bench) -> None:
    scenery = SMALL.model_copy(update={"blurry": SMALL.blurry.model_copy(update={"serial": NASTY})})
    bench.preview.scenery(scenery)
    taking = TakeLine(state="recording", name=NASTY, purpose=NASTY, prompt=NASTY)
    hurting = Status(
        rig=NASTY,
        session=NASTY,
        setting=NASTY,
        sync=Sync(state="out_of_step", text=NASTY),
        take=taking,
        warnings=(NASTY,),
        message=NASTY,
    )
    bench.tell(hurting)
    live(page, "recording")
    verdict = Verdict(name=NASTY, verdict="good", text=NASTY, findings=(NASTY,))
    bench.tell(hurting.model_copy(update={"take": TakeLine(state="idle"), "verdict": verdict}))
    shows(page, "#verdict-findings", NASTY)
    shows(page, "#head-facts", NASTY)
    shows(page, "#warnings", NASTY)
    shows(page, "#serial-blurry", NASTY)
    assert page.evaluate("window.hurt") is None
    assert page.locator("main img, header img, #warnings img").count() == 0


def test_nothing_is_loaded_from_elsewhere(bench: Bench, browser: Browser) -> None:
    asked: list[str] = []
    with opened(browser, "about:blank") as page:
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda said: asked.append(f"console: {said.text}"))
        page.goto(bench.preview.url)
        page.wait_for_selector("#focus-blurry")
    origin = bench.preview.url.partition("?")[0]
    assert [url for url in asked if not url.startswith((origin, "data:"))] == []


def test_two_browsers_see_different_things(page: Page, bench: Bench, browser: Browser) -> None:
    with opened(browser, bench.preview.url) as other:
        live(other)
        other.keyboard.press("4")
        shown(other, "both", "difference")
        read = "Number(document.getElementById('canvas-blurry').dataset.number)"
        before = page.evaluate(read)
        page.wait_for_function(f"() => {read} > {before} + 2")
        shown(page, "blurry", "side")


def test_the_page_comes_back_when_the_server_does(page: Page, bench: Bench) -> None:
    pid = bench.preview.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    live(page, "gone")
    shows(page, "#veil-text", "The page comes back by itself")
    with pytest.raises(ChildLost):
        eventually(lambda: bool(bench.preview.news(1.0)))
    url = bench.preview.url
    assert bench.preview.revive()
    assert bench.preview.url == url
    live(page)
    shows(page, "#head-facts", "bench-1")
    assert not bench.preview.revive()


def test_another_token_is_said(bench: Bench, browser: Browser) -> None:
    rings = {"blurry": FrameRing(1 << 16), "sharp": FrameRing(1 << 16)}
    with PreviewProcess(rings) as first:  # type: ignore[arg-type]
        port = int(re.findall(r":(\d+)/", first.url)[0])
        with opened(browser, first.url) as page:
            shows(page, "#state-name", "No cameras yet")
            first.close()
            live(page, "gone")
            with PreviewProcess(rings, port=port):  # type: ignore[arg-type]
                shows(page, "#veil-text", "no longer valid")


# Sizes


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (820, 1180), (1920, 1080), (390, 844)])
def test_nothing_sticks_out(bench: Bench, browser: Browser, width: int, height: int) -> None:
    bench.preview.scenery(SMALL)
    verdict = Verdict(name="clip-000", verdict="good", text="160 of 160 pairs")
    bench.tell(IDLE.model_copy(update={"verdict": verdict}))
    bench.feed(Feed(both(marked())))
    with opened(browser, bench.preview.url, width, height) as page:
        live(page)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width
        if width > 400:  # all of it on one screen
            assert page.evaluate("document.documentElement.scrollHeight") <= height
        out = page.evaluate(
            """() => [...document.querySelectorAll('button, input, select, .card')]
            .filter((each) => each.offsetParent)
            .filter((each) => each.getBoundingClientRect().right > window.innerWidth + 1)
            .map((each) => each.id || each.textContent)"""
        )
        assert out == []


def test_every_control_has_a_name_and_room_for_a_finger(page: Page) -> None:
    found = page.evaluate(
        """() => [...document.querySelectorAll('button, input, select')]
        .filter((each) => each.offsetParent)
        .map((each) => [(each.labels && each.labels[0] || each).textContent.trim()
            || each.getAttribute('aria-label'), each.getBoundingClientRect().height])"""
    )
    assert len(found) > 14
    assert [each for each in found if not each[0] or each[1] < 34] == []
    assert HEIGHT < WIDTH
