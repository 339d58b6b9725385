"""Benchmarks drawn from a seed: tables with the structure of a real one, and oracles over them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nasbench_sim.proxy import Bias, WeightSharingOracle
from nasbench_sim.spaces.space import Codes, Space
from nasbench_sim.tabular import Table, write_table
from nasbench_sim.tabular.oracle import TabularOracle

ATTRIBUTES: dict[str, object] = {
    "title": "A synthetic benchmark",
    "description": "A smooth function of the codes, and noise.",
    "kind": "measured",
    "licence": "CC0-1.0",
    "source": "tests/synthetic.py",
    "created_by": "tests/synthetic.py",
    "data_sets": ("cifar10",),
    "metric": "error",
    "unit_fidelity": "epochs",
    "fidelities": (4, 108),
    "resumes": False,
    "split": "none",
}
BIAS = Bias(saturation=1.0, cluster="residual", weight=0.3)
SETUP_SECONDS, PROXY_SECONDS = 5000.0, 4.0


def codes_of(space: Space) -> Codes:
    """All configurations of a space that can be enumerated."""
    return space.enumerate()  # type: ignore[attr-defined, no-any-return]


def figures(space: Space, seed: int = 0) -> dict[str, Any]:
    """Arrays of a measured table: three repeats, of which some are missing, at two fidelities."""
    rng = np.random.default_rng(seed)
    codes = codes_of(space)
    one_hot = (codes[:, :, None] == np.arange(5)).reshape(len(codes), -1)
    smooth = one_hot @ rng.standard_normal(one_hot.shape[1])
    smooth = (smooth - smooth.mean()) / smooth.std()
    true = 0.08 + 0.02 * smooth + 0.01 * rng.standard_normal(len(codes)) ** 2
    test = true + 0.003 * rng.standard_normal(len(codes))
    validation = np.stack([0.6 + 2 * (true - 0.1), true], axis=1)[:, :, None]
    validation = validation + 0.004 * rng.standard_normal((len(codes), 2, 3))
    validation[rng.random(len(codes)) < 0.3, :, 2] = np.nan
    return {
        "codes": codes,
        "cifar10/validation": np.clip(validation, 0.0, 1.0),
        "cifar10/test_mean": np.clip(np.stack([0.6 + test, test], axis=1), 0.0, 1.0),
        "cifar10/train_seconds": rng.uniform(500.0, 3000.0, len(codes))[:, None] * [4 / 108, 1],
        "cifar10/parameters": space.parameters(codes),  # type: ignore[attr-defined]
    }


def surrogate_figures(space: Space, seed: int = 0) -> dict[str, Any]:
    """The same as a surrogate's table: mean and spread in place of repeats."""
    arrays = figures(space, seed)
    repeats = arrays.pop("cifar10/validation")
    return arrays | {
        "cifar10/validation_mean": np.nanmean(repeats, axis=2),
        "cifar10/validation_spread": np.nanstd(repeats, axis=2),
    }


def write(path: Path, space: Space, arrays: dict[str, Any], **attributes: object) -> Table:
    """Write a table of the space; attributes change those above."""
    given = {**ATTRIBUTES, "name": path.stem, "space": space.name, **attributes}
    return write_table(path, given, arrays, keys=space.key(arrays["codes"]))


def with_supernets(trained: TabularOracle, spearman: tuple[float, float] = (0.6, 0.03), **options: Any) -> Any:
    """The oracle with super-nets beside it."""
    given = {"setup_seconds": SETUP_SECONDS, "proxy_seconds": PROXY_SECONDS, **options}
    bias = given.pop("bias", BIAS)
    return WeightSharingOracle(trained, bias, spearman, ("synthetic",), **given)
