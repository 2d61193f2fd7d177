"""The client against an independent controller, on a good line and on a bad one."""

import itertools
import pickle
from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import given, settings

from acquisition.pulse_program import PulseProgram
from acquisition.trigger.controller import (
    Done,
    Pulse,
    PulsesMissing,
    Started,
    TriggerController,
    TriggerFault,
    TriggerLost,
    TriggerRefused,
    TriggerRestarted,
    TriggerUnfit,
)
from tests.acquisition.fake_controller import FakeController, FakeLine
from tests.acquisition.lossy_line import Fault, Kind, LossyLine, Plan, plans

pytestmark = pytest.mark.unit

# A command is about 20 bytes, and opening and configuring take 13 of them: RUN is near byte 230.
BYTES = 500


def program(rate: int = 15, tick_ns: int = 500, **changes: int) -> PulseProgram:
    period = Fraction(10**9, tick_ns * rate)
    fields = {
        "width_ticks": (32_000, 4_000),
        "delay_ticks": (0, 14_000),
        "period_numerator": period.numerator,
        "period_denominator": period.denominator,
        "tick_ns": tick_ns,
    }
    return PulseProgram.model_validate(fields | changes)


def deaf(data: bytes) -> None:
    """A line whose other end is gone."""


class Bench:
    """A controller, its line and a client."""

    def __init__(self, fake: FakeController | None = None, plan: Plan | None = None) -> None:
        self.fake = fake or FakeController(name="left")
        self.line = FakeLine(self.fake)
        nonces = itertools.count(100)
        self.transport = (
            self.line if plan is None else LossyLine(self.line, self.line, plan, self.reset)
        )
        self.client = TriggerController(self.transport, clock=self.line, nonce=lambda: next(nonces))

    def worsen(self, plan: Plan) -> None:
        assert isinstance(self.transport, LossyLine)
        self.transport.follow(plan)

    def reset(self) -> None:
        self.fake.reset(self.line.now_ns)

    def ready(self) -> TriggerController:
        self.client.open()
        self.client.configure(program())
        return self.client


def test_opening_tells_who_answers() -> None:
    identity = Bench().client.open()
    assert (identity.protocol, identity.chip, identity.tick_ns) == (1, "fake", 500)
    assert identity.name == "left"


def test_a_run_is_told_frame_by_frame() -> None:
    bench = Bench()
    client = bench.ready()
    assert client.run(3) == 1
    assert client.wait_done(5) == Done(1, 3, 3, "count", False)
    start, *pulses, done = client.events()
    assert isinstance(start, Started)
    assert isinstance(done, Done)
    assert [(each.run, each.n) for each in pulses if isinstance(each, Pulse)] == [
        (1, 0),
        (1, 1),
        (1, 2),
    ]
    ticks = [each.ticks - start.ticks for each in pulses if isinstance(each, Pulse)]
    assert ticks == [0, 133_333, 266_666]
    assert client.run(1) == 2
    assert client.wait_done(5).run == 2


def test_waiting_keeps_a_long_run_alive() -> None:
    bench = Bench()
    client = bench.ready()
    client.run(60)  # 4 s, eight times the heartbeat's limit
    assert client.wait_done(10).cause == "count"


def test_silence_ends_a_run_and_the_client_hears_it() -> None:
    bench = Bench()
    client = bench.ready()
    client.run(0)
    bench.line.now_ns += 2_000_000_000
    assert client.wait_done(1).cause == "heartbeat"
    # 0.5 s of silence at 15 fps: the eighth frame is finished.
    assert bench.fake.pulses == 8


def test_fields_that_do_not_fit_are_refused_with_code_and_channel() -> None:
    client = Bench().client
    client.open()
    client.configure(program(60).model_copy(update={"delay_ticks": (0, 32_000)}))
    with pytest.raises(TriggerRefused, match=r"RUN 1.*program") as refused:
        client.run(1)
    assert (refused.value.code, refused.value.fields) == (8, {"channel": 2})
    client.configure(program())  # the conversation goes on
    assert client.run(1) == 1


def test_settings_are_not_changed_while_running() -> None:
    client = Bench().ready()
    client.run(10)
    with pytest.raises(TriggerRefused, match="state=running"):
        client.configure(program(10))


def test_what_is_read_back_must_be_what_was_sent() -> None:
    bench = Bench()
    bench.client.open()
    honest = bench.fake._set

    def forgetful(key: str, value: str) -> str:
        return "OK W2=4000" if key == "W2" else honest(key, value)

    bench.fake._set = forgetful  # type: ignore[method-assign]
    with pytest.raises(TriggerUnfit, match="W2 was set to 6000 and reads 4000"):
        bench.client.configure(program().model_copy(update={"width_ticks": (48_000, 6_000)}))
    with pytest.raises(TriggerUnfit, match="configure first"):
        bench.client.run(1)


