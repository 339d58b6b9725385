"""The data card of the embedded NAS-Bench-101 table: what it is, how good, and what it must not be used for."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from surrogates.landscape import Landscape, Quality
from surrogates.recovery import Spread


@dataclass(frozen=True)
class Failures:
    """Measured cells at chance level.

    Attributes:
        after12, after36, both: after 12 epochs, after 36, after either.
        after108: after 108 epochs.
        expected108: after 108, were the shorter figures single repeats and that of 108 the best of three.
    """

    after12: int
    after36: int
    both: int
    after108: int
    expected108: float


@dataclass(frozen=True)
class Figures:
    """What the data card states.

    Attributes:
        quality: out of fold, at 4, 12, 36 and 108 epochs (there of the best of three), then of the seconds.
        trees, process: at 108 epochs, either learner alone.
        measured, predicted: the landscape of the sample, best of three.
        optima: share of all cells that are local optima, in the table and with ``expected_width`` of noise added.
        failures: how many cells were at chance level.
        spread: between repeats.
        spread_from_best: the same from single repeats beside the best of three, and from how many cells.
        least_mean: least mean error before widening.
        width: what widening took.
        expected_width: what the model's own error and the benchmark's three repeats would have taken.
        least_expected: the least mean error at that width.
        test_offset, deviation: of the modelled test error; the deviation at the best cell.
    """

    quality: tuple[Quality, ...]
    trees: Quality
    process: Quality
    measured: Landscape
    predicted: Landscape
    optima: tuple[float, float]
    failures: Failures
    spread: Spread
    spread_from_best: tuple[float, int]
    least_mean: float
    width: float
    expected_width: float
    least_expected: float
    test_offset: float
    deviation: float


def card(figures: Figures, learned: int, fingerprint: str) -> str:
    """The card as Markdown."""
    what = ("4 epochs", "12 epochs", "36 epochs", "**108 epochs**, best of three", "training seconds")
    rows = [
        f"| {name} | {q.tau:.3f} | {q.r2:.3f} | {q.spearman_best:.3f} |"
        for name, q in (
            *zip(what, figures.quality, strict=True),
            ("108 epochs, trees alone", figures.trees),
            ("108 epochs, process alone", figures.process),
        )
    ]
    spread, (other_spread, other_cells) = figures.spread, figures.spread_from_best
    early = figures.failures
    low, high = spread.errors
    text = f"""\
# NAS-Bench-101, all cells, predicted by a surrogate

`nasbench101.h5`, fingerprint `{fingerprint}`

**These figures are predictions, not measurements.** {learned:,} of the 423,624 cells were measured; their figures
here are out-of-fold predictions, by models that never saw them, so that all rows are of one kind.

## What it holds

For each cell: validation error after 4, 12, 36 and 108 epochs, the standard deviation between repeats at 108, test
error at 108 (modelled), seconds of training, exact parameters and multiply-adds. Errors are fractions, means over
repeats at 108 epochs. Every isomorphic form of a cell has the one row of its cell.

## Sources and licence

Learned from figures of NAS-Bench-101 (Ying et al. 2019; google-research/nasbench, Apache-2.0): a random sample of
cells from tiga1231/nasbench-vis (ISC), and single repeats of 292 cells from automl/NASLib (Apache-2.0). No measured
figure is contained. The table is under Apache-2.0. It is made by

    python -m surrogates.nasbench101 --data <folder of the figures> -o tables/nasbench101.h5

## How it was made

Features are functions of the cell up to isomorphism: labelled paths from input to output, their lengths and mixtures
of operations, edges and walks by label, degrees, depths, widths, parameters, a mean-field sketch of the signal, the
canonical form. The log error is a mixture of boosted trees (LightGBM) and a Gaussian process on the same features,
whose length scales climb the marginal likelihood; networks that failed to train are left out and enter through a
predicted chance of failure. The seconds come from boosted trees. Everything learned is learned inside the training
folds; a few settings (learning rate, leaves, share of the mixture) were chosen beforehand on one part of another
split, where they matter by less than 0.002.

## How good it is

On the {learned:,} measured cells, out of fold (5 folds). Spearman's correlation is among the measured best fifth.

| figure | Kendall's tau | R2 of the log | Spearman, best fifth |
|---|---|---|---|
{chr(10).join(rows)}

Most of the unexplained variance at 108 epochs is that of {early.after108} cells whose training fails.

On one split into 20,000 learned and 5,001 other cells this mixture has tau 0.893 and 0.849 among the best fifth, and a
blend with ten graph networks (`python -m surrogates.train nasbench101 --model blend`) 0.896 and 0.854. That takes a
thousand seconds of a processor core to learn, six times over for a table like this one, so it is not used here.

