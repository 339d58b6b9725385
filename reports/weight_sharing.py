"""The parts of a page about weight sharing, for suites that wrote ``evidence/weight_sharing-SPACE.json``."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from reports import figures, wording
from reports.blocks import Block, Cell, Check, Checklist, Figure, Gallery, Section, Table, Text
from reports.comparisons import Compared, clusters, read_first
from reports.one_shot import Clock, at_speed, baselines, clock, methods
from reports.published import Beside
from reports.results import Results, Task
from reports.statistics import design_effect, detectable_effect, mean, spearman, spearman_p

SLOWER, FASTER = 0.5, 2.0
MARKS = {"better": "▲", "worse": "▼", "undecided": "○"}
VARIANTS = {
    "no_ft": "no-ft",
    "bns_ft": "bns-ft",
    "single_k": "single-k",
    "pro_rata": "pro-rata",
    "avg_3": "avg-3",
    "sk_pr": "s-k + p-r",
}
SHOWN = "bns_ft"  # the variant of figures: batch-norm statistics estimated anew for each cell
LOWEST = 0.01  # share of cells left of a scatter's frame


@dataclass(frozen=True)
class Scatter:
    """Cells of a space under its first super-net.

    Attributes:
        truth: accuracies after training, ``float64[n]``.
        proxy: accuracies, ``float64[n]``.
        cluster: which cells the named cluster holds, ``bool[n]``.
        spearman: correlation of the first two.
    """

    truth: npt.NDArray[np.float64]
    proxy: npt.NDArray[np.float64]
    cluster: npt.NDArray[np.bool_]
    spearman: float


def scatter(results: Results, task: Task) -> Scatter | None:
    """The stored scatter of a space; None where there is none.

    Raises:
        UserError: the file is damaged.
    """
    path = results.folder / "evidence" / f"scatter-{task.space}.npz"
    if not path.is_file():
        return None
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as columns:
            truth, proxy = columns["truth"].astype(np.float64), columns["proxy"].astype(np.float64)
            inside = columns["cluster"].astype(bool)
        if not len(truth) == len(proxy) == len(inside) > 1:
            raise ValueError("columns of different lengths")
    except Exception as error:  # zipfile, zlib and numpy each have their own way of saying so
        raise UserError(f"{path} is damaged: delete it and run the suite again, its stored runs are kept") from error
    return Scatter(truth, proxy, inside, spearman(truth, proxy))


def correlations(results: Results, cells: Sequence[Beside]) -> list[Section]:
    """Spearman's correlation between proxy and truth, published and here, for every way to train the super-net."""
    told = {(cell.row, cell.column): cell for cell in cells if cell.compared is None}
    spaces = [(task, results.evidence.get(task.name, {}).get("spearman", {})) for task in results.tasks]
    variants = [name for name in VARIANTS if any(name in figures_of for _, figures_of in spaces)]
    if not variants:
        return []
    rows: list[list[Cell | str]] = []
    for task, found in spaces:
        name = task.space
        beside = [told.get((name, variant)) for variant in variants]
        if told:
            rows.append(
                [f"{task.label}, published", *("–" if one is None else _published_correlation(one) for one in beside)]
            )
        here = [_correlation(found.get(variant, ()), one) for variant, one in zip(variants, beside, strict=True)]
        rows.append([f"{task.label}, here" if told else task.label, *here])
    columns = ["Task", *(VARIANTS[name] for name in variants)]
    kinds = sorted({cell.kind for cell in told.values()})
    tables = sorted({cell.table for cell in told.values()})
    caption = f"Table {', '.join(tables)}. " if tables else ""
    caption += "Spearman’s correlation between proxy and accuracy after training: mean over super-nets ± half-width "
    caption += "of its 95% interval"
    caption += f". The figures here are {wording.listing(kinds).upper()}" if kinds else ""
    flagged = [cell for cell in told.values() if cell.agreement in ("outside", "differs")]
    blocks: list[Block] = [Table(caption, columns, rows)]
    if told:
        partial = [
            f"{cell.row} {VARIANTS.get(cell.column, cell.column)}" for cell in told.values() if cell.entry.get("note")
        ]
        apart = [cell for cell in flagged if cell.agreement == "differs"]
        text = (
            f"{len(told) - len(flagged)} of {len(told)} published means lie inside the interval here, and "
            f"{len(apart)} differ by more than two standard errors of the difference. "
            "The published half-width is that of a mean of five, so the standard deviation between super-nets is "
            "taken as half-width × √5 / 2.776 (published.csv, published_sd). "
        )
        if partial:
            text += f"One published super-net of five did not converge in {wording.listing(partial)}: mean of four. "
        if "calibrated" in kinds:
            text += (
                "These correlations were put into the super-nets’ model, so agreement only says that it was kept to."
            )
        blocks.append(Text(text, "note"))
    return [Section("correlations", "Correlations", "Proxy against truth in figures", blocks)]


