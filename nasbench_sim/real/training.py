"""Train one network from scratch, and say how good it is and what that took."""

from __future__ import annotations

import io
import math
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from nasbench_sim.files import beside
from nasbench_sim.real.device import Device
from nasbench_sim.real.feeding import Fed, Splits, augmented, batches, steps
from nasbench_sim.real.metrics import metrics
from nasbench_sim.real.networks import parameters
from nasbench_sim.real.networks.nasbench101 import SlowNorm
from nasbench_sim.real.recipes import Recipe

DONE, DIVERGED, NO_MEMORY = "done", "diverged", "out of memory"
CHECKPOINT_SECONDS = 20.0  # between two checkpoints, at least
EVALUATION_BATCH = 512

_GENERATOR = threading.Lock()  # torch's generator of weights is one for all threads

Clock = Callable[[], float]
"""Seconds since whenever: ``time.perf_counter`` (wall-clock) or ``time.process_time`` (of the processor)."""

Pair = tuple[dict[str, float], dict[str, float]]
"""Figures on the validation and on the test split."""


@dataclass(frozen=True)
class Outcome:
    """What one training came to.

    Attributes:
        status: "done", "diverged" or "out of memory".
        epochs: completed.
        seconds: of training, by the clock that was given.
        evaluation_seconds: of validating and testing, likewise.
        validation: ``error``, ``auc`` and ``loss`` at the end; empty where it failed.
        test: likewise.
        curve: of each epoch ``validation error`` and mean ``training loss``, where asked for.
        checks: by epoch, validation and test figures on the way, where asked for.
        parameters: of the network; 0 where it could not be built.
    """

    status: str
    epochs: int
    seconds: float
    evaluation_seconds: float
    validation: dict[str, float] = field(default_factory=dict)
    test: dict[str, float] = field(default_factory=dict)
    curve: list[dict[str, float]] = field(default_factory=list)
    checks: dict[int, Pair] = field(default_factory=dict)
    parameters: int = 0


