"""The parts of a page that every suite has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from reports import figures, wording
from reports.blocks import Block, Cell, Detail, Figure, Gallery, Items, Section, Table, Text, Verdict, Verdicts
from reports.comparisons import METRICS, Compared, metric, one_shot, regret_curve, time_grid
from reports.published import Beside, verdict
from reports.results import Comparison, Results

KINDS = {
    "measured": "measured: every figure is of a network that was trained.",
    "surrogate": "a SURROGATE: a model predicted the validation and test errors; no network was trained for them.",
    "calibrated": "CALIBRATED: generated so that its statistics meet published ones; no network was trained for it.",
    "recorded": "recorded: figures that others measured and published.",
}
NOISE = {
    "mean": "Every answer is the mean over the table's repeats",
    "repeat": "Every answer is one repeat, drawn for each run",
}
AGREEMENT = {
    "agrees": "agrees",
    "outside": "outside",
    "differs": "differs",
    "unknown": "no interval",
}


def answer(results: Results, compared: Sequence[Compared], cells: Sequence[Beside], subject: str = "") -> Section:
    """The verdict on every task.

    Args:
        results: names of strategies.
        compared: the comparisons that the answer is about.
        cells: published figures.
        subject: what all methods have in common ("weight sharing"), if anything.
    """
    told = {id(cell.compared): verdict(cell.entry) for cell in cells if cell.compared is not None}
    names = {strategy.name: strategy.title for strategy in results.strategies}
    verdicts = []
    for task in dict.fromkeys(one.task.name for one in compared):
        group = [one for one in compared if one.task.name == task]
        size = group[0].task.size
        details = [
            Detail(
                one.samples.verdict,
                wording.detail(one),
                told.get(id(one), ""),
                told.get(id(one), "") not in ("", one.samples.verdict),
            )
            for one in group
        ]
        about = "" if size is None else wording.count(size, "configuration")
        verdicts.append(Verdict(group[0].task.label, about, wording.sentence(group, names, subject), details))
    if not compared:
        text = "The suite makes no comparison; the curves below show what each strategy found."
        return Section("answer", "Answer", "The answer", [Text(text, "lead")])
    legend = "; ".join(f"{name}: {title}" for name, title in names.items())
    blocks: list[Block] = [
        Text(wording.overall(compared), "lead"),
        Text(f"{legend}.", "note"),
        Verdicts(verdicts),
        Text(_how_judged(compared), "note"),
    ]
    return Section("answer", "Answer", "The answer", blocks)


def _how_judged(compared: Sequence[Compared]) -> str:
    metrics = sorted({one.metric for one in compared})
    text = (
        f"Judged by the 95% interval of the difference in {wording.listing([METRICS[name] for name in metrics])}: "
        "better or worse where it excludes zero, undecided where it does not; published figures by their p < 0.05. "
        "One point is one per cent of images. "
    )
    if any(one.samples.clusters_method or one.samples.clusters_reference for one in compared):
        text += (
            "Runs that share something random (a super-net, say: the same seed modulo the cluster size) are dependent; "
            "the interval takes the variance between such clusters, with one degree of freedom fewer than there are "
            "clusters, and Welch’s degrees of freedom for the difference (simulated with five clusters of five normal "
            "values, it covers the truth in 94% to 95% of cases). "
        )
    if "regret" not in metrics:
        text += "The tasks have no held-out figures, so this is what the search itself saw, not a test. "
    return text + "No correction is made for making several comparisons."


def evidence(results: Results, cells: Sequence[Beside]) -> Section:
    """What kind of evidence the page rests on."""
    items: list[tuple[str, str]] = []
    for key, title, texts in (
        ("kind", "Table", {name: f"{{table}} is {text}" for name, text in KINDS.items()}),
        ("noise", "Answers", NOISE),
        ("clock", "Clock", {}),
        ("proxy", "Super-nets", {}),
    ):
        found: dict[str, list[str]] = {}
        for task in results.tasks:
            value = task.provenance.get(key)
            if value is not None:
                text = texts.get(value, value).replace("{table}", task.provenance.get("table", "the table"))
                text = (text if key == "kind" else text[:1].upper() + text[1:]).rstrip(".") + "."
                found.setdefault(text, []).append(task.label)
        items += [(title, text) for text in _shared(found, len(results.tasks))]
    items += _kinds(cells)
    blocks: list[Block] = []
    if any(task.provenance.get("kind") in ("surrogate", "calibrated") for task in results.tasks):
        blocks.append(
            Text(
                "This page is a simulation on modelled figures. It says what the study would find if the models were "
                "right; it is not a measurement.",
                "loud",
            )
        )
    blocks.append(Items(items, loud=True))
    return Section("evidence", "Evidence", "What kind of evidence this is", blocks)


def _kinds(cells: Sequence[Beside]) -> list[tuple[str, str]]:
    """Which published figures were used to set up the simulation, and which were not."""
    titles = {
        "calibrated": ("Calibrated to", "were used to set up what is simulated, so agreement with them proves little."),
        "predicted": ("Predicted", "were not used: agreement with them is a prediction come true."),
        "reproduced": ("Reproduced", "follow from measured figures alone."),
    }
    items = []
    for kind, (title, text) in titles.items():
        tables: dict[str, dict[str, None]] = {}
        for cell in cells:
            if cell.kind == kind:
                tables.setdefault(cell.table, {})[cell.column] = None
        whole = {table: {cell.column for cell in cells if cell.table == table} for table in tables}
        named = [
            f"Table {table}" + ("" if set(columns) == whole[table] else f" ({', '.join(columns)})")
            for table, columns in tables.items()
        ]
        if named:
            items.append((title, f"{wording.listing(named)}: these published figures {text}"))
    return items


def _shared(found: Mapping[str, Sequence[str]], tasks: int) -> list[str]:
    """Texts that hold for all tasks once; what differs only in the task's name is told for the first one."""
    if len(found) == 1:
        return list(found)
    if len(found) == tasks:
        text = next(iter(found))
        others = {other.replace(own[0], "") for other, own in found.items()}
        if len(others) == 1:
            return [f"{text.rstrip('.')}; likewise for the other tasks."]
    return [f"{', '.join(labels)}: {text}" for text, labels in found.items()]


