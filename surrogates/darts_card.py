"""How far the distilled model of the DARTS space agrees with its teacher, and the data card that says so."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import kendalltau

from nasbench_sim.oracle import Task
from nasbench_sim.simulate import simulate_many
from nasbench_sim.strategies.local_search import LocalSearch
from surrogates.darts_climbs import random_climbs
from surrogates.darts_distilled import EPOCHS, KIND, Distilled
from surrogates.darts_lessons import ORIGINS, Lessons
from surrogates.darts_oracle import Answering, DARTSOracle

Floats = npt.NDArray[np.float64]

BEST = 0.05
CLIMBS, SEARCHES, EVALUATIONS = 64, 20, 1000
FAR = 0.001  # in accuracy


@dataclass(frozen=True)
class Agreement:
    """Of the distilled model with its teacher on networks that it never saw.

    Attributes:
        n: networks.
        tau: Kendall's.
        tau_best: among the teacher's best twentieth.
        mean_off: mean absolute difference in accuracy.
        bias: mean difference in accuracy, distilled less teacher.
        far: how many differ by more than ``FAR``.
        worst: the greatest difference in accuracy.
    """

    n: int
    tau: float
    tau_best: float
    mean_off: float
    bias: float
    far: int
    worst: float


@dataclass(frozen=True)
class Figures:
    """What the card states.

    Attributes:
        agreement: by origin of the networks, then of all together.
        seconds: Kendall's tau and mean relative difference of the seconds.
        epochs: Kendall's tau of the error and mean relative difference of the seconds, by epochs below the last.
        pairs_alone: Kendall's tau on random networks of sums over pairs alone, without the trees.
        best: the lowest error that climbs find on the distilled model, what the teacher says of that network, and the
            lowest that climbs find on the teacher.
        tops: how many of ``CLIMBS`` climbs end there, on the distilled model and on the teacher.
        searches: mean final error of local searches on the distilled model, by its own figures and by the teacher's,
            and on the teacher.
    """

    agreement: Mapping[str, Agreement]
    seconds: tuple[float, float]
    epochs: Mapping[float, tuple[float, float]]
    pairs_alone: float
    best: tuple[float, float, float]
    tops: tuple[int, int]
    searches: tuple[float, float, float]


def measure(model: Distilled, teacher: Answering, held_out: Lessons, pairs_alone: Distilled) -> Figures:
    """Hold the model against its teacher on lessons that it did not have.

    Args:
        model: distilled.
        teacher: asked.
        held_out: networks that the model did not learn from.
        pairs_alone: the model without its trees.
    """
    last = EPOCHS[-1]
    error, seconds = model.figures(held_out.codes, last)
    found = {
        origin: agreement(held_out.error[rows], error[rows])
        for number, origin in enumerate(ORIGINS)
        if (rows := held_out.origin == number).any()
    }
    random = held_out.origin == 0
    shorter = {}
    for epochs in EPOCHS[:-1]:
        taught = teacher.figures(held_out.codes[random], epochs)
        own = model.figures(held_out.codes[random], epochs)
        shorter[epochs] = (_tau(taught[0], own[0]), float(np.mean(np.abs(own[1] / taught[1] - 1))))
    ends, values = random_climbs(model.space, lambda codes: model.figures(codes, last)[0], CLIMBS)
    _, teachers = random_climbs(model.space, lambda codes: teacher.figures(codes, last)[0], CLIMBS)
    best = ends[[int(np.argmin(values))]]
    alone = pairs_alone.figures(held_out.codes[random], last)[0]
    return Figures(
        found | {"all together": agreement(held_out.error, error)},
        (_tau(held_out.seconds, seconds), float(np.mean(np.abs(seconds / held_out.seconds - 1)))),
        shorter,
        _tau(held_out.error[random], alone),
        (float(values.min()), float(teacher.figures(best, last)[0][0]), float(teachers.min())),
        (int((values == values.min()).sum()), int((teachers == teachers.min()).sum())),
        _searches(model, teacher),
    )


def agreement(taught: Floats, own: Floats) -> Agreement:
    """Of errors ``float64[n]``."""
    best = taught <= np.quantile(taught, BEST)
    off = taught - own  # in accuracy, distilled less teacher
    return Agreement(
        len(taught),
        _tau(taught, own),
        _tau(taught[best], own[best]),
        float(np.abs(off).mean()),
        float(off.mean()),
        int((np.abs(off) > FAR).sum()),
        float(np.abs(off).max()),
    )


def _tau(one: Floats, other: Floats) -> float:
    return float(kendalltau(one, other).statistic)


def _searches(model: Distilled, teacher: Answering) -> tuple[float, float, float]:
    """Mean final errors of local searches: on the model by its own figures and the teacher's, and on the teacher."""
    ends = {}
    for name, asked in (("model", model), ("teacher", teacher)):
        task = Task(name, DARTSOracle(asked), evaluations=EVALUATIONS)
        ends[name] = simulate_many(task, LocalSearch, range(SEARCHES))
    codes = np.stack([trace.codes[-1] for trace in ends["model"]])
    means = [float(np.mean([trace.objectives[-1, 0] for trace in ends[name]])) for name in ("model", "teacher")]
    return means[0], float(teacher.figures(codes, EPOCHS[-1])[0].mean()), means[1]


