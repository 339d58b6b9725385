"""NAS-Bench-301's own ensembles of boosted trees, version 1.0: validation accuracy and training time.

    model = NASBench301.open("nb_models/xgb_v1.0", "nb_models/lgb_runtime_v1.0")
    error, seconds = model.figures(codes, 98)

Siems et al. 2020, "NAS-Bench-301 and the Case for Surrogate Benchmarks for Neural Architecture Search".  The mean of
the members answers, as the benchmark's ``predict(..., with_noise=False)`` does; the noise of its default is the
disagreement of the members, not that of trainings, and is left out.

The benchmark's package wrote its members with pickle, which runs whatever code a file names.  Such files are refused by
name; XGBoost's JSON and LightGBM's text, which hold data alone, are read.  The message says how to convert a member
where it is trusted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.spaces.darts import CELLS, DARTS, POSSIBLE_EDGES, edge_operations
from nasbench_sim.spaces.space import Codes
from nasbench_sim.tabular.importers.bounded import MEBIBYTE, read_bounded, shown
from nasbench_sim.tabular.locate import folders
from surrogates.darts_climbs import best_of_climbs

Floats = npt.NDArray[np.float64]
Members = list[Callable[[npt.NDArray[np.float32]], Floats]]

LAST = 98.0  # epochs
ERROR, RUNTIME = "xgb_v1.0", "lgb_runtime_v1.0"
LARGEST_FILE = 512 * MEBIBYTE
CLIMBS = 32
HPARAMS = (  # of a configuration that are the same for every network, in alphabetical order with the others
    "CreateImageDataLoader:batch_size", "ImageAugmentation:augment", "ImageAugmentation:autoaugment",
    "ImageAugmentation:cutout", "ImageAugmentation:cutout_holes", "ImageAugmentation:cutout_length",
    "ImageAugmentation:fastautoaugment", "LossModuleSelectorIndices:loss_module",
    "NetworkSelectorDatasetInfo:darts:auxiliary", "NetworkSelectorDatasetInfo:darts:drop_path_prob",
    "NetworkSelectorDatasetInfo:darts:init_channels", "NetworkSelectorDatasetInfo:darts:layers",
    "NetworkSelectorDatasetInfo:network", "OptimizerSelector:optimizer", "OptimizerSelector:sgd:learning_rate",
    "OptimizerSelector:sgd:momentum", "OptimizerSelector:sgd:weight_decay",
    "SimpleLearningrateSchedulerSelector:cosine_annealing:T_max",
    "SimpleLearningrateSchedulerSelector:cosine_annealing:eta_min",
    "SimpleLearningrateSchedulerSelector:lr_scheduler", "SimpleTrainNode:batch_loss_computation_technique",
    "SimpleTrainNode:mixup:alpha",
)  # fmt: skip


def _columns() -> tuple[str, ...]:
    """Names of the models' 56 inputs: ConfigSpace puts what depends on nothing first, each part alphabetically."""
    edges = [(cell, edge) for cell in CELLS for edge in range(len(POSSIBLE_EDGES))]
    always = [f"edge_{cell}_{edge}" for cell, edge in edges if edge < 2]
    always += [f"inputs_node_{cell}_{node}" for cell in CELLS for node in (3, 4, 5)]
    sometimes = [f"edge_{cell}_{edge}" for cell, edge in edges if edge >= 2]
    prefix = "NetworkSelectorDatasetInfo:darts:"
    return (*sorted([*HPARAMS, *(prefix + name for name in always)]), *sorted(prefix + name for name in sometimes))


COLUMNS = _columns()
ABSENT = -1.0  # of an edge that is not there


