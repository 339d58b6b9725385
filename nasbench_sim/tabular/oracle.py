"""An oracle that looks its answers up in a table."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from copy import copy
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Floats, Observations, Request, Source
from nasbench_sim.randomness import uniform
from nasbench_sim.spaces.space import Keys, Space
from nasbench_sim.tabular.rows import RowIndex
from nasbench_sim.tabular.table import Table

NOISES = ("mean", "repeat")
HELD_OUT = {"test": "test error", "validation": "mean validation error"}
MOST_REPEATS = 99  # that one answer may be the mean of


class TabularOracle:
    """Answers of one data set of a table.

    Args:
        space: what may be asked; the optimum is taken over it.
        table: opened; holds at least the space's configurations.
        data_set: one of the table's.
        noise: "mean" over repeats, or "repeat": one training run, which for a surrogate is its mean plus its
            spread times a normal number, and for a measured table one of its repeats; or a number such as "3": each
            answer is the mean of so many repeats (without replacement where they are measured, all where there are
            fewer) and costs the seconds of all of them.
        objectives: "error", then any of "parameters", "macs", "train_seconds" and the table's further objectives.
        train_seconds: ``float64[N, F]`` that replace the table's own, see ``timing``.
        clock: what the seconds are, for reports.
        index: of the table, where it was made already for a space with the same keys.
        held_out: what a report judges configurations by: "test", or "validation", the mean over repeats at the
            longest fidelity, for studies that judge by it; under noise the search does not see that either.  Of a
            table whose search sees the test error, nothing is held out.

    Raises:
        UserError: unknown data set, noise, objective or held-out figure; a space that the table is not about.
    """

    def __init__(
        self,
        space: Space,
        table: Table,
        data_set: str,
        *,
        noise: str = "mean",
        objectives: Sequence[str] = ("error",),
        train_seconds: Floats | None = None,
        clock: str = "the table's own training seconds",
        index: RowIndex | None = None,
        held_out: str = "test",
    ) -> None:
        self._repeats_each = _repeats_each(noise)
        if held_out not in HELD_OUT:
            raise UserError(f"held_out is one of {', '.join(HELD_OUT)}, not {held_out!r}")
        if data_set not in table.data_sets:
            raise UserError(f"{table.path} has no data set {data_set!r}, only {', '.join(table.data_sets)}")
        if table.space != space.name:
            raise UserError(f"{table.path} is about the space {table.space}, not {space.name}")
        if table.search_signal == "test" and held_out == "validation":
            raise UserError(f"{table.path} has no validation error of {data_set} to hold out: its search sees the test")
        self._space, self.table, self.data_set, self.noise, self.clock = space, table, data_set, noise, clock
        self._signal = table.search_signal
        self._given_seconds, self._given_index, self._judge = train_seconds, index, held_out
        self._objectives = tuple(objectives)
        self._columns: dict[tuple[str, float], Floats] = {}  # read once: a look-up is a gather
        self._existing: dict[float, tuple[Floats, npt.NDArray[np.int64], npt.NDArray[np.int64]]] = {}
        if self._objectives[:1] != ("error",):
            raise UserError(f"the first objective is 'error', not {self._objectives[:1] or 'missing'}")
        if noise != "mean" and not self._has_noise():
            raise UserError(
                f"{table.path} has neither repeats nor a spread of {data_set}: only noise 'mean' can be asked"
            )
        known = ("train_seconds", *table.objectives(data_set))
        for name in self._objectives[1:]:
            if name not in known:
                raise UserError(f"{table.path} has no objective {name!r}: choose from {', '.join(known)}")

    def timed(self, train_seconds: Floats, clock: str) -> TabularOracle:
        """The same answers by another clock: ``float64[N, F]`` seconds, and what it is."""
        other = copy(self)
        for name in ("_clock_fingerprint", "sources"):
            other.__dict__.pop(name, None)
        other._given_seconds, other.clock = train_seconds, clock
        other._columns = {at: column for at, column in self._columns.items() if at[0] != "train_seconds"}
        return other

    @property
    def space(self) -> Space:
        return self._space

    @property
    def objectives(self) -> tuple[str, ...]:
        return self._objectives

    @property
    def held_out(self) -> tuple[str, ...]:
        return (HELD_OUT[self._judge],) if self._held_out is not None else ()

    @property
    def size(self) -> int:
        return len(self.table)

    @property
    def provenance(self) -> Mapping[str, str]:
        attributes = self.table.attributes
        # Of most tables there is nothing to say: their search sees the validation error.
        signal = {"signal": "test error; nothing is held out"} if self._signal == "test" else {}
        return signal | {
            "table": self.table.name,
            "kind": self.table.kind,
            "fingerprint": self.table.fingerprint,
            "licence": str(attributes["licence"]),
            "source": str(attributes["source"]),
            "noise": self.noise,
            "clock": self.clock,
            "clock fingerprint": self._clock_fingerprint,
        }

    @cached_property
    def _clock_fingerprint(self) -> str:
        if self._given_seconds is None:
            return self.table.fingerprint
        return hashlib.sha256(np.ascontiguousarray(self._given_seconds, "<f8").tobytes()).hexdigest()

    @property
    def least_seconds(self) -> float:
        """Of the shortest training of the space at the least fidelity."""
        return float(np.nanmin(self.seconds(self.sources["train"].fidelities[0])[self.rows]))

    @cached_property
    def sources(self) -> Mapping[str, Source]:
        timed = [f for f in self.table.fidelities_of(self.data_set, self._signal) if self._has_seconds(f)]
        if not timed:
            raise UserError(f"{self.table.path} has no training seconds for {self.data_set}: give a timing table")
        unit = str(self.table.attributes["unit_fidelity"])
        return {"train": Source(tuple(float(f) for f in timed), unit, self.table.resumes)}

    @cached_property
    def index(self) -> RowIndex:
        """From keys to rows of the table."""
        return self.table.index(self._space) if self._given_index is None else self._given_index

    @cached_property
    def rows(self) -> npt.NDArray[np.int64]:
        """Rows of the whole space, ``int64[size]``; for spaces that can be enumerated."""
        enumerate_space = getattr(self._space, "enumerate", None)
        if enumerate_space is None:
            return np.arange(len(self.table))
        return self.locate(self._space.key(enumerate_space()))

    @cached_property
    def optimum(self) -> Floats:
        return np.array([]) if self._held_out is None else np.nanmin(self._held_out[self.rows], keepdims=True)

    @cached_property
    def optimum_objectives(self) -> Floats:
        longest = self.sources["train"].fidelities[-1]
        columns = [self.mean_error(longest), *(self._column(name, longest) for name in self._objectives[1:])]
        return np.array([np.nanmin(column[self.rows]) for column in columns])

    def mean_objectives(self) -> Floats:
        """All objectives of every row, ``float64[N, m]``: the error's mean over repeats, at the longest fidelity."""
        longest = self.sources["train"].fidelities[-1]
        return np.stack([self.mean_error(longest), *(self._column(n, longest) for n in self._objectives[1:])], axis=1)

    def about(self, space: Space) -> TabularOracle:
        """The same oracle about another part of the table's space."""
        return TabularOracle(
            space,
            self.table,
            self.data_set,
            noise=self.noise,
            objectives=self._objectives,
            train_seconds=self._given_seconds,
            clock=self.clock,
            held_out=self._judge,
        )

    def mean_error(self, fidelity: float) -> Floats:
        """The error that a search sees (``Table.search_signal``), mean over repeats, ``float64[N]``."""
        return self._column("signal", fidelity)

    def seconds(self, fidelity: float) -> Floats:
        """Seconds of one training, ``float64[N]``."""
        return self._column("train_seconds", fidelity)

    @property
    def test_error(self) -> Floats:
        """Held-out error at the longest fidelity, mean over repeats, ``float64[N]``; for reports and calibration."""
        if self._test is None:
            raise UserError(f"{self.table.path} holds out no test error of {self.data_set} at its longest fidelity")
        return self._test

    def locate(self, keys: Keys) -> npt.NDArray[np.int64]:
        """Rows ``int64[n]`` of keys ``uint64[n, 2]``.

        Raises:
            UserError: the table lacks one of them.
        """
        rows = self.index.rows(keys)
        if len(rows) and rows.min() < 0:
            raise UserError(f"configuration {int(np.argmin(rows))} of the request is not in {self.table.path}")
        return rows

    def _inside(self, keys: Keys) -> npt.NDArray[np.int64]:
        rows = self.locate(keys)
        if not self._member[rows].all():
            stranger = int(np.argmin(self._member[rows]))
            raise UserError(f"configuration {stranger} of the request is outside the space of this task")
        return rows

    @cached_property
    def _member(self) -> npt.NDArray[np.bool_]:
        member = np.zeros(len(self.table), bool)
        member[self.rows] = True
        return member

    def evaluate(self, request: Request, run: npt.NDArray[np.uint64] | int) -> Observations:
        """Answer one request, see ``Oracle``."""
        if request.source not in self.sources:
            raise UserError(f"the table {self.table.name} has no source {request.source!r}, only 'train'")
        fidelities = self.sources["train"].fidelities
        fidelity = fidelities[-1] if request.fidelity is None else float(request.fidelity)
        if fidelity not in fidelities:
            raise UserError(
                f"the table {self.table.name} was not trained for {fidelity:g} {self.sources['train'].unit}: "
                f"choose from {', '.join(f'{f:g}' for f in fidelities)}"
            )
        keys = self._space.key(request.codes) if request.keys is None else request.keys
        rows = self._inside(keys)
        error, trainings = self._error(rows, keys, fidelity, request.repeat, run)
        further = [self._column(name, fidelity)[rows] for name in self._objectives[1:]]
        n = len(rows)
        return Observations(
            codes=request.codes,
            keys=keys,
            source="train",
            objectives=np.stack([error, *further], axis=1),
            constraints=np.zeros((n, 0)),
            seconds=trainings * self._column("train_seconds", fidelity)[rows],
            failed=np.isnan(error),
            fidelity=np.full(n, fidelity),
            held_out=np.zeros((n, 0)) if self._held_out is None else self._held_out[rows][:, None],
            rows=rows,
        )

    def _error(
        self,
        rows: npt.NDArray[np.int64],
        keys: Keys,
        fidelity: float,
        repeat: int,
        run: npt.NDArray[np.uint64] | int,
    ) -> tuple[Floats, Floats | int]:
        """Errors as a search sees them, ``float64[n]``, and how many trainings each of them took."""
        if self.noise == "mean":
            return self.mean_error(fidelity)[rows], 1
        each = self._repeats_each
        if not self.table.has_repeats(self.data_set, self._signal):
            mean, spread = self.mean_error(fidelity)[rows], self._column("spread", fidelity)[rows]
            draws = self._draws(keys, fidelity, repeat, run)
            return np.mean([np.clip(mean + spread * ndtri(draw), 0.0, 1.0) for draw in draws], axis=0), each
        drawn = self._drawn(rows, keys, fidelity, repeat, run)
        values, total, trained = self._repeats(fidelity)[0], np.zeros(len(rows)), (drawn >= 0).sum(axis=1)
        for column in drawn.T:
            total = np.where(column >= 0, total + values[rows, column], total)
        return total / trained, trained.astype(np.float64)

    def repeats_drawn(self, request: Request, run: npt.NDArray[np.uint64] | int) -> npt.NDArray[np.int64]:
        """Which repeats of a measured table a request is answered by, under noise.

        Returns:
            ``int64[n, k]``, columns of ``Table.repeats``, for answers that are the mean of k; -1 where there are fewer.

        Raises:
            UserError: a configuration that the table lacks, or answers that are not made of repeats.
        """
        if self.noise == "mean" or not self.table.has_repeats(self.data_set, self._signal):
            raise UserError(f"answers of {self.table.path} under noise {self.noise!r} are not drawn from its repeats")
        keys = self._space.key(request.codes) if request.keys is None else request.keys
        rows = self.locate(keys)
        fidelity = self.sources["train"].fidelities[-1] if request.fidelity is None else float(request.fidelity)
        drawn = self._drawn(rows, keys, fidelity, request.repeat, run)
        order = self._repeats(fidelity)[2]
        return np.where(drawn >= 0, np.take_along_axis(order[rows], np.maximum(drawn, 0), axis=1), -1)

    def _drawn(
        self,
        rows: npt.NDArray[np.int64],
        keys: Keys,
        fidelity: float,
        repeat: int,
        run: npt.NDArray[np.uint64] | int,
    ) -> npt.NDArray[np.int64]:
        """Places among a row's existing repeats, all different, ``int64[n, k]``; -1 where there are fewer than k."""
        left, place = self._repeats(fidelity)[1][rows], np.arange(len(rows))
        places = np.tile(np.arange(max(self._repeats(fidelity)[0].shape[1], 1)), (len(rows), 1))
        there, found = np.maximum(left, 1), []
        for number, draw in enumerate(self._draws(keys, fidelity, repeat, run)):
            last = np.maximum(left - 1, 0)
            chosen = np.minimum((draw * left).astype(np.int64), last)  # the largest draw may round up
            found.append(np.where(number < there, places[place, chosen], -1))
            places[place, chosen], left = places[place, last], last  # not to be chosen again
        return np.stack(found, axis=1)

    def _draws(
        self, keys: Keys, fidelity: float, repeat: int, run: npt.NDArray[np.uint64] | int
    ) -> list[npt.NDArray[np.float64]]:
        """Uniform numbers, k arrays ``float64[n]``, of the run, the configuration and the number of the repeat."""
        seeds, each = np.broadcast_to(np.asarray(run, np.uint64), (len(keys),)), self._repeats_each
        numbers = range(repeat * each, (repeat + 1) * each)
        return [uniform(seeds, keys, "train", f"{fidelity:g}", str(number)) for number in numbers]

    def _repeats(self, fidelity: float) -> tuple[Floats, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Error of each repeat, those that exist first, ``float64[N, R]``; how many do; and which column each is."""
        if fidelity not in self._existing:
            repeats = self.table.repeats(self.data_set, self._signal, fidelity)
            order = np.argsort(np.isnan(repeats), axis=1, kind="stable")
            errors = np.take_along_axis(repeats, order, axis=1)
            self._existing[fidelity] = errors, (~np.isnan(repeats)).sum(axis=1), order
        return self._existing[fidelity]

    @property
    def _held_out(self) -> Floats | None:
        return self._test if self._judge == "test" else self.mean_error(self.sources["train"].fidelities[-1])

    @cached_property
    def _test(self) -> Floats | None:
        longest = self.sources["train"].fidelities[-1]
        names = [f"{self.data_set}/test", f"{self.data_set}/test_mean"]
        if self._signal == "test" or not any(name in self.table.arrays for name in names):
            return None
        if longest not in self.table.fidelities_of(self.data_set, "test"):
            return None
        return self.table.mean(self.data_set, "test", longest)

    def _column(self, name: str, fidelity: float) -> Floats:
        if (name, fidelity) not in self._columns:
            self._columns[name, fidelity] = self._read(name, fidelity)
        return self._columns[name, fidelity]

    def _read(self, name: str, fidelity: float) -> Floats:
        if name == "signal":
            return self.table.mean(self.data_set, self._signal, fidelity)
        if name == "spread":
            return self.table.spread(self.data_set, self._signal, fidelity)
        if name == "train_seconds" and self._given_seconds is not None:
            return np.ascontiguousarray(self._given_seconds[:, self.table.fidelities.tolist().index(fidelity)])
        if name == "train_seconds":
            return self.table.train_seconds(self.data_set, fidelity)
        return np.asarray(self.table.objective(self.data_set, name), np.float64)

    def _has_noise(self) -> bool:
        return (
            self.table.has_repeats(self.data_set, self._signal)
            or f"{self.data_set}/{self._signal}_spread" in self.table.arrays
        )

    def _has_seconds(self, fidelity: float) -> bool:
        if self._given_seconds is not None:
            return True
        name = f"{self.data_set}/train_seconds"
        return name in self.table.arrays and fidelity in self.table.fidelities_of(self.data_set, "train_seconds")


def _repeats_each(noise: str) -> int:
    """How many repeats one answer is the mean of; 1 for "mean", which draws none."""
    if noise in NOISES:
        return 1
    if not (noise.isdecimal() and noise.isascii() and 2 <= int(noise[:3]) <= MOST_REPEATS):
        raise UserError(
            f"noise is one of {', '.join(NOISES)}, not {noise!r}; or a number from 2 to {MOST_REPEATS}: each answer is "
            "then the mean of so many repeats"
        )
    return int(noise)
