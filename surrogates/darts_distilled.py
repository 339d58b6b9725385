"""The embedded surrogate of the DARTS space: what the YAHPO surrogate of NAS-Bench-301 answers, learned by trees.

    model = Distilled.open(find_distilled())
    error, seconds = model.figures(codes, 98)

A surrogate of a surrogate: it learned from a model, never from a training; ``tables/darts_distilled.md`` says how far
the two agree.  Asking needs numpy alone.  The logit of the accuracy is a sum over pairs (``pairwise``) plus an
ensemble of boosted trees (``leaf_masks``) that learned what the pairs leave; shorter trainings and the logarithm of the
seconds are sums over pairs.  All sums are of whole numbers, so they are exact.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.spaces.darts import DARTS, OPERATIONS, POSSIBLE_EDGES, edge_operations
from nasbench_sim.spaces.space import Codes
from nasbench_sim.tabular.locate import folders
from surrogates.leaf_masks import UNIT, LeafMasks, Trees

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

NAME = "darts_distilled"
FORMAT = 1
KIND = "surrogate of a surrogate"
EPOCHS = (4.0, 11.0, 33.0, 98.0)
"""On offer: the rungs of a Hyperband with eta = 3."""

ITEMS = 2 * len(POSSIBLE_EDGES) * len(OPERATIONS)  # an operation on an edge of a cell
CARRIED = 16  # items of a network
WIDTHS = (len(OPERATIONS) + 1,) * (2 * len(POSSIBLE_EDGES)) + (9,) * (2 * len(OPERATIONS))
"""Values of the trees' features: what each edge carries, how often each operation stands in each cell."""
TREES = ("leaf_counts", "features", "right", "first", "past", "leaves")
_FIRST, _SECOND = np.triu_indices(CARRIED)


@dataclass(frozen=True)
class Distilled:
    """The model.

    Attributes:
        error_pairs: ``int32[4, 196, 196]`` in units of ``UNIT``, upper triangles: of the logit of the accuracy after
            98 epochs, then what 4, 11 and 33 epochs add to it.
        seconds_pairs: the same of the logarithm of the seconds.
        constants: ``int64[2, 4]``, of error and seconds, likewise.
        trees: of the logit after 98 epochs.
        about: best_known, teacher and its fingerprint, plain values.
        fingerprint: sha256 (hexadecimal) of all of it.
    """

    error_pairs: npt.NDArray[np.int32]
    seconds_pairs: npt.NDArray[np.int32]
    constants: Integers
    trees: Trees
    about: Mapping[str, Any]
    fingerprint: str

    @property
    def space(self) -> DARTS:
        """Renamed nodes are told apart, as the teacher does; channels and layers are NAS-Bench-301's."""
        return DARTS(equivalence="code", channels=32, layers=8)

    @property
    def fidelities(self) -> tuple[float, ...]:
        return EPOCHS

    @property
    def best_known(self) -> float:
        return float(self.about["best_known"])

    @property
    def provenance(self) -> Mapping[str, str]:
        """What answers, for reports."""
        return {
            "table": "trees distilled from the YAHPO surrogate of NAS-Bench-301",
            "kind": KIND,
            "fingerprint": self.fingerprint,
            "licence": "Apache-2.0",
            "source": f"learned from answers of the {self.about['teacher']}, never from a training",
            "clock": "seconds that the same model predicts",
        }

    def figures(self, codes: Codes, fidelity: float) -> tuple[Floats, Floats]:
        """Validation error and seconds, ``float64[n]`` each; each row's depends on its own code alone.

        Args:
            codes: ``[n, 32]``, legal ones with distinct inputs.
            fidelity: one of ``EPOCHS``.
        """
        carried = edge_operations(codes)
        rows, columns = _pairs(carried)
        logit, seconds = (
            self._after(self.error_pairs, 0, rows, columns),
            self._after(self.seconds_pairs, 1, rows, columns),
        )
        logit += self._masks.predict(tree_features(carried))
        if fidelity != EPOCHS[-1]:
            shorter = 1 + EPOCHS.index(fidelity)
            logit += self._after(self.error_pairs, 0, rows, columns, shorter)
            seconds += self._after(self.seconds_pairs, 1, rows, columns, shorter)
        return 1 / (1 + np.exp(logit * UNIT)), np.exp(seconds * UNIT)

    def _after(
        self, pairs: npt.NDArray[np.int32], figure: int, rows: Integers, columns: Integers, number: int = 0
    ) -> Integers:
        found = pairs[number][rows, columns].sum(axis=1, dtype=np.int64) + self.constants[figure, number]
        return np.asarray(found, np.int64)

    @cached_property
    def _masks(self) -> LeafMasks:
        return LeafMasks(self.trees, WIDTHS)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """As stored: triangles without their empty halves."""
        rows, columns = np.triu_indices(ITEMS)
        return {
            "error_pairs": self.error_pairs[:, rows, columns],
            "seconds_pairs": self.seconds_pairs[:, rows, columns],
            "constants": self.constants,
            **{name: getattr(self.trees, name) for name in TREES},
        }

    def save(self, path: Path) -> None:
        """Write one ``.npz`` file, beside its place first; the same model gives the same bytes."""
        beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        text = json.dumps(dict(self.about), sort_keys=True, allow_nan=False)
        with beside.open("wb") as file:
            np.savez_compressed(file, about=np.frombuffer(text.encode(), np.uint8), **self.arrays())  # type: ignore[arg-type]
        os.replace(beside, path)

    @classmethod
    def open(cls, path: str | Path) -> Distilled:
        """What ``save`` wrote.

        Raises:
            UserError: missing, damaged, altered or of another version.
        """
        path = Path(path)
        try:
            with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                found = {name: np.asarray(file[name]) for name in file.files}
            about = json.loads(found.pop("about").tobytes())
            if about["format"] != FORMAT:
                raise UserError(f"{path} has format {about['format']}, and {FORMAT} is read here; make it again")
            fingerprint = digest(about, found)
            if about["sha256"] != fingerprint:
                raise ValueError("its digest differs")
            trees = Trees(*(found[name] for name in TREES))
            pairs = [_squares(found[name]) for name in ("error_pairs", "seconds_pairs")]
            constants = found["constants"].astype(np.int64).reshape(2, len(EPOCHS))
            return cls(pairs[0], pairs[1], constants, trees, about, fingerprint)
        except FileNotFoundError:
            raise UserError(f"there is no {path}; make it with python -m surrogates.darts_teaching") from None
        except (OSError, ValueError, KeyError, TypeError, EOFError, AttributeError, zipfile.BadZipFile) as error:
            raise UserError(f"{path} is no distilled model of the DARTS space, or is damaged ({error})") from None


