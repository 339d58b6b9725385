"""A graph neural network as a member of an ensemble: how it is trained, kept, and asked.

The network is in ``gin_network``.  It learns the logarithm of the error together with what else is known of a
configuration (shorter trainings, seconds): these cost nothing to predict and tell good cells from lucky ones.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.torch
import torch

from nasbench_sim.randomness import stream
from surrogates.descent import Descent, descend, device, threads
from surrogates.gin_network import Network, Shape, tensors
from surrogates.inputs import Features, Inputs
from surrogates.members import Floats, Lessons, Member, Report, Rows, one_by_one, silent

BLOCK = 256  # graphs asked at once, filled up: a row's answer must not depend on how many are asked with it
CLIP = 4.0  # standard deviations: a rare path count must not blow up a sum


@dataclass(frozen=True)
class GIN:
    """An ensemble of graph isomorphism networks.

    Attributes:
        members: in the ensemble.
        epochs, patience, batch, rate, decay, average: of its training, see ``Descent``.
        width, depth, dropout: of the network, see ``Shape``.
        beside: weight of each further figure's loss, that of the error being 1.
        threads: of the processor; another number gives another network, as good.
    """

    members: int = 10
    epochs: int = 30
    patience: int = 12
    width: int = 64
    depth: int = 4
    dropout: float = 0.2
    batch: int = 128
    rate: float = 3e-3
    decay: float = 1e-2
    beside: float = 0.3
    average: float = 0.99
    threads: int = 2

    @property
    def suffix(self) -> str:
        return ".safetensors"

    def fit(self, lessons: Lessons, train: Rows, stop: Rows, seed: int, report: Report = silent) -> Trained:
        figures = np.concatenate([lessons.target[:, None], lessons.beside], axis=1)
        standard, centre, width = standardised(figures, train)
        scaling = Scaling.of(lessons.inputs.features[train])
        given = lessons.inputs.graphs
        shape = Shape(
            len(given.operations), len(scaling.columns), figures.shape[1], self.width, self.depth, self.dropout
        )
        place = device()
        arguments = [part.to(place) for part in tensors(given, scaling(lessons.inputs.features))]
        weights = torch.tensor([1.0] + [self.beside] * (figures.shape[1] - 1), device=place)
        how = Descent(self.epochs, self.patience, self.batch, self.rate, self.decay, self.average)
        with threads(self.threads), torch.random.fork_rng():
            torch.manual_seed(int(stream(seed, "gin", "weights").integers(2**62)))
            network = Network(shape).to(place)
            kept = descend(network, arguments, standard.to(place), weights, train, stop, seed, how, report)
        network.load_state_dict(kept)
        return Trained(network.cpu().eval(), shape, scaling, centre, width, given.operations)

    def load(self, path: Path) -> Trained:
        try:
            content = path.read_bytes()
            with safetensors.safe_open(path, framework="pt") as file:
                about = json.loads((file.metadata() or {})["about"])
            found = safetensors.torch.load(content)
            shape = Shape(**about["shape"])
            operations = tuple(str(name) for name in about["operations"])
            centre, width = float(about["centre"]), float(about["width"])
            scaling = Scaling(*(found.pop(f"scaling.{name}").numpy() for name in ("columns", "centre", "width")))
            network = Network(shape)
            network.load_state_dict(found)
        except (safetensors.SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise ValueError(f"{path} holds no network of this kind") from error
        return Trained(network.eval(), shape, scaling, centre, width, operations)

    def together(self, members: Sequence[Member]) -> Callable[[Inputs], Floats]:
        return one_by_one(members)


@dataclass(frozen=True)
class Scaling:
    """Features as a network takes them: logarithms, centred, of unit width, clipped.

    Attributes:
        columns: ``int64[d]``, those that vary.
        centre, width: ``float32[d]``.
    """

    columns: npt.NDArray[np.int64]
    centre: npt.NDArray[np.float32]
    width: npt.NDArray[np.float32]

    @staticmethod
    def of(features: Features) -> Scaling:
        """As these rows ``float32[n, k]`` want it."""
        logged = np.sign(features) * np.log1p(np.abs(features))
        spread = logged.std(0)
        columns = np.flatnonzero(spread > 1e-6)
        return Scaling(columns, logged.mean(0)[columns], spread[columns])

    def __call__(self, features: Features) -> Features:
        chosen = features[:, self.columns]
        logged = np.sign(chosen) * np.log1p(np.abs(chosen))
        return np.asarray(np.clip((logged - self.centre) / self.width, -CLIP, CLIP), np.float32)


@dataclass(frozen=True)
class Trained:
    """A fitted member: prediction = centre + width x the network's first output."""

    network: Network
    shape: Shape
    scaling: Scaling
    centre: float
    width: float
    operations: tuple[str, ...]

    def predict(self, inputs: Inputs) -> Floats:
        given = inputs.graphs
        if given.operations != self.operations:
            raise ValueError("the space now names its operations otherwise than when the network was trained")
        features = self.scaling(inputs.features)
        out = np.empty(len(inputs), np.float64)
        with threads(1 if len(inputs) <= BLOCK else None), torch.inference_mode():
            for start in range(0, len(inputs), BLOCK):
                rows = np.arange(start, min(start + BLOCK, len(inputs)))
                filled = np.pad(rows, (0, BLOCK - len(rows)), mode="edge")
                found = self.network(*tensors(given[filled], features[filled]))[:, 0]
                out[rows] = found.numpy()[: len(rows)]
        return self.centre + self.width * out

    def save(self, path: Path) -> None:
        arrays: dict[str, torch.Tensor] = {
            f"scaling.{name}": torch.from_numpy(np.ascontiguousarray(array))
            for name, array in (
                ("columns", self.scaling.columns), ("centre", self.scaling.centre), ("width", self.scaling.width)
            )
        }  # fmt: skip
        arrays |= {name: value.contiguous() for name, value in self.network.state_dict().items()}
        about = {
            "shape": asdict(self.shape), "operations": self.operations, "centre": self.centre, "width": self.width
        }  # fmt: skip
        beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        beside.write_bytes(safetensors.torch.save(arrays, {"about": json.dumps(about, sort_keys=True)}))
        os.replace(beside, path)


def standardised(figures: Floats, train: Rows) -> tuple[torch.Tensor, float, float]:
    """Figures ``[n, t]`` about the median of rows ``train`` in units of their width; the first one's two numbers."""
    centre, width = np.nanmedian(figures[train], 0), np.nanstd(figures[train], 0)
    width = np.where(width > 0, width, 1.0)
    return torch.from_numpy(((figures - centre) / width).astype(np.float32)), float(centre[0]), float(width[0])
