"""NAS-Bench-301 as its publishers ship it: folders of results, and ensembles of boosted trees."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Request
from nasbench_sim.spaces.darts import CELLS, DARTS, OPERATIONS
from nasbench_sim.tabular.__main__ import main
from nasbench_sim.tabular.importers.nasbench301 import PREFIX, code_of, import_nasbench301
from nasbench_sim.tabular.oracle import TabularOracle
from surrogates.nasbench301 import COLUMNS, ERROR, RUNTIME, NASBench301, inputs_of

SPACE = DARTS()
KNOWN = DARTS(equivalence="code", channels=32, layers=8)
FIXED = {
    "ImageAugmentation:augment": "True",
    "CreateImageDataLoader:batch_size": 96,
    f"{PREFIX}init_channels": 32,
    f"{PREFIX}layers": 8,
    "SimpleLearningrateSchedulerSelector:cosine_annealing:T_max": 100,
}


def config_of(code):
    """A code as the benchmark writes it, from its published rules alone."""
    config = dict(FIXED)
    for cell, nodes in zip(CELLS, np.asarray(code).reshape(2, 4, 2, 2).tolist(), strict=True):
        edge = 0
        for node, edges in enumerate(nodes):
            for source, operation in edges:
                config[f"{PREFIX}edge_{cell}_{edge + source}"] = OPERATIONS[operation]
            if node:
                pair = sorted(source for source, _ in edges)
                config[f"{PREFIX}inputs_node_{cell}_{node + 2}"] = f"{pair[0]}_{pair[1]}"
            edge += node + 2
    return config


def result(code, validation=92.5, test=91.5, seconds=5000.0, epochs=98):
    told = {
        "final_metric_score": -validation,
        "optimized_hyperparamater_config": config_of(code),
        "budget": 98,
        "info": [{"val_accuracy": validation, "model_parameters": 1_500_000, "epochs": 98}],
        "test_accuracy": test,
        "runtime": seconds,
    }
    if epochs:
        curve = np.round(np.linspace(30, validation, epochs), 2).tolist()
        told["learning_curves"] = {"Train/val_accuracy": curve, "Train/train_accuracy": curve}
    return told


def write(folder, results):
    for name, told in results.items():
        path = folder / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(told if isinstance(told, str) else json.dumps(told))
    return folder


@pytest.fixture
def codes():
    return SPACE.sample(np.random.default_rng(0), 6)


def renamed(code):
    """The same network with its first two nodes exchanged, or None where the second takes the first."""
    cell = code.reshape(2, 4, 2, 2).copy()
    if (cell[0, 1, :, 0] == 2).any():
        return None
    cell[0, [0, 1]] = cell[0, [1, 0]]
    later = cell[0, 2:, :, 0]
    cell[0, 2:, :, 0] = np.where(later == 2, 3, np.where(later == 3, 2, later))
    return cell.reshape(-1)


def test_a_configuration_is_read_as_the_network_that_it_names(codes):
    for code in codes:
        np.testing.assert_array_equal(SPACE.key(code_of(config_of(code), "x")[None]), SPACE.key(code[None]))


def test_results_become_a_table(tmp_path, codes):
    folder = write(
        tmp_path / "nb_301_v13",
        {
            "rs/results_0": result(codes[0], 92.5, 91.0, 5000.0),
            "rs/results_1_ti": result(codes[1], 93.25, 92.0, 6000.0),
            "re/results_0": result(codes[2], 94.0, 93.5, 7000.0),
        },
    )
    table = import_nasbench301(folder, tmp_path)
    assert len(table) == 3
    assert table.kind == "measured"
    assert table.fidelities.tolist() == [4, 11, 33, 98]
    np.testing.assert_allclose(np.sort(table.mean("cifar10", "validation", 98)), [0.06, 0.0675, 0.075])
    oracle = TabularOracle(SPACE, table, "cifar10")
    answers = oracle.evaluate(Request(codes[:3]), 0)
    np.testing.assert_allclose(answers.objectives[:, 0], [0.075, 0.0675, 0.06])
    np.testing.assert_allclose(answers.held_out[:, 0], [0.09, 0.08, 0.065])
    np.testing.assert_allclose(answers.seconds, [5000, 6000, 7000])
    curve = table.mean("cifar10", "validation", 4)
    assert (curve > table.mean("cifar10", "validation", 11)).all()
    table.verify()


def test_trainings_of_one_network_are_its_repeats_also_under_other_names_of_nodes(tmp_path):
    codes = SPACE.sample(np.random.default_rng(1), 200)
    code, other = next((code, new) for code in codes if (new := renamed(code)) is not None)
    folder = write(
        tmp_path / "raw",
        {
            "de/results_0": result(code, 92.0),
            "de/results_1": result(other, 93.0),
            "de/results_2": result(codes[-1], 94.0),
        },
    )
    table = import_nasbench301(folder, tmp_path)
    assert len(table) == 2
    np.testing.assert_allclose(table.repeats("cifar10", "validation", 98), [[0.08, 0.07], [0.06, np.nan]])


def test_without_learning_curves_the_last_epoch_is_what_there_is(tmp_path, codes):
    folder = write(tmp_path / "raw", {"rs/results_0": result(codes[0], epochs=0), "rs/results_1": result(codes[1])})
    table = import_nasbench301(folder, tmp_path)
    assert table.fidelities.tolist() == [100]
    np.testing.assert_allclose(table.mean("cifar10", "validation", 100), 0.075)


def changed(told, *path, value=None, drop=False):
    told = json.loads(json.dumps(told))
    place = told
    for step in path[:-1]:
        place = place[step]
    if drop:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return told


CONFIG = "optimized_hyperparamater_config"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: "{", "is no JSON, or cut short"),
        (lambda t: "[" * 100_000, "is no JSON, or cut short"),
        (lambda t: "[]", "is no result of NAS-Bench-301"),
        (lambda t: changed(t, "info", value=[]), "is no result of NAS-Bench-301"),
        (lambda t: changed(t, "runtime", drop=True), "'runtime'.* is missing"),
        (lambda t: changed(t, "runtime", value=-1), "runtime is -1, not a number of seconds"),
        (lambda t: changed(t, "test_accuracy", value=None), "test_accuracy is None, not a number from 0 to 100"),
        (lambda t: changed(t, "info", 0, "val_accuracy", value=101), "val_accuracy is 101"),
        (lambda t: json.dumps(t).replace("91.5", "NaN"), "test_accuracy is nan"),
        (lambda t: changed(t, "learning_curves", "Train/val_accuracy", 3, value="x"), "learning curve is 'x'"),
        (lambda t: changed(t, "info", 0, "model_parameters", value=2.5), "model_parameters is 2.5, not a count"),
        (lambda t: changed(t, CONFIG, f"{PREFIX}edge_normal_0", value="conv_9x9"), "edge_normal_0 is 'conv_9x9'"),
        (lambda t: changed(t, CONFIG, f"{PREFIX}edge_reduce_1", drop=True), "edge_reduce_1 is None"),
        (lambda t: changed(t, CONFIG, f"{PREFIX}inputs_node_normal_4", value="1_0"), "inputs_node_normal_4 is '1_0'"),
        (lambda t: changed(t, CONFIG, f"{PREFIX}inputs_node_normal_4", value=["0_1"]), "is a list, not one of"),
        (
            lambda t: changed(t, CONFIG, f"{PREFIX}layers", value=20),
            "layers are 20, in .* 8: import the two separately",
        ),
    ],
)
def test_a_file_that_is_no_such_result_is_named_in_one_line(tmp_path, codes, change, message):
    folder = write(tmp_path / "raw", {"rs/results_0": result(codes[0]), "rs/results_1": change(result(codes[1]))})
    with pytest.raises(UserError, match=message) as told:
        import_nasbench301(folder, tmp_path)
    assert "\n" not in str(told.value)
    assert "results_1.json" in str(told.value)
    assert not list(tmp_path.glob("*.h5"))


def test_the_command_imports_them(tmp_path, codes, capsys):
    folder = write(tmp_path / "nb_301_v13", {f"rs/results_{n}": result(code) for n, code in enumerate(codes)})
    assert main(["import", "nasbench301", str(folder), "-o", str(tmp_path / "tables")]) == 0
    assert f"wrote {tmp_path / 'tables' / 'nasbench301.h5'}: 6 rows, cifar10" in capsys.readouterr().out
    assert main(["import", "nasbench301", str(tmp_path / "tables"), "-o", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1


def test_folders_without_results_are_told(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        import_nasbench301(tmp_path / "none", tmp_path)
    with pytest.raises(UserError, match="no optimizer/results"):
        import_nasbench301(tmp_path, tmp_path)


# Its own ensembles


@pytest.fixture(scope="module")
def ensembles(tmp_path_factory):
    """Two small ensembles in the folders of the published ones: XGBoost's JSON, LightGBM's text."""
    xgboost, lightgbm = pytest.importorskip("xgboost"), pytest.importorskip("lightgbm")
    place = tmp_path_factory.mktemp("unzipped") / "nb_models"
    codes = KNOWN.sample(np.random.default_rng(0), 400)
    inputs, rng = inputs_of(codes), np.random.default_rng(1)
    for member in range(3):
        target = 94 + inputs[:, 10] / 10 + rng.normal(0, 0.05, len(codes))
        options = {"max_depth": 3, "nthread": 1, "seed": member, "verbosity": 0}
        trees = xgboost.train(options, xgboost.DMatrix(inputs, target), 10)
        save(place / ERROR / str(member), "xgb", json=bytes(trees.save_raw("json")))
        options = {"num_leaves": 7, "num_threads": 1, "verbose": -1, "seed": member}
        trees = lightgbm.train(options, lightgbm.Dataset(inputs, 5000 + 100 * inputs[:, 32]), 10)
        save(place / RUNTIME / str(member), "lgb_time", txt=trees.model_to_string().encode())
    return place


def save(folder, kind, **files):
    folder.mkdir(parents=True)
    (folder / "model_config.json").write_text(json.dumps({"model": kind}))
    for ending, content in files.items():
        (folder / f"surrogate_model.{ending}").write_bytes(content)


@pytest.fixture
def copied(ensembles, tmp_path):
    return Path(shutil.copytree(ensembles, tmp_path / "nb_models"))


def opened(place):
    return NASBench301.open(place / ERROR, place / RUNTIME)


def test_inputs_stand_in_the_order_of_the_published_configuration_space():
    """Positions as in configspace.json of the benchmark's package, which lists them so."""
    short = [name.rpartition(":")[2] for name in COLUMNS]
    assert len(COLUMNS) == 56
    assert short[0] == "batch_size"
    assert short[10:14] == ["edge_normal_0", "edge_normal_1", "edge_reduce_0", "edge_reduce_1"]
    assert short[15:21] == [f"inputs_node_{cell}_{node}" for cell in CELLS for node in (3, 4, 5)]
    assert short[31:37] == ["alpha", *(f"edge_normal_{edge}" for edge in (10, 11, 12, 13, 2))]
    assert short[55] == "edge_reduce_9"


