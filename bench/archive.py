"""Archives and hypervolumes: insertions into an archive of 10,000 points, and a whole run's hypervolume."""

from __future__ import annotations

from copy import deepcopy

import moocore
import numpy as np

from bench.measure import Contestant, Part, Row, alternate, faster, rate
from nasbench_sim.oracle import Floats
from nasbench_sim.randomness import stream
from nasbench_sim.strategies.archive import Archive
from reports.statistics.indicators import hypervolume_over_time, lifetimes

HELD, OFFERED = 10_000, 1_000
ROWS = (300, 1_000)
AIM = 50_000


def measure(repetitions: int) -> Part:
    """Insertions a second, and seconds of a run's hypervolume after each of its points."""
    rows = [_insertions(objectives, repetitions) for objectives in (2, 3)]
    rows += [_hypervolumes(objectives, count, repetitions) for objectives in (2, 3, 4) for count in ROWS]
    return Part("Archives and hypervolume", rows, NOTES)


NOTES = (
    f"Insertions: {OFFERED:,} points, none of them dominated, into an archive of {HELD:,} on a sphere; all enter.",
    "Hypervolume after each point that enters the archive of a run; moocore asked for that of all points so far.",
)


def _front(count: int, objectives: int) -> Floats:
    """On a part of a sphere, where nothing dominates anything."""
    x = np.abs(stream(0, "archive", str(objectives)).standard_normal((count, objectives)))
    return 1 - x / np.linalg.norm(x, axis=1, keepdims=True)


def _insertions(objectives: int, repetitions: int) -> Row:
    points = _front(HELD + OFFERED, objectives).tolist()
    archive = Archive(objectives)
    for number, point in enumerate(points[:HELD]):
        archive.insert(point, number)

    def offer() -> None:
        under = deepcopy(archive)  # its time is taken off below
        for number, point in enumerate(points[HELD:], HELD):
            under.insert(point, number)

    contestants = {"both": Contestant(offer, OFFERED), "copy": Contestant(lambda: deepcopy(archive), OFFERED)}
    seconds = alternate(contestants, repetitions)
    own = [both - copy for both, copy in zip(seconds["both"], seconds["copy"], strict=True)]
    return Row(f"insertions, {objectives} objectives", rate(own), aim=f"{AIM:,} /s")


def _hypervolumes(objectives: int, count: int, repetitions: int) -> Row:
    rng = stream(1, "archive", str(objectives))
    points = _front(60 * count, objectives) * (1 + rng.random((60 * count, 1)) ** 3)
    points = points[: 20 * count]
    points = points[lifetimes(points) > np.arange(len(points))][:count]
    corner = np.full(objectives, 1.5)

    def one_by_one() -> list[float]:
        return [float(moocore.hypervolume(points[: n + 1], ref=corner)) for n in range(len(points))]

    contestants = {
        "here": Contestant(lambda: hypervolume_over_time(points, corner), len(points)),
        "moocore": Contestant(one_by_one, len(points)),
    }
    seconds = alternate(contestants, repetitions)
    return Row(
        f"hypervolume, {objectives} objectives, after each of {len(points)} points",
        rate(seconds["here"]),
        f"moocore {rate(seconds['moocore'])}",
        faster(seconds["here"], seconds["moocore"]),
        "at least 1",
    )
