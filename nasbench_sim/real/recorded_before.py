"""What a table holds already of a recording that is to go on: trainings that need not be made again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nasbench_sim.errors import UserError
from nasbench_sim.spaces.space import Codes
from nasbench_sim.tabular.rows import RowIndex
from nasbench_sim.tabular.table import Table

if TYPE_CHECKING:
    from nasbench_sim.real.recording import Recording

Trainings = Mapping[tuple[int, int], Mapping[str, Any]]
"""By place among the codes and repeat, as a ledger holds them."""

DEVICES = " and "  # between the names of those that a table was recorded on


def recorded_before(recording: Recording, path: Path) -> tuple[Codes, Trainings, tuple[str, ...]]:
    """What is to be recorded, which trainings of it the table at a path holds, and the devices that made them.

    Configurations that the table has beyond those of the recording come last: nothing recorded is lost.

    Raises:
        UserError: the table is damaged, or is no part of this recording: it would be overwritten.
    """
    codes = recording.codes()
    if not path.is_file():
        return codes, {}, ()
    table = Table.open(path)
    about, other = table.attributes, recording.attributes
    for what in other:
        if _plain(about.get(what)) != _plain(other[what]):
            raise UserError(
                f"{path} holds another recording, whose {what} is {about.get(what)} and not {other[what]}: "
                "give another --out, or delete it"
            )
    name = recording.data.name
    repeats = table.array(f"{name}/train_seconds").shape[2]
    if repeats > recording.repeats:
        raise UserError(f"{path} holds {repeats} trainings of each configuration: give --repeats {repeats} or more")
    own, there = (RowIndex(recording.space.key(some)) for some in (codes, table.codes))
    codes = np.concatenate([codes, table.codes[own.rows(recording.space.key(table.codes)) < 0]])
    rows = there.rows(recording.space.key(codes))
    figures = {which: table.array(f"{name}/{which}") for which in ("validation", "test")}
    seconds, parameters = table.array(f"{name}/train_seconds"), table.array(f"{name}/parameters")
    found: dict[tuple[int, int], Mapping[str, Any]] = {}
    for place in np.flatnonzero(rows >= 0).tolist():
        for repeat in range(repeats):
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
    return codes, found, tuple(str(about["device"]).split(DEVICES))


def _plain(value: object) -> str:
    return json.dumps(np.asarray(value).tolist())