def seeded(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    """A network with the weights of that seed; torch's global generator is left as it was."""
    with _GENERATOR, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def train(
    make: Callable[[], nn.Module],
    splits: Splits,
    recipe: Recipe,
    device: Device,
    seed: int,
    *,
    curve: bool = False,
    checks: Collection[int] = (),
    checkpoint: Path | None = None,
    every_seconds: float = CHECKPOINT_SECONDS,
    clock: Clock = time.perf_counter,
) -> Outcome:
    """Train a network.  On a CPU the same arguments give the same figures, seconds apart.

    Args:
        make: the network, from torch's generator.
        splits: of the data.
        recipe: how.
        device: where.
        seed: of weights, order and augmentation.
        curve: validate after each epoch; the seconds of that are told apart.
        checks: epochs after which it is evaluated on the way.
        checkpoint: file from which an interrupted training goes on, and in which it is kept meanwhile.
        every_seconds: between checkpoints, at least.
        clock: by which a training's seconds are counted.
    """
    training = _Training(recipe, device, splits, seed, curve, checks, clock)
    try:
        training.start(seeded(make, seed))
        if checkpoint is not None and not training.load(checkpoint):
            training.start(seeded(make, seed))  # of a damaged file a part may have been taken over
        saved = time.monotonic()
        while training.epoch < recipe.epochs:
            if not training.run_epoch():
                return training.outcome(DIVERGED)
            if checkpoint is not None and time.monotonic() - saved >= every_seconds:
                training.save(checkpoint)
                saved = time.monotonic()
        return training.finish()
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not is_memory(error):
            raise
        training.release()
        return training.outcome(NO_MEMORY)


def is_memory(error: BaseException) -> bool:
    """Whether an error says that memory has run out."""
    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(
        sign in text
        for sign in ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed", "valid cudnn algo")
    )


class _Training:
    """One training under way."""

    def __init__(
        self, recipe: Recipe, device: Device, splits: Splits, seed: int, curve: bool, checks: Collection[int],
        clock: Clock,
    ) -> None:  # fmt: skip
        self.recipe, self.device, self.splits, self.seed, self.clock = recipe, device, splits, seed, clock
        self.with_curve, self.to_check = curve, checks
        self.checks: dict[int, Pair] = {}
        self.epoch = self.parameters = 0
        self.seconds = self.evaluation_seconds = 0.0
        self.curve: list[dict[str, float]] = []
        self.net: nn.Module | None = None
        self.averaged: AveragedModel | None = None
        self.began: float | None = None  # of what the clock is running for

    def start(self, net: nn.Module) -> None:
        self.began = self.clock()
        self.parameters = parameters(net)
        self.net = net.to(self.device.torch, memory_format=self.device.layout)
        for module in net.modules():
            if isinstance(module, SlowNorm):
                module.span(self.recipe.epochs * steps(len(self.splits.train), self.recipe.batch_size))
        self.optimiser = optimiser(self.recipe, list(net.parameters()))
        self.scaler = self.device.scaler()
        self.averaged = averaged(net, self.recipe) if self.recipe.average else None
        self._stop()

    def run_epoch(self) -> bool:
        """One epoch; whether its loss is a number."""
        assert self.net is not None
        net, fed, recipe = self.net, self.splits.train, self.recipe
        self.began = self.clock()
        net.train()
        total = torch.zeros((), device=self.device.torch)
        each = steps(len(fed), recipe.batch_size)
        for step, rows in enumerate(batches(fed, recipe.batch_size, self.seed, self.epoch)):
            set_rate(self.optimiser, recipe, (self.epoch * each + step) / (recipe.epochs * each))
            images, labels = fed.batch(rows)
            if recipe.augment:
                images = augmented(images, self.seed, self.epoch, step)
            with self.device.precision():
                loss = nn.functional.cross_entropy(net(images), labels)
            self.optimiser.zero_grad(set_to_none=True)
            self.scaler.scale(loss).backward()
            self.scaler.step(self.optimiser)
            self.scaler.update()
            if self.averaged is not None:
                self.averaged.update_parameters(net)
            total += loss.detach()
        mean = float(total) / each  # waits for the device
        self.seconds += self._stop()
        if not math.isfinite(mean):
            return False
        self.epoch += 1
        if self.with_curve:
            found = self._evaluated(self.splits.validation)
            self.curve.append({"validation error": found["error"], "training loss": mean})
        if self.epoch in self.to_check and self.epoch < self.recipe.epochs:
            self.checks[self.epoch] = (self._evaluated(self.splits.validation), self._evaluated(self.splits.test))
        return True

    def finish(self) -> Outcome:
        validation = self._evaluated(self.splits.validation)
        test = self._evaluated(self.splits.test)
        if not math.isfinite(validation["loss"]):
            return self.outcome(DIVERGED)
        return self.outcome(DONE, validation, test)

    def outcome(
        self, status: str, validation: dict[str, float] | None = None, test: dict[str, float] | None = None
    ) -> Outcome:
        self.seconds += self._stop()  # of what was broken off
        return Outcome(
            status, self.epoch, self.seconds, self.evaluation_seconds, validation or {}, test or {}, self.curve,
            self.checks, self.parameters,
        )  # fmt: skip

    def release(self) -> None:
        """Give memory back, so that the next training has it."""
        self.net = self.averaged = None
        if hasattr(self, "optimiser"):
            del self.optimiser
        if self.device.kind == "cuda":
            torch.cuda.empty_cache()

    def _evaluated(self, fed: Fed) -> dict[str, float]:
        assert self.net is not None
        self.began = self.clock()
        found = metrics(logits(self.averaged or self.net, fed, self.device), fed.labels.cpu().numpy())
        self.evaluation_seconds += self._stop()
        return found

    def _stop(self) -> float:
        """Seconds since the clock was started, and stops it."""
        if self.began is None:
            return 0.0
        elapsed, self.began = self.clock() - self.began, None
        return elapsed

    def _about(self) -> list[str]:
        """What a checkpoint must be of."""
        return [str(self.recipe.described), str(self.seed), self.device.kind]

    def save(self, path: Path) -> None:
        """Write beside and rename."""
        assert self.net is not None
        state = {
            "about": self._about(),
            "epoch": self.epoch,
            "seconds": [self.seconds, self.evaluation_seconds],
            "curve": self.curve,
            "checks": self.checks,
            "network": self.net.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "averaged": None if self.averaged is None else self.averaged.state_dict(),
        }
        save(state, path)

    def load(self, path: Path) -> bool:
        """Go on from a checkpoint, where there is one of this training; False where it is damaged or of another."""
        assert self.net is not None
        if not path.is_file():
            return True
        with suppress(Exception):  # a damaged file raises many things
            state: dict[str, Any] = torch.load(path, map_location=self.device.torch, weights_only=True)
            if state["about"] != self._about():
                return False
            self.net.load_state_dict(state["network"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.scaler.load_state_dict(state["scaler"])
            if self.averaged is not None:
                self.averaged.load_state_dict(state["averaged"])
            seconds, evaluation_seconds = (float(one) for one in state["seconds"])
            self.epoch, self.curve, self.checks = int(state["epoch"]), state["curve"], state["checks"]
            self.seconds, self.evaluation_seconds = seconds, evaluation_seconds
            return True
        return False


def save(state: dict[str, Any], path: Path) -> None:
    """Write a state for ``torch.load(..., weights_only=True)``; OSError where there is no room for it."""
    content = io.BytesIO()  # torch's own errors do not say that a disk is full
    torch.save(state, content)
    with beside(path) as partial:
        partial.write_bytes(content.getbuffer())


def optimiser(recipe: Recipe, weights: list[Any]) -> Any:
    """Torch's optimiser for a recipe."""
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimiser == "rmsprop":
        return torch.optim.RMSprop(
            weights, rate, alpha=0.9, eps=recipe.epsilon, weight_decay=decay, momentum=recipe.momentum
        )
    if recipe.optimiser == "adam":
        return torch.optim.Adam(weights, rate, eps=recipe.epsilon, weight_decay=decay)
    return torch.optim.SGD(weights, rate, recipe.momentum, weight_decay=decay, nesterov=recipe.momentum > 0)


def averaged(net: nn.Module, recipe: Recipe) -> AveragedModel:
    """The moving average of a network's weights and statistics, to be updated after each step."""

    def mixed(average: torch.Tensor, current: torch.Tensor, updates: torch.Tensor | int) -> torch.Tensor:
        count = int(updates)
        if not average.is_floating_point():  # batches that normalisation has counted
            return current
        return torch.lerp(average, current, 1 - min(recipe.average, (1 + count) / (10 + count)))

    return AveragedModel(net, avg_fn=mixed, use_buffers=True)


def set_rate(optimiser: Any, recipe: Recipe, done: float) -> None:
    """The learning rate after that share of all steps, in [0, 1]."""
    factor = 0.5 * (1 + math.cos(math.pi * done)) if recipe.schedule == "cosine" else 1.0
    for group in optimiser.param_groups:
        group["lr"] = factor * recipe.learning_rate


def logits(net: nn.Module, fed: Fed, device: Device) -> np.ndarray[Any, np.dtype[np.float32]]:
    """``float32[n, classes]``, with the statistics that normalisation has gathered."""
    net.eval()
    with torch.inference_mode(), device.precision():
        parts = [
            net(fed.batch(slice(start, start + EVALUATION_BATCH))[0]).float()
            for start in range(0, len(fed), EVALUATION_BATCH)
        ]
        found: np.ndarray[Any, np.dtype[np.float32]] = torch.cat(parts).cpu().numpy()
    return found
