"""Does weight sharing beat random search, on which of seven spaces, by how much, and how sure are we?

The study that this repeats: a thesis of 2022, chapter 4, on NAS-Bench-101.  Its figures are in ``ws_vs_rs.toml``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Task
from nasbench_sim.spaces.nasbench101 import SUBSPACES
from nasbench_sim.strategies.greedy_search import GreedySearch
from nasbench_sim.strategies.random_search import RandomSearch
from nasbench_sim.strategies.weight_sharing import WeightSharing
from suites.catalogue import SUPERNETS, VARIANT_COST, nearest, published
from suites.catalogue import task as task_by_name
from suites.suite import Comparison, Entry, Suite
from suites.ws_evidence import write_evidence

EVALUATIONS = 10_000
PROXIES = 10_000
READINGS = {
    "order": ("listed", "random"),
    "revisits": ("charged", "remembered"),
    "supernets": ("nested", "per-run"),
    "variant": tuple(name for name in VARIANT_COST if name != "no_ft"),
    "noise": ("mean", "repeat"),
    "speed": ("1", "0.5", "2"),
}


def suite(
    order: str = "listed",
    revisits: str = "charged",
    supernets: str = "nested",
    variant: str = "bns_ft",
    noise: str = "mean",
    speed: str = "1",
    proxies: str = "10000",
) -> Suite:
    """The suite under one reading of what its source leaves open.

    Args:
        order: in which greedy search evaluates neighbours: "listed" or "random".
        revisits: whether greedy search pays for cells that it meets again: "charged" or "remembered".
        supernets: "nested": five a space, the runs nested in them; "per-run": one for each run.
        variant: of super-net training.
        noise: "mean" of the repeats or one "repeat".
        speed: of the device, against the calibrated one.
        proxies: that a search on the super-net asks for; fewer where it is trained for real.
    """
    chosen = {
        "order": order,
        "revisits": revisits,
        "supernets": supernets,
        "variant": variant,
        "noise": noise,
        "speed": speed,
    }
    for name, value in chosen.items():
        if value not in READINGS[name]:
            raise UserError(f"--set {name}={value}: {nearest(value, READINGS[name])}")
    if not (proxies.isascii() and proxies.isdecimal() and int(proxies) > 0):
        raise UserError(f"--set proxies={proxies}: it must be a whole number of at least 1")
    if int(proxies) != PROXIES:
        chosen["proxies"] = proxies
    greedy = partial(GreedySearch, order=order, revisits=revisits)
    sharing = WeightSharing if int(proxies) == PROXIES else partial(WeightSharing, proxies=int(proxies))
    shared = SUPERNETS if supernets == "nested" else None
    return Suite(
        name="ws_vs_rs",
        question="Does weight sharing beat random search on NAS-Bench-101, where, and by how much?",
        tasks=tuple(f"nasbench101/{subspace}" for subspace in SUBSPACES),
        entries=(
            Entry("RS", "random search", RandomSearch, 100),
            Entry("GS", "greedy search", greedy, 100),
            Entry("RSws", "random search on the proxy, then training", sharing, 25, shared),
            Entry("GSws", "greedy search on the proxy, then training", partial(sharing, inner=greedy), 25, shared),
        ),
        comparisons=tuple(
            Comparison(reference, method, "one-shot") for reference in ("RS", "GS") for method in ("RSws", "GSws")
        ),
        make_task=partial(_task, variant=variant, noise=noise, speed=float(speed), per_run=shared is None),
        evaluations=EVALUATIONS,
        of_tables=("noise", "speed", "supernets"),
        parameters=chosen,
        notes=NOTES,
        published=_published(),
        evidence=write_evidence,
    )


def _task(name: str, tables: Path | None, variant: str, noise: str, speed: float, per_run: bool) -> Task:
    # A number of super-nets above every seed gives each run its own.
    supernets = 2**31 if per_run else SUPERNETS
    return task_by_name(name, tables=tables, variant=variant, noise=noise, speed=speed, supernets=supernets)


def _published() -> tuple[Mapping[str, Any], ...]:
    """Cells of Tables 4.3 to 4.5 as the report stands them beside its own."""
    figures = published()
    cells: list[Mapping[str, Any]] = []
    for space, row in figures["spearman"].items():
        for variant, (mean, half_width) in zip(VARIANT_COST, row, strict=True):
            cells.append(
                {
                    "table": "4.3",
                    "row": space,
                    "column": variant,
                    "published": mean,
                    "published_half_width": half_width,
                    "kind": "calibrated",
                    "note": "mean of four" if f"{space} {variant}" in figures["failed"] else "",
                }
            )
    for space, row in figures["regret_difference"].items():
        if space == "columns":
            continue
        for column, (mean, deviation, p_value, d) in zip(figures["regret_difference"]["columns"], row, strict=True):
            reference, method = column.split("-")
            cells.append(
                {
                    "table": "4.4" if reference == "RS" else "4.5",
                    "row": space,
                    "column": column,
                    "task": f"nasbench101/{space}",
                    "reference": reference,
                    "method": method,
                    "at": "one-shot",
                    "scale": 100,
                    "published": mean,
                    "published_sd": deviation,
                    "published_p": p_value,
                    "published_d": d,
                    "kind": "calibrated" if column == "RS-RSws" else "predicted",
                }
            )
    return tuple(cells)


NOTES = (
    "Regret is read at one-shot: the mean simulated time at which the runs of a method finish training the first "
    "cell that the super-net picked; the baselines are read off at the same time.",
    "Calibrated: the device (a K80-class roofline), the super-nets' correlations (Table 4.3) and one saturation per "
    "space (first column of Table 4.4). Everything else is predicted.",
    "Five super-nets a space; the 25 runs of a weight-sharing method are nested in them, so intervals treat runs of "
    "one super-net as dependent. The tests beside published figures are unpaired Student's t, as published, and "
    "ignore the nesting.",
    "Readings of greedy search that the source leaves open: neighbours are evaluated in the order in which the source "
    "lists them, the cell itself first (or in random order); a cell met again, itself first of all, is trained and "
    "counted again (or remembered); a new node takes one node and feeds one later node.",
)
