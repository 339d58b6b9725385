"""What every oracle promises: the same answer to the same question, validation and test kept apart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest
from scipy.stats import kstest, spearmanr

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Request
from nasbench_sim.proxy import Bias
from nasbench_sim.spaces.nasbench101 import NASBench101
from nasbench_sim.spaces.nasbench201 import NASBench201
from nasbench_sim.tabular import Table
from nasbench_sim.tabular.oracle import TabularOracle
from surrogates.darts_distilled import Distilled, find_distilled
from surrogates.darts_oracle import DARTSOracle
from tests import synthetic
from tests.scripted import Written

A4 = NASBench101("A4")
COLUMNS = ("codes", "keys", "objectives", "constraints", "seconds", "failed", "fidelity", "held_out", "rows")


@pytest.fixture(scope="module")
def surrogate(tmp_path_factory):
    return synthetic.write(tmp_path_factory.mktemp("s") / "s.h5", A4, synthetic.surrogate_figures(A4), kind="surrogate")


@pytest.fixture(scope="module")
def oracles(a4_table, nb201_table, surrogate):
    """Every kind of oracle, by name."""
    found = {
        f"{kind}-{noise}": TabularOracle(A4, table, "cifar10", noise=noise)
        for kind, table in (("measured", a4_table), ("surrogate", surrogate))
        for noise in ("mean", "repeat")
    }
    found["nasbench201"] = TabularOracle(
        NASBench201(), nb201_table, "cifar10", objectives=("error", "parameters", "train_seconds")
    )
    found["proxy"] = synthetic.with_supernets(found["measured-repeat"])
    for noise in ("mean", "repeat"):
        found[f"learned-{noise}"] = learned(a4_table, noise)
    found["darts"] = DARTSOracle(Distilled.open(find_distilled()), held_out="validation")
    found["written"] = Written(np.linspace(0, 1, 2000) ** 2, np.arange(2000.0))
    return found


def learned(table, noise):
    """An oracle that asks models of the table; lightgbm is among what the tests need."""
    from surrogates.oracle import SurrogateOracle
    from tests.surrogates import small

    return SurrogateOracle(small.train("lgb", A4, table)[0], noise=noise, objectives=("error", "parameters"))


NAMES = (
    "measured-mean", "measured-repeat", "surrogate-mean", "surrogate-repeat", "nasbench201", "proxy",
    "learned-mean", "learned-repeat", "darts", "written",
)  # fmt: skip
every_oracle = pytest.mark.parametrize("name", NAMES)


def asked(oracle, n=200, seed=0, **options):
    return Request(oracle.space.sample(np.random.default_rng(seed), n), **options)


def same(one, other, rows=slice(None)) -> None:
    for column in COLUMNS:
        np.testing.assert_array_equal(getattr(one, column)[rows], getattr(other, column))


# Every oracle


@every_oracle
def test_shapes_and_types(oracles, name):
    oracle = oracles[name]
    for source in oracle.sources:
        answers = oracle.evaluate(asked(oracle, source=source), 0)
        m, h = len(oracle.objectives), len(oracle.held_out)
        assert answers.source == source
        assert answers.objectives.shape == (200, m)
        assert answers.held_out.shape == (200, h)
        assert answers.constraints.shape == (200, 0)
        for column in ("objectives", "held_out", "constraints", "seconds", "fidelity"):
            assert getattr(answers, column).dtype == np.float64
        assert answers.failed.dtype == bool
        assert (answers.keys == oracle.space.key(answers.codes)).all()
        assert (answers.rows >= 0).all()
        assert oracle.size is None or (answers.rows < oracle.size).all()
        assert (answers.fidelity == oracle.sources[source].fidelities[-1]).all()
        assert (answers.failed == np.isnan(answers.objectives[:, 0])).all()
    assert oracle.optimum.shape == (h,)
    assert oracle.optimum_objectives.shape == (m,)
    assert all(isinstance(value, str) for value in oracle.provenance.values())
    json.dumps(dict(oracle.provenance))


@every_oracle
def test_the_same_question_has_the_same_answer_whatever_was_asked_before(oracles, name):
    oracle = oracles[name]
    for source in oracle.sources:
        request = asked(oracle, source=source)
        first = oracle.evaluate(request, 7)
        oracle.evaluate(asked(oracle, seed=1, source=source), 8)
        oracle.evaluate(replace(request, repeat=3), 7)
        same(first, oracle.evaluate(request, 7))


@every_oracle
def test_order_and_company_make_no_difference(oracles, name):
    oracle = oracles[name]
    for source in oracle.sources:
        request, runs = asked(oracle, source=source), np.arange(200, dtype=np.uint64)
        whole = oracle.evaluate(request, runs)
        order = np.random.default_rng(3).permutation(200)
        same(whole, oracle.evaluate(replace(request, codes=request.codes[order]), runs[order]), order)
        for part in (slice(0, 1), slice(1, 77), slice(77, None)):
            same(whole, oracle.evaluate(replace(request, codes=request.codes[part]), runs[part]), part)
        twice = np.repeat(np.arange(200), 2)
        same(whole, oracle.evaluate(replace(request, codes=request.codes[twice]), runs[twice]), twice)


@every_oracle
def test_keys_that_are_known_already_make_no_difference(oracles, name):
    oracle = oracles[name]
    for source in oracle.sources:
        request = asked(oracle, source=source)
        known = replace(request, keys=oracle.space.key(request.codes))
        same(oracle.evaluate(request, 5), oracle.evaluate(known, 5))


@every_oracle
def test_inputs_stay_as_they_are(oracles, name):
    oracle = oracles[name]
    request, runs = asked(oracle), np.arange(200, dtype=np.uint64)
    before = request.codes.tolist()
    request.codes.setflags(write=False)
    runs.setflags(write=False)
    for source in oracle.sources:
        oracle.evaluate(replace(request, source=source), runs)
    assert request.codes.tolist() == before


@every_oracle
def test_answers_can_be_written_to_without_harm(oracles, name):
    oracle = oracles[name]
    for source in oracle.sources:
        request = asked(oracle, source=source)
        first, spoilt = oracle.evaluate(request, 0), oracle.evaluate(request, 0)
        for column in ("objectives", "seconds", "held_out", "rows", "fidelity"):
            getattr(spoilt, column)[:] = -1
        same(first, oracle.evaluate(request, 0))


@every_oracle
def test_no_question_no_answer(oracles, name):
    oracle = oracles[name]
    for source in oracle.sources:
        answers = oracle.evaluate(asked(oracle, 0, source=source), 0)
        assert all(len(getattr(answers, column)) == 0 for column in COLUMNS)
        assert answers.objectives.shape == (0, len(oracle.objectives))


@every_oracle
def test_what_is_told_holds_no_held_out_figure_and_no_row(oracles, name):
    oracle = oracles[name]
    answers = oracle.evaluate(asked(oracle), 0)
    for part, n in ((slice(None), 200), (slice(3, 5), 2), (np.array([7, 1]), 2)):
        told = answers.told(part, pending=4)
        assert told.held_out is None
        assert told.rows is None
        assert told.pending == 4
        assert len(told.codes) == len(told.objectives) == n
    secrets = answers.held_out[~np.isin(answers.held_out, answers.objectives)]
    told = answers.told()
    shown = [np.ravel(getattr(told, f.name)) for f in fields(told) if isinstance(getattr(told, f.name), np.ndarray)]
    assert not np.isin(secrets, np.concatenate([array.astype(float) for array in shown])).any()


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("darts", "written")])
def test_unknown_sources_and_fidelities_are_refused_in_words(oracles, name):
    oracle = oracles[name]
    with pytest.raises(UserError, match="no source 'prxy'"):
        oracle.evaluate(asked(oracle, source="prxy"), 0)
    with pytest.raises(UserError, match="not trained for 50 epochs: choose from 4, 108"):
        oracle.evaluate(asked(oracle, fidelity=50), 0)


def test_a_configuration_that_the_table_lacks_is_refused(a4):
    outside = NASBench101("A1").sample(np.random.default_rng(0), 3)
    inside = A4.sample(np.random.default_rng(0), 3)
    with pytest.raises(UserError, match=r"configuration 3 of the request is not in .*a4\.h5"):
        a4.evaluate(Request(np.concatenate([inside, outside])), 0)
    with pytest.raises(UserError, match="configuration 0"):
        a4.evaluate(Request(np.zeros((1, 26), np.uint8)), 0)


def test_a_configuration_outside_the_space_is_refused_though_the_table_has_it(a4_table):
    codes = A4.enumerate()
    residual = codes[NASBench101("res").valid(codes)]
    oracle = TabularOracle(NASBench101("nres"), a4_table, "cifar10")
    with pytest.raises(UserError, match="configuration 0"):
        oracle.evaluate(Request(residual[:1]), 0)


def test_what_a_table_does_not_hold_is_named(a4_table):
    for options, message in (
        ({"data_set": "svhn"}, "no data set 'svhn', only cifar10"),
        ({"noise": "some"}, "noise is one of mean, repeat, not 'some'"),
        ({"objectives": ("error", "macs")}, "no objective 'macs': choose from train_seconds, parameters"),
        ({"objectives": ("parameters",)}, "error"),
        ({"objectives": ()}, "error"),
        ({"space": NASBench201()}, "is about the space nasbench101, not nasbench201"),
    ):
        given = {"space": A4, "data_set": "cifar10", **options}
        with pytest.raises(UserError, match=message):
            TabularOracle(given.pop("space"), a4_table, given.pop("data_set"), **given)


# Figures


def rows_of(table: Table, codes) -> np.ndarray:
    place = {code.tobytes(): row for row, code in enumerate(table.codes)}
    return np.array([place[code.tobytes()] for code in codes])


@pytest.mark.parametrize("fidelity", [4, 108])
def test_the_mean_is_over_the_repeats_that_there_are(a4, a4_table, fidelity):
    request = asked(a4, fidelity=fidelity)
    answers, rows = a4.evaluate(request, 0), rows_of(a4_table, request.codes)
    repeats = a4_table.array("cifar10/validation")[rows, (4, 108).index(fidelity)]
    assert np.isnan(repeats).any()
    np.testing.assert_allclose(answers.objectives[:, 0], np.nanmean(repeats, axis=1), rtol=1e-14)
    seconds = a4_table.array("cifar10/train_seconds")[rows, (4, 108).index(fidelity)]
    assert answers.seconds.tolist() == seconds.tolist()


def test_validation_is_what_a_search_sees_and_test_what_is_held_out(a4, a4_table):
    request = asked(a4)
    answers, rows = a4.evaluate(request, 0), rows_of(a4_table, request.codes)
    test = a4_table.array("cifar10/test_mean")[rows, 1]
    assert answers.held_out[:, 0].tolist() == test.tolist()
    assert (answers.held_out[:, 0] != answers.objectives[:, 0]).all()
    assert a4.held_out == ("test error",)
    assert a4.optimum == a4_table.array("cifar10/test_mean")[:, 1].min()
    assert a4.optimum_objectives == np.nanmean(a4_table.array("cifar10/validation")[:, 1], axis=1).min()
    short = a4.evaluate(asked(a4, fidelity=4), 0)
    assert short.held_out.tolist() == answers.held_out.tolist()  # always that of the whole training


def test_without_a_test_figure_there_is_none(tmp_path):
    arrays = synthetic.figures(A4)
    del arrays["cifar10/test_mean"]
    oracle = TabularOracle(A4, synthetic.write(tmp_path / "t.h5", A4, arrays), "cifar10")
    assert oracle.held_out == ()
    assert oracle.optimum.shape == (0,)
    assert oracle.evaluate(asked(oracle), 0).held_out.shape == (200, 0)


def test_further_objectives_are_the_tables(oracles, nb201_table):
    oracle = oracles["nasbench201"]
    request = asked(oracle)
    answers, rows = oracle.evaluate(request, 0), rows_of(nb201_table, request.codes)
    assert answers.objectives[:, 1].tolist() == NASBench201().parameters(request.codes).tolist()
    assert answers.objectives[:, 2].tolist() == nb201_table.array("cifar10/train_seconds")[rows, 1].tolist()
    assert oracle.optimum_objectives[1] == 73_306


# Noise


def test_a_measured_repeat_is_one_of_the_repeats_each_equally_often(oracles, a4_table):
    oracle = oracles["measured-repeat"]
    codes = oracle.space.enumerate()[:500]
    repeats = a4_table.array("cifar10/validation")[rows_of(a4_table, codes), 1]
    picks = np.zeros((500, 3))
    for run in range(600):
        error = oracle.evaluate(Request(codes), run).objectives
        hit = repeats == error
        assert hit.any(axis=1).all()
        picks += hit
    shares = picks / 600
    there = ~np.isnan(repeats)
    assert (picks[~there] == 0).all()
    wanted = there / there.sum(axis=1, keepdims=True)
    assert np.abs(shares - wanted)[there].max() < 5 * np.sqrt(0.25 / 600)


def test_a_surrogates_repeat_is_normal_about_its_mean(oracles, surrogate):
    oracle = oracles["surrogate-repeat"]
    mean = surrogate.array("cifar10/validation_mean")[:, 1]
    spread = surrogate.array("cifar10/validation_spread")[:, 1]
    usual = (mean - 4 * spread > 0) & (spread > 0)  # none of them near the end of the scale
    codes = surrogate.codes[usual]
    errors = oracle.evaluate(Request(codes), 3).objectives[:, 0]
    assert kstest((errors - mean[usual]) / spread[usual], "norm").pvalue > 1e-3
    many = np.array([oracle.evaluate(Request(codes[:50]), run).objectives[:, 0] for run in range(400)])
    standardised = (many - mean[usual][:50]) / spread[usual][:50]
    assert kstest(standardised.ravel(), "norm").pvalue > 1e-3


@pytest.mark.parametrize("name", ["measured-repeat", "surrogate-repeat"])
def test_a_repeat_depends_on_run_fidelity_and_number_and_on_nothing_else(oracles, name):
    oracle = oracles[name]
    request = asked(oracle)
    base = oracle.evaluate(request, 1).objectives
    assert (oracle.evaluate(request, 2).objectives != base).mean() > 0.4
    assert (oracle.evaluate(replace(request, repeat=1), 1).objectives != base).mean() > 0.4
    assert (oracle.evaluate(request, np.full(200, 1, np.uint64)).objectives == base).all()
    assert (oracle.evaluate(replace(request, fidelity=108), 1).objectives == base).all()
    # an equivalent code is the same question: a path's order of nodes is free
    graphs = [oracle.space.graph(code) for code in request.codes]
    again = np.array([oracle.space.code(graph.adjacency, list(graph.operations[1:-1])) for graph in graphs])
    assert (oracle.evaluate(replace(request, codes=again), 1).objectives == base).all()


def test_noise_leaves_seconds_and_held_out_figures_alone(oracles):
    request = asked(oracles["measured-mean"])
    exact, noisy = (oracles[f"measured-{noise}"].evaluate(request, 5) for noise in ("mean", "repeat"))
    assert (exact.objectives != noisy.objectives).any()
    assert exact.seconds.tolist() == noisy.seconds.tolist()
    assert exact.held_out.tolist() == noisy.held_out.tolist()


def test_a_surrogate_without_spread_is_not_asked_for_repeats(tmp_path):
    arrays = synthetic.surrogate_figures(A4)
    del arrays["cifar10/validation_spread"]
    table = synthetic.write(tmp_path / "s.h5", A4, arrays, kind="surrogate")

    def ask():
        oracle = TabularOracle(A4, table, "cifar10", noise="repeat")
        return oracle.evaluate(asked(oracle), 0)

    with pytest.raises(UserError, match="spread"):
        ask()


@pytest.mark.parametrize("noise", ["mean", "repeat"])
def test_a_configuration_without_any_figure_has_failed_and_costs_its_time(noise, tmp_path):
    arrays = synthetic.figures(A4)
    arrays["cifar10/validation"][[3, 5]] = np.nan
    oracle = TabularOracle(A4, synthetic.write(tmp_path / "t.h5", A4, arrays), "cifar10", noise=noise)
    answers = oracle.evaluate(Request(A4.enumerate()[:8]), 0)
    assert np.flatnonzero(answers.failed).tolist() == [3, 5]
    assert np.isnan(answers.objectives[[3, 5]]).all()
    assert (answers.seconds > 0).all()
    assert np.isfinite(oracle.optimum_objectives).all()


# Super-nets


@pytest.fixture(scope="module")
def truth(a4):
    return 1.0 - a4.mean_error(108)


@pytest.mark.parametrize("target", [0.1, 0.4, 0.6, 0.75])
def test_super_nets_have_the_rank_correlation_that_was_asked_for(a4, truth, target):
    exact = synthetic.with_supernets(a4, (target, 0.0))
    found = [spearmanr(truth, exact.proxies(number)).statistic for number in range(5)]
    assert np.abs(np.array(found) - target).max() < 0.03  # scaled on a sample of the space
    assert len({exact.proxies(number).tobytes() for number in range(5)}) == 5


def test_super_nets_scatter_about_the_mean_correlation(a4, truth):
    drawn = synthetic.with_supernets(a4, (0.5, 0.1), supernets=30)
    found = [spearmanr(truth, drawn.proxies(number)).statistic for number in range(30)]
    assert abs(np.mean(found) - 0.5) < 4 * 0.1 / np.sqrt(30)
    assert 0.06 < np.std(found) < 0.15


def test_saturation_makes_the_top_less_informative(a4, truth):
    top = truth >= np.quantile(truth, 0.9)

    def within_the_top(saturation):
        nets = synthetic.with_supernets(a4, (0.6, 0.0), bias=Bias(saturation, "none", 0.0))
        return np.mean([spearmanr(truth[top], nets.proxies(number)[top]).statistic for number in range(5)])

    figures = [within_the_top(saturation) for saturation in (-0.5, 0.5, 4.0)]
    assert figures == sorted(figures)
    assert figures[-1] - figures[0] > 0.1


def test_runs_share_super_nets_by_their_seed(oracles):
    oracle = oracles["proxy"]
    request = asked(oracle, source="proxy")
    answers = [oracle.evaluate(request, seed).objectives.tobytes() for seed in range(12)]
    assert len(set(answers)) == oracle.supernets == 5
    assert [answers.index(answer) for answer in answers] == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]
    each = oracle.evaluate(request, np.arange(200, dtype=np.uint64)).objectives
    apart = [oracle.evaluate(replace(request, codes=request.codes[[i]]), i).objectives[0, 0] for i in range(200)]
    assert each[:, 0].tolist() == apart


def test_super_nets_differ_by_their_seed_and_names(a4):
    one = synthetic.with_supernets(a4).proxies(0)
    assert (synthetic.with_supernets(a4).proxies(0) == one).all()
    assert (synthetic.with_supernets(a4, seed=1).proxies(0) != one).any()
    other = synthetic.with_supernets(a4).variant(("synthetic", "other"), (0.6, 0.03))
    assert (other.proxies(0) != one).any()


def test_trainings_are_answered_as_without_super_nets(oracles):
    request = asked(oracles["measured-repeat"])
    same(oracles["proxy"].evaluate(request, 4), oracles["measured-repeat"].evaluate(request, 4))


def test_a_proxy_costs_its_seconds_and_shows_no_test_figure(oracles):
    oracle = oracles["proxy"]
    request = asked(oracle, source="proxy")
    proxies, trained = oracle.evaluate(request, 0), oracle.evaluate(asked(oracle), 0)
    assert (proxies.seconds == synthetic.PROXY_SECONDS).all()
    assert oracle.sources["proxy"].setup_seconds == synthetic.SETUP_SECONDS
    assert not np.isin(proxies.held_out, trained.held_out).any()
    assert not np.isin(proxies.objectives, trained.objectives).any()
    assert ((proxies.objectives > 0.1) & (proxies.objectives < 0.9)).all()


def test_cells_that_failed_do_not_silence_the_super_net(tmp_path):
    arrays = synthetic.figures(A4)
    arrays["cifar10/validation"][:20] = np.nan
    trained = TabularOracle(A4, synthetic.write(tmp_path / "t.h5", A4, arrays), "cifar10")
    oracle = synthetic.with_supernets(trained, (0.6, 0.0))
    proxies = oracle.proxies(0)
    assert np.isfinite(proxies[20:]).all()
    truth = 1.0 - trained.mean_error(108)[20:]
    assert spearmanr(truth, proxies[20:]).statistic == pytest.approx(0.6, abs=0.03)


def test_another_process_draws_the_same_super_nets_and_noise(a4_table, root):
    code = (
        "import sys, hashlib; from nasbench_sim.tabular import Table;"
        "from tests.contracts.test_oracles import fingerprint; print(fingerprint(Table.open(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(a4_table.path)]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONHASHSEED": "77"}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == fingerprint(a4_table)


def fingerprint(table: Table) -> str:
    """Proxies of two super-nets and two noisy answers, as text."""
    noisy = TabularOracle(A4, table, "cifar10", noise="repeat")
    oracle = synthetic.with_supernets(noisy)
    answers = [oracle.evaluate(asked(oracle, source=source), 6).objectives for source in ("train", "proxy")]
    return " ".join(value.hex() for value in np.concatenate([*answers, oracle.proxies(3)[:100, None]])[:, 0].tolist())
