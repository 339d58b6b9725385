"""Gradient-boosted trees with LightGBM (Ke et al. 2017), as members of an ensemble.  Settings: see ``boosting``."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

from surrogates.boosting import DEFAULTS, REPRODUCIBLE
from surrogates.cores import threads
from surrogates.inputs import Features, Inputs
from surrogates.members import Floats, Lessons, Member, Report, Rows, silent

ENSEMBLE: Mapping[str, Any] = {"learning_rate": 0.08, "feature_fraction": 0.15, "metric": "l1"}
"""Fewer and larger steps than a model alone takes: the mean over members smooths what they leave.  They stop by the
absolute error, so that single networks that failed to train do not decide it."""

FEW, MANY = 64, 512  # rows


@dataclass(frozen=True)
class LightGBM:
    """An ensemble of boosted trees.

    Attributes:
        members: in the ensemble.
        rounds: trees of a member at most.
        patience: rounds without a better figure on the rows left out; 0 does not stop.
        options: of the library, on top of ``boosting.DEFAULTS`` and ``ENSEMBLE``.
        threads: of fitting; the trees do not depend on it.
    """

    members: int = 10
    rounds: int = 400
    patience: int = 60
    options: Mapping[str, Any] = field(default_factory=dict)
    threads: int = 2

    @property
    def suffix(self) -> str:
        return ".txt"

    def fit(self, lessons: Lessons, train: Rows, stop: Rows, seed: int, report: Report = silent) -> Booster:
        features = lessons.inputs.features
        options = {**DEFAULTS, **ENSEMBLE, **self.options, **REPRODUCIBLE, "seed": seed, "num_threads": self.threads}
        to_learn = lightgbm.Dataset(features[train], lessons.target[train], params={"verbose": -1})
        given: dict[str, Any] = {}
        stopping = len(stop) > 0 and self.patience > 0
        if stopping:
            given["valid_sets"] = [to_learn.create_valid(features[stop], lessons.target[stop])]
            given["callbacks"] = [lightgbm.early_stopping(self.patience, verbose=False)]
        trees = lightgbm.train(options, to_learn, self.rounds, **given)
        best = trees.best_iteration if stopping and trees.best_iteration > 0 else trees.num_trees()
        report(1.0, f"{best} trees")
        return Booster(_booster(trees.model_to_string(num_iteration=best), "the member"))

    def load(self, path: Path) -> Booster:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} holds no LightGBM model") from error
        return Booster(_booster(text, str(path)))

    def together(self, members: Sequence[Member]) -> Callable[[Inputs], Floats]:
        """All members: of few rows by one booster with an output per member, so that the library is called once.

        It walks all trees for a row before the next row.  Of many rows each member is asked apart, since its trees
        stay in the cache; together they would not.
        """
        boosters = [member.trees for member in members if isinstance(member, Booster)]
        joined = _booster(_joined([one.model_to_string() for one in boosters]), "the ensemble")
        count = len(boosters)

        def ask(inputs: Inputs) -> Floats:
            if len(inputs) <= FEW:
                return _values(joined, inputs.features).reshape(-1, count).T.copy()
            return np.stack([_values(one, inputs.features) for one in boosters])

        return ask


@dataclass(frozen=True)
class Booster:
    """A fitted member."""

    trees: lightgbm.Booster

    def predict(self, inputs: Inputs) -> Floats:
        return _values(self.trees, inputs.features)

    def save(self, path: Path) -> None:
        beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        beside.write_text(self.trees.model_to_string(), encoding="utf-8")
        os.replace(beside, path)


def _values(trees: lightgbm.Booster, features: Features) -> Floats:
    if not len(features):
        return np.zeros(0)
    wanted = threads() if len(features) > MANY else 1  # on few rows threads wait longer than they work
    return np.asarray(trees.predict(features, raw_score=True, num_threads=wanted), np.float64)


def _booster(text: str, where: str) -> lightgbm.Booster:
    """A booster from text, whose form is checked here because the library aborts on some damage."""
    sizes = re.search(r"^tree_sizes=([0-9 ]+)$", text, re.MULTILINE)
    if not text.startswith("tree\n") or sizes is None or "\nend of trees" not in text:
        raise ValueError(f"{where} holds no LightGBM model")
    start = text.index("\nTree=0\n") + 1 if "\nTree=0\n" in text else -1
    if start + sum(int(size) for size in sizes[1].split()) != text.index("\nend of trees") + 1:
        raise ValueError(f"{where} holds no LightGBM model")
    try:
        return lightgbm.Booster(model_str=text)
    except lightgbm.basic.LightGBMError as error:
        raise ValueError(f"{where} holds no LightGBM model") from error


def _joined(texts: Sequence[str]) -> str:
    """The models of several boosters as one with as many outputs."""
    heads: list[str] = []
    bodies: list[list[str]] = []
    for text in texts:
        head, _, rest = text.partition("\nTree=0\n")
        text_of_trees = ("\nTree=0\n" + rest).partition("\nend of trees")[0]
        heads.append(head)
        bodies.append(re.split(r"\nTree=\d+\n", text_of_trees)[1:])
    rounds = max(len(body) for body in bodies)
    trees: list[str] = []
    for turn in range(rounds):
        for body in bodies:
            tree = body[turn] if turn < len(body) else _NOTHING
            trees.append(f"Tree={len(trees)}\n{tree.strip()}\n\n\n")
    sizes = " ".join(str(len(tree.encode())) for tree in trees)
    head = heads[0]
    for name, value in (("num_class", len(texts)), ("num_tree_per_iteration", len(texts)), ("tree_sizes", sizes)):
        head = re.sub(rf"^{name}=.*$", f"{name}={value}", head, flags=re.MULTILINE)
    return f"{head}\n\n{''.join(trees).rstrip()}\n\n\nend of trees\n"


_NOTHING = "num_leaves=1\nnum_cat=0\nleaf_value=0\nis_linear=0\nshrinkage=1"
