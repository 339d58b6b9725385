"""The YAHPO surrogate of NAS-Bench-301: YAHPO Gym's own neural network, as published, asked in batches.

    surrogate = YAHPO.open("yahpo_nb301")
    error, seconds = surrogate.figures(codes, 98)

Pfisterer, Schneider, Moosbauer, Binder and Bischl 2022, "YAHPO Gym: an Efficient Multi-Objective Multi-Fidelity
Benchmark for Hyperparameter Optimization", AutoML Conference.  It was learned from the trainings of NAS-Bench-301, but
is not one of that benchmark's own ensembles: figures of the two are not interchangeable.

The published graph takes one row.  Nothing in it depends on that number but the shapes that it declares, so these are
opened; ``ROWS`` rows at a time then cost about a fifth of as many calls.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.spaces.darts import CELLS, DARTS, OPERATIONS, POSSIBLE_EDGES, edge_operations
from nasbench_sim.spaces.space import Codes
from nasbench_sim.tabular.locate import folders
from surrogates.darts_climbs import best_of_climbs

Floats = npt.NDArray[np.float64]

GRAPH, ENCODING = "new_model.onnx", "encoding.json"
ROWS = 32  # of a block: always as many, padded, so that no row's answer can depend on how many are asked
EPOCHS = tuple(float(epoch) for epoch in range(4, 99))
"""On offer.  Before the fourth, the network's own seconds fall with the epochs, so there it cannot be believed."""
PREFIX = "NetworkSelectorDatasetInfo_COLON_darts_COLON_"
ABSENT = "#na#"
CLIMBS = 64