def curves(results: Results, compared: Sequence[Compared]) -> Section:
    """Regret curves of every task."""
    methods = dict.fromkeys(one.method for one in results.comparisons if one.at == "one-shot")
    drawings = []
    quantities = set()
    for task in results.tasks:
        grid = time_grid(results, task)
        dots = _dots([one for one in compared if one.task == task and one.comparison.at == "one-shot"])
        lines = [
            figures.Line(
                strategy.name, place, grid, regret_curve(results, task, strategy, grid), dots.get(strategy.name, ())
            )
            for place, strategy in enumerate(results.strategies)
        ]
        quantity = METRICS[metric(results.runs[task.name, results.strategies[0].name])]
        quantities.add(quantity)
        marks = {name: one_shot(results.runs[task.name, name]) for name in methods}
        marks = {name: seconds for name, seconds in marks.items() if np.isfinite(seconds)}
        name = f"regret-{_slug(task.label)}"
        ends = ", ".join(
            f"{line.name} {wording.points(line.curve.mean[~np.isnan(line.curve.mean)][-1], sign=False)}"
            for line in lines
            if (~np.isnan(line.curve.mean)).any()
        )
        drawings.append(
            Figure(
                name,
                figures.regret_curves(name, task.label, lines, quantity, marks),
                f"{task.label}: mean {quantity} over simulated time, falling for every strategy. At the end: {ends}.",
            )
        )
    caption = (
        f"Mean {wording.listing(sorted(quantities))} of the incumbent in points against simulated hours, both axes "
        "logarithmic; bands are 95% intervals of the mean, with clusters of dependent runs respected. A line starts "
        "when all runs of a strategy have a value and stops when the first of them ends; a mean of zero "
        "has no place on it."
    )
    if methods:
        caption += (
            " Dashed verticals: one-shot, the mean time at which a method has trained its first configuration; "
            "the dots on them are what is compared."
        )
    return Section("curves", "Curves", "Regret over time", [Gallery(drawings, caption)])


def _dots(compared: Sequence[Compared]) -> dict[str, list[tuple[float, float]]]:
    """Where one-shot comparisons read each strategy: of a method its own one-shot, of a reference every one."""
    dots: dict[str, list[tuple[float, float]]] = {}
    for one in compared:
        for name, value in (
            (one.comparison.reference, one.samples.mean_reference),
            (one.comparison.method, one.samples.mean_method),
        ):
            point = one.at_seconds, value
            if np.isfinite(point).all() and value > 0 and point not in dots.setdefault(name, []):
                dots[name].append(point)
    return dots


def forest(results: Results, compared: Sequence[Compared], cells: Sequence[Beside]) -> Section:
    """All differences at a glance."""
    told = {id(cell.compared): cell for cell in cells if cell.compared is not None}
    drawings = []
    for comparison in results.comparisons:
        group = [one for one in compared if one.comparison == comparison]
        rows = [
            figures.Row(
                one.task.label,
                100 * one.samples.difference,
                100 * one.samples.interval_low,
                100 * one.samples.interval_high,
                _published_points(told.get(id(one))),
            )
            for one in group
        ]
        title = f"{comparison.reference} − {comparison.method}"
        name = f"differences-{_slug(comparison.reference)}-{_slug(comparison.method)}"
        name += "" if comparison.at == "one-shot" else f"-{_slug(comparison.at)}"
        alt = f"{title} in points: " + "; ".join(
            f"{row.label} {wording.number(row.here, sign=True)}"
            + ("" if row.published is None else f" (published {wording.number(row.published, sign=True)})")
            for row in rows
        )
        svg = figures.forest(name, title, rows, "points; right of zero: the method is better")
        drawings.append(Figure(name, svg, alt + "."))
    caption = "Differences in regret with their 95% intervals, clusters of dependent runs respected."
    if told:
        caption += " Hollow diamonds: the published differences."
    return Section("differences", "Differences", "Who is better, and by how much", [Gallery(drawings, caption)])


