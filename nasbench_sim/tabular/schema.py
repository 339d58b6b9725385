"""What a table must hold: attributes, arrays, shapes, ranges.  Pure functions, no HDF5.

Every table is one HDF5 file with plain attributes at its root.  ``N`` rows, ``d`` variables, ``F``
fidelities, ``R`` repeats, ``W`` widths.

Content ``benchmark`` (figures per configuration):

===================================  ======================  ===========================================
array                                shape                   meaning
===================================  ======================  ===========================================
``codes``                            ``[N, d]``              configurations, in the producer's order
``objectives/<name>``                ``[N]``                 a further objective, for all data sets
``<data set>/validation``            ``[N, F, R]``           validation error per repeat, NaN = missing
``<data set>/validation_mean``       ``[N, F]``              or the mean over repeats alone (surrogates)
``<data set>/validation_spread``     ``[N, F]``, ``[N, 1]``  and the standard deviation between repeats
``<data set>/test``, ``test_mean``,  likewise                held-out error
``test_spread``
``<data set>/train_seconds``         ``[N, F]``, ``[N]``,    seconds of training; ``[N]``: one fidelity; with
                                     ``[N, F, R]``           repeats in the order of validation's, NaN = missing
``<data set>/parameters``, ``macs``  ``[N]`` integer         exact counts
``<data set>/objectives/<name>``     ``[N]``                 a further objective of this data set
===================================  ======================  ===========================================

What a search sees is the validation error.  A publisher who measured the test error only gets the attribute
``search_signal = "test"``: then a data set has ``test`` or ``test_mean``, the search sees that, under its own
name, and nothing is held out; validation arrays must not stand beside it.

Content ``timing`` (seconds of one batch on one device): ``codes [N, d]``, ``forward_seconds [N, W]``,
``backward_seconds [N, W]``.  Of kind ``fitted``, some rows were measured and a model gives the others.

An array that covers other fidelities than the table lists them in its own attribute ``fidelities``; ``unit``
names its unit where that is not evident.  An array with the attribute ``decimals`` is stored as unsigned
integers: the figure is the integer divided by ``10 ** decimals``, and the largest integer of the type means
missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

SCHEMA_VERSION = 1

Attribute = str | bool | int | float | tuple[str, ...] | tuple[int, ...] | tuple[float, ...]

KINDS: Mapping[str, tuple[str, ...]] = {
    "benchmark": ("measured", "surrogate", "calibrated", "recorded"),
    "timing": ("measured", "calibrated", "fitted"),
}

_COMMON = ("schema_version", "content", "name", "title", "description", "space", "kind", "licence", "source",
           "created_by", "keys_sha256")  # fmt: skip
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "benchmark": (*_COMMON, "data_sets", "metric", "unit_fidelity", "fidelities", "resumes", "split"),
    "timing": (*_COMMON, "device", "batch_size", "widths"),
}

SIGNALS = ("validation", "test")

_INTEGERS = ("schema_version", "batch_size")
_LISTS: Mapping[str, type] = {"data_sets": str, "fidelities": float, "widths": int}

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PER_DATA_SET = re.compile(
    r"(validation|test|validation_mean|test_mean|validation_spread|test_spread|train_seconds|parameters|macs"
    r"|objectives/[A-Za-z0-9][A-Za-z0-9._-]*)"
)


@dataclass(frozen=True)
class ArrayInfo:
    """What is known of an array before it is read.

    Attributes:
        shape: its shape.
        stored: its type in the file.
        sha256: digest of the stored bytes, little-endian, row by row.
        attributes: ``fidelities``, ``unit``, ``decimals``, notes.
    """

    shape: tuple[int, ...]
    stored: np.dtype[Any]
    sha256: str
    attributes: Mapping[str, Attribute] = field(default_factory=dict)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type that a reader gets."""
        return np.dtype(np.float64) if "decimals" in self.attributes else self.stored