def test_another_protocol_version_is_refused() -> None:
    with pytest.raises(TriggerUnfit, match="version 2, needed is 1"):
        Bench(FakeController(proto=2)).client.open()


def test_a_program_for_another_tick_is_refused() -> None:
    client = Bench().client
    client.open()
    with pytest.raises(TriggerUnfit, match="ticks of 250 ns, the controller 500 ns"):
        client.configure(program(tick_ns=250))


def test_opening_survives_the_reset_that_it_causes() -> None:
    bench = Bench()
    bench.fake.reset(bench.line.now_ns, silent_ns=1_700_000_000)
    before_ns = bench.line.now_ns
    bench.client.open()
    # The answer comes with the boot, not after a fixed time.
    assert 1.7 < (bench.line.now_ns - before_ns) * 1e-9 < 1.8


def test_opening_survives_a_reset_that_comes_late() -> None:
    # The reset falls into the second command after OPEN.
    bench = Bench(plan=Plan(reset_at=30))
    bench.client.open()
    bench.client.configure(program())
    assert bench.client.run(1) == 1


def test_nobody_at_the_line_is_told_in_three_seconds() -> None:
    bench = Bench(plan=Plan(to={0: Fault("dead")}))
    before_ns = bench.line.now_ns
    with pytest.raises(TriggerLost, match=r"lossy: no answer to 'OPEN 100' within 3 s"):
        bench.client.open()
    assert 3 <= (bench.line.now_ns - before_ns) * 1e-9 < 3.2


def test_somebody_else_at_the_line_is_quoted() -> None:
    bench = Bench()

    def grbl(data: bytes, now_ns: int) -> None:
        bench.fake.out.append((now_ns, b"Grbl 1.1h\n"))

    bench.fake.feed = grbl  # type: ignore[method-assign]
    with pytest.raises(TriggerLost, match="Grbl"):
        bench.client.open()


def test_a_run_of_a_dead_host_is_stopped_by_opening() -> None:
    bench = Bench()
    bench.ready().run(0)
    bench.line.read(0.1)
    TriggerController(bench.line, clock=bench.line, nonce=lambda: 7).open()
    assert bench.fake.state == "idle"
    assert bench.fake.cuts == 0


def test_a_nonce_that_was_used_before_is_not_used_again() -> None:
    bench = Bench()
    bench.ready().run(0)
    nonces = iter([bench.fake.nonce, 9])
    TriggerController(bench.line, clock=bench.line, nonce=lambda: next(nonces)).open()
    assert bench.fake.nonce == 9
    assert bench.fake.state == "idle"


def test_a_reset_in_a_run_is_told_and_nothing_is_repeated() -> None:
    bench = Bench()
    client = bench.ready()
    client.run(100)
    client.heartbeat()
    bench.reset()
    with pytest.raises(TriggerRestarted, match=r"reset \(external\)") as restarted:
        client.wait_done(5)
    assert restarted.value.cause == "external"
    with pytest.raises(TriggerRestarted):
        client.heartbeat()
    with pytest.raises(TriggerRestarted) as again:
        client.run(1)
    assert again.value.ran is False or again.value.ran is None
    assert len(bench.fake.runs) == 1
    client.reconnect()
    client.configure(program())
    assert client.run(1) == 1  # the controller counts anew


def test_a_reset_whose_boot_was_lost_is_told_by_the_sequence() -> None:
    bench = Bench()
    client = bench.ready()
    bench.reset()
    bench.fake.out.clear()
    with pytest.raises(TriggerRestarted) as restarted:
        client.run(5)
    assert restarted.value.ran is False
    assert bench.fake.runs == []


def test_a_reset_that_cuts_off_a_line_is_told_with_its_cause() -> None:
    bench = Bench()
    client = bench.ready()
    client.run(5)
    bench.fake.reset(bench.line.now_ns, "watchdog")
    bench.fake.out.insert(0, (bench.line.now_ns, b"EVT PULSE n=3 t=0000"))
    with pytest.raises(TriggerRestarted, match=r"reset \(watchdog\)"):
        client.wait_done(2)


def test_another_controller_at_the_same_port_is_not_taken() -> None:
    bench = Bench()
    bench.ready()
    bench.fake.name = "right"
    with pytest.raises(TriggerUnfit, match="'right' answers, expected 'left'"):
        bench.client.reconnect()


def test_the_run_of_another_controller_at_the_same_port_goes_on() -> None:
    bench, other = Bench(), Bench(FakeController(name="other"))
    bench.ready()
    other.ready().run(0)
    other.fake.fields["HB"] = 0
    bench.client._reopen = lambda: other.line
    with pytest.raises(TriggerUnfit, match="'other' answers, expected 'left'"):
        bench.client.reconnect()
    for verb in (bench.client.heartbeat, bench.client.abort):
        with pytest.raises(TriggerLost, match="not open"):
            verb()
    bench.client.close()
    other.line.read(0.2)
    assert other.fake.state == "running"
    assert not [text for _, text in other.fake.heard if text in ("STOP", "ABORT")]
    assert other.line.closed


