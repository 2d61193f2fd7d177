"""How the inner loops are compiled: one place, so that all of them are compiled alike."""

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


def compiled_fused(function: Function) -> Function:
    """As `compiled`, with a product and a sum rounded once where the processor can.

    For sums of products in floating point: quicker and no less exact, but the last bit is that of
    the processor.
    """
    jit = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
    return cast(Function, jit(function))
