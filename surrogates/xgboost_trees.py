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
from scipy.special import logit

from surrogates.flat_trees import FlatTrees, Tree, rounded
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

FEWEST = 8  # rows, below which the library takes longer to prepare itself than trees in numpy's arrays take
FIELDS = ("split_indices", "left_children", "right_children")
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
        ask = _together([member.trees for member in members if isinstance(member, Booster)])
        return lambda inputs: ask(inputs.features)


@dataclass(frozen=True)
class Booster:
    """A fitted member."""

    trees: xgboost.Booster

    def predict(self, inputs: Inputs) -> Floats:
        return np.asarray(_together([self.trees])(inputs.features)[0])

    def save(self, path: Path) -> None:
        beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        beside.write_bytes(self.trees.save_raw("json"))
        os.replace(beside, path)


def _together(boosters: Sequence[xgboost.Booster]) -> Callable[[Features], Floats]:
    """From features ``float32[n, k]`` to the members' margins ``float64[m, n]``, the same for any company of a row."""
    models = [json.loads(bytes(one.save_raw("json"))) for one in boosters]
    members = [[_tree(tree) for tree in _trees(model)] for model in models]
    bases = np.array([_base_margin(model) for model in models])[:, None]
    flat = FlatTrees(members, boosters[0].num_features())
    ask = _asking(_booster(json.dumps(_joined(models, members)).encode(), "the ensemble"))

    def together(features: Features) -> Floats:
        sums = flat.sums(features) if len(features) <= FEWEST else ask(features).astype(np.float64).T
        return np.asarray(bases + sums)

    return together


def _asking(trees: xgboost.Booster) -> Callable[[Features], Margins]:
    """From features ``float32[n, k]`` to margins ``float32[n, outputs]``, by one thread; several may ask at once."""
    trees.set_param({"nthread": 1})

    def ask(features: Features) -> Margins:
        if not len(features):
            return np.zeros((0, 1), np.float32)
        found = trees.inplace_predict(features, predict_type="margin", validate_features=False)
        return np.asarray(found).reshape(len(features), -1)

    ask(np.zeros((1, trees.num_features()), np.float32))  # the library prepares itself here, while nobody else asks
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


def _trees(model: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = model["learner"]["gradient_booster"]["model"]["trees"]
    return found


def _tree(found: Mapping[str, Any]) -> Tree:
    """A tree of the library's JSON, where a leaf's value stands in the place of a threshold."""
    if any(found["split_type"]):
        raise ValueError("a tree tests categories")
    conditions = np.array(found["split_conditions"], np.float32)
    feature, left, right = (np.array(found[name], np.int64) for name in FIELDS)
    return Tree(feature, conditions, left, right, conditions)


def _joined(models: Sequence[dict[str, Any]], members: Sequence[Sequence[Tree]]) -> dict[str, Any]:
    """The models of several boosters as one with as many outputs: sums of rounded leaves, without base scores."""
    joined = models[0]
    learner = joined["learner"]
    parts = [_trees(model) for model in models]
    for part, member in zip(parts, members, strict=True):
        for tree, arrays, value in zip(part, member, rounded(member), strict=True):
            tree["split_conditions"] = np.where(arrays.left < 0, value, arrays.threshold).tolist()
    trees: list[dict[str, Any]] = []
    owner: list[int] = []
    starts = [0]
    for turn in range(max(map(len, parts))):
        for number, part in enumerate(parts):
            tree = part[turn] if turn < len(part) else _nothing(part[0])
            trees.append({**tree, "id": len(trees)})
            owner.append(number)
        starts.append(len(trees))
    model = learner["gradient_booster"]["model"]
    model["trees"], model["tree_info"], model["iteration_indptr"] = trees, owner, starts
    model["gbtree_model_param"] = {"num_parallel_tree": "1", "num_trees": str(len(trees))}
    learner["learner_model_param"]["num_target"] = str(len(models))
    learner["learner_model_param"]["base_score"] = "[" + ",".join("0E0" for _ in models) + "]"
    learner["objective"] = {"name": "reg:squarederror", "reg_loss_param": {"scale_pos_weight": "1"}}
    learner["attributes"] = {}
    return joined


def _base_margin(model: dict[str, Any]) -> float:
    """What a model's sums of leaves start from."""
    learner = model["learner"]
    score = float(str(learner["learner_model_param"]["base_score"]).strip("[]"))
    return float(logit(score)) if learner["objective"]["name"] == "binary:logistic" else score


def _nothing(like: dict[str, Any]) -> dict[str, Any]:
    """A tree that is a leaf of value zero, with the fields of another tree."""
    lists = {name: [value[0]] if value else [] for name, value in like.items() if isinstance(value, list)}
    changed = {
        "base_weights": [0.0], "split_conditions": [0.0], "left_children": [-1], "right_children": [-1],
        "split_indices": [0], "loss_changes": [0.0], "parents": [2147483647],
    }  # fmt: skip
    param = {**like["tree_param"], "num_nodes": "1"}
    return {**like, **lists, **changed, "tree_param": param}
