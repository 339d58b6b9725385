"""Start-up seconds and peak memory, each in a fresh process."""

from __future__ import annotations

from bench import others
from bench.measure import Part, Row, duration, faster
from bench.process import python

STARTS = 7
MEMORY = (("RandomSearch", 100), ("GreedySearch", 100), ("WeightSharing", 25), ("WeightSharing-GreedySearch", 25))
NOTES = (
    f"Start-up: median of {STARTS} starts in turn, each a process of its own, the interpreter included.",
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
    commands = {
        "python -c pass": ("-c", "pass"),
        "--help": ("-m", "suites.run", "--help"),
        "ours": ("-c", "import nasbench_sim"),
        "import numpy": ("-c", "import numpy"),
        **{
            f"import {module}": ("-c", f"import {module}")
            for name, module in others.MODULES.items()
            if others.here(name)
        },
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(STARTS + 1):
        for name, arguments in commands.items():
            took = python(*arguments).seconds
            if turn:  # the first one reads its files from disk
                seconds[name].append(took)

    def row(what: str, own: str, beside: str, aim: str = "") -> Row:
        compared = f"{duration(seconds[beside])} {beside}"
        return Row(what, duration(seconds[own]), compared, faster(seconds[own], seconds[beside]), aim)

    imports = [name for name in commands if name.startswith("import ")]
    return [
        row("python -m suites.run --help", "--help", "python -c pass", "at most 500 ms"),
        *(row("import nasbench_sim", "ours", name) for name in imports),
    ]


def _memory(strategy: str, seeds: int) -> Row:
    done = python("-c", _RUN.format(strategy=strategy, seeds=seeds))
    source = "proxy and train" if strategy.startswith("WeightSharing") else "train"
    return Row(
        f"nasbench101/full, {strategy}, {seeds} seeds ({source})",
        f"{done.peak_mb:.0f} MB, {duration([done.seconds])}",
        aim="under 1000 MB",
    )
