"""What the page of ``ls_pon`` shows beside runs: how far neighbours are apart, and the weights of values."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from nasbench_sim.oracle import Floats, Oracle, Request, Task
from nasbench_sim.randomness import stream

SAMPLE = 1000  # configurations whose neighbours are looked at
OUTLIERS = 200  # drawn of those beyond the whiskers, evenly through their order


def write_evidence(task: Task, folder: Path) -> None:
    """Write ``local_search-TASK.json`` of a task answered without noise; of others nothing.

    It holds ``task``; ``optimum``, the least mean validation error; and ``neighbours``: over a uniform sample of
    configurations the mean absolute difference between a configuration's validation error and its neighbours', as a
    box plot (quartiles, whiskers at 1.5 times the quartiles' distance, points beyond), their mean, the mean number of
    neighbours and the share of neighbours that are equal in error.  All are fractions.
    """
    oracle = task.oracle
    if oracle.provenance["noise"] != "mean":
        return
    distances, equal, count = _neighbours(oracle, stream(0, "neighbours", task.name))
    figures = {
        "task": task.name,
        "optimum": float(oracle.optimum_objectives[0]),
        "neighbours": {**_box(distances), "equal": equal, "count": count, "configurations": len(distances)},
    }
    path = folder / f"local_search-{task.name.replace('/', '-')}.json"
    partial = path.with_name(f".{path.name}.part")
    partial.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    os.replace(partial, path)


def _neighbours(oracle: Oracle, rng: np.random.Generator) -> tuple[Floats, float, float]:
    """Mean distance from each sampled configuration to its neighbours, share of equals, mean number of neighbours."""
    space = oracle.space
    codes = space.sample(rng, SAMPLE if space.size is None else min(SAMPLE, space.size))
    around = space.neighbourhoods(codes)
    sizes = np.diff(around.offsets)
    own, others = (
        oracle.evaluate(Request(these, keys=keys), 0).objectives[:, 0]
        for these, keys in ((codes, space.key(codes)), (around.codes, around.keys))
    )
    apart = np.abs(others - np.repeat(own, sizes))
    whose = np.repeat(np.arange(len(codes)), sizes)
    return np.bincount(whose, apart) / sizes, float((apart == 0).mean()), float(sizes.mean())


def _box(values: Floats) -> dict[str, Any]:
    first, median, third = np.quantile(values, (0.25, 0.5, 0.75))
    reach = 1.5 * (third - first)
    inside = values[(values >= first - reach) & (values <= third + reach)]
    outside = np.sort(values[(values < first - reach) | (values > third + reach)])
    shown = np.unique(np.linspace(0, len(outside) - 1, OUTLIERS).astype(int)) if len(outside) else []
    return {
        "low": float(inside.min()),
        "first": float(first),
        "median": float(median),
        "third": float(third),
        "high": float(inside.max()),
        "mean": float(values.mean()),
        "beyond": len(outside),
        "outliers": outside[shown].tolist(),
    }
