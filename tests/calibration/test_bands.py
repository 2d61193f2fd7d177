"""Bands of rows."""

import threading

import numpy as np
import pytest

from calibration.bands import Bands

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(("threads", "rows"), [(1, 7), (2, 480), (3, 100), (8, 33), (4, 0)])
def test_every_row_is_worked_on_once(threads, rows):
    bands = Bands(threads)
    counts = np.zeros(rows, dtype=int)
    lock = threading.Lock()

    def job(first, last):
        with lock:
            counts[first:last] += 1

    bands.run(job, rows)
    bands.close()
    assert (counts == 1).all()


def test_what_another_thread_raises_arrives():
    bands = Bands(2)

    def job(first, last):
        if first > 0:
            raise ValueError("second band")

    with pytest.raises(ValueError, match="second band"):
        bands.run(job, 100)
    bands.close()


def test_no_threads_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        Bands(0)
