"""The device's clock on the host's: closed forms, one-sided delays, spikes, drift, 48 bits."""

import numpy as np
import pytest

from acquisition.trigger.device_clock import ClockFit, ClockLine

pytestmark = pytest.mark.unit

TICK_NS = 500
HOST_ZERO = 5 * 10**14  # a host that has been up for six days: floats would not hold it exactly
BORN_TICKS = 123_456_789


class Device:
    """A clock of known offset and drift, behind delays of choice."""

    def __init__(self, drift_ppm: float = 0.0, born_ticks: int = BORN_TICKS) -> None:
        self.rate = 1 + drift_ppm * 1e-6
        self.born_ticks = born_ticks

    def ticks(self, host_ns: int) -> int:
        return (self.born_ticks + int((host_ns - HOST_ZERO) * self.rate) // TICK_NS) % 2**48

    def host_ns(self, ticks: int) -> float:
        return HOST_ZERO + (ticks - self.born_ticks) * TICK_NS / self.rate

    def ask(self, fit: ClockFit, sent_ns: int, there_ns: int, back_ns: int) -> None:
        heard_ns = sent_ns + there_ns
        fit.add(sent_ns, heard_ns + back_ns, self.ticks(heard_ns))


def fitted(
    device: Device, there_ns: np.ndarray, back_ns: np.ndarray, step_ns: int = 100_000_000
) -> ClockLine:
    fit = ClockFit(TICK_NS)
    free_ns = HOST_ZERO
    for i, (there, back) in enumerate(zip(there_ns, back_ns, strict=True)):
        sent_ns = max(HOST_ZERO + i * step_ns, free_ns)  # one query at a time
        free_ns = sent_ns + int(there) + int(back)
        device.ask(fit, sent_ns, int(there), int(back))
    return fit.line()


@pytest.mark.parametrize("drift_ppm", [-5000.0, -37.0, 0.0, 5000.0])
def test_no_delay_gives_the_line_itself(drift_ppm: float) -> None:
    device = Device(drift_ppm)
    line = fitted(device, np.zeros(100), np.zeros(100))
    # Counts are whole ticks: 500 ns over 10 s is 0.05 ppm.
    assert line.drift_ppm == pytest.approx(drift_ppm, abs=0.06)
    assert line.residual_ns == 0
    for ticks in (line.ticks, line.ticks - 10_000_000):
        assert abs(line.host_ns(ticks) - device.host_ns(ticks)) < 600
    assert line.uncertainty_ns <= TICK_NS


def test_one_sided_delays_move_the_line_by_half_their_difference_and_say_so() -> None:
    device = Device(100.0)
    line = fitted(device, np.full(300, 200_000), np.full(300, 16_000_000))
    error = line.host_ns(line.ticks) - device.host_ns(line.ticks)
    assert error == pytest.approx((16_000_000 - 200_000) / 2, abs=600)
    assert abs(error) <= line.uncertainty_ns
    # Over 30 s a gate of 16.2 ms lets through slopes of half a per mille.
    assert line.drift_ppm == pytest.approx(100.0, abs=1.0)


@pytest.mark.parametrize("drift_ppm", [-5000.0, 5000.0, 12.5])
def test_spikes_do_no_harm(drift_ppm: float) -> None:
    random = np.random.default_rng(3)
    there, back = (random.exponential(300_000, 600) + 150_000 for _ in range(2))
    spikes = random.random(600) < 0.4
    there[spikes] += random.exponential(40_000_000, spikes.sum())
    device = Device(drift_ppm)
    line = fitted(device, there, back)
    error = abs(line.host_ns(line.ticks) - device.host_ns(line.ticks))
    assert error <= line.uncertainty_ns
    assert error < 60_000
    assert line.uncertainty_ns < 400_000  # the least round trip is 300 µs
    assert line.drift_ppm == pytest.approx(drift_ppm, abs=3.0)
    assert line.residual_ns == 0


@pytest.mark.parametrize("seed", range(20))
def test_the_truth_lies_within_the_uncertainty(seed: int) -> None:
    random = np.random.default_rng(seed)
    count = int(random.integers(1, 40))
    device = Device(float(random.uniform(-5000, 5000)))
    line = fitted(device, *random.exponential(2_000_000, (2, count)))
    assert abs(line.host_ns(line.ticks) - device.host_ns(line.ticks)) <= line.uncertainty_ns + 1


def test_time_on_the_wire_narrows_the_gates() -> None:
    fit = ClockFit(TICK_NS)
    # 10 bytes there (200 µs), 30 bytes back (600 µs), nothing else: the gate is closed.
    fit.add(HOST_ZERO, HOST_ZERO + 800_000, 1_000, command_bytes=10, reply_bytes=30)
    line = fit.line()
    assert abs(line.host_ns(1_000) - (HOST_ZERO + 200_000)) <= TICK_NS
    assert line.uncertainty_ns <= TICK_NS


def test_bytes_that_passed_no_wire_do_not_turn_a_gate_around() -> None:
    fit = ClockFit(TICK_NS)
    fit.add(HOST_ZERO, HOST_ZERO + 100_000, 1_000, command_bytes=10, reply_bytes=30)
    assert abs(fit.line().host_ns(1_000) - (HOST_ZERO + 50_000)) <= TICK_NS


def test_a_bent_clock_leaves_a_residual() -> None:
    fit = ClockFit(TICK_NS)
    bend_ns = 1_000_000
    for i in range(101):
        off = bend_ns * (1 - ((i - 50) / 50) ** 2)  # a parabola, 1 ms high
        host = HOST_ZERO + i * 100_000_000
        fit.add(host, host, (i * 100_000_000 + int(off)) // TICK_NS)
    # The best line through a parabola leaves half its height.
    assert fit.line().residual_ns == pytest.approx(bend_ns / 2, rel=0.01)
    assert fit.line().uncertainty_ns >= bend_ns / 2 * 0.99


def test_48_bits_go_round() -> None:
    device = Device(40.0, born_ticks=2**48 - 10_000_000)  # 5 s before they are full
    line = fitted(device, np.zeros(100), np.zeros(100))
    assert line.drift_ppm == pytest.approx(40.0, abs=0.06)
    after = device.ticks(HOST_ZERO + 9_000_000_000)
    assert after < 2**47
    assert abs(line.host_ns(after) - (HOST_ZERO + 9_000_000_000)) < 1_200


def test_ticks_and_host_time_are_each_others_inverse() -> None:
    line = fitted(Device(-4321.0), np.zeros(50), np.zeros(50))
    for ticks in range(line.ticks - 7_000_000, line.ticks + 7_000_000, 1_234_567):
        assert abs(line.ticks_at(line.host_ns(ticks)) - ticks) <= 1


def test_only_the_newest_are_kept() -> None:
    fit = ClockFit(TICK_NS, window=10)
    for i in range(50):
        Device().ask(fit, HOST_ZERO + i * 10_000_000, 0, 0)
    assert len(fit) == 10
    assert fit.line().samples == 10


def test_a_device_that_began_anew_is_not_taken_for_the_old_one() -> None:
    fit = ClockFit(TICK_NS)
    fit.add(HOST_ZERO, HOST_ZERO, 5_000_000)
    with pytest.raises(ValueError, match="began anew"):
        fit.add(HOST_ZERO + 10, HOST_ZERO + 10, 4_000)
    with pytest.raises(ValueError, match="before its query"):
        fit.add(HOST_ZERO + 10, HOST_ZERO, 5_000_001)


def test_nothing_heard_gives_no_line() -> None:
    with pytest.raises(ValueError, match="no query"):
        ClockFit(TICK_NS).line()
