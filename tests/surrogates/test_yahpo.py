"""The YAHPO surrogate of NAS-Bench-301: in batches it answers what its published graph answers row by row."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Request
from nasbench_sim.spaces.darts import DARTS, OPERATIONS
from surrogates.darts_oracle import DARTSOracle
from surrogates.yahpo import EPOCHS, PREFIX, ROWS, YAHPO

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "yahpo_nb301"
onnxruntime = pytest.importorskip("onnxruntime", reason="the extra yahpo is not installed")
SPACE = DARTS(equivalence="code", channels=32, layers=8)
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the published network is not at hand")


@pytest.fixture(scope="module")
def yahpo():
    return YAHPO.open(DATA)


@pytest.fixture(scope="module")
def published():
    """The graph as it is: one row at a time."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    path = str(DATA / "new_model.onnx")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def sample(n, seed=0):
    return SPACE.sample(np.random.default_rng(seed), n)


def one_by_one(published, categories, epoch):
    epochs = np.full((1, 1), epoch, np.float32)
    return np.concatenate([published.run(None, {"x_cat": row[None], "x_cont": epochs})[0] for row in categories])


@needs_data
@pytest.mark.parametrize("epoch", [98.0, 11.0])
def test_batches_answer_what_the_published_graph_answers_row_by_row(yahpo, published, epoch):
    codes = sample(150)
    error, seconds = yahpo.figures(codes, epoch)
    expected = one_by_one(published, yahpo.categories(codes), epoch).astype(np.float64)
    np.testing.assert_array_equal(error, 1 - expected[:, 0] / 100)
    np.testing.assert_array_equal(seconds, expected[:, 1])


@needs_data
def test_neither_order_nor_company_makes_a_difference(yahpo):
    codes = sample(3 * ROWS + 5)
    whole = yahpo.figures(codes, 98.0)
    order = np.random.default_rng(1).permutation(len(codes))
    for one, other in zip(whole, yahpo.figures(codes[order], 98.0), strict=True):
        np.testing.assert_array_equal(one[order], other)
    for part in (slice(0, 1), slice(7, 40), slice(3, 3)):
        for one, other in zip(whole, yahpo.figures(codes[part], 98.0), strict=True):
            np.testing.assert_array_equal(one[part], other)


@needs_data
def test_codes_become_the_variables_of_its_configuration_space(yahpo):
    """Against the conditions that YAHPO Gym publishes: an edge has an operation where its node takes its input."""
    config_space = json.loads((DATA / "config_space.json").read_text())
    encoding = json.loads((DATA / "encoding.json").read_text())
    names = sorted(encoding)
    for code, row in zip(sample(50), yahpo.categories(sample(50)), strict=True):
        values: dict[str, str] = {}
        for cell, nodes in zip(("normal", "reduce"), code.reshape(2, 4, 2, 2).tolist(), strict=True):
            first = 0
            for node, edges in enumerate(nodes):
                for source, operation in edges:
                    values[f"{PREFIX}edge_{cell}_{first + source}"] = OPERATIONS[operation]
                if node:
                    pair = "_".join(str(source) for source in sorted(source for source, _ in edges))
                    values[f"{PREFIX}inputs_node_{cell}_{node + 2}"] = pair
                first += node + 2
        assert row.tolist() == [encoding[name][values.get(name, "#na#")] for name in names]
        for condition in config_space["conditions"]:
            allowed = condition.get("values") or [condition["value"]]
            assert (condition["child"] in values) == (values[condition["parent"]] in allowed)


@needs_data
def test_longer_trainings_cost_more_and_err_less(yahpo):
    codes = sample(64)
    curves = np.stack([np.stack(yahpo.figures(codes, epoch)) for epoch in EPOCHS[:20] + EPOCHS[20::15]])
    assert (np.diff(curves[:, 0], axis=0) < 0).all()
    assert (np.diff(curves[:, 1], axis=0) > 0).all()


@needs_data
def test_it_is_called_by_its_name_and_never_the_benchmark(yahpo):
    told = DARTSOracle(yahpo).provenance
    assert told["table"] == "YAHPO surrogate of NAS-Bench-301"
    assert "not one of NAS-Bench-301's own" in told["source"]
    assert told["kind"] == "surrogate"
    assert len(told["fingerprint"]) == 64


@needs_data
def test_epochs_that_it_cannot_be_believed_at_are_not_on_offer(yahpo):
    oracle = DARTSOracle(yahpo)
    for fidelity in (3, 99, 10.5):
        with pytest.raises(UserError, match=f"not trained for {fidelity:g} epochs: choose from 4, 5"):
            oracle.evaluate(Request(sample(2), fidelity=fidelity), 0)


@pytest.fixture
def copied(tmp_path):
    folder = tmp_path / "nb301"
    shutil.copytree(DATA, folder)
    for path in folder.iterdir():
        path.chmod(0o644)
    return folder


@needs_data
@pytest.mark.parametrize("name", ["new_model.onnx", "encoding.json"])
def test_missing_and_damaged_files_are_told_in_one_line(copied, name):
    path = copied / name
    whole = path.read_bytes()
    for damaged in (b"", whole[:1000], b"\0" + whole, b"[]", b'{"a": 1}', b"\x80\x04."):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match="download it again") as told:
            YAHPO.open(copied)
        assert "\n" not in str(told.value)
        assert str(path) in str(told.value)
    path.unlink()
    with pytest.raises(UserError, match=f"has no {name}"):
        YAHPO.open(copied)


@needs_data
def test_weights_in_other_files_are_refused(copied):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(copied / "new_model.onnx"))
    tensor = model.graph.initializer[0]
    onnx.external_data_helper.set_external_data(tensor, "../../outside")
    tensor.ClearField("raw_data")
    (copied / "new_model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(UserError, match="weights lie in other files"):
        YAHPO.open(copied)


@needs_data
def test_without_the_extra_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match=r"pip install 'nasbench-sim\[yahpo\]'"):
        YAHPO.open(DATA)
