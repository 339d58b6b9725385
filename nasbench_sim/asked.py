"""What a command line asks for: whole numbers, other numbers, lists, and a file to write."""

from __future__ import annotations

import json
from pathlib import Path

from nasbench_sim.errors import UserError

MOST = {
    "--at": 1_000_000,
    "--batch": 1_000_000,
    "--batch-size": 1_000_000,
    "--cells-per-stage": 1000,
    "--channels": 4096,
    "--classes": 100_000,
    "--epochs": 1_000_000,
    "--networks": 100_000,
    "--processes": 4096,
    "--repeats": 10_000,
    "--side": 4096,
    "--supernet-epochs": 1_000_000,
    "--supernets": 1000,
    "--threads": 1024,
    "--together": 100_000,
    "--width": 4096,
    "--widths": 4096,
    "--workers": 4096,
}
"""Beyond what any machine trains, so that a slip of the hand is told as one."""


def positive(text: str, option: str, most: int | None = None) -> int:
    """A whole number from 1 to ``most``, by default that of the option.  UserError: another."""
    most = most or MOST.get(option, 10**9)
    digits = text.lstrip("0") if text.isascii() and text.isdecimal() else ""
    if not digits:
        raise UserError(f"{option} {text}: it must be a whole number of at least 1")
    if len(digits) > len(str(most)) or int(digits) > most:  # int() refuses very many digits
        raise UserError(f"{option} {text}: it must be at most {most:,}")
    return int(digits)


def perhaps(text: str | None, option: str) -> int | None:
    """As ``positive``, where anything is given."""
    return None if text is None else positive(text, option)


def number(text: str, option: str, most: float = 1e6) -> float:
    """A number above 0 and at most ``most``.  UserError: another."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= most:
        raise UserError(f"{option} {text}: it must be a number above 0 and at most {most:,.0f}, such as 2 or 0.5")
    return value


def listed(text: str | None) -> list[str]:
    """The parts between commas, without blanks and empty ones."""
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def output(path: Path, ending: str) -> Path:
    """A file to write, which ends as it should and takes the place of no folder and no device.

    Raises:
        UserError: it does not.
    """
    from nasbench_sim.tabular.schema import possible_name

    if path.suffix != ending:
        raise UserError(f"-o {path}: it must be a file whose name ends in {ending}, such as mine{ending}")
    if ending == ".h5" and not possible_name(path.stem):
        raise UserError(f"-o {path}: a table is found by its name, of letters, digits, . _ -, such as mine.h5")
    if path.exists() and not path.is_file():
        raise UserError(f"-o {path}: there is something that is no file, and it is left alone; give another")
    return path


def json_output(path: Path, field: str) -> Path:
    """As ``output``, of JSON: a file there must be an earlier result, which holds that field among others.

    Raises:
        UserError: it is not.
    """
    if output(path, ".json").exists():
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            told = None
        if not (isinstance(told, dict) and {field, "fingerprint", "recipe", "device"} <= told.keys()):
            raise UserError(f"-o {path}: there is a file that this command did not write; give another, or delete it")
    return path
