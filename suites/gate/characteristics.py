"""What the gate itself is worth: false alarms, regressions found and seeds spent, measured on a suite.

Fresh runs of every cell are made once; builds are then drawn from them.  In every build baseline and candidate have
seeds of their own, so pairs share nothing: with equal seeds A against A would be trivially exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv
from scipy.stats import mannwhitneyu

from nasbench_sim.errors import UserError
from nasbench_sim.randomness import stream
from suites.gate.baseline import labels
from suites.gate.compare import Cell
from suites.gate.crew import Crew, Job, Progress
from suites.gate.declaration import Gate, gate_of
from suites.gate.injected import injections
from suites.gate.runs import Arm
from suites.gate.verdicts import Kind, Verdict, build, sequentially
from suites.suite import Suite
from suites.work import Order, load

Floats = npt.NDArray[np.float64]
Rule = Callable[[Floats, Floats], npt.NDArray[np.bool_]]

FIRST = 1_000_000  # seeds of the pool; a multiple of every usual number of clusters, and no baseline's
INJECTED_POOL = 400  # runs of each strategy that was made worse
SHIFTS = (0.5, 0.8)  # in standard deviations: the harms whose detection is promised


@dataclass(frozen=True)
class Share:
    """A share of builds, with Clopper and Pearson's 95% interval."""

    count: int
    builds: int

    @property
    def value(self) -> float:
        return self.count / self.builds

    @property
    def low(self) -> float:
        return 0.0 if self.count == 0 else float(betaincinv(self.count, self.builds - self.count + 1, 0.025))

    @property
    def high(self) -> float:
        return 1.0 if self.count == self.builds else float(betaincinv(self.count + 1, self.builds - self.count, 0.975))

    def __str__(self) -> str:
        return f"{self.value:6.1%} [{self.low:.1%}, {self.high:.1%}]"


def mean_ten_percent(baseline: Floats, candidate: Floats) -> npt.NDArray[np.bool_]:
    """Mean regret above the baseline's by more than a tenth; both ``float64[builds, seeds]``, as the rules below."""
    return np.asarray(np.exp(candidate).mean(axis=1) > 1.1 * np.exp(baseline).mean(axis=1))


def mann_whitney(baseline: Floats, candidate: Floats) -> npt.NDArray[np.bool_]:
    """Two-sided p below 0.05, and on the worse side; no correction for how many cells are tested."""
    result = mannwhitneyu(candidate, baseline, axis=1, method="asymptotic")
    return np.asarray((result.pvalue < 0.05) & (result.statistic > baseline.shape[1] ** 2 / 2))


def median_ratio(baseline: Floats, candidate: Floats) -> npt.NDArray[np.bool_]:
    """Median regret above the baseline's by a factor of 1.1 and Mann-Whitney p below 0.002: the rule of asv."""
    p_value = mannwhitneyu(candidate, baseline, axis=1, method="asymptotic").pvalue
    above = np.median(candidate, axis=1) > np.median(baseline, axis=1) + math.log(1.1)
    return np.asarray(above & (p_value < 0.002))


RULES: Mapping[str, Rule] = {
    "mean worse by more than 10%": mean_ten_percent,
    "Mann-Whitney p < 0.05 per cell": mann_whitney,
    "median ratio 1.1 and p < 0.002": median_ratio,
}


@dataclass(frozen=True)
class Trial:
    """Builds of one kind.

    Attributes:
        verdicts: of every build, of every cell.
        harmed: of every build, the cell that was made worse; -1 for none.
    """

    verdicts: Sequence[Sequence[Verdict]]
    harmed: npt.NDArray[np.int64]

    def ends(self, *kinds: Kind) -> Share:
        """Builds that end so."""
        return Share(sum(build(verdicts) in kinds for verdicts in self.verdicts), len(self.verdicts))

    def found(self, kind: Kind = Kind.REGRESSED) -> Share:
        """Builds in which the cell that was made worse has this verdict."""
        hits = sum(v[cell].kind is kind for v, cell in zip(self.verdicts, self.harmed, strict=True))
        return Share(hits, len(self.verdicts))

    def seeds(self, of_harmed: bool = False) -> float:
        """Mean seeds of a cell, over all cells or of the harmed one."""
        if of_harmed:
            return float(np.mean([v[cell].seeds for v, cell in zip(self.verdicts, self.harmed, strict=True)]))
        return float(np.mean([[verdict.seeds for verdict in verdicts] for verdicts in self.verdicts]))


