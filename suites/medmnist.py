"""Does local search with a predictor find good networks for medical images, and does it find them sooner?

The study that this repeats: a thesis of 2023, chapter 6, on PneumoniaMNIST and DermaMNIST (Yang et al. 2023).  It
trains for real: ``python -m suites.run medmnist --real --data breastmnist.npz --budget 20 --seeds 2 --epochs 2``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Task
from nasbench_sim.strategies.local_search import LocalSearch
from nasbench_sim.strategies.ls_pon import LSPON
from suites.suite import Comparison, Entry, Retraining, Suite

EVALUATIONS, RUNS, EPOCHS = 1000, 10, 200
SHARES = (0.2, 0.5, 0.75, 1.0)  # 200, 500, 750 and 1,000 of 1,000 evaluations

# Tables 6.1 and 6.2 of the study, with those of MedMNIST's authors: AUC and accuracy on the test images.
PUBLISHED: Mapping[str, tuple[tuple[str, float, float], ...]] = {
    "pneumoniamnist": (
        ("best found by the study", 0.968, 0.891),
        ("ResNet-18 (28)", 0.944, 0.854),
        ("ResNet-18 (224)", 0.956, 0.864),
        ("ResNet-50 (28)", 0.948, 0.854),
        ("ResNet-50 (224)", 0.962, 0.884),
        ("auto-sklearn", 0.942, 0.855),
        ("AutoKeras", 0.947, 0.878),
        ("Google AutoML Vision", 0.991, 0.946),
    ),
    "dermamnist": (
        ("best found by the study", 0.918, 0.754),
        ("ResNet-18 (28)", 0.917, 0.735),
        ("ResNet-18 (224)", 0.920, 0.754),
        ("ResNet-50 (28)", 0.913, 0.735),
        ("ResNet-50 (224)", 0.912, 0.731),
        ("auto-sklearn", 0.902, 0.719),
        ("AutoKeras", 0.915, 0.749),
        ("Google AutoML Vision", 0.914, 0.768),
    ),
}


def suite(compared: str = "none", final_epochs: str = "200") -> Suite:
    """The study's protocol, to be scaled by ``--budget``, ``--seeds``, ``--epochs`` and ``--set final_epochs=20``.

    Args:
        compared: whose published figures stand beside: "pneumoniamnist", "dermamnist" or "none".
        final_epochs: of the longer training of the best.
    """
    if compared not in ("none", *PUBLISHED):
        raise UserError(f"--set compared={compared}: choose from none, {', '.join(PUBLISHED)}")
    if not (final_epochs.isascii() and final_epochs.isdecimal() and int(final_epochs) > 0):
        raise UserError(f"--set final_epochs={final_epochs}: it must be a whole number of at least 1")
    return Suite(
        name="medmnist",
        question="Does local search with a predictor find good networks for medical images, and sooner?",
        tasks=("darts",),
        entries=(
            Entry("LS", "local search, first improvement", LocalSearch, RUNS),
            Entry("LS-PON", "local search, neighbours in the order that a linear model predicts", LSPON, RUNS),
        ),
        comparisons=(Comparison("LS", "LS-PON"),),
        make_task=_task,
        evaluations=EVALUATIONS,
        parameters={"compared": compared, "final_epochs": final_epochs},
        notes=(NOTE,),
        axis="evaluations",
        recipe="medmnist",
        retraining=Retraining(
            ("LS-PON", "LS"),
            SHARES,
            3,
            int(final_epochs),
            PUBLISHED.get(compared, ()),
            "" if compared == "none" else OWN,
        ),
    )


def _task(name: str, tables: Path | None) -> Task:
    raise UserError(f"medmnist has no table of {name}, it trains: add --real --data FILE.npz, and scale it by --budget")


NOTE = (
    "The study: 10 runs of 1,000 evaluations of 5 epochs at a learning rate of 0.001, and at 200, 500, 750 and 1,000 "
    "evaluations the best three trained for 200 epochs. The methods part says at which scale this page was made."
)
OWN = (
    "Published figures are of the publisher's own splits and of larger networks, and the study kept the best of three "
    "on the test images; a file that lacks some of the training images cannot be compared with them."
)
