"""Record a benchmark of one's own: ``python -m nasbench_sim.real record SPACE --data D``."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from queue import Empty
from typing import Any

import numpy as np
import torch

from nasbench_sim.errors import UserError
from nasbench_sim.randomness import stream
from nasbench_sim.real.data import Data
from nasbench_sim.real.device import Device, device
from nasbench_sim.real.feeding import Splits, feed
from nasbench_sim.real.ledger import Ledger, identity
from nasbench_sim.real.networks import Shape, check, size
from nasbench_sim.real.recipes import Recipe
from nasbench_sim.real.recorded_before import DEVICES, FOLDER, Before, recorded_before
from nasbench_sim.real.recorded_card import check_card, write_recorded_card
from nasbench_sim.real.side_by_side import train_side_by_side
from nasbench_sim.real.training import DONE
from nasbench_sim.spaces.space import Codes, Space
from nasbench_sim.tabular.schema import possible_name
from nasbench_sim.tabular.table import Table, write_table

PROCESSOR = "one thread of the processor"
SEED = 0  # of the order in which configurations are recorded


@dataclass(frozen=True)
class Recording:
    """What is to be recorded.

    Attributes:
        space: that can be listed, or sampled from.
        data: to train on.
        recipe: how; its epochs are the longest fidelity.
        shape: of the networks.
        device: where.
        cells: how many configurations, drawn uniformly; None for all.
        repeats: trainings of each.
        epochs: fidelities below the recipe's epochs at which networks are evaluated on the way.
        together: how many networks are trained at once.
        processor_time: seconds are those of the processor, not of the wall, so that a machine that does other work
            beside it records the same; for networks that one thread trains.
    """

    space: Space
    data: Data
    recipe: Recipe
    shape: Shape
    device: Device
    cells: int | None
    repeats: int
    epochs: tuple[int, ...]
    together: int
    processor_time: bool = False

    @property
    def fidelities(self) -> tuple[int, ...]:
        """Epochs, increasing."""
        return (*sorted({one for one in self.epochs if one < self.recipe.epochs}), self.recipe.epochs)

    def codes(self) -> Codes:
        """The configurations in the order in which they are recorded: any first n of them are a uniform sample.

        Raises:
            UserError: more than there are, or all of a space that cannot be listed.
        """
        every = getattr(self.space, "enumerate", None)
        if every is None:
            if self.cells is None:
                raise UserError(f"{self.space.name} cannot be listed, so not all of it be recorded: give --cells N")
            rng, found = stream(SEED, "recorded", self.space.name), dict[bytes, Codes]()
            while len(found) < self.cells:  # one by one, so that more cells begin with the same ones
                code = self.space.sample(rng, 1)
                found.setdefault(self.space.key(code).tobytes(), code)
            return np.concatenate(list(found.values()))
        codes: Codes = every()
        codes = codes[stream(SEED, "recorded", self.space.name).permutation(len(codes))]
        if self.cells is not None and self.cells > len(codes):
            raise UserError(f"{self.space.name} has {len(codes)} configurations, so {self.cells} cannot be recorded")
        return codes[: self.cells]

    def groups(self, count: int) -> Iterator[tuple[int, range]]:
        """Repeat and places of each group that is trained at once, of so many configurations.

        All repeats of the first configurations come before the next ones, so that a recording which is stopped holds
        whole rows.
        """
        for start in range(0, count, self.together):
            for repeat in range(self.repeats):
                yield repeat, range(start, min(start + self.together, count))

    @property
    def seconds_of(self) -> str:
        """What the seconds are of."""
        return PROCESSOR if self.processor_time else "the wall-clock"

    @property
    def attributes(self) -> dict[str, object]:
        """Attributes of its table that a part of it, recorded earlier, must have as well."""
        width, cells = size(self.space, self.shape)
        return {
            "space": self.space.name,
            "equivalence": str(getattr(self.space, "equivalence", "none")) or "none",
            "data_sets": (self.data.name,),
            "data_sha256": self.data.fingerprint,
            "recipe": json.dumps(dict(self.recipe.described), sort_keys=True),
            "fidelities": tuple(float(one) for one in self.fidelities),
            "width": width,
            "cells": cells or 0,
            "device_kind": self.device.kind,
            "bits": 16 if self.device.mixed else 32,
            "seconds_of": self.seconds_of,
            **({"subspace": str(self.space.subspace)} if hasattr(self.space, "subspace") else {}),
        }

    def about(self, codes: Codes, repeat: int) -> dict[str, object]:
        """What a group's trainings are."""
        recipe = dict(self.recipe.described)
        return {
            "recording": 2,
            "space": [self.space.name, getattr(self.space, "equivalence", ""), getattr(self.space, "subspace", "")],
            "data": [self.data.name, self.data.fingerprint],
            "size": [self.shape.inputs, self.shape.classes, *size(self.space, self.shape)],
            "recipe": recipe,
            "fidelities": list(self.fidelities),
            "device": self.device.described,
            "seconds": self.seconds_of,
            "torch": str(torch.__version__),
            "codes": codes.tolist(),
            "repeat": repeat,
        }