def attribute(value: object) -> Attribute:
    """A plain Python value for whatever was given: text, truth, number, or a flat tuple of one of them.

    Raises:
        ValueError: anything else, empty, or not finite.
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, bytes):
        value = value.decode("utf-8")
    if isinstance(value, str | bool | int | float):
        _check_plain(value)
        return value
    if isinstance(value, Sequence) and len(value):
        items = [attribute(item) for item in value]
        if all(isinstance(item, str) for item in items):
            return tuple(str(item) for item in items)
        if all(isinstance(item, int) and not isinstance(item, bool) for item in items):
            return tuple(int(item) for item in items)  # type: ignore[arg-type]
        if all(isinstance(item, int | float) and not isinstance(item, bool) for item in items):
            return tuple(float(item) for item in items)  # type: ignore[arg-type]
    raise ValueError(f"{value!r} is neither text, truth, a finite number, nor a list of one of them")


def _check_plain(value: str | float) -> None:
    if isinstance(value, str) and (not value or "\0" in value or not _is_unicode(value)):
        raise ValueError("text is empty, holds a zero character, or is not Unicode")
    if isinstance(value, float) and not np.isfinite(value):
        raise ValueError(f"{value!r} is not finite")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError(f"{value!r} does not fit into 64 bits")


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def attributes(given: Mapping[str, object]) -> dict[str, Attribute]:
    """Attributes as plain values, the lists of fractions among them as floats.

    Raises:
        ValueError: a value that cannot be an attribute; the message names it.
    """
    plain: dict[str, Attribute] = {}
    for name, value in given.items():
        try:
            plain[name] = attribute(value)
        except ValueError as error:
            raise ValueError(f"attribute {name}: {error}") from None
        if name == "fidelities" and isinstance(plain[name], tuple):
            plain[name] = tuple(float(item) for item in plain[name])  # type: ignore[union-attr]
    return plain


def version_problem(found: Mapping[str, Attribute]) -> str | None:
    """Why a file of this version cannot be read, or None."""
    version = found.get("schema_version")
    if type(version) is not int:
        return "is HDF5 but not a table of nasbench-sim (it has no schema_version)"
    if version > SCHEMA_VERSION:
        return f"has table schema {version}, and {SCHEMA_VERSION} is read here; upgrade nasbench-sim"
    if version < SCHEMA_VERSION:
        return f"has table schema {version}, and {SCHEMA_VERSION} is read here; make or download it again"
    return None


def problem(found: Mapping[str, Attribute], arrays: Mapping[str, ArrayInfo]) -> str | None:
    """The first thing that is wrong with a table's attributes, names, shapes and types, or None."""
    return next(_problems(found, arrays), None)


def _problems(found: Mapping[str, Attribute], arrays: Mapping[str, ArrayInfo]) -> Iterator[str]:
    content = found.get("content")
    if content not in REQUIRED:
        yield f"content {content!r} is unknown: one of {', '.join(REQUIRED)}"
        return
    for name in REQUIRED[str(content)]:
        if name not in found:
            yield f"attribute {name} is missing"
        elif not _has_type(name, found[name]):
            yield f"attribute {name} is {found[name]!r}, which is not what it should be"
    if found["kind"] not in KINDS[str(content)]:
        yield f"kind {found['kind']!r} is unknown: one of {', '.join(KINDS[str(content)])}"
    if "codes" not in arrays:
        yield "array codes is missing"
    codes = arrays["codes"]
    if len(codes.shape) != 2 or 0 in codes.shape or codes.dtype.kind not in "iuf":
        yield f"array codes is {codes.dtype}{list(codes.shape)}, not numbers [N, d]"
    yield from (_timing if content == "timing" else _benchmark)(found, arrays, codes.shape[0])


def _has_type(name: str, value: Attribute) -> bool:
    if name in _LISTS:
        return isinstance(value, tuple) and all(type(item) is _LISTS[name] for item in value)
    if name == "resumes":
        return isinstance(value, bool)
    if name in _INTEGERS:
        return type(value) is int and value > 0
    return isinstance(value, str) and bool(value.strip())


def _timing(found: Mapping[str, Attribute], arrays: Mapping[str, ArrayInfo], n: int) -> Iterator[str]:
    shape = (n, len(_tuple(found["widths"])))
    for name in ("forward_seconds", "backward_seconds"):
        if name not in arrays:
            yield f"array {name} is missing"
        yield from _expect(name, arrays[name], [shape], "f")
    for name in arrays:
        if name not in ("codes", "forward_seconds", "backward_seconds"):
            yield f"array {name} is not part of a timing table"


def possible_name(text: str) -> bool:
    """Whether a table can have a data set of that name, or be found by it."""
    return bool(_NAME.fullmatch(text)) and text not in ("codes", "objectives")


