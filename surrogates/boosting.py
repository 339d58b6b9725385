"""Gradient-boosted trees with LightGBM (Ke et al. 2017), the same trees for the same seed.

The defaults were found on four fifths of the NAS-Bench-101 sample, judged on a part held out of them: 15 to 31
leaves, learning rates 0.02 to 0.06 and both bin counts lie within 0.001 in Kendall's tau; few features per tree
(0.1 rather than 0.3) and a cheap bin count save time at no loss; absolute and Huber losses are worse.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt

DEFAULTS: Mapping[str, Any] = {
    "objective": "regression",
    "learning_rate": 0.03,
    "num_leaves": 31,
    "min_data_in_leaf": 10,
    "feature_fraction": 0.1,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "max_bin": 63,
}
REPRODUCIBLE: Mapping[str, Any] = {"deterministic": True, "force_row_wise": True, "verbose": -1}

AS_MANY_AS_MAY_BE = 0  # what OMP_NUM_THREADS says, else all cores; the trees do not depend on it


def _threads(rows: int) -> int:
    return AS_MANY_AS_MAY_BE if rows > 5000 else 1  # on few rows they wait for each other longer than they work


def fit(
    features: npt.NDArray[np.float32],
    target: npt.NDArray[np.floating[Any]],
    *,
    rounds: int = 1200,
    seed: int = 0,
    **changed: Any,
) -> lightgbm.Booster:
    """Trees for ``target[n]`` from ``features[n, k]``; ``changed`` overrides single ``DEFAULTS``."""
    options = {**DEFAULTS, **changed, **REPRODUCIBLE, "num_threads": _threads(len(target)), "seed": seed}
    return lightgbm.train(options, lightgbm.Dataset(features, target, params={"verbose": -1}), rounds)


def predict(trees: lightgbm.Booster, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Predictions ``float64[n]`` (probabilities where the objective is binary)."""
    return np.asarray(trees.predict(features, num_threads=_threads(len(features))), np.float64)


def importance(trees: lightgbm.Booster) -> npt.NDArray[np.float64]:
    """Each feature's share of the loss reduction, ``float64[k]``, summing to one."""
    gain = np.asarray(trees.feature_importance("gain"), np.float64)
    return np.asarray(gain / max(gain.sum(), np.finfo(float).tiny))


def save(trees: lightgbm.Booster, path: str | os.PathLike[str]) -> None:
    """Write the trees in LightGBM's own text format, beside their place first."""
    path = Path(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    beside.write_text(trees.model_to_string())
    os.replace(beside, path)


def load(path: str | os.PathLike[str]) -> lightgbm.Booster:
    """Trees that ``save`` wrote."""
    return lightgbm.Booster(model_str=Path(path).read_text())
