"""A page of several objectives: judged by hypervolume, fronts against the true one, published tables beside ours."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reports
from nasbench_sim.errors import UserError
from reports import hypervolume, pages, several
from reports.comparisons import compare_all, metric, read_at
from reports.figures import fronts as drawn
from reports.figures.canvas import COLOURS
from reports.published import beside
from reports.quantities import pareto_share
from reports.results import _labels, read
from reports.several.attained import difference, surface
from reports.several.published import compared_orders, entries_of
from reports.several.ranking import on_common_seeds, ranked
from reports.several.steps import above, breakpoints, least_error
from reports.several.study import typical
from reports.statistics import fronts
from reports.true_fronts import Front
from tests.reports.several import BUDGET, FRONT, SEEDS, VOLUME, published, run, suite
from tests.reports.test_accessibility import in_browser

SIZES = {
    "caption": "Made by hand",
    "table": "f" * 64,
    "runs": 30,
    "evaluations": [1, 50, 600],
    "curves": {"toy/one/mmacs": {"2": [0.1, 0.6, 0.68], "7": [0.1, 0.5, 0.68]}},
    "half_widths": {"toy/one/mmacs": {"2": [0.01, 0.01, 0.01], "7": [0.01, 0.01, 0.01]}},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy's output folder with its report; not to be changed."""
    made = suite(tmp_path_factory.mktemp("fronts") / "out", published=published(), start_sizes=SIZES).path
    reports.build(made)
    return made


@pytest.fixture(scope="module")
def html(folder: Path) -> str:
    return (folder / "report.html").read_text("utf-8")


@pytest.fixture(scope="module")
def page(html: str) -> str:
    return re.sub(r"\s+", " ", html)


@pytest.fixture(scope="module")
def summary(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text("utf-8"))
    return found


@pytest.fixture
def undrawn_fronts(monkeypatch: pytest.MonkeyPatch, undrawn: None) -> None:
    from reports.figures import Drawing

    monkeypatch.setattr("reports.figures.fronts.draw", lambda *_: Drawing('<svg viewBox="0 0 1 1"></svg>', b"%PDF"))


KNOWN = Front(("error", "mmacs"), ("", ""), {}, np.ones(2), VOLUME, FRONT, "found")


def test_a_run_is_judged_by_the_hypervolume_that_it_lacks() -> None:
    told = hypervolume.judged(run("toy/one/mmacs", "DMLS", 0), KNOWN)
    assert metric([told]) == "hypervolume_regret"
    assert np.isnan(hypervolume.hypervolume(told, 0))
    # The smallest network alone, then all of the front.
    assert hypervolume.hypervolume(told, 1) == pytest.approx(0.1 * 1.0)
    assert hypervolume.hypervolume(told, 200) == pytest.approx(VOLUME)
    assert read_at([told], 1, "hypervolume_regret") == pytest.approx(VOLUME - 0.1)
    assert read_at([told], np.inf, "hypervolume_regret").tolist() == [0]
    assert (np.diff(told.about["hypervolume"]) >= 0).all()


def test_the_volume_of_the_toys_front_is_known() -> None:
    assert fronts.hypervolume(FRONT, [1, 1]) == pytest.approx(VOLUME)


def test_what_breaks_a_constraint_adds_nothing() -> None:
    one = run("toy/one/mmacs", "DMLS", 0)
    broken = replace(one, violation=np.where(one.evaluation > 100, 1.0, 0.0))
    told = hypervolume.judged(broken)
    inside = one.objectives[one.evaluation <= 100]
    assert hypervolume.hypervolume(told, BUDGET) == pytest.approx(fronts.hypervolume(inside, [1, 1]))


def test_runs_without_a_reference_point_are_judged_by_their_first_objective() -> None:
    one = run("toy/one/mmacs", "DMLS", 0)
    bare = replace(one, about={k: v for k, v in one.about.items() if k not in ("reference", "front_hypervolume")})
    assert hypervolume.judged(bare) is bare
    assert metric([bare]) == "validation_regret"


