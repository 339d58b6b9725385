"""Bayesian optimisation: a Gaussian process learns the objective, an acquisition function chooses what is evaluated.

Jones, Schonlau and Welch 1998, "Efficient Global Optimization of Expensive Black-Box Functions", Journal of Global
Optimization 13; Snoek, Larochelle and Adams 2012, "Practical Bayesian Optimization of Machine Learning Algorithms",
NIPS; batches by lies: Ginsbourger, Le Riche and Carraro 2010, "Kriging Is Well-Suited to Parallelize Optimization".
The process grows by blocks as in Bertrand 2019 (thesis), section 2.3.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Floats, Observations
from nasbench_sim.randomness import Streams
from nasbench_sim.spaces.space import Codes, Space
from nasbench_sim.strategies.acquisition import ACQUISITIONS, acquisition
from nasbench_sim.strategies.candidates import Candidates
from nasbench_sim.strategies.gaussian_process import GaussianProcess
from nasbench_sim.strategies.history import DONE, FAILED, PENDING, History
from nasbench_sim.strategies.kernel_learning import Evidence, likely_ones, most_likely
from nasbench_sim.strategies.kernels import FORMS, Encoding, Kernel
from nasbench_sim.strategies.starts import given
from nasbench_sim.strategies.strategy import Proposal

HYPERPARAMETERS = ("learned", "marginalised", "fixed")
LIES = ("min", "mean", "max", "believer")
FAILURES = ("impute", "drop", "feasibility")
RELEARN = (4, 8, 16, 32, 64, 128)
BEST = 3  # whose neighbours join a sample of candidates
MOST_FAILURES = 128  # evaluations from which the process of failures learns its length-scales
LEAST_CHANCE = 1e-9  # of an evaluation to succeed, so that the promising stay told apart
DOUBT = 0.05  # least deviation of the process of failures, whose values are 0 and 1


class BayesianOptimization:
    """Evaluate what the acquisition function deems best, one after the other or in batches.

    What is under way counts as evaluated with a pretended value (constant liar, kriging believer), so a batch, or
    several workers, do not ask for the same region twice.

    Args:
        space: to search.
        random: the first configuration comes from ``start``, everything else from ``choices``.
        initial: random configurations to begin with.
        batch: configurations asked for at once.
        acquisition: "EI", "PI" or "UCB".
        kernel: "matern 5/2" or "squared exponential".
        categories: "hamming" or "one-hot", see ``Encoding``.
        hyperparameters: "learned": the most likely ones, learned anew each time that a number of ``relearn`` is reached
            and kept in between; "marginalised": the acquisition is the mean over ``samples`` likely ones, drawn at the
            same times; "fixed": ``length_scale`` for all variables.
        relearn: numbers of evaluations, increasing.
        samples: of the hyper-parameters.
        length_scale: where each variable runs from 0 to 1; where learning begins.
        noise: variance of the noise in units of the process's; None learns it, or is 1e-3 where nothing is learned.
        lie: what is pretended of evaluations under way: "min", "mean" or "max" of the values so far, or "believer": the
            mean that is predicted.
        failures: of failed evaluations.  "impute": the worst value so far; "drop": they are not learned from and
            never asked for again; "feasibility": the same, but the acquisition is multiplied by the probability to
            succeed that a second process, with length-scales of its own, predicts from what failed and what did not.
        margin: see ``acquisition``.
        kappa: see ``acquisition``.
        pool: a space with at most so many configurations is searched whole; of a larger one so many random ones and
            the neighbours of the best are candidates.
        refresh: evaluations after which those are drawn anew.
        first: configurations to evaluate before all others, instead of a random start.

    Raises:
        UserError: an option that is none of these.
    """

    def __init__(
        self,
        space: Space,
        random: Streams,
        initial: int = 5,
        batch: int = 1,
        acquisition: str = "EI",
        kernel: str = "matern 5/2",
        categories: str = "hamming",
        hyperparameters: str = "learned",
        relearn: Sequence[int] = RELEARN,
        samples: int = 8,
        length_scale: float = 0.5,
        noise: float | None = None,
        lie: str = "max",
        failures: str = "impute",
        margin: float = 0.0,
        kappa: float = 2.0,
        pool: int = 20_000,
        refresh: int = 25,
        first: Sequence[Sequence[int]] = (),
    ) -> None:
        for what, value, known in (
            ("acquisition", acquisition, ACQUISITIONS),
            ("kernel", kernel, FORMS),
            ("hyperparameters", hyperparameters, HYPERPARAMETERS),
            ("lie", lie, LIES),
            ("failures", failures, FAILURES),
        ):
            if value not in known:
                raise UserError(f"{what} of BayesianOptimization is one of {', '.join(known)}, not {value!r}")
        if min(initial, batch, samples, pool, refresh) < 1 or not length_scale > 0 or not (noise is None or noise > 0):
            raise UserError("BayesianOptimization needs at least 1 of everything, and scale and noise above 0")
        self.space, self.random = space, random
        self.initial, self.batch, self.acquisition, self.kernel = initial, batch, acquisition, kernel
        self.hyperparameters, self.relearn, self.samples = hyperparameters, tuple(relearn), samples
        self.length_scale, self.noise, self.lie, self.failures = length_scale, noise, lie, failures
        self.margin, self.kappa = margin, kappa
        self._first = given(space, list(dict.fromkeys(map(tuple, first))))
        self._candidates = Candidates(space, random.choices, pool, refresh)
        self._categories = categories
        self._encoding: Encoding | None = None
        self._history = History(space)
        self._parameters: list[Floats] = []  # logarithms, of each process
        self._learned = 0  # how many of ``relearn`` are done
        self._models: list[_Model] = []
        self._feasible: _Model | None = None
        self._failures_learned = -1  # as ``_learned``
        self._failure_parameters = np.empty(0)
        self._version = -1  # of the candidates that the models predict

    def ask(self, free: int) -> Proposal | None:
        """Random ones first, then the most promising."""
        history, candidates = self._history, self._candidates
        if not history.size:
            return self._proposal(self._first if len(self._first) else self.space.sample(self.random.start, 1))
        candidates.renew(history.best(BEST))
        if not candidates.free.any():
            return None
        known = history.known
        if history.size < self.initial or not known.size:
            count = max(self.initial - history.size, 1)
            places = np.flatnonzero(candidates.free)
            chosen = self.random.choices.choice(places, min(count, len(places)), replace=False)
            return self._proposal(candidates.codes[chosen])
        self._update(known)
        return self._proposal(candidates.codes[self._choose(known)])

    def tell(self, observations: Observations) -> None:
        """Note the values."""
        told = np.where(observations.failed, np.nan, observations.values)
        for key, value in zip(map(tuple, observations.keys.tolist()), told.tolist(), strict=True):
            self._history.tell(self._candidates.asked[key], value)

    def predict(self, codes: Codes) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the process at ``codes[n, d]``, ``float64[n]``; the first one's of several.

        Raises:
            UserError: nothing has been learned yet.
        """
        if not self._models or self._encoding is None:
            raise UserError("BayesianOptimization predicts once it has been asked with some values known")
        return self._models[0].process.predict_at(self._encoding(codes))

    def _proposal(self, codes: Codes) -> Proposal:
        keys = self.space.key(codes)
        places = self._candidates.note(map(tuple, keys.tolist()))
        self._history.ask(codes, places)
        return Proposal(codes, keys=keys)

    def _update(self, known: Floats) -> None:
        """Bring the processes up to date: candidates, parameters, points and values."""
        history = self._history
        if self._encoding is None:
            self._encoding = Encoding(self.space, self._categories, self._candidates.codes)
        renewed = self._version != self._candidates.version
        if renewed:
            self._points = self._encoding(self._candidates.codes)
            self._version = self._candidates.version
            history.places[: history.size] = self._candidates.places()
        history.encode(self._encoding)
        numbers, values = self._data(known)
        learned = self._learn(numbers, values)
        if renewed or learned:
            self._models = [_Model(self._process(each), history) for each in self._parameters]
            self._feasible = None
        for model in self._models:
            model.follow(numbers, values)
        if self.failures == "feasibility" and (history.state == FAILED).any():
            told = np.flatnonzero(history.state != PENDING)
            failed = (history.state[told] == FAILED).astype(np.float64)
            if self._feasible is None:
                self._feasible = _Model(self._process(self._learn_failures(told, failed)), history)
            self._feasible.follow(told, failed)

    def _lie(self, known: Floats) -> float:
        """What is pretended of an evaluation under way; NaN for what the process predicts."""
        return float({"min": known.min(), "mean": known.mean(), "max": known.max(), "believer": np.nan}[self.lie])

    def _data(self, known: Floats) -> tuple[npt.NDArray[np.int64], Floats]:
        """Which of what was asked the process is to know, in order, and with which values."""
        state = self._history.state
        values = np.where(state == DONE, self._history.values, known.max())
        values[state == PENDING] = self._lie(known)
        numbers = np.arange(len(state)) if self.failures == "impute" else np.flatnonzero(state != FAILED)
        return numbers, values[numbers]

    def _process(self, parameters: Floats) -> GaussianProcess:
        assert self._encoding is not None
        scales = np.exp(parameters[: self._encoding.parameters])[self._encoding.groups]
        fixed = 1e-3 if self.noise is None else self.noise
        noise = float(np.exp(parameters[-1])) if len(parameters) > self._encoding.parameters else fixed
        return GaussianProcess(Kernel(self.kernel, scales), noise, self._points)

    def _learn(self, numbers: npt.NDArray[np.int64], values: Floats) -> bool:
        """Learn the parameters if that is due; whether there are new ones."""
        assert self._encoding is not None
        begun = not self._parameters
        if begun:
            scales = np.full(self._encoding.parameters, np.log(self.length_scale))
            learns = self.hyperparameters != "fixed" and self.noise is None
            self._parameters = [np.append(scales, np.log(1e-3)) if learns else scales]
        told = self._history.state[numbers] != PENDING
        due = int(sum(int(told.sum()) >= number for number in self.relearn))
        if self.hyperparameters == "fixed" or due <= self._learned:
            return begun
        self._learned = due
        points = self._history.points[numbers[told]]
        evidence = Evidence(self.kernel, points, values[told], self._encoding.groups, self.noise)
        best = most_likely(evidence, self._parameters[0])
        self._parameters = [best]
        if self.hyperparameters == "marginalised":
            self._parameters = list(likely_ones(evidence, best, self.random.choices, self.samples))
        return True

    def _learn_failures(self, told: npt.NDArray[np.int64], failed: Floats) -> Floats:
        """Parameters of the process of failures, learned when those of the objective are, if any failed by then."""
        assert self._encoding is not None
        if self.hyperparameters == "fixed":
            return self._parameters[0]
        if self._failures_learned < self._learned:
            self._failures_learned = self._learned
            few = np.unique(np.linspace(0, len(told) - 1, MOST_FAILURES).astype(np.int64))
            points = self._history.points[told[few]]
            evidence = Evidence(self.kernel, points, failed[few], self._encoding.groups, None)
            start = np.append(self._parameters[0][: self._encoding.parameters], np.log(1e-2))
            self._failure_parameters = most_likely(evidence, start)
        return self._failure_parameters

    def _choose(self, known: Floats) -> list[int]:
        """Places of the next batch among the candidates."""
        chosen: list[int] = []
        least, lie = float(known.min()), self._lie(known)
        count = min(self.batch, int(self._candidates.free.sum()))
        for number in range(count):
            promise = np.where(self._candidates.free, self._promise(least), -np.inf)
            place = int(np.argmax(promise))
            chosen.append(place)
            self._candidates.free[place] = False
            if number + 1 < count:
                for model in self._models:
                    model.pretend(place, self._points[place], lie, self._history.size + number)
        return chosen

    def _promise(self, least: float) -> Floats:
        found = [
            acquisition(self.acquisition, *model.process.predict(), least, self.margin, self.kappa)
            for model in self._models
        ]
        promise = found[0] if len(found) == 1 else np.asarray(np.mean(found, axis=0))
        if self._feasible is None:
            return promise
        # A regression on 0 and 1: how likely its noise-free value is on the side of success.
        mean, deviation = self._feasible.process.predict()
        chance = np.maximum(ndtr((0.5 - mean) / np.maximum(deviation, DOUBT)), LEAST_CHANCE)
        # UCB has no zero to multiply from: the distance from the worst candidate stands in
        return np.asarray(chance * (promise if self.acquisition != "UCB" else promise - promise.min()))


