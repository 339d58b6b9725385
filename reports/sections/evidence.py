"""What kind of evidence a page rests on, and where everything comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version

from reports import wording
from reports.blocks import Block, Items, Section, Text
from reports.published import Beside
from reports.results import Results

KINDS = {
    "measured": "measured: every figure is of a network that was trained.",
    "surrogate": "a SURROGATE: a model predicted the validation and test errors; no network was trained for them.",
    "surrogate of a surrogate": "a SURROGATE OF A SURROGATE: a model learned what another model predicts, never what a "
    "training gave; published figures come from other models, so this is another oracle.",
    "calibrated": "CALIBRATED: generated so that its statistics meet published ones; no network was trained for it.",
    "recorded": "recorded: figures that others measured and published.",
    "invented": "INVENTED: a formula in place of training; it shows how searches behave, not what networks are worth.",
    "trained": "real: every network was trained for this page.",
}
MODELLED = ("surrogate", "surrogate of a surrogate", "calibrated", "invented")
NOISE = {
    "mean": "Every answer is the mean over the table's repeats",
    "repeat": "Every answer is one repeat, drawn for each run",
}
LIBRARIES = ("numpy", "scipy", "matplotlib")


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
                text = texts.get(value, _of_many(value) if key == "noise" and value.isdecimal() else value).replace(
                    "{table}", task.provenance.get("table", "the table")
                )
                text = task.provenance.get("answers", text) if key == "noise" else text
                text = (text if key == "kind" else text[:1].upper() + text[1:]).rstrip(".") + "."
                found.setdefault(text, []).append(task.label)
        items += [(title, text) for text in _shared(found, len(results.tasks))]
    items += _kinds(cells)
    blocks: list[Block] = []
    if any(task.provenance.get("kind") in MODELLED for task in results.tasks):
        blocks.append(
            Text(
                "This page is a simulation on modelled figures. It says what the study would find if the models were "
                "right; it is not a measurement.",
                "loud",
            )
        )
    blocks.append(Items(items, loud=True))
    return Section("evidence", "Evidence", "What kind of evidence this is", blocks)


def _of_many(noise: str) -> str:
    return f"Every answer is the mean of {noise} repeats, drawn for each run, and costs the seconds of all of them"


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


def provenance(results: Results) -> Section:
    """Where everything comes from."""
    manifest = results.manifest
    machine = manifest.get("machine", {})
    items = [
        ("Software", f"nasbench-sim {manifest.get('version', 'unknown')}"),
        ("Engine", f"sha256 {manifest.get('engine', 'unknown')}"),
        ("Machine", ", ".join(f"{name} {value}" for name, value in machine.items()) or "unknown"),
        ("Report made with", ", ".join(f"{name} {version(name)}" for name in LIBRARIES)),
    ]
    keys = dict.fromkeys(key for task in results.tasks for key in task.provenance)
    for key in keys:
        values: dict[str, list[str]] = {}
        for task in results.tasks:
            if key in task.provenance:
                values.setdefault(str(task.provenance[key]), []).append(task.label)
        items += [(key.capitalize(), text) for text in _shared(values, len(results.tasks))]
    return Section("provenance", "Provenance", "Provenance", [Items(items)])


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
