"""What is there already of a recording that is to go on: trainings that need not be made again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nasbench_sim.errors import UserError
from nasbench_sim.real.ledger import Ledger
from nasbench_sim.spaces.space import Codes
from nasbench_sim.tabular.rows import RowIndex
from nasbench_sim.tabular.table import Table

if TYPE_CHECKING:
    from nasbench_sim.real.recording import Recording

Trainings = Mapping[tuple[int, int], Mapping[str, Any]]
"""By place among the codes and repeat, as a ledger holds them."""

DEVICES = " and "  # between the names of those that a table was recorded on
FOLDER = ".recorded"  # of the trainings, beside the table
AS_BEFORE = "; or give --processes and --threads as before, which decide that"


@dataclass(frozen=True)
class Before:
    """What is to be recorded, and what of it is there.

    Attributes:
        codes: ``[n, d]``, in the order in which they are recorded.
        trainings: those that are there.
        devices: names of those that made them.
        together: in groups of how many they were trained, increasing.
    """

    codes: Codes
    trainings: Trainings
    devices: tuple[str, ...]
    together: tuple[int, ...]


def planned(recording: Recording, path: Path) -> tuple[Codes, Table | None]:
    """What is to be recorded, ``[n, d]``, and the table of a part of it that is at the path.

    Configurations that the table has beyond those of the recording come last: nothing recorded is lost.

    Raises:
        UserError: the table is damaged, or is no part of this recording: it would be overwritten.
    """
    codes = recording.codes()
    if not path.is_file():
        return codes, None
    table = _checked(recording, path)
    own = RowIndex(recording.space.key(codes))
    return np.concatenate([codes, table.codes[own.rows(recording.space.key(table.codes)) < 0]]), table


def recorded_before(recording: Recording, path: Path) -> Before:
    """What is to be recorded, and which trainings of it are there already.

    They are those that are kept beside the table, in whatever groups they were trained, and those of the table itself.

    Raises:
        UserError: see ``planned``; or what is kept has seconds of another kind, so that all of it would be trained
            again.
    """
    codes, table = planned(recording, path)
    found: dict[tuple[int, int], Mapping[str, Any]] = {}
    devices: dict[str, None] = {}
    together: set[int] = set()
    if table is not None:
        found |= _of_table(recording, table, codes)
        devices |= dict.fromkeys(str(table.attributes["device"]).split(DEVICES))
        together |= {int(one) for one in str(table.attributes.get("together", "")).split(",") if one}
    for place, repeat, training, device, group in _kept(recording, path, codes):
        found[place, repeat] = training
        devices.setdefault(device)
        together.add(group)
    return Before(codes, found, tuple(devices), tuple(sorted(together)))


def _checked(recording: Recording, path: Path) -> Table:
    """The table at a path, if it is a part of this recording."""
    table = Table.open(path)
    about, other = table.attributes, recording.attributes
    for what in other:
        if _plain(about.get(what)) != _plain(other[what]):
            raise UserError(
                f"{path} holds another recording, whose {what} is {about.get(what)} and not {other[what]}: "
                f"give another --out, or delete it{AS_BEFORE if what == 'seconds_of' else ''}"
            )
    repeats = table.array(f"{recording.data.name}/train_seconds").shape[2]
    if repeats > recording.repeats:
        raise UserError(f"{path} holds {repeats} trainings of each configuration: give --repeats {repeats} or more")
    return table


def _of_table(recording: Recording, table: Table, codes: Codes) -> dict[tuple[int, int], Mapping[str, Any]]:
    """The trainings that a table holds, as a ledger does."""
    name = recording.data.name
    rows = RowIndex(recording.space.key(table.codes)).rows(recording.space.key(codes))
    figures = {which: table.array(f"{name}/{which}") for which in ("validation", "test")}
    seconds, parameters = table.array(f"{name}/train_seconds"), table.array(f"{name}/parameters")
    found: dict[tuple[int, int], Mapping[str, Any]] = {}
    for place in np.flatnonzero(rows >= 0).tolist():
        for repeat in range(seconds.shape[2]):
            errors = {which: array[rows[place], :, repeat] for which, array in figures.items()}
            found[place, repeat] = {
                "status": "done" if np.isfinite(errors["validation"][-1]) else "failed",
                "seconds": float(seconds[rows[place], -1, repeat]),
                "parameters": int(parameters[rows[place]]),
                "figures": {
                    str(epochs): {which: {"error": float(values[column])} for which, values in errors.items()}
                    for column, epochs in enumerate(recording.fidelities)
                    if np.isfinite(errors["validation"][column])
                },
            }
    return found


def _kept(recording: Recording, path: Path, codes: Codes) -> Iterator[tuple[int, int, Mapping[str, Any], str, int]]:
    """Place, repeat, training, device and size of the group of what is kept beside the table."""
    wanted = json.loads(json.dumps(_shared(recording.about(codes[:0], 0))))
    places, other = RowIndex(recording.space.key(codes)), None
    matched = False
    for stored in Ledger(path.with_suffix(FOLDER)):
        about = _shared(stored["about"])
        if about != wanted:
            other = about if about == {**wanted, "seconds": about["seconds"], "device": about["device"]} else other
            continue
        matched = True
        there = np.array(stored["about"]["codes"], recording.space.dtype)
        for place, training in zip(places.rows(recording.space.key(there)).tolist(), stored["trainings"], strict=True):
            if place >= 0:
                yield place, stored["about"]["repeat"], training, stored["device"], len(there)
    if other is not None and not matched and not path.is_file() and other["seconds"] != wanted["seconds"]:
        raise UserError(
            f"the trainings in {path.with_suffix(FOLDER)} have seconds of {other['seconds']} and not of "
            f"{wanted['seconds']}: give another --out, or delete them{AS_BEFORE}"
        )


def _shared(about: Mapping[str, Any]) -> dict[str, Any]:
    """What all trainings of a recording have in common."""
    return {name: value for name, value in about.items() if name not in ("codes", "repeat")}


def _plain(value: object) -> str:
    return json.dumps(np.asarray(value).tolist())
