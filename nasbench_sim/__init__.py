"""nasbench-sim: search algorithms judged by simulation.

``simulate(task, strategy, seed=0, evaluations=300)`` runs a strategy (anything with ``ask`` and ``tell``) on a
task and returns its trace; ``trace.regret(seconds)`` reads it.  Tasks come by name from ``suites.task``.
"""

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Observations, Oracle, Request, Source, Task
from nasbench_sim.randomness import Streams
from nasbench_sim.simulate import simulate, simulate_many
from nasbench_sim.spaces.space import Graph, Space
from nasbench_sim.strategies.greedy_search import GreedySearch
from nasbench_sim.strategies.random_search import RandomSearch
from nasbench_sim.strategies.strategy import Factory, Proposal, Strategy
from nasbench_sim.strategies.weight_sharing import WeightSharing
from nasbench_sim.trace import Trace

__version__ = "0.1.0"

__all__ = [
    "Factory",
    "Graph",
    "GreedySearch",
    "Observations",
    "Oracle",
    "Proposal",
    "RandomSearch",
    "Request",
    "Source",
    "Space",
    "Strategy",
    "Streams",
    "Task",
    "Trace",
    "UserError",
    "WeightSharing",
    "simulate",
    "simulate_many",
]