def comparison_tables(results: Results, compared: Sequence[Compared], cells: Sequence[Beside]) -> Section:
    """Every comparison in figures, beside the published ones where there are any."""
    told = {id(cell.compared): cell for cell in cells if cell.compared is not None}
    blocks: list[Block] = []
    names: dict[str, list[Comparison]] = {}
    for comparison in results.comparisons:
        tables = [told[id(one)].table for one in compared if one.comparison == comparison and id(one) in told]
        names.setdefault(tables[0] if tables else "", []).append(comparison)
    for table, comparisons in names.items():
        for comparison in comparisons:
            group = [one for one in compared if one.comparison == comparison]
            blocks.append(_comparison_table(table, comparison, group, told))
    apart = [one for one in compared if wording.disagreement(one.samples)]
    if apart:
        worst = max(apart, key=lambda one: abs(one.samples.superiority - one.samples.superiority_normal))
        blocks.append(
            Text(
                "Superiority is the share of pairs of runs in which the method's regret is the smaller one, ties "
                "counted half. Converting d by the normal distribution instead, as Φ(d/√2), misses it by more than "
                f"0.04 in {len(apart)} of {wording.count(len(compared), 'comparison')}, because regrets are skewed "
                f"and the spreads unequal; the tables give both there. Largest gap: {worst.task.label} "
                f"{worst.comparison.reference} − {worst.comparison.method}, measured "
                f"{wording.number(worst.samples.superiority)}, converted "
                f"{wording.number(worst.samples.superiority_normal)}.",
                "note",
            )
        )
    elif compared:
        blocks.append(
            Text(
                "Superiority is the share of pairs of runs in which the method's regret is the smaller one, ties "
                "counted half. Converting d by the normal distribution, as Φ(d/√2), gives the same within 0.04.",
                "note",
            )
        )
    if told:
        blocks.append(Text(_agreement(list(told.values())), "note"))
    blocks.append(
        Text(
            "p: Student's t-test, unpaired, two-sided, all runs taken as independent and no correction for the number "
            "of comparisons, as such figures are published. Only the intervals respect dependence between runs. "
            "Runs: of the reference | of the method; undefined: the run had finished nothing by then, and is in no "
            "figure of its line; outcomes: different regrets among the method’s runs, where these are few.",
            "note",
        )
    )
    title = f"{_tables_named(names)}published | here" if told else "The comparisons in figures"
    return Section("comparisons", "Tables", title, blocks)


def _comparison_table(
    table: str, comparison: Comparison, group: Sequence[Compared], told: Mapping[int, Beside]
) -> Table:
    at = "at one-shot" if comparison.at == "one-shot" else "at the end"
    kinds = sorted({told[id(one)].kind for one in group if id(one) in told})
    caption = f"Table {table}, " if table else ""
    caption += f"{comparison.reference} − {comparison.method} {at}, in points; positive: {comparison.method} is better"
    if kinds:
        caption += f". The figures here are {wording.listing(kinds).upper()}"
    columns = ["Task", "difference ± sd", "p", "d"] if kinds else ["Task"]
    columns += ["difference ± sd", "95% interval", "p", "d", "superiority", "runs"]
    groups = [("", 1), ("published", 3), ("here", 6)] if kinds else []
    if kinds:
        columns.append("agreement")
        groups.append(("", 1))
    rows = []
    for one in group:
        s, cell = one.samples, told.get(id(one))
        row: list[Cell | str] = [Cell(one.task.label, s.note)]
        if kinds:
            row += _published_cells(cell)
        row += [
            Cell(f"{wording.points(s.difference)} ± {wording.points(s.pooled_sd, sign=False)}", "", s.verdict),
            wording.interval(s.interval_low, s.interval_high),
            wording.p_value(s.p_value),
            wording.number(s.cohens_d, sign=True),
            Cell(
                wording.number(s.superiority),
                f"normal {wording.number(s.superiority_normal)}" if wording.disagreement(s) else "",
            ),
            Cell(f"{s.n_reference} | {s.n_method}", wording.remarks(one)),
        ]
        if kinds:
            state = cell.agreement if cell else "unknown"
            row.append(Cell(AGREEMENT[state], "", "flag" if state in ("differs", "outside") else ""))
        rows.append(row)
    return Table(caption, columns, rows, groups, wide=True)


