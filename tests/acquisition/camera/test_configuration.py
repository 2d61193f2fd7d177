"""What is set, in which order, what is compared, and the one line of each refusal."""

import re
from collections.abc import Callable

import pytest
from pydantic import ValidationError

from acquisition.camera import snapshot
from acquisition.camera.assignment import Assignment, Special, assign
from acquisition.camera.configuration import CameraSettings, configure
from acquisition.camera.feature import Limits, found
from bsd.errors import ToolkitError, UserMistake
from tests.acquisition.camera.fake_tree import Fake, FakeTree, camera, choice

pytestmark = pytest.mark.unit

WIDTH = CameraSettings(trigger="hardware", exposure="trigger_width")
FREE = CameraSettings(trigger="none", exposure="timed", exposure_us=2000, rate_hz=100)


def timed(exposure_us: float, **more: object) -> CameraSettings:
    return CameraSettings(
        trigger="hardware", exposure="timed", exposure_us=exposure_us, **more  # type: ignore[arg-type]
    )  # fmt: skip


def refusal(tree: FakeTree, settings: CameraSettings = WIDTH) -> str:
    with pytest.raises(ToolkitError) as caught:
        configure(tree, settings, "camera 7")
    assert "\n" not in str(caught.value)
    assert str(caught.value).count("camera 7") == 1
    return f"{type(caught.value).__name__}: {caught.value}"


def test_trigger_off_comes_first_and_on_last() -> None:
    tree = camera()
    readback, without = configure(tree, WIDTH, "camera 7")
    triggers = [row for row in tree.written if row[0] == "TriggerMode"]
    assert triggers == [("TriggerMode", "Off"), ("TriggerMode", "Off"), ("TriggerMode", "On")]
    assert {name for name, _ in tree.written[:4]} == {"TriggerSelector", "TriggerMode"}
    names = [name for name, _ in tree.written]
    assert names.index("ExposureMode") < len(names) - 1 - names[::-1].index("TriggerMode")
    modes = tree.features["TriggerMode"].selected
    assert modes == {"AcquisitionStart": "Off", "FrameStart": "On"}
    assert readback["TriggerMode[FrameStart]"] == "On"
    assert readback["TriggerMode[AcquisitionStart]"] == "Off"
    assert without == []


def test_everything_automatic_is_off_and_samples_are_linear() -> None:
    tree = camera()
    readback, _ = configure(tree, WIDTH, "camera 7")
    expected = {
        "ExposureAuto": "Off", "GainAuto": "Off", "Gamma": 1.0, "LUTEnable": False,
        "ReverseX": False, "BalanceRatio[Red]": 1.0, "BalanceRatio[Green]": 1.0,
        "BalanceRatio[Blue]": 1.0, "PixelFormat": "BayerRG8", "OffsetX": 0, "OffsetY": 0,
        "Width": 640, "Height": 480, "ExposureMode": "TriggerWidth",
        "TriggerSource[FrameStart]": "Line1", "TriggerActivation[FrameStart]": "RisingEdge",
    }  # fmt: skip
    assert readback.items() >= expected.items()
    assert tree.read("BalanceRatioSelector") == "Green"  # as it was


def test_a_gamma_that_can_be_switched_off_is_not_set() -> None:
    tree = camera(GammaEnable=True)
    readback, _ = configure(tree, WIDTH, "camera 7")
    assert readback["GammaEnable"] is False
    assert tree.read("Gamma") == 2.2


def test_what_another_setting_locks_is_set_after_it() -> None:
    """As with a camera that offers an exposure time only while ExposureMode is Timed."""
    tree = FakeTree(
        A=Fake(0, locked=lambda tree: tree.read("B") == 0),
        B=Fake(0, locked=lambda tree: tree.read("C") == 0),
        C=0,
    )
    readback, differences = assign(tree, [Assignment(name, 1) for name in "ABC"])
    assert (readback, differences) == ({"A": 1, "B": 1, "C": 1}, [])
    assert list(tree.names()) == ["C", "B", "A"]


