"""Worker processes that never outlive the command and leave interruptions to it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.connection import wait

from nasbench_sim.errors import UserError


@contextmanager
def worker_processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of spawned processes; whatever ends the block ends them, unfinished work included.

    Raises:
        UserError: one of them was killed from outside.
    """
    # spawn: a forked copy of a process with threads may hang
    pool = ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_watch_parent)
    # A terminal sends Ctrl-C to the workers as well.  Children inherit the mask from their first instruction on.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        for _ in range(count):
            pool.submit(os.getpid)  # the pool starts its processes as work comes in
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    try:
        yield pool
    except BrokenProcessPool as error:
        raise UserError(
            "a worker process was killed, perhaps for want of memory: finished runs are kept, start again to go on"
        ) from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in active_children():
            process.terminate()
        for process in active_children():
            process.join()


def _watch_parent() -> None:
    """End with the parent, also where it is killed and can tell nobody."""
    parent = parent_process()
    assert parent is not None

    def end_with_it() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=end_with_it, daemon=True).start()