## From the best of three to the mean

The measured figure at 108 epochs is the best of three repeats. One run's log error is taken as normal about the
cell's mean m with standard deviation s(m), so the models predict m - 0.846 s(m), which is solved for m. From cells with
two or three distinct single repeats s is {spread.low:.4f} below an error of {low:g} ({spread.degrees_of_freedom[0]}
degrees of freedom) and {spread.high:.4f} above {high:g} ({spread.degrees_of_freedom[1]}), with a straight line between.
A second estimate, from single repeats beside the best of three of {other_cells} cells of all levels, is
{other_spread:.4f}.

Failed repeats (chance level, about 10% accuracy) are hidden by the maximum and are not part of mean or spread, except
that cells likely to fail in all three are predicted with a higher error. Whether the figures after 4, 12 and 36 epochs
are maxima too is not stated at their source. It seems they are single repeats. At chance level are {early.after12}
cells after 12 epochs, {early.after36} after 36, {early.both} after both. If each of these is one repeat, and a cell's
chance to fail is the same at each length, then the best of three should be at chance level for
{early.expected108:.0f} cells, and {early.after108} are. So they are used as means, uncorrected, and about
{(early.after12 + early.after36) / (2 * learned):.1%} of single runs fail.

The best mean so recovered is {1 - figures.least_mean:.2%}; the benchmark's own best is 95.06%. Predictions spread
less than what they predict, and a mean of three repeats adds its own luck. So the recovered means were moved, in their
order, to the quantiles that they would have with normal noise added to their logarithms. Its standard deviation is
{figures.width:.4f}, the one that makes the best 95.06%: **calibrated, not predicted**. Ranks do not change. The
model's own error and the luck of a mean of three together would give {figures.expected_width:.4f} and a best of
{1 - figures.least_expected:.2%}.

## The test error is modelled

No test figures were at hand. Test error = the mean validation error, widened without the luck of three validation
repeats, + a fixed deviation per cell, normal, drawn by a hash of the cell's key (standard deviation half that of an
error rate counted on 10,000 images; {figures.deviation:.2%} at the best cell) + an offset of {figures.test_offset:.2%},
the one that makes the best mean test accuracy the published 94.32%. It makes regret meaningful in size; it says nothing
of any single cell.

## How its landscape differs from the real one

On the measured cells, the best of three measured and predicted out of fold. Local optima are cells better than all
their neighbours in the sample, among cells that have one there.

| | measured | predicted |
|---|---|---|
| local optima | {figures.measured.local_optima:.1%} | {figures.predicted.local_optima:.1%} |
| Spearman's correlation of neighbours' errors | {figures.measured.neighbour_correlation:.3f} | \
{figures.predicted.neighbour_correlation:.3f} |
| cells whose error another has too | {figures.measured.ties:.1%} | {figures.predicted.ties:.1%} |
{_best_of(figures)}

The sample holds one or two neighbours of a cell, so it shows little of this. In the table {figures.optima[0]:.2%} of
all cells are better than all their neighbours; with independent noise of {figures.expected_width:.4f} on every log
error, what the benchmark's own table has beside the prediction, {figures.optima[1]:.2%} would be. So the table is
smoother than the benchmark, which flatters local search and models that learn from few cells. Ties of the measured
figures come from counting on 9,984 images; in the table only the fifth decimal makes some.

## Assumed

- Seconds after fewer epochs are those of 108 in proportion.
- Repeats differ by normal noise on the log error; no run fails by chance.

## Not for

- statements about a single cell, or that a cell is the best of NAS-Bench-101;
- test error of any cell, or the relation of validation and test error;
- comparing surrogates or predictors by how well they fit this table;
- figures beside published ones of NAS-Bench-101 without saying that this is a surrogate.
"""
    return "\n\n".join(_wrapped(block) for block in text.split("\n\n"))


def _wrapped(block: str) -> str:
    """A paragraph in lines of even length, once its figures are in; headings, lists, tables, code as they are."""
    return block if block.lstrip("\n").startswith(("#", "|", "- ", "    ")) else textwrap.fill(block, 118)


def _best_of(figures: Figures) -> str:
    pairs = [(n, regret, figures.predicted.best_of[n]) for n, regret in figures.measured.best_of.items()]
    return "\n".join(
        f"| expected best of {n:,} less the least error | {measured:.2%} | {predicted:.2%} |"
        for n, measured, predicted in pairs
    )
