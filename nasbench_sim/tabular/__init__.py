"""Tables of benchmark figures and of timings, one HDF5 file each."""

from nasbench_sim.tabular.locate import embedded, find
from nasbench_sim.tabular.rows import RowIndex, keys_digest
from nasbench_sim.tabular.schema import SCHEMA_VERSION, ArrayInfo
from nasbench_sim.tabular.table import Table, write_table

__all__ = [
    "SCHEMA_VERSION",
    "ArrayInfo",
    "RowIndex",
    "Table",
    "embedded",
    "find",
    "keys_digest",
    "write_table",
]
