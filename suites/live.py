"""A suite by training instead of by tables: the same strategies and budgets, on somebody's own data set."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Observations, Request, Task
from nasbench_sim.spaces.darts import DARTS
from nasbench_sim.spaces.macronas import MacroNAS
from nasbench_sim.spaces.nasbench101 import NASBench101
from nasbench_sim.spaces.nasbench201 import NASBench201
from nasbench_sim.spaces.nasbench_macro import NASBenchMacro
from nasbench_sim.spaces.ofa import OFA
from nasbench_sim.spaces.space import Space
from nasbench_sim.strategies.weight_sharing import WeightSharing
from nasbench_sim.wrapped import Wrapped
from suites.suite import Suite

if TYPE_CHECKING:
    from nasbench_sim.real.oracle import RealOracle
    from nasbench_sim.real.supernets.oracle import SuperNetOracle

MOST_BEST = 10  # that are noted at a milestone
SUPERNET_TIMES = 4  # as many epochs as a training (section 4.3.2 of the weight-sharing study)

NOTE = (
    "Every figure of this page comes from a network that was trained here, on a data set and at a size of its own. "
    "What the study published on other data is therefore not set beside it, and since nobody has trained the whole "
    "space, there is no regret: curves show the validation error that a search sees; test errors stand beside clocks."
)


@dataclass(frozen=True)
class Live:
    """What ``--real`` was asked for, as plain values.

    Attributes:
        data: see ``nasbench_sim.real.data``.
        folder: of the trainings.
        recipe: name of one; None for the suite's.
        epochs: replaces the recipe's.
        batch_size: likewise.
        learning_rate: likewise.
        published_size: networks of the published width and depth; False for those of ``networks.SMALL``.
        width: replaces either's.
        cells: likewise.
        device: "cpu", "cuda" or "auto".
        repeats: trainings behind each answer.
        supernets: how many are trained, where a strategy asks for proxies.
        supernet_epochs: of each; None for four times those of a training, as in the weight-sharing study.
    """

    data: str = "digits"
    folder: str = "trainings"
    recipe: str | None = None
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    published_size: bool = False
    width: int | None = None
    cells: int | None = None
    device: str = "auto"
    repeats: int = 1
    supernets: int = 1
    supernet_epochs: int | None = None


def workers_of(live: Live, asked: int | None) -> int:
    """How many processes train: as asked, else one on a GPU, which they would share, or one per core.

    Raises:
        UserError: torch is missing, or the device.
    """
    from nasbench_sim.real.needs import check_torch

    check_torch()
    from nasbench_sim.real.device import device

    if device(live.device).kind == "cpu":
        return asked or os.cpu_count() or 1
    if asked is not None and asked > 1:
        print(f"{asked} processes share one device: the seconds of each training have the others' work in them")
    return asked or 1


def live_suite(suite: Suite, live: Live, timing: str | None) -> Suite:
    """The suite by training: each space once, without what only its tables can answer.

    Raises:
        UserError: torch is missing, the suite is about several objectives, or a budget is in simulated time, before
            whose end nobody knows what to train.
    """
    from nasbench_sim.real.needs import check_torch

    check_torch()
    live = live if live.recipe else replace(live, recipe=suite.recipe)
    if suite.metric == "hypervolume":
        raise UserError(
            f"{suite.name} is about several objectives, and --real trains for the error alone: leave it out"
        )
    if suite.evaluations is None:
        raise UserError("--real takes a budget in evaluations (--budget 20): what has a time limit is trained in vain")
    milestones = tuple(
        sorted({max(1, round(share * suite.evaluations)) for share in suite.retraining.shares})
        if suite.retraining
        else ()
    )
    sharing = any(_shares_weights(entry.factory) for entry in suite.entries)
    variant = suite.parameters.get("variant", "bns_ft") if sharing else None
    # Runs that share a super-net are dependent.
    entries = tuple(
        replace(entry, cluster=live.supernets) if _shares_weights(entry.factory) else entry for entry in suite.entries
    )
    names: dict[str, str] = {}
    for name in suite.tasks:
        base = name.partition("@")[0]
        names.setdefault(f"{_space_name(base)}/{_short(live.data)}", base)
    return replace(
        suite,
        tasks=tuple(names),
        entries=entries,
        make_task=partial(
            _task, live=live, timing=timing, variant=variant, milestones=milestones, budget=suite.evaluations
        ),
        notes=(NOTE, *suite.notes) if suite.retraining else (NOTE,),
        published=(),
        evidence=None,
        readings={},
    )


def _task(
    name: str,
    tables: Path | None,
    live: Live,
    timing: str | None,
    variant: str | None,
    milestones: tuple[int, ...],
    budget: int,
) -> Task:
    real = oracle(space(name.rpartition("/")[0]), live, timing, tables)
    if variant is None:
        return Task(name, Watched(real, milestones=milestones, budget=budget))
    from nasbench_sim.real.supernets.oracle import SuperNetOracle

    recipe = real.recipe.with_(epochs=live.supernet_epochs or SUPERNET_TIMES * real.recipe.epochs)
    return Task(name, Watched(real, SuperNetOracle(real, recipe, variant, live.supernets), budget=budget))


def _shares_weights(factory: object) -> bool:
    """Whether a strategy asks for proxies."""
    while isinstance(factory, partial):
        factory = factory.func
    return factory is WeightSharing


def _short(data: str) -> str:
    """What a data set is called in the names of tasks."""
    family, colon, _ = data.partition(":")
    return family if colon else Path(data).stem


def _space_name(task: str) -> str:
    """The part of a task's name that says which space it searches."""
    family, _, part = task.partition("/")
    return f"{family}/{part}" if family == "nasbench101" else family


