"""Every task and strategy by name: the only room that knows all the others."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import cache, partial
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from nasbench_sim.constrained import constrained
from nasbench_sim.errors import UserError
from nasbench_sim.folds import FoldsOracle, Radiographs
from nasbench_sim.generated import GeneratedOracle
from nasbench_sim.landscapes import FieldOfViewSearch, SixHundred, TrainingMinutes
from nasbench_sim.normalised import normalised
from nasbench_sim.oracle import Floats, Oracle, Request, Task
from nasbench_sim.proxy import Bias, WeightSharingOracle
from nasbench_sim.spaces.darts import DARTS
from nasbench_sim.spaces.macronas import MacroNAS
from nasbench_sim.spaces.nasbench101 import SUBSPACES, NASBench101
from nasbench_sim.spaces.nasbench201 import NASBench201
from nasbench_sim.spaces.nasbench_macro import NASBenchMacro
from nasbench_sim.spaces.ofa import OFA
from nasbench_sim.spaces.part import Part
from nasbench_sim.spaces.space import Space
from nasbench_sim.strategies.asha import ASHA
from nasbench_sim.strategies.bananas import Bananas
from nasbench_sim.strategies.bayesian_optimization import BayesianOptimization
from nasbench_sim.strategies.dmls import DMLS, PAES, PLS
from nasbench_sim.strategies.greedy_search import GreedySearch
from nasbench_sim.strategies.grid_search import GridSearch
from nasbench_sim.strategies.hyperband import Hyperband
from nasbench_sim.strategies.hyperband_bo import HyperbandBO
from nasbench_sim.strategies.local_search import LocalSearch
from nasbench_sim.strategies.ls_pon import LSPON
from nasbench_sim.strategies.ls_weights import LSWeights
from nasbench_sim.strategies.moead import MOEAD
from nasbench_sim.strategies.nsga2 import NSGA2
from nasbench_sim.strategies.one_plus_one import OnePlusOne
from nasbench_sim.strategies.random_search import RandomSearch
from nasbench_sim.strategies.regularized_evolution import RegularizedEvolution
from nasbench_sim.strategies.scalarised import ScalarisedLocalSearch
from nasbench_sim.strategies.spea2 import SPEA2
from nasbench_sim.strategies.staged_search import StagedSearch
from nasbench_sim.strategies.strategy import Factory
from nasbench_sim.strategies.successive_halving import SuccessiveHalving
from nasbench_sim.strategies.weight_sharing import WeightSharing
from nasbench_sim.tabular import RowIndex, Table, find
from nasbench_sim.tabular.fronts import front_within, true_front
from nasbench_sim.tabular.grids import configurations_of
from nasbench_sim.tabular.importers.nasbench201_csv import DEVICES
from nasbench_sim.tabular.oracle import TabularOracle
from nasbench_sim.timing import CIFAR10, Timing
from surrogates.darts_distilled import Distilled, find_distilled
from surrogates.darts_oracle import Answering, DARTSOracle
from surrogates.nasbench301 import NASBench301, find_ensembles
from surrogates.yahpo import YAHPO, find_yahpo

NASBENCH101_EPOCHS = (4.0, 12.0, 36.0, 108.0)
"""Of NAS-Bench-101, and the rungs of the strategies below; other tasks need others, see ``Source.fidelities``."""

STRATEGIES: Mapping[str, Factory] = {
    "RandomSearch": RandomSearch,
    "GreedySearch": GreedySearch,
    "WeightSharing": WeightSharing,
    "WeightSharing-GreedySearch": partial(WeightSharing, inner=GreedySearch),
    "LocalSearch": LocalSearch,
    "LSWeights": LSWeights,
    "LSPON": LSPON,
    "RegularizedEvolution": RegularizedEvolution,
    "OnePlusOne": OnePlusOne,
    "Bananas": Bananas,
    "SuccessiveHalving": partial(SuccessiveHalving, fidelities=NASBENCH101_EPOCHS),
    "Hyperband": partial(Hyperband, fidelities=NASBENCH101_EPOCHS),
    "ASHA": partial(ASHA, fidelities=NASBENCH101_EPOCHS),
    "BayesianOptimization": BayesianOptimization,
    "HyperbandBO": partial(HyperbandBO, fidelities=NASBENCH101_EPOCHS),
    "GridSearch": GridSearch,
    "StagedSearch": StagedSearch,
    "DMLS": DMLS,
    "PLS": PLS,
    "PAES": PAES,
    "NSGA2": NSGA2,
    "SPEA2": SPEA2,
    "MOEAD": MOEAD,
    "ScalarisedLocalSearch": ScalarisedLocalSearch,
}

NASBENCH201_DATA_SETS = ("cifar10", "cifar100", "imagenet16_120")
MACRONAS_DATA_SETS = ("cifar10", "cifar100")
HPOLIB_DATA_SETS = ("slice_localization", "protein_structure", "naval_propulsion", "parkinsons_telemonitoring")
HPOBENCH_DATA_SETS = (
    "australian", "blood_transfusion", "car", "credit_g", "kc1", "phoneme", "segment", "vehicle",
)  # fmt: skip
TASKSET_DATA_SETS = ("imdb_patch128_LSTM128_bs64", "imdb_patch32_GRU128_bs128", "imdb_patch32_LSTM128_bs128")
GENERATED = ("six_hundred", "training_minutes", "field_of_view", "radiographs")
TABLE = "table:"
TASKS = (
    *(f"nasbench101/{subspace}" for subspace in SUBSPACES),
    *(f"nasbench201/{data_set}" for data_set in NASBENCH201_DATA_SETS),
    "nasbench201/digits",
    *(f"macronas/{data_set}" for data_set in MACRONAS_DATA_SETS),
    "nasbench_macro",
    "nasbench301",
    "nasbench301/yahpo",
    "nasbench301/ensemble",
    *(f"hpolib/{data_set}" for data_set in HPOLIB_DATA_SETS),
    *(f"hpobench/{data_set}" for data_set in HPOBENCH_DATA_SETS),
    *(f"taskset/{data_set}" for data_set in TASKSET_DATA_SETS),
    *(f"generated/{landscape}" for landscape in GENERATED),
)
"""Also ``table:NAME`` or ``table:NAME/DATA_SET``: a grid's table, such as one imported from anybody's CSV file.

