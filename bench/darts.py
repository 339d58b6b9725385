"""The DARTS space: the embedded model, and YAHPO Gym's network in batches beside one row at a time."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from bench.measure import Contestant, Part, Row, alternate, duration, faster, rate
from nasbench_sim import Task, simulate_many
from nasbench_sim.errors import UserError
from nasbench_sim.spaces.space import Codes
from nasbench_sim.strategies.local_search import LocalSearch
from surrogates.darts_distilled import Distilled, find_distilled
from surrogates.darts_oracle import DARTSOracle
from surrogates.yahpo import YAHPO, find_yahpo

BATCH, SINGLES, LAST = 3000, 300, 98.0
RUNS, EVALUATIONS = 150, 3000
NOTES = (
    f"From codes to error and seconds. {RUNS} runs together are timed once, each with an oracle that remembers nothing",
    "yet. The network of YAHPO Gym is looked for among the tables (NASBENCH_SIM_TABLES); its published graph takes one",
    "row.",
)


def measure(repetitions: int) -> Part:
    """Predictions per second, and seconds of local search."""
    model = Distilled.open(find_distilled())
    codes = model.space.sample(np.random.default_rng(0), BATCH)
    contestants = {
        "batch": Contestant(lambda: model.figures(codes, LAST), BATCH),
        "one": Contestant(lambda: [model.figures(code[None], LAST) for code in codes[:SINGLES]], SINGLES),
        "run": Contestant(lambda: _search(model, 1)),
    }
    if (yahpo := _yahpo()) is not None:
        contestants["yahpo"] = Contestant(lambda: yahpo.figures(codes, LAST), BATCH)
        contestants["published"] = Contestant(_row_by_row(yahpo, codes[:SINGLES]), SINGLES)
    seconds = alternate(contestants, repetitions)
    rows = [
        Row(f"distilled, {BATCH:,} a request", rate(seconds["batch"])),
        Row("distilled, one network", duration(seconds["one"])),
        Row(f"LocalSearch, one run of {EVALUATIONS:,} evaluations", duration(seconds["run"]), aim="10 s"),
    ]
    start = time.perf_counter()
    _search(model, RUNS)
    taken = [time.perf_counter() - start]
    rows.append(Row(f"LocalSearch, {RUNS} runs of {EVALUATIONS:,} evaluations", duration(taken), aim="2 min"))
    if yahpo is not None:
        here, beside = seconds["yahpo"], seconds["published"]
        rows.append(Row(f"YAHPO, {BATCH:,} a request", rate(here), f"{rate(beside)} row by row", faster(here, beside)))
    return Part("DARTS space", rows, NOTES)


def _search(model: Distilled, runs: int) -> None:
    task = Task("nasbench301", DARTSOracle(model), evaluations=EVALUATIONS)
    simulate_many(task, LocalSearch, range(runs))


def _yahpo() -> YAHPO | None:
    try:
        return YAHPO.open(find_yahpo())
    except UserError as error:
        print(f"no YAHPO surrogate: {error}")
        return None


def _row_by_row(yahpo: YAHPO, codes: Codes) -> Callable[[], object]:
    """As the published graph is asked: it takes one row."""
    categories, epochs = yahpo.categories(codes), np.full((1, 1), LAST, np.float32)
    return lambda: [yahpo.session.run(None, {"x_cat": row[None], "x_cont": epochs}) for row in categories]
