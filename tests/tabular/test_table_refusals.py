"""A file that is not a whole, unaltered table of this schema is refused in one line that names it."""

from __future__ import annotations

import errno
import os
import shutil

import h5py
import numpy as np
import pytest

from nasbench_sim.errors import UserError
from nasbench_sim.spaces.nasbench201 import NASBench201
from nasbench_sim.tabular import Table, schema, write_table
from nasbench_sim.tabular.table import fingerprint


def refused(path, match, *, verify=False):
    """The message with which the file is refused, at opening or only by ``verify``."""
    with pytest.raises(UserError, match=match) as caught:
        Table.open(path).verify() if verify else Table.open(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


@pytest.fixture
def unchecked(write, monkeypatch, tmp_path):
    """Write the example with other content, its digests right, past every check of the writer."""

    def make(attributes=None, arrays=None):
        path = tmp_path / "forged.h5"
        with monkeypatch.context() as patch:
            patch.setattr(schema, "problem", lambda *_: None)
            patch.setattr(schema, "value_problem", lambda *_: None)
            write(attributes=attributes, arrays=arrays, path=path)
        return path

    return make


def test_missing(tmp_path):
    assert "make or download it again" in refused(tmp_path / "nothing.h5", "no such table")
    refused(tmp_path, "no such table")


@pytest.mark.parametrize("content", [b"", b"x", b"name,error\n1,2\n" * 400])
def test_not_hdf5(tmp_path, content):
    path = tmp_path / "text.h5"
    path.write_bytes(content)
    refused(path, "is not an HDF5 file" if content else "is empty")


def test_hdf5_of_something_else(tmp_path):
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["x"] = [1, 2]
    refused(path, "not a table of nasbench-sim")


def test_truncated(write):
    path = write().path
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    refused(path, "is truncated")
    path.write_bytes(whole[: len(whole) // 2])
    refused(path, "is truncated")


@pytest.mark.parametrize(("version", "remedy"), [(schema.SCHEMA_VERSION + 1, "upgrade nasbench-sim"), (0, "make or")])
def test_other_schema_version(write, version, remedy):
    path = write().path
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = version
    assert remedy in refused(path, f"has table schema {version}, and 1 is read here")


@pytest.mark.parametrize("name", ["licence", "kind", "fingerprint", "fidelities"])
def test_altered_attribute_is_seen_at_opening(write, name):
    path = write().path
    with h5py.File(path, "r+") as file:
        file.attrs[name] = "surrogate"
    refused(path, "was altered")


def test_added_and_removed_content_is_seen_at_opening(write):
    path = write().path
    shutil.copy(path, path.with_suffix(".copy"))
    changes = [
        lambda file: file.attrs.create("remark", "new"),
        lambda file: file.attrs.__delitem__("licence"),
        lambda file: file.__delitem__("cifar10/test_mean"),
        lambda file: file.move("cifar10/test_mean", "cifar100/test_mean"),
        lambda file: file.__setitem__("extra", [1.0]),
        lambda file: file["cifar10/test_mean"].attrs.create("fidelities", [12.0]),
        lambda file: file["codes"].attrs.create("sha256", "0" * 64),
    ]
    for change in changes:
        shutil.copy(path.with_suffix(".copy"), path)
        with h5py.File(path, "r+") as file:
            change(file)
        refused(path, "was altered")


def test_altered_array_is_seen_at_its_first_reading(write):
    path = write().path
    with h5py.File(path, "r+") as file:
        file["cifar10/validation"][3, 1, 0] += 1e-12
    table = Table.open(path)
    table.mean("cifar100", "validation", 12)
    with pytest.raises(UserError, match="array cifar10/validation was altered"):
        table.mean("cifar10", "validation", 200)
    refused(path, "array cifar10/validation was altered", verify=True)


def test_replaced_while_open(write, figures):
    table = write()
    write(arrays={"codes": figures["codes"][::-1]})
    with pytest.raises(UserError, match=r"altered|replaced"):
        table.codes  # noqa: B018
    with pytest.raises(UserError, match="replaced by another table"):
        table.verify()
    other = write()
    few = {name: values[:20] for name, values in figures.items()}
    write(arrays=few)
    with pytest.raises(UserError, match="replaced by another table"):
        other.codes  # noqa: B018


def test_permission(write, monkeypatch):
    path = write().path

    def deny(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(h5py, "File", deny)
    refused(path, "permission denied")


BAD_ATTRIBUTES = [
    ({"kind": "guessed"}, "kind 'guessed' is unknown: one of measured, surrogate, calibrated, recorded"),
    ({"content": "music"}, "content 'music' is unknown: one of benchmark, timing"),
    ({"licence": None}, "attribute licence is missing"),
    ({"split": " "}, "attribute split is ' '"),
    ({"resumes": 1}, "attribute resumes is 1"),
    ({"fidelities": (200.0, 12.0)}, "are not positive and increasing"),
    ({"fidelities": (0.0, 12.0)}, "are not positive and increasing"),
    ({"fidelities": 12}, "attribute fidelities is 12"),
    ({"data_sets": ("cifar10", "cifar10")}, "there twice"),
    ({"data_sets": ("cifar10",)}, "array cifar100/validation_mean is not part of"),
    ({"data_sets": ("cifar10", "cifar100", "svhn")}, "array svhn/validation or svhn/validation_mean is missing"),
    ({"data_sets": ("cifar10", "../x")}, "not a possible name"),
]
N = 40
BAD_ARRAYS = [
    ({"codes": None}, "array codes is missing"),
    ({"codes": np.zeros(N, np.uint8)}, r"array codes is uint8\[40\]"),
    ({"codes": np.zeros((N, 6), np.uint8)}, "rows 0 and 1 hold the same configuration"),
    ({"cifar10/validation": np.zeros((N - 1, 2, 3))}, r"shape \[39, 2, 3\] where \[40, 2, 3\] was expected"),
    ({"cifar10/validation": np.zeros((N, 3, 3))}, r"shape \[40, 3, 3\] where \[40, 2, 3\] was expected"),
    ({"cifar10/validation": np.zeros((N, 2))}, "where"),
    ({"cifar10/validation": np.zeros((N, 2, 3), np.int64)}, "has type int64"),
    ({"cifar10/validation": np.full((N, 2, 3), 91.6)}, "holds figures outside 0 to 1"),
    ({"cifar10/test_mean": np.full((N, 1), -0.1)}, "holds figures outside 0 to 1"),
    ({"cifar10/test_mean": np.zeros((N, 2))}, r"shape \[40, 2\] where \[40, 1\] was expected"),
    ({"cifar10/train_seconds": np.full(N, -1.0)}, "outside 0 to inf"),
    ({"cifar10/train_seconds": np.full(N, np.inf)}, "infinite"),
    ({"cifar10/parameters": np.zeros(N)}, "has type float64"),
    ({"cifar10/validation_mean": np.zeros((N, 2))}, "must not stand beside it"),
    ({"cifar10/accuracy": np.zeros(N)}, "array cifar10/accuracy is not part of a benchmark table"),
    ({"notes": np.zeros(N)}, "array notes is not part of a benchmark table"),
    ({"cifar100/validation_spread": np.zeros((N, 3), np.float32)}, r"where \[40, 2\] or \[40, 1\] was expected"),
    ({"cifar100/validation_mean": None}, "cifar100/validation or cifar100/validation_mean is missing"),
]


@pytest.mark.parametrize(("attributes", "match"), BAD_ATTRIBUTES)
def test_attributes_against_the_schema(write, unchecked, attributes, match):
    path = unchecked(attributes=attributes)
    refused(path, match)
    with pytest.raises(ValueError, match=match):
        write(attributes=attributes)


@pytest.mark.parametrize(("arrays", "match"), BAD_ARRAYS)
def test_arrays_against_the_schema(write, unchecked, arrays, match):
    path = unchecked(arrays=arrays)
    refused(path, match, verify=True)
    with pytest.raises(ValueError, match=match):
        write(arrays=arrays)


def test_a_table_without_rows(write, figures):
    with pytest.raises(ValueError, match=r"array codes is uint8\[0, 6\]"):
        write(arrays={name: values[:0] for name, values in figures.items()})


def test_timing_tables_against_the_schema(timing, tmp_path):
    attributes, arrays = timing
    path = tmp_path / "timing.h5"
    bad = [
        ({"kind": "surrogate"}, "kind 'surrogate'"),
        ({"widths": (16, 32)}, "shape"),
        ({"device": None}, "device is missing"),
        ({"batch_size": 0}, "batch_size is 0"),
    ]
    for changed, match in bad:
        given = {name: value for name, value in {**attributes, **changed}.items() if value is not None}
        with pytest.raises(ValueError, match=match):
            write_table(path, given, arrays)
    with pytest.raises(ValueError, match="backward_seconds is missing"):
        write_table(path, attributes, {name: arrays[name] for name in ("codes", "forward_seconds")})
    with pytest.raises(ValueError, match="array extra is not part of a timing table"):
        write_table(path, attributes, {**arrays, "extra": arrays["forward_seconds"]})
    assert list(tmp_path.iterdir()) == []


def test_another_space_or_other_keys(write):
    space = NASBench201()
    codes = space.enumerate()[:40]
    table = write(arrays={"codes": codes}, keys=space.key(codes))
    with pytest.raises(UserError, match="gives its codes other keys"):
        write(arrays={"codes": codes}, attributes={"keys_sha256": "0" * 64}).index(space)
    elsewhere = write(arrays={"codes": codes}, keys=space.key(codes), attributes={"space": "nasbench101"})
    with pytest.raises(UserError, match="table of another space"):
        elsewhere.index(space)
    with pytest.raises(UserError, match="other keys"):
        table.index(NASBench201(equivalence="function"))


def test_two_rows_with_one_key(write, figures):
    keys = np.arange(80, dtype=np.uint64).reshape(40, 2)
    keys[30] = keys[4]
    with pytest.raises(ValueError, match="rows 4 and 30 hold the same configuration"):
        write(keys=keys)
    with pytest.raises(ValueError, match=r"keys have shape \(39, 2\) for 40 rows"):
        write(keys=keys[:-1])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"storage": {"nothing": {"decimals": 3}}}, "not there: nothing"),
        ({"storage": {"codes": {"colour": 3}}}, "unknown options colour"),
        ({"storage": {"cifar10/test_mean": {"decimals": -1}}}, "decimals is a whole number"),
        ({"storage": {"cifar10/test_mean": {"decimals": 2.5}}}, "decimals is a whole number"),
        ({"attributes": {"schema_version": 7}}, "only schema_version 1 can be written"),
        ({"attributes": {"remark": {"a": 1}}}, "attribute remark"),
        ({"attributes": {"remark": ""}}, "attribute remark: text is empty"),
        ({"attributes": {"remark": float("nan")}}, "attribute remark: nan is not finite"),
        ({"attributes": {"remark": 2**63}}, "attribute remark"),
    ],
)
def test_what_cannot_be_written(write, tmp_path, options, match):
    with pytest.raises(ValueError, match=match):
        write(**options)
    assert list(tmp_path.iterdir()) == []


