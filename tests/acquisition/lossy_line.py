"""A line that drops, doubles, corrupts and delays bytes, around any transport of the trigger."""

import random
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from hypothesis import strategies as st

from acquisition.trigger.controller import Clock, Transport

Kind = Literal["drop", "double", "flip", "delay", "dead"]


@dataclass(frozen=True)
class Fault:
    kind: Kind
    amount: int = 0  # bit to flip, or milliseconds of delay


@dataclass(frozen=True)
class Plan:
    """Faults by the number of the byte, to and from the controller, and noise after a seed."""

    to: Mapping[int, Fault] = field(default_factory=dict)
    back: Mapping[int, Fault] = field(default_factory=dict)
    noise: float = 0.0
    seed: int = 0
    reset_at: int | None = None  # byte to the controller at which it is reset


def plans(bytes_to: int, bytes_back: int) -> st.SearchStrategy[Plan]:
    fault = st.one_of(
        st.sampled_from([Fault("drop"), Fault("double"), Fault("dead")]),
        st.builds(Fault, st.just("flip"), st.integers(0, 7)),
        st.builds(Fault, st.just("delay"), st.sampled_from([1, 20, 70, 200, 700, 1500])),
    )
    return st.builds(
        Plan,
        to=st.dictionaries(st.integers(0, bytes_to), fault, max_size=12),
        back=st.dictionaries(st.integers(0, bytes_back), fault, max_size=12),
        noise=st.sampled_from([0.0, 0.0, 0.002, 0.01, 0.03]),
        seed=st.integers(0, 10**6),
        reset_at=st.one_of(st.none(), st.integers(0, bytes_to)),
    )


class _Way:
    """One direction: a queue of (due, byte), in order."""

    def __init__(self, faults: Mapping[int, Fault], noise: float, seed: int) -> None:
        self._faults = faults
        self._noise = noise
        self._random = random.Random(seed)  # noqa: S311
        self._count = 0
        self._dead = False
        self._due_ns = 0
        self.queue: deque[tuple[int, int]] = deque()

    def put(self, data: Iterable[int], now_ns: int) -> None:
        for byte in data:
            fault = self._faults.get(self._count, self._drawn())
            self._count += 1
            out = [byte]
            match fault:
                case Fault("drop"):
                    out = []
                case Fault("double"):
                    out = [byte, byte]
                case Fault("flip", bit):
                    out = [byte ^ 1 << bit]
                case Fault("delay", ms):
                    self._due_ns = now_ns + ms * 1_000_000
                case Fault("dead"):
                    self._dead = True
            self._due_ns = max(self._due_ns, now_ns)
            if not self._dead:
                self.queue.extend((self._due_ns, each) for each in out)

    def take(self, now_ns: int) -> bytes:
        got = bytearray()
        while self.queue and self.queue[0][0] <= now_ns:
            got.append(self.queue.popleft()[1])
        return bytes(got)

    def _drawn(self) -> Fault | None:
        if self._random.random() >= self._noise:
            return None
        kind: Kind = self._random.choice(("drop", "double", "flip"))
        return Fault(kind, self._random.randrange(8))


class LossyLine:
    """A transport around a transport."""

    def __init__(
        self, inner: Transport, clock: Clock, plan: Plan, reset: Callable[[], None]
    ) -> None:
        self._inner = inner
        self._clock = clock
        self._reset = reset
        self.name = "lossy"
        self.follow(plan)

    def follow(self, plan: Plan) -> None:
        """Count bytes from now, and do to them what the plan says."""
        self._to = _Way(plan.to, plan.noise, plan.seed)
        self._back = _Way(plan.back, plan.noise, plan.seed + 1)
        self._reset_at = plan.reset_at
        self._written = 0

    def write(self, data: bytes) -> None:
        if self._reset_at is not None and self._written <= self._reset_at:
            cut = self._reset_at - self._written
            if cut < len(data):
                self._pass(data[:cut])
                self._reset()
                data = data[cut:]
                self._reset_at = None
        self._pass(data)

    def _pass(self, data: bytes) -> None:
        self._written += len(data)
        self._to.put(data, self._clock.monotonic_ns())
        self._forward()

    def _forward(self) -> None:
        data = self._to.take(self._clock.monotonic_ns())
        if data:
            self._inner.write(data)

    def read(self, timeout_s: float) -> bytes:
        limit_ns = self._clock.monotonic_ns() + round(timeout_s * 1e9)
        while True:
            self._forward()
            now_ns = self._clock.monotonic_ns()
            got = self._back.take(now_ns)
            if got or now_ns >= limit_ns:
                return got
            dues = [way.queue[0][0] for way in (self._to, self._back) if way.queue]
            wait_ns = max(1, min([limit_ns, *dues]) - now_ns)
            self._back.put(self._inner.read(wait_ns * 1e-9), self._clock.monotonic_ns())

    def close(self) -> None:
        self._inner.close()
