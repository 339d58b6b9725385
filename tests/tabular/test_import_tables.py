"""The importers, by the command that a user types."""

from __future__ import annotations

import csv
import gzip
import io
import re
from pathlib import Path

import numpy as np
import pytest

from nasbench_sim.spaces.nasbench101 import NASBench101
from nasbench_sim.spaces.nasbench201 import NASBench201
from nasbench_sim.tabular import Table
from nasbench_sim.tabular.__main__ import main
from nasbench_sim.tabular.columns import read_columns
from nasbench_sim.tabular.importers.nasbench201_csv import DATA_SETS, DEVICES

SHARED = Path(__file__).parents[3] / "shared" / "data"

CELLS = [
    "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
    "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_3x3~2|",
    "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
]


def nasbench201() -> list[dict[str, str]]:
    rows = []
    for index, arch in enumerate(CELLS):
        row = {"index": str(index), "arch": arch}
        for at, name in enumerate(DATA_SETS):
            row |= {f"{name}_val_acc_12ep": str(60 + at + index), f"{name}_test_acc_12ep": str(50 + at + index)}
            row |= {f"{name}_val_acc_200ep_run{run}": str(80.5 + at + run) for run in range(3)}
            row |= {f"{name}_train_seconds_200ep": str(1000.25 * (at + 1)), f"{name}_params": str(73306 + index)}
        row["cifar10_test_acc_200ep"] = "91.125"
        row |= {f"latency_{device}": str(number + 0.5) for number, device in enumerate(DEVICES)}
        rows.append(row)
    for name in DATA_SETS:
        rows[1][f"{name}_val_acc_200ep_run2"] = ""
    return rows


def nasbench101() -> list[dict[str, str]]:
    figures = {"val_acc_4ep": "0.25", "val_acc_12ep": "0.5", "val_acc_36ep": "0.75", "val_acc_108ep": "0.9375"}
    seconds = {"train_seconds_108ep": "1768.97", "params": "8555530", "module_hash": "00"}
    cells = [
        ("0100110/0010000/0001001/0000010/0000010/0000001/0000000", "3p331"),
        ("0101/0010/0001/0000", "1p"),
        ("01/00", ""),
    ]
    return [{"adjacency": adjacency, "ops": ops, **figures, **seconds} for adjacency, ops in cells]


ROWS = {"nasbench101": nasbench101, "nasbench201": nasbench201}
WRITTEN = {"nasbench101": "nasbench101_cells.h5", "nasbench201": "nasbench201.h5"}