def _benchmark(found: Mapping[str, Attribute], arrays: Mapping[str, ArrayInfo], n: int) -> Iterator[str]:
    if not _increasing(found["fidelities"]):
        yield f"fidelities {found['fidelities']} are not positive and increasing"
    data_sets = [str(name) for name in _tuple(found["data_sets"])]
    signal = found.get("search_signal", SIGNALS[0])
    if signal not in SIGNALS:
        yield f"search_signal {signal!r} is unknown: one of {', '.join(SIGNALS)}"
    for data_set in data_sets:
        if not possible_name(data_set):
            yield f"data set {data_set!r} is not a possible name"
        if data_sets.count(data_set) > 1:
            yield f"data set {data_set!r} is there twice"
        if not any(f"{data_set}/{signal}{end}" in arrays for end in ("", "_mean")):
            yield f"array {data_set}/{signal} or {data_set}/{signal}_mean is missing"
        if signal == "test" and any(f"{data_set}/validation{end}" in arrays for end in ("", "_mean")):
            yield f"data set {data_set} has a validation error, so search_signal is not 'test'"
        for which in ("validation", "test"):
            repeats, mean, spread = (f"{data_set}/{which}{end}" in arrays for end in ("", "_mean", "_spread"))
            if repeats and (mean or spread):
                yield f"array {data_set}/{which} holds repeats, so mean and spread must not stand beside it"
            if spread and not mean:
                yield f"array {data_set}/{which}_spread is there without {which}_mean"
    for name, info in arrays.items():
        data_set, _, rest = name.partition("/")
        if name == "codes":
            continue
        if data_set == "objectives" and _NAME.fullmatch(rest):
            yield from _expect(name, info, [(n,)], "fiu")
        elif data_set in data_sets and _PER_DATA_SET.fullmatch(rest):
            yield from _per_data_set(name, rest, info, n, fidelities(found, info, rest))
        else:
            yield f"array {name} is not part of a benchmark table"


def _per_data_set(name: str, rest: str, info: ArrayInfo, n: int, covered: Attribute) -> Iterator[str]:
    if not _increasing(covered):
        yield f"array {name}: its fidelities {covered} are not positive and increasing"
    count = len(_tuple(covered))
    if rest in ("validation", "test"):
        repeats = max(1, info.shape[-1]) if info.shape else 1
        yield from _expect(name, info, [(n, count, repeats)], "f")
    elif rest.endswith("_mean"):
        yield from _expect(name, info, [(n, count)], "f")
    elif rest.endswith("_spread"):
        yield from _expect(name, info, [(n, count), (n, 1)], "f")
    elif rest == "train_seconds":
        shape: tuple[int, ...] = (n, count)
        if len(info.shape) == 3:
            shape = (n, count, max(1, info.shape[-1]))
        yield from _expect(name, info, [(n,)] if len(info.shape) == 1 and count == 1 else [shape], "f")
    else:
        yield from _expect(name, info, [(n,)], "iu" if rest in ("parameters", "macs") else "fiu")


def _expect(name: str, info: ArrayInfo, shapes: list[tuple[int, ...]], kinds: str) -> Iterator[str]:
    if info.shape not in shapes:
        wanted = " or ".join(str(list(shape)) for shape in shapes)
        yield f"array {name} has shape {list(info.shape)} where {wanted} was expected"
    if info.dtype.kind not in kinds:
        yield f"array {name} has type {info.dtype}"
    if "decimals" in info.attributes and info.stored.kind != "u":
        yield f"array {name} has decimals but is stored as {info.stored}"


def fidelities(found: Mapping[str, Attribute], info: ArrayInfo, rest: str = "") -> tuple[float, ...]:
    """The fidelities that an array covers: its own attribute, else the table's.

    One column of training seconds without its own attribute belongs to the table's last fidelity.
    """
    if "fidelities" in info.attributes:
        covered = info.attributes["fidelities"]
    else:
        covered = found["fidelities"]
        if rest == "train_seconds" and len(info.shape) == 1:
            covered = _tuple(covered)[-1:]
    return tuple(float(item) for item in _tuple(covered))


def _tuple(value: Attribute) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _increasing(value: Attribute) -> bool:
    items = _tuple(value)
    if not items or not all(isinstance(item, int | float) and item > 0 for item in items):
        return False
    return all(a < b for a, b in pairwise(items))


def value_problem(found: Mapping[str, Attribute], name: str, values: npt.NDArray[Any]) -> str | None:
    """What is wrong with the figures of one array (as a reader gets them), or None."""
    rest = name.rpartition("/")[2]
    if name == "codes":
        rows = duplicate_rows(values)
        return None if rows is None else f"rows {rows[0]} and {rows[1]} hold the same configuration"
    if np.isinf(values).any():
        return f"array {name} holds infinite figures"
    low, high = 0.0, np.inf
    if "objectives/" in name:
        low = -np.inf
    elif found.get("metric") == "error" and rest.removesuffix("_mean") in ("validation", "test"):
        high = 1.0
    if (values < low).any() or (values > high).any():
        return f"array {name} holds figures outside {low:g} to {high:g}"
    return None


def duplicate_rows(values: npt.NDArray[Any]) -> tuple[int, int] | None:
    """Two rows of ``values[n, k]`` that are equal byte for byte, the earlier first, or None."""
    rows = np.ascontiguousarray(values)
    whole = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1])))[:, 0]
    _, first, inverse = np.unique(whole, return_index=True, return_inverse=True)
    repeated = np.flatnonzero(first[inverse] != np.arange(len(rows)))
    return None if not len(repeated) else (int(first[inverse[repeated[0]]]), int(repeated[0]))
