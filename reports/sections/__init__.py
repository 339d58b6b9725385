"""The parts of a page that every suite has, in the order in which they stand on it."""

from reports.sections.answer import answer
from reports.sections.curves import curves
from reports.sections.differences import comparison_tables, forest
from reports.sections.evidence import evidence, provenance
from reports.sections.matrix import matrix
from reports.sections.methods import methods
from reports.sections.power import power
from reports.sections.ranks import overall
from reports.sections.targets import targets

__all__ = [
    "answer",
    "comparison_tables",
    "curves",
    "evidence",
    "forest",
    "matrix",
    "methods",
    "overall",
    "power",
    "provenance",
    "targets",
]
