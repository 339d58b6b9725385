"""An oracle that trains: the same contract as a table's, and every training is done once and kept."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Floats, Observations, Request, Source
from nasbench_sim.real.canonical import canonical
from nasbench_sim.real.clocks import TableClock, check, seconds_of
from nasbench_sim.real.data import Data
from nasbench_sim.real.device import Device
from nasbench_sim.real.feeding import Splits, feed
from nasbench_sim.real.ledger import Ledger, identity
from nasbench_sim.real.networks import Shape, multiply_adds, network, parameters, size, skeleton, whole
from nasbench_sim.real.networks import check as check_shape
from nasbench_sim.real.passes import latency
from nasbench_sim.real.recipes import Recipe
from nasbench_sim.real.training import DONE, is_memory, seeded, train
from nasbench_sim.spaces.space import Codes, Keys, Space
from nasbench_sim.tabular.rows import RowIndex

NOISES = ("mean", "repeat")
FURTHER: Mapping[str, str] = {"parameters": "", "mmacs": "million MACs", "latency": "ms", "loss": "nats", "auc": ""}
"""What may be minimised beside the error, and its unit."""
ENUMERABLE = 1_000_000
RECORDS = 5  # of this file's own format: a change makes older trainings others


class RealOracle:
    """Trains what it is asked.

    Pure but for wall-clock seconds, which are measured once per training and then kept with it: on a CPU the same
    question has the same answer on the same machine, and in the same folder always.

    Args:
        space: see ``real.networks``.
        data: what to train on.
        recipe: how; its epochs are the longest fidelity.
        device: where.
        folder: of the trainings.
        width: channels of the first stage; None as published.
        cells: see ``real.networks.Shape``.
        noise: "mean" of ``repeats`` trainings that all runs share, or "repeat": one training of each run's own.
        repeats: how many trainings a mean is of; it costs the seconds of all.
        objectives: "error", then any of ``FURTHER``: "auc" as 1 - AUC; "latency" of one image, measured here once and
            kept, so that it is the same for all runs; "mmacs" of the networks as they are built here.
        fidelities: epochs that may be asked, each trained from scratch; None for the recipe's alone.
        clock: a timing table to charge seconds by; None charges those that a training took here.
        processor_time: a training's seconds are those of the processor, not of the wall; for one thread on a CPU.

    Raises:
        UserError: an unknown noise or objective, or networks that cannot be built.
    """

    def __init__(
        self,
        space: Space,
        data: Data,
        recipe: Recipe,
        device: Device,
        folder: Path,
        *,
        width: int | None = None,
        cells: int | None = None,
        noise: str = "mean",
        repeats: int = 1,
        objectives: Sequence[str] = ("error",),
        fidelities: Sequence[int] | None = None,
        clock: TableClock | None = None,
        processor_time: bool = False,
    ) -> None:
        if noise not in NOISES:
            raise UserError(f"noise of real trainings is one of {', '.join(NOISES)}, not {noise!r}")
        if repeats < 1:
            raise UserError(f"a mean of {repeats} trainings is none: it needs at least 1")
        self._objectives = tuple(objectives)
        if self._objectives[:1] != ("error",):
            raise UserError(f"the first objective is 'error', not {self._objectives[:1] or 'missing'}")
        for name in self._objectives[1:]:
            if name not in FURTHER:
                raise UserError(f"real trainings have no objective {name!r}: choose from {', '.join(FURTHER)}")
        self._space, self.data, self.recipe, self.device = space, data, recipe, device
        self.shape = Shape(data.inputs, data.classes, width, cells)
        network_size = size(space, self.shape)
        check_shape(space, self.shape)
        self.noise, self.repeats, self.clock, self.processor_time = noise, repeats, clock, processor_time
        self._fidelities = tuple(sorted({int(one) for one in (fidelities or (recipe.epochs,))}))
        self.ledger, self._timed = Ledger(folder), Ledger(folder / "latencies")
        self._costs: dict[tuple[object, ...], float] = {}  # by name and key; each is worked out once
        self.trained = 0  # in this process; nothing depends on it
        self.about: dict[str, object] = {  # what all trainings of this oracle have in common
            "records": RECORDS,
            "space": space.name,
            "equivalence": getattr(whole(space), "equivalence", ""),
            "data": [data.name, data.fingerprint],
            "size": [data.inputs, data.classes, *network_size],
            "recipe": dict(recipe.described),
            "device": device.described,
            "torch": version("torch"),
            **({"seconds": "of the processor"} if processor_time else {}),
        }
        if hasattr(space, "sample"):
            check(clock, space.sample(np.random.default_rng(0), 1))

    @property
    def space(self) -> Space:
        return self._space

    @property
    def objectives(self) -> tuple[str, ...]:
        return self._objectives

    @property
    def held_out(self) -> tuple[str, ...]:
        return ("test error",)

    @property
    def optimum(self) -> Floats:
        """NaN: nobody has trained the whole space."""
        return np.full(1, np.nan)

    @property
    def optimum_objectives(self) -> Floats:
        """NaN, likewise."""
        return np.full(len(self._objectives), np.nan)

    @property
    def size(self) -> int | None:
        return None if self.index is None else len(self.index)

    @cached_property
    def index(self) -> RowIndex | None:
        """Numbers of the configurations within the space, where it can be listed."""
        if self._space.size is None or self._space.size > ENUMERABLE or not hasattr(self._space, "enumerate"):
            return None
        return RowIndex(self._space.key(self._space.enumerate()))

    @cached_property
    def sources(self) -> Mapping[str, Source]:
        return {"train": Source(tuple(float(one) for one in self._fidelities), "epochs")}

    @cached_property
    def provenance(self) -> Mapping[str, str]:
        recipe, data = self.recipe, self.data
        width, cells = size(self._space, self.shape)
        depth = "" if cells is None else f", {cells} cells"
        return {
            "table": f"training {self._space.name} on {data.name}",
            "kind": "trained",
            "fingerprint": identity(self.about),
            "noise": self._answers_text,
            "clock": self._clock_text if self.clock is None else self.clock.text,
            "clock fingerprint": "" if self.clock is None else self.clock.table.fingerprint,
            "data": f"{data.name}: {len(data.train)} images to train, {len(data.validation)} to validate, "
            f"{len(data.test)} to test ({data.about}); sha256 {data.fingerprint}",
            "networks": f"width {width}{depth}, {data.inputs} channels in, {data.classes} classes",
            "recipe": ", ".join(f"{name} {value}" for name, value in recipe.described.items()),
            "fidelities": ", ".join(map(str, self._fidelities)) + " epochs",
            "device": f"{self.device.name}, {'16 bits' if self.device.mixed else '32 bits'}",
            "torch": version("torch"),
        }

    @property
    def _clock_text(self) -> str:
        what = "seconds of the processor, one thread," if self.processor_time else "wall-clock seconds"
        return f"{what} of the trainings here, validating and testing included"

    @property
    def _answers_text(self) -> str:
        """What an answer is, for reports."""
        if self.noise == "repeat":
            return "Every answer is one training, each run's own"
        if self.repeats == 1:
            return "Every answer is one training, which all runs share"
        return f"Every answer is the mean of {self.repeats} trainings that all runs share, and costs the seconds of all"

    def evaluate(self, request: Request, run: npt.NDArray[np.uint64] | int) -> Observations:
        """Answer one request, see ``Oracle``; trains what has not been trained yet."""
        n = len(request.codes)
        epochs = self._epochs(request)
        keys = self._space.key(request.codes) if request.keys is None else request.keys
        rows = None if self.index is None else self.index.rows(keys)
        if rows is not None and n and rows.min() < 0:
            raise UserError(f"configuration {int(np.argmin(rows))} of the request is outside the space of this task")
        found = self.trainings(request.codes, keys, epochs, run, request.repeat)
        validation, test = (
            {name: _mean([[one[which].get(name) for one in row] for row in found]) for name in ("error", "loss", "auc")}
            for which in ("validation", "test")
        )
        failed = np.isnan(validation["error"])
        columns: dict[str, Floats] = {
            "error": validation["error"],
            "loss": validation["loss"],
            "auc": 1.0 - validation["auc"],
            "parameters": np.array([row[0]["parameters"] for row in found], np.float64),
        }
        for name in ("mmacs", "latency"):
            if name in self._objectives:
                columns[name] = np.full(n, np.nan)
                columns[name][~failed] = self.cost(name, request.codes[~failed], keys[~failed])
        objectives = np.stack([columns[name] for name in self._objectives], axis=1).reshape(n, len(self._objectives))
        objectives[failed] = np.nan
        return Observations(
            codes=request.codes,
            keys=keys,
            source="train",
            objectives=objectives,
            constraints=np.zeros((n, 0)),
            seconds=self._seconds(keys, epochs, found),
            failed=failed,
            fidelity=np.full(n, float(epochs)),
            held_out=test["error"][:, None],
            rows=rows,
        )

    def trainings(
        self,
        codes: Codes,
        keys: Keys,
        epochs: int,
        run: npt.NDArray[np.uint64] | int,
        repeat: int = 0,
        most: int | None = None,
    ) -> list[list[Mapping[str, Any]]]:
        """The trainings behind each answer (at ``most`` so many), as they are stored; missing ones are done first."""
        runs = np.broadcast_to(np.asarray(run, np.uint64), (len(codes),)).tolist()
        same = canonical(self._space, codes)
        return [
            [self._training(code, key, epochs, seed) for seed in self._seeds(own, repeat)[:most]]
            for code, key, own in zip(same, keys.tolist(), runs, strict=True)
        ]

    def cost(self, name: str, codes: Codes, keys: Keys | None = None) -> Floats:
        """What the networks of ``codes[n, d]`` take, ``float64[n]`` in the unit of ``FURTHER``; nothing is trained.

        Args:
            name: "parameters", "mmacs" or "latency".
            codes: configurations.
            keys: of them, where they are known.
        """
        keys = self._space.key(codes) if keys is None else keys
        same = canonical(self._space, codes)
        return np.array([self._cost(name, *one) for one in zip(same, keys.tolist(), strict=True)], np.float64)

    def _cost(self, name: str, code: Codes, key: list[int]) -> float:
        known = self._costs.get((name, *key))
        if known is None:
            known = self._latency(code, key) if name == "latency" else self._count(name, code)
            self._costs[(name, *key)] = known
        return known

    def _count(self, name: str, code: Codes) -> float:
        net = skeleton(self._space, code, self.shape)
        if name == "parameters":
            return float(parameters(net))
        return multiply_adds(net, *self.data.train.images.shape[1:]) / 1e6

    def _latency(self, code: Codes, key: list[int]) -> float:
        # Of this very device, whose kind is enough to say how a training ends.
        about = {**self.about, "recipe": "", "figure": "latency", "key": key, "on": self.device.name}

        def make(_: Path) -> Mapping[str, Any]:
            try:
                net = seeded(partial(network, self._space, code, self.shape), 0)
                net = net.to(self.device.torch, memory_format=self.device.layout)
                image = self._splits.test.batch(slice(0, 1))[0]
                return {"about": about, "latency": 1000 * latency(net, image, self.device)}
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                if not is_memory(error):
                    raise
                raise UserError("a network does not fit into memory to be timed: make it narrower (--width)") from error

        return float(self._timed.obtain(identity(about), make)["latency"])

    def wall_seconds(self, request: Request, run: npt.NDArray[np.uint64] | int) -> Floats:
        """Seconds that the trainings behind each answer took here, ``float64[n]``."""
        return _wall(self._behind(request, run))

    def training_seconds(self, request: Request, run: npt.NDArray[np.uint64] | int) -> Floats:
        """Those of them that are not validation or test, ``float64[n]``."""
        return np.array([sum(one["seconds"] for one in row) for row in self._behind(request, run)], np.float64)

    def _behind(self, request: Request, run: npt.NDArray[np.uint64] | int) -> list[list[Mapping[str, Any]]]:
        """The trainings behind the answers to a request."""
        keys = self._space.key(request.codes) if request.keys is None else request.keys
        return self.trainings(request.codes, keys, self._epochs(request), run, request.repeat)

    def _epochs(self, request: Request) -> int:
        if request.source != "train":
            raise UserError(f"real trainings have no source {request.source!r}, only 'train'")
        epochs = self._fidelities[-1] if request.fidelity is None else request.fidelity
        if epochs not in self._fidelities:
            known = ", ".join(map(str, self._fidelities))
            raise UserError(f"{epochs:g} epochs are not among what this oracle trains: choose from {known}")
        return int(epochs)

    def _seeds(self, run: int, repeat: int) -> list[int]:
        """Of the trainings behind one answer: the same for all runs, or the run's own."""
        if self.noise == "mean":
            return list(range(self.repeats))
        digest = hashlib.sha256(f"{run}/{repeat}".encode()).digest()
        return [int.from_bytes(digest[:6], "big")]

    def _training(self, code: Codes, key: list[int], epochs: int, seed: int) -> Mapping[str, Any]:
        recipe = self.recipe.with_(epochs=epochs)
        about = {**self.about, "recipe": dict(recipe.described), "key": key, "seed": seed}

        def make(checkpoint: Path) -> Mapping[str, Any]:
            self.trained += 1
            build = partial(network, self._space, code, self.shape)
            clock = time.process_time if self.processor_time else time.perf_counter
            outcome = train(build, self._splits, recipe, self.device, seed, checkpoint=checkpoint, clock=clock)
            return {
                "about": about,
                "code": code.tolist(),
                "status": outcome.status,
                "epochs": outcome.epochs,
                "seconds": outcome.seconds,
                "evaluation_seconds": outcome.evaluation_seconds,
                "validation": outcome.validation,
                "test": outcome.test,
                "parameters": outcome.parameters,
                "device": self.device.name,
            }

        return self.ledger.obtain(identity(about), make)

    @cached_property
    def _splits(self) -> Splits:
        return feed(self.data, self.device)

    def _seconds(self, keys: Keys, epochs: int, found: list[list[Mapping[str, Any]]]) -> Floats:
        """Charged for each answer: of failed trainings as far as they came."""
        wall = _wall(found)
        if self.clock is None:
            return wall
        whole = seconds_of(self.clock, keys, epochs, wall)
        shares = [[1.0 if one["status"] == DONE else one["epochs"] / epochs for one in row] for row in found]
        return np.asarray(whole * np.array([sum(row) for row in shares]))


def _wall(found: list[list[Mapping[str, Any]]]) -> Floats:
    return np.array([sum(one["seconds"] + one["evaluation_seconds"] for one in row) for row in found], np.float64)


def _mean(values: list[list[float | None]]) -> Floats:
    """``float64[n]``, over what there is."""
    known = [[one for one in row if one is not None] for row in values]
    return np.array([np.mean(row) if row else np.nan for row in known], np.float64)
