"""How many threads an answer may use; no answer depends on it."""

from __future__ import annotations

import os
from functools import cache
from multiprocessing import parent_process


@cache
def threads() -> int:
    """All cores that this process may use; one in a worker process, beside which others work."""
    if parent_process() is not None:
        return 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