def record(
    recording: Recording,
    path: Path,
    *,
    seconds: float | None = None,
    processes: int = 1,
    advance: Callable[[int], None] = lambda _: None,
) -> tuple[Table, int]:
    """Train what is still missing, and write the table of all that is there.

    Groups are kept beside the table as they come, so that the same command goes on where it was stopped; where they are
    not at hand, such as beside a table from elsewhere, it goes on from the table.

    Args:
        recording: what.
        path: of the table.
        seconds: no group is begun after so many seconds of wall-clock; None for no limit.
        processes: that share the work, one thread each where they are several.
        advance: called with the number of trainings done after each group.

    A data card, ``NAME.md``, is written beside the table.

    Returns:
        The table, and how many configurations are still to be recorded.

    Raises:
        UserError: nothing was recorded in time, the recording cannot be made, or the table there is of another one or
            has more trainings of each configuration.
    """
    check(recording.space, recording.shape)
    if not possible_name(recording.data.name):
        raise UserError(f"a table cannot hold data called {recording.data.name!r}: rename them, such as to mydata")
    if min(recording.repeats, recording.together, processes) < 1:
        raise UserError("a recording needs at least one repeat, one network at a time and one process")
    if processes > 1 and recording.device.kind == "cpu":
        recording = replace(recording, device=device("cpu", recording.device.mixed, threads=1))
    check_card(path)
    if any(one > recording.recipe.epochs for one in recording.epochs):
        raise UserError(f"--at {max(recording.epochs)}: networks are trained for {recording.recipe.epochs} epochs only")
    if processes > 1:
        _in_processes(recording, path, seconds, processes, advance)
    else:
        _share(recording, path, seconds, (0, 1), advance)
    there = recorded_before(recording, path)
    places, repeats = range(len(there.codes)), range(recording.repeats)
    whole = [place for place in places if all((place, repeat) in there.trainings for repeat in repeats)]
    if not whole:
        raise UserError("nothing was recorded in time: give more --hours, or fewer networks --together")
    return _written(recording, path, there, whole), len(places) - len(whole)


def _share(
    recording: Recording, path: Path, seconds: float | None, part: tuple[int, int], advance: Callable[[int], None]
) -> None:
    """Train the groups of one process, every ``part[1]``-th from ``part[0]`` on, as far as they are not there yet."""
    before = recorded_before(recording, path)
    codes = before.codes
    ledger = Ledger(path.with_suffix(FOLDER))
    splits: Splits | None = None
    began, parent = time.monotonic(), os.getppid()
    for number, (repeat, rows) in enumerate(recording.groups(len(codes))):
        if number % part[1] != part[0]:
            continue
        missing = codes[[place for place in rows if (place, repeat) not in before.trainings]]
        if len(missing):
            late = seconds is not None and time.monotonic() - began >= seconds
            if late or os.getppid() != parent:  # whoever is left alone ends
                return
            if splits is None:
                splits = feed(recording.data, recording.device)
                _warm_up(recording, missing, splits)
            about = recording.about(missing, repeat)
            ledger.obtain(identity(about), partial(_trained, recording, missing, splits, repeat, about))
        advance(len(rows))


def _warm_up(recording: Recording, codes: Codes, splits: Splits) -> None:
    """One epoch that nobody keeps: a process's first training pays for what its libraries prepare once."""
    recipe = recording.recipe.with_(epochs=1)
    train_side_by_side(recording.space, codes, recording.shape, splits, recipe, recording.device, SEED)


def _in_processes(
    recording: Recording, path: Path, seconds: float | None, processes: int, advance: Callable[[int], None]
) -> None:
    """Share the groups out over processes, which end with this one."""
    context = get_context("spawn")  # a forked copy of a process with threads may hang
    done = context.Queue()
    crew = [
        context.Process(target=_work, args=(recording, path, seconds, (number, processes), done), daemon=True)
        for number in range(processes)
    ]
    started, failed = [], []
    # A terminal sends Ctrl-C to all; this process ends the others, which inherit the mask from their first instruction.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        for process in crew:
            process.start()
            started.append(process)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        while any(process.is_alive() for process in started) or not done.empty():
            try:
                told = done.get(timeout=0.2)
            except Empty:
                continue
            if isinstance(told, int):
                advance(told)
            else:
                failed.append(told)
    finally:
        for process in started:
            process.terminate()
            process.join()
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    if failed:
        raise UserError(failed[0])
    if any(process.exitcode for process in started):
        raise UserError("a recording process was killed: finished trainings are kept, start again to go on")


def _work(recording: Recording, path: Path, seconds: float | None, part: tuple[int, int], done: Any) -> None:
    """What one process does; it puts the number of trainings of each group, or in words what stopped it."""
    torch.set_num_threads(1)
    try:
        _share(recording, path, seconds, part, done.put)
    except UserError as error:
        done.put(str(error))


