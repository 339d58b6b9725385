"""Train a super-net, and ask it what it thinks of architectures."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Floats
from nasbench_sim.randomness import stream
from nasbench_sim.real.canonical import canonical
from nasbench_sim.real.device import Device
from nasbench_sim.real.feeding import Splits, augmented, batches, steps
from nasbench_sim.real.ledger import identity
from nasbench_sim.real.networks import Shape
from nasbench_sim.real.recipes import Recipe
from nasbench_sim.real.supernets import supernet
from nasbench_sim.real.supernets.layers import SharedNorm
from nasbench_sim.real.training import EVALUATION_BATCH, is_memory, optimiser, save, seeded, set_rate
from nasbench_sim.spaces.space import Codes, Space

ESTIMATION_BATCH = 256  # training images from which statistics are re-estimated, as in the study
CHECKED = 50  # architectures whose proxies say whether a super-net has converged
ERRORS = 3.0  # standard errors above chance that their median must be

PER_STEP = {"avg_3": 3}  # architectures whose gradients are averaged; of other variants one
CONVERGED, DID_NOT = "converged", "did not converge"


@dataclass
class Trained:
    """A super-net and what is known of it.

    Attributes:
        net: called with images and a code.
        space: of the codes.
        variant: one of ``VARIANTS``.
        splits: of the data.
        device: where it lies.
        seed: of its training.
        status: "converged" or "did not converge".
        seconds: of training, wall-clock.
        proxy_seconds: mean of one proxy, wall-clock.
        median: of the proxies by which convergence was judged.
        chance: what always naming the commonest class is worth.
    """

    net: nn.Module
    space: Space
    variant: str
    splits: Splits
    device: Device
    seed: int
    status: str
    seconds: float
    proxy_seconds: float
    median: float
    chance: float

    def proxies(self, codes: Codes, variant: str | None = None) -> Floats:
        """Validation accuracies with shared weights, ``float64[n]``.

        Args:
            codes: ``[n, d]``.
            variant: "no_ft" asks with the statistics that training gathered, any other re-estimates them on one
                training batch of 256 for each architecture; None: the super-net's own.
        """
        again = (variant or self.variant) != "no_ft"
        return np.array([self._proxy(code, again) for code in canonical(self.space, codes)], np.float64)

    def _proxy(self, code: Codes, again: bool) -> float:
        fed = self.splits.validation
        with torch.inference_mode(), self.device.precision(), _statistics(self.net) as restore:
            if again:
                restore.estimate(self._estimation_images, code)
            self.net.eval()
            right = torch.zeros((), dtype=torch.int64, device=self.device.torch)
            for start in range(0, len(fed), EVALUATION_BATCH):
                images, labels = fed.batch(slice(start, start + EVALUATION_BATCH))
                right += (self.net(images, code).argmax(1) == labels).sum()
        return float(right) / len(fed)

    @property
    def _estimation_images(self) -> torch.Tensor:
        fed = self.splits.train
        rows = stream(self.seed, "estimation").permutation(len(fed))[:ESTIMATION_BATCH]
        return fed.batch(torch.from_numpy(np.sort(rows)).to(self.device.torch))[0]


@dataclass
class _Statistics:
    """What normalisation has gathered, so that it can be put back."""

    net: nn.Module
    norms: list[SharedNorm]

    def estimate(self, images: torch.Tensor, code: Codes) -> None:
        """Replace the statistics that an architecture uses by those of one batch."""
        momenta = [norm.momentum for norm in self.norms]
        for norm in self.norms:
            norm.momentum = 1.0
        self.net.train()
        self.net(images, code)
        for norm, momentum in zip(self.norms, momenta, strict=True):
            norm.momentum = momentum


@contextmanager
def _statistics(net: nn.Module) -> Iterator[_Statistics]:
    norms = [one for one in net.modules() if isinstance(one, SharedNorm)]
    kept = [(norm.mean.clone(), norm.variance.clone()) for norm in norms]
    try:
        yield _Statistics(net, norms)
    finally:
        for norm, (mean, variance) in zip(norms, kept, strict=True):
            norm.mean.copy_(mean)
            norm.variance.copy_(variance)


def train_supernet(
    space: Space, shape: Shape, splits: Splits, recipe: Recipe, device: Device, variant: str, seed: int,
    checkpoint: Path | None = None, about: Mapping[str, object] | None = None, every_seconds: float = 20.0,
) -> Trained:  # fmt: skip
    """Train a super-net: each batch updates the weights of one architecture, drawn uniformly (of avg-3, of three).

    Args:
        space: that can be listed.
        shape: of the networks.
        splits: of the data.
        recipe: how.
        device: where.
        variant: see ``VARIANTS``; "no_ft" and "bns_ft" are trained alike.
        seed: of weights, batches and architectures.
        checkpoint: file from which an interrupted training goes on, and in which the end is kept.
        about: what the training is, plain values; a checkpoint of another one is passed over.
        every_seconds: between checkpoints, at least.

    Raises:
        UserError: a space without super-net, an unknown variant, a recipe that averages weights, or a super-net that
            does not fit into memory.
    """
    if recipe.average:
        raise UserError("a super-net is trained without a moving average of its weights: choose another recipe")
    try:
        return _trained(space, shape, splits, recipe, device, variant, seed, checkpoint, about or {}, every_seconds)
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not is_memory(error):
            raise
        raise UserError(
            f"a super-net of {space.name} does not fit into memory: make it narrower (--width), or its batches smaller"
        ) from error


def _trained(
    space: Space, shape: Shape, splits: Splits, recipe: Recipe, device: Device, variant: str, seed: int,
    checkpoint: Path | None, about: Mapping[str, object], every_seconds: float,
) -> Trained:  # fmt: skip
    def begun() -> tuple[nn.Module, Any]:
        made = seeded(lambda: supernet(space, shape, variant), seed).to(device.torch, memory_format=device.layout)
        return made, optimiser(recipe, list(made.parameters()))

    net, steering = begun()
    every: Codes = space.enumerate()  # type: ignore[attr-defined]  # of equivalent codes the canonical one
    weights = likelihood(space, every, variant)
    scaler = device.scaler()
    mark = identity({**about, "recipe": dict(recipe.described), "seed": seed, "variant": variant,
                     "device": device.described})  # fmt: skip
    first, seconds = _loaded(checkpoint, mark, net, steering, device)
    if not first and checkpoint is not None and checkpoint.is_file():
        net, steering = begun()  # of a damaged file a part may have been taken over
    fed, each = splits.train, steps(len(splits.train), recipe.batch_size)
    count = PER_STEP.get(variant, 1)
    saved, finite = time.monotonic(), True
    for epoch in range(first, recipe.epochs):
        began = time.perf_counter()
        net.train()
        total = torch.zeros((), device=device.torch)
        drawn = stream(seed, "architectures", str(epoch)).choice(len(every), (each, count), p=weights)
        for step, rows in enumerate(batches(fed, recipe.batch_size, seed, epoch)):
            set_rate(steering, recipe, (epoch * each + step) / (recipe.epochs * each))
            images, labels = fed.batch(rows)
            if recipe.augment:
                images = augmented(images, seed, epoch, step)
            # What an architecture does not use has no gradient, and is left as it is.
            steering.zero_grad(set_to_none=True)
            for row in drawn[step]:
                with device.precision():
                    loss = nn.functional.cross_entropy(net(images, every[row]), labels) / count
                scaler.scale(loss).backward()
                total += loss.detach()
            scaler.step(steering)
            scaler.update()
        finite = math.isfinite(float(total))
        seconds += time.perf_counter() - began
        last = epoch + 1 == recipe.epochs or not finite
        if checkpoint is not None and (last or time.monotonic() - saved >= every_seconds):
            _save(checkpoint, mark, epoch + 1 if finite else recipe.epochs, seconds, net, steering)
            saved = time.monotonic()
        if not finite:
            break
    found = Trained(net, space, variant, splits, device, seed, CONVERGED, seconds, 0.0, 0.0, 0.0)
    return _judged(found, every)


def _judged(trained: Trained, every: Codes) -> Trained:
    """Whether it has converged: the median proxy of some architectures is above chance by three standard errors."""
    some = every[stream(trained.seed, "converged").permutation(len(every))[:CHECKED]]
    began = time.perf_counter()
    proxies = trained.proxies(some)
    trained.proxy_seconds = (time.perf_counter() - began) / len(some)
    labels = trained.splits.validation.labels.cpu().numpy()
    trained.chance = float(np.bincount(labels).max() / len(labels))
    trained.median = float(np.median(proxies))
    error = math.sqrt(trained.chance * (1 - trained.chance) / len(labels))
    if not trained.median > trained.chance + ERRORS * error:
        trained.status = DID_NOT
    return trained


def likelihood(space: Space, codes: Codes, variant: str) -> npt.NDArray[np.float64] | None:
    """How likely each architecture is drawn; None for equally.  Pro rata: by the parameters of the published size."""
    if variant not in ("pro_rata", "sk_pr"):
        return None
    parameters = np.asarray(space.parameters(codes), np.float64)  # type: ignore[attr-defined]
    return np.asarray(parameters / parameters.sum())


def _save(path: Path, mark: str, epoch: int, seconds: float, net: nn.Module, steering: Any) -> None:
    state = {"identity": mark, "epoch": epoch, "seconds": seconds, "network": net.state_dict(),
             "optimiser": steering.state_dict()}  # fmt: skip
    save(state, path)


def _loaded(path: Path | None, mark: str, net: nn.Module, steering: Any, device: Device) -> tuple[int, float]:
    """Epochs and seconds done before; a file that is damaged or of another training is passed over."""
    if path is None or not path.is_file():
        return 0, 0.0
    with suppress(Exception):  # a damaged file raises many things; then the training starts anew
        state: Mapping[str, Any] = torch.load(path, map_location=device.torch, weights_only=True)
        if state["identity"] == mark:
            net.load_state_dict(state["network"])
            steering.load_state_dict(state["optimiser"])
            return int(state["epoch"]), float(state["seconds"])
    return 0, 0.0


def spearman(proxies: Iterable[float], errors: Iterable[float]) -> float:
    """Rank correlation of proxies with the accuracies of networks trained alone; failed ones are left out."""
    from scipy.stats import spearmanr

    one, other = np.asarray(list(proxies), np.float64), 1.0 - np.asarray(list(errors), np.float64)
    known = ~(np.isnan(one) | np.isnan(other))
    return float(spearmanr(one[known], other[known]).statistic)
