"""The parts of a page about tasks of several objectives, judged by hypervolume."""

from reports.several.attained import attained
from reports.several.devices import devices
from reports.several.growth import growth
from reports.several.indicators import over_time
from reports.several.published import tables
from reports.several.ranking import ranking
from reports.several.sizes import sizes
from reports.several.study import Study, study
from reports.several.top import top

__all__ = [
    "Study",
    "attained",
    "devices",
    "growth",
    "over_time",
    "ranking",
    "sizes",
    "study",
    "tables",
    "top",
]