@dataclass(frozen=True)
class NASBench301:
    """Both ensembles.

    Attributes:
        error_members: each from inputs ``float32[n, 56]`` to accuracies in percent.
        runtime_members: the same to seconds.
        fingerprint: sha256 (hexadecimal) of all members' files.
    """

    error_members: Members
    runtime_members: Members
    fingerprint: str

    @classmethod
    def open(cls, error: str | Path, runtime: str | Path) -> NASBench301:
        """Open two folders with one sub-folder per member.

        Raises:
            UserError: no members, a pickle, a damaged file, a model of something else, or a library is missing.
        """
        digest = hashlib.sha256()
        return cls(_members(Path(error), False, digest), _members(Path(runtime), True, digest), digest.hexdigest())

    @property
    def space(self) -> DARTS:
        """Renamed nodes are told apart, as the members do."""
        return DARTS(equivalence="code", channels=32, layers=8)

    @property
    def fidelities(self) -> tuple[float, ...]:
        return (LAST,)

    @cached_property
    def best_known(self) -> float:
        """The lowest error that ``CLIMBS`` best-improvement climbs find; no proof that there is no lower one."""
        return best_of_climbs(self.space, lambda codes: self.figures(codes, LAST)[0], CLIMBS)[1]

    @property
    def provenance(self) -> Mapping[str, str]:
        """What answers, for reports."""
        return {
            "table": "ensembles that NAS-Bench-301 published",
            "kind": "surrogate",
            "fingerprint": self.fingerprint,
            "licence": "Apache-2.0",
            "source": f"automl/nasbench301, {len(self.error_members)} members of error, "
            f"{len(self.runtime_members)} of seconds; mean without noise",
            "clock": "seconds that the runtime ensemble predicts",
        }

    def figures(self, codes: Codes, fidelity: float) -> tuple[Floats, Floats]:
        """Validation error and seconds, ``float64[n]`` each; each row's depends on its own code alone.

        Args:
            codes: ``[n, 32]``, legal ones with distinct inputs.
            fidelity: 98, all that the ensembles know.
        """
        inputs = inputs_of(codes)
        return 1 - _mean(self.error_members, inputs) / 100, _mean(self.runtime_members, inputs)


def _mean(members: Members, inputs: npt.NDArray[np.float32]) -> Floats:
    total = np.zeros(len(inputs))
    for member in members:  # one after another, so that a row's sum does not depend on its company
        total += member(inputs)
    return total / len(members)


def inputs_of(codes: Codes) -> npt.NDArray[np.float32]:
    """``float32[n, 56]``: the codes as the members take them; what is the same for all networks is zero."""
    carried = edge_operations(codes)
    sources = np.sort(np.asarray(codes).reshape(-1, len(CELLS), 4, 2, 2)[..., 0].astype(np.int64), axis=3)
    found = np.zeros((len(carried), len(COLUMNS)), np.float32)
    for column, name in enumerate(COLUMNS):
        if name in HPARAMS:
            continue
        words = name.rpartition(":")[2].split("_")
        if words[0] == "edge":
            one = carried[:, CELLS.index(words[1]), int(words[2])]
            found[:, column] = np.where(one.any(1), one.argmax(1), ABSENT)
        else:
            node = int(words[3]) - 2
            pairs = [(a, b) for a in range(node + 2) for b in range(a + 1, node + 2)]
            number = np.zeros((5, 5), np.int64)
            number[tuple(np.transpose(pairs))] = np.arange(len(pairs))
            first, second = sources[:, CELLS.index(words[2]), node].T
            found[:, column] = number[first, second]
    return found


def find_ensembles(folder: str | Path | None = None) -> tuple[Path, Path]:
    """The folders of both ensembles beside the tables, also inside ``nb_models``.

    Raises:
        UserError: they are nowhere.
    """
    places = folders(folder)
    for place in places:
        for candidate in (place, place / "nb_models"):
            if (candidate / ERROR).is_dir() and (candidate / RUNTIME).is_dir():
                return candidate / ERROR, candidate / RUNTIME
    raise UserError(
        f"no {ERROR} and {RUNTIME} in {', '.join(map(str, places))}: --tables names a folder that holds both "
        "(nasbench301_models_v1.0 on figshare, members converted)"
    )


