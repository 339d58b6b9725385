"""Fresh processes: wall seconds and peak memory of a command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

# A small process in between: on Linux a child's peak starts from that of the process that made it, and
# RUSAGE_CHILDREN is the largest of all children so far.
_LAUNCHER = """
import json, resource, subprocess, sys, time
started = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, capture_output=True, text=True)
seconds = time.perf_counter() - started
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
json.dump([seconds, peak, done.returncode, done.stdout, done.stderr], sys.stdout)
"""


@dataclass(frozen=True)
class Finished:
    """A command that has ended.

    Attributes:
        seconds: wall time, the interpreter's start included.
        peak_mb: largest resident memory of the process, or of any one of its own children.
        output: what it printed.
    """

    seconds: float
    peak_mb: float
    output: str


def python(*arguments: str) -> Finished:
    """Run this interpreter in a fresh process, from the root of the checkout.

    Raises:
        RuntimeError: the command failed.
    """
    launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, sys.executable, *arguments]
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(  # noqa: S603 - the commands are this folder's own
        launcher,
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    seconds, peak, status, output, errors = json.loads(done.stdout)
    if status:
        raise RuntimeError(f"python {' '.join(arguments)} ended with {status}: {errors.strip()[-500:]}")
    unit = 1e6 if sys.platform == "darwin" else 1e3  # bytes there, KiB elsewhere
    return Finished(seconds, peak / unit, output)
