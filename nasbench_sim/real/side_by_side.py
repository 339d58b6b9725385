"""Train several networks at once: as one where they can be stacked, on streams of their own where not."""

from __future__ import annotations

import math
import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from nasbench_sim.real.device import Device
from nasbench_sim.real.feeding import Fed, Splits, augmented, batches, steps
from nasbench_sim.real.metrics import errors_and_losses
from nasbench_sim.real.networks import Shape, network, parameters, size
from nasbench_sim.real.recipes import Recipe
from nasbench_sim.real.together import Together
from nasbench_sim.real.training import (
    DIVERGED,
    DONE,
    EVALUATION_BATCH,
    NO_MEMORY,
    Clock,
    Outcome,
    Pair,
    is_memory,
    optimiser,
    seeded,
    set_rate,
    train,
)
from nasbench_sim.spaces.space import Codes, Space

STACKED = "nasbench201"  # the space whose networks can be trained as one


def train_side_by_side(
    space: Space, codes: Codes, shape: Shape, splits: Splits, recipe: Recipe, device: Device, seed: int,
    checks: Collection[int] = (), clock: Clock = time.perf_counter,
) -> list[Outcome]:  # fmt: skip
    """Train the networks of ``codes[K, d]``, all with one seed.

    Args:
        space: of the codes.
        codes: ``[K, d]``.
        shape: of the networks.
        splits: of the data.
        recipe: how.
        device: where.
        seed: of weights and order, as in ``training.train``.
        checks: epochs after which networks are evaluated on the way; the learning rate goes on as it was.
        clock: by which seconds are counted; on streams of CUDA they are wall-clock.

    Returns:
        Of each network its outcome, whose seconds are its share of what all took together; of those trained as one
        without AUC.  What does not fit into memory together is trained in halves, or alone.
    """
    if space.name == STACKED and len(codes) > 1 and not recipe.average:
        try:
            return _stacked(space, codes, shape, splits, recipe, device, seed, checks, clock)
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not is_memory(error):
                raise
        if device.kind == "cuda":
            torch.cuda.empty_cache()
        middle = len(codes) // 2
        return [
            one
            for half in (codes[:middle], codes[middle:])
            for one in train_side_by_side(space, half, shape, splits, recipe, device, seed, checks, clock)
        ]
    if device.kind == "cuda" and len(codes) > 1:
        return _on_streams(space, codes, shape, splits, recipe, device, seed, checks)
    return [
        train(partial(network, space, code, shape), splits, recipe, device, seed, checks=checks, clock=clock)
        for code in codes
    ]


def _on_streams(
    space: Space, codes: Codes, shape: Shape, splits: Splits, recipe: Recipe, device: Device, seed: int,
    checks: Collection[int],
) -> list[Outcome]:  # fmt: skip
    """A thread and a stream for each, so that a device works on one while another waits for its instructions."""
    # Made one by one beforehand: the generator of weights is one for all threads.
    nets = [seeded(partial(network, space, code, shape), seed) for code in codes]

    def work(net: nn.Module) -> Outcome:
        with torch.cuda.stream(torch.cuda.Stream()):
            return train(lambda: net, splits, recipe, device, seed, checks=checks)

    began = time.perf_counter()
    with ThreadPoolExecutor(len(nets)) as pool:
        found = list(pool.map(work, nets))
    # Threads wait for each other, so that each one's own clock counts the others' work as well.
    share = (time.perf_counter() - began) / sum(one.seconds + one.evaluation_seconds for one in found)
    del nets
    torch.cuda.empty_cache()
    return [
        # What found no memory beside the others may find it alone.
        train(partial(network, space, code, shape), splits, recipe, device, seed, checks=checks)
        if one.status == NO_MEMORY
        else replace(one, seconds=one.seconds * share, evaluation_seconds=one.evaluation_seconds * share)
        for code, one in zip(codes, found, strict=True)
    ]


