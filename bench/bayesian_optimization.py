"""Bayesian optimisation: a step on a factor that grows beside a refit, and the step among 19,200 candidates."""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np

from bench.measure import Contestant, Part, Row, alternate, duration, faster
from nasbench_sim.oracle import Floats
from nasbench_sim.spaces.convolutional import hyperband_grid
from nasbench_sim.strategies.acquisition import acquisition
from nasbench_sim.strategies.gaussian_process import GaussianProcess
from nasbench_sim.strategies.growing_cholesky import GrowingCholesky
from nasbench_sim.strategies.kernels import Encoding, Kernel

SIZES = (100, 300, 1000)
KNOWN, CANDIDATES, FEATURES = 500, 19_200, 6
NOISE = 1e-4


def measure(repetitions: int) -> Part:
    """Seconds of a step, kernel hyper-parameters being fixed."""
    rows, grown = [], []
    for size in SIZES:
        row, seconds = _step(size, repetitions)
        rows.append(row)
        grown.append(min(seconds))
    powers = np.polyfit(np.log(SIZES), np.log(grown), 1)[0]
    notes = (
        f"A step at n: one more row of the factor and the predictions at 100 points; it grows as n^{powers:.1f} "
        "here (n^2 in theory), a fit anew as n^3.",
        f"Among {CANDIDATES:,} candidates: one more point, mean and deviation of all, expected improvement, the best.",
    )
    return Part("Bayesian optimisation", [*rows, _choice(repetitions)], notes)


def _step(size: int, repetitions: int) -> tuple[Row, list[float]]:
    rng = np.random.default_rng(0)
    points, kernel = rng.random((size + 1, FEATURES)), Kernel("matern 5/2", np.full(FEATURES, 0.5))
    values, targets = np.sin(5 * points[:, 0]) + points[:, 1], rng.random((100, FEATURES))
    contestants: dict[str, Contestant] = {}
    for inverse in (False, True):
        factor = GrowingCholesky(inverse)
        factor.add(np.empty((size, 0)), kernel(points[:size], points[:size]) + NOISE * np.eye(size))
        contestants[f"grown {inverse}"] = Contestant(partial(_grown, factor, kernel, points, values, targets))
    contestants["numpy"] = Contestant(partial(_anew, kernel, points, values, targets))
    try:
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import Matern

        model = GaussianProcessRegressor(Matern(0.5, nu=2.5), alpha=NOISE, optimizer=None)
        contestants["sklearn"] = Contestant(lambda: model.fit(points, values).predict(targets, return_std=True))
    except ImportError:
        pass
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seconds = alternate(contestants, repetitions)
    here = min((seconds["grown False"], seconds["grown True"]), key=min)
    beside = seconds.get("sklearn", seconds["numpy"])
    name = "scikit-learn's refit" if "sklearn" in seconds else "a refit by numpy"
    both = f"{duration(seconds['grown False'])}, with the inverse {duration(seconds['grown True'])}"
    return Row(f"a step at n = {size:,}", both, f"{duration(beside)} {name}", faster(here, beside)), here


def _grown(factor: GrowingCholesky, kernel: Kernel, points: Floats, values: Floats, targets: Floats) -> None:
    size = len(points) - 1
    factor.shrink(size)
    factor.add(kernel(points[size:], points[:size]), np.array([[1.0 + NOISE]]))
    whitened = factor.solve(np.concatenate([values[:, None], kernel(points, targets)], axis=1))
    _ = whitened[:, 0] @ whitened[:, 1:], 1.0 - (whitened[:, 1:] ** 2).sum(axis=0)


def _anew(kernel: Kernel, points: Floats, values: Floats, targets: Floats) -> None:
    lower = np.linalg.cholesky(kernel(points, points) + NOISE * np.eye(len(points)))
    whitened = np.linalg.solve(lower, np.concatenate([values[:, None], kernel(points, targets)], axis=1))
    _ = whitened[:, 0] @ whitened[:, 1:], 1.0 - (whitened[:, 1:] ** 2).sum(axis=0)


def _choice(repetitions: int) -> Row:
    """A step of the strategy's own machinery at n = 500 in the space of 19,200 configurations."""
    space, rng = hyperband_grid(), np.random.default_rng(0)
    codes = space.enumerate()
    encoding = Encoding(space, "hamming", codes)
    candidates = encoding(codes)
    process = GaussianProcess(Kernel("matern 5/2", np.full(encoding.parameters, 0.5)), 1e-3, candidates)
    chosen = rng.choice(len(codes), KNOWN, replace=False)
    values = np.sin(5 * candidates[:, 0]) + candidates[:, 1]
    process.add(candidates[chosen], values[chosen])
    # points that are added again and again, forgotten again by twenties, which costs little each
    more = iter(rng.permutation(np.setdiff1d(np.arange(len(codes)), chosen)).tolist())

    def step() -> None:
        if process.size >= KNOWN + 20:
            process.shrink(KNOWN)
        place = next(more)
        process.add(candidates[place][None], values[place : place + 1], np.array([place]))
        mean, deviation = process.predict()
        _ = int(np.argmax(acquisition("EI", mean, deviation, float(process.values.min()), 0.0, 0.0)))

    seconds = alternate({"step": Contestant(step)}, repetitions)["step"]
    return Row(f"a step at n = {KNOWN} among {CANDIDATES:,} candidates", duration(seconds), aim="8 ms")
