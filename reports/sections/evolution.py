"""How the evaluations of a run went, of suites that record them all."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nasbench_sim.spaces.ofa import OFA
from nasbench_sim.spaces.space import Codes
from nasbench_sim.trace import Trace
from reports.blocks import Block, Figure, Gallery, Section
from reports.figures.evolution import evolution as course
from reports.figures.evolution import parameters_against_error
from reports.results import Results
from reports.statistics import Floats

# What counts the parameters of a task's codes, by the first part of its name.
PARAMETERS: dict[str, Callable[[Codes], np.ndarray[tuple[int], np.dtype[np.int64]]]] = {"ofa": OFA().parameters}


def evolution(results: Results) -> list[Section]:
    """Per task the course of the first run of its last strategy, and parameters against error; else nothing."""
    blocks: list[Block] = []
    for task in results.tasks:
        traces = {strategy.name: results.runs.get((task.name, strategy.name), ()) for strategy in results.strategies}
        runs = {name: found[0] for name, found in traces.items() if found and found[0].about.get("record") == "all"}
        if not runs or not all(len(trace.seconds) for trace in runs.values()):
            continue
        last, trace = list(runs.items())[-1]
        figures = [_course(task.space, last, trace)]
        count = PARAMETERS.get(task.name.partition("/")[0])
        if count is not None:
            groups = [(name, count(one.codes).astype(np.float64), _errors(one)) for name, one in runs.items()]
            start = float(groups[-1][1][0]), float(groups[-1][2][0])
            drawing = parameters_against_error(f"parameters-{task.space}", task.label, groups, start)
            alt = (
                f"Validation error against parameters of the configurations that one run of {', '.join(runs)} evaluated"
            )
            figures.append(Figure(f"parameters-{task.space}", drawing, alt))
        caption = f"{task.label}: all evaluations of one run (seed {trace.about['seed']}) of each strategy shown"
        if count is not None and task.provenance.get("kind") == "trained":
            caption += "; parameters are those of networks of the published size"
        blocks.append(Gallery(figures, caption))
    return [Section("evolution", "Evolution", "How a run went", blocks)] if blocks else []


def _course(space: str, name: str, trace: Trace) -> Figure:
    errors = _errors(trace)
    best = np.fmin.accumulate(errors)
    alt = f"Validation errors of one run of {name} in their order: from {errors[0]:.1%} to {best[-1]:.1%} at best"
    return Figure(f"evolution-{space}", course(f"evolution-{space}", f"{name}, one run", errors, best), alt)


def _errors(trace: Trace) -> Floats:
    return np.asarray(trace.objectives[:, 0], np.float64)