@dataclass(frozen=True)
class Pools:
    """Fresh log-regrets.

    Attributes:
        cells: K of them.
        values: ``float64[K, P]``; the same column is the same seed in every cell.
        worse: by injection and cell, ``float64[p]``.
        cluster: seeds that agree modulo this share something; draws keep them aligned.
    """

    cells: Sequence[Cell]
    values: Floats
    worse: Mapping[tuple[str, int], Floats]
    cluster: int


def calibrate(order: Order, repetitions: int, pool: int, workers: int) -> bool:
    """Measure and print; whether every target is met.

    Raises:
        UserError: the suite cannot be calibrated, or the pool is too small for one build.
    """
    suite, _ = load(order)
    gate = gate_of(suite)
    pools = make_pools(order, suite, gate, pool, workers)
    none = run_trial(pools, gate, repetitions, 0.0)
    shifted = {shift: run_trial(pools, gate, repetitions, shift, none) for shift in SHIFTS}
    met = True
    for line in _introduction(suite, gate, pools, repetitions):
        print(line)
    for what, measured, target, reached in _targets(none, shifted, gate):
        print(f"{what:34} {measured:24} {target:7} {'' if not target else 'met' if reached else 'MISSED'}".rstrip())
        met = met and reached
    print()
    for line in _comparison(pools, gate, repetitions, none, shifted):
        print(line)
    for line in _injections(pools, gate, repetitions):
        print(line)
    return met