def test_a_step_that_prepares_is_not_repeated_after_the_last() -> None:
    """A refused 'Off' must not be tried again once 'On' stands."""
    tree = FakeTree(Mode=choice("On", "Off", locked=lambda tree: tree.read("Lock") == 1), Lock=1)
    steps = [Assignment("Mode", "Off"), Assignment("Lock", 0), Assignment("Mode", "On")]
    _, differences = assign(tree, steps)
    assert differences == []
    assert tree.written == [("Lock", 0)]


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("ExposureTime", ["ExposureTimeAbs", "ExposureTimeRaw"]),
        ("Gain", ["GainAbs", "GainRaw"]),
        ("TimestampLatch", ["GevTimestampControlLatch"]),
        ("DeviceTemperature", ["TemperatureAbs"]),
        ("SensorShutterMode", ["ShutterMode"]),
    ],
)
def test_older_names_stand_in_in_their_order(name: str, others: list[str]) -> None:
    for index in range(len(others)):
        assert found(FakeTree(**dict.fromkeys(others[index:], 1)), name) == others[index]
    assert found(FakeTree(**dict.fromkeys([name, *others], 1)), name) == name
    assert found(FakeTree(), name) is None


def test_a_raw_exposure_counts_its_time_base() -> None:
    tree = camera(ExposureTimeRaw=100, ExposureTimeBaseAbs=20.0)
    del tree.features["ExposureTime"]
    readback, _ = configure(tree, timed(2000), "camera 7")
    assert readback["ExposureTimeRaw"] == 100
    assert configure(tree, timed(16_000), "camera 7")[0]["ExposureTimeRaw"] == 800


@pytest.mark.parametrize(
    ("asked", "step", "got", "same"),
    [
        (2000.0, 1.0, 2001.0, True),
        (2000.0, 1.0, 2001.1, False),
        (2000.0, 0.0, 2001.9, True),  # no step told: 0.1 %
        (2000.0, 0.0, 2002.1, False),
        (20.0, 5.0, 25.0, True),
    ],
)
def test_a_number_may_differ_by_a_step(asked: float, step: float, got: float, same: bool) -> None:
    exposure = Fake(1.0, limits=Limits(1.0, 1e6, step), takes=lambda _: got)
    tree = camera(ExposureTime=exposure)
    if same:
        assert configure(tree, timed(asked), "camera 7")[0]["ExposureTime"] == got
    else:
        assert f"ExposureTime: asked for {asked}, got {got}" in refusal(tree, timed(asked))


@pytest.mark.parametrize(
    ("features", "words"),
    [
        ({"SensorShutterMode": choice("Rolling")}, "'Global', got 'Rolling' .*global shutter"),
        ({"SensorShutterMode": choice("GlobalReset", "Rolling")}, "got 'GlobalReset'"),
        ({"ShutterMode": choice("Rolling"), "SensorShutterMode": None}, "got 'Rolling'"),
        (
            {"ExposureMode": choice("Timed")},
            r"got 'Timed' \(it offers Timed\); say exposure: timed",
        ),
        ({"ExposureMode": None}, "has no ExposureMode: say exposure: timed"),
        ({"TriggerMode": None}, "has no TriggerMode: .* record without trigger"),
        (
            {"TriggerSource": choice("Line0", "Software")},
            r"asked for 'Line1', got 'Line0' \(it offers Line0, Software\); name the camera's line",
        ),
        ({"PixelFormat": choice("Mono8")}, r"'BayerRG8', got 'Mono8' \(it offers Mono8\)"),
        ({"Gamma": Fake(2.2, takes=lambda _: 2.2)}, "Gamma: asked for 1.0, got 2.2 .*linear"),
        ({"GainAuto": choice("Once")}, "asked for 'Off', got 'Once' .*automatic function"),
        ({"ReverseX": Fake(True, locked=lambda _: True)}, "asked for False, got True"),
    ],
)
def test_unfit_cameras_are_refused_in_one_line(features: dict[str, Fake], words: str) -> None:
    tree = camera(**{name: each for name, each in features.items() if each is not None})
    for name, each in features.items():
        if each is None:
            del tree.features[name]
    said = refusal(tree)
    assert said.startswith("CameraUnfit: camera 7: ")
    assert re.search(words, said), said


