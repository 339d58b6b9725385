"""Columns of a publisher's CSV file, checked as they are read."""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from nasbench_sim.errors import UserError

PROGRESS_AFTER_SECONDS = 2.0


@dataclass(frozen=True)
class Columns:
    """Text of some columns of one file, all of one length.

    Attributes:
        source: the file, for messages.
        text: name to one string per row.
    """

    source: Path
    text: dict[str, list[str]]

    def __len__(self) -> int:
        return len(next(iter(self.text.values())))

    def numbers(self, name: str, low: float, high: float, *, missing: bool = False) -> npt.NDArray[np.float64]:
        """One column as finite ``float64[N]`` between low and high; an empty field is NaN where ``missing`` is allowed.

        Raises:
            UserError: the first field that is something else, with its line.
        """
        text = np.array(self.text[name])
        empty = text == ""
        try:
            values = np.where(empty, "nan", text).astype(np.float64)
        except ValueError:
            at = next(row for row, field in enumerate(self.text[name]) if field and not _is_number(field))
            raise self._error(name, at, "is not a number") from None
        if not missing and empty.any():
            raise self._error(name, int(np.argmax(empty)), "is missing")
        wrong = ~empty & ~(np.isfinite(values) & (values >= low) & (values <= high))
        if wrong.any():
            raise self._error(name, int(np.argmax(wrong)), f"is not between {low:g} and {high:g}")
        return values

    def integers(self, name: str) -> npt.NDArray[np.int64]:
        """One column of counts, ``int64[N]``, positive.

        Raises:
            UserError: the first field that is something else, with its line.
        """
        values = self.numbers(name, 1, 2.0**53)
        wrong = values != np.round(values)
        if wrong.any():
            raise self._error(name, int(np.argmax(wrong)), "is not a whole number")
        return values.astype(np.int64)

    def _error(self, name: str, row: int, reason: str) -> UserError:
        return UserError(f"{self.source}, line {row + 2}: {name} = {self.text[name][row]!r} {reason}")


def read_columns(source: Path, names: Sequence[str]) -> Columns:
    """Read the named columns of a CSV file with a header, compressed with gzip or not.

    Raises:
        UserError: no such file, not readable as that, a column is missing, or a row has another length.
    """
    if not source.is_file():
        raise UserError(f"{source}: no such file")
    try:
        with source.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            rows = csv.reader(codecs.iterdecode(gzip.GzipFile(fileobj=raw) if zipped else raw, "utf-8"))
            header = next(rows, [])
            if absent := [name for name in names if name not in header]:
                raise UserError(f"{source} lacks the columns {', '.join(absent)}: is it the right file?")
            places = [header.index(name) for name in names]
            found: list[list[str]] = []
            for row in _with_progress(rows, raw, source):
                if len(row) != len(header):
                    raise UserError(
                        f"{source}, line {len(found) + 2}: {len(row)} fields where the header has {len(header)}"
                    )
                found.append([row[place] for place in places])
    except (EOFError, gzip.BadGzipFile, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{source} cannot be read ({error}); get it again") from error
    except OSError as error:
        raise UserError(f"{source} cannot be read: {error.strerror or error}") from error
    if not found:
        raise UserError(f"{source} holds no rows")
    return Columns(source, {name: list(column) for name, column in zip(names, zip(*found, strict=True), strict=True)})


def file_digest(source: Path) -> str:
    """sha256 (hexadecimal) of a file's bytes."""
    with source.open("rb") as raw:
        return hashlib.file_digest(raw, "sha256").hexdigest()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _with_progress(rows: Iterator[list[str]], raw: IO[bytes], source: Path) -> Iterator[list[str]]:
    """The same rows; on a terminal, a bar once it has taken a while."""
    if not sys.stderr.isatty():
        yield from rows
        return
    started = time.monotonic()
    for count, row in enumerate(rows):
        yield row
        if count % 1024 == 0 and time.monotonic() - started > PROGRESS_AFTER_SECONDS:
            break
    else:
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(source.name, total=source.stat().st_size)
        for count, row in enumerate(rows):
            yield row
            if count % 1024 == 0:
                bar.update(task, completed=raw.tell())
