import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmark.cost import measure, parse_preset
from benchmark.macs import legacy_count, streaming_cost
from bsd.errors import UserMistake
from models.estrnn import Estrnn, EstrnnConfig

pytestmark = pytest.mark.unit

# Name, legacy and exact GMACs per 720x1280 frame, parameters in M: reproductions of the papers.
FIGURES = [
    ("B9C60", 92.520, 79.237, 0.9930),
    ("B9C65", 108.196, 92.634, 1.1641),
    ("B9C70", 125.550, 107.527, 1.3508),
    ("B9C75", 143.709, 123.047, 1.5492),
    ("B9C80", 163.611, 140.128, 1.7634),
    ("B9C85", 184.254, 157.770, 1.9891),
    ("B9C90", 206.704, 177.038, 2.2309),
    ("B3C80", 123.029, 99.607, 1.0588),
    ("B6C80", 143.320, 119.867, 1.4111),
    ("B12C80", 183.902, 160.388, 2.1157),
    ("B15C80", 204.193, 180.649, 2.4679),
    ("B9C80F0P1", 119.927, 108.498, 1.5596),
    ("B9C80F0P2", 133.751, 118.304, 1.6147),
    ("B9C80F1P1", 133.751, 118.304, 1.6147),
    ("B9C80F0P3", 148.312, 128.847, 1.6827),
    ("B9C80F3P3", 196.420, 164.901, 1.9632),
]


def _meta(**fields):
    with torch.device("meta"):
        return Estrnn(EstrnnConfig(**fields))


@pytest.mark.parametrize(("name", "legacy", "exact", "parameters"), FIGURES)
def test_figures_of_the_papers(name, legacy, exact, parameters):
    cost = measure("estrnn", parse_preset(name), 720, 1280)
    assert cost.legacy_macs / 1e9 == pytest.approx(legacy, abs=0.0006)
    assert cost.exact_macs / 1e9 == pytest.approx(exact, abs=0.0006)
    assert cost.parameters / 1e6 == pytest.approx(parameters, abs=0.00006)


@pytest.mark.parametrize(
    ("name", "printed"),
    [("B9C60", 92.52), ("B9C80", 163.61), ("B9C90", 206.70), ("B15C80", 204.19)],
)
def test_printed_figures_within_a_hundredth_of_a_percent(name, printed):
    cost = measure("estrnn", parse_preset(name), 720, 1280)
    assert cost.legacy_macs / 1e9 == pytest.approx(printed, rel=1e-4)


def _closed_form(blocks, channels, window, height, width):
    """Exact MACs of one frame, from the description of the network alone."""
    n, quarter = channels // 5, height * width // 16
    half, full = 4 * quarter, 16 * quarter

    def dense(c, g):
        return sum(9 * (c + i * g) * g for i in range(3)) + (c + 3 * g) * c

    cell = full * (75 * n + dense(n, n))
    cell += half * (25 * n * 2 * n + dense(2 * n, int(1.5 * n)))
    cell += quarter * (25 * 2 * n * 4 * n + blocks * dense(5 * n, 2 * n))
    cell += quarter * (blocks * 25 * n * n + 9 * 25 * n * n)
    cell += quarter * (9 * 5 * n * n + dense(n, n) + 9 * n * n)
    neighbour = 2 * 10 * n * 20 * n + quarter * (2 * 10 * n * 20 * n + 10 * n * 5 * n)
    wide = window * 5 * n
    tail = (window - 1) * neighbour + quarter * wide * wide
    tail += quarter * 9 * wide * 2 * n + half * 9 * 2 * n * n + full * 75 * n
    return cell + tail


@pytest.mark.parametrize(
    ("blocks", "channels", "future", "past"), [(9, 80, 2, 2), (15, 60, 0, 1), (1, 5, 3, 2)]
)
def test_exact_macs_equal_a_closed_form(blocks, channels, future, past):
    cost = streaming_cost(_meta(blocks=blocks, channels=channels, future=future, past=past), 64, 96)
    assert cost.exact_macs == _closed_form(blocks, channels, future + past + 1, 64, 96)


def test_a_step_is_the_difference_of_two_forwards():
    model = _meta(blocks=3, channels=20)
    flops = []
    for length in (7, 8):
        counter = FlopCounterMode(display=False)
        with counter:
            model(torch.empty(1, length, 3, 32, 48, device="meta"))
        flops.append(counter.get_total_flops())
    assert streaming_cost(model, 32, 48).exact_macs == (flops[1] - flops[0]) // 2


def test_legacy_rule_layer_by_layer():
    net = nn.Sequential(
        nn.Conv2d(4, 6, 3, padding=1, groups=2),
        nn.BatchNorm2d(6),
        nn.LeakyReLU(0.1),
        nn.ReLU(),
        nn.ConvTranspose2d(6, 5, 3, stride=2, padding=1, output_padding=1, bias=False),
        nn.GELU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(5, 7),
    )
    with legacy_count(net) as counts:
        net(torch.zeros(1, 4, 8, 10))
    convolution = 6 * 80 * (2 * 9 + 1)
    assert counts == [convolution, 4 * 480, 480, 5 * 320 * 6 * 9, 35]
    net(torch.zeros(1, 4, 8, 10))
    assert len(counts) == 5  # nothing is counted after the block


def test_leaky_relu_costs_in_the_legacy_count_only():
    plain = streaming_cost(_meta(blocks=1, channels=10), 16, 16)
    leaky = streaming_cost(_meta(blocks=1, channels=10, activation="leaky_relu"), 16, 16)
    assert leaky.exact_macs == plain.exact_macs
    # n = 2: 3 layers of n at full size, of 3 at half, of 2n and of n at a quarter; 4 MLPs of 40.
    assert leaky.legacy_macs - plain.legacy_macs == 3 * (2 * 256 + 3 * 64 + 4 * 16 + 2 * 16) + 160


def test_a_layer_without_a_rule_is_not_free():
    net = nn.Sequential(nn.PReLU())
    with pytest.raises(UserMistake, match=r"'0' \(PReLU\)"), legacy_count(net):
        pass


def test_latency_and_state():
    cost = streaming_cost(_meta(channels=80, future=2, past=2), 720, 1280)
    quarter = 180 * 320 * 4
    assert (cost.latency_frames, cost.state_bytes) == (2, (4 * 80 + 16) * quarter)
    skipping = streaming_cost(_meta(channels=80, future=3, past=1, skip="centre"), 720, 1280)
    assert skipping.latency_frames == 3
    assert skipping.state_bytes == cost.state_bytes + 3 * 3 * 720 * 1280 * 4


def test_odd_sizes_are_counted_as_padded():
    model = _meta(blocks=1, channels=10)
    assert streaming_cost(model, 481, 639) == streaming_cost(model, 484, 640)


def test_a_model_that_cannot_stream_is_refused():
    with pytest.raises(UserMistake, match="Conv2d cannot run frame by frame"):
        streaming_cost(nn.Conv2d(3, 3, 1, device="meta"), 8, 8)
