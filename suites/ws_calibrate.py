"""Calibrate the super-nets: ``python -m suites.ws_calibrate [--tables DIR] [--seeds N]``.

For each sub-space of NAS-Bench-101 it prints what the one-shot budget is worth, and the saturation at which
random search on the proxy, averaged over many super-nets, is as much better or worse than random search as
Table 4.4's first column says.  The result stands in ``catalogue.BIAS``.

Five super-nets are a small sample of many.  With ``--seeds N`` it prints, for the seeds 0 to N - 1, how far the
sets of five are from that same column, all spaces together; the nearest is ``catalogue.SUPERNET_SEED``.  No other
figure is fitted to.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Floats, Task
from nasbench_sim.proxy import Bias, WeightSharingOracle, draw_supernet
from nasbench_sim.randomness import stream
from nasbench_sim.simulate import simulate_many
from nasbench_sim.spaces.nasbench101 import SUBSPACES
from nasbench_sim.strategies.greedy_search import GreedySearch
from nasbench_sim.strategies.random_search import RandomSearch
from suites import catalogue
from suites.catalogue import BIAS, PROXY_SECONDS, published, spearman, task

SUPERNETS = 60
RUNS = 600
PROXIES = 10_000
SATURATIONS = np.arange(-2.0, 2.51, 0.5)


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m suites.ws_calibrate", description=__doc__)
    parser.add_argument("--tables", type=Path, help="folder searched for tables first")
    parser.add_argument("--seeds", type=int, metavar="N", help="compare sets of five super-nets instead")
    options = parser.parse_args(arguments)
    try:
        if options.seeds:
            compare_seeds(options.seeds, options.tables)
        else:
            for space in SUBSPACES:
                calibrate(space, options.tables)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def calibrate(space: str, tables: Path | None) -> None:
    """Print one space's figures."""
    this = task(f"nasbench101/{space}", tables=tables)
    oracle = this.oracle
    assert isinstance(oracle, WeightSharingOracle)
    training = float(oracle.trained.seconds(108.0)[oracle.trained.rows].mean())
    at = oracle.setup_seconds + PROXIES * PROXY_SECONDS + training
    random, greedy = _regret(this, RandomSearch, at), _regret(this, partial(GreedySearch, revisits="charged"), at)
    implied = published()["implied"]
    wanted = random.mean() - published()["regret_difference"][space][0][0]
    bias = BIAS[space]
    regrets = [_picked(oracle, replace(bias, saturation=float(value)), space).mean() for value in SATURATIONS]
    crossing = np.flatnonzero(np.diff(np.sign(np.array(regrets) - wanted)))
    fitted = "none"
    if crossing.size:
        left = crossing[-1]
        part = (regrets[left] - wanted) / (regrets[left] - regrets[left + 1])
        fitted = f"{SATURATIONS[left] + part * (SATURATIONS[left + 1] - SATURATIONS[left]):.2f}"
    now = _picked(oracle, bias, space)
    print(
        f"{space:5} one-shot {at / 3600:6.1f} h = {at / training:.2f} trainings (implied "
        f"{implied['one_shot_in_trainings'][space]:.2f}); RS {random.mean():.2f} +- {random.std():.2f}, GS - RS "
        f"{greedy.mean() - random.mean():.2f} (implied {implied['GS_minus_RS'][space]:.2f}); RSws wanted "
        f"{wanted:.2f}, reachable {min(regrets):.2f} to {max(regrets):.2f}, with {bias}: {now.mean():.2f} +- "
        f"{now.std():.2f}; fitted saturation {fitted}",
        flush=True,
    )


def compare_seeds(count: int, tables: Path | None) -> None:
    """Print each seed's distance: squared differences from the column in units of its standard errors, summed."""
    distance = np.zeros(count)
    for space in SUBSPACES:
        this = task(f"nasbench101/{space}", tables=tables)
        oracle = this.oracle
        assert isinstance(oracle, WeightSharingOracle)
        training = float(oracle.trained.seconds(108.0)[oracle.trained.rows].mean())
        at = oracle.setup_seconds + PROXIES * PROXY_SECONDS + training
        mean, deviation, _, _ = published()["regret_difference"][space][0]
        wanted = _regret(this, RandomSearch, at).mean() - mean
        for seed in range(count):
            off = _five(oracle, space, seed).mean() - wanted
            distance[seed] += off**2 / (deviation**2 * (1 / 100 + 1 / 25))
    for seed in np.argsort(distance):
        print(f"seed {seed}: {distance[seed]:.2f}")


def _five(oracle: WeightSharingOracle, space: str, seed: int) -> Floats:
    """As ``_picked``, for the five super-nets of a seed."""
    test, (codes, keys, score) = oracle.trained.test_error[oracle.trained.rows], oracle.cells
    nets = oracle.variant((space, "bns_ft"), spearman(space, "bns_ft"), seed)
    regrets = []
    for number in range(catalogue.SUPERNETS):
        proxies = nets.draw(number).accuracy(codes, keys, score)
        rng = stream(seed, "calibrate", space, str(number))
        for _ in range(5):  # runs of a super-net
            cells = rng.choice(len(codes), min(PROXIES, len(codes)), replace=False)
            regrets.append(100 * float(test[cells[np.argmax(proxies[cells])]] - oracle.optimum[0]))
    return np.array(regrets)


def _regret(this: Task, strategy: object, at: float) -> Floats:
    traces = simulate_many(this, strategy, range(RUNS), evaluations=40)  # type: ignore[arg-type]
    regrets = np.array([100 * float(trace.regret(at)) for trace in traces])
    return regrets[~np.isnan(regrets)]


def _picked(oracle: WeightSharingOracle, bias: Bias, space: str) -> Floats:
    """Regret, x 100, of the cell with the best proxy among 10,000 random ones, for each of many super-nets."""
    trained = oracle.trained
    test = trained.test_error[trained.rows]
    codes, keys, score = oracle.cells
    mean, deviation = spearman(space, "bns_ft")
    regrets = []
    for number in range(SUPERNETS):
        rng = stream(1, "calibrate", space, str(number))
        target = float(np.clip(rng.normal(mean, deviation), 0, 0.99))
        net = draw_supernet(codes, keys, score, bias, target, 1, space, "calibrate", str(number))
        cells = rng.choice(len(codes), min(PROXIES, len(codes)), replace=False)
        picked = cells[np.argmax(net.accuracy(codes[cells], keys[cells], score[cells]))]
        regrets.append(100 * float(test[picked] - trained.optimum[0]))
    return np.array(regrets)


if __name__ == "__main__":
    raise SystemExit(main())
