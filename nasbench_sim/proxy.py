"""Weight-sharing proxies: a second source of answers, standing in for super-nets.

Nobody trains a super-net in a minute, so a super-net is drawn instead: a proxy for every cell whose rank
correlation with the truth is as published, and whose errors have the structure that was reported.  What is set
here is calibrated, not measured.

The latent proxy of a cell is ``cos(angle) * signal + sin(angle) * structure``, both standardised over the space.

* signal: the normal score z of the cell's true validation rank, saturated: ``z`` far below ``saturation``,
  constant far above it.  A super-net tells good from bad better than good from best; with a plain Gaussian
  copula, searching on the proxy would win everywhere.
* structure: what the super-net over-rates.  A cluster (a residual edge, a 3 x 3 convolution on the first node, or
  a pattern drawn per super-net), effects of single operations and edges drawn per super-net, and a small rest
  per cell.  Neighbouring cells share most of it, so a local search on the proxy climbs it.
* angle: solved for, so that Spearman's correlation meets the super-net's target.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.special import expit, ndtri
from scipy.stats import rankdata

from nasbench_sim.oracle import Floats, Observations, Request, Source
from nasbench_sim.randomness import stream, uniform
from nasbench_sim.spaces.nasbench101_cells import CONV3X3, EDGE, EDGES, NODES, OPERATIONS, OUTPUT
from nasbench_sim.spaces.space import Codes, Keys, Space
from nasbench_sim.tabular.oracle import TabularOracle

CLUSTERS = ("none", "drawn", "residual", "first conv3x3")
PATTERNS = len(EDGES) + (NODES - 2) * len(OPERATIONS)  # every edge, every operation at every inner node
NAMED = {"residual": EDGE[0, OUTPUT], "first conv3x3": len(EDGES) + CONV3X3 - 1}
REST = 0.1  # standard deviation of the rest per cell, in units of the whole structure
SHARPNESS = 3.0  # of the bend at which the signal saturates
SAMPLE = 4000  # cells of the space on which a super-net is scaled


@dataclass(frozen=True)
class Bias:
    """How the super-nets of one space err; see the module's text.

    Attributes:
        saturation: in standard deviations of the truth's normal score.
        cluster: one of ``CLUSTERS``.
        weight: share of the structure's variance that the cluster has, in [0, 1].
        blindness: how little a super-net tells the members of a named cluster apart, in [0, 1]; 1 makes it a decoy
            of cells that look alike.
    """

    saturation: float
    cluster: str
    weight: float
    blindness: float = 0.0


@dataclass(frozen=True)
class SuperNet:
    """One drawn super-net: a proxy for any cell of its space.

    Attributes:
        bias: of the space.
        signal: mean and standard deviation over the space of the saturated score, and its mean in the cluster.
        effects: what each pattern adds to the structure, ``float64[36]``, and the constant beside them.
        angle: between 0 (signal alone) and a quarter turn (structure alone); beyond, the signal counts against.
        name: what the rest per cell is hashed from.
    """

    bias: Bias
    signal: tuple[float, float, float]
    effects: Floats
    constant: float
    angle: float
    name: str

    def accuracy(self, codes: Codes, keys: Keys, score: Floats) -> Floats:
        """Proxy accuracies, ``float64[n]`` in (0.1, 0.9); the range is the source's, only the order matters.

        Args:
            codes: ``[n, 26]``, canonical.
            keys: ``uint64[n, 2]``.
            score: ``float64[n]``, see ``normal_score``.
        """
        signal, structure = self._signal(codes, score), self._structure(codes, keys)
        latent = np.cos(self.angle) * signal + np.sin(self.angle) * structure
        return np.asarray(0.1 + 0.8 * expit(0.45 * latent - 0.6))

    def _signal(self, codes: Codes, score: Floats) -> Floats:
        mean, deviation, level = self.signal
        seen = _saturated(score, self.bias.saturation)
        blind = self.bias.blindness * in_cluster(codes, self.bias.cluster)
        return np.asarray((blind * level + (1 - blind) * seen - mean) / deviation)

    def _structure(self, codes: Codes, keys: Keys) -> Floats:
        rest = ndtri(uniform(np.zeros(len(keys), np.uint64), keys, "rest", self.name))
        return np.asarray(patterns(codes) @ self.effects + self.constant + REST * rest)


def draw_supernet(
    codes: Codes, keys: Keys, score: Floats, bias: Bias, spearman: float, seed: int, *names: str
) -> SuperNet:
    """Draw one super-net of a space.

    Args:
        codes: ``[n, 26]``, all cells of the space, canonical.
        keys: ``uint64[n, 2]``.
        score: ``float64[n]``, see ``normal_score``.
        bias: of the space.
        spearman: target for the rank correlation of proxy and true accuracy.
        seed: with ``names``, which super-net it is.
        names: such as space, variant and number.
    """
    rng = stream(seed, "supernet", *names)
    sample = rng.choice(len(codes), min(SAMPLE, len(codes)), replace=False)
    present = patterns(codes[sample])
    common = np.flatnonzero(np.abs(present.mean(axis=0) - 0.5) < 0.3)
    drawn, sign = int(rng.choice(common)), float(rng.choice([-1.0, 1.0]))
    effects = rng.standard_normal(PATTERNS)
    effects *= np.sqrt(1 - bias.weight) / (present @ effects).std()
    if bias.cluster != "none":
        pattern = NAMED.get(bias.cluster, drawn)
        effects[pattern] += (
            (sign if bias.cluster == "drawn" else 1.0) * np.sqrt(bias.weight) / present[:, pattern].std()
        )
    linear = present @ effects
    scale = np.sqrt(1 - REST**2) / linear.std()
    bent = _saturated(score[sample], bias.saturation)
    inside = in_cluster(codes[sample], bias.cluster)
    net = SuperNet(
        bias,
        (float(bent.mean()), float(bent.std()), float(bent[inside].mean()) if inside.any() else 0.0),
        effects * scale,
        float(-linear.mean() * scale),
        0.0,
        "/".join((str(seed), *names)),
    )
    signal, structure = net._signal(codes[sample], score[sample]), net._structure(codes[sample], keys[sample])
    return replace(net, angle=_angle(signal, structure, score[sample], spearman))


def patterns(codes: Codes) -> Floats:
    """Which edges, and which operations at which inner nodes, ``float64[n, 36]``."""
    operations = [codes[:, len(EDGES) :] == operation for operation in range(1, 1 + len(OPERATIONS))]
    # Node by node, so that a named pattern is found at its node's place.
    by_node = np.stack(operations, axis=2).reshape(len(codes), -1)
    return np.concatenate([codes[:, : len(EDGES)], by_node], axis=1).astype(np.float64)


def in_cluster(codes: Codes, cluster: str) -> npt.NDArray[np.bool_]:
    """Which cells a named cluster holds, ``bool[n]``; a drawn one differs between super-nets, so none."""
    if cluster not in NAMED:
        return np.zeros(len(codes), bool)
    return np.asarray(patterns(codes)[:, NAMED[cluster]] > 0)


def normal_score(validation_error: Floats) -> Floats:
    """Normal score of the rank of each cell's accuracy within the space, ``float64[n]``; high is good.

    Cells without a figure, whose training failed, rank last.
    """
    ranks = rankdata(np.where(np.isnan(validation_error), -np.inf, -validation_error))
    return np.asarray(ndtri((ranks - 0.5) / len(ranks)))


class WeightSharingOracle:
    """A table's answers under the source "train", and those of drawn super-nets under "proxy".

    Args:
        trained: answers trainings; over NAS-Bench-101 or a sub-space.
        bias: of the space's super-nets.
        spearman: mean over super-nets of the correlation to reach, and its standard deviation between them.
        names: space and variant, part of each super-net's seed.
        setup_seconds: to train a super-net.
        proxy_seconds: of one proxy evaluation.
        supernets: how many there are; a run has the super-net number (its seed modulo ``supernets``).
        seed: of the super-nets.
    """

    def __init__(
        self,
        trained: TabularOracle,
        bias: Bias,
        spearman: tuple[float, float],
        names: tuple[str, ...],
        *,
        setup_seconds: float,
        proxy_seconds: float,
        supernets: int = 5,
        seed: int = 0,
    ) -> None:
        self.trained, self.bias, self.spearman, self.names = trained, bias, spearman, names
        self.setup_seconds, self.proxy_seconds = setup_seconds, proxy_seconds
        self.supernets, self.seed = supernets, seed
        self._proxies: dict[int, Floats] = {}  # a function of the seed; drawing it again would only take time

    @property
    def space(self) -> Space:
        return self.trained.space

    @property
    def objectives(self) -> tuple[str, ...]:
        return self.trained.objectives

    @property
    def held_out(self) -> tuple[str, ...]:
        return self.trained.held_out

    @property
    def optimum(self) -> Floats:
        return self.trained.optimum

    @property
    def optimum_objectives(self) -> Floats:
        return self.trained.optimum_objectives

    @property
    def size(self) -> int:
        return self.trained.size

    @property
    def least_seconds(self) -> float:
        """As the table's."""
        return self.trained.least_seconds

    @property
    def provenance(self) -> Mapping[str, str]:
        return {
            **self.trained.provenance,
            "proxy": f"{self.supernets} super-nets drawn from a model calibrated to published correlations "
            f"({', '.join(self.names)}, seed {self.seed})",
            "super-nets": f"correlation {self.spearman[0]:g} with deviation {self.spearman[1]:.4g}, {self.bias}; "
            f"{self.setup_seconds!r} s to train, {self.proxy_seconds:g} s a proxy",
        }

    @cached_property
    def sources(self) -> Mapping[str, Source]:
        proxy = Source((1.0,), "proxy evaluations", setup_seconds=self.setup_seconds)
        return {**self.trained.sources, "proxy": proxy}

    def draw(self, number: int) -> SuperNet:
        """The super-net of that number; its correlation is drawn around the mean."""
        mean, deviation = self.spearman
        target = float(
            np.clip(stream(self.seed, "correlation", *self.names, str(number)).normal(mean, deviation), 0, 0.99)
        )
        return draw_supernet(*self.cells, self.bias, target, self.seed, *self.names, str(number))

    def variant(
        self, names: tuple[str, ...], spearman: tuple[float, float], seed: int | None = None
    ) -> WeightSharingOracle:
        """Super-nets of the same space that were trained in another way, or are other ones."""
        other = copy(self)  # shares what is known of the cells
        other.names, other.spearman, other._proxies = names, spearman, {}
        other.seed = self.seed if seed is None else seed
        return other

    def proxies(self, number: int) -> Floats:
        """Proxy accuracy by row of the table, ``float64[N]``; NaN outside the space."""
        if number not in self._proxies:
            accuracy = np.full(len(self.trained.table), np.nan)
            accuracy[self.trained.rows] = self.draw(number).accuracy(*self.cells)
            self._proxies[number] = accuracy
        return self._proxies[number]

    @cached_property
    def cells(self) -> tuple[Codes, Keys, Floats]:
        rows = self.trained.rows
        codes = self.trained.table.codes[rows]
        longest = self.trained.sources["train"].fidelities[-1]
        return codes, self.space.key(codes), normal_score(self.trained.mean_error(longest)[rows])

    def evaluate(self, request: Request, run: npt.NDArray[np.uint64] | int) -> Observations:
        """Answer one request, see ``Oracle``; a proxy's error is one minus its accuracy, all else is as trained."""
        if request.source != "proxy":
            return self.trained.evaluate(request, run)
        keys = self.space.key(request.codes) if request.keys is None else request.keys
        rows = self.trained.locate(keys)
        n = len(rows)
        numbers = np.broadcast_to(np.asarray(run, np.uint64), (n,)) % np.uint64(self.supernets)
        error = np.empty(n)
        for number in np.unique(numbers):
            asked = numbers == number
            error[asked] = 1.0 - self.proxies(int(number))[rows[asked]]
        objectives = error[:, None]
        if len(self.objectives) > 1:
            objectives = np.concatenate([objectives, self.trained.mean_objectives()[rows, 1:]], axis=1)
        return Observations(
            codes=request.codes,
            keys=keys,
            source="proxy",
            objectives=objectives,
            constraints=np.zeros((n, 0)),
            seconds=np.full(n, self.proxy_seconds),
            failed=np.isnan(error),
            fidelity=np.ones(n),
            held_out=np.zeros((n, len(self.held_out))),
            rows=rows,
        )


def _saturated(score: Floats, saturation: float) -> Floats:
    return np.asarray(-np.logaddexp(0.0, SHARPNESS * (saturation - score)) / SHARPNESS)


def _angle(signal: Floats, structure: Floats, score: Floats, spearman: float) -> float:
    """The angle at which the correlation has fallen to the target, by bisection."""
    truth = rankdata(score)

    def correlation(angle: float) -> float:
        return float(np.corrcoef(truth, rankdata(np.cos(angle) * signal + np.sin(angle) * structure))[0, 1])

    low, high = 0.0, np.pi
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if correlation(middle) > spearman else (low, middle)
    return high
