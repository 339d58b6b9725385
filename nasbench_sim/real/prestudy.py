"""What to settle before a search: which space, which learning rate, and after how many epochs networks can be ranked.

As the medical study does it (its section 6.3.2), but with figures: curves of random networks, how much they fluctuate,
and the rank correlation of the error after e epochs with the one at the end of the same training.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from nasbench_sim.files import beside
from nasbench_sim.oracle import Floats
from nasbench_sim.randomness import stream
from nasbench_sim.real.data import Data
from nasbench_sim.real.device import Device
from nasbench_sim.real.feeding import Splits, feed
from nasbench_sim.real.ledger import Ledger, identity
from nasbench_sim.real.networks import Shape, network, size
from nasbench_sim.real.recipes import Recipe
from nasbench_sim.real.training import train
from nasbench_sim.spaces.space import Codes, Space


def prestudy(
    spaces: Mapping[str, tuple[Space, Shape]], rates: Sequence[float], networks: int, data: Data, recipe: Recipe,
    device: Device, out: Path, advance: Callable[[int], None] = lambda _: None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Train random networks of each space at each learning rate, and write their curves as JSON.

    Each group holds ``space``, ``rate``, ``curves`` (validation error by network and epoch; null from where a training
    failed), ``final`` (mean error at the end), ``fluctuation`` (mean rise of the error from one epoch to the next,
    where it rises, over the fall from first to last), ``ranking`` (Spearman's correlation of each epoch's errors with
    the last one's) and ``seconds``.

    Args:
        spaces: by name, with the shape of their networks.
        rates: learning rates.
        networks: of each space, the same at every rate.
        data: to train on.
        recipe: but for its learning rate.
        device: where.
        out: the file; trainings are kept beside it.
        advance: called with 1 after each training.
    """
    ledger, splits, groups = Ledger(out.with_suffix(".trained")), feed(data, device), []
    for name, (space, shape) in spaces.items():
        codes = space.sample(stream(0, "prestudy", name), networks)
        for rate in rates:
            how = recipe.with_(learning_rate=rate)
            found = []
            for code in codes:
                found.append(_trained(ledger, space, code, shape, data, splits, how, device))
                advance(1)
            groups.append({"space": name, "rate": rate, **_figures(found, recipe.epochs)})
    told = {"data": data.name, "fingerprint": data.fingerprint, "recipe": dict(recipe.described),
            "device": device.name, "groups": groups}  # fmt: skip
    with beside(out) as partial:
        partial.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return groups


def _trained(
    ledger: Ledger, space: Space, code: Codes, shape: Shape, data: Data, splits: Splits, recipe: Recipe, device: Device
) -> Mapping[str, Any]:
    about = {
        "prestudy": 1, "space": space.name, "code": code.tolist(), "size": [*size(space, shape)],
        "data": data.fingerprint, "recipe": dict(recipe.described), "device": device.described,
        "torch": version("torch"),
    }  # fmt: skip

    def make(checkpoint: Path) -> Mapping[str, Any]:
        found = train(lambda: network(space, code, shape), splits, recipe, device, 0, curve=True, checkpoint=checkpoint)
        return {"about": about, **asdict(found), "checks": {}}

    return ledger.obtain(identity(about), make)


def _figures(found: Sequence[Mapping[str, Any]], epochs: int) -> dict[str, Any]:
    curves = np.full((len(found), epochs), np.nan)
    for row, one in zip(curves, found, strict=True):
        errors = [point["validation error"] for point in one["curve"]]
        row[: len(errors)] = errors
    whole = curves[~np.isnan(curves[:, -1])]
    return {
        "curves": [[None if np.isnan(value) else value for value in row] for row in curves.tolist()],
        "failed": len(curves) - len(whole),
        "final": float(whole[:, -1].mean()) if len(whole) else None,
        "fluctuation": fluctuation(whole),
        "ranking": ranking(whole),
        "seconds": float(sum(one["seconds"] for one in found)),
    }


def fluctuation(curves: Floats) -> float | None:
    """Sum of all rises of ``curves[n, e]`` over the sum of their falls from the first epoch to the best one.

    0 for curves that never rise; None where none falls.
    """
    rises = np.clip(np.diff(curves, axis=1), 0, None).sum() if curves.size else 0.0
    falls = (curves[:, 0] - curves.min(axis=1)).sum() if curves.size else 0.0
    return float(rises / falls) if falls > 0 else None


def ranking(curves: Floats) -> list[float | None]:
    """Spearman's correlation of each column of ``curves[n, e]`` with the last; None where it is not defined."""
    if len(curves) < 3 or np.ptp(curves[:, -1]) == 0:
        return [None] * curves.shape[1]
    return [None if np.ptp(column) == 0 else float(spearmanr(column, curves[:, -1]).statistic) for column in curves.T]
