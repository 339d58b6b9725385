"""Training a small network: AdamW with half a cosine, the running mean of its weights, early stopping."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from nasbench_sim.randomness import stream
from surrogates.members import Report, Rows

WARM_UP = 200  # steps
MEAN_EVERY = 5  # steps between two looks of the running mean
STOP_BLOCK = 1024  # rows asked at once when the rows left out are looked at

State = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Descent:
    """How a network is trained.

    Attributes:
        epochs: passes over the rows at most; the step size falls to zero over them.
        patience: epochs without a better figure on the rows left out.
        batch: rows in a step.
        rate: largest step size of AdamW (Loshchilov and Hutter 2019).
        decay: of the weights.
        average: decay of the running mean of the weights, which is what is kept.
    """

    epochs: int
    patience: int
    batch: int
    rate: float
    decay: float = 1e-2
    average: float = 0.99


def descend(
    network: nn.Module,
    arguments: Sequence[torch.Tensor],
    figures: torch.Tensor,
    weights: torch.Tensor,
    train: Rows,
    stop: Rows,
    seed: int,
    how: Descent,
    report: Report,
) -> State:
    """The running mean of the weights at the epoch that is best on rows ``stop``; the last one without any.

    Args:
        network: from rows of ``arguments`` to ``float32[rows, t]``.
        arguments: each ``[n, ...]``.
        figures: ``float32[n, t]``, standardised, NaN where unknown.
        weights: ``float32[t]``, of the figures' losses.
        train: rows to learn from.
        stop: rows that say when to stop, by the first figure.
        seed: of the order of rows; weights and dropout are drawn from torch's own generator.
        how: see ``Descent``.
        report: told each epoch.
    """
    known = torch.isfinite(figures)
    mean = {name: value.clone() for name, value in network.state_dict().items()}
    optimizer = torch.optim.AdamW(network.parameters(), how.rate, (0.9, 0.99), weight_decay=how.decay, fused=True)
    batch = min(how.batch, len(train))
    per_epoch = len(train) // batch
    best, best_epoch, kept = math.inf, 0, mean
    for epoch in range(how.epochs):
        network.train()
        order = stream(seed, "descent", str(epoch)).permutation(train)
        for turn in range(per_epoch):
            rows = torch.from_numpy(order[turn * batch : (turn + 1) * batch])
            step = epoch * per_epoch + turn
            falling = 0.5 * (1 + math.cos(math.pi * step / (how.epochs * per_epoch)))
            for group in optimizer.param_groups:
                group["lr"] = how.rate * min(1.0, (step + 1) / WARM_UP) * falling
            out = network(*(part[rows] for part in arguments))
            # Huber's loss: configurations that failed to train lie far off, and must not pull the others.
            loss = nn.functional.huber_loss(out, figures[rows].nan_to_num(), reduction="none")
            optimizer.zero_grad()
            (loss * known[rows] * weights).sum(1).mean().backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            if step % MEAN_EVERY == 0 or turn == per_epoch - 1:
                # Early on the mean follows the weights, so that a short training is not held at its start.
                follow = 1 - min(how.average**MEAN_EVERY, (step + 1) / (step + 10))
                with torch.no_grad():
                    for name, value in network.state_dict().items():
                        mean[name].lerp_(value, follow)
        if not len(stop):
            report((epoch + 1) / how.epochs, f"epoch {epoch + 1}")
            continue
        found = _loss(network, mean, arguments, figures, stop)
        report((epoch + 1) / how.epochs, f"epoch {epoch + 1}, {found:.4f} on the rows left out")
        if found < best:
            best, best_epoch = found, epoch
            kept = {name: value.clone() for name, value in mean.items()}
        elif epoch - best_epoch >= how.patience:
            break
    return kept


def _loss(
    network: nn.Module, mean: State, arguments: Sequence[torch.Tensor], figures: torch.Tensor, rows: Rows
) -> float:
    """Mean loss of the first figure at the running mean of the weights."""
    own = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(mean)
    network.eval()
    parts = []
    with torch.inference_mode():
        for start in range(0, len(rows), STOP_BLOCK):
            some = torch.from_numpy(rows[start : start + STOP_BLOCK])
            parts.append(network(*(part[some] for part in arguments))[:, 0])
        loss = nn.functional.huber_loss(torch.cat(parts), figures[torch.from_numpy(rows), 0])
    network.load_state_dict(own)
    return float(loss)


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """So many threads of torch within; None leaves them as they are."""
    before: int = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def device() -> torch.device:
    """A GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