def _stacked(
    space: Space, codes: Codes, shape: Shape, splits: Splits, recipe: Recipe, device: Device, seed: int,
    checks: Collection[int], clock: Clock,
) -> list[Outcome]:  # fmt: skip
    if device.mixed and device.half == torch.float16:
        device = replace(device, mixed=False)  # its gradients are scaled for all, so that one could stop the others
    nets = [seeded(partial(network, space, code, shape), seed) for code in codes]
    counts = [parameters(one) for one in nets]
    width, cells = size(space, shape)
    net: nn.Module = Together(codes, nets, width, cells or 1).to(device.torch)
    del nets
    steering = optimiser(recipe, list(net.parameters()))
    device.wait()
    began = clock()  # as alone: what building takes is not training
    fed, each = splits.train, steps(len(splits.train), recipe.batch_size)
    lost = torch.zeros(len(codes), device=device.torch)
    completed = np.zeros(len(codes), np.int64)
    alive = np.ones(len(codes), bool)
    evaluating = 0.0
    found: list[dict[int, Pair]] = [{} for _ in codes]
    for epoch in range(recipe.epochs):
        net.train()
        lost.zero_()
        for step, rows in enumerate(batches(fed, recipe.batch_size, seed, epoch)):
            set_rate(steering, recipe, (epoch * each + step) / (recipe.epochs * each))
            images, labels = fed.batch(rows)
            if recipe.augment:
                images = augmented(images, seed, epoch, step)
            with device.precision():
                logits = net(images)
                many = labels.expand(len(codes), -1)
                losses = nn.functional.cross_entropy(logits.transpose(1, 2), many, reduction="none").mean(1)
            steering.zero_grad(set_to_none=True)
            losses.sum().backward()
            steering.step()
            lost += losses.detach()
        alive &= np.isfinite(lost.cpu().numpy())
        completed[alive] += 1
        if epoch + 1 in checks and epoch + 1 < recipe.epochs:
            before = clock()
            for place, pair in enumerate(_evaluated(net, splits, device, alive)):
                if pair is not None:
                    found[place][epoch + 1] = pair
            evaluating += clock() - before
        if not alive.any():
            break
    before = clock()
    last = _evaluated(net, splits, device, alive)
    evaluating += clock() - before
    training = clock() - began - evaluating
    outcomes = []
    for place, (pair, share) in enumerate(zip(last, _shares(space, codes).tolist(), strict=True)):
        good = pair is not None and math.isfinite(pair[0]["loss"])
        validation, test = pair if good and pair else ({}, {})
        status, epochs = DONE if good else DIVERGED, int(completed[place])
        outcomes.append(
            Outcome(
                status,
                epochs,
                training * share,
                evaluating * share,
                validation,
                test,
                checks=found[place],
                parameters=counts[place],
            )
        )
    return outcomes


def _shares(space: Space, codes: Codes) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Which share of the work each network is, by multiply-adds."""
    macs = np.asarray(space.macs(codes), np.float64)  # type: ignore[attr-defined]
    return np.asarray(macs / macs.sum())


def _evaluated(
    net: nn.Module, splits: Splits, device: Device, alive: np.ndarray[Any, np.dtype[np.bool_]]
) -> list[Pair | None]:
    """Validation and test figures of each network; None of those that have failed."""
    both = [
        errors_and_losses(_logits(net, fed, device), fed.labels.cpu().numpy())
        for fed in (splits.validation, splits.test)
    ]
    return [pair if there else None for pair, there in zip(zip(*both, strict=True), alive.tolist(), strict=True)]


def _logits(net: nn.Module, fed: Fed, device: Device) -> np.ndarray[Any, np.dtype[np.float32]]:
    """``float32[K, n, classes]``."""
    net.eval()
    with torch.inference_mode(), device.precision():
        parts = [
            net(fed.batch(slice(start, start + EVALUATION_BATCH))[0]).float()
            for start in range(0, len(fed), EVALUATION_BATCH)
        ]
        found: np.ndarray[Any, np.dtype[np.float32]] = torch.cat(parts, 1).cpu().numpy()
    return found
