"""The data card of the embedded MacroNAS table: what it is, what was tuned, and what it must not be used for."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass

TITLES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}


@dataclass(frozen=True)
class Ground:
    """Statistics of a whole table of accuracies, or what is published of the real one.

    Attributes:
        best: accuracy.
        hypervolume: of the front, normalised MMACs and 1 - accuracy, reference (1, 1), times 100.
        front: how many networks are on it.
        random: expected best accuracy of 1,500 random genotypes, and its standard deviation.
        local: mean best accuracy of local search with 1,500 evaluations; of the table, of as many ascents.
    """

    best: float
    hypervolume: float
    front: int
    random: tuple[float, float]
    local: float


@dataclass(frozen=True)
class OfDataSet:
    """What the card states of one data set.

    Attributes:
        observed: networks on any of the published fronts.
        real, emulated: the real landscape as far as known, and the table's.
        held_out: of networks on the fronts, nothing of them used: Kendall's tau and R2 of the log error, mean and
            standard deviation of the real log error less the surface.
        fitted: mean absolute difference of the table's accuracy from the real one at the networks on the fronts.
        equal: how many of these agree to all four digits.
        above: networks of the table above the real front.
        common: networks on both fronts of the whole space.
        deviation: of the log error about the surface, at the best and at the median network.
        optima: share of networks better than all their neighbours.
        ties: share of networks whose accuracy another has too.
        quantiles: of the table's accuracy: 1%, 50%, 99%.
        draw: which of the draws was taken.
    """

    observed: int
    real: Ground
    emulated: Ground
    held_out: tuple[float, float, float, float]
    fitted: float
    equal: int
    above: int
    common: int
    deviation: tuple[float, float]
    optima: float
    ties: float
    quantiles: tuple[float, float, float]
    draw: int


@dataclass(frozen=True)
class Figures:
    """What the card states.

    Attributes:
        of: by data set.
        draws: how many were compared.
        share: of the deviation's variance that is interactions of stages.
    """

    of: Mapping[str, OfDataSet]
    draws: int
    share: float


def card(figures: Figures, fingerprint: str) -> str:
    """The card as Markdown."""
    text = f"""\
# MacroNAS, all networks, an emulation around the true fronts

`macronas.h5`, fingerprint `{fingerprint}`

**These accuracies are neither measured nor predicted from a sample of the table: they are calibrated.** No plain copy
of the benchmark's table was at hand, only its published Pareto fronts. Whoever has the publishers' files (`python -m
nasbench_sim.tabular import macronas SOURCE -o FOLDER`, then `--tables FOLDER`) runs the same suites on them.

## What it holds

For each of the 208,537 networks, for CIFAR-10 and CIFAR-100: validation error in steps of 1 in 10,000, as counted on
10,000 images; exact parameters and MMACs (`spaces/macronas.py`; they agree with every published one). No test error and
no seconds: the first is not known, and the benchmark evaluates with the weights of a super-net and publishes no times.
The true fronts of error and MMACs, and the scale on which hypervolume is measured, are in `macronas.fronts.json`.

## Sources and licence

Learned from the true fronts as found in tdenottelander/MacroNAS (BSD-3-Clause; den Ottelander et al. 2021), and from
published means of random and of local search (best of 1,500 evaluations, 150 runs: Table 3.5 of the thesis on local
search for NAS whose chapters 3 and 5 use this benchmark). No published accuracy is contained. The table is under
Apache-2.0. It is made by

    python -m surrogates.macronas --data <folder of the fronts> -o tables/macronas.h5

## How it was made

The log error of a network is a smooth surface plus a deviation. The surface is a sum over the four stages (number of
blocks, of large blocks, their order) and over pairs of stages. The deviation is normal, its size a function of the
surface. The files hold the fronts for every length 0 to 14 ({_each(figures, lambda f: f"{f.observed}")} different
networks on {" and ".join(TITLES[name] for name in figures.of)}). Networks on them count as observed; for every other
network it counts that it does not beat the front of its length. That censored likelihood knows that front points were
chosen for being good, and it is what bounds the 208,300 networks of which nothing else is known. The tail of good
networks is held to the published mean and standard deviation of random search's best.