def test_inputs_are_places_in_the_lists_of_choices(codes):
    pairs = {3: "0_1 0_2 1_2", 4: "0_1 0_2 0_3 1_2 1_3 2_3", 5: "0_1 0_2 0_3 0_4 1_2 1_3 1_4 2_3 2_4 3_4"}
    for code, row in zip(codes, inputs_of(codes), strict=True):
        config = config_of(code)
        for name, value in zip(COLUMNS, row.tolist(), strict=True):
            if "edge" in name:
                assert value == (OPERATIONS.index(config[name]) if name in config else -1)
            elif "inputs_node" in name:
                assert value == pairs[int(name[-1])].split().index(config[name])
            else:
                assert value == 0


def test_an_ensemble_answers_the_mean_of_its_members_one_row_at_a_time(ensembles):
    import lightgbm
    import xgboost

    model, codes = opened(ensembles), KNOWN.sample(np.random.default_rng(5), 40)
    error, seconds = model.figures(codes, 98.0)
    for at, row in enumerate(inputs_of(codes)):
        accuracy = [
            xgboost.Booster(model_file=str(path)).predict(xgboost.DMatrix(row[None]))[0]
            for path in sorted((ensembles / ERROR).rglob("*model.json"))
        ]
        runtime = [
            lightgbm.Booster(model_file=str(path)).predict(row[None])[0]
            for path in sorted((ensembles / RUNTIME).rglob("*.txt"))
        ]
        assert error[at] == pytest.approx(1 - np.mean(accuracy, dtype=np.float64) / 100, rel=1e-9)
        assert seconds[at] == pytest.approx(np.mean(runtime), rel=1e-9)
    for part in (slice(0, 1), slice(7, 30), slice(0, 0)):
        np.testing.assert_array_equal(model.figures(codes[part], 98.0)[0], error[part])
        np.testing.assert_array_equal(model.figures(codes[part], 98.0)[1], seconds[part])


