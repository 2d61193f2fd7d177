"""Runs independent jobs: in this process, or in local processes, with results in order.

A job must not depend on who runs it. Processes are spawned, never forked; each holds its numerical
libraries to its share of the cores, and ends when its parent does, however that ended.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for_handle
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from bsd.errors import EnvironmentFault
from bsd.threads import set_threads

Job = TypeVar("Job")
Answer = TypeVar("Answer")
Item = TypeVar("Item")
Advance = Callable[[int], None]
Work = Callable[[Job, int, Advance], Answer]

_POLL_S = 0.25
_LAST_WORDS_S = 5.0
_ORPHANED = 1


def run_jobs(
    work: Work[Job, Answer],
    jobs: Sequence[Job],
    workers: int,
    advance: Advance = lambda _steps: None,
) -> list[Answer]:
    """Run ``work(job, threads, advance)`` for each job.

    Parameters
    ----------
    work
        A function of a module; with processes, job and answer are pickled.
    jobs
        One after another with one worker or one job; else each in one of several processes.
    workers
        Cores to use. They are shared out: processes first, then threads within each.
    advance
        Is told how many steps were done.

    Returns
    -------
    list
        Answers in the order of the jobs.

    Raises
    ------
    Exception
        The first job's that failed; what still runs is ended.
    EnvironmentFault
        A worker process was killed from outside.
    """
    processes = max(1, min(workers, len(jobs)))
    if processes == 1:
        return [work(job, workers, advance) for job in jobs]
    return _run_in_processes(work, jobs, processes, workers // processes, advance)


def _run_in_processes(
    work: Work[Job, Answer], jobs: Sequence[Job], processes: int, threads: int, advance: Advance
) -> list[Answer]:
    context = multiprocessing.get_context("spawn")
    counter = context.Value("q", 0)
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        processes, mp_context=context, initializer=_start_worker, initargs=(threads, counter)
    )
    try:
        futures = [pool.submit(_work_in_worker, work, job, threads) for job in jobs]
        _watch(futures, counter, advance)
        return [future.result() for future in futures]
    except BaseException as error:
        _end([child for child in multiprocessing.active_children() if child not in others])
        if isinstance(error, BrokenProcessPool):
            raise EnvironmentFault(
                "a worker process was ended from outside, perhaps for want of memory; run again"
                " with fewer --workers, it continues where it stopped"
            ) from error
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _watch(futures: Sequence[Future[Answer]], counter: Any, advance: Advance) -> None:
    """Pass progress on until all are done; raise as soon as one fails."""
    told = 0
    waiting = set(futures)
    while waiting:
        done, waiting = wait(waiting, timeout=_POLL_S)
        now = counter.value
        if now > told:
            advance(now - told)
            told = now
        for future in futures:
            if future in done and future.exception() is not None:
                future.result()


def _end(children: Sequence[BaseProcess]) -> None:
    """Ask, then make them leave. The pool's own thread joins them: two waits would collide."""
    for child in children:
        child.terminate()
    for child in children:
        if not wait_for_handle([child.sentinel], _LAST_WORDS_S):
            child.kill()


_counter: Any = None


def _start_worker(threads: int, counter: Any) -> None:
    global _counter  # the one way to hand a shared value to a pool's worker
    _counter = counter
    # Ctrl-C reaches the whole group; the parent ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    set_threads(threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_handle([parent.sentinel])
        os._exit(_ORPHANED)


def _work_in_worker(work: Work[Job, Answer], job: Job, threads: int) -> Answer:
    return work(job, threads, _count)


def _count(steps: int) -> None:
    with _counter.get_lock():
        _counter.value += steps


def ahead(items: Iterator[Item], depth: int) -> Generator[Item]:
    """The same items, made in a thread of their own up to `depth` ahead of their use.

    An error of the maker is raised where its item would have come; when the user stops early, so
    does the maker.
    """
    shelf: queue.Queue[tuple[str, Any]] = queue.Queue(maxsize=depth)
    stopped = threading.Event()

    def put(kind: str, value: object) -> bool:
        while not stopped.is_set():
            try:
                shelf.put((kind, value), timeout=_POLL_S)
            except queue.Full:
                continue
            return True
        return False

    def make() -> None:
        try:
            for item in items:
                if not put("item", item):
                    return
            put("end", None)
        except BaseException as error:  # noqa: BLE001  # is raised again by the user's thread
            put("error", error)
        finally:
            if (close := getattr(items, "close", None)) is not None:
                close()

    maker = threading.Thread(target=make, name="ahead", daemon=True)
    maker.start()
    try:
        while True:
            kind, value = shelf.get()
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
    finally:
        stopped.set()
        maker.join()
