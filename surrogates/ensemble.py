"""Members that each leave one part of the rows out: an ensemble, and honest predictions of every row."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_sim.randomness import stream
from surrogates.inputs import Inputs
from surrogates.members import Floats, Learner, Lessons, Member, Report, Rows, silent

SEED_STEP = 1000  # between members


@dataclass(frozen=True)
class Ensemble:
    """Fitted members of one kind.

    Attributes:
        kind: their name.
        learner: that fitted them.
        members: at least two.
        ask: all of them at once, to ``float64[m, n]``.
        seed: of the parts that the members left out.
    """

    kind: str
    learner: Learner
    members: tuple[Member, ...]
    ask: Callable[[Inputs], Floats]
    seed: int

    def out_of_fold(self, learned: Inputs) -> Floats:
        """``float64[n]``: each learned row, all of them in their order, by the one member that had not seen it."""
        part = parts(len(learned), len(self.members), self.seed)
        return np.asarray(self.ask(learned)[part, np.arange(len(part))])

    def save(self, folder: Path) -> list[str]:
        """Write a file per member; the names of the files."""
        names = []
        for number, member in enumerate(self.members):
            names.append(f"{self.kind}-{number}{self.learner.suffix}")
            member.save(folder / names[-1])
        return names


def joined(kind: str, learner: Learner, members: Sequence[Member], seed: int) -> Ensemble:
    """An ensemble of members that are there already."""
    return Ensemble(kind, learner, tuple(members), learner.together(members), seed)


def parts(n: int, count: int, seed: int) -> Rows:
    """Which of ``count`` equal parts each of n rows is in, ``int64[n]``: what the member so numbered left out."""
    part = np.empty(n, np.int64)
    part[stream(seed, "surrogates", "parts").permutation(n)] = np.arange(n) % count
    return part


def fit_ensemble(
    kind: str,
    learner: Learner,
    lessons: Lessons,
    seed: int,
    *,
    usable: npt.NDArray[np.bool_] | None = None,
    workspace: Path | None = None,
    about: Mapping[str, object] | None = None,
    report: Report = silent,
) -> tuple[Ensemble, Floats]:
    """Fit all members, each without its part of the rows, which say when it stops.

    Args:
        kind: name of the members.
        learner: fits one.
        lessons: n rows.
        seed: of parts and members.
        usable: ``bool[n]``, rows that members learn from and stop by; the others are only predicted.
        workspace: where finished members are kept, so that an interrupted training goes on; None keeps none.
        about: what else the members depend on, so that none of another table or split is taken up.
        report: told the progress.

    Returns:
        The ensemble, and ``float64[n]``: each row predicted by the one member that had not seen it.
    """
    count = learner.members
    part = parts(len(lessons.target), count, seed)
    usable = np.ones(len(part), bool) if usable is None else usable
    members: list[Member] = []
    out_of_fold = np.empty(len(part))
    for number in range(count):
        recipe = _recipe(kind, learner, lessons, usable, seed, number, about or {})
        place = None if workspace is None else workspace / f"{kind}-{recipe}{learner.suffix}"

        def tell(done: float, what: str, number: int = number) -> None:
            report((number + done) / count, f"{kind}, member {number + 1} of {count}: {what}")

        tell(0.0, "begins")
        member = _kept(learner, place)
        if member is None:
            train, stop = np.flatnonzero(usable & (part != number)), np.flatnonzero(usable & (part == number))
            member = learner.fit(lessons, train, stop, seed + SEED_STEP * number, tell)
            if place is not None:
                place.parent.mkdir(parents=True, exist_ok=True)
                member.save(place)
        members.append(member)
        rows = np.flatnonzero(part == number)
        out_of_fold[rows] = member.predict(part_of(lessons.inputs, rows))
    return joined(kind, learner, members, seed), out_of_fold


def part_of(inputs: Inputs, rows: Any) -> Inputs:
    """Some of the codes, with features and graphs where they are worked out already."""
    chosen = Inputs(inputs.space, inputs.codes[rows])
    for name in ("features", "graphs"):
        if name in inputs.__dict__:
            chosen.__dict__[name] = inputs.__dict__[name][rows]
    if inputs.__dict__.get("for_costs") is inputs:
        chosen.__dict__["for_costs"] = chosen
    return chosen


def _kept(learner: Learner, place: Path | None) -> Member | None:
    """A member that an earlier training left, if it is whole."""
    if place is None or not place.is_file():
        return None
    try:
        return learner.load(place)
    except ValueError:
        return None


def _recipe(
    kind: str,
    learner: Learner,
    lessons: Lessons,
    usable: npt.NDArray[np.bool_],
    seed: int,
    number: int,
    about: Mapping[str, object],
) -> str:
    """A hash of all that a member depends on."""
    settings: dict[str, Any] = asdict(learner) if is_dataclass(learner) and not isinstance(learner, type) else {}
    text = json.dumps([kind, settings, seed, number, dict(about)], sort_keys=True, default=str)
    content = hashlib.sha256(text.encode())
    for array in (lessons.inputs.codes, lessons.target, lessons.beside, usable):
        content.update(np.ascontiguousarray(array).tobytes())
    return content.hexdigest()[:16]