def test_an_ensemble_is_a_task(ensembles):
    from suites.catalogue import task

    found = task("nasbench301/ensemble", tables=ensembles.parent, held_out="validation")
    answers = found.oracle.evaluate(Request(KNOWN.sample(np.random.default_rng(0), 5)), 0)
    np.testing.assert_array_equal(answers.held_out, answers.objectives)
    assert (answers.objectives[:, 0] >= found.oracle.optimum).all()
    assert found.oracle.provenance["table"] == "ensembles that NAS-Bench-301 published"


class Booby:
    """What a pickle can do."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


def test_pickles_are_refused_by_name_and_never_opened(copied):
    import pickle

    trace = copied / "opened"
    for protocol in (2, 4):
        path = copied / ERROR / "1" / "surrogate_model.model"
        path.with_suffix(".json").unlink(missing_ok=True)
        path.write_bytes(pickle.dumps(Booby(trace), protocol))
        with pytest.raises(UserError, match=r"1/surrogate_model\.model is a pickle, which can run any code") as told:
            opened(copied)
        assert "save_model('surrogate_model." in str(told.value)
    assert not trace.exists()


def test_a_member_that_was_converted_stands_for_its_pickle(copied):
    expected = opened(copied)
    (copied / ERROR / "0" / "surrogate_model.model").write_bytes(b"\x80\x04.")
    assert opened(copied).fingerprint == expected.fingerprint


def test_members_that_cannot_be_read_are_told_in_one_line(copied):
    codes = KNOWN.sample(np.random.default_rng(0), 2)
    cases = [
        (ERROR, "json", lambda whole: whole[:2000], "holds no XGBoost model"),
        (ERROR, "json", lambda whole: b"hello", "neither XGBoost's JSON nor LightGBM's text"),
        (ERROR, "json", lambda whole: b"", "neither XGBoost's JSON nor LightGBM's text"),
        (RUNTIME, "txt", lambda whole: whole[:300], "holds no LightGBM model"),
    ]
    for folder, ending, change, message in cases:
        path = copied / folder / "2" / f"surrogate_model.{ending}"
        whole = path.read_bytes()
        path.write_bytes(change(whole))
        with pytest.raises(UserError, match=message) as told:
            opened(copied).figures(codes, 98.0)
        assert str(path) in str(told.value)
        assert "\n" not in str(told.value)
        path.write_bytes(whole)


def test_models_of_something_else_are_refused(copied):
    import xgboost

    config = copied / ERROR / "2" / "model_config.json"
    config.write_text('{"model": "gnn_gin"}')
    with pytest.raises(UserError, match="a model of kind 'gnn_gin', where xgb or lgb was expected"):
        opened(copied)
    config.write_text("[")
    with pytest.raises(UserError, match="names no model"):
        opened(copied)
    config.unlink()
    path, rng = config.with_name("surrogate_model.json"), np.random.default_rng(0)
    for inputs, message in (
        (rng.random((50, 7)), "takes 7 inputs where a model of NAS-Bench-301 takes 56"),
        (np.pad(rng.random((50, 1)), ((0, 0), (0, 55))), "asks for CreateImageDataLoader:batch_size"),
    ):
        trees = xgboost.train({"verbosity": 0}, xgboost.DMatrix(inputs, inputs[:, 0]), 3)
        path.write_bytes(bytes(trees.save_raw("json")))
        with pytest.raises(UserError, match=message):
            opened(copied)
    with pytest.raises(UserError, match="no such folder"):
        NASBench301.open(copied / "none", copied / RUNTIME)
