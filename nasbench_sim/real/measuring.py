"""A timing table from measured passes: ``python -m nasbench_sim.real measure SPACE``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nasbench_sim.errors import UserError
from nasbench_sim.randomness import stream
from nasbench_sim.real.device import Device
from nasbench_sim.real.ledger import Ledger, identity
from nasbench_sim.real.networks import PUBLISHED, Shape, network
from nasbench_sim.real.passes import measure
from nasbench_sim.real.timing_model import Fit, fit, work
from nasbench_sim.real.training import is_memory, seeded
from nasbench_sim.spaces.space import Codes, Space
from nasbench_sim.tabular.table import Table, write_table

CREATED_BY = "python -m nasbench_sim.real measure"
LEAST_SAMPLE = 20  # cells behind a model


def measure_space(
    space: Space,
    device: Device,
    path: Path,
    *,
    widths: Sequence[int],
    cells: int | None = None,
    batch: int = 256,
    side: int = 32,
    inputs: int = 3,
    classes: int = 10,
    sample: int | None = 200,
    repeats: int = 3,
    advance: Callable[[int], None] = lambda _: None,
) -> Table:
    """Measure a sample of a space, fit a model to it, and write the timing table of all of it.

    Measured passes are kept beside the table, so that the same command goes on where it was stopped.

    Args:
        space: that can be listed.
        device: to time.
        path: of the table.
        widths: channels of the first stage; one column each.
        cells: per stack or stage; None as published.
        batch: images a pass.
        side: of the images, pixels.
        inputs: channels of the images.
        classes: to tell apart.
        sample: how many configurations are measured; None for all, and then there is no model.
        repeats: rounds over the sample; of each network the median is taken.
        advance: called with 1 after each measurement.

    Raises:
        UserError: a space that cannot be listed, too small a sample, a batch that does not fit into memory, or a file
            at ``path`` that is no such table of this space.
    """
    same = {
        "device": device.name, "batch_size": batch, "widths": tuple(widths), "side": side, "channels": inputs,
        "classes": classes, "cells": cells or 0,
    }  # fmt: skip
    _check_replaced(space, path, same)
    every = getattr(space, "enumerate", None)
    if every is None:
        work(space, np.empty((0, space.dimension), space.dtype), widths[0])
    codes: Codes = every()  # type: ignore[misc]
    count = len(codes) if sample is None else min(sample, len(codes))
    if count < min(LEAST_SAMPLE, len(codes)):
        raise UserError(f"a sample of {count} is too small for a model: measure at least {LEAST_SAMPLE}")
    rows = np.sort(stream(0, "measured", space.name).permutation(len(codes))[:count])
    ledger = Ledger(path.with_suffix(".measured"))
    forward, backward = np.empty((2, len(codes), len(widths)))
    fits: list[Fit] = []
    spreads: list[float] = []
    for column, width in enumerate(widths):
        shape = Shape(inputs, classes, width, cells)
        found = np.empty((repeats, count, 2))
        # Round by round, so that what disturbs a machine for a while disturbs one repeat of a network and not all.
        for repeat, place in np.ndindex(repeats, count):
            found[repeat, place] = _measured(ledger, space, codes[rows[place]], shape, batch, side, device, repeat)
            advance(1)
        spreads += (np.ptp(found.sum(axis=2), axis=0) / np.median(found.sum(axis=2), axis=0)).tolist()
        for seconds, measured in zip((forward, backward), np.median(found, axis=0).T, strict=True):
            if count < len(codes):
                model = fit(work(space, codes[rows], width), measured)
                seconds[:, column] = model(work(space, codes, width))
                fits.append(model)
            seconds[rows, column] = measured
    attributes = same | _attributes(space, device, path, batch, side, inputs, classes, count, repeats, spreads, fits)
    arrays = {"codes": codes, "forward_seconds": forward, "backward_seconds": backward}
    microseconds = {"decimals": 6}
    storage = {"forward_seconds": microseconds, "backward_seconds": microseconds}
    return write_table(path, attributes, arrays, storage=storage, keys=space.key(codes))


def _check_replaced(space: Space, path: Path, measured: Mapping[str, object]) -> None:
    """Whether nothing is lost where the table is written: an earlier one has the same ``measured`` attributes."""
    if not path.exists():
        return
    try:
        about = Table.open(path).attributes
    except UserError:
        about = {}
    if (about.get("created_by"), about.get("space")) != (CREATED_BY, space.name):
        raise UserError(f"{path} is no timing table of {space.name} that this command wrote: give another --out")
    for name, value in measured.items():
        if name in about and np.asarray(about[name]).tolist() != np.asarray(value).tolist():
            raise UserError(f"{path} was measured with {name} {about[name]} and not {value}: give another --out")


def _measured(
    ledger: Ledger, space: Space, code: Codes, shape: Shape, batch: int, side: int, device: Device, repeat: int
) -> tuple[float, float]:
    about = {
        "space": space.name, "code": code.tolist(), "shape": [shape.inputs, shape.classes, shape.width, shape.cells],
        "batch": batch, "side": side, "device": [device.name, *device.described], "repeat": repeat,
        "torch": version("torch"),
    }  # fmt: skip

    def make(_: Path) -> Mapping[str, Any]:
        try:
            net = seeded(lambda: network(space, code, shape), 0)
            net = net.to(device.torch, memory_format=device.layout)
            generator = torch.Generator().manual_seed(0)
            images = torch.randn(batch, shape.inputs, side, side, generator=generator)
            labels = torch.randint(shape.classes, (batch,), generator=generator).to(device.torch)
            images = images.to(device.torch).contiguous(memory_format=device.layout)
            forward, backward = measure(net, images, labels, device)
        except ValueError as error:  # of normalisation, for which one value a channel is none to learn from
            raise UserError(
                f"a batch of {batch} image(s) of {side} x {side} shrinks to one value a channel: use a larger --batch"
            ) from error
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not is_memory(error):
                raise
            raise UserError(f"a batch of {batch} does not fit into memory: use a smaller --batch") from error
        return {"about": about, "forward": forward, "backward": backward}

    found = ledger.obtain(identity(about), make)
    return float(found["forward"]), float(found["backward"])


def _attributes(
    space: Space, device: Device, path: Path, batch: int, side: int, inputs: int, classes: int, count: int,
     repeats: int, spreads: Sequence[float], fits: Sequence[Fit],
) -> dict[str, object]:  # fmt: skip
    precision = "16 bits" if device.mixed else "32 bits"
    told = (
        f"{count} configurations measured: one batch of {batch} images of {side} x {side} in {inputs} channels and "
        f"{classes} classes, {precision}, after warm-up"
        + (
            f", median of {repeats} rounds; the spread between rounds is {np.median(spreads):.1%} in the median and "
            f"{np.quantile(spreads, 0.95):.1%} at the 95% quantile."
            if repeats > 1
            else ", once, so that the spread is not known."
        )
    )
    attributes: dict[str, object] = {
        "content": "timing",
        "name": path.stem,
        "title": f"Seconds of one batch of {space.name} networks on {device.name}",
        "space": space.name,
        "kind": "measured",
        "licence": "CC0-1.0",
        "source": f"measured by {CREATED_BY}",
        "created_by": CREATED_BY,
        "measured": count,
        **({"spread": float(np.median(spreads))} if repeats > 1 else {}),
        "torch": version("torch"),
    }
    if fits:
        off, worst = max(one.error for one in fits), max(one.worst for one in fits)
        told += (
            " All others come from a linear model with non-negative prices, whose relative error for cells that it "
            f"did not see is {off:.1%} in the median and {worst:.1%} at the 95% quantile."
        )
        attributes |= {"kind": "fitted", "held_out_error": off, "held_out_error_95": worst}
    return {**attributes, "description": told}


def published_widths(space: Space) -> tuple[int, ...]:
    """Of stand-alone networks; of NAS-Bench-101 also of its super-nets."""
    width = PUBLISHED[space.name][0]
    return (width, 16) if space.name == "nasbench101" else (width,)
