"""Train for real: time networks on a device, record a benchmark of your own, train super-nets, study curves."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nasbench_sim.asked import json_output, listed, number, output, perhaps, positive
from nasbench_sim.errors import UserError
from nasbench_sim.real.needs import check_torch
from nasbench_sim.real.recipes import RECIPES
from nasbench_sim.spaces.space import Space


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status: 0, 2 for a user's mistake, 130 when interrupted."""
    options = _parser().parse_args(arguments)
    try:
        check_torch()
        if options.threads is not None:
            import torch

            torch.set_num_threads(positive(options.threads, "--threads"))
        commands: dict[str, Callable[[argparse.Namespace], int]] = {
            "measure": _measure,
            "record": _record,
            "supernet": _supernet,
            "prestudy": _prestudy,
        }
        return commands[options.command](options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: cannot write {error.filename or options.out}: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: what is finished is kept; the same command goes on from there", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m nasbench_sim.real", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    measure = commands.add_parser("measure", help="time forward and backward passes, as a timing table")
    record = commands.add_parser("record", help="train many small networks, as a table for every suite")
    share = commands.add_parser("supernet", help="train super-nets, and correlate their proxies with a table")
    for one in (measure, record, share):
        one.add_argument("space", help="nasbench101 (supernet: also nasbench101/A1, ...), nasbench201, macronas, ...")
        one.add_argument("-o", "--out", type=Path, required=True, help="the table to write, mine.h5; supernet: a .json")
        one.add_argument("--device", choices=("cpu", "cuda", "auto"), default="auto", help="auto: CUDA if there is any")
        one.add_argument("--threads", help="of the processor, for one network; default: torch's own")
        one.add_argument("--cells-per-stage", help="of the networks; default: as published (record: small)")
    study = commands.add_parser("prestudy", help="curves of random networks, by space and learning rate")
    study.add_argument("-o", "--out", type=Path, required=True, help="the file to write, such as curves.json")
    study.add_argument("--data", default="digits", help="digits, cifar10:DIR, cifar100:DIR, a file.npz, a folder")
    study.add_argument("--spaces", default="nasbench201,darts", help="comma-separated (nasbench201,darts)")
    study.add_argument("--rates", default="0.01,0.001,0.0001,0.00001", help="learning rates, comma-separated")
    study.add_argument("--networks", default="8", help="of each space (8)")
    study.add_argument("--epochs", default="20", help="of each training (20)")
    study.add_argument("--recipe", default="medmnist", help=f"one of {', '.join(RECIPES)}")
    study.add_argument("--device", choices=("cpu", "cuda", "auto"), default="auto", help="auto: CUDA if there is any")
    study.add_argument("--threads", help="of the processor; default: torch's own")
    measure.add_argument("--batch", default="256", help="images a pass (256)")
    measure.add_argument("--widths", help="comma-separated; default: as published")
    measure.add_argument("--side", default="32", help="of the images in pixels (32)")
    measure.add_argument("--channels", default="3", help="of the images (3)")
    measure.add_argument("--classes", default="10", help="of the images (10)")
    measure.add_argument("--sample", default="200", help="configurations measured, the others fitted; or all (200)")
    measure.add_argument("--repeats", default="3", help="of each measurement; the median is taken (3)")
    record.add_argument("--data", default="digits", help="digits, cifar10:DIR, cifar100:DIR, a file.npz, a folder")
    record.add_argument("--cells", default="all", help="configurations, drawn uniformly; default: all")
    record.add_argument("--repeats", default="2", help="trainings of each configuration (2)")
    record.add_argument("--epochs", help="of each training; default: the recipe's")
    record.add_argument("--at", default="", help="comma-separated epochs at which networks are also evaluated")
    record.add_argument("--recipe", default="digits", help=f"one of {', '.join(RECIPES)}; default: digits")
    record.add_argument("--batch-size", help="of the recipe")
    record.add_argument("--width", help="channels of the first stage; default: small")
    record.add_argument(
        "--together", help="networks trained at once; default: on CUDA 256 of nasbench201, 8 of others, else 1"
    )
    record.add_argument("--processes", help="that share the work; default: 1 on CUDA, else one per core")
    share.add_argument("--data", default="digits", help="digits, cifar10:DIR, cifar100:DIR, a file.npz, a folder")
    share.add_argument("--variant", default="bns_ft", help="no_ft, bns_ft, single_k, pro_rata, avg_3 or sk_pr")
    share.add_argument("--supernets", default="1", help="trained with different seeds (1)")
    share.add_argument("--epochs", default="48", help="of each super-net (48)")
    share.add_argument("--recipe", default="digits", help=f"one of {', '.join(RECIPES)}")
    share.add_argument("--width", help="channels of the first stage; default: small")
    share.add_argument("--against", type=Path, help="a table of networks trained alone, to correlate proxies with")
    share.add_argument("--cells", default="1000", help="whose proxies are asked (1000)")
    record.add_argument("--hours", help="begin nothing new after so long, and write the table of what is there")
    return parser


def _measure(options: argparse.Namespace) -> int:
    from nasbench_sim.real.device import device
    from nasbench_sim.real.measuring import measure_space, published_widths

    output(options.out, ".h5")
    space = named_space(options.space)
    widths = tuple(dict.fromkeys(positive(one, "--widths") for one in listed(options.widths)))
    widths = widths or published_widths(space)
    sample = None if options.sample == "all" else positive(options.sample, "--sample")
    there = device(options.device)
    count = (space.size or 0) if sample is None else min(sample, space.size or 0)
    repeats = positive(options.repeats, "--repeats")
    with progress("measurements", repeats * count * len(widths)) as advance:
        table = measure_space(
            space, there, options.out, widths=widths, sample=sample, advance=advance,
            cells=perhaps(options.cells_per_stage, "--cells-per-stage"),
            batch=positive(options.batch, "--batch"), side=positive(options.side, "--side"),
            inputs=positive(options.channels, "--channels"), classes=positive(options.classes, "--classes"),
            repeats=repeats,
        )  # fmt: skip
    print(f"wrote {table.path}: {len(table):,} rows, {table.kind}. {table.attributes['description']}")
    print(f"use it: python -m suites.run SUITE --timing {table.path}")
    return 0


def _record(options: argparse.Namespace) -> int:
    from nasbench_sim.real.data import load
    from nasbench_sim.real.device import device
    from nasbench_sim.real.networks import SMALL, Shape
    from nasbench_sim.real.recipes import recipe
    from nasbench_sim.real.recorded_before import planned
    from nasbench_sim.real.recording import Recording, record
    from nasbench_sim.real.side_by_side import STACKED

    output(options.out, ".h5")
    space, data, there = named_space(options.space, recorded=True), load(options.data), device(options.device)
    small = SMALL[space.name]
    width = perhaps(options.width, "--width") or small[0]
    cells = perhaps(options.cells_per_stage, "--cells-per-stage") or small[1]
    how = recipe(options.recipe).with_(
        epochs=perhaps(options.epochs, "--epochs"),
        batch_size=perhaps(options.batch_size, "--batch-size"),
    )
    # As one where they can be stacked; else on streams of their own, of which a few keep a device busy.
    together = 1 if there.kind == "cpu" else 256 if space.name == STACKED else 8
    processes = perhaps(options.processes, "--processes") or (1 if there.kind == "cuda" else os.cpu_count() or 1)
    recording = Recording(
        space, data, how, Shape(data.inputs, data.classes, width, cells), there,
        None if options.cells == "all" else positive(options.cells, "--cells"),
        positive(options.repeats, "--repeats"),
        tuple(positive(one, "--at") for one in listed(options.at)),
        perhaps(options.together, "--together") or together,
        # What one thread trains takes the same time of a processor whatever else that does.
        processor_time=there.kind == "cpu" and (processes > 1 or options.threads == "1"),
    )  # fmt: skip
    seconds = None if options.hours is None else 3600 * number(options.hours, "--hours")
    with progress("trainings", len(planned(recording, options.out)[0]) * recording.repeats) as advance:
        table, left = record(recording, options.out, seconds=seconds, processes=processes, advance=advance)
    print(f"wrote {table.path}: {len(table):,} configurations. {table.attributes['description']}")
    if left:
        print(f"{left:,} configurations are still to be recorded: the same command goes on from there")
    print(f"use it: task table:{table.name} with --tables {table.path.parent}")
    return 0


def _supernet(options: argparse.Namespace) -> int:
    from nasbench_sim.real.data import load
    from nasbench_sim.real.device import device
    from nasbench_sim.real.networks import SMALL, Shape
    from nasbench_sim.real.recipes import recipe
    from nasbench_sim.real.supernets.compare import compare
    from nasbench_sim.tabular.table import Table

    json_output(options.out, "supernets")
    space, data, there = named_space(options.space), load(options.data), device(options.device)
    small = SMALL[space.name]
    width = perhaps(options.width, "--width") or small[0]
    cells = perhaps(options.cells_per_stage, "--cells-per-stage") or small[1]
    how = recipe(options.recipe).with_(epochs=positive(options.epochs, "--epochs"))
    count = positive(options.supernets, "--supernets")
    with progress("super-nets", count) as advance:
        told = compare(
            space, data, Shape(data.inputs, data.classes, width, cells), how, there, options.out,
            variant=options.variant, supernets=count, cells=positive(options.cells, "--cells"),
            against=None if options.against is None else Table.open(options.against), advance=advance,
        )  # fmt: skip
    for place, net in enumerate(told["supernets"]):
        found = ", ".join(f"{how} {value:.3f}" for how, value in net["spearman"].items() if value is not None)
        print(
            f"super-net {place}: {net['status']}; median proxy {net['median']:.1%}, chance {net['chance']:.1%}; "
            f"{net['seconds']:.1f} s, {1000 * net['proxy_seconds']:.1f} ms a proxy"
            + (f"; Spearman with {told['against'][0]} ({told['against'][1]}) {found}" if found else "")
        )
    print(f"wrote {options.out}")
    return 0


def _prestudy(options: argparse.Namespace) -> int:
    from nasbench_sim.real.data import load
    from nasbench_sim.real.device import device
    from nasbench_sim.real.networks import SMALL, Shape
    from nasbench_sim.real.prestudy import prestudy
    from nasbench_sim.real.recipes import recipe

    json_output(options.out, "groups")
    data = load(options.data)
    spaces = {name: named_space(name) for name in listed(options.spaces)}
    rates = [number(text, "--rates") for text in listed(options.rates)]
    if not spaces or not rates:
        raise UserError("--spaces and --rates need at least one each")
    count, how = positive(options.networks, "--networks"), recipe(options.recipe)
    shapes = {name: (space, Shape(data.inputs, data.classes, *SMALL[space.name])) for name, space in spaces.items()}
    how = how.with_(epochs=positive(options.epochs, "--epochs"))
    with progress("trainings", len(shapes) * len(rates) * count) as advance:
        groups = prestudy(shapes, rates, count, data, how, device(options.device), options.out, advance)
    print(f"{'space':<16} {'rate':>8} {'failed':>6} {'error':>7} {'fluctuation':>11}  rank correlation with the end")
    for one in groups:
        final = "-" if one["final"] is None else f"{one['final']:.1%}"
        rough = "-" if one["fluctuation"] is None else f"{one['fluctuation']:.2f}"
        shown = sorted({e for e in (1, 2, 5, 10, 20, 50, 100) if e < how.epochs})
        ranks = ", ".join(f"{e} epochs {one['ranking'][e - 1]:.2f}" for e in shown if one["ranking"][e - 1] is not None)
        print(f"{one['space']:<16} {one['rate']:>8.6g} {one['failed']:>6} {final:>7} {rough:>11}  {ranks or '-'}")
    print(f"wrote {options.out}; as a page: python -m reports.prestudy {options.out}")
    return 0


def named_space(name: str, recorded: bool = False) -> Space:
    """A space by name; to be recorded, NAS-Bench-201 with isomorphic cells once.

    Raises:
        UserError: it has no networks.
    """
    from nasbench_sim.real.networks import PUBLISHED
    from nasbench_sim.spaces.darts import DARTS
    from nasbench_sim.spaces.macronas import MacroNAS
    from nasbench_sim.spaces.nasbench101 import NASBench101
    from nasbench_sim.spaces.nasbench201 import NASBench201
    from nasbench_sim.spaces.nasbench_macro import NASBenchMacro
    from nasbench_sim.spaces.ofa import OFA

    family, _, part = name.partition("/")
    if family not in PUBLISHED or (part and family != "nasbench101"):
        raise UserError(f"the space {name} has no networks to train: choose from {', '.join(PUBLISHED)}")
    spaces: dict[str, Callable[[], Space]] = {
        "nasbench101": lambda: NASBench101(part or "full"),
        "nasbench201": lambda: NASBench201(equivalence="function" if recorded else "code"),
        "macronas": MacroNAS,
        "nasbench_macro": lambda: NASBenchMacro(equivalence="network" if recorded else "code"),
        "darts": DARTS,
        "ofa": OFA,
    }
    return spaces[family]()


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal; elsewhere a line at each hundredth."""
    if sys.stdout.isatty():
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        with Progress(TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()) as bar:
            task = bar.add_task(what, total=total)
            yield lambda count: bar.advance(task, count)
        return
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        before, done = done, done + count
        if total and 100 * done // total > 100 * before // total:
            print(f"{done} of {total} {what}", flush=True)

    yield advance


if __name__ == "__main__":
    sys.exit(main())
