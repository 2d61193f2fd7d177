"""Stop-and-wait: what is sent when, and what is never sent."""

import itertools

import pytest

from acquisition.trigger.controller import TriggerController, TriggerLost
from bsd.errors import UserMistake
from tests.acquisition.fake_controller import FakeController, FakeLine
from tests.acquisition.trigger.test_controller import Bench

pytestmark = pytest.mark.unit


class Babbler:
    """A line and its clock: garbage, or boots, every 0.1 ms, whatever is said to it."""

    def __init__(self, babble: bytes) -> None:
        self.name = "babbler"
        self.now_ns = 0
        self.sent_ns: list[int] = []
        self._babble = babble

    def monotonic_ns(self) -> int:
        return self.now_ns

    def write(self, data: bytes) -> None:  # noqa: ARG002
        self.sent_ns.append(self.now_ns)

    def read(self, timeout_s: float) -> bytes:  # noqa: ARG002
        self.now_ns += 100_000
        return self._babble

    def close(self) -> None:
        pass


@pytest.mark.parametrize("babble", [b"x\ny\n" * 20, b"EVT BOOT cause=power proto=1 fw=1*37F5\n"])
def test_garbage_does_not_make_a_storm(babble: bytes) -> None:
    line = Babbler(babble)
    with pytest.raises(TriggerLost, match="within 3 s"):
        TriggerController(line, clock=line, nonce=lambda: 1).open()
    gaps = [b - a for a, b in itertools.pairwise(line.sent_ns)]
    assert min(gaps) >= 5_000_000
    assert len(gaps) > 300  # it does ask again long before the timeout of 60 ms
    assert line.now_ns < 3_100_000_000


def test_a_reply_behind_garbage_is_waited_for() -> None:
    bench = Bench()
    client = bench.ready()
    write = bench.line.write
    copies: list[bytes] = []

    def noisy(data: bytes) -> None:
        copies.append(data)
        bench.fake.out.insert(0, (bench.line.now_ns, b"noise\nnoise\n"))
        write(data)

    bench.line.write = noisy  # type: ignore[method-assign]
    client.heartbeat()
    assert len(copies) == 1


@pytest.mark.parametrize("name", ["", "a b", "ä", "x" * 17, "a.b"])
def test_a_bad_name_is_refused_and_the_run_goes_on(name: str) -> None:
    bench = Bench()
    client = bench.ready()
    client.run(0)
    with pytest.raises(UserMistake, match="1 to 16 of letters, digits"):
        client.set_name(name)
    client.heartbeat()
    assert client.stop() in ("stopping", "idle")


@pytest.mark.parametrize("text", ["SET NAME ", "ä", "SET NAME " + "x" * 60])
def test_what_is_no_command_leaves_the_conversation_in_step(text: str) -> None:
    bench = Bench()
    talk = bench.ready()._talk
    with pytest.raises(UserMistake, match=r"^fake: command .*"):
        talk.ask(text)
    assert talk.in_step
    talk.ask("STAT?")


def test_garbage_in_a_conversation_is_asked_again_after_a_pause() -> None:
    fake = FakeController()
    line = FakeLine(fake)
    client = TriggerController(line, clock=line)
    client.open()
    write = line.write
    sent_ns: list[int] = []

    def torn(data: bytes) -> None:
        sent_ns.append(line.now_ns)
        write(data.replace(b"HB", b"HX") if len(sent_ns) == 1 else data)

    line.write = torn  # type: ignore[method-assign]
    client.heartbeat()
    assert len(sent_ns) == 2
    assert 5_000_000 <= sent_ns[1] - sent_ns[0] < 8_000_000
