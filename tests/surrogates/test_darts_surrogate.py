"""The embedded surrogate of the DARTS space: what it is made of, what it promises, how far it agrees."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest
from scipy.stats import kendalltau

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Request
from nasbench_sim.simulate import simulate_many
from nasbench_sim.spaces.darts import DARTS, edge_operations
from nasbench_sim.strategies.hyperband import Hyperband
from nasbench_sim.strategies.local_search import LocalSearch
from nasbench_sim.strategies.regularized_evolution import RegularizedEvolution
from suites.catalogue import task
from surrogates.darts_climbs import best_of_climbs, climb
from surrogates.darts_distilled import EPOCHS, ITEMS, KIND, WIDTHS, Distilled, find_distilled, items, tree_features
from surrogates.darts_lessons import ORIGINS, lessons, without
from surrogates.darts_oracle import DARTSOracle
from surrogates.leaf_masks import UNIT, LeafMasks, Trees, of_lightgbm
from surrogates.pairwise import fit_pairs

SPACE = DARTS(equivalence="code", channels=32, layers=8)
COLUMNS = ("codes", "keys", "objectives", "constraints", "seconds", "failed", "fidelity", "held_out", "rows")


@pytest.fixture(scope="module")
def model():
    return Distilled.open(find_distilled())


@pytest.fixture(scope="module")
def oracle(model):
    return DARTSOracle(model, held_out="validation")


def sample(n, seed=0):
    return SPACE.sample(np.random.default_rng(seed), n)


@dataclass(frozen=True)
class Slope:
    """A teacher whose error is a plain function of the code."""

    space: DARTS = SPACE
    fidelities: tuple[float, ...] = EPOCHS
    best_known: float = 0.0
    fingerprint: str = "0" * 64

    @property
    def provenance(self):
        told = dict.fromkeys(("licence", "source", "clock", "kind"), "made up")
        return {**told, "table": "a slope", "fingerprint": self.fingerprint}

    def figures(self, codes, fidelity):
        carried = edge_operations(codes).astype(float)
        weights = np.linspace(-1, 1, ITEMS).reshape(carried.shape[1:])
        height = (carried * weights).sum((1, 2, 3)) + carried[:, 0, 0, 3] * carried[:, 1, 1, 4]
        error = 1 / (1 + np.exp(2.5 + height / 40)) * (1 + 2 / fidelity)
        return error, np.exp(1 + height / 20) * fidelity


# Trees, all tests at once


@pytest.mark.parametrize("leaves", [2, 64])
def test_masks_end_in_the_leaves_that_the_library_ends_in(leaves):
    lightgbm = pytest.importorskip("lightgbm")
    rng = np.random.default_rng(0)
    features = np.stack([rng.integers(width, size=3000) for width in (8, 8, 9, 5)], axis=1)
    target = 0.01 * np.sin(features @ [1.0, 2.0, 0.7, 3.0])
    options = {"num_leaves": leaves, "min_data_in_leaf": 5, "num_threads": 1, "verbose": -1, "min_data_per_group": 5}
    data = lightgbm.Dataset(features.astype(np.float32), target, categorical_feature=[0, 1], params={"verbose": -1})
    trees = lightgbm.train(options, data, 40)
    masks = LeafMasks(of_lightgbm(trees.dump_model()), (8, 8, 9, 5))
    asked = np.stack([rng.integers(width, size=500) for width in (8, 8, 9, 5)], axis=1)
    found = masks.predict(asked) * UNIT
    np.testing.assert_allclose(found, trees.predict(asked), atol=40 * UNIT)


def test_a_tree_of_one_leaf_is_a_constant():
    trees = of_lightgbm({"tree_info": [{"tree_structure": {"leaf_value": 3 * UNIT}}] * 2})
    assert LeafMasks(trees, WIDTHS).predict(np.zeros((5, 42), np.int64)).tolist() == [6] * 5
    assert LeafMasks(trees, WIDTHS).predict(np.zeros((0, 42), np.int64)).tolist() == []


def test_trees_that_are_none_are_refused():
    whole = {
        "leaf_counts": np.array([2], np.uint8),
        "features": np.array([0], np.uint8),
        "right": np.array([1], np.uint16),
        "first": np.array([0], np.uint8),
        "past": np.array([1], np.uint8),
        "leaves": np.array([1, 2], np.int16),
    }
    Trees(**whole)
    for name, value in (
        ("leaf_counts", np.array([65], np.uint8)),
        ("leaf_counts", np.array([0], np.uint8)),
        ("leaves", np.array([1], np.int16)),
        ("features", np.array([0, 0], np.uint8)),
        ("past", np.array([0], np.uint8)),
        ("past", np.array([2], np.uint8)),
    ):
        with pytest.raises(ValueError, match=r"leaves|a test"):
            Trees(**{**whole, name: value})
    with pytest.raises(ValueError, match="not there"):
        LeafMasks(Trees(**{**whole, "features": np.array([7], np.uint8)}), (2, 2))


# Sums over pairs


def test_a_sum_over_pairs_is_found_whatever_a_few_outliers_say():
    rng = np.random.default_rng(0)
    there = np.sort(np.argsort(rng.random((4000, 12)), axis=1)[:, :4], axis=1)
    truth = np.triu(rng.normal(size=(12, 12)))
    rows, columns = np.triu_indices(4)
    target = truth[there[:, rows], there[:, columns]].sum(1)
    spoilt = target.copy()
    spoilt[:10] += 100
    weights, constant = fit_pairs(there, 12, spoilt, ridge=1e-6)
    found = weights[there[:, rows], there[:, columns]].sum(1) + constant
    np.testing.assert_allclose(found, target, atol=0.02)
    assert not weights[np.tril_indices(12, -1)].any()


# The embedded model


def test_it_is_small_and_says_what_it_is(model, oracle):
    assert find_distilled().stat().st_size <= 6_000_000
    told = oracle.provenance
    assert told["kind"] == KIND == "surrogate of a surrogate"
    assert told["table"] == "trees distilled from the YAHPO surrogate of NAS-Bench-301"
    assert told["fingerprint"] == model.fingerprint
    card = find_distilled().with_suffix(".md").read_text(encoding="utf-8")
    assert model.fingerprint in card
    assert "surrogate of a surrogate" in card
    assert model.about["learned"] >= 100_000


def test_its_features_are_all_of_a_code(model):
    codes = sample(200)
    carried = edge_operations(codes)
    assert items(carried).shape == (200, 16)
    assert (np.diff(items(carried), axis=1) > 0).all()
    features = tree_features(carried)
    assert (features < np.array(WIDTHS)).all()
    assert (features[:, 28:].sum(1) == 16).all()
    assert len(np.unique(features, axis=0)) == 200


def test_each_row_is_answered_alike_whatever_its_company(model):
    codes = sample(333)
    for epochs in EPOCHS:
        whole = np.stack(model.figures(codes, epochs))
        order = np.random.default_rng(1).permutation(len(codes))
        np.testing.assert_array_equal(np.stack(model.figures(codes[order], epochs)), whole[:, order])
        for part in (slice(0, 1), slice(7, 157), slice(5, 5)):
            np.testing.assert_array_equal(np.stack(model.figures(codes[part], epochs)), whole[:, part])


def test_figures_are_errors_and_seconds(model):
    codes = sample(500)
    curves = np.stack([np.stack(model.figures(codes, epochs)) for epochs in EPOCHS])
    assert (np.diff(curves[:, 0], axis=0) < 0).all()
    assert (np.diff(curves[:, 1], axis=0) > 0).all()
    assert 0.04 < curves[-1, 0].min() < curves[-1, 0].max() < 0.1
    assert 1000 < curves[-1, 1].min() < curves[-1, 1].max() < 20_000


def test_it_agrees_with_its_teacher_on_networks_it_never_saw(model, data):
    pytest.importorskip("onnxruntime", reason="the extra yahpo is not installed")
    from surrogates.yahpo import YAHPO

    teacher = YAHPO.open(data("yahpo_nb301/new_model.onnx").parent)
    codes = sample(3000, seed=12345)
    taught, own = teacher.figures(codes, 98.0), model.figures(codes, 98.0)
    assert kendalltau(taught[0], own[0]).statistic > 0.96
    best = taught[0] <= np.quantile(taught[0], 0.05)
    assert kendalltau(taught[0][best], own[0][best]).statistic > 0.8
    assert np.abs(taught[0] - own[0]).mean() < 0.0005
    np.testing.assert_allclose(own[1], taught[1], rtol=0.1)
    ends, _ = climb(model.space, lambda codes: model.figures(codes, 98.0)[0], codes[:10])
    assert np.abs(teacher.figures(ends, 98.0)[0] - model.figures(ends, 98.0)[0]).max() < 0.001


def test_no_short_search_finds_better_than_the_best_known(model, oracle):
    at = task("nasbench301").within(evaluations=300)
    for strategy in (LocalSearch, RegularizedEvolution):
        for trace in simulate_many(at, strategy, range(3)):
            assert trace.objectives[-1, 0] >= model.best_known
    assert oracle.optimum.tolist() == [model.best_known]


def test_a_file_that_is_no_such_model_is_told_in_one_line(model, tmp_path):
    path = tmp_path / "darts_distilled.npz"
    model.save(path)
    assert path.read_bytes() == find_distilled().read_bytes()
    whole = path.read_bytes()
    with np.load(path) as file:
        arrays = dict(file)
    pickled = np.array([{"a": 1}], object)
    about = json.loads(arrays["about"].tobytes())

    def text(told):
        return np.frombuffer(json.dumps(told).encode(), np.uint8)

    changes = {
        "empty": b"",
        "cut": whole[: len(whole) // 2],
        "text": b"hello",
        "flipped": whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:],
        "edited": {**arrays, "leaves": arrays["leaves"] + np.int16(1)},
        "other trees": {**arrays, "leaf_counts": arrays["leaf_counts"][:-1]},
        "missing": {name: array for name, array in arrays.items() if name != "right"},
        "told otherwise": {**arrays, "about": text({**about, "best_known": 0.01})},
        "no text": {**arrays, "about": np.zeros(3, np.uint8)},
        "a list": {**arrays, "about": text([1])},
    }
    for name, change in changes.items():
        if isinstance(change, bytes):
            path.write_bytes(change)
        else:
            np.savez_compressed(path, **change)
        with pytest.raises(UserError, match="is no distilled model of the DARTS space, or is damaged") as told:
            Distilled.open(path)
        assert "\n" not in str(told.value), name
    with zipfile.ZipFile(path, "w") as file, file.open("about.npy", "w") as entry:
        np.lib.format.write_array(entry, pickled, allow_pickle=True)
    with pytest.raises(UserError, match="or is damaged"):
        Distilled.open(path)
    np.savez_compressed(path, **{**arrays, "about": text({**about, "format": 2})})
    with pytest.raises(UserError, match="has format 2, and 1 is read here"):
        Distilled.open(path)
    with pytest.raises(UserError, match="there is no"):
        Distilled.open(tmp_path / "none.npz")


# The oracle


def asked(n=100, seed=0, **options):
    return Request(sample(n, seed), **options)


def same(one, other, rows=slice(None)):
    for column in COLUMNS:
        np.testing.assert_array_equal(getattr(one, column)[rows], getattr(other, column))


def test_an_oracle_answers_alike_whoever_asks_when_and_with_whom(model):
    request = asked()
    fresh = DARTSOracle(model, held_out="validation").evaluate(request, 0)
    busy = DARTSOracle(model, held_out="validation")
    busy.evaluate(asked(seed=1), 3)
    busy.evaluate(replace(request, fidelity=11), 3)
    busy.evaluate(replace(request, codes=request.codes[:30]), 5)
    same(fresh, busy.evaluate(request, 7))
    same(fresh, busy.evaluate(replace(request, keys=SPACE.key(request.codes)), 7))
    order = np.random.default_rng(0).permutation(100)
    same(fresh, busy.evaluate(replace(request, codes=request.codes[order]), 7), order)
    twice = np.repeat(np.arange(100), 2)
    same(
        fresh,
        DARTSOracle(model, held_out="validation").evaluate(replace(request, codes=request.codes[twice]), 7),
        twice,
    )
    spoilt = busy.evaluate(request, 7)
    for column in ("objectives", "seconds", "held_out", "rows"):
        getattr(spoilt, column)[:] = -1
    same(fresh, busy.evaluate(request, 7))
    nothing = busy.evaluate(replace(request, codes=request.codes[:0]), 7)
    assert nothing.objectives.shape == nothing.held_out.shape == (0, 1)


def test_forgetting_changes_no_answer(model, monkeypatch):
    request = asked()
    expected = DARTSOracle(model).evaluate(request, 0)
    monkeypatch.setattr("surrogates.darts_oracle.MOST_REMEMBERED", 60)
    forgetful = DARTSOracle(model)
    for part in (slice(0, 50), slice(25, 75), slice(0, 100), slice(90, 100)):
        same(expected, forgetful.evaluate(replace(request, codes=request.codes[part]), 0), part)


def test_codes_that_are_the_same_network_to_the_model_are_answered_alike(oracle):
    codes = sample(50)
    exchanged = codes.reshape(-1, 2, 4, 2, 2)[:, :, :, ::-1].reshape(-1, 32)
    np.testing.assert_array_equal(SPACE.key(codes), SPACE.key(exchanged))
    one, other = (oracle.evaluate(Request(part), 0) for part in (codes, exchanged))
    np.testing.assert_array_equal(one.objectives, other.objectives)
    assert (one.rows == other.rows).all()
    assert len(np.unique(one.rows)) == 50


def test_what_a_search_sees_and_what_judges_it(model):
    judged = DARTSOracle(model, held_out="validation")
    answers = judged.evaluate(asked(fidelity=4), 0)
    np.testing.assert_array_equal(answers.held_out[:, 0], model.figures(sample(100), 98.0)[0])
    assert judged.held_out == ("mean validation error",)
    plain = DARTSOracle(model)
    assert plain.held_out == ()
    assert plain.evaluate(asked(), 0).held_out.shape == (100, 0)
    assert plain.optimum.shape == (0,)


def test_what_it_cannot_answer_is_told_in_words(model):
    for options, message in (
        ({"noise": "repeat"}, "knows no noise between trainings"),
        ({"held_out": "tset"}, "held_out is one of test, validation, not 'tset'"),
    ):
        with pytest.raises(UserError, match=message):
            DARTSOracle(model, **options)
    with pytest.raises(UserError, match="two distinct inputs"):
        DARTSOracle(Slope(space=DARTS(inputs="any")))
    oracle = DARTSOracle(model)
    with pytest.raises(UserError, match="no source 'prxy'"):
        oracle.evaluate(asked(source="prxy"), 0)
    with pytest.raises(UserError, match="not trained for 50 epochs: choose from 4, 11, 33, 98"):
        oracle.evaluate(asked(fidelity=50), 0)
    for name, tables, message in (
        ("nasbench301/yahpo", None, "no yahpo_nb301/new_model.onnx in"),
        ("nasbench301/ensemble", None, "no xgb_v1.0 and lgb_runtime_v1.0 in"),
        ("nasbench301/xgb", None, "unknown task 'nasbench301/xgb'"),
    ):
        with pytest.raises(UserError, match=message):
            task(name, tables=tables)


def test_searches_run_on_it_alone_and_in_lockstep(oracle):
    at = task("nasbench301", held_out="validation").within(evaluations=150)
    together = simulate_many(at, LocalSearch, range(3))
    for seed, trace in enumerate(together):
        alone = simulate_many(at, LocalSearch, [seed])[0]
        for column in ("evaluation", "seconds", "codes", "objectives", "held_out"):
            np.testing.assert_array_equal(getattr(alone, column), getattr(trace, column))
        assert trace.validation_regret(trace.seconds[-1:])[-1] >= 0
    halving = partial(Hyperband, fidelities=EPOCHS)
    trace = simulate_many(task("nasbench301").within(seconds=2e6), halving, [0])[0]
    assert trace.about["evaluations"] > 300


def test_asking_needs_numpy_alone():
    code = (
        "import sys, numpy as np\n"
        "from surrogates.darts_distilled import Distilled, find_distilled\n"
        "model = Distilled.open(find_distilled())\n"
        "model.figures(model.space.sample(np.random.default_rng(0), 3), 98.0)\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"lightgbm", "xgboost", "onnx", "onnxruntime", "torch", "sklearn"} & set(found)


# Teaching


@pytest.fixture(scope="module")
def taught():
    return lessons(DARTSOracle(Slope()), (3000, 1, 1, 1, 500), 1, lambda done, what: None)


def test_lessons_are_distinct_networks_with_the_teachers_figures(taught):
    assert len(np.unique(SPACE.key(taught.codes), axis=0)) == len(taught)
    assert SPACE.valid(taught.codes).all()
    assert set(taught.origin.tolist()) == set(range(len(ORIGINS)))
    np.testing.assert_array_equal(taught.error, Slope().figures(taught.codes, 98.0)[0])
    random, good = (taught.error[taught.origin == origin] for origin in (0, 4))
    assert np.median(good) < random.min()
    others = lessons(DARTSOracle(Slope()), (500, 1, 1, 1, 200), 2, lambda done, what: None)
    fresh = without(others, taught, SPACE)
    keys = {tuple(key) for key in SPACE.key(taught.codes).tolist()}
    assert 0 < len(fresh) <= len(others)
    assert not keys & {tuple(key) for key in SPACE.key(fresh.codes).tolist()}


def test_a_taught_model_follows_its_teacher_and_is_the_same_twice(taught, monkeypatch, tmp_path):
    pytest.importorskip("lightgbm")
    from surrogates import darts_teaching

    monkeypatch.setattr(darts_teaching, "ROUNDS", 8)
    monkeypatch.setattr(darts_teaching, "OPTIONS", {**darts_teaching.OPTIONS, "num_threads": 1})
    monkeypatch.setattr(darts_teaching, "CLIMBS", 2)
    for name in ("one.npz", "other.npz"):
        model = darts_teaching.teach(Slope(), lambda done, what: None, taught)
        model.save(tmp_path / name)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "other.npz").read_bytes()
    model = Distilled.open(tmp_path / "one.npz")
    codes = sample(500, seed=99)
    for epochs in EPOCHS:
        expected, found = Slope().figures(codes, epochs), model.figures(codes, epochs)
        assert kendalltau(expected[0], found[0]).statistic > 0.6  # from a fiftieth of what the embedded one learned
        np.testing.assert_allclose(found[1], expected[1], rtol=0.05)
    assert kendalltau(taught.error, model.figures(taught.codes, 98.0)[0]).statistic > 0.9


def test_climbs_end_where_no_neighbour_is_better():
    starts = sample(4)
    seen = []
    ends, values = climb(
        SPACE, lambda codes: Slope().figures(codes, 98.0)[0], starts, seen=lambda codes, found: seen.append(len(codes))
    )
    np.testing.assert_array_equal(starts, sample(4))
    for end, value in zip(ends, values, strict=True):
        assert Slope().figures(SPACE.neighbours(end), 98.0)[0].min() >= value
    code, best = best_of_climbs(SPACE, lambda codes: Slope().figures(codes, 98.0)[0], 4)
    assert best == Slope().figures(code[None], 98.0)[0][0]
    assert sum(seen) > 400