def space(name: str) -> Space:
    """A space that has networks, by the name that ``_space_name`` gives, such as ``nasbench101/A1``.

    Raises:
        UserError: it has none.
    """
    family, _, part = name.partition("/")
    found: dict[str, Space] = {
        "nasbench201": NASBench201(),
        "macronas": MacroNAS(),
        "nasbench_macro": NASBenchMacro(),
        "darts": DARTS(channels=32, layers=8),  # as NAS-Bench-301 has it
        "ofa": OFA(),
    }
    if family == "nasbench101":
        return NASBench101(part or "full")
    if family not in found:
        known = ", ".join(("nasbench101", *found))
        raise UserError(f"{name} has no networks to train: leave it out by --tasks; those of {known} have")
    return found[family]


def oracle(
    space: Space,
    live: Live,
    timing: str | None = None,
    tables: Path | None = None,
    *,
    fidelities: tuple[int, ...] | None = None,
) -> RealOracle:
    """What trains the configurations of a space.

    Raises:
        UserError: an unknown data set, recipe or device; networks that cannot be built; a timing table of another
            space.
    """
    from nasbench_sim.real.clocks import TableClock
    from nasbench_sim.real.data import load
    from nasbench_sim.real.device import device
    from nasbench_sim.real.networks import Shape
    from nasbench_sim.real.networks import size as resolved
    from nasbench_sim.real.oracle import RealOracle
    from nasbench_sim.real.recipes import recipe
    from suites.timings import open_timing

    data = load(live.data)
    width, cells = size(space, live)
    clock = None
    if timing is not None:
        table = open_timing(timing, tables)
        keyed = NASBench101() if space.name == "nasbench101" else space  # its sub-spaces have the same keys
        clock = TableClock(table, keyed, None, (len(data.train), len(data.validation)))
        clock = clock.at(resolved(space, Shape(data.inputs, data.classes, width, cells))[0])
    chosen = recipe(live.recipe or "digits").with_(
        epochs=live.epochs, batch_size=live.batch_size, learning_rate=live.learning_rate
    )
    return RealOracle(
        space, data, chosen, device(live.device), Path(live.folder),
        width=width, cells=cells, repeats=live.repeats, clock=clock, fidelities=fidelities,
    )  # fmt: skip


def size(space: Space, live: Live) -> tuple[int | None, int | None]:
    """Width and cells that were asked for; None where they are the published ones."""
    from nasbench_sim.real.networks import SMALL

    if live.published_size:
        return live.width, live.cells
    width, cells = SMALL[space.name]
    return live.width or width, live.cells or cells