def made(
    error_pairs: npt.NDArray[np.int32],
    seconds_pairs: npt.NDArray[np.int32],
    constants: Integers,
    trees: Trees,
    about: Mapping[str, Any],
) -> Distilled:
    """A model with its fingerprint; arguments as the attributes of ``Distilled``."""
    draft = Distilled(error_pairs, seconds_pairs, constants, trees, about, "")
    told = {**about, "format": FORMAT}
    fingerprint = digest(told, draft.arrays())
    return Distilled(error_pairs, seconds_pairs, constants, trees, {**told, "sha256": fingerprint}, fingerprint)


def digest(about: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """Sha256 over everything but the digest itself."""
    told = {name: value for name, value in about.items() if name != "sha256"}
    found = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        found.update(f"{name} {array.dtype.str} {array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def find_distilled(folder: str | os.PathLike[str] | None = None) -> Path:
    """The model's file, in the folder given or where embedded tables lie.

    Raises:
        UserError: it is in neither.
    """
    places = folders(folder)
    for place in places:
        if (path := place / f"{NAME}.npz").is_file():
            return path
    raise UserError(f"no {NAME}.npz in {', '.join(map(str, places))}")


def items(carried: npt.NDArray[np.uint8]) -> Integers:
    """``int64[n, 16]``, increasing: what stands in ``uint8[n, 2, 14, 7]`` of ``edge_operations``."""
    return np.nonzero(carried.reshape(-1, ITEMS))[1].reshape(-1, CARRIED)


def tree_features(carried: npt.NDArray[np.uint8]) -> Integers:
    """``int64[n, 42]``: the operation on each edge, from 1, 0 where there is none; each cell's operations counted."""
    operation = np.where(carried.any(3), carried.argmax(3) + 1, 0).reshape(-1, 2 * len(POSSIBLE_EDGES))
    counts = carried.sum(2, dtype=np.int64).reshape(-1, 2 * len(OPERATIONS))
    return np.concatenate([operation, counts], axis=1)


def _pairs(carried: npt.NDArray[np.uint8]) -> tuple[Integers, Integers]:
    """Rows and columns, ``int64[n, 136]`` each, of a network's items and pairs."""
    there = items(carried)
    return there[:, _FIRST], there[:, _SECOND]


def _squares(triangles: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    rows, columns = np.triu_indices(ITEMS)
    if triangles.dtype != np.int32 or triangles.shape != (len(EPOCHS), len(rows)):
        raise ValueError("pairs are of another shape")
    squares = np.zeros((len(EPOCHS), ITEMS, ITEMS), np.int32)
    squares[:, rows, columns] = triangles
    return squares
