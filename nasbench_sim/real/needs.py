"""What training needs beyond the engine, asked for in one line."""

from __future__ import annotations

from importlib.util import find_spec

from nasbench_sim.errors import UserError


def check_torch() -> None:
    """Do nothing where torch is installed.

    Raises:
        UserError: it is not; the message says what to install.
    """
    if find_spec("torch") is None:
        raise UserError("training for real needs torch: pip install 'nasbench-sim[real]'")
