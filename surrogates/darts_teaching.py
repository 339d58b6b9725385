"""Teach the embedded surrogate of the DARTS space what the YAHPO surrogate of NAS-Bench-301 answers.

    python -m surrogates.darts_teaching --yahpo ../shared/data/yahpo_nb301 -o tables/darts_distilled.npz

writes the model and, beside it, its data card.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_sim.randomness import stream
from nasbench_sim.spaces.darts import POSSIBLE_EDGES, edge_operations
from surrogates.commands import progress, run
from surrogates.darts_card import card, measure
from surrogates.darts_climbs import best_of_climbs
from surrogates.darts_distilled import EPOCHS, ITEMS, Distilled, items, made, tree_features
from surrogates.darts_lessons import ORIGINS, Lessons, lessons, without
from surrogates.darts_oracle import Answering, DARTSOracle
from surrogates.leaf_masks import UNIT, of_lightgbm
from surrogates.pairwise import fit_pairs
from surrogates.yahpo import CLIMBS, YAHPO

Floats = npt.NDArray[np.float64]
Report = Callable[[float, str], None]

LEARNED = (400_000, 60, 60, 40, 200_000)
HELD_OUT = (20_000, 10, 10, 10, 10_000)
CURVES = 60_000  # networks whose shorter trainings are learned
ROUNDS = 1200  # as many as five averaged ensembles of 240 had; one that goes on learning ranks better
CLIP = 0.03  # of what the pairs leave: no network may drown the rest
OPTIONS: Mapping[str, Any] = {
    "objective": "regression",
    "learning_rate": 0.1,
    "num_leaves": 63,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "max_bin": 63,
    "cat_smooth": 1.0,
    "cat_l2": 1.0,
    "min_data_per_group": 10,
    "num_threads": 0,  # what OMP_NUM_THREADS says, else all cores; the trees do not depend on it
    "verbose": -1,
    "deterministic": True,
    "force_row_wise": True,
}


def teach(teacher: Answering, report: Report, learned: Lessons, seed: int = 0) -> Distilled:
    """The model of a teacher; same lessons and seed, same bytes."""
    carried = edge_operations(learned.codes)
    there = items(carried)
    error_pairs = np.zeros((len(EPOCHS), ITEMS, ITEMS), np.int32)
    seconds_pairs = np.zeros_like(error_pairs)
    constants = np.zeros((2, len(EPOCHS)), np.int64)
    logit, log_seconds = _logit(learned.error), np.log(learned.seconds)
    error_pairs[0], constants[0, 0] = _whole(fit_pairs(there, ITEMS, logit))
    report(0.1, "seconds")
    seconds_pairs[0], constants[1, 0] = _whole(fit_pairs(there, ITEMS, log_seconds))
    some = np.sort(stream(seed, "teaching", "curves").permutation(len(learned))[:CURVES])
    for place, epochs in enumerate(EPOCHS[:-1], 1):
        report(0.2 + 0.1 * place, f"{epochs:g} epochs")
        error, seconds = teacher.figures(learned.codes[some], epochs)
        fitted = fit_pairs(there[some], ITEMS, _logit(error) - logit[some])
        error_pairs[place], constants[0, place] = _whole(fitted)
        fitted = fit_pairs(there[some], ITEMS, np.log(seconds) - log_seconds[some])
        seconds_pairs[place], constants[1, place] = _whole(fitted)
    rows, columns = np.triu_indices(there.shape[1])
    so_far = np.array([
        error_pairs[0][one[rows], one[columns]].sum(dtype=np.int64) for one in there
    ]) + constants[0, 0]  # fmt: skip
    rest = np.clip(logit - so_far * UNIT, -CLIP, CLIP)
    trees = of_lightgbm(_boosted(tree_features(carried), rest, seed, report))
    about = {
        "best_known": 0.0,
        "teacher": str(teacher.provenance["table"]),
        "teacher_sha256": str(teacher.provenance["fingerprint"]),
        "learned": len(learned),
    }
    draft = made(error_pairs, seconds_pairs, constants, trees, about)
    report(0.95, "its best network")
    best = best_of_climbs(draft.space, lambda codes: draft.figures(codes, EPOCHS[-1])[0], CLIMBS)[1]
    return made(error_pairs, seconds_pairs, constants, trees, {**about, "best_known": best})


def _logit(error: Floats) -> Floats:
    return np.asarray(np.log1p(-error) - np.log(error))


def _whole(fitted: tuple[Floats, float]) -> tuple[npt.NDArray[np.int32], int]:
    """Weights and constant in units of ``UNIT``."""
    return np.rint(fitted[0] / UNIT).astype(np.int32), round(fitted[1] / UNIT)


def _boosted(features: npt.NDArray[np.int64], target: Floats, seed: int, report: Report) -> dict[str, Any]:
    """LightGBM's dump of the trees."""
    import lightgbm

    edges = 2 * len(POSSIBLE_EDGES)  # the other features are counts
    settings = {"verbose": -1}
    data = lightgbm.Dataset(
        features.astype(np.float32), target, categorical_feature=list(range(edges)), params=settings
    )

    def tell(state: Any) -> None:
        if state.iteration % 100 == 0:
            report(0.5 + 0.45 * state.iteration / ROUNDS, f"{state.iteration:,} trees")

    dump: dict[str, Any] = lightgbm.train({**OPTIONS, "seed": seed}, data, ROUNDS, callbacks=[tell]).dump_model()
    return dump


def without_trees(model: Distilled) -> Distilled:
    """The same sums over pairs alone."""
    none = of_lightgbm({"tree_info": [{"tree_structure": {"leaf_value": 0.0}}]})
    return replace(model, trees=none)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make model and card; the exit status is 0, or 2 after a mistake of the user."""
    parser = argparse.ArgumentParser(prog="python -m surrogates.darts_teaching", description=__doc__)
    parser.add_argument("--yahpo", type=Path, required=True, metavar="DIR", help="folder nb301 of YAHPO Gym's data")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the model, .npz")
    return run(_command, parser.parse_args(arguments))


def _command(options: argparse.Namespace) -> None:
    teacher = YAHPO.open(options.yahpo)
    path = options.output.with_suffix(".npz")
    path.parent.mkdir(parents=True, exist_ok=True)
    with progress("lessons") as report:
        oracle = DARTSOracle(teacher)
        learned = lessons(oracle, LEARNED, 1, report)
        held_out = without(lessons(oracle, HELD_OUT, 2, report), learned, teacher.space)
    with progress("teaching") as report:
        model = teach(teacher, report, learned)
    model.save(path)
    print(f"wrote {path}: {path.stat().st_size / 1e6:.1f} MB, fingerprint {model.fingerprint[:12]}")
    figures = measure(model, teacher, held_out, without_trees(model))
    counts = list(zip(ORIGINS, np.bincount(learned.origin, minlength=len(ORIGINS)).tolist(), strict=True))
    text = card(model, figures, counts, path.stat().st_size, len(model.trees.leaf_counts))
    _write(path.with_suffix(".md"), text)
    everything, random = figures.agreement["all together"], figures.agreement["random"]
    print(
        f"tau with its teacher {everything.tau:.3f}, among the best 5% {everything.tau_best:.3f}; "
        f"on random networks {random.tau:.3f} and {random.tau_best:.3f}"
    )


def _write(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)


if __name__ == "__main__":
    sys.exit(main())
