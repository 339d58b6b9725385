"""``python -m suites.run ws_vs_rs`` as a user runs it."""

from __future__ import annotations

from tempfile import TemporaryDirectory

from bench.measure import Part, Row, duration
from bench.process import python

SUITE = "ws_vs_rs"


def measure(repetitions: int) -> Part:
    """From nothing to the report, then with every run stored; once, however many repetitions are asked for."""
    with TemporaryDirectory() as folder:
        anew, again = (python("-m", "suites.run", SUITE, "--out", folder) for _ in range(2))
    rows = [
        Row("from nothing to the report", duration([anew.seconds]), aim="15 s, at most 60 s"),
        Row("  processor seconds, all processes", duration([anew.processor_seconds])),
        Row("the same again, every run stored", duration([again.seconds])),
        Row("peak memory of the largest process", f"{max(anew.peak_mb, again.peak_mb):.0f} MB", aim="under 1000 MB"),
    ]
    return Part(
        f"python -m suites.run {SUITE}",
        rows,
        ["One process per core; measured once. On a busy machine the processor seconds are the steadier figure."],
    )
