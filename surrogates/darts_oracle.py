"""An oracle on the DARTS space that asks a model: YAHPO's, the distilled trees, or NAS-Bench-301's own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Floats, Observations, Request, Source
from nasbench_sim.spaces.darts import DARTS
from nasbench_sim.spaces.space import Codes, Keys

HELD_OUT = ("test", "validation")
MOST_REMEMBERED = 300_000  # answers to a fidelity: about 60 MB


class Answering(Protocol):
    """A model of error and seconds on the DARTS space.

    Attributes:
        space: what may be asked.
        fidelities: epochs on offer, increasing.
        best_known: the lowest error after the last epoch that is known; NaN where nobody looked.
        provenance: what answers: table, kind, fingerprint, licence, source, clock.
    """

    @property
    def space(self) -> DARTS: ...
    @property
    def fidelities(self) -> tuple[float, ...]: ...
    @property
    def best_known(self) -> float: ...
    @property
    def provenance(self) -> Mapping[str, str]: ...

    def figures(self, codes: Codes, fidelity: float) -> tuple[Floats, Floats]:
        """Validation error and seconds after so many epochs, ``float64[n]`` each, rows independent of each other."""


class DARTSOracle:
    """Answers of a model: the error that it expects, without noise.

    What was answered is remembered, so that neighbourhoods that many runs meet are predicted once.  The optimum is the
    best configuration known, which in a space of 10^18 nobody can prove to be the best.

    Args:
        model: asked.
        noise: "mean"; these models know nothing of the noise between trainings.
        held_out: what a report judges by: "validation", the error that the search sees after the last epoch, for
            studies that judge by it; "test": none of these models knows a test error, so nothing is held out.

    Raises:
        UserError: another noise or held-out figure.
    """

    def __init__(self, model: Answering, *, noise: str = "mean", held_out: str = "test") -> None:
        if noise != "mean":
            raise UserError(
                f"{model.provenance['table']} knows no noise between trainings: only noise 'mean' can be asked, not "
                f"{noise!r}"
            )
        if held_out not in HELD_OUT:
            raise UserError(f"held_out is one of {', '.join(HELD_OUT)}, not {held_out!r}")
        if model.space.inputs != "distinct":
            raise UserError(
                'a network of NAS-Bench-301 has nodes of two distinct inputs: ask for DARTS(inputs="distinct")'
            )
        self.model, self._judged = model, held_out == "validation"
        self._memory: dict[float, dict[int, tuple[float, float]]] = {}  # by epochs and configuration

    @property
    def space(self) -> DARTS:
        return self.model.space

    @cached_property
    def sources(self) -> Mapping[str, Source]:
        # A training to more epochs goes on from one to fewer: the models learned single learning curves.
        return {"train": Source(self.model.fidelities, "epochs", resumes=True)}

    @property
    def objectives(self) -> tuple[str, ...]:
        return ("error",)

    @property
    def held_out(self) -> tuple[str, ...]:
        return ("mean validation error",) if self._judged else ()

    @cached_property
    def optimum(self) -> Floats:
        return self.optimum_objectives if self._judged else np.zeros(0)

    @cached_property
    def optimum_objectives(self) -> Floats:
        return np.array([self.model.best_known])

    @property
    def size(self) -> None:
        return None

    @property
    def provenance(self) -> Mapping[str, str]:
        found = dict(self.model.provenance)
        return found | {
            "noise": "mean",
            "answers": "Every answer is what the model expects, without noise",
            "clock fingerprint": found["fingerprint"],
            "optimum": "best known, not proven",
        }

    def evaluate(self, request: Request, run: npt.NDArray[np.uint64] | int) -> Observations:
        """Answer one request, see ``Oracle``."""
        name = self.model.provenance["table"]
        if request.source != "train":
            raise UserError(f"{name} has no source {request.source!r}, only 'train'")
        fidelities = self.model.fidelities
        fidelity = fidelities[-1] if request.fidelity is None else float(request.fidelity)
        if fidelity not in fidelities:
            listed = ", ".join(f"{one:g}" for one in fidelities)
            raise UserError(f"{name} was not trained for {fidelity:g} epochs: choose from {listed}")
        keys = self.space.key(request.codes) if request.keys is None else request.keys
        error, seconds = self._asked(request.codes, keys, fidelity)
        n = len(keys)
        last = error
        if self._judged and fidelity != fidelities[-1]:
            last = self._asked(request.codes, keys, fidelities[-1])[0]
        return Observations(
            codes=request.codes,
            keys=keys,
            source="train",
            objectives=error[:, None].copy(),
            constraints=np.zeros((n, 0)),
            seconds=seconds,
            failed=np.zeros(n, bool),
            fidelity=np.full(n, fidelity),
            held_out=last[:, None].copy() if self._judged else np.zeros((n, 0)),
            rows=_numbers(keys),
        )

    def _asked(self, codes: Codes, keys: Keys, fidelity: float) -> tuple[Floats, Floats]:
        """Errors and seconds; those that were never asked are predicted together."""
        memory = self._memory.setdefault(fidelity, {})
        names = _numbers(keys).tolist()
        fresh = [place for place, name in enumerate(names) if name not in memory]
        if len(memory) + len(fresh) > MOST_REMEMBERED:
            memory.clear()
            fresh = list(range(len(names)))
        if fresh:
            error, seconds = self.model.figures(np.asarray(codes)[fresh], fidelity)
            found = zip(error.tolist(), seconds.tolist(), strict=True)
            memory.update(zip((names[place] for place in fresh), found, strict=True))
        answers = np.array([memory[name] for name in names], np.float64).reshape(-1, 2)
        return answers[:, 0].copy(), answers[:, 1].copy()


def _numbers(keys: Keys) -> npt.NDArray[np.int64]:
    """``int64[n]``, a number for each configuration: that of a cell with distinct inputs is below 2^30."""
    return ((keys[:, 0] << np.uint64(31)) | keys[:, 1]).astype(np.int64)
