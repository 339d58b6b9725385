"""Grids of hyper-parameters of which some only matter if another one has a certain value.

A variable that does not matter has its first value, so that equal configurations have equal codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError
from nasbench_sim.spaces.grid import Grid, variable_index
from nasbench_sim.spaces.sampling import distinct
from nasbench_sim.spaces.space import Codes, Graph, Keys, Neighbourhoods
from nasbench_sim.spaces.variables import Value, Variable

LISTABLE = 1_000_000  # combinations of the grid, up to which configurations are listed to draw from
MOST_COMPLETIONS = 10_000  # of what one changed value makes matter, that count as neighbours


@dataclass(frozen=True)
class Condition:
    """A variable that matters only where another one matters and has one of some values.

    Attributes:
        child: name of the variable.
        parent: name of the other one, which comes before it.
        values: of the parent.
    """

    child: str
    parent: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class ConditionalGrid:
    """The combinations of variables under conditions, each once.

    Args:
        name: that tables and tasks use.
        variables: with different names; parents before their children.
        conditions: at most one for each variable.
        step: as for ``Grid``.

    Raises:
        UserError: as ``Grid``; an unknown name or value, a parent that comes later, or two conditions of one child.
    """

    name: str
    variables: tuple[Variable, ...]
    conditions: tuple[Condition, ...]
    step: str = "any"

    def __post_init__(self) -> None:
        children = [condition.child for condition in self.conditions]
        if len(set(children)) < len(children):
            raise UserError(f"{self.name} has two conditions of one variable: give one with all of the parent's values")
        assert len(self._parents) == self.grid.dimension

    @cached_property
    def grid(self) -> Grid:
        """All combinations, whether they differ in what matters or not."""
        return Grid(self.name, self.variables, self.step)

    @property
    def dimension(self) -> int:
        return self.grid.dimension

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.grid.dtype

    @cached_property
    def size(self) -> int:
        """How many configurations differ in what matters."""
        return prod(sum(self._ways[at]) for at, parent in enumerate(self._parents) if parent is None)

    def active(self, codes: Codes) -> npt.NDArray[np.bool_]:
        """``bool[n, d]``: which variables matter."""
        matters = np.ones(codes.shape, bool)
        for at, parent in enumerate(self._parents):
            if parent is not None:
                above, allowed = parent
                own = np.clip(codes[:, above].astype(np.int64), 0, len(allowed) - 1)
                matters[:, at] = matters[:, above] & allowed[own]
        return matters

    def canonical(self, codes: Codes) -> Codes:
        """The codes with the first value for what does not matter, ``[n, d]``."""
        return np.where(self.active(codes), codes, np.zeros((), codes.dtype))

    def enumerate(self) -> Codes:
        """Each configuration once, ``[size, d]``, in lexicographic order.

        Raises:
            UserError: the grid has more than 10 million combinations.
        """
        codes = self.grid.enumerate()
        return np.asarray(codes[self.valid(codes)])

    def valid(self, codes: Codes) -> npt.NDArray[np.bool_]:
        """``bool[n]``: entries are positions of values, and what does not matter has the first."""
        inside = self.grid.valid(codes)
        return np.asarray(inside & (self.canonical(np.asarray(codes)) == codes).all(axis=1))

    def sample(self, rng: np.random.Generator, n: int) -> Codes:
        """Distinct configurations, ``[n, d]``, each equally likely.

        Raises:
            ValueError: n exceeds the size of the space.
        """
        if n > self.size:
            raise ValueError(f"{n} distinct configurations asked of a space of {self.size}")
        if self.grid.size <= LISTABLE:
            return np.asarray(self._listed[rng.choice(self.size, n, replace=False)])
        return distinct(lambda m: self._draw(rng, m), self.key, n)

    def neighbours(self, code: Codes) -> Codes:
        """``[m, d]``: the neighbours of one configuration, see ``neighbourhoods``."""
        return self.neighbourhoods(np.asarray(code)[None])[0]

    def neighbourhoods(self, codes: Codes) -> Neighbourhoods:
        """One variable that matters changed as ``step`` says; what begins to matter takes any of its values.

        Returns:
            Codes ``[m, d]``, offsets and keys.

        Raises:
            UserError: one change makes so much matter that its values have more than ``MOST_COMPLETIONS`` combinations.
        """
        codes = np.asarray(codes)
        steps = self.grid.neighbourhoods(codes)
        owner = np.repeat(np.arange(len(codes)), np.diff(steps.offsets))
        before = self.active(codes)[owner]
        changed = (steps.codes != codes[owner]) & ~before
        kept = ~changed.any(axis=1)
        moved, owner, before = self.canonical(steps.codes[kept]), owner[kept], before[kept]
        begins = (self.active(moved) & ~before).any(axis=1)
        counts, found = np.ones(len(moved), np.int64), [moved[:0]]
        for place in range(len(moved)):
            if begins[place]:
                completed = self._completions(moved[place], before[place])
                counts[place] = len(completed)
                found.append(completed)
            else:
                found.append(moved[place : place + 1])
        near = np.concatenate(found)
        number = np.bincount(owner, weights=counts, minlength=len(codes)).astype(np.int64)
        offsets = np.concatenate([[0], np.cumsum(number)]).astype(np.int64)
        return Neighbourhoods(near, offsets, self.key(near))

    def key(self, codes: Codes) -> Keys:
        """``uint64[n, 2]``: the grid's, of the code whose values all matter or are the first."""
        return self.grid.key(self.canonical(self.grid._checked(codes)))

    def features(self, codes: Codes) -> npt.NDArray[np.float32]:
        """``float32[n, k]``: those of the grid, then for each variable under a condition whether it matters."""
        codes = self.grid._checked(codes)
        under = [at for at, parent in enumerate(self._parents) if parent is not None]
        matters = self.active(codes)[:, under].astype(np.float32)
        return np.concatenate([self.grid.features(self.canonical(codes)), matters], axis=1)

    def graph(self, code: Codes) -> Graph:
        """One node per variable that matters, ``name=value``, and no edges."""
        names = tuple(f"{name}={value}" for name, value in self.values(np.asarray(code)[None])[0].items())
        return Graph(np.zeros((len(names), len(names)), bool), names)

    def values(self, codes: Codes) -> list[dict[str, Value]]:
        """What codes ``[n, d]`` stand for: per code the value of each variable that matters, by name."""
        every = self.grid.values(codes)
        return [
            {name: value for (name, value), there in zip(one.items(), matters, strict=True) if there}
            for one, matters in zip(every, self.active(np.asarray(codes)).tolist(), strict=True)
        ]

    def code(self, values: Mapping[str, Value], nearest: bool = False) -> Codes:
        """The code ``[d]`` of a value for each variable that matters; ``nearest``: numbers may lie between.

        Raises:
            UserError: a variable that matters is missing, one that does not is given, or a value that it has not.
        """
        code = np.zeros((1, self.dimension), self.dtype)
        for at, variable in enumerate(self.variables):
            if self.active(code)[0, at]:
                if variable.name not in values:
                    raise UserError(f"{self.name} needs a value of {variable.name}")
                code[0, at] = variable_index(variable, values[variable.name], nearest)
        matters = {v.name for v, there in zip(self.variables, self.active(code)[0], strict=True) if there}
        if odd := sorted(set(values) - matters):
            raise UserError(f"{', '.join(odd)} does not matter in this configuration of {self.name}: leave it out")
        return np.asarray(code[0])

    @cached_property
    def _parents(self) -> list[tuple[int, npt.NDArray[np.bool_]] | None]:
        """Of each variable: place of its parent, and at which of the parent's values it matters."""
        place = {variable.name: at for at, variable in enumerate(self.variables)}
        parents: list[tuple[int, npt.NDArray[np.bool_]] | None] = [None] * len(self.variables)
        for condition in self.conditions:
            for name in (condition.child, condition.parent):
                if name not in place:
                    raise UserError(f"{self.name} has no variable {name!r} that a condition could be about")
            child, parent = place[condition.child], place[condition.parent]
            if parent >= child:
                raise UserError(f"{condition.parent} must come before {condition.child}, which depends on it")
            allowed = np.zeros(self.variables[parent].width, bool)
            allowed[[variable_index(self.variables[parent], value) for value in condition.values]] = True
            parents[child] = parent, allowed
        return parents

    @cached_property
    def _ways(self) -> list[list[int]]:
        """Of each value of each variable: how many configurations of the variable and those under it begin so."""
        ways = [[1] * variable.width for variable in self.variables]
        for at in range(len(self.variables) - 1, -1, -1):
            if (parent := self._parents[at]) is not None:
                above, allowed = parent
                total = sum(ways[at])
                ways[above] = [
                    count * total if there else count for count, there in zip(ways[above], allowed, strict=True)
                ]
        return ways

    @cached_property
    def _shares(self) -> list[npt.NDArray[np.float64]]:
        """Of each variable: in which part of the configurations where it matters it has a value or one before it."""
        return [np.cumsum(np.array([count / total for count in ways])) for ways in self._ways for total in [sum(ways)]]

    @cached_property
    def _listed(self) -> Codes:
        return self.enumerate()

    def _draw(self, rng: np.random.Generator, n: int) -> Codes:
        """Independent uniform configurations: each value as often as configurations have it."""
        codes = np.zeros((n, self.dimension), self.dtype)
        for at, share in enumerate(self._shares):
            drawn = np.minimum(np.searchsorted(share, rng.random(n), side="right"), len(share) - 1)
            codes[:, at] = np.where(self.active(codes)[:, at], drawn, 0)
        return codes

    def _completions(self, code: Codes, before: npt.NDArray[np.bool_]) -> Codes:
        """The code with every combination of values of what matters now and did not before, ``[m, d]``."""
        found = code[None]
        for at in np.flatnonzero(~before).tolist():
            begins, width = self.active(found)[:, at], self.variables[at].width
            counts = np.where(begins, width, 1)
            if counts.sum() > MOST_COMPLETIONS:
                raise UserError(
                    f"a change in {self.name} makes {self.variables[at].name} and others matter, in more than "
                    f"{MOST_COMPLETIONS:,} combinations: give it fewer values, or search with a strategy that draws"
                )
            found = np.repeat(found, counts, axis=0)
            first = np.cumsum(counts) - counts
            found[:, at] = np.arange(len(found)) - np.repeat(first, counts)
        return found