The deviation is then drawn, not learned: {figures.share:.0%} of its variance are random interactions of pairs of
stages, so that neighbours share a part of their luck, the rest is independent. Of {figures.draws} draws that one was
taken whose best accuracy, hypervolume, random search and local search come nearest to the published ones; local search
is stood for by the best of 18 steepest ascents, which found the same on other draws.

## Tuned, and what came out

| | {" | ".join(f"{TITLES[name]}, real | table" for name in figures.of)} |
|---|---|---|---|---|
{_ground(figures)}

Tuned: the surface, the size of the deviation and the draw (best accuracy, hypervolume, random search's mean and
standard deviation, local search's mean); the share of interactions (to local search's standard deviation). Not tuned,
thus a prediction: the size of the front, which networks are on it, the number of evaluations that searches need, and
how methods rank.

| | {" | ".join(TITLES[name] for name in figures.of)} |
|---|---|---|
| networks held out: Kendall's tau of the surface | {_each(figures, lambda f: f"{f.held_out[0]:.3f}")} |
| the same: R2 of the log error | {_each(figures, lambda f: f"{f.held_out[1]:.3f}")} |
| the same: real log error less surface, mean | {_each(figures, lambda f: f"{f.held_out[2]:+.4f}")} |
| the same: standard deviation | {_each(figures, lambda f: f"{f.held_out[3]:.4f}")} |
| deviation of the log error, best network | {_each(figures, lambda f: f"{f.deviation[0]:.4f}")} |
| deviation of the log error, median network | {_each(figures, lambda f: f"{f.deviation[1]:.4f}")} |
| table less real accuracy on the fronts, mean absolute | {_each(figures, lambda f: f"{f.fitted:.2%}")} |
| of these equal to all digits, by chance | {_each(figures, lambda f: f"{f.equal} of {f.observed}")} |
| networks above the real front | {_each(figures, lambda f: f"{f.above:,} of 208,537")} |
| networks on both fronts | {_each(figures, lambda f: f"{f.common} of {f.real.front}")} |
| local optima | {_each(figures, lambda f: f"{f.optima:.2%}")} |
| networks whose accuracy another has too | {_each(figures, lambda f: f"{f.ties:.1%}")} |
| accuracy: 1%, 50%, 99% quantile | \
{_each(figures, lambda f: ", ".join(f"{q:.1%}" for q in f.quantiles))} |

Held out: the networks on the fronts in five folds, neither their figures nor their bounds used. Being on a front, they
are better than a surface predicts of their like, hence the negative mean.

## What it allows one to conclude

How methods rank on a landscape with this front, this tail of good networks and about this roughness. Away from the
front the accuracies are extrapolated: a network far below it may be anything that the bounds allow, so statements about
the bulk (mean accuracy, how bad bad networks are, correlation of all networks) are the model's.

## Not for

- the accuracy of any single network, or which network is the best of MacroNAS;
- figures beside published ones of MacroNAS without saying that this is an emulation calibrated to some of them;
- comparing surrogates or predictors by how well they fit this table: its surface has few terms, which flatters models
  of that form.
"""
    return "\n\n".join(_wrapped(block) for block in text.split("\n\n"))


def _wrapped(block: str) -> str:
    """A paragraph in lines of even length, once its figures are in; headings, lists, tables, code as they are."""
    return block if block.lstrip("\n").startswith(("#", "|", "- ", "    ")) else textwrap.fill(block, 118)


def _each(figures: Figures, say: Callable[[OfDataSet], str]) -> str:
    return " | ".join(say(one) for one in figures.of.values())


def _ground(figures: Figures) -> str:
    def row(what: str, say: Callable[[Ground], str]) -> str:
        return (
            f"| {what} | " + " | ".join(f"{say(one.real)} | {say(one.emulated)}" for one in figures.of.values()) + " |"
        )

    return "\n".join(
        [
            row("best accuracy", lambda ground: f"{ground.best:.2%}"),
            row("hypervolume of the front", lambda ground: f"{ground.hypervolume:.2f}"),
            row("networks on the front", lambda ground: f"{ground.front}"),
            row("random search, best of 1,500", lambda ground: f"{ground.random[0]:.2%}"),
            row("random search, standard deviation", lambda ground: f"{ground.random[1]:.2%}"),
            row("local search, 1,500 evaluations", lambda ground: f"{ground.local:.2%}"),
        ]
    )