def make_pools(order: Order, suite: Suite, gate: Gate, pool: int, workers: int) -> Pools:
    """Make all runs.

    Raises:
        UserError: there is nothing to calibrate, the pool is too small, a run has no regret, or a cell no spread.
    """
    arms: list[Arm] = [(task, entry.name) for task in suite.tasks for entry in suite.entries]
    if not arms:
        raise UserError(f"{suite.name} has no tasks or no strategies: there is nothing to calibrate")
    cluster = math.lcm(*(entry.cluster or 1 for entry in suite.entries))
    pool = -(-pool // cluster) * cluster
    if pool < 2 * (gate.seeds + cluster):
        raise UserError(f"--pool {pool}: a build draws {2 * gate.seeds} runs from it; give at least twice as many")
    jobs = [Job(arm, range(FIRST, FIRST + pool)) for arm in arms]
    few = -(-INJECTED_POOL // cluster) * cluster
    # On one task: what is measured is the gate, and each strategy is made worse in every way.
    made_worse = injections(suite.evaluations) if suite.evaluations is not None else {}
    seeds = range(FIRST + pool, FIRST + pool + few)
    jobs += [Job((suite.tasks[0], entry.name), seeds, name) for name in made_worse for entry in suite.entries]
    with Crew(order, workers, Progress(sum(len(job.seeds) for job in jobs))) as crew:
        runs = crew.perform(jobs)
    budgets = labels(gate)
    cells = [Cell(*arm, budget) for arm in arms for budget in budgets]
    values = np.array([[run.values[p] for run in runs[job]] for job in jobs[: len(arms)] for p in range(len(budgets))])
    for cell, row in zip(cells, values, strict=True):
        if not np.isfinite(row).all() or np.ptp(row) == 0:
            raise UserError(f"{cell}: runs without a regret, or all regrets equal; nothing can be calibrated")
    last = len(budgets) - 1
    worse = {
        (job.injection, cells.index(Cell(*job.arm, budgets[last]))): np.array([run.values[last] for run in runs[job]])
        for job in jobs[len(arms) :]
    }
    return Pools(cells, values, worse, cluster)


def run_trial(pools: Pools, gate: Gate, builds: int, shift: float, none: Trial | None = None) -> Trial:
    """Builds in which one cell, each in its turn, is worse by ``shift`` standard deviations; 0 harms none.

    Args:
        pools: of fresh runs.
        gate: the declaration.
        builds: how many.
        shift: of the log-regret.
        none: the trial without harm; the same draws are made, so only the harmed cell is judged anew.
    """
    count = len(pools.cells)
    harmed = _harmed(count, builds, shift)
    verdicts: list[list[Verdict]] = []
    for cell, (one, two) in enumerate(_drawn(pools, gate, builds, shift)):
        verdicts.append(
            [
                sequentially(one[i], two[i], count, gate)
                if none is None or harmed[i] == cell
                else none.verdicts[i][cell]
                for i in range(builds)
            ]
        )
    return Trial([list(row) for row in zip(*verdicts, strict=True)], harmed)


def run_rules(pools: Pools, gate: Gate, builds: int, shift: float, seeds: int) -> dict[str, Share]:
    """How often each other rule accuses the harmed cell, or any cell where none is, with a fixed number of seeds."""
    harmed = _harmed(len(pools.cells), builds, shift)
    hits = {name: np.zeros(builds, bool) for name in RULES}
    for cell, (one, two) in enumerate(_drawn(pools, gate, builds, shift)):
        asked = (harmed == cell) | (harmed < 0)
        for name, rule in RULES.items():
            hits[name][asked] |= rule(one[asked, :seeds], two[asked, :seeds])
    return {name: Share(int(hit.sum()), builds) for name, hit in hits.items()}


def run_injected(pools: Pools, gate: Gate, builds: int, injection: str, cell: int) -> tuple[Trial, dict[str, Share]]:
    """Builds in which one cell's strategy was made worse, as judged by the gate and by the other rules."""
    worse = pools.worse[injection, cell]
    baselines, _ = _draws(pools, gate.seeds, builds)
    rng = stream(0, "calibrate", injection, str(cell))
    place = np.arange(gate.seeds) % pools.cluster
    # With replacement: the pool is small, and draws without would make its mean too sure.
    rows = rng.integers(0, len(worse) // pools.cluster, (builds, gate.seeds)) * pools.cluster + place
    one, two = pools.values[cell][baselines], worse[rows]
    verdicts = [[sequentially(b, c, len(pools.cells), gate)] for b, c in zip(one, two, strict=True)]
    rules = {name: Share(int(rule(one, two).sum()), builds) for name, rule in RULES.items()}
    return Trial(verdicts, np.zeros(builds, np.int64)), rules


def _harmed(cells: int, builds: int, shift: float) -> npt.NDArray[np.int64]:
    return np.arange(builds) % cells if shift else np.full(builds, -1)


def _drawn(pools: Pools, gate: Gate, builds: int, shift: float) -> Iterator[tuple[Floats, Floats]]:
    """Baseline and candidate of every build, ``float64[builds, seeds]`` each, one cell after the other."""
    harmed = _harmed(len(pools.cells), builds, shift)
    baselines, candidates = _draws(pools, gate.seeds, builds)
    for cell, values in enumerate(pools.values):
        harm = shift * values.std(ddof=1) * (harmed == cell)
        yield values[baselines], values[candidates] + harm[:, None]


def _draws(pools: Pools, seeds: int, builds: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Columns of the pool for baseline and candidate of each build, ``int64[builds, seeds]``, disjoint.

    The same for all cells, since these share their seeds; position i has a seed congruent to i.
    """
    rng = stream(0, "calibrate", "builds")
    cluster, rows = pools.cluster, pools.values.shape[1] // pools.cluster
    needed = -(-seeds // cluster)
    baselines, candidates = (np.empty((builds, needed * cluster), np.int64) for _ in range(2))
    for number in range(builds):
        drawn = np.stack([rng.permutation(rows)[: 2 * needed] for _ in range(cluster)], axis=1)
        columns = drawn * cluster + np.arange(cluster)
        baselines[number], candidates[number] = columns[:needed].ravel(), columns[needed:].ravel()
    return baselines[:, :seeds], candidates[:, :seeds]


def _introduction(suite: Suite, gate: Gate, pools: Pools, builds: int) -> list[str]:
    size = pools.values.shape[1]
    lines = [
        f"{suite.name}: {len(pools.cells)} cells, looks at {', '.join(map(str, gate.looks))} seeds, margin "
        f"{gate.margin:g} sd, alpha {gate.alpha:g} over all cells together",
        f"{builds} builds of each kind, drawn from {size} fresh runs of each cell; 95% Monte Carlo intervals",
        "",
        f"{'cell':42} {'mean':>6} {'sd':>5} {'skewness':>8} {'at floor':>8}   (log-regret)",
    ]
    for cell, row in zip(pools.cells, pools.values, strict=True):
        skewness = float(((row - row.mean()) ** 3).mean() / row.std() ** 3)
        floored = float((row <= math.log(gate.floor)).mean())
        lines.append(f"{cell!s:42} {row.mean():6.2f} {row.std(ddof=1):5.2f} {skewness:8.2f} {floored:8.1%}")
    return [*lines, ""]


def _targets(none: Trial, shifted: Mapping[float, Trial], gate: Gate) -> Iterator[tuple[str, str, str, bool]]:
    """Each promise with what was measured, and whether it is kept."""
    alarms, passes = none.ends(Kind.REGRESSED), none.ends(Kind.NOT_WORSE, Kind.UNCHANGED)
    spent = none.seeds() / gate.seeds
    yield "A against A: false alarms", f"{alarms}", "<= 5%", alarms.value <= 0.05
    yield "    upper 95% bound", f"{alarms.high:6.1%}", "<= 8%", alarms.high <= 0.08
    yield "    ends in a pass", f"{passes}", ">= 90%", passes.value >= 0.9
    yield "    ends inconclusive", f"{none.ends(Kind.INCONCLUSIVE)}", "", True
    yield "    seeds, of the most", f"{spent:6.1%}", "<= 50%", spent <= 0.5
    for (shift, trial), least in zip(shifted.items(), (0.75, 0.95), strict=True):
        found, missed, spent = trial.found(), trial.found(Kind.NOT_WORSE), trial.seeds() / gate.seeds
        yield f"{shift:g} sd in one cell: found", f"{found}", f">= {least:.0%}", found.value >= least
        yield "    that cell called not worse", f"{missed}", "<= 5%", missed.value <= 0.05
        yield "    seeds, of the most", f"{spent:6.1%}", "<= 50%", spent <= 0.5
        yield "    seeds on that cell", f"{trial.seeds(of_harmed=True) / gate.seeds:6.1%}", "", True


def _comparison(pools: Pools, gate: Gate, builds: int, none: Trial, shifted: Mapping[float, Trial]) -> Iterator[str]:
    """The gate beside other rules, which get the most seeds, and those that the gate needs on average."""
    heads = ["seeds", "false alarms", *(f"{shift:g} sd in one cell found" for shift in shifted)]
    yield f"{'rule':32}{heads[0]:>6}" + "".join(f"{head:>26}" for head in heads[1:])
    shares = [none.ends(Kind.REGRESSED), *(trial.found() for trial in shifted.values())]
    average = round(none.seeds())
    yield f"{'this gate':32}{f'~{average}':>6}" + "".join(f"{share!s:>26}" for share in shares)
    for seeds in (gate.seeds, average):
        columns = [run_rules(pools, gate, builds, shift, seeds) for shift in (0.0, *shifted)]
        for name in RULES:
            yield f"{name:32}{seeds:>6}" + "".join(f"{column[name]!s:>26}" for column in columns)
    yield ""


def _injections(pools: Pools, gate: Gate, builds: int) -> Iterator[str]:
    if not pools.worse:
        return
    yield "strategies made worse: the harm in sd as measured, the seeds that the gate took, and who found it"
    names = ["gate", "mean 10%", "Mann-Whitney", "ratio"]
    yield f"{'':64}{'harm':>14}{'seeds':>7}" + "".join(f"{name:>14}" for name in names)
    for (injection, cell), worse in pools.worse.items():
        values = pools.values[cell]
        deviation = values.std(ddof=1)
        harm = (worse.mean() - values.mean()) / deviation
        half = 1.96 * math.sqrt(worse.var(ddof=1) / len(worse) + deviation**2 / len(values)) / deviation
        head = f"{f'{injection}: {pools.cells[cell]}':64}{f'{harm:+.2f} +- {half:.2f}':>14}"
        if abs(harm) < 1.5 * half:
            yield f"{head}  no harm to be seen"
            continue
        trial, rules = run_injected(pools, gate, builds, injection, cell)
        shares = [trial.found(), *rules.values()]
        yield f"{head}{trial.seeds():7.0f}" + "".join(f"{share.value:14.1%}" for share in shares)
    yield ""