class _Model:
    """A process, and the numbers of what its points are in the history."""

    def __init__(self, process: GaussianProcess, history: History) -> None:
        self.process, self.history = process, history
        self.numbers: npt.NDArray[np.int64] = np.empty(0, np.int64)

    def follow(self, numbers: npt.NDArray[np.int64], values: Floats) -> None:
        """Make its points these, in this order; those that stay are not added again.  NaN: what is predicted."""
        both = min(len(self.numbers), len(numbers))
        differ = np.flatnonzero(self.numbers[:both] != numbers[:both])
        same = int(differ[0]) if differ.size else both
        self.process.shrink(same)
        before = np.where(np.isnan(values[:same]), self.process.values, values[:same])
        if not np.array_equal(before, self.process.values):
            self.process.revalue(before)
        self.numbers = numbers
        new, rest = numbers[same:], values[same:]
        blocks = [slice(0, len(new))] if not np.isnan(rest).any() else [slice(at, at + 1) for at in range(len(new))]
        for block in blocks if len(new) else []:
            points, places, told = self.history.points[new[block]], self.history.places[new[block]], rest[block]
            if np.isnan(told).any():
                told = self.process.predict_at(points)[0]
            self.process.add(points, told, places if (places >= 0).all() else None)

    def pretend(self, place: int, point: Floats, lie: float, number: int) -> None:
        """Add a candidate with a pretended value; NaN for the mean that is predicted."""
        if np.isnan(lie):
            lie = float(self.process.predict()[0][place])
        self.process.add(point[None], np.array([lie]), np.array([place]))
        self.numbers = np.append(self.numbers, number)  # in the history, once the batch is asked for
