"""Where tables lie."""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from pathlib import Path

from nasbench_sim.errors import UserError

VARIABLE = "NASBENCH_SIM_TABLES"

# One folder deep at most ("timings/..."), and no way out of the folder.
_NAME = re.compile(r"([A-Za-z0-9_][A-Za-z0-9._-]*/)?[A-Za-z0-9_][A-Za-z0-9._-]*")


def embedded() -> Path:
    """The folder of the embedded tables: inside an installed package, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "_tables"
    # Beside an installed package, "tables" would be another project's (PyTables).
    return inside if inside.is_dir() else package.parent / "tables"


def folders(folder: str | os.PathLike[str] | None = None) -> list[Path]:
    """Where tables are looked for, in this order: the given folder, the environment's, the embedded one.

    Raises:
        UserError: a folder that was named is not there.
    """
    found = []
    for named, by in ((folder, "--tables"), (os.environ.get(VARIABLE), VARIABLE)):
        if named:
            if not Path(named).is_dir():
                raise UserError(f"{by} names the folder {named}, which does not exist")
            found.append(Path(named))
    return [*found, embedded()]


def find(name: str, folder: str | os.PathLike[str] | None = None) -> Path:
    """The file of a table, ``<name>.h5``; a timing table is ``timings/<name>``.

    Raises:
        UserError: there is none; the message says where it was looked for and which names are near.
    """
    if not _NAME.fullmatch(name):
        raise UserError(f"{name!r} is not a table's name; a name is such as nasbench201")
    places = folders(folder)
    for place in places:
        if (path := place / f"{name}.h5").is_file():
            return path
    files = ((path, place) for place in places for path in place.rglob("*.h5"))
    known = sorted({path.relative_to(place).with_suffix("").as_posix() for path, place in files})
    near = get_close_matches(name, known, 3, 0.5) or known[:8]
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise UserError(f"no table {name!r} in {', '.join(str(place) for place in places)}{hint}")
