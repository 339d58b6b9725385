"""Search on a weight-sharing proxy, then train what it found in order of decreasing proxy.

Bender et al. 2018, "Understanding and Simplifying One-Shot Architecture Search"; Guo et al. 2020, "Single Path
One-Shot Neural Architecture Search with Uniform Sampling".
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nasbench_sim.oracle import Observations
from nasbench_sim.randomness import Streams
from nasbench_sim.spaces.space import Space
from nasbench_sim.strategies.random_search import RandomSearch
from nasbench_sim.strategies.strategy import Factory, Proposal


class WeightSharing:
    """Let another strategy minimise the proxy for a number of evaluations; then train, best proxy first.

    Failed trainings change nothing; failed proxies are for the other strategy to treat, and are trained last.

    Args:
        space: to search.
        random: handed on to ``inner``.
        inner: the strategy that sees the proxy as its objective.
        proxies: how many proxy answers it asks for; those that ``inner`` has recalled from memory are among them.
        source: the oracle's source that answers with the proxy.
    """

    def __init__(
        self,
        space: Space,
        random: Streams,
        inner: Factory = RandomSearch,
        proxies: int = 10_000,
        source: str = "proxy",
    ) -> None:
        self.inner = inner(space, random)
        self.source = source
        self._left = proxies  # still to be asked for
        self._open = False  # a neighbourhood is out, whose size is not known yet
        self._pending = 0
        self._seen: list[Observations] = []
        self._trained = False

    def ask(self, free: int) -> Proposal | None:
        """Proxies while there are any left, then one proposal with everything seen."""
        if self._left > 0 and not self._open:
            proposal = self.inner.ask(free)
            if proposal is not None:
                return self._proxies(proposal)
            if self._pending:
                return None
            self._left = 0
        if self._pending or self._trained or not self._seen:
            return None
        self._trained = True
        return self._by_proxy()

    def _proxies(self, proposal: Proposal) -> Proposal:
        limit = self._left if proposal.limit is None else min(proposal.limit, self._left)
        self._pending += 1
        if proposal.codes is None:
            self._open = True
        else:
            self._left -= min(limit, len(proposal.codes))
        return replace(proposal, source=self.source, fidelity=None, limit=limit)

    def tell(self, observations: Observations) -> None:
        """Proxies go to the inner strategy; trainings need no answer."""
        if observations.source != self.source:
            return
        self._seen.append(observations)
        if self._open:
            self._left -= len(observations.codes)
        if not observations.pending:
            self._pending -= 1
            self._open = False
        self.inner.tell(observations)

    def _by_proxy(self) -> Proposal:
        codes = np.concatenate([seen.codes for seen in self._seen])
        keys = np.concatenate([seen.keys for seen in self._seen])
        proxies = np.concatenate([seen.values for seen in self._seen])
        _, first = np.unique(keys[:, 0], return_index=True)
        first = np.sort(first)
        order = first[np.argsort(proxies[first], kind="stable")]
        return Proposal(codes[order], keys=keys[order])
