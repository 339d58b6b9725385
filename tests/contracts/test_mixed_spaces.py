"""What every strategy promises on mixed spaces as well: categories, logarithmic and conditional variables, lists."""

from __future__ import annotations

from functools import cached_property, partial
from inspect import signature

import numpy as np
import pytest

from nasbench_sim.oracle import Observations, Source, Task
from nasbench_sim.simulate import simulate, simulate_many
from nasbench_sim.spaces.conditional import Condition, ConditionalGrid
from nasbench_sim.spaces.grid import Grid, categorical, continuous, integer, ordinal
from nasbench_sim.spaces.listed import Listed
from suites.catalogue import STRATEGIES

RUNGS = (4.0, 36.0)
MIXED = Grid(
    "mixed",
    (
        integer("batch_size", 16, 400, step=24),
        continuous("rate", 1e-5, 1e-1, 9, log=True),
        categorical("optimizer", ("sgd", "adam", "rmsprop")),
        ordinal("size", ("small", "medium", "large")),
    ),
)
CONDITIONAL = ConditionalGrid(
    "conditional",
    (
        categorical("optimizer", ("sgd", "adam")),
        continuous("momentum", 0.0, 0.99, 20),
        continuous("epsilon", 1e-8, 1e-1, 30, log=True),
        continuous("rate", 1e-5, 1e-1, 12, log=True),
    ),
    (Condition("momentum", "optimizer", ("sgd",)), Condition("epsilon", "optimizer", ("adam",))),
)
SPACES = {
    "mixed": MIXED,
    "conditional": CONDITIONAL,
    "listed": Listed.of(MIXED, MIXED.sample(np.random.default_rng(0), 300)),
}


class Smooth:
    """A bowl over the features, at two fidelities; a tenth of the configurations fails."""

    objectives, held_out, provenance = ("error",), ("test error",), {}
    optimum, optimum_objectives = np.zeros(1), np.zeros(1)

    def __init__(self, space):
        self.space, self.size = space, space.size
        self.sources = {"train": Source(RUNGS, "epochs")}

    @cached_property
    def rows(self):
        return {tuple(key): row for row, key in enumerate(self.space.key(self.space.enumerate()).tolist())}

    def evaluate(self, request, run):
        assert self.space.valid(request.codes).all()
        keys = self.space.key(request.codes)
        rows = np.array([self.rows[tuple(key)] for key in keys.tolist()], np.int64)
        fidelity = RUNGS[-1] if request.fidelity is None else float(request.fidelity)
        error = ((self.space.features(request.codes) - 0.3) ** 2).sum(axis=1) / 5 + 1 / fidelity
        failed, n = rows % 10 == 3, len(rows)
        return Observations(
            request.codes, keys, "train", np.where(failed, np.nan, error)[:, None], np.zeros((n, 0)),
            np.full(n, fidelity), failed, np.full(n, fidelity), held_out=error[:, None], rows=rows,
        )  # fmt: skip


def quick(strategy):
    options = {"fidelities": RUNGS, "pool": 100}
    chosen = {name: options[name] for name in signature(strategy).parameters if name in options}
    return partial(strategy, **chosen) if chosen else strategy


# Without a proxy there is nothing for the strategies on one to do.
ALL = {name: quick(strategy) for name, strategy in STRATEGIES.items() if not name.startswith("WeightSharing")}
every_strategy = pytest.mark.parametrize("strategy", ALL.values(), ids=ALL)
every_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)


@every_space
@every_strategy
def test_searches_valid_configurations_and_the_same_ones_again(space, strategy):
    task = Task("mixed", Smooth(space))
    one, other = (simulate(task, strategy, seed=3, evaluations=80, record="all", name="one") for _ in range(2))
    assert space.valid(one.codes).all()
    assert one.about["evaluations"] == 80
    assert np.isfinite(one.objectives).any()
    assert (one.codes.tobytes(), one.seconds.tobytes()) == (other.codes.tobytes(), other.seconds.tobytes())


@pytest.mark.parametrize("space", [CONDITIONAL], ids=["conditional"])
@every_strategy
def test_in_lockstep_and_with_workers(space, strategy):
    task = Task("mixed", Smooth(space))
    together = simulate_many(task, strategy, [1, 2], evaluations=40, record="all", name="one")
    alone = simulate(task, strategy, seed=2, evaluations=40, record="all", name="one")
    assert together[1].codes.tobytes() == alone.codes.tobytes()
    many = simulate(task, strategy, seed=2, evaluations=40, workers=3, record="all")
    assert many.about["evaluations"] == 40
    assert many.about["busy_seconds"] <= 3 * many.about["seconds"] * (1 + 1e-12)
