"""What real runs would have taken by the clock on the wall, each by itself, and what they had found by when."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nasbench_sim.oracle import Observations, Oracle, Request
from nasbench_sim.wrapped import Wrapped

if TYPE_CHECKING:
    from nasbench_sim.real.oracle import RealOracle
    from nasbench_sim.real.supernets.oracle import SuperNetOracle

MOST_BEST = 10  # that are noted at a milestone


class Watched(Wrapped):
    """A real oracle, and what the runs that ask it would have taken by the clock on the wall, each by itself.

    What a run asks for beyond its budget, such as the rest of a neighbourhood, is not trained: it comes back as failed,
    and the simulation counts it out.

    Args:
        real: trains.
        sharing: the same with super-nets beside it.
        answers: the same on another scale.
        milestones: evaluations after which the best that a run has seen are noted.
        budget: different trainings that a run may ask for; None for any number.
    """

    def __init__(
        self,
        real: RealOracle,
        sharing: SuperNetOracle | None = None,
        answers: Oracle | None = None,
        milestones: tuple[int, ...] = (),
        budget: int | None = None,
    ) -> None:
        super().__init__(sharing or answers or real)
        self.real, self.sharing, self.milestones, self.budget = real, sharing, milestones, budget
        self._runs: dict[int, _Seen] = {}

    def evaluate(self, request: Request, run: npt.NDArray[np.uint64] | int) -> Observations:
        """Answer one request, see ``Oracle``."""
        seeds = np.broadcast_to(np.asarray(run, np.uint64), (len(request.codes),))
        seen = [self._runs.setdefault(seed, _Seen()) for seed in seeds.tolist()]
        if request.source != "train":
            for one in seen:
                one.proxies += 1
            return super().evaluate(request, run)
        keys = self.space.key(request.codes) if request.keys is None else request.keys
        names = [(*key, request.fidelity, request.repeat) for key in keys.tolist()]
        inside = np.array([one.asks(name, self.budget) for one, name in zip(seen, names, strict=True)], bool)
        part = replace(request, codes=request.codes[inside], keys=keys[inside])
        answers = self.train(part, seeds[inside])
        walls = self.real.wall_seconds(part, seeds[inside]).tolist()
        errors = np.where(answers.failed, np.inf, answers.objectives[:, 0]).tolist()
        for place, wall, error, code in zip(
            np.flatnonzero(inside).tolist(), walls, errors, answers.codes.tolist(), strict=True
        ):
            seen[place].note(names[place], wall, self.real.repeats, error, code, self.milestones)
        return answers if inside.all() else self._spread(answers, inside, replace(request, keys=keys))

    def train(self, request: Request, run: npt.NDArray[np.uint64]) -> Observations:
        """What training comes to."""
        return super().evaluate(request, run)

    def _spread(self, answers: Observations, inside: npt.NDArray[np.bool_], request: Request) -> Observations:
        """Answers to a part of a request as answers to all of it: what is not ``inside`` has failed at no cost."""
        n = len(inside)

        def filled(values: npt.NDArray[Any], missing: float) -> npt.NDArray[Any]:
            whole = np.full((n, *values.shape[1:]), missing, values.dtype)
            whole[inside] = values
            return whole

        assert request.keys is not None
        assert answers.held_out is not None
        index = self.real.index
        return replace(
            answers,
            codes=request.codes,
            keys=request.keys,
            objectives=filled(answers.objectives, np.nan),
            constraints=filled(answers.constraints, 0.0),
            seconds=filled(answers.seconds, 0.0),
            failed=filled(answers.failed, True),
            fidelity=filled(answers.fidelity, 0.0),
            held_out=filled(answers.held_out, np.nan),
            rows=None if index is None else index.rows(request.keys),
        )

    def about(self, seed: int) -> dict[str, Any]:
        """What a run's trace keeps; forgotten here, so that another strategy of that seed starts at nothing."""
        seen = self._runs.pop(seed, _Seen())
        told: dict[str, Any] = {"wall_seconds": seen.wall, "trainings": seen.trainings, "failed": seen.failed}
        if self.milestones:
            for milestone in self.milestones:
                seen.best.setdefault(str(milestone), seen.ranked())
            told["best"] = seen.best
        if self.sharing is not None and seen.proxies:
            setup, proxy = self.sharing.wall_seconds
            told["wall_seconds"] += setup + seen.proxies * proxy
            record = self.sharing.status[seed % self.sharing.supernets]
            told["supernet"] = {name: record[name] for name in ("status", "median", "chance", "seconds")}
        return told


@dataclass
class _Seen:
    """What one run has asked so far: every training once, under its key, fidelity and repeat."""

    wall: float = 0.0
    trainings: int = 0
    proxies: int = 0
    failed: int = 0
    asked: set[tuple[Any, ...]] = field(default_factory=set)
    errors: dict[tuple[Any, ...], tuple[float, list[int]]] = field(default_factory=dict)
    best: dict[str, list[list[int]]] = field(default_factory=dict)

    def asks(self, name: tuple[Any, ...], budget: int | None) -> bool:
        """Whether a training is known or within the budget; then it is known from now on."""
        if name not in self.asked:
            if budget is not None and len(self.asked) >= budget:
                return False
            self.asked.add(name)
        return True

    def note(
        self, name: tuple[Any, ...], wall: float, trainings: int, error: float, code: list[int],
        milestones: tuple[int, ...],
    ) -> None:  # fmt: skip
        """Take down what a training came to, once."""
        if name in self.errors:
            return
        self.wall += wall
        self.trainings += trainings
        self.failed += not np.isfinite(error)
        self.errors[name] = error, code
        if len(self.errors) in milestones:
            self.best[str(len(self.errors))] = self.ranked()

    def ranked(self) -> list[list[int]]:
        """The best configurations so far, first come first among equals."""
        return [code for _, code in sorted(self.errors.values(), key=lambda one: one[0])[:MOST_BEST]]
