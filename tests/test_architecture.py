"""Which way knowledge flows, read from the imports themselves, and what starting the project loads."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("nasbench_sim", "surrogates", "reports", "suites", "tests")
MAY_IMPORT = {
    "nasbench_sim": set(),
    "surrogates": {"nasbench_sim"},
    "reports": {"nasbench_sim"},
    "suites": {"nasbench_sim", "surrogates", "reports"},
}
ENGINE_NEEDS = {"numpy", "scipy", "h5py"}
HEAVY = {
    *("torch", "torch_geometric", "xgboost", "lightgbm", "sklearn", "matplotlib", "pandas", "pyarrow"),
    *("optuna", "nevergrad", "syne_tune", "smac", "ConfigSpace", "cmaes", "onnx", "onnxruntime"),
}


def files(room: str) -> list[Path]:
    return sorted(ROOT.joinpath(room).rglob("*.py"))


def imports(path: Path) -> list[tuple[str, bool]]:
    """Every module that a file imports, and whether doing so waits for a function to be called."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = path.relative_to(ROOT).with_suffix("").parts
    found: list[tuple[str, bool]] = []

    def visit(node: ast.AST, later: bool) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            later = True
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            later = True
        if isinstance(node, ast.Import):
            found.extend((alias.name, later) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            found.append((module, later))
            # `from package import module` imports the module as well
            found.extend((f"{module}.{alias.name}", later) for alias in node.names)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            name = node.args[0] if node.args else None
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                found.append((name.value, later))
        for child in ast.iter_child_nodes(node):
            visit(child, later)

    visit(tree, later=False)
    return found


def test_the_reader_of_imports_reads():
    found = imports(ROOT / "suites" / "run.py")
    assert ("argparse", False) in found
    assert ("reports", True) in found
    assert ("suites.work", True) in found


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_arrows_point_one_way(room):
    forbidden = set(ROOMS) - MAY_IMPORT[room] - {room}
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in files(room)
        for module, _ in imports(path)
        if module.partition(".")[0] in forbidden
    ]
    assert not wrong
    assert files(room)


def test_the_engine_needs_numpy_scipy_h5py_and_the_standard_library():
    """Outside ``real``, which trains; what shows progress may load rich, what reads parquet pyarrow, when called."""
    outside = {
        (path.relative_to(ROOT).as_posix(), module.partition(".")[0], later)
        for path in files("nasbench_sim")
        for module, later in imports(path)
        if module.partition(".")[0] not in {*sys.stdlib_module_names, *ENGINE_NEEDS, "nasbench_sim"}
        and "real" not in path.parts
    }
    assert {(name, later) for _, name, later in outside} <= {("rich", True), ("pyarrow", True)}


def test_spaces_and_strategies_know_no_table():
    """A strategy sees no table and no oracle's inside; a space is a set, whoever asks."""
    for folder in ("spaces", "strategies"):
        for path in files(f"nasbench_sim/{folder}"):
            known = {module for module, _ in imports(path) if module.startswith("nasbench_sim.")}
            assert not {module for module in known if module.startswith(("nasbench_sim.tabular", "nasbench_sim.proxy"))}
            assert "h5py" not in {module for module, _ in imports(path)}


def test_tables_hold_no_code():
    assert not list(ROOT.joinpath("tables").rglob("*.py"))


def test_nothing_heavy_is_imported_before_it_is_needed():
    eager = [
        f"{path.relative_to(ROOT)} imports {module}"
        for room in ("nasbench_sim", "suites")
        for path in files(room)
        for module, later in imports(path)
        if module.partition(".")[0] in HEAVY and not later and "real" not in path.parts
    ]
    assert not eager


def loaded(code: str, *arguments: str) -> set[str]:
    """Top-level modules that a fresh process has loaded after running some code."""
    report = "\nimport sys; print('LOADED', *sorted({name.partition('.')[0] for name in sys.modules}))"
    command = [sys.executable, "-c", code + report, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("LOADED")[2].split())


@pytest.mark.parametrize(
    "code",
    [
        "import nasbench_sim",
        "import nasbench_sim.tabular, nasbench_sim.proxy, nasbench_sim.timing",
        "import suites, reports",
        "from suites.run import main; assert main([]) == 0",
    ],
)
def test_importing_and_listing_load_nothing_heavy(code):
    assert not loaded(code) & HEAVY


def test_help_loads_nothing_heavy_and_no_array():
    code = (
        "import runpy, sys\nsys.argv = ['run', '--help']\n"
        "try:\n    runpy.run_module('suites.run', run_name='__main__')\n"
        "except SystemExit as end:\n    assert end.code == 0"
    )
    assert not loaded(code) & (HEAVY | {"numpy", "scipy", "h5py"})


def test_importing_draws_no_random_number_and_adds_no_log_handler():
    code = (
        "import logging, random\n"
        "import numpy\n"
        "before = random.getstate(), numpy.random.get_state()[1].tolist(), logging.getLogger().handlers[:]\n"
        "import nasbench_sim, nasbench_sim.proxy, suites.catalogue\n"
        "assert before == (random.getstate(), numpy.random.get_state()[1].tolist(), logging.getLogger().handlers)"
    )
    loaded(code)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_no_pickle_no_eval(room):
    """Command lines and files are data, never code; suite files are the one exception and are imported."""
    for path in files(room):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {
            node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert not names & {"eval", "exec"}, path
        assert not {module for module, _ in imports(path)} & {"pickle", "dill", "cloudpickle", "joblib"}, path
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert isinstance(node.value, ast.Constant)
                assert node.value.value is False, path
