"""Hyperband whose configurations a Gaussian process chooses, in two forms: as first proposed, and remedied.

Bertrand, Ardon, Perrot and Bloch 2017, "Hyperparameter Optimization of Deep Neural Networks: Combining Hyperband with
Bayesian Model Selection", CAp; Bertrand 2019 (thesis), section 2.5, which names the two faults that are options here;
Falkner, Klein and Hutter 2018, "BOHB", ICML, for the idea's better-known form; Swersky, Snoek and Adams 2014,
"Freeze-Thaw Bayesian Optimization", arXiv:1406.3896, for a kernel of training times.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, repeat

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Floats, Observations
from nasbench_sim.randomness import Streams
from nasbench_sim.spaces.space import Codes, Space
from nasbench_sim.strategies.acquisition import acquisition
from nasbench_sim.strategies.candidates import Candidates
from nasbench_sim.strategies.gaussian_process import GaussianProcess
from nasbench_sim.strategies.hyperband import configurations as start_of
from nasbench_sim.strategies.kernel_learning import Evidence, most_likely
from nasbench_sim.strategies.kernels import FORMS, Covariance, Encoding, Kernel
from nasbench_sim.strategies.strategy import Proposal
from nasbench_sim.strategies.successive_halving import Brackets, rungs

PICKS = ("liar", "drawn")
TIMES = ("decay", "input")
PREDICTS = ("longest", "first")
LEARNED_FROM = 64  # trainings, drawn at random from all: what learning length-scales costs grows with their cube


class HyperbandBO:
    """Brackets of successive halving whose configurations promise most to a process that learns from all trainings.

    The first bracket is random.  By default the two faults that the thesis names are remedied: ``picks="drawn"``,
    ``time="input"`` and ``predict="first"`` have them back.

    Args:
        space: to search.
        random: the first configuration comes from ``start``, everything else from ``choices``.
        fidelities: of the rungs, increasing, in the unit of the task.
        eta: by how much a rung is smaller than the one before; None for the mean ratio of successive fidelities.
        configurations: how many start in every bracket, all at the first rung, as in the thesis; None for Hyperband's
            brackets, which start with fewer and fewer at later and later rungs.
        picks: "liar": the most promising by expected improvement, each taken as evaluated with the worst value so far
            before the next is chosen; "drawn": drawn with chances in proportion to the expected improvement, which
            comes near to drawing uniformly (the first fault).
        time: "decay": configurations' covariance times a kernel of training times whose correlation falls with their
            ratio and never far, on values standardised within each rung; "input": training time is one more column of
            a squared exponential kernel, which falls back to the prior at other times.
        predict: at which fidelity: "longest", or "first", which favours what learns fast (the second fault).
        kernel: of configurations, see ``Kernel``.
        categories: see ``Encoding``.
        length_scale: where learning begins; learned anew for every bracket from at most ``LEARNED_FROM`` trainings.
        pool: candidates of each bracket, drawn anew; a space of at most so many is taken whole.

    Raises:
        UserError: an option that is none of these, or fidelities as for ``Hyperband``.
    """

    def __init__(
        self,
        space: Space,
        random: Streams,
        fidelities: Sequence[float],
        eta: float | None = None,
        configurations: int | None = None,
        picks: str = "liar",
        time: str = "decay",
        predict: str = "longest",
        kernel: str = "squared exponential",
        categories: str = "hamming",
        length_scale: float = 0.5,
        pool: int = 1000,
    ) -> None:
        for what, value, known in (
            ("picks", picks, PICKS),
            ("time", time, TIMES),
            ("predict", predict, PREDICTS),
            ("kernel", kernel, FORMS),
        ):
            if value not in known:
                raise UserError(f"{what} of HyperbandBO is one of {', '.join(known)}, not {value!r}")
        if configurations is not None and configurations < 1:
            raise UserError(f"a bracket of {configurations} configurations is none: give at least 1")
        steps, rate = rungs(fidelities, eta)
        s_max = len(steps) - 1
        plan: Iterator[tuple[int, int]]
        if configurations is None:
            plan = cycle([(start_of(s, s_max, rate), s_max - s) for s in range(s_max, -1, -1)])
        else:
            plan = repeat((configurations, 0))
        model = _Model(space, random, steps, picks, time, predict, kernel, categories, length_scale, pool)
        self._model = model
        self._brackets = _ModelBrackets(space, random, steps, rate, plan, model)

    def ask(self, free: int) -> Proposal | None:
        """A whole rung; None while it is under way."""
        return self._brackets.ask()

    def tell(self, observations: Observations) -> None:
        """Note the answers of a rung."""
        self._model.tell(observations)
        self._brackets.tell(observations)


class _ModelBrackets(Brackets):
    """Brackets whose configurations are picked once there is something to learn from."""

    def __init__(
        self,
        space: Space,
        random: Streams,
        fidelities: tuple[float, ...],
        eta: float,
        plan: Iterator[tuple[int, int]],
        model: _Model,
    ) -> None:
        super().__init__(space, random, fidelities, eta, plan)
        self._picked_by = model

    def _draw(self, n: int) -> Codes:
        picked = self._picked_by.pick(n)
        if len(picked) < n:
            # the first bracket, or a space of which everything has been tried
            picked = np.concatenate([picked, super()._draw(n)])
            _, first = np.unique(self.space.key(picked), axis=0, return_index=True)
            picked = picked[np.sort(first)][:n]
        self._picked_by.note(picked)
        return picked


class _Model:
    """What all trainings so far say of a configuration's loss."""

    def __init__(
        self,
        space: Space,
        random: Streams,
        fidelities: tuple[float, ...],
        picks: str,
        time: str,
        predict: str,
        kernel: str,
        categories: str,
        length_scale: float,
        pool: int,
    ) -> None:
        self.space, self.random, self.fidelities = space, random, fidelities
        self.picks, self.time, self.kernel, self.categories = picks, time, kernel, categories
        self.at = fidelities[-1] if predict == "longest" else fidelities[0]
        self.candidates = Candidates(space, random.choices, pool, 1)
        self.encoding: Encoding | None = None
        self.codes: Codes = np.empty((0, space.dimension), space.dtype)  # in the order of asking
        self.told: dict[tuple[int, float], float] = {}  # by number and fidelity; NaN where it failed
        self.length_scale = length_scale
        self.parameters: Floats | None = None

    def note(self, codes: Codes) -> None:
        """Configurations that a bracket starts with."""
        keys = list(map(tuple, self.space.key(codes).tolist()))
        fresh = [place for place, key in enumerate(keys) if key not in self.candidates.asked]
        self.candidates.note(keys)
        self.codes = np.concatenate([self.codes, codes[fresh]])

    def tell(self, observations: Observations) -> None:
        """The answers of a rung, in any order."""
        values = np.where(observations.failed, np.nan, observations.values)
        keys = map(tuple, observations.keys.tolist())
        for key, fidelity, value in zip(keys, observations.fidelity.tolist(), values.tolist(), strict=True):
            self.told[self.candidates.asked[key], fidelity] = value if np.isfinite(value) else np.nan

    def pick(self, n: int) -> Codes:
        """At most n configurations that were not asked for, ``[m, d]``; none before anything is known."""
        values = np.array([self.told[at] for at in sorted(self.told)])
        if np.isfinite(values).sum() < 2:
            return self.codes[:0]
        numbers, fidelities = np.array(sorted(self.told)).T
        values = _filled(values)
        self.candidates.renew(self.codes[:0])
        free = np.flatnonzero(self.candidates.free)
        if not free.size:
            return self.codes[:0]
        if self.encoding is None:
            self.encoding = Encoding(self.space, self.categories, self.candidates.codes)
        if self.time == "decay":
            values = _standardised(values, fidelities)
        points = self._points(self.codes[numbers.astype(np.int64)], fidelities)
        process = self._process(points, values, self._points(self.candidates.codes[free], self.at))
        process.add(points, values)
        least = float(values.min())
        if self.time == "decay" and (fidelities == self.at).any():
            least = float(values[fidelities == self.at].min())
        n = min(n, len(free))
        chosen = self._drawn(process, least, n) if self.picks == "drawn" else _by_lies(process, least, n)
        return self.candidates.codes[free[chosen]]

    def _points(self, codes: Codes, fidelities: Floats | float) -> Floats:
        """Configurations and training times, the latter as fractions of the longest, ``float64[n, k + 1]``."""
        assert self.encoding is not None
        times = np.broadcast_to(np.asarray(fidelities, np.float64) / self.fidelities[-1], (len(codes),))
        return np.concatenate([self.encoding(codes), times[:, None]], axis=1)

    def _process(self, points: Floats, values: Floats, candidates: Floats) -> GaussianProcess:
        assert self.encoding is not None
        groups = self.encoding.groups
        if self.time == "input":
            groups = np.append(groups, self.encoding.parameters)
        few = np.arange(len(values))
        if len(values) > LEARNED_FROM:
            few = np.sort(self.random.choices.choice(len(values), LEARNED_FROM, replace=False))
        evidence = Evidence(self.kernel, points[few][:, : len(groups)], values[few], groups, None)
        if self.parameters is None:
            self.parameters = np.full(evidence.parameters, np.log(self.length_scale))
            self.parameters[-1] = np.log(1e-2)
        self.parameters = most_likely(evidence, self.parameters)
        scales, noise = np.exp(self.parameters[:-1])[groups], float(np.exp(self.parameters[-1]))
        covariance: Covariance = Kernel(self.kernel, scales)
        if self.time == "decay":
            covariance = WithTime(covariance, self.fidelities[0] / self.fidelities[-1])
        return GaussianProcess(covariance, noise, candidates)

    def _drawn(self, process: GaussianProcess, least: float, n: int) -> npt.NDArray[np.int64]:
        """Without replacement, chances in proportion to the expected improvement."""
        promise = acquisition("EI", *process.predict(), least, 0.0, 0.0)
        with np.errstate(divide="ignore"):
            weights = np.log(promise if promise.any() else np.ones_like(promise))
        # the largest of logarithms with Gumbel noise are such a draw
        keys = weights + self.random.choices.gumbel(size=len(weights))
        return np.argsort(-keys, kind="stable")[:n]


