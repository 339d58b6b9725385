"""Learn a surrogate from a table and write its folder, with a data card.

    python -m surrogates.train nasbench101 --model gin --data nasbench101_cells.h5 --rows 20000 -o my-surrogate

Rows that are not learned are held out and tell how good it is.  Interrupt it and give the same command again: members
that are finished are not trained twice.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from nasbench_sim.errors import UserError
from surrogates import card, commands, evaluation, folder, kinds, surrogate
from surrogates.splits import LEAST_ROWS, random_split
from surrogates.targets import main_target, rows_with

SHARE = 0.8  # of the rows learned where nothing else is asked
LEAST_HELD_OUT = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit status."""
    return commands.run(_train, _parser().parse_args(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m surrogates.train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("task", help="nasbench101, nasbench201/cifar100, macronas/cifar10, ..., table:NAME/DATA_SET")
    parser.add_argument(
        "--model",
        required=True,
        metavar="KIND",
        help="; ".join(f"{name}: {what}" for name, what in kinds.ABOUT.items()),
    )
    parser.add_argument("--data", metavar="TABLE", help="table to learn from: a file, a folder or a name")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the surrogate")
    parser.add_argument("--rows", type=_rows, metavar="N", help="how many to learn, or a share below 1 (0.8)")
    parser.add_argument("--seed", type=_whole, default=0, help="of the split and of the members (0)")
    parser.add_argument("--threads", type=_positive, default=2, help="of the processor; networks depend on it (2)")
    parser.add_argument("--members", type=_several, help="of an ensemble; the model's own number if left out")
    parser.add_argument("--skip-missing", action="store_true", help="leave out rows without the figure")
    return parser


def _train(options: argparse.Namespace) -> None:
    kinds.parts(options.model)
    folder.check_target(options.output)
    space, table, data_set = commands.task_of(options.task, options.data)
    target = main_target(table, data_set)
    candidates = rows_with(table, target, skip_missing=options.skip_missing)
    if len(candidates) < LEAST_ROWS + LEAST_HELD_OUT:
        raise UserError(
            f"{table.path} has {len(candidates)} rows with figures, too few to learn from and to judge by: at least "
            f"{LEAST_ROWS + LEAST_HELD_OUT} are needed, so record or import more"
        )
    split = random_split(candidates, SHARE if options.rows is None else options.rows, options.seed)
    if len(split.held_out) < LEAST_HELD_OUT:
        raise UserError(
            f"{len(split.held_out)} rows are left to judge the surrogate by: learn fewer than {len(split.learned):,} "
            f"of {len(candidates):,} (--rows)"
        )
    settings = settings_of(options.threads, options.members)
    with commands.progress(f"{options.model} of {target.data_set}") as report:
        made = surrogate.fit(
            options.model, space, table, split, data_set,
            seed=options.seed, settings=settings, workspace=options.output / folder.WORKSPACE, report=report,
        )  # fmt: skip
        made = surrogate.with_least(made, lambda done, what: report(1.0, what))
    figures = evaluation.on_held_out(made, table, split.held_out)
    extra = {"evaluation": figures, "threads": options.threads, "members": options.members}
    folder.save(made, options.output, split, table.codes[split.learned], card.card(made, figures), extra)
    print(card.agreements(figures["held_out"]))
    print(f"wrote {options.output}: learned from {len(split.learned):,} rows, judged on {len(split.held_out):,}")


def settings_of(threads: int, members: int | None) -> dict[str, dict[str, int]]:
    """Settings of every kind of member for these options."""
    own = {} if members is None else {"members": members}
    found: dict[str, dict[str, int]] = {
        kind: {"threads": threads, **own} for kind in ("xgb", "lgb", "gin", "forest", "mlp")
    }
    return {**found, "gp": dict(own), "beside": {"threads": threads}}


def _rows(text: str) -> float:
    value = float(text)
    if not value > 0 or (value >= 1 and value != int(value)):
        raise argparse.ArgumentTypeError(f"{text} is neither a number of rows nor a share below 1")
    return value


def _whole(text: str) -> int:
    if (value := int(text)) < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return value


def _positive(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return value


def _several(text: str) -> int:
    if (value := int(text)) < 2:
        raise argparse.ArgumentTypeError(f"an ensemble needs 2 members or more, not {text}")
    return value


if __name__ == "__main__":
    sys.exit(main())
