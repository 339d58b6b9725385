"""Which seconds the simulated clock charges for a real training: those it took here, or those of a timing table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Floats
from nasbench_sim.spaces.space import Codes, Keys, Space
from nasbench_sim.tabular.table import Table
from nasbench_sim.timing import Passes, Timing


@dataclass(frozen=True)
class TableClock:
    """Seconds by a timing table.

    Attributes:
        table: see ``tabular.schema``.
        space: of the codes.
        width: column of the table; None for its first.
        images: of the training and of the validation split.
    """

    table: Table
    space: Space
    width: int | None
    images: tuple[int, int]

    def seconds(self, keys: Keys, epochs: float) -> Floats:
        """Of training for so many epochs and validating once, ``float64[n]``.

        Raises:
            UserError: the table is about another space, lacks a configuration or was not timed at the width.
        """
        rows = self.table.index(self.space).rows(keys)
        if len(rows) and rows.min() < 0:
            raise UserError(f"{self.table.path} does not time configuration {int(np.argmin(rows))} of the request")
        widths = tuple(int(width) for width in self.table.widths)
        forward, backward = (
            self.table.array(f"{which}_seconds").astype(np.float64)[rows] for which in ("forward", "backward")
        )
        timing = Timing(forward, backward, widths, str(self.table.attributes["device"]), self.table.kind)
        return timing.training(epochs, self.passes, self.width or widths[0])

    @property
    def passes(self) -> Passes:
        """Batches of an epoch and of a validation pass, as large as those that were timed."""
        size = int(np.asarray(self.table.attributes["batch_size"]))
        train, validation = (-(-images // size) for images in self.images)
        return Passes(train, validation)

    @property
    def text(self) -> str:
        """For reports."""
        return f"forward and backward passes on {self.table.attributes['device']}, {self.table.kind}"


def seconds_of(clock: TableClock | None, keys: Keys, epochs: float, wall: Floats) -> Floats:
    """What each training is charged, ``float64[n]``: by the table, or ``wall`` where there is none."""
    return wall if clock is None else clock.seconds(keys, epochs)


def check(clock: TableClock | None, codes: Codes) -> None:
    """Whether the clock knows a space at all.

    Raises:
        UserError: as ``TableClock.seconds``.
    """
    if clock is not None:
        clock.seconds(clock.space.key(codes), 1.0)
