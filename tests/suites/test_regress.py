"""The command: exit statuses, files, and what it refuses to compare."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from nasbench_sim.simulate import simulate
from nasbench_sim.strategies.random_search import RandomSearch
from suites.gate import baseline as stored
from suites.gate.declaration import Gate
from suites.gate.runs import measure
from suites.regress import EMPTY, INCONCLUSIVE, PASS, REGRESSED, UNUSABLE, main
from tests.scripted import written
from tests.suites import gated


def regress(suite: Path, baseline: Path, *more: object) -> int:
    """Run the command in this process."""
    return main([str(suite), "--baseline", str(baseline), "--workers", "1", *map(str, more)])


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Of a baseline of the suite as it is."""
    folder = tmp_path_factory.mktemp("gate")
    assert regress(gated.write(folder), folder / "baseline.txt", "--update-baseline") == PASS
    return (folder / "baseline.txt").read_text().splitlines()


@pytest.fixture
def baseline(lines: list[str], tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    path = tmp_path / "baseline.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def body(lines: list[str]) -> int:
    """Where the runs begin."""
    return next(number for number, line in enumerate(lines) if line.startswith("task\tstrategy\tseed")) + 1


def respell(path: Path, runs: list[str], head: list[str]) -> None:
    """A baseline of these runs, with the digest that goes with them."""
    digest = f"runs\t{len(runs)}\t{stored._digest(runs)}"
    head = [digest if line.startswith("runs\t") else line for line in head]
    path.write_text("\n".join([*head, *runs]) + "\n")


def error_of(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on standard error."""
    text = capsys.readouterr().err
    assert text.startswith("error: ")
    assert text.count("\n") == 1
    return text


def test_the_same_code_passes_exactly(baseline, tmp_path, capsys):
    assert regress(gated.write(tmp_path), baseline) == PASS
    out = capsys.readouterr().out
    assert out.count("unchanged  90") == 4
    assert out.splitlines()[-1] == "pass: every run is the baseline's, step by step"


def test_the_baseline_is_the_same_bytes_from_other_processes(baseline, tmp_path, root, capsys):
    again = tmp_path / "again.txt"
    command = [sys.executable, "-m", "suites.regress", str(gated.write(tmp_path)), "--baseline", str(again)]
    done = subprocess.run(
        [*command, "--update-baseline", "--workers", "2"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == PASS, done.stderr
    assert again.read_bytes() == baseline.read_bytes()


def test_a_strategy_made_worse_is_named_everywhere(baseline, tmp_path, capsys):
    junit, summary = tmp_path / "gate.xml", tmp_path / "gate.md"
    status = regress(
        gated.write(tmp_path, wasted=30), baseline, "--junit", junit, "--markdown", summary, "--github"
    )  # fmt: skip
    assert status == REGRESSED
    out = capsys.readouterr().out
    assert "the source of again has changed since the baseline" in out
    assert "regressed: again on line/one at 40, again on line/three at 40" in out
    assert out.count("::error file=") == 2
    assert "title=regressed%3A again on line/one at 40::again on line/one at 40: regressed after" in out
    suite = ElementTree.parse(junit).getroot().find("testsuite")
    assert suite.attrib["tests"] == "4"
    assert suite.attrib["failures"] == "2"
    failed = [case.attrib["name"] for case in suite if case.find("failure") is not None]
    assert failed == ["again at 40"] * 2
    assert "| line/one | again | 40 | regressed |" in summary.read_text()


def test_other_random_numbers_are_judged_by_statistics_and_pass(baseline, tmp_path, capsys):
    """Draws of another size lead to other configurations, as good as before: A against A."""
    assert regress(gated.write(tmp_path, draw=39), baseline) == PASS
    out = capsys.readouterr().out
    assert out.count("not worse") >= 4
    assert "unchanged " not in out


def test_pairs_are_found_by_seed_and_not_by_row(lines, baseline, tmp_path, capsys):
    start = body(lines)
    runs = lines[start:]
    random.Random(5).shuffle(runs)
    respell(baseline, runs, lines[:start])
    assert regress(gated.write(tmp_path), baseline) == PASS
    assert "every run is the baseline's" in capsys.readouterr().out


def test_what_the_most_seeds_do_not_decide_is_inconclusive(tmp_path, capsys):
    few = {"looks": (20, 21)}
    baseline = tmp_path / "few.txt"
    assert regress(gated.write(tmp_path, **few), baseline, "--update-baseline") == PASS
    junit = tmp_path / "gate.xml"
    assert regress(gated.write(tmp_path, draw=39, **few), baseline, "--github", "--junit", junit) == INCONCLUSIVE
    assert "::warning file=" in capsys.readouterr().out
    assert ElementTree.parse(junit).getroot().find(".//failure").attrib["type"] == "inconclusive"


def test_budgets_are_cells(tmp_path, capsys):
    two = {"budgets": (10, 40)}
    baseline = tmp_path / "two.txt"
    assert regress(gated.write(tmp_path, **two), baseline, "--update-baseline") == PASS
    assert regress(gated.write(tmp_path, wasted=9, **two), baseline) == REGRESSED
    assert "regressed: again on line/one at 10, again on line/three at 10" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"fingerprint": "second"}, "line/one: fingerprint was first and is second now, so nothing is compared"),
        ({"evaluations": 41}, "the budget was 40 evaluations and is 41 evaluations now"),
        ({"looks": (30, 60)}, "the gate's looks was (30, 60, 90) and is (30, 60) now"),
        ({"tasks": ("line/one",)}, "the task line/three was present and is absent now"),
        ({"name": "other"}, "is a baseline of the suite 'line', not of 'other'"),
    ],
)
def test_what_has_changed_is_refused_and_not_compared(changes, complaint, baseline, tmp_path, capsys):
    before = baseline.read_bytes()
    assert regress(gated.write(tmp_path, **changes), baseline) == UNUSABLE
    assert complaint in error_of(capsys)
    assert baseline.read_bytes() == before


def test_another_reading_is_refused(baseline, tmp_path, capsys):
    assert regress(gated.write(tmp_path), baseline, "--set", "reading=two") == UNUSABLE
    assert "the reading reading was one and is two now" in error_of(capsys)


def spoilt(lines: list[str], how: str) -> list[str]:
    """A baseline that something has happened to; the digest does not hide it."""
    start = body(lines)
    head, runs = lines[:start], lines[start:]
    match how:
        case "empty":
            return []
        case "no runs":
            runs = []
        case "another format":
            head = ["nasbench-sim gate baseline 0", *head[1:]]
        case "half a header":
            return head[:4]
        case "no looks":
            head = [line for line in head if not line.startswith("looks")]
        case "missing":
            runs = runs[:7] + runs[8:]
        case "unequal":
            runs = runs[:-3]
        case "duplicate":
            runs = [*runs, runs[0]]
        case "beyond":
            runs = [*runs, runs[0].replace("\t0\t", "\t90\t", 1)]
        case "damaged":
            runs = [runs[0].replace("\t-", "\tx", 1), *runs[1:]]
        case "cut":
            runs = [*runs[:-1], runs[-1][:-5]]
        case "undefined":
            fields = runs[0].split("\t")
            runs = ["\t".join([*fields[:3], "nan", fields[4]]), *runs[1:]]
        case "constant":
            runs = ["\t".join([*fields[:3], "-1.0", fields[4]]) for fields in (run.split("\t") for run in runs)]
        case "mixed":
            return [*head, *runs[:-1], runs[-1][:-4] + "0000"]
    digest = f"runs\t{len(runs)}\t{stored._digest(runs)}"
    return [digest if line.startswith("runs\t") else line for line in head] + runs


@pytest.mark.parametrize(
    ("how", "complaint"),
    [
        ("empty", "is empty: write it with --update-baseline"),
        ("no runs", "holds no runs: write it with --update-baseline"),
        ("another format", "is no baseline of this version"),
        ("half a header", "is damaged: it ends within its header"),
        ("no looks", "is damaged: its header lacks a figure"),
        ("missing", "RS on line/one lacks 1 seeds, the first is 7"),
        ("unequal", "again on line/three lacks 3 seeds, the first is 87"),
        ("duplicate", "RS on line/one has the seed 0 twice"),
        ("beyond", "RS on line/one has the seed 90, beyond the 90 declared"),
        ("damaged", "is not a run"),
        ("cut", "is not a run"),
        ("undefined", "1 runs of RS on line/one at 40 have no regret (NaN)"),
        ("constant", "all runs of RS on line/one at 40 have the same regret, so harm has no scale"),
        ("mixed", "its runs are not those that were written together (edited, or mixed from two versions)"),
    ],
)
def test_a_spoilt_baseline_is_one_clear_line(how, complaint, lines, baseline, tmp_path, capsys):
    baseline.write_text("\n".join(spoilt(lines, how)))
    assert regress(gated.write(tmp_path), baseline) == UNUSABLE
    assert complaint in error_of(capsys)


def test_any_broken_line_is_an_error_and_no_traceback(lines, baseline, tmp_path, capsys):
    """Cut off anywhere, or with any line taken out, it is refused, never compared."""
    suite, rng = gated.write(tmp_path), random.Random(1)
    text = "\n".join(lines) + "\n"
    spoils = [text[: rng.randrange(len(text) - 1)] for _ in range(15)]
    heading = body(lines) - 1
    needed = [n for n, line in enumerate(lines[: heading + 5]) if n != heading and not line.startswith("code\t")]
    spoils += ["\n".join(lines[:n] + lines[n + 1 :]) for n in needed]
    for spoil in spoils:
        baseline.write_text(spoil)
        assert regress(suite, baseline) == UNUSABLE
        error_of(capsys)


def test_no_baseline_says_how_to_get_one(tmp_path, capsys):
    assert regress(gated.write(tmp_path), tmp_path / "none.txt") == UNUSABLE
    assert "write it with --update-baseline" in error_of(capsys)


def test_an_empty_matrix_has_a_status_of_its_own(tmp_path, capsys):
    assert regress(gated.write(tmp_path, tasks=()), tmp_path / "none.txt") == EMPTY
    assert "nothing to judge" in capsys.readouterr().err


def test_other_files_are_not_overwritten(tmp_path, capsys):
    notes = tmp_path / "notes.txt"
    notes.write_text("mine\n")
    assert regress(gated.write(tmp_path), notes, "--update-baseline") == UNUSABLE
    assert "is not overwritten" in error_of(capsys)
    assert notes.read_text() == "mine\n"


def test_an_update_says_how_much_has_changed(baseline, tmp_path, capsys):
    assert regress(gated.write(tmp_path, wasted=3), baseline, "--update-baseline") == PASS
    assert "180 of 360 trajectories differ from the baseline that was there" in capsys.readouterr().out


def test_statuses_differ():
    assert len({PASS, REGRESSED, INCONCLUSIVE, UNUSABLE, EMPTY, 1, 130}) == 7


def test_a_run_without_a_regret_is_never_a_pass(tmp_path, capsys):
    """Each run had its one evaluation; now half of all configurations fail."""
    baseline = tmp_path / "whole.txt"
    assert regress(gated.write(tmp_path, evaluations=1), baseline, "--update-baseline") == PASS
    assert regress(gated.write(tmp_path, evaluations=1, lost=1500), baseline) == REGRESSED
    assert "end without a regret (NaN)" in capsys.readouterr().out


def test_equal_trajectories_with_other_regrets_are_refused(lines, baseline, tmp_path, capsys):
    start = body(lines)
    runs = lines[start:]
    fields = runs[3].split("\t")
    runs[3] = "\t".join([*fields[:3], "-1.25", fields[4]])
    respell(baseline, runs, lines[:start])
    assert regress(gated.write(tmp_path), baseline) == UNUSABLE
    assert "RS on line/one, seed 3: the same trajectory has another regret" in error_of(capsys)


def test_trajectories_are_equal_where_behaviour_is():
    errors = np.linspace(0.1, 0.9, 50)
    task = written(errors, np.ones(50), test=errors).within(evaluations=20)
    other = written(errors + 1e-12, np.ones(50), test=errors).within(evaluations=20)

    def hashes(task, **options):
        def factory(space, streams):
            return RandomSearch(space, streams, **options)

        return [run.trajectory for run in measure(task, factory, "RS", range(8), Gate())]

    assert hashes(task) == hashes(task)
    assert len(set(hashes(task))) == 8
    assert hashes(task) != hashes(other)
    # Two workers whose jobs last equally long: told one by one in the same order.
    assert hashes(task) == hashes(task.within(workers=2))


def test_values_are_the_incumbents_at_each_budget():
    errors = np.linspace(0.1, 0.9, 50)
    test = errors[::-1].copy()
    task = written(errors, np.ones(50), test=test).within(evaluations=20)
    gate = Gate(budgets=(5, 20), floor=1e-3)
    for run in measure(task, RandomSearch, "RS", range(5), gate):
        trace = simulate(task, RandomSearch, run.seed, name="RS")
        expected = np.log(np.maximum(trace.regret([5.0, 20.0]), 1e-3))
        assert run.values == pytest.approx(expected)


def test_help_names_the_statuses_and_loads_no_array(root):
    code = (
        "import sys\nfrom suites.regress import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "assert not {'numpy', 'scipy', 'h5py', 'rich'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "0 pass, 3 regressed, 4 inconclusive, 2 unusable input, 5 nothing to judge" in " ".join(done.stdout.split())