def test_a_controller_that_boots_as_it_is_reopened_is_found() -> None:
    bench = Bench()
    client = bench.ready()
    client.run(0)

    def reopen() -> FakeLine:
        bench.fake.reset(bench.line.now_ns, silent_ns=1_000_000_000)
        return bench.line

    client._reopen = reopen
    assert client.reconnect().name == "left"
    client.configure(program())
    assert client.run(1) == 1


def test_after_closing_nothing_is_sent_any_more() -> None:
    bench = Bench()
    client = bench.ready()
    client.close()
    heard = len(bench.fake.heard)
    with pytest.raises(TriggerLost, match="fake: closed") as lost:
        client.run(2)
    assert lost.value.ran is False
    verbs = (client.open, client.reconnect, client.heartbeat, client.stop, client.abort)
    for verb in (*verbs, client.status, client.identify, lambda: client.configure(program())):
        with pytest.raises(TriggerLost, match="fake: closed"):
            verb()
    client.close()
    assert len(bench.fake.heard) == heard
    assert bench.fake.state == "idle"


def test_waiting_without_a_run_says_so() -> None:
    client = Bench().ready()
    with pytest.raises(TriggerFault, match="no run was started; start one first"):
        client.wait_done(5)


def test_run_numbers_go_round() -> None:
    bench = Bench()
    bench.fake._run = 65_534
    client = bench.ready()
    assert client.run(1) == 65_535
    assert client.wait_done(5).run == 65_535
    assert client.run(2) == 1
    assert client.wait_done(5) == Done(1, 2, 2, "count", False)
    bench.fake._run = 65_535
    bench.client.open()
    bench.client.configure(program())
    write = bench.line.write
    bench.line.write = lambda data: None if b"RUN" in data else write(data)  # type: ignore[method-assign]
    with pytest.raises(TriggerLost, match="did not begin"):
        client.run(1)


def test_pulses_that_nobody_told_of_are_named() -> None:
    bench = Bench()
    client = bench.ready()
    say = bench.fake._say
    lost = {"n=2 ", "n=3 ", "n=9 "}

    def forgetful(text: str, now_ns: int) -> None:
        if not (text.startswith("EVT PULSE") and any(each in text for each in lost)):
            say(text, now_ns)

    bench.fake._say = forgetful  # type: ignore[method-assign]
    client.run(10)
    done = client.wait_done(5)
    assert done.missing == ((2, 3), (9, 9))
    gaps = [each for each in client.events() if isinstance(each, PulsesMissing)]
    assert gaps == [PulsesMissing(1, 2, 3), PulsesMissing(1, 9, 9)]


def test_an_end_that_nobody_told_of_is_found() -> None:
    bench = Bench(FakeController(quiet_events=True))
    client = bench.ready()
    client.run(3)
    assert client.wait_done(5) == Done(1, 3, 3, "unknown", None, ((0, 2),))


def test_closing_finishes_the_frame() -> None:
    bench = Bench()
    with bench.client as client:
        client.configure(program())
        client.run(0)
        client.events(0.2)
    assert bench.fake.state == "idle"
    assert bench.fake.cuts == 0
    assert bench.line.closed
    assert isinstance(client.events()[-1], Done)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupt_in_the_middle_of_an_answer_ends_low(error: type[BaseException]) -> None:
    bench = Bench()

    def interrupted() -> None:
        with bench.client as client:
            client.configure(program())
            read = bench.line.read
            calls = itertools.count()

            def broken(timeout_s: float) -> bytes:
                if next(calls) == 0:
                    raise error
                return read(timeout_s)

            bench.line.read = broken  # type: ignore[method-assign]
            client.run(0)

    with pytest.raises(error):
        interrupted()
    assert len(bench.fake.runs) == 1
    assert bench.fake.state == "idle"


def test_closing_on_a_dead_line_says_so_and_the_heartbeat_ends_the_run() -> None:
    bench = Bench()
    client = bench.ready()
    client.run(0)
    bench.line.write = deaf  # type: ignore[method-assign]
    with pytest.raises(TriggerLost, match="ends by itself"):
        client.close()
    assert bench.line.closed
    assert bench.fake.state == "idle"