def as_csv(rows: list[dict[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


@pytest.fixture
def imported(tmp_path, capsys):
    """Run the command on rows or bytes: exit status, what it printed, the folder."""

    def run(name, content, file="source.csv.gz"):
        source = tmp_path / file
        if isinstance(content, list):
            content = gzip.compress(as_csv(content), mtime=0)
        source.write_bytes(content)
        status = main(["import", name, str(source), "-o", str(tmp_path / "tables")])
        printed = capsys.readouterr()
        return status, printed, tmp_path / "tables"

    return run


def test_nasbench201(imported):
    status, printed, folder = imported("nasbench201", nasbench201())
    assert (status, printed.err) == (0, "")
    assert printed.out.startswith(f"wrote {folder / 'nasbench201.h5'}: 3 rows, cifar10, cifar100, imagenet16_120, ")
    assert printed.out.count("\n") == 1
    table = Table.open(folder / "nasbench201.h5")
    table.verify()
    assert (table.kind, table.space, table.data_sets) == ("measured", "nasbench201", DATA_SETS)
    assert table.codes.tolist() == [[4, 2, 1, 2, 1, 1], [3, 0, 0, 1, 0, 3], [0, 0, 0, 0, 0, 0]]
    assert table.mean("cifar100", "validation", 12) == pytest.approx([0.39, 0.38, 0.37])
    assert table.mean("cifar10", "validation", 200) == pytest.approx([0.185, 0.19, 0.185])
    assert np.isnan(table.repeats("cifar10", "validation", 200)).tolist()[1] == [False, False, True]
    assert np.isnan(table.repeats("cifar10", "validation", 12)).sum() == 6
    assert table.mean("cifar10", "test", 12) == pytest.approx([0.5, 0.49, 0.48])
    assert table.mean("cifar10", "test", 200) == pytest.approx([0.08875] * 3)
    assert table.fidelities_of("cifar100", "test").tolist() == [12]
    assert table.train_seconds("cifar100", 200).tolist() == [2000.5] * 3
    assert table.fidelities_of("cifar100", "train_seconds").tolist() == [200]
    assert table.objective("cifar10", "parameters").tolist() == [73306, 73307, 73308]
    assert len(table.objectives("cifar10")) == 28
    assert table.objective("cifar10", "latency_fpga").tolist() == [8.5] * 3
    assert table.unit("cifar10", "latency_fpga") == "ms"
    space = NASBench201()
    assert table.index(space).rows(space.key(table.codes)).tolist() == [0, 1, 2]


def test_nasbench101(imported):
    status, printed, folder = imported("nasbench101", nasbench101())
    assert (status, printed.err) == (0, "")
    assert printed.out.startswith(f"wrote {folder / 'nasbench101_cells.h5'}: 3 rows, cifar10, ")
    table = Table.open(folder / "nasbench101_cells.h5")
    table.verify()
    assert "best of three repeats" in str(table.attributes["description"])
    assert table.fidelities.tolist() == [4, 12, 36, 108]
    assert [table.mean("cifar10", "validation", f)[0] for f in (4, 12, 36, 108)] == [0.75, 0.5, 0.25, 0.0625]
    assert table.fidelities_of("cifar10", "test").tolist() == []
    assert table.train_seconds("cifar10", 108).tolist() == [1768.97] * 3
    graph = NASBench101().graph(table.codes[0])
    rows = ["".join(str(int(edge)) for edge in row) for row in graph.adjacency]
    assert "/".join(rows) == nasbench101()[0]["adjacency"]
    assert table.codes[0, 21:].tolist() == [1, 3, 1, 1, 2]
    four = NASBench101().graph(table.codes[1])
    assert four.adjacency.astype(int).tolist() == [[0, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
    assert NASBench101().graph(table.codes[2]).adjacency.tolist() == [[False, True], [False, False]]


@pytest.mark.parametrize("name", ROWS)
def test_same_source_same_bytes_compressed_or_not(imported, name):
    packed = imported(name, ROWS[name](), "same.csv")[2] / WRITTEN[name]
    first = Table.open(packed)
    plain = imported(name, as_csv(ROWS[name]()), "same.csv")[2] / WRITTEN[name]
    second = Table.open(plain)
    differing = {key for key in first.attributes if first.attributes[key] != second.attributes[key]}
    assert differing == {"source_sha256"}
    assert first.arrays == second.arrays
    before = plain.read_bytes()
    imported(name, as_csv(ROWS[name]()), "same.csv")
    assert plain.read_bytes() == before


def changed(name, row, **fields):
    rows = ROWS[name]()
    rows[row] |= fields
    return rows


def without(name, *fields):
    return [{key: value for key, value in row.items() if key not in fields} for row in ROWS[name]()]


TWICE = {"adjacency": "0101/0010/0001/0000", "ops": "1p"}
MALFORMED = [
    ("nasbench201", without("nasbench201", "arch", "cifar10_params"), "lacks the columns arch, cifar10_params"),
    ("nasbench101", without("nasbench101", "ops"), "lacks the columns ops"),
    ("nasbench101", nasbench201(), "lacks the columns adjacency"),
    ("nasbench201", changed("nasbench201", 1, cifar10_val_acc_12ep="much"), "line 3: .*_12ep = 'much' is not a number"),
    ("nasbench201", changed("nasbench201", 2, cifar100_test_acc_12ep="100.5"), "line 4: .*is not between 0 and 100"),
    ("nasbench201", changed("nasbench201", 2, cifar100_test_acc_12ep="-1"), "line 4: .*is not between 0 and 100"),
    ("nasbench201", changed("nasbench201", 0, cifar10_val_acc_200ep_run0=""), "line 2: .*_run0 = '' is missing"),
    ("nasbench201", changed("nasbench201", 0, cifar10_val_acc_200ep_run1="nan"), "line 2: .*_run1 = 'nan' is not"),
    ("nasbench201", changed("nasbench201", 0, cifar10_params="7.5"), "cifar10_params = '7.5' is not a whole number"),
    ("nasbench201", changed("nasbench201", 0, latency_fpga="inf"), "latency_fpga = 'inf' is not"),
    ("nasbench201", changed("nasbench201", 0, arch=CELLS[0].replace("avg", "max")), "no operation 'max_pool_3x3'"),
    ("nasbench201", changed("nasbench201", 0, arch="|none~0|"), "is no architecture of nasbench201"),
    ("nasbench201", changed("nasbench201", 2, arch=CELLS[0]), "rows 0 and 2 hold the same configuration"),
    ("nasbench101", changed("nasbench101", 1, val_acc_4ep="25"), "line 3: val_acc_4ep = '25' is not between 0 and 1"),
    ("nasbench101", changed("nasbench101", 1, ops="1x"), "line 3: adjacency .* with operations '1x'"),
    ("nasbench101", changed("nasbench101", 1, ops="1"), "line 3: adjacency"),
    ("nasbench101", changed("nasbench101", 1, adjacency="0101/1010/0001/0000"), "line 3: adjacency"),
    ("nasbench101", changed("nasbench101", 1, adjacency="0101/0020/0001/0000"), "line 3: adjacency"),
    ("nasbench101", changed("nasbench101", 1, adjacency="0101/001/0001/0000"), "line 3: adjacency"),
    ("nasbench101", changed("nasbench101", 1, adjacency="0110/0010/0000/0000"), "line 3: not a cell of NAS-Bench-101"),
    ("nasbench101", changed("nasbench101", 0, **TWICE), "rows 0 and 1 hold the same configuration"),
    ("nasbench101", gzip.compress(as_csv(nasbench101()), mtime=0)[:-12], "cannot be read .*; get it again"),
    ("nasbench101", gzip.compress(as_csv(nasbench101()), mtime=0)[:30], "cannot be read .*; get it again"),
    ("nasbench101", b"\x1f\x8b" + b"x" * 80, "cannot be read"),
    ("nasbench101", b"\xff\xfe\xfa", "cannot be read"),
    ("nasbench101", b"", "lacks the columns"),
    ("nasbench101", as_csv(nasbench101()).splitlines()[0] + b"\n", "holds no rows"),
    ("nasbench101", as_csv(nasbench101()) + b"1,2\n", "line 5: 2 fields where the header has 9"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "match"), MALFORMED)
def test_malformed_sources(imported, name, content, match):
    status, printed, folder = imported(name, content)
    assert (status, printed.out) == (2, "")
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("error: ")
    assert "source.csv.gz" in printed.err
    assert re.search(match, printed.err), printed.err
    assert not folder.exists()


def test_a_flipped_bit_in_a_compressed_source_is_noticed(imported):
    packed = bytearray(gzip.compress(as_csv(nasbench101()), mtime=0))
    for at in range(12, len(packed), 7):
        packed[at] ^= 4
        status, printed, folder = imported("nasbench101", bytes(packed))
        assert status == 2, at
        assert printed.err.count("\n") == 1
        assert not folder.exists()
        packed[at] ^= 4


def test_a_bar_on_a_terminal_changes_no_row(tmp_path, monkeypatch):
    monkeypatch.setattr("nasbench_sim.tabular.columns.PROGRESS_AFTER_SECONDS", -1.0)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    source = tmp_path / "many.csv"
    source.write_bytes(b"a,b\n" + b"".join(b"%d,x\n" % row for row in range(5000)))
    assert read_columns(source, ["a"]).text["a"] == [str(row) for row in range(5000)]


def test_wrong_places(tmp_path, capsys):
    assert main(["import", "nasbench201", str(tmp_path / "nothing.csv.gz"), "-o", str(tmp_path)]) == 2
    assert "nothing.csv.gz: no such file" in capsys.readouterr().err
    source = tmp_path / "source.csv"
    source.write_bytes(as_csv(nasbench201()))
    assert main(["import", "nasbench201", str(source), "-o", str(source)]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    with pytest.raises(SystemExit) as left:
        main(["import", "nasbench999", str(source), "-o", str(tmp_path)])
    assert left.value.code == 2


def test_show_and_verify(imported, capsys):
    folder = imported("nasbench201", nasbench201())[2]
    path = str(folder / "nasbench201.h5")
    assert main(["show", path]) == 0
    shown = capsys.readouterr().out
    assert "kind             measured\n" in shown
    assert "cifar10/validation                   3x2x3              float64\n" in shown
    assert Table.open(path).fingerprint in shown
    assert main(["verify", path]) == 0
    assert "all 40 arrays are as written" in capsys.readouterr().out
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[:-100])
    for command in ("show", "verify"):
        assert main([command, path]) == 2
        assert capsys.readouterr().err == f"error: {path} is truncated; make or download it again\n"


def shared(name):
    source = SHARED / name
    return pytest.param(source, marks=pytest.mark.skipif(not source.exists(), reason=f"{source.name} is not here"))


@pytest.mark.parametrize("source", [shared("nasbench201.csv.gz")])
def test_nasbench201_as_published(source, tmp_path, capsys):
    """Best mean validation accuracy, how many repeats there are, and parameters, against the benchmark's own."""
    assert main(["import", "nasbench201", str(source), "-o", str(tmp_path)]) == 0
    table = Table.open(tmp_path / "nasbench201.h5")
    assert len(table) == 15_625
    for name, best in zip(DATA_SETS, (91.607, 73.493, 46.733), strict=True):
        assert round(100 * (1 - np.nanmin(table.mean(name, "validation", 200))), 3) == best
        there = (~np.isnan(table.repeats(name, "validation", 200))).sum(axis=1)
        assert np.bincount(there).tolist() == [0, 0, 7456, 8169]
    space = NASBench201()
    assert (table.index(space).rows(space.key(space.enumerate())) >= 0).all()
    for name in DATA_SETS:
        counted = NASBench201(dataset=name).parameters(table.codes)
        np.testing.assert_array_equal(table.objective(name, "parameters"), counted)


@pytest.mark.parametrize("source", [shared("nasbench101_cells.csv.gz")])
def test_nasbench101_cells_are_read_right(source, tmp_path, capsys):
    """Parameters recomputed from each imported cell equal those of the source."""
    assert main(["import", "nasbench101", str(source), "-o", str(tmp_path)]) == 0
    table = Table.open(tmp_path / "nasbench101_cells.h5")
    assert len(table) == 25_001
    np.testing.assert_array_equal(table.objective("cifar10", "parameters"), NASBench101().parameters(table.codes))
