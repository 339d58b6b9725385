from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nasbench_sim.tabular import Table, write_table

ATTRIBUTES: dict[str, object] = {
    "name": "example",
    "title": "An example",
    "description": "Figures drawn for a test.",
    "space": "nasbench201",
    "kind": "measured",
    "licence": "CC0-1.0",
    "source": "a seeded generator",
    "created_by": "tests",
    "keys_sha256": "0" * 64,
    "data_sets": ("cifar10", "cifar100"),
    "metric": "error",
    "unit_fidelity": "epochs",
    "fidelities": (12, 200),
    "resumes": False,
    "split": "none",
}
TIMING: dict[str, object] = {
    **{name: ATTRIBUTES[name] for name in list(ATTRIBUTES)[:9]},
    "content": "timing",
    "device": "an example device",
    "batch_size": 256,
    "widths": (16, 32, 64),
}
ROWS = 40


def codes(n: int = ROWS) -> np.ndarray:
    return (np.arange(n)[:, None] // 5 ** np.arange(6) % 5).astype(np.uint8)


def benchmark_arrays(n: int = ROWS) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    validation = rng.uniform(0.1, 0.9, (n, 2, 3))
    validation[:, 0, 1:] = np.nan
    validation[::2, 1, 2] = np.nan
    validation[7] = np.nan
    return {
        "codes": codes(n),
        "cifar10/validation": validation,
        "cifar10/test_mean": rng.uniform(0.1, 0.9, (n, 1)),
        "cifar10/train_seconds": rng.uniform(100, 4000, n),
        "cifar10/parameters": rng.integers(10**4, 10**6, n),
        "cifar100/validation_mean": rng.uniform(0.1, 0.9, (n, 2)).astype(np.float32),
        "cifar100/validation_spread": rng.uniform(0, 0.01, (n, 1)).astype(np.float32),
        "objectives/latency_fpga": rng.uniform(1, 9, n),
    }


ARRAY_ATTRIBUTES: dict[str, dict[str, object]] = {
    "cifar10/test_mean": {"fidelities": (200,)},
    "objectives/latency_fpga": {"unit": "ms"},
}


@pytest.fixture
def figures() -> dict[str, Any]:
    """The arrays of the example table."""
    return benchmark_arrays()


@pytest.fixture
def timing() -> tuple[dict[str, object], dict[str, Any]]:
    """Attributes and arrays of a timing table."""
    rng = np.random.default_rng(1)
    seconds = {f"{way}_seconds": rng.uniform(0.01, 0.1, (ROWS, 3)) for way in ("forward", "backward")}
    return dict(TIMING), {"codes": codes(), **seconds}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Table]:
    """Write the example table with some of its content changed; None leaves a thing out."""

    def make(
        attributes: dict[str, object] | None = None,
        arrays: dict[str, Any] | None = None,
        path: Path = tmp_path / "example.h5",
        **options: Any,
    ) -> Table:
        given = {**ATTRIBUTES, **(attributes or {})}
        figures = {**benchmark_arrays(), **(arrays or {})}
        own = {name: value for name, value in ARRAY_ATTRIBUTES.items() if figures.get(name) is not None}
        return write_table(
            path,
            {name: value for name, value in given.items() if value is not None},
            {name: value for name, value in figures.items() if value is not None},
            array_attributes={**own, **options.pop("array_attributes", {})},
            **options,
        )

    return make
