"""Which process may wait: the scheduler is asked, and nothing depends on its answer."""

from __future__ import annotations

import logging
import os
import sys

log = logging.getLogger(__name__)


def go_first(niceness: int) -> bool:
    """Ask to be run before other processes, by a negative niceness; whether it was granted.

    Linux grants it to root and to users with a limit for it (``nice`` in limits.conf); elsewhere,
    and without such a limit, nothing changes.
    """
    if sys.platform == "win32":
        return False
    try:
        os.setpriority(os.PRIO_PROCESS, 0, niceness)
    except OSError as error:
        log.debug("priority %d is not granted: %s", niceness, error)
        return False
    return True
