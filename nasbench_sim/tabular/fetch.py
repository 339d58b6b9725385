"""The publishers' files by name, as ``tables/MANIFEST.toml`` lists them."""

from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nasbench_sim.errors import UserError
from nasbench_sim.tabular.download import Wanted, download
from nasbench_sim.tabular.locate import embedded

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("name", nargs="?", help="the benchmark; without it, the benchmarks are listed")
    parser.add_argument(
        "-o", "--output", dest="folder", type=Path, default=Path(), metavar="DIR", help="folder of the files, default ."
    )
    parser.add_argument(
        "--manifest", type=Path, metavar="FILE", help="another list of addresses, such as of a mirror; default: ours"
    )


def fetch(name: str | None, folder: Path, manifest: Path | None = None) -> str:
    """Download the files of a benchmark, or list the benchmarks.

    Args:
        name: a table of the manifest, or None.
        folder: where to.
        manifest: see the top of ``tables/MANIFEST.toml``, which is the default.

    Returns:
        What to tell: a line per file and the command that comes next.

    Raises:
        UserError: unknown name; a file whose publisher has no direct address; see ``download``.
    """
    path = manifest or embedded() / "MANIFEST.toml"
    benchmarks = _read(path)
    if name is None:
        width = max(map(len, benchmarks))
        return "\n".join(f"{key:<{width}}  {value['title']}" for key, value in benchmarks.items())
    if name not in benchmarks:
        near = get_close_matches(name, benchmarks, 1)
        raise UserError(
            f"{path.name} has no {name!r}: "
            + (f"did you mean {near[0]}?" if near else f"it has {', '.join(benchmarks)}")
        )
    benchmark = benchmarks[name]
    following = f"python -m nasbench_sim.tabular import {benchmark.get('import')} FILE -o DIR"
    following = benchmark.get("use", following)
    for file in benchmark["files"]:
        if "url" not in file:
            raise UserError(
                f"{file['name']} has no direct address: get it in a browser from {file['page']}, then {following}"
            )
    lines = []
    for file in benchmark["files"]:
        wanted = Wanted(file["name"], file["url"], file.get("bytes"), file.get("sha256"))
        digest = download(wanted, folder)
        place = folder / wanted.name
        stated = "as stated" if wanted.sha256 else "not stated anywhere, recorded beside it"
        lines.append(f"{place}: {place.stat().st_size:,} bytes, sha256 {digest} ({stated})")
    unpacking = [file["unpack"] for file in benchmark["files"] if "unpack" in file]
    return "\n".join([*lines, f"next: {', '.join([*unpacking, following])}"])


def _read(path: Path) -> Mapping[str, Mapping[str, Any]]:
    """The manifest, checked.

    Raises:
        UserError: it is missing or not as its first lines say.
    """
    try:
        benchmarks = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no TOML: {' '.join(str(error).split())}") from None
    if not benchmarks:
        raise UserError(f"{path} lists nothing")
    for name, benchmark in benchmarks.items():
        if problem := _problem(benchmark):
            raise UserError(f"{path}, {name}: {problem}")
    return benchmarks


def _problem(benchmark: object) -> str | None:
    if not isinstance(benchmark, dict):
        return "is no table"
    for key in ("title", "licence", "use" if "use" in benchmark else "import"):
        if not isinstance(benchmark.get(key), str):
            return f"{key} is missing"
    files = benchmark.get("files")
    if not isinstance(files, list) or not files or not all(isinstance(file, dict) for file in files):
        return "files are missing"
    for file in files:
        # A name is written to disk, so it may not lead out of the folder.
        if not isinstance(file.get("name"), str) or not _NAME.fullmatch(file["name"]):
            return f"{file.get('name')!r} is no name of a file"
        addresses = [file[key] for key in ("url", "page") if key in file]
        if len(addresses) != 1 or not isinstance(addresses[0], str):
            return f"{file['name']} needs one of url and page"
        if urlsplit(addresses[0]).scheme not in ("http", "https"):
            return f"{file['name']}: {addresses[0]!r} is not an address of http or https"
        if not isinstance(file.get("unpack", ""), str):
            return f"{file['name']}: unpack is no command"
        if "bytes" in file and (type(file["bytes"]) is not int or file["bytes"] <= 0):
            return f"{file['name']}: bytes is no count"
        if "sha256" in file and not (isinstance(file["sha256"], str) and _SHA256.fullmatch(file["sha256"])):
            return f"{file['name']}: sha256 is not 64 hexadecimal digits"
    return None
