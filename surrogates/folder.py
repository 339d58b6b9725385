"""A surrogate on disk: a folder with ``surrogate.json``, the members' own files, and a data card.

``surrogate.json`` holds plain values: format version, the space with its options, what was learned from which table,
weights, calibration, and the digest of every other file.  Members are in the formats of their libraries (XGBoost's
JSON, LightGBM's text, safetensors, ``.npz``); nothing in the folder is code.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nasbench_sim.errors import UserError
from nasbench_sim.spaces.space import Codes, Space
from surrogates import differences, model
from surrogates.inputs import feature_names
from surrogates.splits import Split
from surrogates.surrogate import Surrogate

VERSION = 1
MANIFEST, CARD, SPLIT, WORKSPACE = "surrogate.json", "CARD.md", "split.npz", ".training"
_AGAIN = "train it again"


def save(
    surrogate: Surrogate,
    folder: Path,
    split: Split,
    learned: Codes,
    card: str,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write a surrogate's folder: beside its place first, so that it is there whole or not at all.

    Args:
        surrogate: fitted.
        folder: where to; a surrogate that is there is replaced, a folder that holds anything else is refused.
        split: the rows it learned from, kept so that ``evaluate`` knows what it never saw.
        learned: codes of the learned rows, in their order.
        card: its data card, Markdown.
        extra: further plain values for ``surrogate.json``.

    Raises:
        UserError: the folder holds something else.
    """
    check_target(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    try:
        found: dict[str, Any] = {
            "format": VERSION,
            "space": {"name": surrogate.space.name, "options": _options(surrogate.space)},
            "features": _digest("\n".join(feature_names(surrogate.space)).encode()),
            "about": dict(surrogate.about),
            "fidelities": surrogate.fidelities.tolist(),
            "shares": surrogate.shares.tolist(),
            "noise": surrogate.noise.tolist(),
            "error": surrogate.error.save(beside, "error"),
            "curve": None if surrogate.curve is None else surrogate.curve.save(beside, "curve"),
            "test": None if surrogate.test is None else surrogate.test.save(beside, "test"),
            "seconds": None if surrogate.seconds is None else surrogate.seconds.save(beside, "seconds"),
            **(extra or {}),
        }
        with (beside / SPLIT).open("wb") as file:
            np.savez_compressed(file, learned=split.learned, held_out=split.held_out, codes=learned)
        files = sorted(path for path in beside.rglob("*") if path.is_file())
        found["files"] = {path.relative_to(beside).as_posix(): _digest(path.read_bytes()) for path in files}
        (beside / CARD).write_text(card, encoding="utf-8")  # not among the digests: it may be added to
        text = json.dumps(found, indent=1, sort_keys=True, allow_nan=False)
        (beside / MANIFEST).write_text(text + "\n", encoding="utf-8")
        _replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def check_target(folder: Path) -> None:
    """Whether a surrogate may be written there.

    Raises:
        UserError: a file, or a folder that holds something other than a surrogate or its training.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file: -o names the surrogate's folder")
    if folder.is_dir() and not (folder / MANIFEST).is_file() and {p.name for p in folder.iterdir()} - {WORKSPACE}:
        raise UserError(f"{folder} holds something other than a surrogate: -o names a folder of its own")


def _replace(beside: Path, folder: Path) -> None:
    if folder.exists():
        old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
        shutil.rmtree(old, ignore_errors=True)
        os.replace(folder, old)
        os.replace(beside, folder)
        shutil.rmtree(old)
    else:
        os.replace(beside, folder)


def read_manifest(folder: Path) -> dict[str, Any]:
    """``surrogate.json``, its version and all digests checked.

    Raises:
        UserError: no surrogate, of another version, or a file that is missing or altered.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise UserError(f"{folder} holds no surrogate (no {MANIFEST}); make one with python -m surrogates.train")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        version = found["format"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UserError(f"{path} is damaged; {_AGAIN}") from None
    if version != VERSION:
        raise UserError(f"{folder} has surrogate format {version!r}, and {VERSION} is read here; {_AGAIN}")
    try:
        files = dict(found["files"])
        for name, digest in files.items():
            place = folder / str(name)
            if not place.resolve().is_relative_to(folder.resolve()):
                raise UserError(f"{path} names a file outside its folder; {_AGAIN}")
            if not place.is_file():
                raise UserError(f"{place} is missing; {_AGAIN}")
            if _digest(place.read_bytes()) != digest:
                raise UserError(f"{place} was altered since it was written; {_AGAIN}")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{path} is damaged; {_AGAIN}") from None
    return dict(found)


def load(folder: Path, space: Space | None = None) -> Surrogate:
    """The surrogate of a folder.

    Args:
        folder: that ``save`` wrote.
        space: that it must be about; None takes the space that its manifest names.

    Raises:
        UserError: no surrogate, damaged, of another version or space, or a library that is not installed.
    """
    found = read_manifest(folder)
    try:
        name, options = str(found["space"]["name"]), dict(found["space"]["options"])
        if space is None:
            space = space_of(name, options)
        if space.name != name:
            raise UserError(f"{folder} is a surrogate of the space {name}, not of {space.name}")
        if _digest("\n".join(feature_names(space)).encode()) != found["features"]:
            raise UserError(f"{folder} learned other features of {name} than are worked out here; {_AGAIN}")
        files = set(found["files"])
        for part in ("error", "curve", "test", "seconds"):
            if set(_named(found[part])) - files:
                raise ValueError(f"{part} names a file without a digest")
        error = model.load(space, folder, found["error"])
        curve, test = (None if found[p] is None else differences.load(folder, found[p]) for p in ("curve", "test"))
        seconds = None if found["seconds"] is None else model.load(space, folder, found["seconds"])
        fidelities, shares, noise = (np.array(found[p], np.float64) for p in ("fidelities", "shares", "noise"))
        if not fidelities.shape == shares.shape == noise.shape or not len(fidelities):
            raise ValueError("fidelities, shares and noise do not agree")
        return Surrogate(space, error, fidelities, curve, test, seconds, shares, noise, dict(found["about"]))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise UserError(f"{folder} is damaged ({' '.join(str(error).split())[:120]}); {_AGAIN}") from None


def read_split(folder: Path) -> tuple[Split, Codes]:
    """The rows that a surrogate learned from and those held out; codes ``[n, d]`` of the former.

    Raises:
        UserError: missing or damaged.
    """
    try:
        with np.load(folder / SPLIT, allow_pickle=False) as found:
            split = Split(found["learned"].astype(np.int64), found["held_out"].astype(np.int64))
            return split, np.asarray(found["codes"])
    except Exception:  # damage of a zip archive shows in many ways
        raise UserError(f"{folder / SPLIT} is missing or damaged; {_AGAIN}") from None


def space_of(name: str, options: Mapping[str, Any]) -> Space:
    """A space by the name that tables use, and its options.

    Raises:
        UserError: unknown name or options.
    """
    from nasbench_sim.spaces.darts import DARTS
    from nasbench_sim.spaces.grid import Grid
    from nasbench_sim.spaces.macronas import MacroNAS
    from nasbench_sim.spaces.nasbench101 import NASBench101
    from nasbench_sim.spaces.nasbench201 import NASBench201
    from nasbench_sim.spaces.nasbench_macro import NASBenchMacro
    from nasbench_sim.spaces.ofa import OFA
    from nasbench_sim.spaces.variables import Variable

    if "variables" in options:
        variables = tuple(
            Variable(str(one["name"]), tuple(one["values"]), str(one["kind"]), bool(one["log"]))
            for one in options["variables"]
        )
        return Grid(name, variables, str(options.get("step", "any")))
    known: dict[str, Any] = {
        "darts": DARTS, "macronas": MacroNAS, "nasbench101": NASBench101, "nasbench201": NASBench201,
        "nasbench_macro": NASBenchMacro, "ofa": OFA,
    }  # fmt: skip
    if name not in known:
        raise UserError(f"there is no space {name!r}: choose from {', '.join(known)}")
    made: Space = known[name](**options)
    return made


def _options(space: Space) -> dict[str, Any]:
    """What the space's class was given, as plain values."""
    options: dict[str, Any] = asdict(space) if is_dataclass(space) and not isinstance(space, type) else {}
    if "variables" in options:
        options["variables"] = [{**one, "values": list(one["values"])} for one in options["variables"]]
        options.pop("name", None)
    return options


def _named(part: Any) -> list[str]:
    """Every file that a part of the manifest names."""
    if isinstance(part, Mapping):
        files = part.get("files", [])
        flat = [one for entry in files for one in ([entry] if isinstance(entry, str) else entry)]
        within = [*part.get("parts", []), part.get("failures")]
        return [*flat, *(name for value in within for name in _named(value))]
    return []


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def fingerprint(folder: Path) -> str:
    """sha256 (hexadecimal) of the manifest, which holds the digest of everything else.

    Raises:
        UserError: no surrogate.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise UserError(f"{folder} holds no surrogate (no {MANIFEST}); make one with python -m surrogates.train")
    return _digest(path.read_bytes())