def _published_correlation(cell: Beside) -> Cell:
    half = float(cell.entry["published_half_width"])
    return Cell(f"{wording.number(cell.published)} ± {wording.number(half)}", cell.entry.get("note", ""))


def _correlation(values: Sequence[float], cell: Beside | None) -> Cell:
    if not len(values):
        return Cell("–")
    estimate = mean(values)
    low, high = estimate.interval()
    flag = {"differs": "differs", "outside": "outside"}.get(cell.agreement, "") if cell else ""
    return Cell(f"{wording.number(estimate.mean)} ± {wording.number((high - low) / 2)}", flag, "flag" if flag else "")


def clock_section(results: Results, compared: Sequence[Compared]) -> tuple[Section, dict[str, Any]]:
    """What one-shot is worth, and what a slower or faster device would change; also for ``summary.json``."""
    clocks = [clock(results, task) for task in results.tasks]
    blocks: list[Block] = [
        Text(
            "Everything is charged: training the super-net, every proxy evaluation, every training. One-shot is when "
            "the first picked configuration is trained; what the baselines could train by then decides who wins."
        ),
        _worth(results, clocks),
    ]
    known = {(one.task.name, one.comparison): one for one in compared if one.comparison.at == "one-shot"}
    other = {
        (speed, *key): at_speed(results, one.task, one.comparison, speed)
        for key, one in known.items()
        for speed in (SLOWER, FASTER)
    }
    chosen = [comparison for comparison in results.comparisons if comparison.at == "one-shot"]
    rows: list[list[Cell | str]] = []
    turned = []
    for task in results.tasks:
        row: list[Cell | str] = [task.label]
        for comparison in chosen:
            normal = known[task.name, comparison]
            for one in (other[SLOWER, task.name, comparison], normal, other[FASTER, task.name, comparison]):
                word = one.samples.verdict
                none = one.samples.undefined_reference
                note = f"{none} undef." if none else ""
                row.append(Cell(f"{wording.points(one.samples.difference)} {MARKS[word]}", note, word))
            if {other[speed, task.name, comparison].samples.verdict for speed in (SLOWER, FASTER)} != {
                normal.samples.verdict
            }:
                turned.append(f"{task.label} {comparison.reference}−{comparison.method}")
        rows.append(row)
    blocks.append(
        Table(
            "Differences in points had the device been half (×½) or twice (×2) as fast as in these runs; a proxy "
            "evaluation takes as long as before. ▲ better, ▼ worse, ○ undecided; undef.: runs of the baseline that "
            "would have finished nothing by then",
            ["Task", *(("×½", "×1", "×2") * len(chosen))],
            rows,
            [("", 1), *((f"{c.reference} − {c.method}", 3) for c in chosen)],
            wide=True,
        )
    )
    verdicts = len(results.tasks) * len(chosen)
    text = (
        f"Half or double the clock changes none of {verdicts} verdicts."
        if not turned
        else f"Half or double the clock changes {len(turned)} of {verdicts} verdicts: {wording.listing(turned)}."
    )
    blocks.append(Text(text))
    summary = {
        one.task.name: {
            "one_shot_seconds": dict(one.seconds),
            "one_shot_in_trainings": dict(one.trainings),
            "one_shot_in_trainings_implied": one.implied_trainings,
            "baselines_difference": one.baselines.difference if one.baselines else np.nan,
            "baselines_difference_implied": one.implied_baselines / 100,
            "differences_by_device_speed": {
                f"{c.reference}-{c.method} x{speed:g}": other[speed, one.task.name, c].samples.difference
                for c in chosen
                for speed in (SLOWER, FASTER)
            },
        }
        for one in clocks
    }
    return Section("clock", "Clock", "The clock: what one-shot is worth", blocks), summary


