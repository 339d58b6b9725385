"""The true Pareto front of a table, the scale on which its hypervolume is measured, and the file where both stay.

``<table>.fronts.json`` lies beside its table, is written when the table is made or imported, and holds for the sets of
objectives in ``STANDARD`` what ``computed`` finds.  It counts while it names the table's fingerprint; whatever it does
not hold is computed anew, with the same result.  Neither depends on what any search has found.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Floats
from nasbench_sim.spaces.macronas import MacroNAS
from nasbench_sim.spaces.nasbench201 import NASBench201
from nasbench_sim.spaces.nasbench_macro import NASBenchMacro
from nasbench_sim.spaces.space import Codes, Space
from nasbench_sim.strategies.hypervolume import hypervolume
from nasbench_sim.tabular.oracle import TabularOracle
from nasbench_sim.tabular.table import Table

FORMAT = "nasbench-sim fronts 1"
LATENCY = "latency_"
STANDARD: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "macronas": (("mmacs",),),
    "nasbench_macro": (("macs", "parameters"),),
}
"""By space the sets of further objectives whose fronts are stored; of others each latency alone."""
SPACES: Mapping[str, Callable[[], Space]] = {
    "macronas": MacroNAS,
    "nasbench201": NASBench201,
    "nasbench_macro": NASBenchMacro,
}

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Front:
    """What no configuration of a space dominates, by mean figures over repeats.

    Attributes:
        objectives: names of the m objectives, the error first.
        ranges: of each further objective, least and most over the space, in its own unit.
        points: ``float64[k, m]``, each once, by the first objective: the error as it is, others as
            ``(value - least) / (most - least)``.
        codes: ``[k, d]``, a configuration for each.
        reference: ``float64[m]``, up to where hypervolume is measured: 1 in every objective.
        hypervolume: of the points.
        units: of the objectives, empty where they have none.
        stored: whether it was read from the file beside the table.
    """

    objectives: tuple[str, ...]
    ranges: Mapping[str, tuple[float, float]]
    points: Floats
    codes: Codes
    reference: Floats
    hypervolume: float
    units: tuple[str, ...] = ()
    stored: bool = field(default=False)


def true_front(oracle: TabularOracle) -> Front:
    """The front of everything that the oracle's space holds, stored or computed.

    Raises:
        UserError: an objective that is the same everywhere, so that it has no scale.
    """
    found = _stored(oracle)
    if found is not None:
        ranges, rows = found
    else:
        ranges = _ranges(oracle)
        rows = _front_rows(oracle, ranges, oracle.rows)
    return _front(oracle, ranges, rows, found is not None)


def front_within(oracle: TabularOracle, whole: Front, rows: Rows) -> Front:
    """The front of these rows of the table alone, such as those within limits, on the scale of the whole space."""
    return _front(oracle, whole.ranges, _front_rows(oracle, whole.ranges, rows), False)


def nondominated(points: Floats) -> Rows:
    """Places of the points ``[n, m]`` that no other dominates, ``int64[k]``, by the first objective; equals once."""
    order = np.lexsort(points.T[::-1])
    x = points[order]
    if x.shape[1] == 2:  # sorted so, a point is dominated or equalled if and only if one before is as low in the second
        least = np.minimum.accumulate(np.concatenate([[np.inf], x[:-1, 1]]))
        return order[x[:, 1] < least]
    kept: list[int] = []
    left = np.arange(len(x))
    while left.size:
        # Nothing behind a point in this order dominates it, so the first one left is on the front.
        kept.append(int(left[0]))
        left = left[(x[left] < x[left[0]]).any(axis=1)]
    return order[kept]


def fronts_file(table: Table) -> Path:
    """Where the fronts of a table lie."""
    return table.path.with_name(f"{table.path.stem}.fronts.json")


def write_fronts(table: Table) -> Path | None:
    """Work out the standard fronts of a table and write them beside it; None where it has none, or is a sample."""
    if table.space not in SPACES or SPACES[table.space]().size != len(table):
        return None
    found = {}
    seconds = np.ones((len(table), len(table.fidelities)))  # need not be known
    for data_set in table.data_sets:
        for further in _standard(table, data_set):
            oracle = TabularOracle(
                SPACES[table.space](), table, data_set, objectives=("error", *further), train_seconds=seconds
            )
            ranges = _ranges(oracle)
            rows = _front_rows(oracle, ranges, oracle.rows)
            front = _front(oracle, ranges, rows, False)
            found[_key(oracle)] = {
                "ranges": {name: list(ends) for name, ends in ranges.items()},
                "reference": front.reference.tolist(),
                "hypervolume": front.hypervolume,
                "rows": rows.tolist(),
            }
    if not found:
        return None
    lines = [f" {json.dumps(name)}: {json.dumps(front)}" for name, front in found.items()]
    head = json.dumps({"format": FORMAT, "table": table.name, "fingerprint": table.fingerprint})[1:-1]
    path = fronts_file(table)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    beside.write_text("{" + head + ',\n"fronts": {\n' + ",\n".join(lines) + "\n}}\n", encoding="utf-8")
    os.replace(beside, path)
    return path


def _standard(table: Table, data_set: str) -> Iterator[tuple[str, ...]]:
    known = table.objectives(data_set)
    if table.space in STANDARD:
        yield from (names for names in STANDARD[table.space] if set(names) <= set(known))
    else:
        yield from ((name,) for name in known if name.startswith(LATENCY))


def _key(oracle: TabularOracle) -> str:
    return f"{oracle.data_set}/{'+'.join(oracle.objectives[1:])}"


def _stored(oracle: TabularOracle) -> tuple[Mapping[str, tuple[float, float]], Rows] | None:
    """Ranges and rows, where the file beside the table holds them of the whole table."""
    path = fronts_file(oracle.table)
    if not path.is_file() or "train_seconds" in oracle.objectives or len(oracle.rows) != len(oracle.table):
        return None
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if (document["format"], document["fingerprint"]) != (FORMAT, oracle.table.fingerprint):
            return None
        if _key(oracle) not in document["fronts"]:
            return None
        found = document["fronts"][_key(oracle)]
        ranges = {name: (float(least), float(most)) for name, (least, most) in found["ranges"].items()}
        rows = np.array(found["rows"], np.int64)
        if tuple(ranges) != oracle.objectives[1:] or not ((rows >= 0) & (rows < len(oracle.table))).all():
            raise ValueError("of another table")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is damaged: delete it, the fronts are then computed from the table") from error
    return ranges, rows


def _ranges(oracle: TabularOracle) -> dict[str, tuple[float, float]]:
    found = {}
    for name, column in zip(oracle.objectives[1:], oracle.mean_objectives().T[1:], strict=True):
        values = column[oracle.rows]
        least, most = float(np.nanmin(values)), float(np.nanmax(values))
        if not least < most:
            raise UserError(f"{name} is {least:g} everywhere in {oracle.table.path}: it is no objective")
        found[name] = (least, most)
    return found


def _scaled(oracle: TabularOracle, ranges: Mapping[str, tuple[float, float]], rows: Rows) -> Floats:
    """As ``Normalised`` scales what the oracle answers, to the last bit."""
    least = np.array([0.0, *(ends[0] for ends in ranges.values())])
    most = np.array([1.0, *(ends[1] for ends in ranges.values())])
    return np.asarray((oracle.mean_objectives()[rows] - least) / (most - least))


def _front_rows(oracle: TabularOracle, ranges: Mapping[str, tuple[float, float]], rows: Rows) -> Rows:
    points = _scaled(oracle, ranges, rows)
    there = np.flatnonzero(~np.isnan(points).any(axis=1))
    return np.asarray(rows[there[nondominated(points[there])]])


def _front(oracle: TabularOracle, ranges: Mapping[str, tuple[float, float]], rows: Rows, stored: bool) -> Front:
    points, table = _scaled(oracle, ranges, rows), oracle.table
    reference = np.ones(points.shape[1])
    own = table.objectives(oracle.data_set)
    units = [table.unit(oracle.data_set, name) if name in own else "s" for name in oracle.objectives[1:]]
    return Front(
        oracle.objectives,
        ranges,
        points,
        table.array("codes")[rows],
        reference,
        hypervolume(points, reference),
        ("", *units),
        stored,
    )
