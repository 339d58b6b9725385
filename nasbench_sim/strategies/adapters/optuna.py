"""A sampler of Optuna as a strategy.

Akiba et al. 2019, "Optuna: A Next-generation Hyperparameter Optimization Framework".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nasbench_sim.errors import UserError
from nasbench_sim.randomness import Streams
from nasbench_sim.spaces.conditional import ConditionalGrid
from nasbench_sim.spaces.space import Codes, Space
from nasbench_sim.strategies.adapters.adapted import Adapted, Answer
from nasbench_sim.strategies.adapters.library import chosen, library

ENCODINGS = ("declared", "integer", "one-hot")


class Optuna(Adapted):
    """Let a sampler choose.

    Trials carry what they cost as the user attribute "seconds", the code as "code" and, where a task has constraints,
    "constraints", for a sampler's ``constraints_func``.  With fidelities, a pruner decides who goes on.

    Args:
        space: to search.
        random: see ``adapted``.
        sampler: a class of ``optuna.samplers``, its name, or a function of ``seed`` that makes one.
        pruner: a function that makes a pruner; None for Optuna's default.
        encoding: of the variables.  "declared": categories as such, ordered values as integers; "integer": all as
            integers; "one-hot": as numbers in [0, 1], one per value, of which the largest counts (the first of
            equals), for samplers that know no categories, such as ``CmaEsSampler``.
        options: of ``Adapted``.

    Raises:
        UserError: Optuna is not installed, or an unknown sampler or encoding.
    """

    package = "optuna"
    constrained = True

    def __init__(
        self,
        space: Space,
        random: Streams,
        sampler: str | Callable[..., Any] = "TPESampler",
        *,
        pruner: Callable[[], Any] | None = None,
        encoding: str = "declared",
        **options: Any,
    ) -> None:
        super().__init__(space, random, **options)
        self._make_sampler = chosen(sampler, "optuna.samplers", "sampler")
        self._make_pruner = pruner
        self._distributions = distributions(space, encoding)
        self._encoding = encoding

    def _start(self, code: Codes, workers: int) -> None:
        optuna = library("optuna")
        self.study = optuna.create_study(
            sampler=self._make_sampler(seed=self.seed),
            pruner=None if self._make_pruner is None else self._make_pruner(),
            directions=["minimize"] * self.objectives,
        )
        self.study.enqueue_trial(parameters(self.space, code, self._encoding))

    def _next(self) -> tuple[Any, Codes, float | None] | None:
        trial = self.study.ask(fixed_distributions=self._distributions)
        code = self.code(entries(self.space, trial.params, self._encoding))
        trial.set_user_attr("code", code.tolist())
        return trial, code, None

    def _goes_on(self, trial: Any, answer: Answer, fidelity: float) -> bool:
        assert answer.values is not None
        trial.report(answer.values[0], int(fidelity))
        return not trial.should_prune()

    def _stopped(self, trial: Any, answer: Answer) -> None:
        trial.set_user_attr("seconds", answer.seconds)
        self.study.tell(trial, state=library("optuna").trial.TrialState.PRUNED)

    def _finished(self, trial: Any, answer: Answer) -> None:
        trial.set_user_attr("seconds", answer.seconds)
        if answer.constraints:
            trial.set_user_attr("constraints", answer.constraints)
        if answer.values is None:
            self.study.tell(trial, state=library("optuna").trial.TrialState.FAIL)
        else:
            self.study.tell(trial, answer.values)


def distributions(space: Space, encoding: str = "declared") -> dict[str, Any]:
    """Optuna's distributions of a space's variables.

    Raises:
        UserError: Optuna is not installed, or an unknown encoding.
    """
    if encoding not in ENCODINGS:
        raise UserError(f"encodings are {', '.join(ENCODINGS)}, not {encoding!r}")
    kinds = library("optuna").distributions
    found: dict[str, Any] = {}
    for variable in space.variables:
        if encoding == "one-hot":
            found |= {f"{variable.name}={value}": kinds.FloatDistribution(0.0, 1.0) for value in variable.values}
        elif encoding == "integer" or variable.kind != "categorical":
            found[variable.name] = kinds.IntDistribution(0, variable.width - 1)
        else:
            found[variable.name] = kinds.CategoricalDistribution(tuple(variable.values))
    return found


def entries(space: Space, params: Mapping[str, Any], encoding: str = "declared") -> list[int]:
    """The entries of a code from a trial's parameters; what does not matter has the first value, whatever was drawn."""
    found = []
    for variable in space.variables:
        if encoding == "one-hot":
            weights = [params[f"{variable.name}={value}"] for value in variable.values]
            found.append(weights.index(max(weights)))
        elif encoding == "integer" or variable.kind != "categorical":
            found.append(int(params[variable.name]))
        else:
            found.append(list(variable.values).index(params[variable.name]))
    if isinstance(space, ConditionalGrid):
        return [int(entry) for entry in space.canonical(np.array([found], space.dtype))[0]]
    return found


def parameters(space: Space, code: Codes, encoding: str = "declared") -> dict[str, Any]:
    """A trial's parameters from ``code[d]``."""
    found: dict[str, Any] = {}
    for variable, entry in zip(space.variables, code.tolist(), strict=True):
        if encoding == "one-hot":
            found |= {f"{variable.name}={value}": float(place == entry) for place, value in enumerate(variable.values)}
        elif encoding == "integer" or variable.kind != "categorical":
            found[variable.name] = entry
        else:
            found[variable.name] = variable.values[entry]
    return found
