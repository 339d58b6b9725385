"""Where networks are trained, and how precisely."""

from __future__ import annotations

import platform
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nasbench_sim.errors import UserError


@dataclass(frozen=True)
class Device:
    """A device by name.

    Attributes:
        kind: "cpu" or "cuda".
        name: as its maker calls it, for tables and reports.
        mixed: convolutions and linear layers compute in 16 bits (bfloat16 where it is supported), on CUDA.
        threads: of a CPU, by whose number sums differ in their last digits.
    """

    kind: str
    name: str
    mixed: bool
    threads: int = 0

    @property
    def torch(self) -> torch.device:
        """As torch knows it."""
        return torch.device(self.kind)

    @property
    def described(self) -> list[object]:
        """What of it decides how a training ends, plain values."""
        return [self.kind, self.mixed, self.threads]

    @property
    def layout(self) -> Any:
        """Order of a tensor's values in memory: channels last on CUDA, whose fast kernels want that."""
        return torch.channels_last if self.kind == "cuda" else torch.contiguous_format

    @property
    def half(self) -> Any:
        """The type of 16 bits; float16 needs its gradients scaled."""
        # Where bfloat16 is emulated it is slower than 32 bits.
        native = self.kind != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else torch.float16

    def precision(self) -> AbstractContextManager[Any]:
        """In which forward passes run."""
        return torch.autocast(self.kind, dtype=self.half) if self.mixed else nullcontext()

    def scaler(self) -> Any:
        """Of gradients; does nothing but under float16."""
        return torch.amp.GradScaler(self.kind, enabled=self.mixed and self.half == torch.float16)

    def wait(self) -> None:
        """Until all that was launched is done; for clocks."""
        if self.kind == "cuda":
            torch.cuda.synchronize()


def device(name: str = "auto", mixed: bool | None = None, threads: int | None = None) -> Device:
    """A device by name: "cpu", "cuda", or "auto", which is CUDA where there is one.

    Args:
        name: of the device.
        mixed: precision; None: on CUDA.
        threads: that a CPU will train with; None for those that torch has now.

    Raises:
        UserError: another name, or no CUDA device is there.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise UserError(f"--device is cpu, cuda or auto, not {name!r}")
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise UserError("torch sees no CUDA device here: use --device cpu, or install torch with CUDA")
    kind = "cuda" if there and name != "cpu" else "cpu"
    if kind == "cpu":
        threads = threads or torch.get_num_threads()
        return Device(kind, f"{_processor()}, {threads} thread(s)", bool(mixed), threads)
    return Device(kind, torch.cuda.get_device_name(), True if mixed is None else mixed)


def _processor() -> str:
    """What the system calls its processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
