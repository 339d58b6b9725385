"""The kinds of model by name; a library is loaded when a kind that needs it is asked for."""

from __future__ import annotations

from typing import Any

from nasbench_sim.errors import UserError
from surrogates.members import Learner

ABOUT = {
    "xgb": "XGBoost, 10 members: the fastest to ask",
    "lgb": "LightGBM, 10 members",
    "gin": "graph isomorphism network, 10 members",
    "blend": "networks and trees, weighted by what they predict out of fold",
    "gp": "Gaussian process, 5 members (yardstick)",
    "forest": "random forest, 4 members (yardstick)",
    "mlp": "multi-layer perceptron on the features, 5 members (yardstick)",
}
BLENDED = ("gin", "lgb", "gp")
NEEDS = {"xgb": "xgboost", "forest": "xgboost", "lgb": "lightgbm", "gp": "lightgbm", "gin": "torch", "mlp": "torch"}


def trees_of(kind: str) -> str:
    """The boosted trees, "lgb" or "xgb", that predict the figures beside the error where the model is of this kind."""
    return "lgb" if kind in ("lgb", "gp") else "xgb"


def parts(kind: str) -> tuple[str, ...]:
    """The kinds that a model of this kind is made of.

    Raises:
        UserError: unknown kind.
    """
    if kind not in ABOUT:
        raise UserError(f"unknown model {kind!r}: choose one of {', '.join(ABOUT)}")
    return BLENDED if kind == "blend" else (kind,)


def learner(kind: str, **settings: Any) -> Learner:
    """How members of one kind are fitted, ``settings`` changing its defaults.

    Raises:
        UserError: unknown kind, a setting that it has not, or its library is not installed.
    """
    try:
        return _learner(kind, settings)
    except ImportError as error:
        raise UserError(
            f"model {kind} needs {error.name or NEEDS[kind]}: pip install 'nasbench-sim[surrogates]'"
        ) from None
    except TypeError as error:
        raise UserError(f"model {kind}: {error}") from None


def _learner(kind: str, settings: dict[str, Any]) -> Learner:
    if kind == "xgb":
        from surrogates.xgboost_trees import XGBoost

        return XGBoost(**settings)
    if kind == "lgb":
        from surrogates.lightgbm_trees import LightGBM

        return LightGBM(**settings)
    if kind == "gin":
        from surrogates.gin import GIN

        return GIN(**settings)
    if kind in ("gp", "forest", "mlp"):
        from surrogates import yardsticks

        found = {"gp": yardsticks.GaussianProcess, "forest": yardsticks.RandomForest, "mlp": yardsticks.MLP}[kind]
        made: Learner = found(**settings)
        return made
    raise UserError(f"unknown model {kind!r}: choose one of {', '.join(ABOUT)}")