def _worth(results: Results, clocks: Sequence[Clock]) -> Table:
    names, two = methods(results), len(baselines(results)) > 1
    with_trainings = any(np.isfinite(one.implied_trainings) for one in clocks)
    with_baselines = any(np.isfinite(one.implied_baselines) for one in clocks)
    columns = ["Task", "super-net", "mean training"]
    columns += [f"one-shot {name}" for name in names] + [f"in trainings, {name}" for name in names]
    columns += ["in trainings, implied"] if with_trainings else []
    if two:
        columns.append(f"{baselines(results)[1]} − {baselines(results)[0]} at one-shot {names[0]}, points")
        columns += ["implied"] if with_baselines else []
    rows: list[list[Cell | str]] = []
    for one in clocks:
        space = results.evidence.get(one.task.name, {})
        row: list[Cell | str] = [one.task.label]
        row += [wording.hours(float(space.get(key, np.nan))) for key in ("setup_seconds", "training_seconds")]
        row += [wording.hours(one.seconds[name]) for name in names]
        row += [wording.number(one.trainings[name], 1) for name in names]
        row += [wording.number(one.implied_trainings, 1)] if with_trainings else []
        if two and one.baselines is not None:
            interval = wording.interval(one.baselines.interval_low, one.baselines.interval_high)
            row.append(Cell(wording.points(one.baselines.difference), interval))
            row += [wording.number(one.implied_baselines, sign=True)] if with_baselines else []
        rows.append(row)
    caption = "One-shot in hours and in mean trainings of the space"
    if two:
        caption += ", and how far the baselines are apart by then (weight sharing cancels: this tests table and clock)"
    if with_trainings or with_baselines:
        caption += "; implied: inferred from the published tables, a rough estimate"
    return Table(caption, columns, rows, wide=True)


def proxies(results: Results, scatters: Mapping[str, Scatter]) -> list[Section]:
    """Proxy against truth, cell by cell."""
    drawings = []
    for task in results.tasks:
        if task.name not in scatters:
            continue
        found, cluster = scatters[task.name], str(results.evidence.get(task.name, {}).get("cluster", ""))
        left = float(np.quantile(found.truth, LOWEST))
        name = f"proxy-{task.space}"
        title = f"{task.label}: Spearman {wording.number(found.spearman)}"
        alt = f"{title}; {len(found.truth):,} cells, proxy against trained accuracy."
        if found.cluster.any() and not found.cluster.all():
            inside, outside = (found.truth[members].mean() for members in (found.cluster, ~found.cluster))
            alt += (
                f" Cells of the cluster “{cluster}” are {100 * found.cluster.mean():.0f}% of all and reach "
                f"{100 * inside:.1f}% on average, the others {100 * outside:.1f}%."
            )
        svg = figures.proxy_scatter(name, title, found.truth, found.proxy, found.cluster, cluster, left)
        drawings.append(Figure(name, svg, alt))
    if not drawings:
        return []
    shown = max(len(found.truth) for found in scatters.values())
    caption = (
        f"Accuracy under the first super-net against accuracy after training, up to {shown:,} cells drawn uniformly, "
        "with both distributions; orange: the named cluster that the model over-evaluates. The worst 1% of cells lie "
        "left of the frame."
    )
    blocks: list[Block] = [Gallery(drawings, caption)]
    told = [
        _cluster_in_words(task.label, scatters[task.name], str(results.evidence.get(task.name, {}).get("cluster", "")))
        for task in results.tasks
        if task.name in scatters
    ]
    text = " ".join(part for part in told if part)
    if text:
        blocks.append(Text(text))
    blocks += _bias(results)
    return [Section("proxies", "Scatter", "Proxy against truth, cell by cell", blocks)]


def _bias(results: Results) -> list[Block]:
    """How the super-nets' model was set for each space."""
    settings = {task.label: results.evidence.get(task.name, {}).get("bias", {}) for task in results.tasks}
    names = list(dict.fromkeys(name for found in settings.values() for name in found))
    if not names:
        return []
    rows = [[label, *(_setting(found.get(name)) for name in names)] for label, found in settings.items()]
    caption = "How the model of the super-nets is set for each space (see Methods for what was calibrated)"
    return [Table(caption, ["Task", *names], rows)]


