"""The fixture ``quality_gate``: a test that fails when a strategy has got worse than its stored baseline.

Nothing but pytest is imported until a test asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from suites.gate.compare import Outcome

OPTION = "--update-quality-gate"


def pytest_addoption(parser: pytest.Parser) -> None:
    """One option, under a heading of its own."""
    parser.getgroup("nasbench-sim").addoption(
        OPTION, action="store_true", help="write the baselines of quality_gate anew instead of comparing with them"
    )


@pytest.fixture
def quality_gate(request: pytest.FixtureRequest) -> Callable[..., Outcome]:
    """Hold a strategy against its baseline: ``quality_gate(Climber, task="nasbench101/A1", baseline="climber.txt")``.

    The function takes the strategy (a class, or whatever makes one from a space and streams) and by keyword:

    - ``task``: a name, or a ``Task``;
    - ``baseline``: a file, relative to the test's; ``pytest --update-quality-gate`` writes it;
    - ``evaluations``: budget of each run (300);
    - ``name``: of the strategy, by default that of its class;
    - ``tables``: folder searched for tables first;
    - ``looks``, ``margin``, ``floor``, ``alpha``, ``budgets``: see ``suites.gate.declaration.Gate``.

    It fails the test if the strategy is worse, or if the most seeds do not decide it, and returns the outcome.
    """

    def judge(
        strategy: Any,
        *,
        task: Any,
        baseline: str | Path,
        evaluations: int = 300,
        name: str | None = None,
        tables: str | Path | None = None,
        **declared: Any,
    ) -> Outcome:
        from nasbench_sim.errors import UserError
        from suites.gate.declaration import Gate
        from suites.gate.own import OwnGate

        path = request.path.parent / baseline
        try:
            own = OwnGate(strategy, task, evaluations=evaluations, gate=Gate(**declared), tables=tables, name=name)
            if request.config.getoption(OPTION):
                own.update(path)
                pytest.skip(f"wrote {path}: review it; nothing was compared")
            outcome, failure = own.judge(path)
        except UserError as error:
            pytest.fail(str(error).replace("--update-baseline", f"pytest {OPTION}"), pytrace=False)
        if failure:
            pytest.fail(failure, pytrace=False)
        return outcome

    return judge
