"""Where runs are kept, and what makes a stored run the one that is asked for."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from functools import cache, partial
from inspect import getsourcefile
from pathlib import Path
from typing import Any

import nasbench_sim
from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Task
from nasbench_sim.trace import Trace
from suites.suite import Entry, Suite

FORMAT = "nasbench-sim suite 1"
MANIFEST = "suite.json"


def identity(suite: Suite, source: str, task: Task, entry: Entry, seed: int) -> str:
    """Hash of what a run is: suite parameters, all source that it passes through, seed, table fingerprints."""
    what = {
        "suite": suite.name,
        "parameters": dict(suite.parameters),
        "source": source,
        "strategy": [entry.name, source_of(entry.factory)],
        "task": task.name,
        "oracle": dict(task.oracle.provenance),
        "budget": [task.evaluations, task.seconds, task.workers, task.decision_seconds],
        "seed": seed,
        "version": nasbench_sim.__version__,
        "engine": engine_source(),
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def evidence_identity(suite: Suite, source: str, task: Task) -> str:
    """Hash of what a task's evidence depends on."""
    assert suite.evidence is not None
    what = [
        suite.name,
        dict(suite.parameters),
        source,
        source_of(suite.evidence),
        task.name,
        dict(task.oracle.provenance),
    ]
    return hashlib.sha256(json.dumps([*what, engine_source()], sort_keys=True).encode()).hexdigest()


def evidence_mark(out: Path, task: str) -> Path:
    """The file that says which evidence of a task is there."""
    return out / "evidence" / f"{task.replace('/', '-')}.identity"


@cache
def engine_source() -> str:
    """Digest of the engine's own files, so that no run of an older engine is taken for one of this."""
    folder = Path(nasbench_sim.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    digest.update((Path(__file__).parent / "catalogue.py").read_bytes())
    return digest.hexdigest()


def source_of(factory: Any) -> list[str]:
    """A strategy's file and the options that a ``partial`` fixes; nested factories are followed."""
    options: list[str] = []
    while isinstance(factory, partial):
        for name, value in sorted(factory.keywords.items()):
            options += [name, *(source_of(value) if callable(value) else [repr(value)])]
        factory = factory.func
    try:
        file = getsourcefile(factory)
    except TypeError:
        file = None
    digest = hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else ""
    return [getattr(factory, "__qualname__", repr(factory)), digest, *options]


def run_path(out: Path, task: str, strategy: str, seed: int, identity: str) -> Path:
    """The file of a run; runs of other parameters or versions have other names and stay."""
    return out / "runs" / task.replace("/", "-") / strategy / f"{seed:05d}-{identity[:12]}.run"


def stored(path: Path, identity: str) -> bool:
    """Whether the run is there, whole and the one asked for.

    Raises:
        UserError: the file is there but damaged.
    """
    return path.exists() and Trace.load(path).about.get("identity") == identity


def prepare(out: Path, suite: Suite) -> None:
    """Make the output folder, or check that it is this suite's.

    Raises:
        UserError: it cannot be written, or holds another suite's runs or somebody else's files.
    """
    try:
        (out / "runs").mkdir(parents=True, exist_ok=True)
        probe = out / f".probe.{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
        tidy(out)
    except OSError as error:
        raise UserError(f"cannot write to the output folder {out}: {error.strerror}; choose another --out") from error
    manifest = out / MANIFEST
    if manifest.is_dir():
        raise UserError(f"{manifest} is a folder where a file belongs: remove it, or choose another --out")
    if manifest.exists():
        try:
            owner = json.loads(manifest.read_text(encoding="utf-8"))["suite"]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{manifest} is damaged: delete it (the runs stay) and start again") from error
        if owner != suite.name:
            raise UserError(f"{out} holds runs of the suite {owner!r}, not {suite.name!r}: choose another --out")


def tidy(out: Path) -> None:
    """Remove what a worker was writing when it was ended."""
    for part in out.rglob(".*.part"):
        part.unlink(missing_ok=True)


def write_manifest(out: Path, content: Mapping[str, Any]) -> None:
    """Write ``suite.json``, from which with the runs every report can be remade."""
    path = out / MANIFEST
    partial_path = path.with_name(f".{path.name}.part")
    partial_path.write_text(json.dumps({"format": FORMAT, **content}, indent=1) + "\n", encoding="utf-8")
    os.replace(partial_path, path)