def test_a_rolling_shutter_is_refused_even_without_trigger() -> None:
    tree = camera(SensorShutterMode=choice("Rolling"))
    assert "global shutter" in refusal(tree, FREE)


def test_without_trigger_what_is_lacking_is_said_in_words() -> None:
    tree = FakeTree(
        PixelFormat=choice("BayerRG8"),
        Width=Fake(640, limits=Limits(8, 640, 8.0)),
        Height=Fake(480, limits=Limits(8, 480, 8.0)),
        GainAuto=choice("Continuous"),
    )
    readback, without = configure(tree, FREE, "camera 7")
    assert readback == {
        "PixelFormat": "BayerRG8", "Width": 640, "Height": 480, "GainAuto": "Continuous",
    }  # fmt: skip
    assert len(without) == 4
    for words in ("GainAuto: asked for 'Off'", "global shutter", "100 Hz", "2000 us"):
        assert sum(words in line for line in without) == 1


def test_regions_are_set_and_checked() -> None:
    region = CameraSettings(trigger="hardware", exposure="trigger_width", region=(64, 32, 320, 240))
    readback, _ = configure(camera(), region, "camera 7")
    assert [readback[name] for name in ("OffsetX", "OffsetY", "Width", "Height")] == [
        64, 32, 320, 240,
    ]  # fmt: skip
    far = region.model_copy(update={"region": (64, 32, 1320, 240)})
    assert "Width: asked for 1320, got 320 (it takes 8 to 644 in steps of 8)" in refusal(
        camera(), far
    )


