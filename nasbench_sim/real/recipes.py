"""How networks are trained: the recipes of the papers, and small ones for a CPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace

from nasbench_sim.errors import UserError

OPTIMISERS = ("sgd", "rmsprop", "adam")
SCHEDULES = ("cosine", "constant")


@dataclass(frozen=True)
class Recipe:
    """What a training does; labels are never smoothed.

    Attributes:
        epochs: through the training images.
        batch_size: images a step; the last, smaller batch of an epoch is used as well, unless it is one image.
        optimiser: "sgd" (Nesterov's momentum), "rmsprop" (smoothing 0.9; torch's form, which divides by
            sqrt(v) + epsilon where TensorFlow's, by which NAS-Bench-101 was trained, has sqrt(v + epsilon)) or "adam".
        learning_rate: at the start.
        momentum: of sgd and rmsprop.
        weight_decay: added to the gradient, times the weights.
        epsilon: of rmsprop and adam.
        schedule: "cosine" down to 0 over all steps, or "constant".
        augment: images are shifted by up to an eighth of their side and flipped left to right at random.
        average: decay of an exponential moving average of the weights, step by step, which is what is evaluated; 0 for
            none.  In the first steps it is (1 + steps) / (10 + steps), where that is less.
    """

    epochs: int = 12
    batch_size: int = 64
    optimiser: str = "sgd"
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    epsilon: float = 1e-8
    schedule: str = "cosine"
    augment: bool = False
    average: float = 0.0

    def __post_init__(self) -> None:
        for what, value, least in (("epochs", self.epochs, 1), ("batch_size", self.batch_size, 2)):
            if value < least:
                raise UserError(f"a recipe needs {what} of at least {least}, not {value}")
        if not 0 < self.learning_rate < 1e6:
            raise UserError(f"learning rate {self.learning_rate:g}: it must be above 0 and below 1,000,000")
        if not 0 <= self.average < 1:
            raise UserError(f"a moving average that decays by {self.average} a step is none: it must be in [0, 1)")
        for what, text, known in (("optimiser", self.optimiser, OPTIMISERS), ("schedule", self.schedule, SCHEDULES)):
            if text not in known:
                raise UserError(f"a recipe's {what} is one of {', '.join(known)}, not {text!r}")

    def with_(self, **changes: float | str | bool | None) -> Recipe:
        """The same but for what is given and not None."""
        known = {one.name for one in fields(self)}
        given = {name: value for name, value in changes.items() if value is not None}
        assert given.keys() <= known
        return replace(self, **given)  # type: ignore[arg-type]

    @property
    def described(self) -> Mapping[str, object]:
        """All of it as plain values; without an average that there is none of."""
        return {name: value for name, value in asdict(self).items() if name != "average" or value}


RECIPES: Mapping[str, Recipe] = {
    # For 8 x 8 digits on a CPU; no paper stands behind it.
    "digits": Recipe(),
    # Ying et al. 2019, supplement S3: 108 epochs of batches of 256.
    "nasbench101": Recipe(108, 256, "rmsprop", 0.2, 0.9, 1e-4, 1.0, augment=True),
    # Dong and Yang 2020, section 2.3 and Table 1: 200 epochs of batches of 256.
    "nasbench201": Recipe(200, 256, "sgd", 0.1, 0.9, 5e-4, augment=True),
    # Liu, Simonyan and Yang 2019, appendix A.3; without auxiliary head, cutout and dropped paths.
    "darts": Recipe(600, 96, "sgd", 0.025, 0.9, 3e-4, augment=True),
    # The weight-sharing study, section 5.3.5: 5 epochs, 20 at the end.
    "ofa": Recipe(5, 128, "sgd", 0.02, 0.9, 1e-4, average=0.99),
    # The medical study: learning rate 0.001, 5 epochs; optimiser and batch as MedMNIST's own models have them.
    "medmnist": Recipe(5, 128, "adam", 0.001, 0.0, 0.0, schedule="constant"),
}


def recipe(name: str) -> Recipe:
    """A recipe by name.

    Raises:
        UserError: there is none of that name.
    """
    if name not in RECIPES:
        raise UserError(f"no recipe {name!r}: choose one of {', '.join(RECIPES)}")
    return RECIPES[name]
