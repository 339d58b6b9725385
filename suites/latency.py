"""Does it depend on the device which method finds the best trade-off between accuracy and latency?

The methods of ``dmls`` on NAS-Bench-201, whose cells were timed on 27 devices.  No study stands behind it.
"""

from __future__ import annotations

from pathlib import Path

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Task
from suites.catalogue import NASBENCH201_DATA_SETS, nearest
from suites.catalogue import task as task_by_name
from suites.dmls import COMPARISONS, entries
from suites.front_evidence import write_front
from suites.suite import Suite

EVALUATIONS, RUNS = 600, 30
DEVICES = ("titanx_256", "gold_6226", "pixel3", "fpga")
"""A GPU (batches of 256), a server's CPU, a phone and an FPGA."""
FIRST = ((0,) * 6,)  # the cell without any operation


def suite(data_set: str = "cifar10", exploration: str = "non-dominated", limit: str = "") -> Suite:
    """The suite on one data set.

    Args:
        data_set: of NAS-Bench-201.
        exploration: of DMLS, see ``suites.dmls``.
        limit: what every network must keep, such as "parameters=500000" or "latency_pixel3=10"; none by default.
    """
    if data_set not in NASBENCH201_DATA_SETS:
        raise UserError(f"--set data_set={data_set}: {nearest(data_set, NASBENCH201_DATA_SETS)}")
    if exploration not in ("dominating", "non-dominated"):
        raise UserError(f"--set exploration={exploration}: choose from dominating, non-dominated")
    limits = _limits(limit)

    def make(name: str, tables: Path | None) -> Task:
        return task_by_name(name, tables=tables, held_out="validation", limits=limits)

    return Suite(
        name="latency",
        question="Does the device decide which method finds the best trade-off between accuracy and latency?",
        tasks=tuple(f"nasbench201/{data_set}/{device}" for device in DEVICES),
        entries=entries(RUNS, FIRST, exploration=exploration),
        comparisons=COMPARISONS,
        make_task=make,
        evaluations=EVALUATIONS,
        of_tables=("data_set", "limit"),
        parameters={"data_set": data_set, "exploration": exploration, **({"limit": limit} if limit else {})},
        notes=NOTES,
        evidence=write_front,
        axis="evaluations",
        metric="hypervolume",
    )


def _limits(text: str) -> dict[str, float]:
    if not text:
        return {}
    name, _, most = text.partition("=")
    try:
        return {name: float(most)}
    except ValueError:
        raise UserError(f"--set limit={text}: it takes a name and the most of it, such as parameters=500000") from None


NOTES = (
    "Validation error and latency are minimised; latency on a scale from the least (0) to the most (1) of the space on "
    "that device. Hypervolume is measured up to (1, 1) and compares methods on one device, not devices.",
    "All methods begin with the cell without any operation. The search sees the validation error, mean over repeats, "
    "and the page judges by it; no test figure is shown.",
)