def test_a_run_made_before_its_front_was_known_is_held_against_it() -> None:
    whole = hypervolume.judged(run("toy/one/mmacs", "DMLS", 0), KNOWN)
    about = {k: v for k, v in whole.about.items() if k not in ("reference", "front_hypervolume", "hypervolume")}
    late = hypervolume.judged(replace(whole, about=about), KNOWN)
    assert (hypervolume.regret(late, [1, 200, BUDGET]) == hypervolume.regret(whole, [1, 200, BUDGET])).all()


def test_a_run_that_found_nothing_lacks_all_of_the_front() -> None:
    one = run("toy/one/mmacs", "DMLS", 0)
    none = replace(one, evaluation=one.evaluation[:0], seconds=one.seconds[:0], codes=one.codes[:0],
                   objectives=one.objectives[:0], held_out=one.held_out[:0])  # fmt: skip
    assert read_at([hypervolume.judged(none, KNOWN)], np.inf, "hypervolume_regret") == pytest.approx(VOLUME)


def test_rounding_makes_no_negative_regret() -> None:
    told = hypervolume.judged(run("toy/one/mmacs", "DMLS", 0))
    nearly = replace(told, about={**told.about, "front_hypervolume": told.about["hypervolume"][-1] - 1e-16})
    assert hypervolume.regret(nearly, BUDGET) == 0


def test_a_suite_that_does_not_ask_for_hypervolume_is_read_as_before(tmp_path: Path) -> None:
    results = read(suite(tmp_path / "out", metric="regret").path)
    assert metric(results.runs["toy/one/mmacs", "DMLS"]) == "validation_regret"


def test_labels_are_the_part_that_differs() -> None:
    assert _labels(["toy/one/mmacs", "toy/two/mmacs"]) == ["one", "two"]
    assert _labels(["nasbench101/A1", "nasbench101/A2"]) == ["A1", "A2"]
    assert _labels(["nasbench101/A1"]) == ["A1"]
    assert _labels(["toy/one/mmacs"]) == ["toy/one/mmacs"]
    assert _labels(["a/x", "b/y"]) == ["a/x", "b/y"]
    assert _labels(["nasbench_macro", "a/x"]) == ["nasbench_macro", "a/x"]


def test_every_published_cell_stands_beside_the_runs_own_mean(folder: Path, page: str) -> None:
    results = read(folder)
    cells = {(one.table, one.row, one.column): one for one in beside(results, compare_all(results))}
    assert len(cells) == 9
    traces = results.runs["toy/one/mmacs", "LS"]
    by_hand = [100 * fronts.hypervolume(t.objectives[t.evaluation <= 100], [1, 1]) for t in traces]
    found = cells["5.1", "LS", "one, 100 evaluations"]
    assert found.here == pytest.approx(np.mean(by_hand))
    assert found.here_sd == pytest.approx(np.std(by_hand, ddof=1))
    shares = {name: cells["5.2", name, "one, 600 evaluations"] for name in ("DMLS", "NSGA-II", "LS")}
    assert [shares[name].here for name in shares] == pytest.approx([100, 100, 68.75])
    assert (shares["DMLS"].agreement, shares["NSGA-II"].agreement) == ("agrees", "differs")
    told = page[page.index('id="published"') : page.index('id="indicators"')]
    assert f"{found.here:.2f} ± {found.here_sd:.2f}" in told
    assert "62.00 ± 0.10" in told
    assert "64.00* ± 0.10" in told  # best in the source
    assert "PREDICTED" in told


def test_the_share_of_the_front_is_counted_point_by_point(folder: Path) -> None:
    traces = read(folder).runs["toy/one/mmacs", "DMLS"]
    assert pareto_share(traces, 1)[0].tolist() == [0.25] * SEEDS
    early = [np.mean([True, 60 + 5 * s <= 85, 80 + 6 * s <= 85, False]) for s in range(SEEDS)]
    assert pareto_share(traces, 85)[0] == pytest.approx(early)