def _setting(value: object) -> str:
    return wording.number(value) if isinstance(value, float) else "–" if value is None else str(value)


def _cluster_in_words(label: str, found: Scatter, cluster: str) -> str:
    if not found.cluster.any() or found.cluster.all():
        return ""
    inside, rest = found.cluster, ~found.cluster
    best = found.truth >= np.quantile(found.truth, 0.99)
    return (
        f"{label}: cells of the cluster “{cluster}” ({100 * inside.mean():.0f}% of all) score "
        f"{wording.number(100 * (found.proxy[inside].mean() - found.proxy[rest].mean()), 1, True)} points on the proxy "
        f"and {wording.number(100 * (found.truth[inside].mean() - found.truth[rest].mean()), 1, True)} after training "
        f"against the others; {100 * inside[best].mean():.0f}% of the best hundredth are among them."
    )


def sizes(results: Results, cells: Sequence[Beside]) -> list[Section]:
    """Does the correlation fall with the size of the space?"""
    told = {cell.row: cell.published for cell in cells if cell.compared is None and cell.column == SHOWN}
    points = []
    for task in results.tasks:
        space = results.evidence.get(task.name, {})
        values, size = space.get("spearman", {}).get(SHOWN, ()), space.get("size") or task.size
        if len(values) and size:
            points.append((task.label, int(size), float(np.mean(values)), told.get(task.space)))
    if len(points) < 3:
        return []
    count = [size for _, size, _, _ in points]
    here = spearman(count, [value for _, _, value, _ in points])
    legend = f"here: Spearman {wording.number(here)}, p = {wording.number(spearman_p(here, len(points)))}"
    other = ""
    if all(value is not None for *_, value in points):
        theirs = spearman(count, [value for *_, value in points if value is not None])
        other = (
            f"published correlations: Spearman {wording.number(theirs)}, "
            f"p = {wording.number(spearman_p(theirs, len(points)))}"
        )
    stated = {results.evidence[name].get("implied", {}).get("correlation_against_size") for name in results.evidence}
    if len(stated) == 1 and None not in stated:
        other += f" (the source states {wording.number(float(stated.pop()))})" if other else ""
    svg = figures.size_plot("size", points, legend, other or "published correlations")
    drawing = Figure("size", svg, f"Mean {VARIANTS[SHOWN]} correlation against cells in the space. {legend}. {other}")
    caption = (
        f"Mean {VARIANTS[SHOWN]} correlation of a space’s super-nets against its number of cells; {legend}"
        f"{'; ' + other if other else ''}, by the t approximation over {len(points)} spaces: too few to conclude on."
    )
    return [Section("size", "Size", "Do larger spaces correlate less?", [Gallery([drawing], caption)])]


def claims(results: Results, scatters: Mapping[str, Scatter]) -> list[Section]:
    """What a study of few cells, or of cells spread evenly over the proxy, would have claimed."""
    rows = []
    for task in results.tasks:
        found = results.evidence.get(task.name, {}).get("claims")
        if found and task.name in scatters:
            ways = [(_way(one), one["mean"], one["low"], one["high"]) for one in found]
            rows.append((task.label, scatters[task.name].spearman, ways))
    if not rows:
        return []
    wide, high = [], []
    for _, whole, ways in rows:
        wide.append(ways[0][3] - ways[0][2])
        high += [middle - whole for way, middle, *_ in ways if way.startswith("stratified")]
    text = f"With the fewest cells ({rows[0][2][0][0]}), nine of ten studies would have reported figures as far as "
    text += f"{wording.number(float(np.median(wide)))} apart (median of the spaces)"
    if high:
        text += (
            "; choosing cells evenly over the range of the proxy raises the correlation by "
            f"{wording.number(float(np.median(high)))}, because it asks mostly about the easy extremes"
        )
    alt = "; ".join(
        f"{label}: all {wording.number(whole)}, " + ", ".join(f"{way} {wording.number(m)}" for way, m, *_ in ways)
        for label, whole, ways in rows
    )
    drawing = Figure("claims", figures.claims_plot("claims", rows), f"Spearman correlations. {alt}.")
    caption = "Correlations that studies of few cells would have reported under the first super-net. Black: all cells."
    return [
        Section(
            "claims",
            "Samples",
            "What small samples would have claimed",
            [Text(text + "."), Gallery([drawing], caption)],
        )
    ]