def _published_cells(cell: Beside | None) -> list[Cell | str]:
    if cell is None:
        return ["–", "–", "–"]
    entry = cell.entry
    scale = 100 / float(entry.get("scale", 1))
    difference = f"{wording.number(scale * cell.published, sign=True)}"
    if not np.isnan(cell.published_sd):
        difference += f" ± {wording.number(scale * cell.published_sd)}"
    p = wording.p_value(float(entry["published_p"])) if "published_p" in entry else "–"
    d = wording.number(float(entry["published_d"]), sign=True) if "published_d" in entry else "–"
    return [difference, p, d]


def _published_points(cell: Beside | None) -> float | None:
    return None if cell is None else 100 * cell.published / float(cell.entry.get("scale", 1))


def _agreement(cells: Sequence[Beside]) -> str:
    parts = []
    for kind in dict.fromkeys(cell.kind for cell in cells):
        group = [cell for cell in cells if cell.kind == kind]
        outside = [cell for cell in group if cell.agreement in ("outside", "differs")]
        apart = [cell for cell in group if cell.agreement == "differs"]
        parts.append(
            f"of {wording.count(len(group), 'figure')} {kind}, {len(group) - len(outside)} agree, "
            f"{len(outside) - len(apart)} only outside the interval, {len(apart)} different"
            + (f" ({', '.join(f'{cell.row} {cell.column}' for cell in apart)})" if apart else "")
        )
    return (
        "Agreement: “outside” says that the published figure is outside the 95% interval here; "
        "“differs”, that the two are more than two standard errors of their difference apart, each error from its "
        "own standard deviation and number of runs. In all, " + "; ".join(parts) + "."
    )


def _tables_named(names: Mapping[str, object]) -> str:
    numbers = [name for name in names if name]
    if not numbers:
        return ""
    return f"Table{'s' if len(numbers) > 1 else ''} {wording.listing(numbers)}: "


def methods(results: Results) -> Section:
    """How it was done, from what the suite says of itself."""
    manifest = results.manifest
    budget = manifest.get("budget", {})
    limits = []
    if budget.get("evaluations"):
        limits.append(f"{budget['evaluations']:,} trained configurations")
    if budget.get("seconds"):
        limits.append(f"{wording.hours(budget['seconds'])} of simulated time")
    items = [("Budget of a run", wording.listing(limits) or "the task's own")]
    for strategy in results.strategies:
        seeds = f"{wording.count(strategy.seeds, 'run')}, seeds 0 to {strategy.seeds - 1}"
        items.append((f"Strategy {strategy.name}", f"{strategy.title}; {seeds}{_nested(strategy.cluster)}"))
    items += [(f"Reading: {name}", str(value)) for name, value in manifest.get("parameters", {}).items()]
    rows = [
        [task.label, task.name, "–" if task.size is None else f"{task.size:,}", *_runs_of(results, task.name)]
        for task in results.tasks
    ]
    columns = ["Task", "name", "configurations", *(f"runs {s.name}" for s in results.strategies)]
    blocks: list[Block] = [Items(items), Table("Tasks, and runs on each", columns, rows)]
    blocks += [Text(note) for note in manifest.get("notes", ())]
    traces = [trace for group in results.runs.values() for trace in group]
    if any(trace.objectives.shape[1] > 1 for trace in traces):
        blocks.append(Text("Some tasks have several objectives; this page judges the first one alone.", "note"))
    return Section("methods", "Methods", "Methods", blocks)


def _nested(cluster: int | None) -> str:
    return "" if cluster is None else f"; seeds that agree modulo {cluster} share what is random in the task"


def _runs_of(results: Results, task: str) -> list[str]:
    return [str(len(results.runs[task, strategy.name])) for strategy in results.strategies]


def provenance(results: Results) -> Section:
    """Where everything comes from."""
    manifest = results.manifest
    machine = manifest.get("machine", {})
    items = [
        ("Software", f"nasbench-sim {manifest.get('version', 'unknown')}"),
        ("Engine", f"sha256 {manifest.get('engine', 'unknown')}"),
        ("Machine", ", ".join(f"{name} {value}" for name, value in machine.items()) or "unknown"),
    ]
    keys = dict.fromkeys(key for task in results.tasks for key in task.provenance)
    for key in keys:
        values: dict[str, list[str]] = {}
        for task in results.tasks:
            if key in task.provenance:
                values.setdefault(str(task.provenance[key]), []).append(task.label)
        items += [(key.capitalize(), text) for text in _shared(values, len(results.tasks))]
    return Section("provenance", "Provenance", "Provenance", [Items(items)])


def _slug(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)
