"""Gradient-boosted trees with XGBoost (Chen and Guestrin 2016).

Ten members of 128 trees answer several times as many rows a second as LightGBM's, since XGBoost walks blocks of
rows; that is what this kind is for.  Defaults: found on 20,000 cells of NAS-Bench-101, judged on others that no
figure of the data card uses; see ``DEFAULTS``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

from surrogates.inputs import Features, Inputs
from surrogates.members import Floats, Lessons, Member, Report, Rows, silent

DEFAULTS: Mapping[str, Any] = {
    "objective": "reg:squarederror",
    "tree_method": "hist",
    "max_bin": 64,
    "eta": 0.12,
    "max_depth": 7,
    "min_child_weight": 8,
    "subsample": 0.8,
    "colsample_bytree": 0.25,
    "lambda": 1.0,
    "eval_metric": "mae",  # for early stopping: single networks that failed to train must not decide it
    "verbosity": 0,
}

FEW = 1000  # rows on which threads would wait for each other longer than they work
Margins = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class XGBoost:
    """An ensemble of boosted trees.

    Attributes:
        members: in the ensemble.
        rounds: trees of a member at most.
        patience: rounds without a better figure on the rows left out; 0 does not stop.
        options: of the library, on top of ``DEFAULTS``.
        threads: of fitting; the trees do not depend on it.
    """

    members: int = 10
    rounds: int = 128
    patience: int = 40
    options: Mapping[str, Any] = field(default_factory=dict)
    threads: int = 2

    @property
    def suffix(self) -> str:
        return ".json"

    def fit(self, lessons: Lessons, train: Rows, stop: Rows, seed: int, report: Report = silent) -> Booster:
        features = lessons.inputs.features
        options = {**DEFAULTS, **self.options, "seed": seed, "nthread": self.threads}
        to_learn = xgboost.DMatrix(features[train], lessons.target[train], nthread=self.threads)
        given: dict[str, Any] = {}
        stopping = len(stop) > 0 and self.patience > 0
        if stopping:
            left_out = xgboost.DMatrix(features[stop], lessons.target[stop], nthread=self.threads)
            given = {"evals": [(left_out, "stop")], "early_stopping_rounds": self.patience, "verbose_eval": False}
        trees = xgboost.train(options, to_learn, self.rounds, **given)
        best = trees.best_iteration + 1 if stopping else self.rounds
        report(1.0, f"{best} trees")
        return Booster(trees[:best])

    def load(self, path: Path) -> Booster:
        return Booster(_booster(path.read_bytes(), str(path)))

    def together(self, members: Sequence[Member]) -> Callable[[Inputs], Floats]:
        """One booster with an output per member, so that a row's features are read once."""
        boosters = [member.trees for member in members if isinstance(member, Booster)]
        ask = _asking(_booster(json.dumps(_joined(boosters)).encode(), "the ensemble"))
        return lambda inputs: np.asarray(ask(inputs.features), np.float64).T.copy()


@dataclass(frozen=True)
class Booster:
    """A fitted member."""

    trees: xgboost.Booster

    def predict(self, inputs: Inputs) -> Floats:
        return _asking(self.trees)(inputs.features).astype(np.float64)[:, 0]

    def save(self, path: Path) -> None:
        beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        beside.write_bytes(self.trees.save_raw("json"))
        os.replace(beside, path)


def _asking(trees: xgboost.Booster) -> Callable[[Features], Margins]:
    """From features ``float32[n, k]`` to margins ``float32[n, outputs]``.

    The number of threads is set where it changes alone: after that the library takes half a millisecond to configure
    itself anew, which is as long as one row takes.
    """
    threads = 0

    def ask(features: Features) -> Margins:
        nonlocal threads
        if not len(features):
            return np.zeros((0, 1), np.float32)
        wanted = 2 if len(features) > FEW else 1
        if wanted != threads:
            trees.set_param({"nthread": wanted})
            threads = wanted
        found = trees.inplace_predict(features, predict_type="margin", validate_features=False)
        return np.asarray(found).reshape(len(features), -1)

    return ask


def _booster(text: bytes, where: str) -> xgboost.Booster:
    """A booster from JSON, whose form is checked here because the library aborts on some damage."""
    try:
        found = json.loads(text)
        model = found["learner"]["gradient_booster"]["model"]
        if len(model["trees"]) != len(model["tree_info"]):
            raise ValueError("trees are missing")
        trees = xgboost.Booster()
        trees.load_model(bytearray(text))
    except (ValueError, KeyError, TypeError, RecursionError, xgboost.core.XGBoostError) as error:
        raise ValueError(f"{where} holds no XGBoost model") from error
    return trees


def _joined(boosters: Sequence[xgboost.Booster]) -> dict[str, Any]:
    """The models of several boosters as one with as many outputs.  Each starts from its own base score."""
    models = [json.loads(bytes(one.save_raw("json"))) for one in boosters]
    joined: dict[str, Any] = models[0]
    count = len(models)
    learner = joined["learner"]
    parts = [one["learner"]["gradient_booster"]["model"] for one in models]
    rounds = max(len(part["trees"]) for part in parts)
    trees: list[dict[str, Any]] = []
    owner: list[int] = []
    starts = [0]
    for turn in range(rounds):
        for number, part in enumerate(parts):
            tree = part["trees"][turn] if turn < len(part["trees"]) else _nothing(part["trees"][0])
            tree = {**tree, "id": len(trees)}
            trees.append(tree)
            owner.append(number)
        starts.append(len(trees))
    model = learner["gradient_booster"]["model"]
    model["trees"], model["tree_info"], model["iteration_indptr"] = trees, owner, starts
    model["gbtree_model_param"] = {"num_parallel_tree": "1", "num_trees": str(len(trees))}
    scores = [_base_score(one) for one in models]
    learner["learner_model_param"]["num_target"] = str(count)
    learner["learner_model_param"]["base_score"] = "[" + ",".join(f"{score:.9E}" for score in scores) + "]"
    learner["attributes"] = {}
    return joined


def _base_score(model: dict[str, Any]) -> float:
    text = str(model["learner"]["learner_model_param"]["base_score"])
    return float(text.strip("[]"))


def _nothing(like: dict[str, Any]) -> dict[str, Any]:
    """A tree that is a leaf of value zero, with the fields of another tree."""
    lists = {name: [value[0]] if value else [] for name, value in like.items() if isinstance(value, list)}
    changed = {
        "base_weights": [0.0], "split_conditions": [0.0], "left_children": [-1], "right_children": [-1],
        "split_indices": [0], "loss_changes": [0.0], "parents": [2147483647],
    }  # fmt: skip
    param = {**like["tree_param"], "num_nodes": "1"}
    return {**like, **lists, **changed, "tree_param": param}