def test_a_size_between_its_steps_is_named_before_what_follows_from_it() -> None:
    """The offset is refused only because the width is: it has no room."""

    def no_room(tree: FakeTree) -> bool:
        return int(tree.read("Width")) > 320

    tree = camera(
        Width=Fake(640, limits=Limits(8, 640, 8.0), takes=lambda asked: asked // 8 * 8),
        OffsetX=Fake(0, limits=Limits(0, 640, 4.0), locked=no_room),
    )
    region = CameraSettings(trigger="hardware", exposure="trigger_width", region=(64, 0, 330, 240))
    said = refusal(tree, region)
    assert "Width: asked for 330, got 328 (it takes 8 to 640 in steps of 8)" in said
    assert "region: [x, y, width, height] in rig.yaml" in said


def test_a_gain_that_an_automatic_left_becomes_0_db() -> None:
    tree = camera(
        GainSelector=choice("AnalogAll", "DigitalAll"),
        Gain=Fake(
            7.4,
            selector="GainSelector",
            selected={"DigitalAll": 2.0},
            locked=lambda tree: tree.read("GainAuto") != "Off",
        ),
    )
    readback, without = configure(tree, WIDTH, "camera 7")
    assert (readback["Gain[AnalogAll]"], readback["Gain[DigitalAll]"]) == (0.0, 0.0)
    assert without == []
    assert tree.read("GainSelector") == "AnalogAll"


def test_a_least_gain_that_is_not_0_db_is_said() -> None:
    tree = camera(Gain=Fake(9.0, limits=Limits(1.5, 24, 0.0)))
    readback, without = configure(tree, WIDTH, "camera 7")
    assert readback["Gain"] == 1.5
    assert without == ["Gain is 1.5 dB: it takes no 0 dB"]
    near = camera(Gain=Fake(9.0, limits=Limits(-7, 24, 0.0), takes=lambda _: 0.06))
    assert configure(near, WIDTH, "camera 7")[1] == []  # as near as its registers come


def test_an_older_gain_is_set_to_its_least() -> None:
    tree = camera(GainRaw=Fake(300, limits=Limits(36, 512, 1.0)))
    del tree.features["Gain"]
    assert configure(tree, WIDTH, "camera 7")[0]["GainRaw"] == 36
    mine = WIDTH.model_copy(update={"extra": {"GainRaw": 120}})
    assert configure(tree, mine, "camera 7")[0]["GainRaw"] == 120


def test_black_level_is_not_touched_and_kept() -> None:
    tree = camera(BlackLevel=32.0)
    assert snapshot.take(tree, {}).items() >= {"Gain": 3.0, "BlackLevel": 32.0}.items()
    configure(tree, WIDTH, "camera 7")
    assert "BlackLevel" not in list(tree.names())


@pytest.mark.parametrize("older", ["GainRaw", "GainAbs"])
def test_db_are_not_written_into_units_of_its_own(older: str) -> None:
    tree = camera(**{older: 40})
    del tree.features["Gain"]
    settings = WIDTH.model_copy(update={"extra": {"Gain": 6.0}})
    with pytest.raises(UserMistake, match=f"no Gain, but {older}.*name {older} itself"):
        configure(tree, settings, "camera 7")
    assert tree.written == []


def test_a_delay_that_cannot_be_0_is_told_with_its_place() -> None:
    delay = Fake(20.0, limits=Limits(9.0, 1e6, 0.0))
    said = refusal(camera(TriggerDelay=delay))
    assert "settings: {TriggerDelay: 9.0} in rig.yaml" in said
    assert "add these 9000 ns to start_latency_ns in its timing" in said
    settings = WIDTH.model_copy(update={"extra": {"TriggerDelay": 9.0}})
    readback, _ = configure(camera(TriggerDelay=delay), settings, "camera 7")
    assert readback["TriggerDelay[FrameStart]"] == 9.0


def test_settings_of_the_rig_are_set_in_their_order() -> None:
    settings = WIDTH.model_copy(
        update={"extra": {"TriggerSource": "Line0", "LineSelector": "Line0", "Gain": 6}}
    )
    tree = camera(LineSelector=choice("Line1", "Line0"))
    readback, _ = configure(tree, settings, "camera 7")
    assert readback["TriggerSource[FrameStart]"] == "Line0"
    assert readback["Gain"] == 6.0
    names = list(tree.names())
    assert names.index("LineSelector") < names.index("Gain")


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"Gian": 1.0}, "no feature Gian"),
        ({"Gamma": 0.5}, "Gamma is set by the capture itself"),
        ({"TriggerMode": "Off"}, "TriggerMode is set by the capture itself"),
        ({"ExposureTimeAbs": 10.0}, "ExposureTimeAbs is set by the capture itself"),
    ],
)
def test_settings_that_cannot_be_the_rigs_are_a_mistake(
    extra: dict[str, float], words: str
) -> None:
    with pytest.raises(UserMistake, match=words):
        configure(camera(), timed(2000, extra=extra), "camera 7")


def test_a_setting_of_the_rig_that_is_out_of_range_is_named() -> None:
    tree = camera(Gain=Fake(3.0, limits=Limits(0, 24, 0.1)))
    settings = WIDTH.model_copy(update={"extra": {"Gain": 40.0}})
    assert "Gain: asked for 40.0, got 3.0 (it takes 0 to 24 in steps of 0.1)" in refusal(
        tree, settings
    )


def test_yaml_makes_switches_of_on_and_off() -> None:
    tree = camera(Fan=choice("Off", "On"), Light=True)
    settings = WIDTH.model_copy(update={"extra": {"Fan": True, "Light": "Off"}})
    readback, _ = configure(tree, settings, "camera 7")
    assert (readback["Fan"], readback["Light"]) == ("On", False)


