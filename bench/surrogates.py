"""Asking surrogates: ensembles of trees and a graph network, beside one row at a time through ten boosters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from bench.measure import Contestant, Part, Row, alternate, duration, faster, rate
from nasbench_sim.oracle import Request
from nasbench_sim.spaces.nasbench101 import NASBench101
from nasbench_sim.spaces.space import Codes
from nasbench_sim.tabular import Table, find
from surrogates import kinds, surrogate
from surrogates.ensemble import joined
from surrogates.inputs import Inputs, features
from surrogates.oracle import SurrogateOracle
from surrogates.splits import Split, random_split
from surrogates.surrogate import Surrogate

BATCH, SINGLES, LEARNED = 10_000, 100, 2000
SETTINGS = {
    "xgb": {"patience": 0},  # as many trees as a member has at most, so that speed is not that of a small model
    "lgb": {"patience": 0, "members": 2},  # each five times: members are asked apart, and learning takes long
    "gin": {"members": 2, "epochs": 1},
}
MEMBERS = {"xgb": 10, "lgb": 10, "gin": 2}
AIMS = {"xgb": "50 k/s (200 k/s)", "lgb": "50 k/s (200 k/s)", "gin": "5 k/s a member"}
NOTES = (
    f"Learned from {LEARNED:,} cells of the embedded table; all trees that a member may have (LightGBM: two members,",
    "each five times); from codes to mean and deviation, features included. NAS-Bench-301's way: one row at a time",
    "through ten XGBoost boosters, each with a DMatrix of its own, the features being at hand. One GIN member: an",
    "ensemble's time over its members.",
)


def measure(repetitions: int) -> Part:
    """Predictions per second, and milliseconds for one cell."""
    space = NASBench101()
    table = Table.open(find("nasbench101"))
    split = random_split(np.arange(len(table)), LEARNED, 0)
    codes = space.sample(np.random.default_rng(0), BATCH)
    models = {kind: _fitted(kind, space, table, split) for kind in ("xgb", "lgb", "gin") if _installed(kind)}
    contestants: dict[str, Contestant] = {"features": Contestant(lambda: features(space, codes), BATCH)}
    for kind, model in models.items():
        contestants[f"{kind} batch"] = Contestant(_asking(model, codes), BATCH)
        contestants[f"{kind} one"] = Contestant(_one_by_one(model, codes[:SINGLES]), SINGLES)
    if "xgb" in models:
        contestants["their way"] = Contestant(_their_way(models["xgb"], codes[:SINGLES]), SINGLES)
        oracle = SurrogateOracle(models["xgb"])
        contestants["again"] = Contestant(lambda: oracle.evaluate(Request(codes), 0), BATCH)
    seconds = alternate(contestants, repetitions)
    theirs = seconds.get("their way")
    rows = [Row("features of NAS-Bench-101", rate(seconds["features"]))]
    for kind, model in models.items():
        members = len(model.error.ensembles[0].members)
        batch, one = seconds[f"{kind} batch"], seconds[f"{kind} one"]
        beside = (f"{rate(theirs)} one row at a time, 10 boosters", faster(batch, theirs)) if theirs else ("", "")
        rows.append(Row(f"{kind}, {members} members, {BATCH:,} a request", rate(batch), *beside, aim=AIMS[kind]))
        rows.append(Row(f"{kind}, {members} members, one cell", duration(one), aim="2 ms" if kind != "gin" else ""))
    if "gin" in models:
        member = [value / len(models["gin"].error.ensembles[0].members) for value in seconds["gin batch"]]
        rows.append(Row("gin, one member", rate(member), aim=AIMS["gin"]))
    if theirs:
        again = seconds["again"]
        rows.append(Row(f"xgb oracle, {BATCH:,} asked again", rate(again)))
    return Part("Surrogates: predictions per second", rows, NOTES)


def _installed(kind: str) -> bool:
    try:
        kinds.learner(kind)
    except Exception:
        return False
    return True


def _fitted(kind: str, space: NASBench101, table: Table, split: Split) -> Surrogate:
    made = surrogate.fit(kind, space, table, split, settings=SETTINGS, only_error=True)
    (found,) = made.error.ensembles
    members = found.members * (MEMBERS[kind] // len(found.members))
    several = joined(kind, found.learner, members, found.seed)
    return replace(made, error=replace(made.error, ensembles=(several,)))


def _asking(model: Surrogate, codes: Codes) -> Callable[[], object]:
    return lambda: model.predict(codes)


def _one_by_one(model: Surrogate, codes: Codes) -> Callable[[], object]:
    return lambda: [model.predict(codes[place : place + 1]) for place in range(len(codes))]


def _their_way(model: Surrogate, codes: Codes) -> Callable[[], object]:
    """As the package of NAS-Bench-301 answers: per configuration and booster a DMatrix and a prediction."""
    import xgboost

    boosters = [member.trees for member in model.error.ensembles[0].members]  # type: ignore[attr-defined]
    found = Inputs(model.space, codes).features

    def ask() -> list[tuple[float, float]]:
        answers = []
        for row in found:
            each = [float(booster.predict(xgboost.DMatrix(row[None]))[0]) for booster in boosters]
            answers.append((float(np.mean(each)), float(np.std(each))))
        return answers

    return ask