All of these have one objective, the error.  A further part names more: see ``SEVERAL``.
"""

MODELS = ("nasbench301", "generated")
"""Families that no table answers for: the error is all that they know."""

SEVERAL = (
    *(f"macronas/{data_set}/mmacs" for data_set in MACRONAS_DATA_SETS),
    *(f"nasbench201/{data_set}/{device}" for data_set in NASBENCH201_DATA_SETS for device in DEVICES),
    "nasbench_macro/macs+parameters",
    *(f"nasbench101/{subspace}/train_seconds+parameters" for subspace in SUBSPACES),
)
"""Tasks of several objectives: a name of ``TASKS`` and whatever is minimised beside the error.

That is joined by "+": any objectives that the table has, and ``train_seconds``; a device stands for its latency.  The
error stays as it is, all others are scaled to their least and most over the space, and hypervolume is measured up to 1
in each (``nasbench_sim.tabular.fronts``).
"""

# What the weight-sharing study trained (its sections 4.3.2 and 4.3.3).
SUPERNET_EPOCHS, SUPERNET_WIDTH, WIDTH = 432, 16, 128
PROXY_SECONDS = 4.0
SUPERNETS = 5
# Of the first 24 seeds the one whose five super-nets come nearest to the column that they are calibrated to
# (`python -m suites.ws_calibrate --seeds 24`): five are a small sample, and this one is typical.
SUPERNET_SEED = 1
# Super-net trainings that a variant costs in units of the plain one: avg-3 averages three cells' gradients a step.
VARIANT_COST = {"no_ft": 1.0, "bns_ft": 1.0, "single_k": 1.0, "pro_rata": 1.0, "avg_3": 3.0, "sk_pr": 1.0}
# Variants that sample cells in proportion to their parameters pay the mean under that weight.
PRO_RATA = ("pro_rata", "sk_pr")

# Calibrated: one saturation per space, to Table 4.3 and the first column of Table 4.4 of the study, by
# `python -m suites.ws_calibrate`.  The clusters are those of its Figures 4.3 and 4.4; A4 takes a decoy: a cluster
# whose members a super-net hardly tells apart.
BIAS: Mapping[str, Bias] = {
    "A1": Bias(saturation=-0.50, cluster="residual", weight=0.3),
    "A2": Bias(saturation=0.61, cluster="drawn", weight=0.3),
    "A3": Bias(saturation=-0.06, cluster="drawn", weight=0.3),
    "A4": Bias(saturation=0.00, cluster="first conv3x3", weight=0.3, blindness=0.9),
    "full": Bias(saturation=-0.14, cluster="drawn", weight=0.3),
    "nres": Bias(saturation=0.61, cluster="drawn", weight=0.3),
    "res": Bias(saturation=-0.56, cluster="none", weight=0.0),
}


def task(
    name: str,
    *,
    tables: str | Path | None = None,
    noise: str = "mean",
    held_out: str = "test",
    variant: str = "bns_ft",
    supernets: int = SUPERNETS,
    supernet_seed: int = SUPERNET_SEED,
    speed: float = 1.0,
    limits: Mapping[str, float] = MappingProxyType({}),
) -> Task:
    """A task by name, without a budget.

    Args:
        name: one of ``TASKS`` or ``SEVERAL``, or ``table:NAME/DATA_SET``.
        tables: folder that is searched for tables before ``NASBENCH_SIM_TABLES`` and the embedded ones.
        noise: "mean", "repeat", or a number of repeats such as "2".
        held_out: what configurations are judged by, "test" or "validation", see ``TabularOracle``.
        variant: of the super-nets, on NAS-Bench-101: one of ``VARIANT_COST``.
        supernets: how many super-nets there are; runs share them by seed modulo this number.
        supernet_seed: draws other super-nets.
        speed: of the device, on NAS-Bench-101; 2 trains in half the time.
        limits: the most of what a configuration may take, in its own unit, such as ``{"parameters": 1e6}`` or
            ``{"latency_pixel3": 5.0}``; see ``nasbench_sim.constrained``.

    Raises:
        UserError: unknown task, variant, noise, objective or limit, or a table that is missing or damaged.
    """
    options: dict[str, Any] = {"tables": tables, "noise": noise, "held_out": held_out, "speed": speed}
    base, _, further = name.rpartition("/")
    if base in TASKS and name not in TASKS and base not in MODELS:
        chosen = tuple(f"latency_{part}" if part in DEVICES else part for part in further.split("+"))
        return _of_several(name, tabular_oracle(base, objectives=("error", *chosen), **options), limits)
    found = _of_error(name, variant=variant, supernets=supernets, supernet_seed=supernet_seed, **options)
    return replace(found, oracle=constrained(found.oracle, limits))


def _of_several(name: str, oracle: TabularOracle, limits: Mapping[str, float]) -> Task:
    """On the scale of the whole space, beside the front of what keeps within the limits."""
    front, within = true_front(oracle), constrained(oracle, limits)
    if limits:
        answers = within.evaluate(Request(oracle.table.array("codes")[oracle.rows]), 0)
        front = front_within(oracle, front, oracle.rows[answers.violation <= 0])
    return Task(name, normalised(within, front.ranges, front))


def _of_error(
    name: str,
    *,
    tables: str | Path | None,
    noise: str,
    held_out: str,
    speed: float,
    variant: str,
    supernets: int,
    supernet_seed: int,
) -> Task:
    """A task of one objective."""
    if variant not in VARIANT_COST:
        raise UserError(f"unknown variant {variant!r}; {nearest(variant, VARIANT_COST)}")
    family, _, part = name.partition("/")
    if family == "generated" and name in TASKS:
        return Task(name, _generated(part, noise))
    if family == "nasbench301" and name in TASKS:
        folder = None if tables is None else str(tables)
        return Task(name, DARTSOracle(_nasbench301(part, folder), noise=noise, held_out=held_out))
    trained = tabular_oracle(name, tables=tables, noise=noise, held_out=held_out, speed=speed)
    if family != "nasbench101":
        return Task(name, trained)
    timing = _nasbench101(None if tables is None else str(tables))[1]
    oracle = WeightSharingOracle(
        trained,
        BIAS[part],
        spearman(part, variant),
        (part, variant),
        setup_seconds=_supernet_seconds(trained, timing, variant) / speed,
        proxy_seconds=PROXY_SECONDS,
        supernets=supernets,
        seed=supernet_seed,
    )
    return Task(name, oracle)


def tabular_oracle(
    name: str,
    *,
    objectives: Sequence[str] = ("error",),
    tables: str | Path | None = None,
    noise: str = "mean",
    held_out: str = "test",
    speed: float = 1.0,
) -> TabularOracle:
    """What a name of ``TASKS`` looks up, without super-nets.

    Args:
        name: as of ``task``.
        objectives: see ``TabularOracle``, in their own units.
        tables: as of ``task``.
        noise: as of ``task``.
        held_out: as of ``task``.
        speed: as of ``task``.

    Raises:
        UserError: as ``task``.
    """
    folder = None if tables is None else str(tables)
    options: dict[str, Any] = {"noise": noise, "held_out": held_out, "objectives": objectives}
    if name.startswith(TABLE):
        return _of_table(*name.removeprefix(TABLE).partition("/")[::2], folder, options)
    if name not in TASKS:
        raise UserError(f"unknown task {name!r}; {nearest(name, (*TASKS, *SEVERAL))}")
    family, _, part = name.partition("/")
    if family in MODELS:
        raise UserError(f"{name} is answered by a model, it is no table")
    if family == "macronas":
        return _of_table(family, part, folder, options)
    if family in ("nasbench_macro", "hpolib", "hpobench", "taskset"):
        return _of_table(name.replace("/", "_"), part, folder, options)
    if name == "nasbench201/digits":
        return _of_table("nasbench201_digits", part, folder, options)
    if family == "nasbench201":
        return TabularOracle(NASBench201(dataset=part), Table.open(find("nasbench201", folder)), part, **options)
    table, timing, index = _nasbench101(folder)
    seconds = np.stack([timing.training(epochs, CIFAR10, WIDTH) for epochs in table.fidelities], axis=1) / speed
    clock = f"forward and backward passes on {timing.device}, {timing.kind}"
    return TabularOracle(
        NASBench101(part), table, "cifar10", train_seconds=seconds, clock=clock, index=index, **options
    )


def _generated(landscape: str, noise: str) -> Oracle:
    """What a formula answers: no network was trained."""
    if landscape == "radiographs":
        return FoldsOracle(Radiographs())
    made = {"six_hundred": SixHundred, "training_minutes": TrainingMinutes, "field_of_view": FieldOfViewSearch}
    return GeneratedOracle(made[landscape](), noise)


def _of_table(file: str, data_set: str, folder: str | None, options: Mapping[str, Any]) -> TabularOracle:
    """Of a table that need not have seconds: then every evaluation takes one."""
    table = Table.open(find(file, folder))
    if not table.data_sets:
        raise UserError(f"{table.path} holds seconds and no errors: it is no task, but --timing charges by it")
    data_set = data_set or table.data_sets[0]
    space: Space
    if table.space == "macronas" and data_set in MACRONAS_DATA_SETS:
        # Genotypes, as the studies of this benchmark search it: 28 neighbours, some of them equal networks.
        space = MacroNAS(dataset=data_set, genotypes=True)
    else:
        space = _space_of(table)
    if data_set not in table.data_sets or f"{data_set}/train_seconds" in table.arrays:
        return TabularOracle(space, table, data_set, **options)
    seconds = np.ones((len(table), len(table.fidelities)))
    clock = "one second an evaluation, since the table has none"
    if table.resumes:
        # a longer training pays the difference, so its seconds must differ
        seconds *= np.array(table.fidelities) / table.fidelities[-1]
        clock = "one second a whole training and in proportion a part of it, since the table has none"
    return TabularOracle(space, table, data_set, train_seconds=seconds, clock=clock, **options)


def _nasbench301(part: str, folder: str | None) -> Answering:
    """The embedded model; or, where their files are at hand, its teacher or the benchmark's own ensembles."""
    if part == "yahpo":
        return YAHPO.open(find_yahpo(folder))
    if part == "ensemble":
        return NASBench301.open(*find_ensembles(folder))
    return Distilled.open(find_distilled(folder))


