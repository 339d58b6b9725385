"""What the command line says about training for real; light, since ``--help`` reads it."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from suites.live import Live


def add_real(group: argparse._ArgumentGroup) -> None:
    """What ``--real`` takes."""
    group.add_argument("--real", action="store_true", help="train what is evaluated, instead of asking tables")
    group.add_argument("--data", help="digits (default), cifar10:DIR, cifar100:DIR, a file.npz, a folder of images")
    group.add_argument(
        "--recipe", help="digits, nasbench101, nasbench201, darts, ofa or medmnist; default: the suite's"
    )
    group.add_argument("--epochs", help="of each training; default: the recipe's")
    group.add_argument("--batch-size", help="likewise")
    group.add_argument("--learning-rate", help="likewise")
    group.add_argument("--size", choices=("small", "published"), help="of networks; default: small, for a CPU")
    group.add_argument("--width", help="channels of the networks' first stage")
    group.add_argument("--cells", help="cells of a stack, of a stage or in all")
    group.add_argument("--device", choices=("cpu", "cuda", "auto"), help="default: auto, CUDA where there is one")
    group.add_argument("--repeats", help="trainings behind each answer (1)")
    group.add_argument("--supernets", help="to train, where a strategy asks for proxies (1)")
    group.add_argument("--supernet-epochs", help="of each; default: four times those of a training")
    group.add_argument("--trainings", help="folder of the trainings; default: trainings beside the output folder")


def live_options(options: argparse.Namespace) -> Live | None:
    """What is asked of ``--real``; None without it.  UserError: its options without it, or values that are none."""
    from nasbench_sim.errors import UserError
    from suites.live import Live

    names = ("data", "recipe", "epochs", "batch_size", "learning_rate", "size", "width", "cells", "device", "repeats",
             "supernets", "supernet_epochs", "trainings")  # fmt: skip
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    if not options.real:
        if given:
            raise UserError(f"--{next(iter(given)).replace('_', '-')} is of training for real: add --real")
        return None
    for name in ("epochs", "batch_size", "width", "cells", "repeats", "supernets", "supernet_epochs"):
        if name in given:
            most = 1000 if name == "cells" else None  # here those of a network
            given[name] = count(given[name], f"--{name.replace('_', '-')}", most)
    if "learning_rate" in given:
        given["learning_rate"] = _rate(given["learning_rate"])
    beside = Path("results") if options.out is None else options.out.parent
    folder = Path(given.pop("trainings", beside / "trainings")).resolve()
    published = given.pop("size", "small") == "published"
    data = given.pop("data", "digits")
    if data not in ("", "digits") and Path(data).exists():
        data = str(Path(data).resolve())
    return Live(data=data, folder=str(folder), published_size=published, **given)


def _rate(text: str) -> float:
    from nasbench_sim.errors import UserError

    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise UserError(f"--learning-rate {text}: it must be a number above 0, such as 0.01")
    return value


def count(text: str, option: str, most: int | None = None) -> int:
    """A whole number of at least 1.  UserError: another, or more than anybody means."""
    from nasbench_sim.asked import positive

    return positive(text, option, most)
