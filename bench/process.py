"""Fresh processes: seconds and peak memory of a command."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from nasbench_sim.errors import UserError

ROOT = Path(__file__).parents[1]

# A small process in between: on Linux a child's peak starts from that of the process that made it, and
# RUSAGE_CHILDREN is the largest of all children so far.
_LAUNCHER = """
import json, resource, subprocess, sys, time
started = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, capture_output=True, text=True)
seconds = time.perf_counter() - started
used = resource.getrusage(resource.RUSAGE_CHILDREN)
used = [used.ru_utime + used.ru_stime, used.ru_maxrss]
json.dump([seconds, *used, done.returncode, done.stdout, done.stderr], sys.stdout)
"""


@dataclass(frozen=True)
class Finished:
    """A command that has ended.

    Attributes:
        seconds: wall time, the interpreter's start included.
        processor_seconds: of the process and its own children, all cores together.
        peak_mb: largest resident memory of the process, or of any one of its own children.
        output: what it printed.
    """

    seconds: float
    processor_seconds: float
    peak_mb: float
    output: str


def python(*arguments: str) -> Finished:
    """Run this interpreter in a fresh process, from the root of the checkout.

    Raises:
        UserError: the command failed; with the last line that it wrote.
    """
    launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, sys.executable, *arguments]
    done = subprocess.run(launcher, check=True, capture_output=True, text=True, cwd=ROOT)  # noqa: S603 own commands
    seconds, processor_seconds, peak, status, output, errors = json.loads(done.stdout)
    if status:
        last = (errors.strip().splitlines() or ["no message"])[-1]
        raise UserError(f"python {' '.join(arguments)} ended with status {status}: {last}")
    unit = 1e6 if sys.platform == "darwin" else 1e3  # bytes there, KiB elsewhere
    return Finished(seconds, processor_seconds, peak / unit, output)
