"""Records takes into a session until it is killed, and tells each that counts."""

import sys
from itertools import count
from pathlib import Path

from acquisition.session.journal_entry import TakePlan
from acquisition.session.session import Session
from tests.acquisition.small_clips import Content, recorded, seal_part, write_part


def main(folder: Path) -> None:
    with Session.open(folder) as session:
        for number in count():
            take = session.begin_take(TakePlan(purpose="scene", frames=3, setting="2ms16ms"))
            if number % 3 < 2:
                recorded(session, take, Content(pulses=3))
                sys.stdout.write(f"{take.clip}.{take.attempt}\n")
                sys.stdout.flush()
                continue
            content = Content(pulses=3, verdict="discarded")
            rows = write_part(take.part, content, take)
            session.judge(take, "discarded", ["a try"])
            seal_part(take.part, rows, content)
            session.discard(take, "a try")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
