"""How many threads an answer may use; no answer depends on it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from multiprocessing import parent_process
from typing import TypeVar

Part = TypeVar("Part")
Answer = TypeVar("Answer")

_own = threading.local()


def threads() -> int:
    """All cores that this process may use; one in a worker process or for a part, beside which others work."""
    return 1 if getattr(_own, "beside_others", False) else _cores()


@cache
def _cores() -> int:
    if parent_process() is not None:
        return 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_parts(answer: Callable[[Part], Answer], parts: Iterable[Part]) -> list[Answer]:
    """Answers to all parts, in their order, shared out over threads, each of which works alone.

    While a library works on one part, outside of the interpreter, features of another are computed.
    """
    with ThreadPoolExecutor(threads(), initializer=_begin) as pool:
        return list(pool.map(answer, parts))


def _begin() -> None:
    _own.beside_others = True