def test_published_orders_are_met_open_or_reversed(folder: Path, page: str, summary: dict[str, Any]) -> None:
    results = read(folder)
    orders = {(o.table, o.column, o.first, o.second): o for o in compared_orders(results, entries_of(results))}
    share = {(o.first, o.second): o for o in orders.values() if o.table == "5.2"}
    assert share["LS", "NSGA-II"].here == "reversed"  # here NSGA-II finds all, LS half or three quarters
    assert share["DMLS", "LS"].here == "met"
    assert share["DMLS", "NSGA-II"].here == "open"  # both find everything
    assert share["DMLS", "NSGA-II"].certain
    counted = summary["published_order"]["5.2"]
    assert (counted["met"], counted["open"], counted["reversed"]) == (1, 1, 1)
    assert "one, 600 evaluations: NSGA-II over LS (Table 5.2)" in page
    assert sum(summary["published_order"]["5.1"][word] for word in ("met", "open", "reversed")) == 6


def test_the_top_says_what_kind_of_table_it_is_before_any_verdict(page: str) -> None:
    top = page[page.index('id="answer"') : page.index('id="growth"')]
    assert "CALIBRATED: one and two." in top
    assert "was not tuned" in top
    assert top.index("CALIBRATED") < top.index("The published order of two methods is met") < top.index("DMLS beats LS")
    assert "points of hypervolume" in top
    assert "per cent of images" not in page


def test_parts_come_in_the_order_of_the_question(html: str) -> None:
    names = re.findall(r'<section id="([^"]+)"', html)
    asked = [
        "answer",
        "growth",
        "ranking",
        "published",
        "indicators",
        "sizes",
        "attained",
        "evidence",
        "matrix",
        "curves",
    ]
    assert [name for name in names if name in asked] == asked
    assert "devices" not in names


def test_without_scripts_nothing_is_missing(html: str, folder: Path) -> None:
    player = html[html.index('<div class="player"') :]
    assert player.startswith('<div class="player" id="growth-player" hidden>')
    bare = re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)
    for task in ("one", "two"):
        assert f'aria-label="{task}: fronts of typical runs' in bare
        assert (folder / "figures" / f"growth-{task}.svg").is_file()
    assert "after 10 evaluations" in bare
    assert "after 600 evaluations" in bare


def test_the_player_holds_the_typical_runs_and_loads_nothing(html: str, folder: Path) -> None:
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", html, re.DOTALL)
    assert len(scripts) == 2
    assert not any("src" in attributes for attributes, _ in scripts)
    assert not re.search(r"fetch\(|import\(|https?://(?!www\.w3\.org/2000/svg)", scripts[1][1])
    data = json.loads(scripts[0][1])
    task = data["tasks"][0]
    assert (task["label"], task["last"], task["unit"]) == ("one", BUDGET, "evaluations")
    assert task["front"] == [[20, 90], [40, 40], [100, 20], [180, 10]]  # ms from 20 to 220, error in per cent, by cost
    run_ = typical(read(folder).runs["toy/one/mmacs", "DMLS"])
    rows = next(one["rows"] for one in task["methods"] if one["name"] == "DMLS")
    assert [row[0] for row in rows] == run_.evaluation.tolist()
    assert [row[3] for row in rows] == pytest.approx(100 * run_.about["hypervolume"], abs=1e-3)
    assert sum(row[5] for row in rows) == 4  # the points of the true front
    gone = {row[0]: row[4] for row in rows}
    assert sum(when >= 0 for when in gone.values()) == 3  # each of the near ones is replaced when its point comes


def test_pages_of_one_objective_have_no_script(made: tuple[Path, reports.Report]) -> None:
    assert "<script" not in made[1].page.read_text("utf-8")


