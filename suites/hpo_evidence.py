"""What the pages about hyper-parameters show beside runs: distributions, goals, one run in detail."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from nasbench_sim.folds import FoldsOracle
from nasbench_sim.generated import GeneratedOracle
from nasbench_sim.oracle import Floats, Request, Task
from nasbench_sim.randomness import Streams
from nasbench_sim.simulate import simulate
from nasbench_sim.spaces.space import Space
from nasbench_sim.strategies.bayesian_optimization import BayesianOptimization
from nasbench_sim.strategies.strategy import Factory

KNOWN = (20, 100, 300)  # models after which the process's predictions are shown
GOALS = {
    "best": ("factor", 0.0), "within_1": ("factor", 0.01), "within_5": ("factor", 0.05), "within_10": ("factor", 0.10),
    "top_1": ("share", 0.01), "top_5": ("share", 0.05), "top_10": ("share", 0.10),
}  # fmt: skip


@cache
def published() -> Mapping[str, Any]:
    """The studies' own figures."""
    return tomllib.loads((resources.files("suites") / "hpo.toml").read_text(encoding="utf-8"))


def goals(losses: Floats) -> dict[str, dict[str, float]]:
    """Of each goal of Table 2.3 the loss that reaches it, and how many models do."""
    order, found = np.sort(losses), {}
    for name, (kind, amount) in GOALS.items():
        threshold = order[0] * (1 + amount) if kind == "factor" else order[round(amount * len(order)) - 1]
        found[name] = {"threshold": float(threshold), "models": int((losses <= threshold).sum())}
    return found


def draws_evidence(task: Task, folder: Path, random: Factory, model: Factory) -> None:
    """Write ``hpo-TASK.json``: the losses, the goals, one run of each strategy, and what the process predicts."""
    losses = _losses(task)
    told = published()
    _write(
        task,
        folder,
        {
            "kind": "draws",
            "losses": np.sort(losses).tolist(),
            "goals": goals(losses),
            "orders": {
                name: simulate(task, strategy, seed=0, record="all", name=name, evaluations=len(losses))
                .objectives[:, 0]
                .tolist()
                for name, strategy in (("RS", random), ("BO", model))
            },
            "predicted": _predicted(task, model, losses),
            "published": {**told["draws"]},
            "random_search": told["random_search"],
        },
    )


def minutes_evidence(task: Task, folder: Path) -> None:
    """Write ``hpo-TASK.json``: the losses of the space."""
    assert isinstance(task.oracle, GeneratedOracle)
    quantiles = np.quantile(task.oracle.figures[1], [0.0, 0.001, 0.01, 0.1, 0.5, 0.9]).tolist()
    _write(task, folder, {"kind": "minutes", "quantiles": quantiles, "random_search": published()["random_search"]})


def regimes_evidence(task: Task, folder: Path) -> None:
    """Write ``hpo-TASK.json``: the noise of evaluations at the published optimum."""
    oracle = task.oracle
    assert isinstance(oracle, FoldsOracle)
    one, two = published()["regimes"]["one"], published()["regimes"]["two"]
    values = {
        "batch_size": one["batch_size"], "dropout": one["dropout"],
        "learning_rate": two["learning_rate"], "epsilon": two["epsilon"],
    }  # fmt: skip
    code = oracle.space.code(values, nearest=True)
    seeds = np.arange(400, dtype=np.uint64)
    answers = oracle.evaluate(Request(np.repeat(code[None], len(seeds), axis=0)), seeds)
    assert answers.held_out is not None
    _write(
        task,
        folder,
        {
            "kind": "regimes",
            "truth": 1 - float(answers.held_out[0, 0]),
            "evaluations": {"mean": float(1 - answers.objectives.mean()), "sd": float(answers.objectives.std())},
            "published": published()["regimes"],
            "random_search": published()["random_search"],
        },
    )


def failures_evidence(task: Task, folder: Path) -> None:
    """Write ``hpo-TASK.json``: how many networks cannot be trained."""
    oracle = task.oracle
    assert isinstance(oracle, GeneratedOracle)
    fails = oracle.landscape.fails(oracle.space.enumerate())
    _write(
        task,
        folder,
        {
            "kind": "failures",
            "untrainable": float(fails.mean()),
            "published": published()["course"],
            "random_search": published()["random_search"],
        },
    )


def _losses(task: Task) -> Floats:
    """What a search sees of every configuration."""
    codes = _listed(task.oracle.space)
    return np.asarray(task.oracle.evaluate(Request(codes), 0).objectives[:, 0])


def _listed(space: Space) -> Any:
    return space.enumerate()  # type: ignore[attr-defined]


def _predicted(task: Task, model: Factory, losses: Floats) -> list[dict[str, Any]]:
    """Mean and deviation that the process predicts, models in the order of their losses."""
    codes, order, found = _listed(task.oracle.space), np.argsort(losses, kind="stable"), []
    strategy = model(task.oracle.space, Streams(0, "BO"))
    assert isinstance(strategy, BayesianOptimization)
    told = 0
    while told < max(KNOWN) and (proposal := strategy.ask(1)) is not None:
        if told in KNOWN:
            found.append(_prediction(strategy, codes[order], told))
        assert proposal.codes is not None
        strategy.tell(task.oracle.evaluate(Request(proposal.codes), 0).told())
        told += len(proposal.codes)
    if strategy.ask(1) is not None:
        found.append(_prediction(strategy, codes[order], told))
    return found


def _prediction(strategy: BayesianOptimization, codes: Any, known: int) -> dict[str, Any]:
    mean, deviation = strategy.predict(codes)
    return {"known": known, "mean": mean.tolist(), "deviation": deviation.tolist()}


def _write(task: Task, folder: Path, figures: Mapping[str, Any]) -> None:
    path = folder / f"hpo-{task.name.replace('/', '-')}.json"
    partial = path.with_name(f".{path.name}.part")
    size = task.oracle.space.size
    partial.write_text(json.dumps({"task": task.name, "size": size, **figures}) + "\n", encoding="utf-8")
    partial.replace(path)
