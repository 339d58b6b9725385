"""The parts of a page that every suite has, in the order in which they stand on it."""

from reports.sections.accuracy import accuracy
from reports.sections.answer import answer
from reports.sections.clocks import clocks
from reports.sections.curves import curves
from reports.sections.differences import comparison_tables, forest
from reports.sections.evidence import evidence, provenance
from reports.sections.evolution import evolution
from reports.sections.fidelity import fidelity, fidelity_terminal
from reports.sections.matrix import matrix
from reports.sections.methods import methods
from reports.sections.noise import noise, without_noise
from reports.sections.power import power
from reports.sections.ranks import overall
from reports.sections.readings import readings
from reports.sections.retrained import retrained
from reports.sections.targets import targets

__all__ = [
    "accuracy",
    "answer",
    "clocks",
    "comparison_tables",
    "curves",
    "evidence",
    "evolution",
    "fidelity",
    "fidelity_terminal",
    "forest",
    "matrix",
    "methods",
    "noise",
    "overall",
    "power",
    "provenance",
    "readings",
    "retrained",
    "targets",
    "without_noise",
]
