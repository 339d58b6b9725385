"""The quality gate: has an algorithm got worse?  ``python -m suites.regress`` is its command."""
