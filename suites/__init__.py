"""Questions, and the tasks and strategies that answer them.

``suites.task("nasbench101/A1")`` is a task by name; ``python -m suites.run`` runs a suite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nasbench_sim.oracle import Task


def task(name: str, **options: Any) -> Task:
    """A task by name; options as in ``suites.catalogue.task``, which is imported only now to keep --help quick."""
    from suites.catalogue import task as named

    return named(name, **options)
