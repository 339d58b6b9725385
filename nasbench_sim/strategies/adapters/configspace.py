"""Any space as a ConfigSpace.

Lindauer et al. 2019, "BOAH: A Tool Suite for Multi-Fidelity Bayesian Optimization & Analysis of Hyperparameters".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nasbench_sim.errors import UserError
from nasbench_sim.randomness import stream
from nasbench_sim.spaces.conditional import ConditionalGrid
from nasbench_sim.spaces.space import Codes, Space
from nasbench_sim.strategies.adapters.library import library


def configuration_space(space: Space, seed: int = 0) -> Any:
    """A ``ConfigSpace.ConfigurationSpace`` with one hyper-parameter per variable, named as it.

    Categories become categorical, all other variables ordinal hyper-parameters over the same values.  Where not every
    combination is a configuration, a forbidden clause asks ``space.valid``: neither sampling nor neighbours leave the
    space, and a configuration outside cannot be made.  ConfigSpace cannot write such a clause to a file.  Conditional
    variables become conditions.  The default is some configuration of the space.

    Args:
        space: any.
        seed: of the ConfigSpace's own sampling.

    Raises:
        UserError: ConfigSpace is not installed.
    """
    kinds = library("ConfigSpace")
    default = space.sample(stream(0, "ConfigSpace default"), 1)[0].tolist()
    made = kinds.ConfigurationSpace(name=space.name, seed=seed)
    parameters = []
    for variable, entry in zip(space.variables, default, strict=True):
        values = list(variable.values)
        if len(values) == 1:
            parameters.append(kinds.Constant(variable.name, values[0]))
        elif variable.kind == "categorical":
            parameters.append(kinds.CategoricalHyperparameter(variable.name, values, default_value=values[entry]))
        else:
            parameters.append(kinds.OrdinalHyperparameter(variable.name, values, default_value=values[entry]))
    made.add(parameters)
    if isinstance(space, ConditionalGrid):
        by_name = {parameter.name: parameter for parameter in parameters}
        made.add(
            kinds.InCondition(by_name[one.child], by_name[one.parent], list(one.values)) for one in space.conditions
        )
    elif space.size != np.prod([float(variable.width) for variable in space.variables]):
        clauses = [kinds.ForbiddenEqualsClause(parameter, parameter.default_value) for parameter in parameters]
        made.add(_outside(space)(*clauses))
    return made


def code_of(space: Space, configuration: Mapping[str, Any]) -> Codes:
    """``code[d]`` of a configuration, or of any mapping from names to values.

    Raises:
        UserError: a variable is missing, or has no such value.
    """
    entries = []
    # what does not matter may be left out
    inactive = {one.child for one in space.conditions} if isinstance(space, ConditionalGrid) else set()
    for variable in space.variables:
        if variable.name not in configuration and variable.name in inactive:
            entries.append(0)
            continue
        if variable.name not in configuration:
            raise UserError(f"the configuration has no {variable.name!r}, which {space.name} needs")
        try:
            entries.append(list(variable.values).index(configuration[variable.name]))
        except ValueError as error:
            raise UserError(
                f"{variable.name} of {space.name} has no value {configuration[variable.name]!r}: "
                f"choose from {', '.join(map(str, variable.values))}"
            ) from error
    code = np.array(entries, space.dtype)
    if isinstance(space, ConditionalGrid):
        matters = space.active(code[None])[0]
        for variable, there in zip(space.variables, matters.tolist(), strict=True):
            if there and variable.name not in configuration:
                raise UserError(f"the configuration has no {variable.name!r}, which {space.name} needs")
        return np.where(matters, code, 0).astype(space.dtype)
    return code


def values_of(space: Space, code: Codes) -> dict[str, Any]:
    """What ``code[d]`` means, by the variables' names; of those that matter, where some may not."""
    if isinstance(space, ConditionalGrid):
        return dict(space.values(np.asarray(code)[None])[0])
    pairs = zip(space.variables, np.asarray(code).tolist(), strict=True)
    return {variable.name: variable.values[entry] for variable, entry in pairs}


def configuration_of(space: Space, configurations: Any, code: Codes) -> Any:
    """The ``ConfigSpace.Configuration`` of ``code[d]``, in a ConfigSpace that ``configuration_space`` made."""
    return library("ConfigSpace").Configuration(configurations, values=values_of(space, code))


def _outside(space: Space) -> Any:
    """The kind of clause that forbids what is no configuration of this space.

    ConfigSpace copies clauses as ``type(clause)(*components)``, so the space belongs to the class.  The components, one
    per hyper-parameter, only tell ConfigSpace which changes the clause must be asked about.
    """
    forbidden = library("ConfigSpace.forbidden")

    class Outside(forbidden.ForbiddenConjunction):  # type: ignore[misc, name-defined]
        def _codes(self, vectors: Any) -> Codes:
            """Codes ``[n, d]`` of vectors ``[hyper-parameters, n]``; entries stand in the order of the components."""
            rows = [int(component.vector_id) for component in self.components]
            return np.asarray(vectors)[rows].T.astype(space.dtype)

        def is_forbidden_vector_array(self, arr: Any) -> Any:
            return ~space.valid(self._codes(arr))

        def is_forbidden_vector(self, vector: Any) -> bool:
            return bool(self.is_forbidden_vector_array(np.asarray(vector)[:, None])[0])

        def is_forbidden_value(self, values: dict[str, Any]) -> bool:
            names = [variable.name for variable in space.variables]
            return all(name in values for name in names) and not space.valid(code_of(space, values)[None])[0]

        def to_dict(self) -> dict[str, Any]:
            return {"type": "OUTSIDE", "space": space.name}

        def __repr__(self) -> str:
            return f"Forbidden: what is no configuration of {space.name}"

    return Outside
