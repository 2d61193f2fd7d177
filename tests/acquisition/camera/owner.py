"""A capture with one camera, in a process of its own, that is killed or interrupted.

`python -m tests.acquisition.camera.owner RIG_FILE`; prints the camera's process number when it is
armed, and at Ctrl-C whether that process still lives and obeys.
"""

import sys
import time
from pathlib import Path

from acquisition.camera.process import CameraProcess
from acquisition.rig import Rig
from acquisition.ring import FrameRing
from tests.acquisition.camera.bench import WIDTH


def say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main(file: Path) -> None:
    camera = Rig.read(file).camera("blurry")
    with CameraProcess(camera, "blurry", FrameRing(1 << 20)) as process:
        process.configure(WIDTH)
        process.arm(1)
        try:
            say(process.pid)
            for _ in range(1200):  # a signal just before a long sleep would end after it
                time.sleep(0.05)
        except KeyboardInterrupt:
            time.sleep(0.3)  # for a child that Ctrl-C would have ended
            say(process.status().state)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
