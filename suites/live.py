"""A suite by training instead of by tables: the same strategies and budgets, on somebody's own data set."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Task
from nasbench_sim.spaces.darts import DARTS
from nasbench_sim.spaces.macronas import MacroNAS
from nasbench_sim.spaces.nasbench101 import NASBench101
from nasbench_sim.spaces.nasbench201 import NASBench201
from nasbench_sim.spaces.nasbench_macro import NASBenchMacro
from nasbench_sim.spaces.ofa import OFA
from nasbench_sim.spaces.space import Space
from nasbench_sim.strategies.weight_sharing import WeightSharing
from suites import live_fronts
from suites.live_fronts import scaled, trained_objectives
from suites.suite import Suite
from suites.watched import Watched

if TYPE_CHECKING:
    from nasbench_sim.real.oracle import RealOracle

SPACES: Mapping[str, Callable[[], Space]] = {
    "nasbench101": NASBench101,
    "nasbench201": NASBench201,
    "macronas": MacroNAS,
    "nasbench_macro": NASBenchMacro,
    "darts": partial(DARTS, channels=32, layers=8),  # as NAS-Bench-301, whose tasks it stands for, has it
    "ofa": OFA,
}
SUPERNET_TIMES = 4  # as many epochs as a training (section 4.3.2 of the weight-sharing study)

NOTE = (
    "Every figure of this page comes from a network that was trained here, on a data set and at a size of its own. "
    "What the study published on other data is therefore not set beside it, and since nobody has trained the whole "
    "space, there is no regret: curves show the validation error that a search sees; test errors stand beside clocks."
)
NOTE_OF_SEVERAL = (
    "Every figure of this page comes from a network that was trained here, on a data set and at a size of its own, so "
    "what a study published on other data is not set beside it. The search sees the validation error and the page "
    "judges by it; test errors stand beside clocks. "
) + live_fronts.NOTE


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


def live_suite(suite: Suite, live: Live, timing: str | None, readings: Collection[str] = ()) -> Suite:
    """The suite by training: each space once, without what only its tables can answer.

    Args:
        suite: by tables.
        live: how to train.
        timing: by whose seconds to charge; None for those that trainings take.
        readings: names of the parameters that were given with ``--set``.

    Raises:
        UserError: torch is missing, no task has networks, an objective is none of trainings, a reading is about
            tables, or a budget is in simulated time, before whose end nobody knows what to train.
    """
    from nasbench_sim.real.needs import check_torch

    check_torch()
    live = live if live.recipe else replace(live, recipe=suite.recipe)
    if suite.evaluations is None:
        raise UserError("--real takes a budget in evaluations (--budget 20): what has a time limit is trained in vain")
    of_tables = [name for name in readings if name in suite.of_tables]
    if of_tables:
        raise UserError(f"--set {of_tables[0]}=... is about what tables answer, and --real asks none: leave it out")
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
    several = suite.metric == "hypervolume"
    if several and sharing:
        raise UserError("a super-net's proxy is of the error alone: leave weight sharing out by --strategies")
    tasks, left_out = _trainable(suite.tasks, live.data, several)
    if not tasks:
        raise UserError(
            f"{suite.name} searches {', '.join(left_out)}, which nothing here can train: run it without --real"
        )
    notes = (NOTE_OF_SEVERAL,) if several else (NOTE,)
    if left_out:
        notes += (f"Left out, since nothing here can train them: {', '.join(left_out)}.",)
    return replace(
        suite,
        tasks=tasks,
        entries=entries,
        make_task=partial(
            _task, live=live, timing=timing, variant=variant, milestones=milestones, budget=suite.evaluations,
            several=several,
        ),
        notes=(*notes, *suite.notes) if suite.retraining else notes,
        parameters={name: value for name, value in suite.parameters.items() if name not in suite.of_tables},
        published=(),
        evidence=None,
        readings={},
        start_sizes={},
        left_out=left_out,
    )  # fmt: skip


def _trainable(tasks: Sequence[str], data: str, several: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the tasks by training, each once (``SPACE/DATA``, of several objectives ``SPACE/DATA/FURTHER``), and
    those that have no networks.
    """
    found: dict[str, None] = {}
    left_out: dict[str, None] = {}
    for name in tasks:
        base = name.partition("@")[0]
        family, _, part = base.partition("/")
        family = "darts" if family == "nasbench301" else family
        further = trained_objectives(base) if several else ()
        if family not in SPACES or (several and not further):
            left_out.setdefault(base)
            continue
        space = f"{family}/{part.partition('/')[0]}" if family == "nasbench101" and part else family
        found.setdefault("/".join((space, short_name(data), *(["+".join(further)] if several else []))))
    return tuple(found), tuple(left_out)


def called(name: str, metric: str) -> str:
    """What a task by training may also be called: its space, without what goes before."""
    return name.split("/")[-3 if metric == "hypervolume" else -2]


def _task(
    name: str,
    tables: Path | None,
    live: Live,
    timing: str | None,
    variant: str | None,
    milestones: tuple[int, ...],
    budget: int,
    several: bool,
) -> Task:
    place, _, last = name.rpartition("/")
    searched = space(place.rpartition("/")[0] if several else place)
    further = tuple(last.split("+")) if several else ()
    real = oracle(searched, live, timing, tables, objectives=("error", *further))
    if variant is None:
        answers = scaled(real) if further else None
        return Task(name, Watched(real, answers=answers, milestones=milestones, budget=budget))
    from nasbench_sim.real.supernets.oracle import SuperNetOracle

    recipe = real.recipe.with_(epochs=live.supernet_epochs or SUPERNET_TIMES * real.recipe.epochs)
    return Task(name, Watched(real, SuperNetOracle(real, recipe, variant, live.supernets), budget=budget))


def _shares_weights(factory: object) -> bool:
    """Whether a strategy asks for proxies."""
    while isinstance(factory, partial):
        factory = factory.func
    return factory is WeightSharing


def short_name(data: str) -> str:
    """What a data set is called in the names of tasks."""
    from nasbench_sim.real.data import FAMILIES

    family, colon, _ = data.partition(":")
    return family if colon and family in FAMILIES else Path(data).stem


def space(name: str) -> Space:
    """A space that has networks, such as ``nasbench101/A1``."""
    family, _, part = name.partition("/")
    return NASBench101(part or "full") if family == "nasbench101" else SPACES[family]()


def oracle(
    space: Space,
    live: Live,
    timing: str | None = None,
    tables: Path | None = None,
    *,
    objectives: Sequence[str] = ("error",),
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
        width=width, cells=cells, repeats=live.repeats, clock=clock, objectives=objectives, fidelities=fidelities,
    )  # fmt: skip


def size(space: Space, live: Live) -> tuple[int | None, int | None]:
    """Width and cells that were asked for; None where they are the published ones."""
    from nasbench_sim.real.networks import SMALL

    if live.published_size:
        return live.width, live.cells
    width, cells = SMALL[space.name]
    return live.width or width, live.cells or cells


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
