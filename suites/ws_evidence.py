"""What the page of ``ws_vs_rs`` shows beside runs: super-nets against the truth, and what one-shot is worth."""

from __future__ import annotations

import io
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

from nasbench_sim.oracle import Floats, Task
from nasbench_sim.proxy import WeightSharingOracle, in_cluster
from nasbench_sim.randomness import stream
from suites.catalogue import SUPERNETS, VARIANT_COST, published, spearman

CELLS = 1000  # cells per super-net behind each correlation (section 4.3.2)
SCATTER = 10_000  # cells of a scatter plot (Figure 4.3)
CLAIMS = (13, 64, 200)  # sample sizes of earlier studies
CLAIM_DRAWS = 200


def write_evidence(task: Task, folder: Path) -> None:
    """Write ``weight_sharing-SPACE.json`` and ``scatter-SPACE.npz`` of a task.

    The JSON holds ``space``, ``size``, ``spearman`` (variant to one figure per super-net, 1,000 random cells each),
    ``claims`` (what small or stratified samples of cells would have claimed: mean and 5% and 95% quantiles over
    draws), ``training_seconds`` (mean over the space), ``setup_seconds``, ``proxy_seconds``, ``cluster``, how the
    super-nets were calibrated, and ``implied`` figures of the source.  The scatter holds ``truth`` and ``proxy``
    (accuracies under the first super-net, float32) and ``cluster`` (bool).
    """
    oracle = task.oracle
    assert isinstance(oracle, WeightSharingOracle)
    space = task.name.rsplit("/", 1)[-1]
    trained = oracle.trained
    longest = trained.sources["train"].fidelities[-1]
    truth = 1.0 - trained.mean_error(longest)[trained.rows]
    codes, keys, score = oracle.cells
    correlations: dict[str, list[float]] = {}
    for variant in VARIANT_COST:
        nets = oracle.variant((space, variant), spearman(space, variant))
        correlations[variant] = [_correlation(nets, truth, number) for number in range(SUPERNETS)]
    shown = stream(oracle.seed, "scatter", space).permutation(len(truth))[:SCATTER]
    proxy = oracle.draw(0).accuracy(codes[shown], keys[shown], score[shown])
    inside = in_cluster(codes[shown], oracle.bias.cluster)
    columns = io.BytesIO()
    np.savez(columns, truth=truth[shown].astype(np.float32), proxy=proxy.astype(np.float32), cluster=inside)
    implied = published()["implied"]
    figures: dict[str, Any] = {
        "space": space,
        "size": len(truth),
        "spearman": correlations,
        "claims": _claims(truth[shown], proxy, stream(oracle.seed, "claims", space)),
        "training_seconds": float(trained.seconds(longest)[trained.rows].mean()),
        "setup_seconds": oracle.setup_seconds,
        "proxy_seconds": oracle.proxy_seconds,
        "cluster": oracle.bias.cluster,
        "bias": asdict(oracle.bias),
        "implied": {
            "one_shot_in_trainings": implied["one_shot_in_trainings"][space],
            "GS_minus_RS": implied["GS_minus_RS"][space],
            "correlation_against_size": implied["correlation_against_size"],
        },
    }
    _write(folder / f"scatter-{space}.npz", columns.getvalue())
    _write(folder / f"weight_sharing-{space}.json", (json.dumps(figures, indent=1) + "\n").encode())


def _correlation(nets: WeightSharingOracle, truth: Floats, number: int) -> float:
    codes, keys, score = nets.cells
    cells = stream(nets.seed, "cells", *nets.names, str(number)).choice(len(truth), CELLS, replace=False)
    proxy = nets.draw(number).accuracy(codes[cells], keys[cells], score[cells])
    return float(spearmanr(truth[cells], proxy).statistic)


def _claims(truth: Floats, proxy: Floats, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Correlations that a study would have reported from few cells, or from cells spread evenly over the proxy."""
    draws: dict[tuple[str, int], list[npt.NDArray[np.int64]]] = {}
    for count in CLAIMS:
        draws["random", count] = [rng.choice(len(truth), count, replace=False) for _ in range(CLAIM_DRAWS)]
    # Four cells from each of ten equally wide bins of the proxy's range, as Bender et al. 2018 chose theirs.
    edges = np.linspace(proxy.min(), proxy.max(), 11)[1:-1]
    bins = [np.flatnonzero(np.digitize(proxy, edges) == number) for number in range(10)]
    draws["stratified", 40] = [
        np.concatenate([rng.choice(cells, min(4, len(cells)), replace=False) for cells in bins if len(cells)])
        for _ in range(CLAIM_DRAWS)
    ]
    claims = []
    for (how, count), samples in draws.items():
        figures = [spearmanr(truth[cells], proxy[cells]).statistic for cells in samples]
        low, high = np.quantile(figures, (0.05, 0.95))
        claims.append(
            {"how": how, "cells": count, "mean": float(np.mean(figures)), "low": float(low), "high": float(high)}
        )
    return claims


def _write(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.part")
    partial.write_bytes(content)
    os.replace(partial, path)
