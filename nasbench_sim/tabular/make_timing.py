"""Make the calibrated timing table of NAS-Bench-101: ``python -m nasbench_sim.tabular.make_timing -o FILE``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from nasbench_sim.errors import UserError
from nasbench_sim.spaces.nasbench101 import NASBench101
from nasbench_sim.tabular.table import write_table
from nasbench_sim.timing import Device, roofline_nasbench101

# One chip of a K80 (4.1 TFLOP/s and 240 GB/s on paper).  Half the arithmetic and two fifths of the bandwidth are
# sustained; launch and tile were chosen, among rooflines on a coarse grid, so that the number of trainings which
# the one-shot budget is worth comes nearest to what the source's figures imply on its seven spaces.
K80 = Device("K80-class (roofline)", macs_per_second=1.0e12, bytes_per_second=100e9, launch_seconds=3e-4, tile=128)
WIDTHS, BATCH_SIZE = (128, 16), 256


def make(path: Path, device: Device = K80) -> None:
    """Write the table: every cell, stand-alone width 128 and super-net width 16, batches of 256."""
    space = NASBench101()
    codes = space.enumerate()
    passes = [roofline_nasbench101(device, codes, width, BATCH_SIZE) for width in WIDTHS]
    attributes = {
        "content": "timing",
        "name": path.stem,
        "title": "Seconds of one batch of NAS-Bench-101 networks on a K80-class device",
        "description": (
            "Not measured: a roofline over exact multiply-adds and bytes moved, with a fixed cost per kernel and "
            f"convolutions computed in tiles of {device.tile} filters: {device.macs_per_second:g} multiply-adds "
            f"and {device.bytes_per_second:g} bytes a second, {device.launch_seconds:g} seconds a kernel"
        ),
        "space": space.name,
        "kind": "calibrated",
        "licence": "Apache-2.0",
        "source": "computed from the cells",
        "created_by": "python -m nasbench_sim.tabular.make_timing",
        "device": device.name,
        "batch_size": BATCH_SIZE,
        "widths": WIDTHS,
    }
    arrays = {
        "codes": codes,
        "forward_seconds": np.stack([forward for forward, _ in passes], axis=1),
        "backward_seconds": np.stack([backward for _, backward in passes], axis=1),
    }
    tenths_of_milliseconds = {"decimals": 4}
    storage = {"forward_seconds": tenths_of_milliseconds, "backward_seconds": tenths_of_milliseconds}
    write_table(path, attributes, arrays, storage=storage, keys=space.key(codes))


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m nasbench_sim.tabular.make_timing", description=__doc__)
    parser.add_argument("-o", "--out", type=Path, required=True, help="file to write, such as tables/timings/k80.h5")
    options = parser.parse_args(arguments)
    try:
        make(options.out)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"wrote {options.out}, {options.out.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
