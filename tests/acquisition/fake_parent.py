"""A capture that starts the trigger's process, says its number, and waits to be killed."""

import sys
import time

from acquisition.trigger.process import TriggerProcess
from tests.acquisition.trigger.test_controller import program

if __name__ == "__main__":
    process = TriggerProcess(sys.argv[1])
    process.start()
    process.configure(program())
    process.run(0)
    print(process.pid, flush=True)  # noqa: T201
    for _ in range(1200):  # a signal just before a long sleep would end after it
        time.sleep(0.05)
