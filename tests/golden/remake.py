"""Make the golden traces anew, after a change that is meant to change them: ``python -m tests.golden.remake``.

Look at the difference before it is kept: it says which runs of everybody's change.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from tests.golden.test_golden import TRACES, benchmarks, outcome


def main() -> None:
    """Run every configuration of ``traces.json`` and write what came out beside it."""
    golden = json.loads(TRACES.read_text())
    with tempfile.TemporaryDirectory() as folder:
        oracles = benchmarks(Path(folder))
        for trace in golden:
            trace["expected"] = outcome(oracles, trace["configuration"])
    lines = [json.dumps(trace, indent=1) for trace in golden]
    TRACES.write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(f"wrote {len(golden)} traces to {TRACES}")


if __name__ == "__main__":
    main()