def test_the_typical_run_is_the_median_one(folder: Path) -> None:
    traces = read(folder).runs["toy/one/mmacs", "NSGA-II"]
    ends = sorted(float(trace.about["hypervolume"][-1]) for trace in traces)
    assert typical(traces).about["hypervolume"][-1] == ends[(SEEDS - 1) // 2]


def test_staircases_by_hand(folder: Path) -> None:
    points = np.array([[0.4, 0.1], [0.2, 0.4]])
    assert least_error(points, np.array([0.0, 0.1, 0.39, 0.4, 1.0])).tolist() == [np.inf, 0.4, 0.4, 0.2, 0.2]
    front = read(folder).fronts["toy/one/mmacs"]
    costs = breakpoints(front, [points, np.array([[0.3, 0.3], [0.05, 0.95]])])
    assert costs.tolist() == [0.0, 0.1, 0.3, 0.4, 0.8]  # not beyond the dearest point of the front
    assert above(front, points, costs).tolist() == pytest.approx([np.inf, 0, 0, 0, 10])
    assert front.natural(points)[0].tolist() == pytest.approx([40, 40])
    assert (front.label(0), front.label(1)) == ("validation error, %", "multiply-adds, ms")


def test_attained_surfaces_and_their_difference_by_hand() -> None:
    table = np.array([[0.0, 3.0], [1.0, 2.0], [2.0, 1.0], [np.inf, 0.0]])
    assert surface(table, 0.25).tolist() == [0, 0]
    assert surface(table, 0.5).tolist() == [1, 1]
    assert surface(table, 0.75).tolist() == [2, 2]
    other = np.zeros((4, 2))
    levels = np.array([0.0, 1.5])
    assert difference(table, other, levels).tolist() == [[0.75, 0.75], [0.5, 0.5]]
    assert difference(other, table, levels).tolist() == [[-0.75, -0.75], [-0.5, -0.5]]


def test_ranks_have_intervals_that_seeds_leave(folder: Path, summary: dict[str, Any]) -> None:
    found = ranked(on_common_seeds(read(folder), read(folder).tasks[0]))
    assert found.rank.tolist() == [3, 1.5, 1.5]  # LS, NSGA-II, DMLS: the last two find everything
    assert summary["ranking"]["toy/one/mmacs"]["LS"] == {"rank": 3, "low": 3, "high": 3}
    close = ranked(np.random.default_rng(1).normal(size=(2, 20)))
    assert close.low.tolist() == [1, 1]
    assert close.high.tolist() == [2, 2]


def test_adding_a_method_changes_no_other_ones_figures(folder: Path, tmp_path: Path, summary: dict[str, Any]) -> None:
    made = suite(tmp_path / "out")
    made.manifest["strategies"] = [one for one in made.manifest["strategies"] if one["name"] != "LS"]
    made.manifest["comparisons"] = made.manifest["comparisons"][1:]
    made.manifest["runs"] = [one for one in made.manifest["runs"] if one[1] != "LS"]
    fewer = several.study(read(made.write()))
    for name, value in summary["fronts"]["toy/two/mmacs"]["DMLS"].items():
        assert float(np.mean(fewer.courses["toy/two/mmacs", "DMLS"][name][:, -1])) == value


def test_indicators_are_computed_at_two_hundred_times(folder: Path) -> None:
    found = several.study(read(folder))
    grid = found.grids["toy/one/mmacs"]
    assert len(grid) >= 200
    assert (grid[0], grid[-1]) == (1, BUDGET)
    assert (np.diff(grid) >= 1).all()
    course = found.courses["toy/one/mmacs", "DMLS"]
    assert all(table.shape == (SEEDS, len(grid)) for table in course.values())
    traces = found.results.runs["toy/one/mmacs", "DMLS"]
    assert course["hypervolume"][3] == pytest.approx(hypervolume.hypervolume(traces[3], grid))


def test_sizes_are_told_with_what_seeds_leave_open(page: str) -> None:
    told = page[page.index('id="sizes"') : page.index('id="attained"')]
    assert "after 50 evaluations size 2 has the most and 7 the least, 10.00 apart" in told
    assert "which so many runs do not tell apart" in told
    assert "68.00 <small>± 1.00" in told.replace("68.00<small>", "68.00 <small>")
    assert "another version" not in told
    assert "As Figure 5.5 of the source." in page
    assert "As Figure 5.6 of the source." in page


@pytest.mark.usefixtures("undrawn_fronts")
def test_the_same_runs_give_the_same_bytes(tmp_path: Path) -> None:
    folders = [suite(tmp_path / name, published=published(), start_sizes=SIZES).path for name in ("one", "two")]
    for folder in folders:
        reports.build(folder)
    one, two = ({path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
                for folder in folders)  # fmt: skip
    assert one == two
    reports.build(folders[0])  # and once more, from what is stored
    assert {path: (folders[0] / path).read_bytes() for path in one} == one


def test_a_figure_of_fronts_has_the_same_bytes_twice(folder: Path) -> None:
    study = several.study(read(folder))
    (section,) = several.growth(study)
    figures = [figure for block in section.blocks if block.kind == "gallery" for figure in block.figures]
    for figure in figures:
        assert figure.drawing.svg == (folder / "figures" / f"{figure.name}.svg").read_text("utf-8")
        assert figure.drawing.pdf == (folder / "figures" / f"{figure.name}.pdf").read_bytes()


def leaves(value: Any, path: str = "") -> set[str]:
    """Names of all leaves below names that are anything."""
    if not isinstance(value, dict):
        return {path}
    return set().union(*(leaves(inner, f"{path}.{name}") for name, inner in value.items()))


def test_the_summary_holds_what_the_schema_says_of_these_suites(summary: dict[str, Any]) -> None:
    text = Path(reports.__file__).with_name("summary_schema.md").read_text("utf-8")
    told = set(re.findall(r"^- `((?:ranking|published_order|fronts)[^`]+)` \(", text, re.MULTILINE))
    depth = {"ranking": 2, "published_order": 1, "fronts": 2}
    found = {
        ".".join([part, *["*"] * depth[part], path.rsplit(".", 1)[1]])
        for part in depth
        for path in leaves(summary[part])
    }
    assert found == told
    assert {one["metric"] for one in summary["comparisons"]} == {"hypervolume_regret"}


DEVICES = ("devices/c/titanx_256", "devices/c/pixel3", "devices/c/fpga")


def test_a_rank_that_does_not_depend_on_the_device_is_said_not_to(tmp_path: Path) -> None:
    late = {name: {"NSGA-II": 120, "DMLS": 250, "LS": 10} for name in DEVICES}
    sections, more = several.devices(several.study(read(suite(tmp_path / "out", DEVICES, late).path)))
    assert sections[0].blocks[0].text.startswith("No: on all 3 devices the methods rank alike")
    assert more["devices"]["kendalls_w"] == 1
    assert more["devices"]["pairs_that_turn_round"] == 0
    rows = next(block for block in sections[0].blocks if block.kind == "table").cells
    assert [row[0].note for row in rows] == ["GPU", "phone", "FPGA"]


def test_a_rank_that_turns_round_between_devices_is_named(tmp_path: Path) -> None:
    # One run of DMLS comes too late for its last point, so that NSGA-II alone is first.
    late = {DEVICES[0]: {"DMLS": 5000}, DEVICES[1]: {"LS": 5000, "DMLS": 350}, DEVICES[2]: {"DMLS": 350}}
    sections, more = several.devices(several.study(read(suite(tmp_path / "out", DEVICES, late).path)))
    text = sections[0].blocks[0].text
    assert text.startswith("Yes, the rank depends on the device")
    assert text.endswith("NSGA-II has the highest mean on all of them.")
    assert "LS beats DMLS on titanx_256, and DMLS beats LS on pixel3" in text
    assert more["devices"]["pairs_that_turn_round"] >= 1
    assert more["devices"]["kendalls_w"] < 1


@pytest.mark.usefixtures("undrawn_fronts")
def test_three_objectives_have_all_but_the_flat_pictures(tmp_path: Path) -> None:
    results = read(suite(tmp_path / "out", objectives=3).path)
    made, more = pages.page(results, compare_all(results), [])
    names = [section.name for section in made.sections]
    assert {"ranking", "indicators", "curves"} < set(names)
    assert not {"growth", "attained"} & set(names)
    assert more["fronts"]["toy/one/mmacs"]["DMLS"]["share"] == 1
    assert any("not drawn" in getattr(block, "text", "") for block in made.sections[0].blocks)


@pytest.mark.usefixtures("undrawn_fronts")
def test_a_task_without_a_stored_front_is_left_out_of_its_parts_and_named(tmp_path: Path) -> None:
    made = suite(tmp_path / "out")
    (made.path / "evidence" / "front-toy-two-mmacs.json").unlink()
    results = read(made.path)
    found, more = pages.page(results, compare_all(results), [])
    assert "leave out two" in found.sections[0].blocks[1].text
    assert list(more["fronts"]) == ["toy/one/mmacs"]
    assert {one.metric for one in compare_all(results)} == {"hypervolume_regret"}


@pytest.mark.parametrize("content", ["{", "[]", '{"task": "toy/two/mmacs"}', '{"task": "toy/one/mmacs", "front": []}'])
def test_a_damaged_front_is_one_line(tmp_path: Path, content: str) -> None:
    made = suite(tmp_path / "out")
    (made.path / "evidence" / "front-toy-one-mmacs.json").write_text(content)
    with pytest.raises(UserError, match=r"front-toy-one-mmacs\.json is damaged: delete it and run the suite again"):
        read(made.path)


@pytest.mark.parametrize(
    "change", [{"curves": {"toy/one/mmacs": {"7": [1.0]}}}, {"evaluations": "many"}, {"runs": None}]
)
def test_damaged_sizes_are_one_line(tmp_path: Path, change: dict[str, Any]) -> None:
    results = read(suite(tmp_path / "out", start_sizes={**SIZES, **change}).path)
    with pytest.raises(UserError, match=r"suite\.json is damaged \(start_sizes\)"):
        several.sizes(several.study(results))


def test_strategies_are_told_apart_without_colour() -> None:
    assert len(set(drawn.MARKERS)) == len(COLOURS)
    script = Path(reports.__file__).with_name("player.js").read_text("utf-8")
    assert len(set(re.findall(r"place % 4 === (\d)\)", script))) == 3  # and a fourth shape else
    assert '["", "7 2", "2 2", "7 2 2 2"]' in script  # dashes


@pytest.mark.parametrize("width", [1200, 390])
def test_the_page_passes_with_its_player(html: str, tmp_path: Path, width: int) -> None:
    found = in_browser(html, tmp_path, width)
    assert found["findings"] == []
    assert found["texts"] > 500


PLAYED = """<script>
const player = document.querySelector(".player"), slider = player.querySelector("input[type=range]");
const said = [], say = () => said.push(player.querySelector(".readings").textContent);
slider.value = 0; slider.dispatchEvent(new Event("input")); say();
player.querySelectorAll("input[type=radio]")[1].click(); say();
player.querySelector("input[type=checkbox]").click(); say();
player.querySelector("button").click();
setTimeout(() => {
  say();
  const report = document.createElement("pre");
  report.id = "findings";
  report.textContent = JSON.stringify({ said, button: player.querySelector("button").textContent,
                                        width: window.innerWidth });
  document.body.append(report);
}, 16000);
</script></body>"""


def test_the_player_slides_plays_to_the_end_and_leaves_methods_out(html: str, tmp_path: Path) -> None:
    found = in_browser(html, tmp_path, 800, PLAYED)
    first, second, without, end = found["said"]
    assert first.startswith("one after 1 evaluation. LS: hypervolume 10.00, 1 of 4 points of the true front; NSGA-II")
    assert second.startswith("two after 1 evaluation. LS")
    assert without.startswith("two after 1 evaluation. NSGA-II")
    assert end == (
        "two after 600 evaluations. NSGA-II: hypervolume 69.00, 4 of 4 points of the true front; DMLS: hypervolume "
        "69.00, 4 of 4 points of the true front. The true front: 69.00."
    )
    assert found["button"] == "Play"


def test_methods_that_end_alike_are_not_put_into_an_order(tmp_path: Path) -> None:
    folder = suite(tmp_path / "out", tasks=("toy/one/mmacs",))
    results = read(folder.path)
    same = results.runs["toy/one/mmacs", "LS"]
    alike = replace(results, runs=dict.fromkeys(results.runs, same))
    study = several.study(alike)
    sections, _ = several.ranking(study, compare_all(alike))
    assert "LS, NSGA-II and DMLS end alike." in str(sections)
