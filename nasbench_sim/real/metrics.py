"""How good predictions are: accuracy, AUC as MedMNIST defines it, cross-entropy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax, softmax
from scipy.stats import rankdata

from nasbench_sim.oracle import Floats


def metrics(logits: npt.NDArray[np.floating], labels: npt.NDArray[np.int64]) -> dict[str, float]:
    """``error`` (1 - accuracy), ``auc`` and ``loss`` of logits ``[n, classes]``."""
    return {
        **errors_and_losses(logits[None], labels)[0],
        "auc": auc(softmax(logits.astype(np.float64), axis=1), labels),
    }


def errors_and_losses(logits: npt.NDArray[np.floating], labels: npt.NDArray[np.int64]) -> list[dict[str, float]]:
    """``error`` and ``loss`` of each of K networks, from logits ``[K, n, classes]``."""
    scores = logits.astype(np.float64)
    errors = (scores.argmax(axis=2) != labels).mean(axis=1)
    losses = -log_softmax(scores, axis=2)[:, np.arange(len(labels)), labels].mean(axis=1)
    return [{"error": error, "loss": loss} for error, loss in zip(errors.tolist(), losses.tolist(), strict=True)]


def auc(probabilities: Floats, labels: npt.NDArray[np.int64]) -> float:
    """Area under the ROC curve: of the second class of two, otherwise the mean over classes, each against the rest.

    Yang et al. 2023, "MedMNIST v2", Scientific Data.  A class that all or none of the labels show has no area and is
    left out; NaN where that leaves none.
    """
    classes = probabilities.shape[1]
    of = [1] if classes == 2 else range(classes)
    areas = [_area(probabilities[:, one], labels == one) for one in of]
    known = [area for area in areas if not np.isnan(area)]
    return float(np.mean(known)) if known else float("nan")


def _area(scores: Floats, positive: npt.NDArray[np.bool_]) -> float:
    """The share of pairs in the right order, ties counting half (Mann and Whitney)."""
    count, rest = int(positive.sum()), int((~positive).sum())
    if not count or not rest:
        return float("nan")
    return float((rankdata(scores)[positive].sum() - count * (count + 1) / 2) / (count * rest))