def test_a_lost_controller_is_found_again_on_a_new_line() -> None:
    bench = Bench()
    client = TriggerController(bench.line, clock=bench.line, reopen=lambda: bench.line)
    client.open()
    write = bench.line.write
    bench.line.write = deaf  # type: ignore[method-assign]
    with pytest.raises(TriggerLost, match="'HB'"):
        client.heartbeat()
    bench.line.write = write  # type: ignore[method-assign]
    assert client.reconnect().name == "left"
    client.configure(program())
    assert client.run(1) == 1


def test_a_machine_that_stood_still_still_reads_its_answer() -> None:
    bench = Bench()
    client = bench.ready()
    write = bench.line.write

    def slow(data: bytes) -> None:
        write(data)
        bench.line.now_ns += 5_000_000_000

    bench.line.write = slow  # type: ignore[method-assign]
    assert client.run(1) == 1
    assert len(bench.fake.runs) == 1


def test_the_clock_is_fitted_from_every_round_trip() -> None:
    bench = Bench()
    client = bench.ready()
    for _ in range(20):
        bench.line.now_ns += 100_000_000
        client.heartbeat()
    line = client.clock_fit.line()
    assert abs(line.offset_ns) < 2_000  # the fake was born at host time 0
    assert abs(line.drift_ppm) < 5
    assert line.residual_ns == 0


def test_numbers_go_round_and_leave_zero_out() -> None:
    client = Bench().ready()
    client._talk._next = 65_535
    bench_fake = client._talk.transport.controller  # type: ignore[attr-defined]
    bench_fake._last = 65_534
    client.heartbeat()
    client.heartbeat()
    assert client.run(1) == 1
    assert bench_fake._last == 2


def test_errors_travel_between_processes() -> None:
    fault = TriggerRefused("port: no", code=8, word="program", fields={"channel": 1})
    copy = pickle.loads(pickle.dumps(fault))  # noqa: S301
    assert (str(copy), copy.code, copy.fields) == ("port: no", 8, {"channel": 1})
    assert pickle.loads(pickle.dumps(TriggerLost("x", ran=True))).ran is True  # noqa: S301


@pytest.mark.parametrize("fault", ["drop", "double", "flip"])
@pytest.mark.parametrize("way", ["to", "back"])
def test_one_fault_anywhere_in_run_changes_nothing(way: str, fault: Kind) -> None:
    for offset in range(14):
        bench = Bench(plan=Plan())
        client = bench.ready()
        faults = {offset: Fault(fault, 3)}
        bench.worsen(Plan(to=faults) if way == "to" else Plan(back=faults))
        assert client.run(2) == 1
        assert client.wait_done(5).n1 == 2
        assert len(bench.fake.runs) == 1


def hold_against_the_truth(bench: Bench, plan: Plan, *, from_run: bool) -> None:
    """Two runs of different lengths on a bad line: what is said of each must have happened."""
    told: dict[int, bool | None] = {}  # frames of a RUN: whether it ran, as far as is said
    with suppress(TriggerFault), bench.client as client:
        client.configure(program())
        if from_run:
            bench.worsen(plan)
        for frames in (3, 4):
            try:
                client.run(frames)
                told[frames] = True
            except (TriggerLost, TriggerRestarted) as fault:
                told[frames] = fault.ran
                raise
            client.wait_done(2)
    bench.line.read(1.0)
    for frames, ran in told.items():
        executed = [begun.frames for begun in bench.fake.runs].count(frames)
        assert executed in ({0, 1} if ran is None else {int(ran)}), (frames, ran)
    assert {begun.frames for begun in bench.fake.runs} <= told.keys()
    assert bench.fake.pulses <= 7
    assert bench.fake.state == "idle"


@settings(max_examples=100, deadline=None, derandomize=True)
@given(plans(BYTES, 3 * BYTES))
def test_on_a_bad_line_run_is_never_executed_twice_and_never_lost_silently(plan: Plan) -> None:
    hold_against_the_truth(Bench(plan=plan), plan, from_run=False)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(plans(60, 150))
def test_where_the_line_is_bad_from_run_on_it_is_not_either(plan: Plan) -> None:
    hold_against_the_truth(Bench(plan=Plan()), plan, from_run=True)


@pytest.mark.parametrize("executed", [True, False])
def test_after_a_run_without_answer_it_is_known_whether_it_began(executed: bool) -> None:
    bench = Bench(plan=Plan())
    bench.ready()
    # The way that fails comes back after 1.5 s: later than RUN is given up, in time for OPEN.
    silence = {0: Fault("delay", 1500)}
    drops = {i: Fault("drop") for i in range(400)}
    bench.worsen(Plan(back=silence) if executed else Plan(to=drops))
    with pytest.raises(TriggerLost, match="had begun" if executed else "did not begin") as lost:
        bench.client.run(0)
    assert lost.value.ran is executed
    assert len(bench.fake.runs) == int(executed)
    assert bench.fake.state == "idle"
    assert bench.client.run(1) == int(executed) + 1  # the conversation goes on
