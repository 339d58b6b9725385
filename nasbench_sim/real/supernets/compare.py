"""Super-nets against networks trained alone: ``python -m nasbench_sim.real supernet SPACE --against TABLE``."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from nasbench_sim.errors import UserError
from nasbench_sim.files import beside
from nasbench_sim.randomness import stream
from nasbench_sim.real.data import Data
from nasbench_sim.real.device import Device
from nasbench_sim.real.feeding import feed
from nasbench_sim.real.ledger import identity
from nasbench_sim.real.networks import Shape, size
from nasbench_sim.real.recipes import Recipe
from nasbench_sim.real.supernets import check_supernet
from nasbench_sim.real.supernets.training import CONVERGED, Trained, spearman, train_supernet
from nasbench_sim.spaces.space import Codes, Space
from nasbench_sim.tabular.table import Table


def compare(
    space: Space, data: Data, shape: Shape, recipe: Recipe, device: Device, out: Path,
    *, variant: str, supernets: int, cells: int, against: Table | None,
    advance: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:  # fmt: skip
    """Train super-nets, ask each for the proxies of some cells, and correlate those with a table's errors.

    Writes ``out`` as JSON: per super-net ``status``, ``median``, ``chance``, ``seconds``, ``proxy_seconds``, and
    ``spearman`` by way of evaluation ("no_ft", "bns_ft"); the weights lie beside it.

    Args:
        space: searched by the super-net.
        data: to train on.
        shape: of the networks.
        recipe: of a super-net.
        device: where.
        out: the file.
        variant: see ``VARIANTS``.
        supernets: how many.
        cells: drawn uniformly from those that the table holds, the same for all super-nets.
        against: of the networks trained alone; None for proxies without a correlation.
        advance: called with 1 after each super-net.

    Raises:
        UserError: a space without super-net, an unknown variant, a table of another space or recorded on other data, or
            one that holds none of its cells.
    """
    check_supernet(space, shape, variant)
    codes, errors = _cells(space, cells, against)
    trained_on = None if against is None else against.attributes.get("data_sha256")
    if against is not None and trained_on not in (None, data.fingerprint):
        raise UserError(f"{against.path} was recorded on other data ({against.data_sets[0]}) than --data {data.name}")
    splits = feed(data, device)
    nets: list[dict[str, Any]] = []
    what = {
        "space": [space.name, getattr(space, "subspace", ""), getattr(space, "equivalence", "")],
        "data": data.fingerprint, "size": [shape.inputs, shape.classes, *size(space, shape)],
        "recipe": dict(recipe.described), "device": device.described, "torch": version("torch"),
    }  # fmt: skip
    for number in range(supernets):
        about = {**what, "number": number}
        weights = out.with_suffix(".weights") / f"{variant}-{number}-{identity(about)[:12]}.pt"
        found = train_supernet(space, shape, splits, recipe, device, variant, number, weights, about)
        nets.append({**_told(found), "spearman": _correlations(found, codes, errors)})
        advance(1)
    told = {
        "space": space.name, "data": data.name, "fingerprint": data.fingerprint, "variant": variant,
        "recipe": dict(recipe.described), "device": device.name, "cells": len(codes),
        "against": None if against is None else [against.name, against.kind, against.fingerprint], "supernets": nets,
    }  # fmt: skip
    with beside(out) as partial:
        partial.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return told


def _told(found: Trained) -> dict[str, Any]:
    return {
        "status": found.status, "median": found.median, "chance": found.chance, "seconds": found.seconds,
        "proxy_seconds": found.proxy_seconds,
    }  # fmt: skip


def _cells(space: Space, cells: int, against: Table | None) -> tuple[Codes, np.ndarray[Any, np.dtype[np.float64]]]:
    """Cells and their mean validation errors after the longest training."""
    rng = stream(0, "correlated", space.name)
    if against is None:
        return space.sample(rng, min(cells, space.size or cells)), np.empty(0)
    if not against.data_sets:
        raise UserError(f"{against.path} holds seconds and no errors: there is nothing to correlate proxies with")
    if against.space != space.name or against.codes.shape[1] != space.dimension:
        raise UserError(f"{against.path} is a table of {against.space}, not of {space.name}")
    there = np.flatnonzero(space.valid(against.codes))
    if not len(there):
        raise UserError(f"{against.path} holds no cell of this space")
    rows = np.sort(there[rng.permutation(len(there))[:cells]])
    data_set = against.data_sets[0]
    return against.codes[rows], against.mean(data_set, "validation", float(against.fidelities[-1]))[rows]


def _correlations(
    found: Trained, codes: Codes, errors: np.ndarray[Any, np.dtype[np.float64]]
) -> dict[str, float | None]:
    """By way of evaluation; none of a super-net that has learned nothing."""
    if not len(errors) or found.status != CONVERGED:
        return {}
    return {
        how: None if not np.isfinite(value) else value
        for how in ("no_ft", "bns_ft")
        for value in [spearman(found.proxies(codes, how), errors)]
    }
