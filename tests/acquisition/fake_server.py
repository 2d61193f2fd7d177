"""The fake controller behind a pseudo-terminal, in a process and in the time of its own.

Prints the path of the terminal. From the first byte of its input on it is deaf; when its input ends
it prints, as JSON, what it heard and did.
"""

import json
import os
import pty
import select
import sys
import time
import tty

from tests.acquisition.fake_controller import FakeController


def main() -> None:
    main_end, far_end = pty.openpty()
    tty.setraw(far_end)
    fake = FakeController(name="left")
    print(os.ttyname(far_end), flush=True)  # noqa: T201
    deaf = False
    while True:
        now_ns = time.monotonic_ns()
        heard_from = [sys.stdin] if deaf else [main_end, sys.stdin]
        wait_s = min(0.02, max(0.0, (fake.next_ns() - now_ns) * 1e-9))
        ready, _, _ = select.select(heard_from, [], [], wait_s)
        if sys.stdin in ready:
            if not os.read(sys.stdin.fileno(), 1):
                break
            deaf = True
            print("deaf", flush=True)  # noqa: T201
        if main_end in ready and not deaf:
            fake.feed(os.read(main_end, 4096), time.monotonic_ns())
        fake.advance(time.monotonic_ns())
        while fake.out and fake.out[0][0] <= time.monotonic_ns():
            os.write(main_end, fake.out.pop(0)[1])
    fake.advance(time.monotonic_ns())
    report = {
        "heard": fake.heard,
        "runs": [begun.frames for begun in fake.runs],
        "state": fake.state,
        "pulses": fake.pulses,
        "cuts": fake.cuts,
        "cause": fake._cause,
    }
    print(json.dumps(report), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
