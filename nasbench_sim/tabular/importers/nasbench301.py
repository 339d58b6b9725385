"""The trainings of NAS-Bench-301 as its publishers ship them: one folder per optimizer, one JSON file per training.

Siems et al. 2020, "NAS-Bench-301 and the Case for Surrogate Benchmarks for Neural Architecture Search"; the folders
nb_301_v13 (figshare, nasbench301_full_data) as the public code of automl/nasbench301 reads them.  A file such as
``re/results_17.json`` has, among other things,

    {"optimized_hyperparamater_config": {"NetworkSelectorDatasetInfo:darts:edge_normal_0": "sep_conv_3x3",
                                         "NetworkSelectorDatasetInfo:darts:inputs_node_normal_3": "0_1", ...},
     "info": [{"val_accuracy": 92.6, "model_parameters": 1234567, ...}], "test_accuracy": 91.9, "runtime": 5423.0,
     "learning_curves": {"Train/val_accuracy": [35.1, 45.2, ...], ...}}

It is a sample of the space, not the space: a table of it answers for no other network, but a model learns from it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.spaces.darts import CELLS, DARTS, OPERATIONS
from nasbench_sim.tabular.importers.bounded import MEBIBYTE, read_bounded, shown
from nasbench_sim.tabular.importers.progress import progress
from nasbench_sim.tabular.table import Table, write_table

ABOUT = "its folder of results, nb_301_v13, with optimizer/results_*.json"

LARGEST_FILE = 16 * MEBIBYTE
SHORTER = (4, 11, 33)  # epochs taken from the learning curves, beside the last
PREFIX = "NetworkSelectorDatasetInfo:darts:"
SETTINGS = {  # what makes trainings comparable; others are the same in all published files
    "channels": f"{PREFIX}init_channels",
    "layers": f"{PREFIX}layers",
    "epochs of the schedule": "SimpleLearningrateSchedulerSelector:cosine_annealing:T_max",
}

ATTRIBUTES = {
    "name": "nasbench301",
    "title": "NAS-Bench-301: the networks that were trained, measured",
    "space": "darts",
    "kind": "measured",
    "licence": "Apache-2.0",
    "source": "automl/nasbench301, nb_301_v13",
    "data_sets": ("cifar10",),
    "metric": "error",
    "unit_fidelity": "epochs",
    "resumes": True,
    "split": "trained on 40,000 of CIFAR-10's training images, validation = the other 10,000, test = the 10,000 test "
    "images",
}


@dataclass(frozen=True)
class Training:
    """One file.

    Attributes:
        code: ``uint8[32]``.
        validation: accuracies in percent after each epoch; the last alone where there is no learning curve.
        curve: whether there is one.
        test: accuracy in percent.
        seconds: of the whole training.
        parameters: as stated.
        settings: channels, layers and epochs of the schedule.
    """

    code: npt.NDArray[np.uint8]
    validation: tuple[float, ...]
    curve: bool
    test: float
    seconds: float
    parameters: int
    settings: tuple[Any, ...]


def import_nasbench301(source: Path, folder: Path) -> Table:
    """Write ``nasbench301.h5``: one row per network, its trainings as repeats, in the order of the files' names.

    Validation errors after 4, 11 and 33 epochs come from the learning curves, where all files have one; seconds are
    those of the whole training, and none are stated for a part of it.

    Args:
        source: the folder.
        folder: where to.

    Raises:
        UserError: no such folder, no results in it, or a file that is no such result; the message names it.
    """
    paths = sorted(path for path in source.glob("*/results_*.json") if path.is_file())
    if not paths:
        where = "no such folder" if not source.is_dir() else "no optimizer/results_*.json in it"
        raise UserError(f"{source}: {where}; give the unpacked folder nb_301_v13")
    digest = hashlib.sha256()
    trainings: list[Training] = []
    with progress("results", len(paths), in_bytes=False) as done:
        for number, path in enumerate(paths, 1):
            content = read_bounded(path, LARGEST_FILE)
            digest.update(f"{path.parent.name}/{path.name}\0{len(content)}\0".encode() + content)
            trainings.append(_training(path, content))
            if trainings[-1].settings != trainings[0].settings:
                differ = zip(SETTINGS, trainings[-1].settings, trainings[0].settings, strict=True)
                what, here, there = next(one for one in differ if one[1] != one[2])
                raise UserError(f"{path}: {what} are {here}, in {paths[0]} {there}: import the two separately")
            done(number)
    arrays, keys, epochs = _arrays(trainings)
    repeats = arrays["cifar10/validation"].shape[2]
    attributes = {
        **ATTRIBUTES,
        "fidelities": epochs,
        "description": (
            f"{len(trainings):,} trainings of {len(keys):,} networks, up to {repeats} of the same one (networks that "
            "differ in names of nodes alone are the same). They were chosen by the optimizers whose names their "
            "folders bear, so they are no random sample of the space. Seconds are those of the whole training."
        ),
        "created_by": f"python -m nasbench_sim.tabular import nasbench301 {source.name}",
        "source_sha256": digest.hexdigest(),
    }
    return write_table(
        folder / "nasbench301.h5",
        attributes,
        arrays,
        array_attributes={name: {"fidelities": epochs[-1:]} for name in ("cifar10/test", "cifar10/train_seconds")},
        storage={name: {"decimals": 4} for name in ("cifar10/validation", "cifar10/test")},
        keys=keys,
    )


def _arrays(
    trainings: list[Training],
) -> tuple[dict[str, npt.NDArray[Any]], npt.NDArray[np.uint64], tuple[float, ...]]:
    """Columns of the table with the trainings of a network side by side, its keys, and the epochs."""
    last = max(len(training.validation) for training in trainings)
    epochs: tuple[float, ...] = (float(trainings[0].settings[2]),)
    if all(training.curve and len(training.validation) == last for training in trainings):
        epochs = (*(float(epoch) for epoch in SHORTER if epoch < last), float(last))
    codes = np.stack([training.code for training in trainings])
    found = DARTS().key(codes)
    _, first, owner = np.unique(found, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)  # networks as they come
    row_of = np.empty(len(order), np.int64)
    row_of[order] = np.arange(len(order))
    rows = row_of[owner.ravel()]
    counts = np.bincount(rows)
    validation = np.full((len(order), len(epochs), counts.max()), np.nan)
    test = np.full((len(order), 1, counts.max()), np.nan)
    seconds = np.full((len(order), 1, counts.max()), np.nan)
    filled = np.zeros(len(order), np.int64)
    places = [int(epoch) - 1 if len(epochs) > 1 else -1 for epoch in epochs]
    for row, training in zip(rows.tolist(), trainings, strict=True):
        at = filled[row]
        validation[row, :, at] = [1 - training.validation[place] / 100 for place in places]
        test[row, 0, at], seconds[row, 0, at] = 1 - training.test / 100, training.seconds
        filled[row] += 1
    arrays: dict[str, npt.NDArray[Any]] = {
        "codes": codes[first[order]],
        "cifar10/validation": validation,
        "cifar10/test": test,
        "cifar10/train_seconds": seconds,
        "cifar10/parameters": np.array([trainings[place].parameters for place in first[order].tolist()], np.int64),
    }
    return arrays, found[first[order]], epochs


def _training(path: Path, content: bytes) -> Training:
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        raise UserError(f"{path} is no JSON, or cut short; get it again") from None
    try:
        config, info = told["optimized_hyperparamater_config"], told["info"][0]
        curve = told.get("learning_curves", {}).get("Train/val_accuracy")
        figures = {"val_accuracy": info["val_accuracy"], "test_accuracy": told["test_accuracy"]}
        seconds, parameters = told["runtime"], info["model_parameters"]
        settings = tuple(config[name] for name in SETTINGS.values())
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is no result of NAS-Bench-301: {shown(str(error))} is missing") from None
    shorter = curve[:-1] if isinstance(curve, list) else []
    accuracies = [*shorter, figures["val_accuracy"]]  # the last is what the public code learns from
    for what, value in (*figures.items(), *(("learning curve", value) for value in accuracies)):
        if not _number(value) or not 0 <= value <= 100:
            raise UserError(f"{path}: {what} is {shown(value)}, not a number from 0 to 100")
    if not _number(seconds) or seconds <= 0:
        raise UserError(f"{path}: runtime is {shown(seconds)}, not a number of seconds")
    if type(parameters) is not int or not 0 < parameters < 2**62:
        raise UserError(f"{path}: model_parameters is {shown(parameters)}, not a count")
    if not all(_number(value) and 0 < value < 2**31 for value in settings):
        raise UserError(f"{path}: channels, layers and epochs are {', '.join(map(shown, settings))}, not numbers")
    return Training(
        code_of(config, str(path)),
        tuple(accuracies),
        bool(shorter),
        float(figures["test_accuracy"]),
        float(seconds),
        parameters,
        settings,
    )


def _number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]


def code_of(config: Mapping[str, Any], where: str) -> npt.NDArray[np.uint8]:
    """``uint8[32]`` of a configuration of NAS-Bench-301.

    Args:
        config: its names to values.
        where: it comes from, for messages.

    Raises:
        UserError: a name that is missing, or a value that no network has.
    """
    entries: list[int] = []
    for cell in CELLS:
        first = 0
        for node in range(4):
            sources = (0, 1)
            if node:
                name = f"{PREFIX}inputs_node_{cell}_{node + 2}"
                pair = config.get(name)
                pairs = {f"{a}_{b}": (a, b) for b in range(node + 2) for a in range(b)}
                if not isinstance(pair, str) or pair not in pairs:
                    raise UserError(f"{where}: {name} is {shown(pair)}, not one of {', '.join(sorted(pairs))}")
                sources = pairs[pair]
            for source in sources:
                name = f"{PREFIX}edge_{cell}_{first + source}"
                operation = config.get(name)
                if operation not in OPERATIONS:
                    raise UserError(f"{where}: {name} is {shown(operation)}, not one of {', '.join(OPERATIONS)}")
                entries += [source, OPERATIONS.index(operation)]
            first += node + 2
    return np.array(entries, np.uint8)