def _way(claim: Mapping[str, Any]) -> str:
    return f"{claim['how']}, {claim['cells']} cells"


def practices(results: Results, compared: Sequence[Compared], scatters: Mapping[str, Scatter]) -> Section:
    """The study's five good practices, and how this page keeps them."""
    tasks, spaces = len(results.tasks), [results.evidence.get(task.name, {}) for task in results.tasks]
    nets = max((len(space.get("spearman", {}).get(SHOWN, ())) for space in spaces), default=0)
    modelled = any(task.provenance.get("proxy") for task in results.tasks)
    shown = max((len(found.truth) for found in scatters.values()), default=0)
    charged = [one for space in spaces for one in ("setup_seconds", "proxy_seconds") if space.get(one, 0) > 0]
    checks = [
        Check(
            "Several search spaces",
            "kept" if tasks > 1 else "not kept",
            f"{wording.count(tasks, 'space')}: {wording.listing([task.label for task in results.tasks])}.",
        ),
        Check(
            "Unbiased correlations",
            ("kept within the model" if modelled else "kept") if nets > 1 else "not kept",
            f"1,000 cells drawn uniformly for each of {nets} super-nets a space, and batch-norm "
            "statistics estimated anew for each cell (bns-ft) in all that is searched with."
            + (
                " The super-nets are drawn from a model, so no sampling bias of a training stands behind them."
                * modelled
            ),
        ),
        Check(
            "Correlations visualised",
            "kept" if shown else "not kept",
            f"Up to {shown:,} cells a space are drawn above, with both distributions and the named clusters."
            if shown
            else "No scatter is stored.",
        ),
        Check(
            "All computation charged",
            "kept" if len(charged) == 2 * tasks else "not kept",
            "Super-net training, every proxy evaluation and every training are on the simulated clock, and the page "
            "says what half or double the clock would change.",
        ),
        _power(results, compared),
    ]
    text = "The study asks five things of whoever evaluates weight sharing. This page holds itself to them."
    return Section("practices", "Practices", "Five good practices", [Text(text), Checklist(checks)])


def _power(results: Results, compared: Sequence[Compared]) -> Check:
    chosen = [one for one in compared if one.comparison.at == "one-shot"]
    if not chosen:
        return Check("Enough runs", "not kept", "Nothing is compared at one-shot.")
    reference = max(one.samples.n_reference + one.samples.undefined_reference for one in chosen)
    method = max(one.samples.n_method + one.samples.undefined_method for one in chosen)
    if reference + method < 4:
        return Check("Enough runs", "not kept", f"{reference} against {method}: too few to find anything.")
    effect = _up(detectable_effect(reference, method))
    text = (
        f"{method} runs against {reference} find d ≥ {wording.number(effect)} with power 0.8 (two-sided, level 0.05) "
        "if all are independent."
    )
    groups = max((one.samples.clusters_method or 0) for one in chosen)
    ratios = [value for value in _design_effects(results) if np.isfinite(value)]
    if groups > 1:
        text += f" They are not: they are nested in {groups} super-nets"
        if ratios:
            text += (
                ", which changes the variance of their mean by a factor of "
                f"{wording.number(float(np.median(ratios)), 1)} "
                f"(median; {wording.number(min(ratios), 1)} to {wording.number(max(ratios), 1)})"
            )
        text += (
            f" and leaves {groups - 1} degrees of freedom for it. If the runs of one super-net agreed entirely, only "
            f"d ≥ {wording.number(_up(detectable_effect(reference, groups)))} would be found. The intervals allow for "
            "this."
        )
    status = "kept" if effect <= 0.5 else "partly kept"
    return Check("Enough runs", status, text)


def _up(value: float) -> float:
    """Rounded up to two digits, so that what is said of it holds."""
    return float(np.ceil(100 * value) / 100)


def _design_effects(results: Results) -> list[float]:
    found = []
    for name in methods(results):
        for task in results.tasks:
            traces = results.runs[task.name, name]
            groups = clusters(results.strategy(name), traces)
            if groups is not None and len(np.unique(groups)) > 1:
                found.append(design_effect(read_first(traces, "regret"), groups))
    return found
