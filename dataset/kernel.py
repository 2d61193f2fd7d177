"""How the inner loops are compiled: one decorator, so that all of them are compiled alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a loop at its first call, keep it on the disk, and let other threads run meanwhile.

    Division follows NumPy: a check for zero would keep loops from being vectorised.
    """
    return cast(Function, numba.njit(nogil=True, cache=True, error_model="numpy")(function))