@dataclass(frozen=True)
class YAHPO:
    """The network with its encoding.

    Attributes:
        session: of onnxruntime.
        slots: what each of the network's 34 categorical inputs is about: ("edge", cell, edge) or
            ("inputs", cell, node), and the numbers of its values.
        fingerprint: sha256 (hexadecimal) of graph and encoding.
    """

    session: Any
    slots: tuple[tuple[str, int, int, npt.NDArray[np.int32]], ...]
    fingerprint: str
    space: DARTS = field(default_factory=lambda: DARTS(equivalence="code", channels=32, layers=8))

    @classmethod
    def open(cls, folder: str | Path) -> YAHPO:
        """Open a folder with ``new_model.onnx`` and ``encoding.json``, as YAHPO Gym's data hold them.

        Raises:
            UserError: a missing, damaged or different file, or onnx and onnxruntime are not installed.
        """
        place = Path(folder)
        for name in (GRAPH, ENCODING):
            if not (place / name).is_file():
                raise UserError(f"{place} has no {name}: it is not the folder nb301 of slds-lmu/yahpo_data")
        graph, encoding = (place / GRAPH).read_bytes(), (place / ENCODING).read_bytes()
        digest = hashlib.sha256(hashlib.sha256(graph).digest() + hashlib.sha256(encoding).digest())
        return cls(_session(graph, place / GRAPH), _slots(encoding, place / ENCODING), digest.hexdigest())

    @property
    def fidelities(self) -> tuple[float, ...]:
        return EPOCHS

    @property
    def provenance(self) -> Mapping[str, str]:
        """What answers, for reports."""
        return {
            "table": "YAHPO surrogate of NAS-Bench-301",
            "kind": "surrogate",
            "fingerprint": self.fingerprint,
            "licence": "Apache-2.0",
            "source": "slds-lmu/yahpo_data, nb301 (Pfisterer et al. 2022); not one of NAS-Bench-301's own ensembles",
            "clock": "seconds that the YAHPO surrogate predicts",
        }

    @cached_property
    def best_known(self) -> float:
        """The lowest error that ``CLIMBS`` best-improvement climbs find; no proof that there is no lower one."""
        return best_of_climbs(self.space, lambda codes: self.figures(codes, EPOCHS[-1])[0], CLIMBS)[1]

    def error(self, codes: Codes, fidelity: float) -> Floats:
        """``float64[n]``: validation error after so many epochs."""
        return self.figures(codes, fidelity)[0]

    def seconds(self, codes: Codes, fidelity: float) -> Floats:
        """``float64[n]``: of a training of so many epochs."""
        return self.figures(codes, fidelity)[1]

    def figures(self, codes: Codes, fidelity: float) -> tuple[Floats, Floats]:
        """Validation error and seconds, ``float64[n]`` each; each row's depends on its own code alone.

        Args:
            codes: ``[n, 32]``, legal ones with distinct inputs.
            fidelity: epochs.
        """
        categories, n = self.categories(codes), len(codes)
        found = np.empty((-(-n // ROWS) * ROWS, 2), np.float32)
        padded = np.zeros((len(found), len(self.slots)), np.int32)
        padded[:n] = categories
        epochs = np.full((ROWS, 1), fidelity, np.float32)
        for start in range(0, n, ROWS):
            block = slice(start, start + ROWS)
            found[block] = self.session.run(None, {"x_cat": padded[block], "x_cont": epochs})[0]
        exact = found[:n].astype(np.float64)
        return 1 - exact[:, 0] / 100, exact[:, 1].copy()

    def categories(self, codes: Codes) -> npt.NDArray[np.int32]:
        """``int32[n, 34]``: the codes as the network takes them."""
        carried = edge_operations(codes)
        operations = np.where(carried.any(3), carried.argmax(3) + 1, 0)
        sources = np.sort(np.asarray(codes).reshape(-1, len(CELLS), 4, 2, 2)[..., 0].astype(np.int64), axis=3)
        columns = []
        for what, cell, place, numbers in self.slots:
            if what == "edge":
                columns.append(numbers[operations[:, cell, place]])
            else:
                first, second = sources[:, cell, place].T
                columns.append(numbers[first * 5 + second])
        return np.stack(columns, axis=1)


def find_yahpo(folder: str | os.PathLike[str] | None = None) -> Path:
    """The folder ``yahpo_nb301`` beside the tables, or the folder of tables itself where it holds the network.

    Raises:
        UserError: it is nowhere.
    """
    places = folders(folder)
    for place in places:
        for candidate in (place / "yahpo_nb301", place):
            if (candidate / GRAPH).is_file():
                return candidate
    raise UserError(
        f"no yahpo_nb301/{GRAPH} in {', '.join(map(str, places))}: --tables names a folder that holds it "
        "(nb301 of slds-lmu/yahpo_data)"
    )


def _session(graph: bytes, path: Path) -> Any:
    """A session on one thread whose graph takes any number of rows."""
    try:
        import onnx
        import onnxruntime
    except ImportError:
        raise UserError("the YAHPO surrogate needs onnx and onnxruntime: pip install 'nasbench-sim[yahpo]'") from None
    try:
        model = onnx.load_model_from_string(graph)
        if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in model.graph.initializer):
            raise ValueError("its weights lie in other files")
        shapes = {value.name: value.type.tensor_type.shape.dim for value in model.graph.input}
        if set(shapes) != {"x_cat", "x_cont"} or len(model.graph.output) != 1:
            raise ValueError("its inputs are not x_cat and x_cont")
        for dimensions in (*shapes.values(), model.graph.output[0].type.tensor_type.shape.dim):
            dimensions[0].dim_param = "rows"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        none = {"x_cat": np.zeros((2, 34), np.int32), "x_cont": np.ones((2, 1), np.float32)}
        if session.run(None, none)[0].shape != (2, 2):
            raise ValueError("it does not answer accuracy and seconds")
    except Exception as error:  # each of the two libraries has exceptions of its own, down to the bare class
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise UserError(f"{path} is not the YAHPO surrogate of NAS-Bench-301 ({reason}); download it again") from None
    return session


def _slots(text: bytes, path: Path) -> tuple[tuple[str, int, int, npt.NDArray[np.int32]], ...]:
    """The network's inputs, in the alphabetical order of their names, as it was trained."""
    try:
        encoding: dict[str, dict[str, int]] = json.loads(text)
        slots = []
        for name in sorted(encoding):
            words = name.removeprefix(PREFIX).split("_")
            numbers = encoding[name]
            if words[0] == "edge":
                cell, place = CELLS.index(words[1]), int(words[2])
                listed = [numbers[ABSENT], *(numbers[operation] for operation in OPERATIONS)]
                slots.append(("edge", cell, place, np.array(listed, np.int32)))
            else:
                cell, node = CELLS.index(words[2]), int(words[3])
                listed = [
                    numbers.get(f"{first}_{second}", numbers[ABSENT]) for first in range(5) for second in range(5)
                ]
                slots.append(("inputs", cell, node - 2, np.array(listed, np.int32)))
        wanted = {("edge", cell, edge) for cell in range(2) for edge in range(len(POSSIBLE_EDGES))}
        wanted |= {("inputs", cell, node) for cell in range(2) for node in (1, 2, 3)}
        if {slot[:3] for slot in slots} != wanted or len(slots) != len(wanted):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        raise UserError(f"{path} is not the encoding of YAHPO Gym's nb301; download it again") from None
    return tuple(slots)