def test_negative_figures_have_no_decimals(write, figures):
    latency = figures["objectives/latency_fpga"] - 100
    with pytest.raises(ValueError, match="hold figures from 0"):
        write(
            arrays={"objectives/latency_fpga": latency}, storage={"objectives/latency_fpga": {"decimals": 2}}
        )  # fmt: skip


def test_an_interrupted_writing_leaves_the_old_table(write, monkeypatch, tmp_path):
    before = write()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(attributes={"licence": "other"})
    assert [path.name for path in tmp_path.iterdir()] == ["example.h5"]
    assert Table.open(before.path).fingerprint == before.fingerprint


def flips(content: bytes, rng: np.random.Generator, count: int):
    for at in rng.integers(0, len(content), count):
        damaged = bytearray(content)
        damaged[at] ^= 1 << int(rng.integers(8))
        yield f"bit flipped in byte {at}", bytes(damaged)
    for at in rng.integers(0, len(content), count // 4):
        yield f"byte {at} drawn anew", content[:at] + rng.bytes(1) + content[at + 1 :]
    for at in rng.integers(0, len(content), count // 4):
        yield f"cut at {at}", content[:at]
    for at in rng.integers(0, len(content) - 64, count // 8):
        yield f"64 bytes at {at} blanked", content[:at] + bytes(64) + content[at + 64 :]


def test_damage_anywhere_is_refused_or_harmless(write, figures, tmp_path):
    """The law: whatever happens to the file, its contents are the same as before, or they are refused."""
    table = write(storage={"cifar10/validation": {"decimals": 5}})
    expected = {name: table.array(name) for name in table.arrays}
    content = table.path.read_bytes()
    path = tmp_path / "damaged.h5"
    messages = []
    for what, damaged in flips(content, np.random.default_rng(5), 240):
        path.write_bytes(damaged)
        try:
            found = Table.open(path)
            found.verify()
        except UserError as error:
            messages.append(str(error))
        else:
            assert found.attributes == table.attributes, what
            assert found.fingerprint == fingerprint(found.attributes, found.arrays) == table.fingerprint, what
            for name, values in expected.items():
                np.testing.assert_array_equal(found.array(name), values, err_msg=what)
    assert len(messages) > 200
    assert all(str(path) in message and "\n" not in message for message in messages)
