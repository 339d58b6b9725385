"""What one run leaves behind, and how it is stored."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Floats
from nasbench_sim.spaces.space import Codes

FORMAT = "nasbench-sim trace 1"


@dataclass(frozen=True)
class Trace:
    """One run: k rows, at each improvement of the incumbent or the archive, or at each evaluation.

    Attributes:
        evaluation: ``int64[k]``, the how-manieth answer of the source "train", from 1.
        seconds: ``float64[k]``, simulated, when it finished.
        codes: ``[k, d]``.
        objectives: ``float64[k, m]``, as the strategy saw them.
        held_out: ``float64[k, h]``, mean over repeats.
        about: what the run was: task, strategy, seed, evaluations, seconds, busy_seconds, setup_seconds,
            optimum (held-out, per figure), optimum_objectives, workers, record, and what a suite adds.
        violation: ``float64[k]``, by how much each breaks constraints; None where none of the rows does.  Only what
            breaks none is an incumbent.
        fidelity: ``float64[k]``, what each was asked to be trained for; None where all were asked for the longest.
            A longer training has the say over any shorter one, whose validation does not compare with its own.
    """

    evaluation: npt.NDArray[np.int64]
    seconds: Floats
    codes: Codes
    objectives: Floats
    held_out: Floats
    about: Mapping[str, Any]
    fidelity: Floats | None = None
    violation: Floats | None = None

    def levels(self) -> Floats:
        """Highest fidelity at which anything had succeeded by each row, ``float64[k]``."""
        if self.fidelity is None:
            return np.zeros(len(self.seconds))
        succeeded = (self.objectives < np.inf).all(axis=1) & self.feasible
        return np.maximum.accumulate(np.where(succeeded, self.fidelity, -np.inf))

    @property
    def feasible(self) -> npt.NDArray[np.bool_]:
        """Which rows break no constraint, ``bool[k]``."""
        return np.ones(len(self.seconds), bool) if self.violation is None else self.violation <= 0

    def improved(self) -> npt.NDArray[np.int64]:
        """The rows at which the incumbent changed, ``int64[i]``, by the first objective."""
        rows, best, levels = [], np.inf, self.levels()
        for row, value in enumerate(np.where(self.feasible, self.objectives[:, 0], np.inf)):
            if row and levels[row] > levels[row - 1]:
                best = np.inf
            if value < best and (self.fidelity is None or self.fidelity[row] == levels[row]):
                best = value
                rows.append(row)
        return np.array(rows, np.int64)

    def incumbent(self, seconds: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Row of the best observed first objective among what had finished by then; -1 before the first.

        Among trainings of several fidelities: of the longest that had finished by then.
        """
        improvements = self.improved()
        place = np.searchsorted(self.seconds[improvements], np.asarray(seconds, float), side="right") - 1
        return np.where(place >= 0, np.append(improvements, -1)[place], -1)

    def improvements(self, **about: Any) -> Trace:
        """The rows alone at which the incumbent improved, as of a run that recorded no others; of one objective.

        Args:
            about: plain values to be kept with them.
        """
        kept = self.improved()
        return Trace(
            self.evaluation[kept],
            self.seconds[kept],
            self.codes[kept],
            self.objectives[kept],
            self.held_out[kept],
            {**self.about, "record": "improvements", **about},
            None if self.fidelity is None else self.fidelity[kept],
        )  # none of these breaks a constraint

    def regret(self, seconds: npt.ArrayLike) -> Floats:
        """Held-out regret of the incumbent at those simulated seconds; NaN before the first has finished.

        Best held-out figure of the space (mean over repeats) minus the incumbent's, as errors (the source's eq. 4.1);
        never below 0 where the incumbent's is a mean over the same repeats.

        Raises:
            UserError: the task's table has no held-out figure.
        """
        if not self.about["optimum"]:
            raise UserError(f"the table of {self.about['task']} has no test figure: ask for validation_regret")
        row = self.incumbent(seconds)
        held_out = np.append(self.held_out[:, 0], np.nan)[row]
        return np.asarray(held_out - self.about["optimum"][0])

    def validation_regret(self, seconds: npt.ArrayLike) -> Floats:
        """Observed first objective of the incumbent minus the best mean one of the space."""
        row = self.incumbent(seconds)
        observed = np.append(self.objectives[:, 0], np.nan)[row]
        return np.asarray(observed - self.about["optimum_objectives"][0])

    def save(self, path: Path) -> None:
        """Write beside and rename.  One line of JSON, then the rows as one ``.npy`` array."""
        rows = np.empty(len(self.seconds), self._row_type())
        rows["evaluation"], rows["seconds"], rows["code"] = self.evaluation, self.seconds, self.codes
        rows["objectives"], rows["held_out"] = self.objectives, self.held_out
        if self.fidelity is not None:
            rows["fidelity"] = self.fidelity
        if self.violation is not None:
            rows["violation"] = self.violation
        body = io.BytesIO()
        np.save(body, rows, allow_pickle=False)
        about = json.dumps({**self.about}, sort_keys=True)
        digest = hashlib.sha256(about.encode() + body.getvalue()).hexdigest()
        head = json.dumps({"format": FORMAT, "sha256": digest}) + "\n" + about + "\n"
        partial = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            partial.write_bytes(head.encode() + body.getvalue())
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)

    @staticmethod
    def load(path: Path) -> Trace:
        """Read a stored run.

        Raises:
            UserError: the file is missing, damaged or of another format.
        """
        try:
            first, about, body = path.read_bytes().split(b"\n", 2)
            head = json.loads(first)
            if head.get("format") != FORMAT:
                raise UserError(f"{path} is not a run of this version ({FORMAT}): delete it and run again")
            if head["sha256"] != hashlib.sha256(about + body).hexdigest():
                raise ValueError("checksum")
            rows = np.load(io.BytesIO(body), allow_pickle=False)
            return Trace(
                rows["evaluation"],
                rows["seconds"],
                rows["code"],
                rows["objectives"],
                rows["held_out"],
                json.loads(about),
                rows["fidelity"] if "fidelity" in rows.dtype.names else None,
                rows["violation"] if "violation" in rows.dtype.names else None,
            )
        except OSError as error:
            raise UserError(f"cannot read the run {path}: {error.strerror}") from error
        except (ValueError, KeyError, AttributeError) as error:
            raise UserError(f"the stored run {path} is damaged: delete it and run again") from error

    def _row_type(self) -> np.dtype[Any]:
        return np.dtype(
            [
                ("evaluation", "<i8"),
                ("seconds", "<f8"),
                ("code", self.codes.dtype, self.codes.shape[1:]),
                ("objectives", "<f8", self.objectives.shape[1:]),
                ("held_out", "<f8", self.held_out.shape[1:]),
                *([] if self.fidelity is None else [("fidelity", "<f8")]),
                *([] if self.violation is None else [("violation", "<f8")]),
            ]
        )
