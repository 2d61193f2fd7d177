"""Jobs in order, errors as they are, and no worker left behind."""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from bsd.errors import EnvironmentFault, UserMistake
from dataset.executor import ahead, run_jobs

pytestmark = pytest.mark.unit


def square(job: int, threads: int, advance: Callable[[int], None]) -> tuple[int, int]:
    advance(job)
    return job * job, threads


def fail_at_two(job: int, _threads: int, _advance: Callable[[int], None]) -> int:
    if job == 2:
        raise UserMistake("b.mp4: frame 7 is damaged")
    return job


def die(_job: int, _threads: int, _advance: Callable[[int], None]) -> None:
    os._exit(9)


@pytest.mark.parametrize(("workers", "threads"), [(1, 1), (2, 1), (3, 1)])
def test_answers_are_in_order(workers: int, threads: int) -> None:
    steps: list[int] = []
    answers = run_jobs(square, [3, 1, 2], workers, steps.append)
    assert answers == [(9, threads), (1, threads), (4, threads)]
    assert sum(steps) == 6
    assert not multiprocessing.active_children()


def test_one_job_gets_all_threads() -> None:
    assert run_jobs(square, [5], 4) == [(25, 4)]
    assert run_jobs(square, [], 4) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_keeps_its_words(workers: int) -> None:
    with pytest.raises(UserMistake, match="frame 7 is damaged"):
        run_jobs(fail_at_two, [1, 2, 3], workers)
    assert not multiprocessing.active_children()


def test_a_killed_worker_is_reported() -> None:
    with pytest.raises(EnvironmentFault, match="worker process was ended"):
        run_jobs(die, [1, 2], 2)


def test_ahead_gives_the_same_items_and_errors() -> None:
    assert list(ahead(iter(range(50)), 3)) == list(range(50))

    def broken() -> Iterator[int]:
        yield 1
        raise UserMistake("a.mp4: cut off")

    items = ahead(broken(), 3)
    assert next(items) == 1
    with pytest.raises(UserMistake, match="cut off"):
        next(items)


def test_ahead_stops_with_its_user() -> None:
    made: list[int] = []
    ended = threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                made.append(len(made))
                yield made[-1]
        finally:
            ended.set()

    items = ahead(endless(), 2)
    assert next(items) == 0
    items.close()
    assert ended.wait(timeout=5)
    count = len(made)
    assert count <= 5
    deadline = time.monotonic() + 0.05
    while time.monotonic() < deadline:
        assert len(made) == count
