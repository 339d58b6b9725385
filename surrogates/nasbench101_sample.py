"""The measured figures of NAS-Bench-101 that the surrogate learns from."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.spaces.nasbench101 import NASBench101
from nasbench_sim.spaces.nasbench101_cells import OPERATIONS
from nasbench_sim.spaces.space import Codes, Keys
from nasbench_sim.tabular.columns import read_columns

Floats = npt.NDArray[np.float64]

EPOCHS = (4, 12, 36, 108)
LETTERS = {"3": OPERATIONS[0], "1": OPERATIONS[1], "p": OPERATIONS[2]}
CELLS, REPEATS = "nasbench101_cells.csv.gz", "nasbench101_flops_500.csv"


@dataclass(frozen=True)
class Sample:
    """The measured cells.

    Attributes:
        codes: ``uint8[n, 26]``.
        keys: ``uint64[n, 2]``.
        error: ``float64[n, 4]``, validation error after 4, 12, 36 and 108 epochs, the last the best of three.
        seconds: ``float64[n]``, training for 108 epochs.
    """

    codes: Codes
    keys: Keys
    error: Floats
    seconds: Floats


def read_sample(folder: Path) -> Sample:
    """The measured cells, from ``nasbench101_cells.csv.gz``.

    Raises:
        UserError: the file is missing or not as expected.
    """
    accuracies = [f"val_acc_{epochs}ep" for epochs in EPOCHS]
    columns = read_columns(folder / CELLS, ["adjacency", "ops", *accuracies, "train_seconds_108ep"])
    codes = _codes(columns.text["adjacency"], columns.text["ops"], folder / CELLS)
    error = 1 - np.stack([columns.numbers(name, 0, 1) for name in accuracies], axis=1)
    return Sample(codes, NASBench101().key(codes), error, columns.numbers("train_seconds_108ep", 0, np.inf))


def read_repeats(folder: Path) -> tuple[Keys, Floats]:
    """Keys ``uint64[m, 2]`` and validation errors ``float64[m]`` of single repeats at 108 epochs.

    From ``nasbench101_flops_500.csv``; its cells come with unused nodes, which the keys do not see.

    Raises:
        UserError: the file is missing or not as expected.
    """
    source = folder / REPEATS
    if not source.is_file():
        raise UserError(f"{source}: no such file; --data must name the folder of the measured figures")
    with source.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    try:
        error = 1 - np.array([float(row["val_acc_108ep_percent"]) for row in rows]) / 100
        cells = [row["adjacency"] for row in rows], [row["ops"] for row in rows]
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{source}: columns adjacency, ops and val_acc_108ep_percent are needed") from None
    return NASBench101().key(_codes(*cells, source)), error


def _codes(adjacency: list[str], operations: list[str], source: Path) -> Codes:
    """Codes ``uint8[n, 26]`` of matrices written by rows (output last) and one letter per inner node."""
    space = NASBench101()
    codes = np.empty((len(adjacency), space.dimension), np.uint8)
    for row, (matrix, letters) in enumerate(zip(adjacency, operations, strict=True)):
        try:
            bits = np.array([list(line) for line in matrix.split("/")]) == "1"
            codes[row] = space.code(bits, [LETTERS[letter] for letter in letters])
        except (KeyError, ValueError, UserError):
            raise UserError(f"{source}, line {row + 2}: {matrix!r} with {letters!r} is no cell") from None
    return codes