def card(model: Distilled, figures: Figures, counts: Sequence[tuple[str, int]], size: int, trees: int) -> str:
    """The data card, Markdown.

    Args:
        model: that the card is of.
        figures: measured.
        counts: origins and how many networks of each were learned.
        size: of the file in bytes.
        trees: how many.
    """
    total = sum(count for _, count in counts)
    origins = ", ".join(f"{count:,} {_WORDS[origin]}" for origin, count in counts)
    rows = "\n".join(
        f"| {name} | {one.n:,} | {one.tau:.3f} | {one.tau_best:.3f} | {100 * one.mean_off:.3f} | "
        f"{100 * one.bias + 0.0:+.4f} | {one.far:,} | {100 * one.worst:.2f} |"
        for name, one in figures.agreement.items()
    )
    shorter = "; ".join(
        f"after {epochs:g} epochs tau {tau:.3f}, seconds off by {off:.1%}"
        for epochs, (tau, off) in figures.epochs.items()
    )
    everything = figures.agreement["all together"]
    found, says, known = figures.best
    own, taught, teachers = figures.searches
    paragraphs = (
        f"**A {KIND}.** No figure here was measured, and none comes from NAS-Bench-301's own ensembles. This model "
        "learned what the YAHPO surrogate of NAS-Bench-301 answers, a neural network that learned from trainings of "
        "that benchmark. It stands in where neither can be had, so that searches on this space run with no download.",
        "## What it holds",
        "For each network of the DARTS space with distinct inputs (about 10^18): expected validation error on CIFAR-10 "
        f"after {', '.join(f'{epochs:g}' for epochs in EPOCHS)} epochs, and seconds of training. No test error, and no "
        "noise between trainings: nothing is known of either. The file holds weights of sums over pairs and "
        f"{trees:,} trees, as whole numbers; asking it needs numpy alone.",
        "## Source and licence",
        "Learned from answers of the nb301 network of YAHPO Gym (Pfisterer et al. 2022; slds-lmu/yahpo_data, "
        f"Apache-2.0; sha256 of its files together {model.about['teacher_sha256']}). Neither its weights nor any "
        "measured figure is contained. The model is under Apache-2.0. It is made by",
        "    python -m surrogates.darts_teaching --yahpo <folder of the network> -o tables/darts_distilled.npz",
        "## How it was made",
        f"{total:,} networks were labelled by the teacher: {origins}. Each network counts once, under the first origin "
        "that has it. Random DARTS networks all look alike, so about half of the lessons come from where searches go.",
        "The logit of the accuracy after 98 epochs is a weight for each operation on each edge and for each pair of "
        f"them (ridge regression), plus an ensemble of {trees:,} boosted trees (LightGBM) on what the pairs leave. "
        "Differences to shorter trainings, and the logarithms of the seconds, are sums over pairs.",
        "## How far it agrees with its teacher",
        f"On {everything.n:,} other networks, drawn in the same ways with other seeds and not among the learned ones "
        "(differences in per cent of accuracy; bias is distilled less teacher):",
        "| networks | n | Kendall's tau | tau, best 5% | mean difference | bias | off by more than "
        f"{100 * FAR:g}% | greatest |\n|---|---|---|---|---|---|---|---|\n{rows}",
        f"Without the trees tau on random networks is {figures.pairs_alone:.3f}. Seconds after 98 epochs: tau "
        f"{figures.seconds[0]:.3f}, off by {figures.seconds[1]:.1%} on average. On random networks: {shorter}.",
        f"The best network that {CLIMBS} climbs from random starts find on the model has {100 * (1 - found):.2f}% "
        f"there and {100 * (1 - says):.2f}% by the teacher, whose own best known has {100 * (1 - known):.2f}%; "
        f"{figures.tops[0]} of the climbs end there on the model, {figures.tops[1]} at the best of the teacher. "
        f"{SEARCHES} local searches of {EVALUATIONS:,} evaluations end at {100 * (1 - own):.2f}% by the model, "
        f"{100 * (1 - taught):.2f}% by the teacher; the same searches on the teacher itself at "
        f"{100 * (1 - teachers):.2f}%.",
        "## Where it must not be trusted",
        "- In absolute accuracy. Even the teacher is not the benchmark: its best networks have over 96%, where local "
        "search on NAS-Bench-301's own ensemble ends near 95.1%.\n"
        f"- For the roughness of the landscape. Teacher and model are smooth functions of the architecture: "
        f"{figures.tops[0]} and {figures.tops[1]} of {CLIMBS} climbs end at one and the same network. There are fewer "
        "local optima than among trainings, and no noise.\n"
        "- For statements about a network that anybody would train. Train it.",
        f"Format {model.about['format']}, {size / 1e6:.1f} MB, fingerprint `{model.fingerprint}`.",
    )
    title = "# The DARTS space, distilled from the YAHPO surrogate of NAS-Bench-301"
    return "\n\n".join([title, *(_wrapped(one) for one in paragraphs)]) + "\n"


_WORDS = {
    "random": "random",
    "local search": "asked by local search",
    "evolution": "asked by regularized evolution",
    "climbs": "asked by climbs to the best neighbour",
    "changed good ones": "changes of the best that these found",
}


def _wrapped(paragraph: str) -> str:
    if paragraph.startswith(("#", "|", "    ")):
        return paragraph
    lines = paragraph.split("\n")
    return "\n".join(
        textwrap.fill(line, 120, subsequent_indent="  " if line.startswith("- ") else "") for line in lines
    )
