"""Trainings as they come, one file each: written beside and renamed, found again by what they were, done once."""

from __future__ import annotations

import fcntl
import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nasbench_sim.errors import UserError
from nasbench_sim.files import beside

FORMAT = "nasbench-sim training 2"
SUM = "sha256"  # of all else in a file, so that one that was cut off or altered is seen


class Ledger:
    """A folder of trainings.

    Several processes may share it: who wants a training that another is doing waits for it, and a process that is
    killed leaves no lock behind.

    Args:
        folder: made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, Mapping[str, Any]] = {}  # files never change once written

    def get(self, identity: str) -> Mapping[str, Any] | None:
        """What was stored under an identity; None where nothing is, or where the file is damaged."""
        if identity not in self._known:
            found = _read(self.path(identity))
            if found is None or found["identity"] != identity:
                return None
            self._known[identity] = found
        return self._known[identity]

    def obtain(self, identity: str, make: Callable[[Path], Mapping[str, Any]]) -> Mapping[str, Any]:
        """What is stored under an identity, or else what ``make`` finds, which is stored.

        Args:
            identity: see ``identity``.
            make: called with a path where the training may keep a checkpoint meanwhile.

        Raises:
            UserError: the folder cannot be written to.
        """
        found = self.get(identity)
        if found is not None:
            return found
        path = self.path(identity)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with _locked(path.with_suffix(".lock")) as lock:
                found = self.get(identity)  # another process may have made it meanwhile
                if found is None:
                    if path.is_file():
                        print(f"{path} is damaged, or of an earlier version; it is made again", file=sys.stderr)
                    checkpoint = path.with_suffix(".checkpoint")
                    made = {"format": FORMAT, "identity": identity, **make(checkpoint)}
                    found = dict(json.loads(json.dumps(made)))  # as whoever reads the file has it
                    with beside(path) as partial:
                        partial.write_text(_text(found), encoding="utf-8")
                    checkpoint.unlink(missing_ok=True)
                lock.unlink(missing_ok=True)  # whoever still waits for it finds the training
        except OSError as error:
            raise UserError(
                f"cannot store trainings in {self.folder}: {error.strerror} ({error.filename or path.name}); "
                "finished ones are kept, mend that and start again"
            ) from error
        self._known[identity] = found
        return found

    def path(self, identity: str) -> Path:
        """The file of a training."""
        return self.folder / identity[:2] / f"{identity[2:34]}.json"

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Every training there is, in the order of their identities."""
        for path in sorted(self.folder.glob("??/*.json")):
            found = _read(path)
            if found is not None:
                yield found


def identity(about: Mapping[str, object]) -> str:
    """sha256 (hexadecimal) of plain values by name, such as what a training is."""
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


@contextmanager
def _locked(path: Path) -> Iterator[Path]:
    """Alone with a file until the block or the process ends."""
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield path


def _read(path: Path) -> Mapping[str, Any] | None:
    """What a file holds; None of one that is missing, damaged, altered or of another format."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["format"] != FORMAT or found.pop(SUM) != identity(found):
            return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return dict(found)


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps({**content, SUM: identity(content)}, indent=1) + "\n"
