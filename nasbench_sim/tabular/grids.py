"""Grids of hyper-parameters as a table describes them, so that its space can be made from the table alone."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.spaces.grid import Grid
from nasbench_sim.spaces.listed import Listed
from nasbench_sim.spaces.space import Codes
from nasbench_sim.spaces.variables import Variable
from nasbench_sim.tabular.table import Table

_KINDS = ("categorical", "ordinal", "integer", "float")


def described(variables: Sequence[Variable]) -> tuple[str, ...]:
    """The attribute ``variables`` of a table: one JSON text per variable."""
    return tuple(
        json.dumps({"name": one.name, "values": list(one.values), "kind": one.kind, "log": one.log})
        for one in variables
    )


def configurations_of(table: Table) -> Grid | Listed:
    """The grid that a table is about; where it lacks some of the combinations, the list of those that it has.

    Raises:
        UserError: as ``space_of``.
    """
    grid = space_of(table)
    return grid if len(table) >= grid.size else Listed.of(grid, table.codes)


def space_of(table: Table) -> Grid:
    """The grid that a table is about.

    Raises:
        UserError: the table does not describe one.
    """
    texts = table.attributes.get("variables")
    if texts is None:
        raise UserError(f"{table.path} is about the space {table.space} and describes no grid of its own")
    try:
        variables = [_variable(text) for text in (texts if isinstance(texts, tuple) else (texts,))]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{table.path}: attribute variables describes no grid ({error})") from None
    try:
        return Grid(table.space, tuple(variables))
    except UserError as error:
        raise UserError(f"{table.path}: {error}") from None


def _variable(text: object) -> Variable:
    found = json.loads(str(text))
    name, values, kind, log = (found[key] for key in ("name", "values", "kind", "log"))
    plain = isinstance(values, list) and values and all(isinstance(value, str | int | float) for value in values)
    if not (isinstance(name, str) and plain and kind in _KINDS and isinstance(log, bool)):
        raise ValueError(f"variable {name!r}")
    return Variable(name, tuple(values), kind, log)


def rank(grid: Grid, codes: Codes) -> npt.NDArray[np.int64]:
    """``int64[n]``: places of codes among all combinations, as ``grid.enumerate()`` lists them."""
    return np.asarray(np.ravel_multi_index(tuple(codes.T.astype(np.int64)), _widths(grid)))


def unrank(grid: Grid, rows: npt.NDArray[np.integer]) -> Codes:
    """The codes ``[n, d]`` at these places among all combinations."""
    return np.stack(np.unravel_index(rows, _widths(grid)), axis=1).astype(grid.dtype)


def _widths(grid: Grid) -> tuple[int, ...]:
    return tuple(variable.width for variable in grid.variables)