def _members(folder: Path, timed: bool, digest: Any) -> Members:
    """The members of one ensemble, in the order of their folders' names."""
    paths = sorted(path for path in folder.rglob("surrogate_model.*") if path.is_file())
    # A converted member stands beside the pickle that it was.
    converted = {path.parent for path in paths if path.suffix != ".model"}
    paths = [path for path in paths if path.suffix != ".model" or path.parent not in converted]
    if not paths:
        raise UserError(f"{folder}: " + ("no surrogate_model in it" if folder.is_dir() else "no such folder"))
    found: Members = []
    for path in paths:
        content = read_bounded(path, LARGEST_FILE)
        digest.update(f"{path.parent.name}/{path.name}\0{len(content)}\0".encode() + content)
        _check_kind(path, timed)
        found.append(_member(path, content))
    return found


def _check_kind(path: Path, timed: bool) -> None:
    """Whether a member is a model of the figure that is wanted, by the settings that stand beside it."""
    beside = path.parent / "model_config.json"
    if not beside.is_file():
        return
    try:
        kind = json.loads(read_bounded(beside, MEBIBYTE))["model"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UserError(f"{beside} names no model; get it again") from None
    wanted = ("xgb_time", "lgb_time") if timed else ("xgb", "lgb")
    if kind not in wanted:
        raise UserError(f"{beside}: a model of kind {shown(kind)}, where {' or '.join(wanted)} was expected")


def _member(path: Path, content: bytes) -> Callable[[npt.NDArray[np.float32]], Floats]:
    start = content[:64].lstrip()
    if content[:1] == b"\x80" or b"xgboost.core" in content[:4096] or b"lightgbm.basic" in content[:4096]:
        ending = "txt" if b"lightgbm" in content[:65536] else "json"
        raise UserError(
            f"{path} is a pickle, which can run any code, so it was not opened; where you trust it, with the library "
            f"that wrote it: pickle.load(open('{path.name}', 'rb')).save_model('surrogate_model.{ending}')"
        )
    if start.startswith(b"{"):
        return _xgboost(path)
    if start.startswith(b"tree"):
        return _lightgbm(path, content)
    raise UserError(f"{path} is neither XGBoost's JSON nor LightGBM's text; get it again")


def _xgboost(path: Path) -> Callable[[npt.NDArray[np.float32]], Floats]:
    try:
        from surrogates.xgboost_trees import XGBoost
    except ImportError:
        raise UserError(f"{path} needs xgboost: pip install 'nasbench-sim[surrogates]'") from None
    try:
        trees: Any = XGBoost().load(path).trees
        count, used = trees.num_features(), set(trees.get_score(importance_type="weight"))
    except ValueError as error:
        raise UserError(f"{path}: {error}; get it again") from None
    names = trees.feature_names or [f"f{column}" for column in range(count)]
    _check_inputs(path, count, [name in used for name in names])
    trees.set_param({"nthread": 1})
    return lambda inputs: np.asarray(
        trees.inplace_predict(inputs, predict_type="margin", validate_features=False), np.float64
    ).reshape(len(inputs))


def _lightgbm(path: Path, content: bytes) -> Callable[[npt.NDArray[np.float32]], Floats]:
    try:
        import lightgbm
    except ImportError:
        raise UserError(f"{path} needs lightgbm: pip install 'nasbench-sim[surrogates]'") from None
    try:
        trees = lightgbm.Booster(model_str=content.decode())
        _check_inputs(path, trees.num_feature(), list(trees.feature_importance("split") > 0))
    except (lightgbm.basic.LightGBMError, UnicodeDecodeError):
        raise UserError(f"{path} holds no LightGBM model, or is damaged; get it again") from None
    return lambda inputs: np.asarray(trees.predict(inputs, num_threads=1), np.float64) if len(inputs) else np.zeros(0)


def _check_inputs(path: Path, count: int, used: list[bool]) -> None:
    if count != len(COLUMNS):
        raise UserError(f"{path} takes {count} inputs where a model of NAS-Bench-301 takes {len(COLUMNS)}")
    for name, is_used in zip(COLUMNS, used, strict=True):
        if is_used and name in HPARAMS:
            raise UserError(f"{path} asks for {name}, which is the same for every network of the benchmark")
