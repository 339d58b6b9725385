"""The best that real searches found, trained for longer: ``evidence/retrained.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from nasbench_sim.files import beside
from nasbench_sim.trace import Trace
from suites.suite import Suite
from suites.watched import Watched
from suites.work import Order, load_task


def retrain(order: Order, suite: Suite, out: Path, runs: list[Any]) -> None:
    """Train the best of each run at each milestone from scratch, and write what they came to.

    The JSON holds ``epochs``, ``best``, ``published``, ``note`` and ``rows``, each with ``task``, ``strategy``,
    ``seed``, ``evaluations`` and ``trainings``: of each configuration ``validation``, ``test`` (each with ``error``
    and ``auc``; empty where it failed), ``parameters`` and ``seconds``.  Trainings are shared and kept as all others.

    Args:
        order: as given.
        suite: as ordered.
        out: its output folder.
        runs: task, strategy, seed and file of each run.
    """
    plan = suite.retraining
    assert plan is not None
    rows = []
    for name, strategy, seed, file in runs:
        if strategy not in plan.strategies:
            continue
        oracle = load_task(order, name).oracle
        assert isinstance(oracle, Watched)
        best = Trace.load(out / file).about.get("best", {})
        for evaluations in sorted(map(int, best)):
            codes = np.array(best[str(evaluations)][: plan.best], oracle.space.dtype)
            found = oracle.real.trainings(codes, oracle.space.key(codes), plan.epochs, 0, most=1)
            trainings = [
                {
                    "validation": one[0]["validation"],
                    "test": one[0]["test"],
                    "parameters": one[0]["parameters"],
                    "seconds": one[0]["seconds"],
                }
                for one in found
            ]
            rows.append(
                {"task": name, "strategy": strategy, "seed": seed, "evaluations": evaluations, "trainings": trainings}
            )
    told = {
        "epochs": plan.epochs,
        "best": plan.best,
        "published": [list(row) for row in plan.published],
        "note": plan.note,
        "rows": rows,
    }
    with beside(out / "evidence" / "retrained.json") as partial:
        partial.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