@pytest.mark.parametrize(
    "fields",
    [
        {"trigger": "none", "exposure": "trigger_width"},
        {"trigger": "hardware", "exposure": "timed"},
        {"trigger": "hardware", "exposure": "trigger_width", "rate_hz": 15},
    ],
)
def test_settings_that_contradict_one_another_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=r"needs|belongs"):
        CameraSettings.model_validate(fields)


def test_a_snapshot_gives_everything_back() -> None:
    tree = camera()
    before = {name: (each.value, dict(each.selected)) for name, each in tree.features.items()}
    taken = snapshot.take(tree, {"Gain": 0.0})
    assert taken["BalanceRatio[BalanceRatioSelector=Red]"] == 1.7
    assert taken["Gain"] == 3.0
    settings = WIDTH.model_copy(update={"extra": {"Gain": 9.0}})
    configure(tree, settings, "camera 7")
    assert tree.read("Gain") == 9.0
    assert snapshot.give_back(tree, taken) == []
    after = {name: (each.value, dict(each.selected)) for name, each in tree.features.items()}
    assert after == before


def test_what_locks_others_is_given_back_after_them() -> None:
    """Automatic functions lock their values while on, enables while off, a mode in its way."""

    def auto(name: str) -> Callable[[FakeTree], bool]:
        return lambda tree: tree.read(name) != "Off"

    tree = camera(
        ExposureAuto=choice("Off", "Continuous"),
        GainAuto=choice("Off", "Continuous"),
        ExposureMode=choice("TriggerWidth", "Timed"),
        ExposureTime=Fake(
            5000.0,
            locked=lambda tree: auto("ExposureAuto")(tree) or tree.read("ExposureMode") != "Timed",
        ),
        Gain=Fake(3.0, locked=auto("GainAuto")),
        AcquisitionFrameRateEnable=False,
        AcquisitionFrameRate=Fake(
            31.0, locked=lambda tree: not tree.read("AcquisitionFrameRateEnable")
        ),
    )
    taken = snapshot.take(tree, {}) | {"ExposureAuto": "Continuous", "GainAuto": "Continuous"}
    configure(tree, FREE, "camera 7")
    assert [tree.read(name) for name in ("ExposureTime", "Gain", "AcquisitionFrameRate")] == [
        2000, 0.0, 100,
    ]  # fmt: skip
    assert snapshot.give_back(tree, taken) == []
    assert snapshot.take(tree, {}) == taken
    assert tree.written[-1] == ("TriggerSelector", "AcquisitionStart")  # as it pointed
    names = [name for name, _ in tree.written]
    last = {name: len(names) - names[::-1].index(name) for name in names}
    assert last["Gain"] < last["GainAuto"] < last["AcquisitionFrameRateEnable"]
    assert last["AcquisitionFrameRateEnable"] < last["TriggerMode"]


def test_a_value_that_an_automatic_moves_on_is_no_fault() -> None:
    tree = camera()
    taken = snapshot.take(tree, {})
    configure(tree, WIDTH, "camera 7")
    tree.features["Gain"].takes = lambda asked: asked + 1
    assert snapshot.give_back(tree, taken) == []
    still = taken | {"GainAuto": "Off"}
    assert snapshot.give_back(tree, still) == ["Gain was 3.0, is 4.0"]


def test_what_cannot_be_given_back_is_said() -> None:
    tree = camera()
    taken = snapshot.take(tree, {})
    configure(tree, WIDTH, "camera 7")
    tree.features["Gamma"].locked = lambda _: True
    assert snapshot.give_back(tree, taken) == ["Gamma was 2.2, is 1.0"]


def test_off_is_whatever_the_feature_calls_it() -> None:
    tree = FakeTree(A=choice("Basic", "None"), B=7, C=True, D=2.5)
    readback, differences = assign(tree, [Assignment(name, Special.OFF) for name in "ABCD"])
    assert (readback, differences) == ({"A": "None", "B": 0, "C": False, "D": 0.0}, [])
