"""Where things lie, and synthetic benchmarks that many tests share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nasbench_sim.errors import UserError
from nasbench_sim.spaces.nasbench101 import NASBench101
from nasbench_sim.spaces.nasbench201 import NASBench201
from nasbench_sim.tabular import Table, find
from nasbench_sim.tabular.oracle import TabularOracle
from tests import synthetic

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def data() -> Callable[[str], Path]:
    """Find a file of published data beside the repository, or skip."""

    def path(name: str) -> Path:
        file = ROOT.parent / "shared" / "data" / name
        if not file.is_file():
            pytest.skip(f"needs the published data {name} in ../shared/data, which is not there")
        return file

    return path


@pytest.fixture(scope="session")
def nasbench101() -> Table:
    """The embedded table, or skip."""
    try:
        return Table.open(find("nasbench101"))
    except UserError as error:
        pytest.skip(f"needs the table of NAS-Bench-101: {error}")


@pytest.fixture(scope="session")
def a4_table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """Synthetic, measured: the 10,467 cells of the sub-space A4."""
    space = NASBench101("A4")
    return synthetic.write(tmp_path_factory.mktemp("a4") / "a4.h5", space, synthetic.figures(space))


@pytest.fixture(scope="session")
def nb201_table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """Synthetic, measured: the 15,625 cells of NAS-Bench-201."""
    space = NASBench201()
    return synthetic.write(tmp_path_factory.mktemp("nb201") / "nb201.h5", space, synthetic.figures(space))


@pytest.fixture(scope="session")
def a4(a4_table: Table) -> TabularOracle:
    """The oracle of ``a4_table`` without noise."""
    return TabularOracle(NASBench101("A4"), a4_table, "cifar10")


@pytest.fixture(scope="session")
def nb201(nb201_table: Table) -> TabularOracle:
    """The oracle of ``nb201_table`` without noise."""
    return TabularOracle(NASBench201(), nb201_table, "cifar10")