class Watched(Wrapped):
    """A real oracle, and what the runs that ask it would have taken by the clock on the wall, each by itself.

    What a run asks for beyond its budget, such as the rest of a neighbourhood, is not trained: it comes back as failed,
    and the simulation counts it out.

    Args:
        real: trains.
        sharing: the same with super-nets beside it.
        milestones: evaluations after which the best that a run has seen are noted.
        budget: different trainings that a run may ask for; None for any number.
    """

    def __init__(
        self,
        real: RealOracle,
        sharing: SuperNetOracle | None = None,
        milestones: tuple[int, ...] = (),
        budget: int | None = None,
    ) -> None:
        super().__init__(sharing or real)
        self.real, self.sharing, self.milestones, self.budget = real, sharing, milestones, budget
        self._runs: dict[int, _Seen] = {}

    def evaluate(self, request: Request, run: npt.NDArray[np.uint64] | int) -> Observations:
        """Answer one request, see ``Oracle``."""
        seeds = np.broadcast_to(np.asarray(run, np.uint64), (len(request.codes),))
        seen = [self._runs.setdefault(seed, _Seen()) for seed in seeds.tolist()]
        if request.source != "train":
            for one in seen:
                one.proxies += 1
            return super().evaluate(request, run)
        keys = self.space.key(request.codes) if request.keys is None else request.keys
        names = [(*key, request.fidelity, request.repeat) for key in keys.tolist()]
        inside = np.array([one.asks(name, self.budget) for one, name in zip(seen, names, strict=True)], bool)
        part = replace(request, codes=request.codes[inside], keys=keys[inside])
        answers = self.train(part, seeds[inside])
        walls = self.real.wall_seconds(part, seeds[inside]).tolist()
        errors = np.where(answers.failed, np.inf, answers.objectives[:, 0]).tolist()
        for place, wall, error, code in zip(
            np.flatnonzero(inside).tolist(), walls, errors, answers.codes.tolist(), strict=True
        ):
            seen[place].note(names[place], wall, self.real.repeats, error, code, self.milestones)
        return answers if inside.all() else self._spread(answers, inside, replace(request, keys=keys))

    def train(self, request: Request, run: npt.NDArray[np.uint64]) -> Observations:
        """What training comes to."""
        return super().evaluate(request, run)

    def _spread(self, answers: Observations, inside: npt.NDArray[np.bool_], request: Request) -> Observations:
        """Answers to a part of a request as answers to all of it: what is not ``inside`` has failed at no cost."""
        n = len(inside)

        def filled(values: npt.NDArray[Any], missing: float) -> npt.NDArray[Any]:
            whole = np.full((n, *values.shape[1:]), missing, values.dtype)
            whole[inside] = values
            return whole

        assert request.keys is not None
        assert answers.held_out is not None
        index = self.real.index
        return replace(
            answers,
            codes=request.codes,
            keys=request.keys,
            objectives=filled(answers.objectives, np.nan),
            constraints=filled(answers.constraints, 0.0),
            seconds=filled(answers.seconds, 0.0),
            failed=filled(answers.failed, True),
            fidelity=filled(answers.fidelity, 0.0),
            held_out=filled(answers.held_out, np.nan),
            rows=None if index is None else index.rows(request.keys),
        )

    def about(self, seed: int) -> dict[str, Any]:
        """What a run's trace keeps; forgotten here, so that another strategy of that seed starts at nothing."""
        seen = self._runs.pop(seed, _Seen())
        told: dict[str, Any] = {"wall_seconds": seen.wall, "trainings": seen.trainings, "failed": seen.failed}
        if self.milestones:
            for milestone in self.milestones:
                seen.best.setdefault(str(milestone), seen.ranked())
            told["best"] = seen.best
        if self.sharing is not None and seen.proxies:
            setup, proxy = self.sharing.wall_seconds
            told["wall_seconds"] += setup + seen.proxies * proxy
            record = self.sharing.status[seed % self.sharing.supernets]
            told["supernet"] = {name: record[name] for name in ("status", "median", "chance", "seconds")}
        return told


@dataclass
class _Seen:
    """What one run has asked so far: every training once, under its key, fidelity and repeat."""

    wall: float = 0.0
    trainings: int = 0
    proxies: int = 0
    failed: int = 0
    asked: set[tuple[Any, ...]] = field(default_factory=set)
    errors: dict[tuple[Any, ...], tuple[float, list[int]]] = field(default_factory=dict)
    best: dict[str, list[list[int]]] = field(default_factory=dict)

    def asks(self, name: tuple[Any, ...], budget: int | None) -> bool:
        """Whether a training is known or within the budget; then it is known from now on."""
        if name not in self.asked:
            if budget is not None and len(self.asked) >= budget:
                return False
            self.asked.add(name)
        return True

    def note(
        self, name: tuple[Any, ...], wall: float, trainings: int, error: float, code: list[int],
        milestones: tuple[int, ...],
    ) -> None:  # fmt: skip
        """Take down what a training came to, once."""
        if name in self.errors:
            return
        self.wall += wall
        self.trainings += trainings
        self.failed += not np.isfinite(error)
        self.errors[name] = error, code
        if len(self.errors) in milestones:
            self.best[str(len(self.errors))] = self.ranked()

    def ranked(self) -> list[list[int]]:
        """The best configurations so far, first come first among equals."""
        return [code for _, code in sorted(self.errors.values(), key=lambda one: one[0])[:MOST_BEST]]


@contextmanager
def watching(folder: Path, every_seconds: float = 10.0) -> Iterator[None]:
    """Say now and then how many trainings a folder holds, while the block runs."""
    before, done = _count(folder), threading.Event()
    terminal = sys.stdout.isatty()

    def watch() -> None:
        told = 0
        while not done.wait(1.0 if terminal else every_seconds):
            new = _count(folder) - before
            if new == told:
                continue
            told = new
            print(f"{new} trainings done, {before} were there", end="\r" if terminal else "\n", flush=True)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        print(f"{_count(folder) - before} trainings done, {before} were there; they are kept in {folder}")


def _count(folder: Path) -> int:
    try:
        parts = [entry.path for entry in os.scandir(folder) if entry.is_dir()]
    except OSError:
        return 0
    return sum(entry.name.endswith(".json") and entry.name[0] != "." for part in parts for entry in os.scandir(part))