def _space_of(table: Table) -> Space:
    """The space of networks that a table was recorded of, or the part of it; or the grid that it describes."""
    equivalence = str(table.attributes.get("equivalence", "none"))
    chosen = {} if equivalence == "none" else {"equivalence": equivalence}
    spaces: dict[str, Callable[..., Space]] = {
        "nasbench101": NASBench101,
        "nasbench201": NASBench201,
        "macronas": MacroNAS,
        "nasbench_macro": NASBenchMacro,
        "darts": DARTS,
        "ofa": OFA,
    }
    if table.space not in spaces:
        return configurations_of(table)
    whole = spaces[table.space](**chosen)
    return Part.of(whole, table.codes) if table.attributes.get("part") else whole


def spearman(subspace: str, variant: str) -> tuple[float, float]:
    """Published mean of the super-nets' correlations, and their standard deviation.

    The deviation is what the published 95% interval of a mean of five implies, by Student's t.
    """
    mean, half_width = published()["spearman"][subspace][list(VARIANT_COST).index(variant)]
    return mean, float(half_width * np.sqrt(5) / 2.776)


def _supernet_seconds(trained: TabularOracle, timing: Timing, variant: str) -> float:
    """Training of a super-net: the mean over the cells that it samples (section 4.3.3)."""
    seconds: Floats = timing.training(SUPERNET_EPOCHS, CIFAR10, SUPERNET_WIDTH)[trained.rows]
    parameters = trained.table.array("cifar10/parameters")[trained.rows]
    weights = parameters if variant in PRO_RATA else np.ones(len(seconds))
    return float(VARIANT_COST[variant] * np.average(seconds, weights=weights))


@cache
def _nasbench101(folder: str | None) -> tuple[Table, Timing, RowIndex]:
    """Opened once a process: table and device are the same for all seven tasks."""
    table = Table.open(find("nasbench101", folder))
    timings = Table.open(find("timings/k80", folder))
    space = NASBench101()  # its sub-spaces have the same keys
    return table, Timing.of(timings, table, space), table.index(space)


@cache
def published() -> Mapping[str, Any]:
    """The weight-sharing study's own figures."""
    return tomllib.loads((resources.files("suites") / "ws_vs_rs.toml").read_text(encoding="utf-8"))


def nearest(name: str, known: Mapping[str, Any] | tuple[str, ...] | list[str]) -> str:
    """What to say about an unknown name: the nearest ones, or all."""
    near = get_close_matches(name, list(known), 3, 0.4)
    return f"did you mean {' or '.join(near)}?" if near else f"choose from {', '.join(known)}"
