"""Which seconds the simulated clock charges for a real training: those it took here, or those of a timing table."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
        timing = self._timing(keys)
        return timing.training(epochs, self.passes, self.width or timing.widths[0])

    def proxy_seconds(self, keys: Keys) -> Floats:
        """Of a forward pass over one batch, for statistics, and over the validation split, ``float64[n]``."""
        timing = self._timing(keys)
        forward = timing.forward_seconds[:, timing.widths.index(self.width or timing.widths[0])]
        return np.asarray((1 + self.passes.validation) * forward)

    def _timing(self, keys: Keys) -> Timing:
        rows = self.table.index(self.space).rows(keys)
        if len(rows) and rows.min() < 0:
            raise UserError(f"{self.table.path} does not time configuration {int(np.argmin(rows))} of the request")
        forward, backward = (
            self.table.array(f"{which}_seconds").astype(np.float64)[rows] for which in ("forward", "backward")
        )
        widths = tuple(int(width) for width in self.table.widths)
        return Timing(forward, backward, widths, str(self.table.attributes["device"]), self.table.kind)

    def at(self, width: int | None) -> TableClock:
        """The same for networks of another width, where that was timed; else as it is."""
        return replace(self, width=width) if width in self.table.widths.tolist() else self

    @property
    def passes(self) -> Passes:
        """Batches of an epoch and of a validation pass, as large as those that were timed."""
        size = int(np.asarray(self.table.attributes["batch_size"]))
        train, validation = (-(-images // size) for images in self.images)
        return Passes(train, validation)

    @property
    def text(self) -> str:
        """For reports."""
        width = self.width or int(self.table.widths[0])
        return f"forward and backward passes on {self.table.attributes['device']}, {self.table.kind}, width {width}"


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
