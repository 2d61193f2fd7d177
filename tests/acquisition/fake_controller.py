"""A trigger controller in Python, written from docs/reference/trigger-protocol.md alone."""

import math
import re
from dataclasses import dataclass, field

TICK_NS = 500
LEAD_NS = 2_000_000
BYTE_NS = 20_000

FIELDS = {
    "W1": (100, 60_000, 32_000),
    "D1": (0, 16_000_000, 0),
    "W2": (100, 60_000, 4_000),
    "D2": (0, 16_000_000, 14_000),
    "PN": (2_000, 2**32 - 1, 400_000),
    "PD": (1, 65_535, 3),
    "HB": (0, 500, 500),
    "GATE": (0, 1, 0),
}


def crc(data: bytes) -> int:
    """CRC-16/CCITT-FALSE, bit by bit."""
    value = 0xFFFF
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ 0x1021 if value & 0x8000 else value << 1) & 0xFFFF
    return value


@dataclass
class Begun:
    """A RUN that was executed."""

    nonce: int
    frames: int
    at_ns: int


@dataclass
class FakeController:
    """Byte-level controller whose time is given with each call, in ns since power-up."""

    name: str = "-"
    proto: int = 1
    tick_ns: int = TICK_NS
    quiet_events: bool = False
    runs: list[Begun] = field(default_factory=list)
    heard: list[tuple[int, str]] = field(default_factory=list)
    pulses: int = 0
    cuts: int = 0

    def __post_init__(self) -> None:
        self.out: list[tuple[int, bytes]] = []
        self._free_ns = 0
        self._power_up(0)

    def _power_up(self, now_ns: int) -> None:
        self.born_ns = now_ns
        self._line = b""
        self._open = False
        self.nonce = 0
        self._last = 0
        self._stored: tuple[str, str] = ("", "")
        self.fields = {key: start for key, (_, _, start) in FIELDS.items()}
        self.state = "idle"
        self._run = 0
        self._done = [0, 0]
        self._bad = 0
        self._alive_ns = now_ns
        self._base_ns = 0
        self._frames = 0
        self._k = 0
        self._cause = ""

    def reset(self, now_ns: int, cause: str = "external", silent_ns: int = 0) -> None:
        """The chip begins anew; a bootloader keeps it silent for a while."""
        self.out.clear()
        self._power_up(now_ns + silent_ns)
        self._free_ns = now_ns + silent_ns
        self._say(f"EVT BOOT cause={cause} proto={self.proto} fw=1.0.0", now_ns + silent_ns)

    # ---- time

    def _period_ns(self, k: int) -> int:
        return k * self.fields["PN"] // self.fields["PD"] * TICK_NS

    def _end_of(self, k: int) -> int:
        last = max(self.fields[f"D{c}"] + self.fields[f"W{c}"] for c in (1, 2))
        return self._base_ns + self._period_ns(k) + last * TICK_NS

    def next_ns(self) -> float:
        """When something will happen by itself."""
        times: list[float] = [due for due, _ in self.out[:1]]
        if self.state in ("running", "stopping"):
            times.append(self._end_of(self._k))
        return min(times, default=math.inf)

    def advance(self, now_ns: int) -> None:
        """Everything that happens until then."""
        while self.state in ("running", "stopping"):
            end_ns = self._end_of(self._k)
            limit_ns = self._alive_ns + self.fields["HB"] * 1_000_000
            if self.state == "running" and self.fields["HB"] and limit_ns < min(end_ns, now_ns):
                self._stop("heartbeat", limit_ns)
                continue
            if end_ns > now_ns:
                return
            self._complete(end_ns)

    def _complete(self, end_ns: int) -> None:
        begin_ns = self._base_ns + self._period_ns(self._k)
        self._done = [self._k + 1] * 2
        self.pulses += 1
        if not self.quiet_events:
            self._say(f"EVT PULSE n={self._k} t={self._ticks(begin_ns):012X}", end_ns)
        self._k += 1
        if self._k == self._frames:
            self._cause = self._cause or "count"
            self._end(end_ns, 0)
        elif self.state == "stopping":
            self._end(end_ns, 0)

    def _end(self, now_ns: int, cut: int) -> None:
        n1, n2 = self._done
        self.state = "idle"
        self.cuts += cut
        if not self.quiet_events:
            self._say(
                f"EVT DONE run={self._run} n1={n1} n2={n2} cause={self._cause} cut={cut}", now_ns
            )

    def _stop(self, cause: str, now_ns: int) -> None:
        if self.state != "running":
            return
        self._cause = cause
        if now_ns < self._base_ns + self._period_ns(self._k):  # between two frames
            self._end(now_ns, 0)
        else:
            self.state = "stopping"

    def _ticks(self, now_ns: int) -> int:
        return (now_ns - self.born_ns) // self.tick_ns

    # ---- line

    def _say(self, text: str, now_ns: int) -> None:
        data = text.encode() + b"*%04X\n" % crc(text.encode())
        self._free_ns = max(self._free_ns, now_ns) + len(data) * BYTE_NS
        self.out.append((self._free_ns, data))

    def feed(self, data: bytes, now_ns: int) -> None:
        """Bytes of which the last one arrives now."""
        self.advance(now_ns)
        if now_ns < self.born_ns:
            return  # the bootloader eats them
        for byte in data:
            if byte == 10:
                line, self._line = self._line.removesuffix(b"\r"), b""
                if line:
                    self._take(line, now_ns)
            elif len(self._line) < 70:
                self._line += bytes([byte])

    def _take(self, line: bytes, now_ns: int) -> None:
        if len(line) > 63:
            return self._damaged("6 too-long", now_ns)
        if line[-5:-4] != b"*" or line[-4:] != b"%04X" % crc(line[:-5]):
            return self._damaged("2 crc", now_ns)
        match = re.fullmatch(rb"(\d{1,5}):([A-Z]+\??(?: [\w.-]+)*)", line[:-5])
        if match is None:
            return self._damaged("1 syntax", now_ns)
        seq, text = int(match[1]), match[2].decode()
        reply = self._answer(seq, text, now_ns)
        return self._say(f"{seq}:{reply}", now_ns)

    def _damaged(self, what: str, now_ns: int) -> None:
        self._bad += 1
        self._say(f"?:ERR {what}", now_ns)

    def _answer(self, seq: int, text: str, now_ns: int) -> str:
        verb = text.split()[0]
        if seq == 0 and verb in ("OPEN", "ID?", "STAT?"):
            return self._execute(text, now_ns)
        if self._open and seq == self._last != 0 and text == self._stored[0]:
            self._alive_ns = now_ns
            return self._stored[1]
        expect = self._last % 65_535 + 1 if self._open else 0
        if seq != expect or seq == 0:
            return f"ERR 7 sequence expect={expect}"
        reply = self._execute(text, now_ns)
        self._last, self._stored = seq, (text, reply)
        return reply

    def _execute(self, text: str, now_ns: int) -> str:
        self._alive_ns = now_ns
        self.heard.append((now_ns, text))
        verb, *arguments = text.split()
        if verb == "OPEN":
            if not self._open or int(arguments[0]) != self.nonce:
                self._stop("open", now_ns)
                self._open, self.nonce, self._last = True, int(arguments[0]), 0
            return f"OK nonce={self.nonce} last={self._last}"
        if verb == "ID?":
            return (
                f"OK proto={self.proto} fw=1.0.0 chip=fake tick_ns={self.tick_ns} name={self.name}"
            )
        if verb == "CFG?":
            return "OK" + "".join(f" {key}={value}" for key, value in self.fields.items())
        time = f"t={self._ticks(now_ns):012X}"
        if verb == "STAT?":
            n1, n2 = self._done
            return (
                f"OK state={self.state} run={self._run} n1={n1} n2={n2} bad={self._bad} lost=0"
                f" boot=external gate=0 {time}"
            )
        if verb in ("HB", "TIME?"):
            return f"OK n={min(self._done)} {time}"
        if verb == "STOP":
            self._stop("stop", now_ns)
            return f"OK state={self.state}"
        if verb == "ABORT":
            if self.state != "idle":
                self._cause = "abort"
                self._end(now_ns, 1)
            return "OK state=idle"
        if verb in ("SET", "RUN") and self.state != "idle":
            return f"ERR 5 state state={self.state}"
        return self._set(*arguments) if verb == "SET" else self._begin(arguments[0], now_ns)

    def _set(self, key: str, value: str) -> str:
        if key == "NAME":
            self.name = value
            return f"OK NAME={value}"
        low, high, _ = FIELDS[key]
        if not low <= int(value) <= high:
            return "ERR 4 range"
        self.fields[key] = int(value)
        return f"OK {key}={value}"

    def _begin(self, frames: str, now_ns: int) -> str:
        period = self.fields["PN"] // self.fields["PD"]
        for c in (1, 2):
            if self.fields[f"D{c}"] + self.fields[f"W{c}"] + 200 > period:
                return f"ERR 8 program channel={c}"
        self._run = self._run % 65_535 + 1
        self.runs.append(Begun(self.nonce, int(frames), now_ns))
        self.state, self._frames, self._k, self._done = "running", int(frames), 0, [0, 0]
        self._cause = ""
        self._base_ns = now_ns + LEAD_NS
        if not self.quiet_events:
            self._say(f"EVT START run={self._run} t={self._ticks(self._base_ns):012X}", now_ns)
        return f"OK run={self._run} n={frames}"


class FakeLine:
    """The fake's transport and clock in one: time passes while somebody reads."""

    def __init__(self, controller: FakeController, start_ns: int = 10**12) -> None:
        self.controller = controller
        self.name = "fake"
        self.closed = False
        self.now_ns = start_ns

    def monotonic_ns(self) -> int:
        return self.now_ns

    def write(self, data: bytes) -> None:
        self.now_ns += len(data) * BYTE_NS
        self.controller.feed(data, self.now_ns)

    def read(self, timeout_s: float) -> bytes:
        limit_ns = self.now_ns + round(timeout_s * 1e9)
        while True:
            self.controller.advance(self.now_ns)
            got = b""
            while self.controller.out and self.controller.out[0][0] <= self.now_ns:
                got += self.controller.out.pop(0)[1]
            if got or self.now_ns >= limit_ns:
                return got
            self.now_ns = int(min(limit_ns, max(self.now_ns + 1, self.controller.next_ns())))

    def close(self) -> None:
        self.closed = True
