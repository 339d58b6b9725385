"""What a surrogate's oracle adds to the contract: remembering, noise by name, any fidelity, spaces without end."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

pytest.importorskip("lightgbm")

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Request, Task
from nasbench_sim.simulate import simulate, simulate_many
from nasbench_sim.spaces.darts import DARTS
from nasbench_sim.spaces.nasbench101 import NASBench101
from nasbench_sim.spaces.nasbench201 import NASBench201
from nasbench_sim.strategies.random_search import RandomSearch
from nasbench_sim.strategies.regularized_evolution import RegularizedEvolution
from surrogates import cores
from surrogates import oracle as oracles
from surrogates import surrogate as surrogates_of
from surrogates.oracle import SurrogateOracle
from tests import synthetic
from tests.surrogates import small

SPACE = NASBench201()


@pytest.fixture(scope="module")
def surrogate(nb201_table):
    return small.train("lgb", SPACE, nb201_table)[0]


@pytest.fixture(scope="module")
def darts(tmp_path_factory):
    """A surrogate of a space that no table holds."""
    space = DARTS()
    rng = np.random.default_rng(0)
    codes = space.sample(rng, 500)
    error = 0.05 + 0.01 * (codes[:, 1::2] == 2).mean(1) + 0.001 * rng.standard_normal(500)
    arrays = {"codes": codes, "cifar10/validation": np.clip(error, 0, 1)[:, None, None]}
    path = tmp_path_factory.mktemp("darts") / "darts.h5"
    table = synthetic.write(path, space, arrays, fidelities=(98,), description="500 networks.")
    return small.train("lgb", space, table)[0]


def asked(space, n=100, seed=0, **options):
    return Request(space.sample(np.random.default_rng(seed), n), **options)


def test_the_mean_is_the_prediction(surrogate):
    oracle = SurrogateOracle(surrogate)
    request = asked(SPACE)
    answers = oracle.evaluate(request, 3)
    np.testing.assert_array_equal(answers.objectives[:, 0], surrogate.predict(request.codes)[0])
    np.testing.assert_array_equal(answers.seconds, surrogate.train_seconds(request.codes))
    every = surrogate.answers(SPACE.enumerate())
    assert oracle.optimum_objectives[0] == surrogate.mean(every).min()
    assert oracle.optimum[0] == surrogate.test_error(every).min()
    assert oracle.held_out == ("test error",)


def test_the_optimum_that_is_known_already_is_that_of_all(surrogate):
    from surrogates.surrogate import with_least

    options = {"objectives": ("error", "parameters", "train_seconds")}
    plain, knowing = SurrogateOracle(surrogate, **options), SurrogateOracle(with_least(surrogate), **options)
    assert plain.optimum.tolist() == knowing.optimum.tolist()
    assert plain.optimum_objectives.tolist() == knowing.optimum_objectives.tolist()
    assert "_of_everything" not in vars(knowing)
    short = SurrogateOracle(with_least(surrogate), fidelities=(4,), held_out="validation")
    assert short.optimum[0] > knowing.optimum_objectives[0]


def test_each_configuration_is_predicted_once(surrogate, monkeypatch):
    oracle = SurrogateOracle(surrogate)
    rows = []
    real = type(surrogate).answers
    monkeypatch.setattr(type(surrogate), "answers", lambda self, codes: rows.append(len(codes)) or real(self, codes))
    codes = SPACE.sample(np.random.default_rng(0), 50)
    first = oracle.evaluate(Request(np.concatenate([codes, codes[:20]])), 0)
    again = oracle.evaluate(Request(codes[::-1].copy(), fidelity=4), 0)
    oracle.evaluate(Request(np.concatenate([codes, SPACE.sample(np.random.default_rng(1), 5)])), 0)
    assert rows[0] == 50
    assert sum(rows) <= 55
    assert first.objectives[50:].tolist() == first.objectives[:20].tolist()
    assert (again.objectives != first.objectives[:50][::-1]).any()


def test_a_full_memory_is_emptied_and_answers_stay(surrogate, monkeypatch):
    monkeypatch.setattr(oracles, "MOST_CACHED", 60)
    small_one, large = SurrogateOracle(surrogate), SurrogateOracle(surrogate)
    monkeypatch.setattr(oracles, "MOST_CACHED", 60)
    for seed in range(4):
        for n in (10, 50, 80):
            request = asked(SPACE, n, seed)
            np.testing.assert_array_equal(
                small_one.evaluate(request, 0).objectives, surrogate.predict(request.codes)[0][:, None]
            )
            np.testing.assert_array_equal(
                large.evaluate(request, 0).objectives, small_one.evaluate(request, 0).objectives
            )


def test_repeats_are_normal_about_the_prediction(surrogate):
    oracle = SurrogateOracle(surrogate, noise="repeat")
    request = asked(SPACE, 2000)
    found = surrogate.answers(request.codes)
    standardised = (oracle.evaluate(request, 7).objectives[:, 0] - surrogate.mean(found)) / surrogate.repeat_sd(found)
    assert kstest(standardised, "norm").pvalue > 1e-3
    assert (
        oracle.evaluate(request, 7).held_out.tolist()
        == SurrogateOracle(surrogate).evaluate(request, 7).held_out.tolist()
    )


def test_fidelities_of_ones_own(surrogate):
    oracle = SurrogateOracle(surrogate, fidelities=(2, 27, 108))
    assert oracle.sources["train"].fidelities == (2.0, 27.0, 108.0)
    request = asked(SPACE)
    seconds = [oracle.evaluate(asked(SPACE, fidelity=f), 0).seconds for f in (2, 27, 108)]
    assert (np.diff(seconds, axis=0) > 0).all()
    np.testing.assert_array_equal(
        oracle.evaluate(asked(SPACE, fidelity=27), 0).objectives[:, 0], surrogate.predict(request.codes, 27)[0]
    )


def test_what_cannot_be_asked_is_refused(surrogate, darts):
    for options, message in (
        ({"noise": "some"}, "noise is one of mean, repeat, not 'some'"),
        ({"held_out": "train"}, "held_out is one of test, validation"),
        ({"objectives": ("error", "latency")}, "no objective 'latency': choose from train_seconds, parameters, macs"),
        ({"objectives": ()}, "the first objective is 'error'"),
        ({"fidelities": (108, 4)}, "fidelities are increasing"),
        ({"fidelities": (4, 200)}, "trainings of up to 108 epochs, not 200"),
        ({"space": NASBench101()}, "about the space nasbench201, not nasbench101"),
    ):
        with pytest.raises(UserError, match=message):
            SurrogateOracle(surrogate, **options)
    with pytest.raises(UserError, match="without repeats of cifar10, so it knows no noise: ask for noise 'mean'"):
        SurrogateOracle(darts, noise="repeat")
    with pytest.raises(UserError, match="outside the space"):
        SurrogateOracle(surrogate, NASBench201(equivalence="function")).evaluate(
            Request(np.full((1, 6), 9, np.uint8), keys=np.array([[10**6, 0]], np.uint64)), 0
        )


def test_a_space_without_end_has_no_rows_and_no_known_optimum(darts):
    oracle = SurrogateOracle(darts, held_out="validation")
    answers = oracle.evaluate(asked(DARTS()), 0)
    assert oracle.size is None
    assert answers.rows is None
    assert np.isnan(oracle.optimum).all()
    assert np.isnan(oracle.optimum_objectives).all()
    assert (answers.seconds == 1).all()
    assert oracle.provenance["clock"].startswith("one second")


@pytest.mark.parametrize("strategy", [RandomSearch, RegularizedEvolution], ids=lambda strategy: strategy.__name__)
def test_seeds_in_lockstep_leave_the_traces_of_one_at_a_time(surrogate, darts, strategy):
    for one, noise in ((surrogate, "repeat"), (darts, "mean")):
        task = Task("learned", SurrogateOracle(one, noise=noise), evaluations=60)
        together = simulate_many(task, strategy, [0, 1, 2])
        for seed, trace in enumerate(together):
            fresh = Task("learned", SurrogateOracle(one, noise=noise), evaluations=60)
            alone = simulate(fresh, strategy, seed)
            np.testing.assert_array_equal(alone.codes, trace.codes)
            np.testing.assert_array_equal(alone.objectives, trace.objectives)
            np.testing.assert_array_equal(alone.seconds, trace.seconds)


@pytest.mark.parametrize("kind", ["lgb", "xgb"])
def test_parts_of_a_question_on_any_number_of_threads_have_the_same_answers(kind, nb201_table, monkeypatch):
    pytest.importorskip({"lgb": "lightgbm", "xgb": "xgboost"}[kind])
    made = small.train(kind, SPACE, nb201_table)[0]
    codes = SPACE.sample(np.random.default_rng(0), 400)
    monkeypatch.setattr(surrogates_of, "PART", 37)
    answers = []
    for count in (1, 4):
        monkeypatch.setattr(cores, "_cores", lambda count=count: count)
        answers.append(vars(made.answers(codes)))
    for name, found in answers[0].items():
        np.testing.assert_array_equal(found, answers[1][name])
