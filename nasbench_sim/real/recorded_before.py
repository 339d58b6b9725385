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


def recorded_before(recording: Recording, path: Path, codes: Codes) -> tuple[Trainings, tuple[str, ...]]:
    """The trainings of ``codes[n, d]`` in the table at a path, and the devices that made them; none without a file.

    Raises:
        UserError: the table is damaged, or is no part of this recording: it would be overwritten.
    """
    if not path.is_file():
        return {}, ()
    table = Table.open(path)
    about, other = table.attributes, recording.attributes
    for what in other:
        if _plain(about.get(what)) != _plain(other[what]):
            raise UserError(
                f"{path} holds another recording, whose {what} is {about.get(what)} and not {other[what]}: "
                "give another --out, or delete it"
            )
    rows = RowIndex(recording.space.key(table.codes)).rows(recording.space.key(codes))
    name = recording.data.name
    figures = {which: table.array(f"{name}/{which}") for which in ("validation", "test")}
    seconds = table.array(f"{name}/train_seconds")
    found: dict[tuple[int, int], Mapping[str, Any]] = {}
    for place in np.flatnonzero(rows >= 0).tolist():
        for repeat in range(min(recording.repeats, seconds.shape[2])):
            errors = {which: array[rows[place], :, repeat] for which, array in figures.items()}
            found[place, repeat] = {
                "status": "done" if np.isfinite(errors["validation"][-1]) else "failed",
                "seconds": float(seconds[rows[place], -1, repeat]),
                "figures": {
                    str(epochs): {which: {"error": float(values[column])} for which, values in errors.items()}
                    for column, epochs in enumerate(recording.fidelities)
                    if np.isfinite(errors["validation"][column])
                },
            }
    return found, tuple(str(about["device"]).split(DEVICES))


def _plain(value: object) -> str:
    return json.dumps(np.asarray(value).tolist())
