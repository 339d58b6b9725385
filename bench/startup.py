"""Start-up seconds and peak memory, each in a fresh process."""

from __future__ import annotations

from bench import others
from bench.measure import Part, Row, duration, faster
from bench.process import python

STARTS = 7
MEMORY = (("RandomSearch", 100), ("GreedySearch", 100), ("WeightSharing", 25), ("WeightSharing-GreedySearch", 25))
NOTES = (
    f"Start-up: median of {STARTS} starts in turn; the ratio says how many times as fast as the bare interpreter.",
    "Memory: largest resident size of the process, interpreter and table included; 10,000 evaluations of each seed.",
)

_RUN = """
from nasbench_sim import simulate_many
from suites.catalogue import STRATEGIES, task
simulate_many(task("nasbench101/full"), STRATEGIES["{strategy}"], range({seeds}), evaluations=10_000)
"""


def measure(repetitions: int) -> Part:
    """Starts of the command line and of the imports; then the memory of one task."""
    return Part(
        "Start-up and memory, fresh processes",
        [*_starts(), *(_memory(strategy, seeds) for strategy, seeds in MEMORY)],
        NOTES,
    )


def _starts() -> list[Row]:
    bare = "python -c pass"
    commands = {
        "python -m suites.run --help": ("-m", "suites.run", "--help"),
        "import nasbench_sim": ("-c", "import nasbench_sim"),
        "import numpy": ("-c", "import numpy"),
        **{
            f"import {module} ({name})": ("-c", f"import {module}")
            for name, module in others.MODULES.items()
            if others.here(name)
        },
        bare: ("-c", "pass"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(STARTS + 1):
        for name, arguments in commands.items():
            took = python(*arguments).seconds
            if turn:  # the first one reads its files from disk
                seconds[name].append(took)
    beside = seconds.pop(bare)
    return [
        Row(
            name,
            duration(own),
            f"{duration(beside)} {bare}",
            faster(own, beside),
            "at most 500 ms" if "--help" in name else "",
        )
        for name, own in seconds.items()
    ]


def _memory(strategy: str, seeds: int) -> Row:
    done = python("-c", _RUN.format(strategy=strategy, seeds=seeds))
    source = "proxy and train" if strategy.startswith("WeightSharing") else "train"
    return Row(
        f"nasbench101/full, {strategy}, {seeds} seeds ({source})",
        f"{done.peak_mb:.0f} MB, {duration([done.seconds])}",
        aim="under 1000 MB",
    )