@dataclass(frozen=True)
class WithTime:
    """A covariance of configurations times one of training times, the last column.

    The kernel of exponential decays (Swersky et al. 2014, with alpha 1) scaled to variance 1: the correlation of two
    times is ``sqrt((2 s + beta) (2 t + beta)) / (s + t + beta)``: it depends on little but their ratio, and of a
    factor of nine it is still about two thirds.

    Attributes:
        configurations: of all columns but the last.
        beta: above 0, in the unit of the last column.
    """

    configurations: Covariance
    beta: float

    def __call__(self, points: Floats, others: Floats) -> Floats:
        one, other = points[:, -1], others[:, -1]
        root = np.sqrt((2 * one + self.beta)[:, None] * (2 * other + self.beta))
        time = root / (one[:, None] + other + self.beta)
        return self.configurations(points[:, :-1], others[:, :-1]) * time


def _by_lies(process: GaussianProcess, least: float, n: int) -> npt.NDArray[np.int64]:
    """One after the other by expected improvement, each pretended to have the worst value (constant liar)."""
    chosen: list[int] = []
    free = np.ones(len(process.candidates), bool)
    lie = float(process.values.max())
    for number in range(n):
        promise = np.where(free, acquisition("EI", *process.predict(), least, 0.0, 0.0), -np.inf)
        place = int(np.argmax(promise))
        chosen.append(place)
        free[place] = False
        if number + 1 < n:
            process.add(process.candidates[place][None], np.array([lie]), np.array([place]))
    return np.array(chosen, np.int64)


def _filled(values: Floats) -> Floats:
    """The values with the worst in place of failures."""
    return np.where(np.isnan(values), np.nanmax(values), values)


def _standardised(values: Floats, fidelities: Floats) -> Floats:
    """Within each rung less its mean and divided by its deviation, where that can be told."""
    found = np.empty_like(values)
    for fidelity in np.unique(fidelities):
        here = fidelities == fidelity
        spread = values[here].std()
        found[here] = (values[here] - values[here].mean()) / (spread if here.sum() > 2 and spread > 0 else 1.0)
    return found
