"""A few whole traces: no run of anybody's changes unnoticed.

``traces.json`` holds each configuration beside what is expected of it; figures are hexadecimal, so nothing is
rounded.  ``python -m tests.golden.remake`` makes them anew.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nasbench_sim.oracle import Oracle, Task
from nasbench_sim.simulate import simulate
from nasbench_sim.spaces.nasbench101 import NASBench101
from nasbench_sim.spaces.nasbench201 import NASBench201
from nasbench_sim.strategies.asha import ASHA
from nasbench_sim.strategies.bananas import Bananas
from nasbench_sim.strategies.bayesian_optimization import BayesianOptimization
from nasbench_sim.strategies.dmls import DMLS, PAES, PLS
from nasbench_sim.strategies.greedy_search import GreedySearch
from nasbench_sim.strategies.grid_search import GridSearch
from nasbench_sim.strategies.hyperband import Hyperband
from nasbench_sim.strategies.hyperband_bo import HyperbandBO
from nasbench_sim.strategies.local_search import LocalSearch
from nasbench_sim.strategies.ls_pon import LSPON
from nasbench_sim.strategies.ls_weights import LSWeights
from nasbench_sim.strategies.moead import MOEAD
from nasbench_sim.strategies.nsga2 import NSGA2
from nasbench_sim.strategies.one_plus_one import OnePlusOne
from nasbench_sim.strategies.random_search import RandomSearch
from nasbench_sim.strategies.regularized_evolution import RegularizedEvolution
from nasbench_sim.strategies.scalarised import ScalarisedLocalSearch
from nasbench_sim.strategies.spea2 import SPEA2
from nasbench_sim.strategies.staged_search import StagedSearch
from nasbench_sim.strategies.successive_halving import SuccessiveHalving
from nasbench_sim.strategies.weight_sharing import WeightSharing
from nasbench_sim.tabular.oracle import TabularOracle
from suites import catalogue
from tests import synthetic

TRACES = Path(__file__).parent / "traces.json"
STRATEGIES: dict[str, Any] = {
    "RandomSearch": RandomSearch,
    "GreedySearch": GreedySearch,
    "WeightSharing": partial(WeightSharing, proxies=200),
    "WeightSharing-GreedySearch": partial(WeightSharing, inner=GreedySearch, proxies=200),
    "LocalSearch": LocalSearch,
    "LSWeights": LSWeights,
    "LSPON": LSPON,
    "RegularizedEvolution": partial(RegularizedEvolution, population=8, tournament=3),
    "OnePlusOne": partial(OnePlusOne, horizon=20),
    "Bananas": Bananas,
    "SuccessiveHalving": partial(SuccessiveHalving, fidelities=(4, 108), eta=4),
    "Hyperband": partial(Hyperband, fidelities=(4, 108), eta=4),
    "ASHA": partial(ASHA, fidelities=(4, 108), eta=4),
    "BayesianOptimization": partial(BayesianOptimization, hyperparameters="fixed", pool=100),
    "HyperbandBO": partial(HyperbandBO, fidelities=(4, 108), eta=4, pool=100),
    "GridSearch": GridSearch,
    "StagedSearch": StagedSearch,
    "DMLS": DMLS,
    "PLS": PLS,
    "PAES": PAES,
    "NSGA2": partial(NSGA2, population=8),
    "SPEA2": partial(SPEA2, population=8),
    "MOEAD": partial(MOEAD, population=8, neighbours=3),
    "ScalarisedLocalSearch": ScalarisedLocalSearch,
}
HEXADECIMAL = ("seconds", "objectives", "held_out")


def figures(space: Any) -> dict[str, Any]:
    """A benchmark in whole numbers over powers of two, so that every machine has the same."""
    codes = space.enumerate().astype(np.int64)
    n, d = codes.shape
    place = np.arange(n)
    smooth = (codes * (37 * np.arange(1, d + 1) % 29)).sum(1) % 401
    rough = place * 2654435761 % 1021
    validation = (smooth + rough // 4)[:, None] + (place[:, None] * [40503, 30011, 20021] % 127)
    repeats = np.stack([validation + 300, validation], axis=1) / 2048
    repeats[place % 5 == 0, :, 2] = np.nan  # a missing repeat
    repeats[place % 97 == 0] = np.nan  # a failure
    return {
        "codes": space.enumerate(),
        "cifar10/validation": repeats,
        "cifar10/test_mean": np.stack([smooth + 300, smooth + rough // 5], axis=1) / 2048,
        "cifar10/train_seconds": (place * 48271 % 4093 + 512)[:, None] * [0.03125, 1.0],
        "cifar10/parameters": space.parameters(space.enumerate()),
    }


def benchmarks(folder: Path) -> dict[str, Oracle]:
    """The oracles that configurations name."""
    small, cells = NASBench201(), NASBench101("A4")
    table = synthetic.write(folder / "small.h5", small, figures(small))
    whole = figures(cells)
    whole["cifar10/validation"] = np.nan_to_num(whole["cifar10/validation"], nan=0.5)
    shared = synthetic.write(folder / "shared.h5", cells, whole)
    return {
        "mean": TabularOracle(small, table, "cifar10"),
        "repeat": TabularOracle(small, table, "cifar10", noise="repeat"),
        "two objectives": TabularOracle(small, table, "cifar10", objectives=("error", "parameters")),
        "super-nets": synthetic.with_supernets(TabularOracle(cells, shared, "cifar10", noise="repeat")),
    }


def outcome(oracles: dict[str, Oracle], configuration: dict[str, Any]) -> dict[str, Any]:
    """Everything a run leaves behind, as JSON."""
    options = dict(configuration)
    strategy, oracle = STRATEGIES[options.pop("strategy")], oracles[options.pop("oracle")]
    task = Task("golden", oracle, decision_seconds=options.pop("decision_seconds", 0.0))
    trace = simulate(task, partial(strategy, **options.pop("arguments", {})), **options)
    columns = {name: getattr(trace, name).tolist() for name in ("evaluation", "codes", *HEXADECIMAL)}
    about = {name: trace.about[name] for name in ("evaluations", "answered")}
    times = {name: trace.about[name].hex() for name in ("seconds", "busy_seconds", "setup_seconds")}
    codes = ["".join(map(str, code)) for code in columns.pop("codes")]
    exact = {name: [_hex(value) for value in columns.pop(name)] for name in HEXADECIMAL}
    if trace.fidelity is not None:
        columns["fidelity"] = trace.fidelity.tolist()
    return {"about": about | times, **columns, "codes": codes, **exact}


def _hex(value: Any) -> str:
    return " ".join(map(float.hex, value)) if isinstance(value, list) else value.hex()


@pytest.fixture(scope="module")
def oracles(tmp_path_factory):
    return benchmarks(tmp_path_factory.mktemp("golden"))


@pytest.mark.parametrize("trace", json.loads(TRACES.read_text()), ids=lambda trace: json.dumps(trace["configuration"]))
def test_traces_are_as_they_were(oracles, trace):
    assert outcome(oracles, trace["configuration"]) == trace["expected"]


def test_every_strategy_has_a_trace():
    configurations = [trace["configuration"] for trace in json.loads(TRACES.read_text())]
    assert (
        {configuration["strategy"] for configuration in configurations} == set(STRATEGIES) == set(catalogue.STRATEGIES)
    )
    assert {configuration["workers"] for configuration in configurations} > {1, 3}