def _trained(
    recording: Recording, codes: Codes, splits: Splits, repeat: int, about: Mapping[str, object], _: Path
) -> Mapping[str, Any]:
    """The trainings of a group, as they are stored."""
    outcomes = train_side_by_side(
        recording.space, codes, recording.shape, splits, recording.recipe, recording.device, repeat,
        recording.fidelities[:-1], time.process_time if recording.processor_time else time.perf_counter,
    )  # fmt: skip
    trainings = []
    for outcome in outcomes:
        figures = {
            str(epochs): {"validation": validation, "test": test}
            for epochs, (validation, test) in outcome.checks.items()
        }
        if outcome.status == DONE:
            figures[str(recording.recipe.epochs)] = {"validation": outcome.validation, "test": outcome.test}
        trainings.append(
            {
                "status": outcome.status,
                "epochs": outcome.epochs,
                "seconds": outcome.seconds,
                "evaluation_seconds": outcome.evaluation_seconds,
                "figures": figures,
                "parameters": outcome.parameters,
            }
        )
    return {"about": about, "trainings": trainings, "device": recording.device.name}


def _written(recording: Recording, path: Path, there: Before, whole: Sequence[int]) -> Table:
    codes, found = there.codes, there.trainings
    space, data, fidelities = recording.space, recording.data, recording.fidelities
    shape = (len(whole), len(fidelities), recording.repeats)
    validation, test, seconds = (np.full(shape, np.nan) for _ in range(3))
    failed = 0
    for row, place in enumerate(whole):
        for repeat in range(recording.repeats):
            one = found[place, repeat]
            failed += one["status"] != DONE
            for column, epochs in enumerate(fidelities):
                figures = one["figures"].get(str(epochs))
                if figures is not None:
                    validation[row, column, repeat] = figures["validation"]["error"]
                    test[row, column, repeat] = figures["test"]["error"]
                seconds[row, column, repeat] = one["seconds"] * epochs / recording.recipe.epochs
    order = np.array(whole)
    order = order[np.lexsort(codes[order].T[::-1])]  # by code, whatever the order of recording
    back = np.searchsorted(np.array(whole), order)
    codes = codes[order]
    counts = np.array([found[place, 0]["parameters"] for place in order.tolist()])
    name = data.name
    arrays = {
        "codes": codes,
        f"{name}/validation": validation[back],
        f"{name}/test": test[back],
        f"{name}/train_seconds": seconds[back],
        f"{name}/parameters": counts,
    }
    storage = {
        f"{name}/validation": {"decimals": 6},
        f"{name}/test": {"decimals": 6},
        f"{name}/train_seconds": {"decimals": 4},
    }
    attributes = _attributes(recording, path, len(codes), failed, there)
    table = write_table(path, attributes, arrays, storage=storage, keys=space.key(codes))
    write_recorded_card(table)
    return table


def _attributes(recording: Recording, path: Path, rows: int, failed: int, there: Before) -> dict[str, object]:
    devices = DEVICES.join(there.devices)
    space, data, recipe = recording.space, recording.data, recording.recipe
    width, cells = size(space, recording.shape)
    whole = space.size is not None and rows == space.size
    depth = "" if cells is None else f" and {cells} cell{'s' if cells > 1 else ''} per stage"
    part = "all of the space" if whole else "drawn uniformly"
    side_by_side = (
        f"; {' or '.join(map(str, there.together))} at once, whose seconds are shared out by their multiply-adds"
        if max(there.together, default=1) > 1
        else ""
    )
    check_text = "; figures of fewer epochs are of the same trainings on their way" if recording.fidelities[1:] else ""
    return {
        **recording.attributes,
        "name": path.stem,
        "title": f"{space.name} on {data.name}, recorded",
        "description": (
            f"{rows} configurations ({part}), {recording.repeats} trainings each of {recipe.epochs} epochs, with width "
            f"{width}{depth}; recipe: {', '.join(f'{key} {value}' for key, value in recipe.described.items())}; "
            f"trained on {devices} in {recording.attributes['bits']} bits; seconds of "
            f"{recording.seconds_of}{side_by_side}{check_text}. "
            f"{failed} trainings failed and are missing."
        ),
        "part": not whole,
        "kind": "measured",
        "licence": "CC0-1.0",
        "source": f"trained on {data.name} (sha256 {data.fingerprint})",
        "created_by": "python -m nasbench_sim.real record",
        "metric": "error",
        "unit_fidelity": "epochs",
        "resumes": bool(recording.fidelities[1:]),
        "split": f"{len(data.train)} train, {len(data.validation)} validate, {len(data.test)} test; {data.about}",
        "images": (len(data.train), len(data.validation), len(data.test)),
        "device": devices,
        "together": ",".join(map(str, there.together)),
        "torch": str(torch.__version__),
    }
