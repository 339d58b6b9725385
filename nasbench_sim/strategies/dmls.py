"""Dominance-based multi-objective local search (DMLS): explore what the archive holds, one neighbourhood at a time.

Liefooghe, Humeau, Mesmoudi, Jourdan and Talbi 2012, "On dominance-based multiobjective local search", Journal of
Heuristics 18, of which Pareto local search (Paquete, Chiarandini and Stuetzle 2004) and PAES (Knowles and Corne 1999)
are settings; Zouambi, Jacques and Dhaenens 2022, "Dominance-Based Local Search for Neural Architecture Search", whose
start, selection and restarts are the defaults.  A thesis by the first of them tells two ways to explore a
neighbourhood; which of them meets its figures is measured by ``python -m suites.dmls_readings``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial

from nasbench_sim.errors import UserError
from nasbench_sim.oracle import Observations
from nasbench_sim.randomness import Streams
from nasbench_sim.spaces.space import Codes, Space
from nasbench_sim.strategies.archive import Archive
from nasbench_sim.strategies.dominance import check_relation, dominates
from nasbench_sim.strategies.starts import Key, given, keys_of, unseen
from nasbench_sim.strategies.strategy import Proposal

EXPLORATIONS = ("dominating", "non-dominated", "all", "one")
PATIENCE = 100  # draws in a row that do not enlarge the first archive, after which the search does with what there is
TRIES = 10  # restarts in a row that lead to nothing new, before a start is looked for that is new

Answer = tuple[list[float], float]
"""Objectives, and by how much constraints are broken."""


class DMLS:
    """Explore the neighbours of a random unvisited member of the archive; what is not dominated enters the archive.

    Begins with ``first`` and random configurations until so many are mutually non-dominated.  When all members are
    visited it begins anew with an empty archive (what was found before stays in the trace's).  A failed evaluation
    enters nowhere.  Constraints come before objectives, see ``Archive``.

    With several workers, neighbours are evaluated side by side, and an answer that comes late is judged against the
    configuration that the search has got to.

    Args:
        space: to search.
        random: starts come from ``start``; selections and the order of neighbours from ``choices``.
        start: size of the first archive (Figure 5.4 of the thesis on DMLS for NAS: 2 to 10, 7 chosen); 1 with one
            objective.
        first: codes that every start includes, such as the smallest network.
        exploration: how far a neighbourhood is explored.  "dominating": until a neighbour dominates the current
            configuration; the search goes on from there (its section 5.3.2).  "non-dominated": until one enters the
            archive, and a random unvisited member comes next (its Algorithm 2); either way what was explored in part
            counts as visited.  "all": to the end (Pareto local search).  "one": a neighbour at a time becomes the
            current configuration if it dominates it or, having entered the archive, lies where that is less crowded
            (PAES, with the archive's pruning in place of its grid).
        dominance: "pareto", "weak" or "strict", of the archive and of the comparison with the current configuration.
        capacity: of the archive; None for no limit.
        pruning: of an archive beyond its capacity, by "crowding" or "hypervolume".
        revisits: "remembered": a configuration met again is judged from memory, free of charge; "charged": it is
            evaluated and counted again.

    Raises:
        UserError: an option that does not exist, or a first configuration outside the space.
    """

    def __init__(
        self,
        space: Space,
        random: Streams,
        *,
        start: int = 7,
        first: Sequence[Sequence[int]] = (),
        exploration: str = "dominating",
        dominance: str = "pareto",
        capacity: int | None = None,
        pruning: str = "crowding",
        revisits: str = "remembered",
    ) -> None:
        for name, value, known in (
            ("exploration", exploration, EXPLORATIONS),
            ("revisits", revisits, ("remembered", "charged")),
        ):
            if value not in known:
                raise UserError(f"DMLS has no {name} {value!r}: choose from {', '.join(known)}")
        check_relation(dominance)
        if start < 1:
            raise UserError(f"DMLS cannot start from an archive of {start}: it takes at least 1")
        self.space, self.random, self.start = space, random, start
        self.exploration, self.dominance, self.charged = exploration, dominance, revisits == "charged"
        self._archive_of = partial(Archive, dominance=dominance, capacity=capacity, pruning=pruning)
        self._most = start if capacity is None else capacity
        self._first = given(space, first)
        self._first_keys = keys_of(space, self._first)
        self._answers: dict[Key, Answer | None] = {}  # None while pending
        self._codes: dict[Key, Codes] = {}  # of what has entered an archive
        self._objectives = 0  # how many, once anything has been told
        self._open = 0  # proposals under way
        self._idle = 0  # starts since anything was asked
        self._begin()

    def _begin(self) -> None:
        """With an empty archive."""
        self.archive = self._archive_of(self._objectives)
        self._offered: set[Key] = set()  # to this archive: it is not asked twice
        self._unvisited: list[Key] = []  # and what has left the archive since
        self._visited: set[Key] = set()
        self._current: Key | None = None
        self._explored = True
        self._starting, self._vain = True, 0
        self._idle += 1
        self._look_at(self._first, self._first_keys)

    def ask(self, free: int) -> Proposal | None:
        """The next neighbour, or all of them where all are explored; else a start."""
        while True:
            if rows := self._rows():
                for row in rows:
                    self._answers.setdefault(self._keys[row], None)
                self._open += 1
                self._idle = 0
                return Proposal(self._around[rows])
            if self._starting:
                code = self.space.sample(self.random.start, 1) if self._idle <= TRIES else self._unseen()
                if not len(code):
                    return None
                keys = keys_of(self.space, code)
                if keys[0] in self._offered and not self.charged:
                    self._started(grew=False)
                self._look_at(code, keys)
            elif self._open:
                return None
            elif self._current is not None and not self._explored:
                self._explored = True
                self._look_around(self._codes[self._current])
            elif not self._select():
                self._begin()

    def tell(self, observations: Observations) -> None:
        """Offer to the archive; leave the neighbourhood if the exploration says so."""
        if not self._objectives:
            self._objectives = observations.objectives.shape[1]
            self.archive = self._archive_of(self._objectives)
        if not observations.pending:
            self._open -= 1
        keys, points = map(tuple, observations.keys.tolist()), observations.objectives.tolist()
        for code, key, point, violation in zip(
            observations.codes, keys, points, observations.violation.tolist(), strict=True
        ):
            self._answers[key] = point, violation
            self._offer(key, code, point, violation)

    def _look_at(self, codes: Codes, keys: list[Key]) -> None:
        self._around, self._keys, self._queue = codes, keys, deque(range(len(codes)))

    def _look_around(self, code: Codes) -> None:
        found = self.space.neighbourhoods(code[None])
        self._around, self._keys = found.codes, list(map(tuple, found.keys.tolist()))
        self._queue = deque(self.random.choices.permutation(len(found.codes)).tolist())

    def _rows(self) -> list[int]:
        """Rows of what is looked at to ask for now; what is known already is judged from memory."""
        rows: list[int] = []
        together = self.exploration == "all" or self._starting
        while self._queue and (together or not rows):
            row = self._queue.popleft()
            key = self._keys[row]
            if self.charged or key not in self._answers:
                rows.append(row)
            elif (answer := self._answers[key]) is not None and key not in self._offered:
                self._offer(key, self._around[row], *answer)
        return rows

    def _offer(self, key: Key, code: Codes, point: list[float], violation: float) -> None:
        self._offered.add(key)
        size = len(self.archive)
        entered = self.archive.insert(point, key, violation)
        if entered:
            self._codes[key] = code
            self._unvisited.append(key)
        if self._starting:
            self._started(grew=len(self.archive) > size)
        elif entered and self._current is not None:
            self._judge(key, point, violation)

    def _started(self, grew: bool) -> None:
        """Whether the start goes on after one more configuration."""
        self._vain = 0 if grew else self._vain + 1
        wanted = self.start if self._objectives > 1 else 1
        self._starting = len(self.archive) < min(wanted, self._most) and self._vain < PATIENCE

    def _judge(self, key: Key, point: list[float], violation: float) -> None:
        """Whether a neighbour that has entered the archive ends the exploration."""
        if self.exploration == "non-dominated":
            self._queue.clear()
        elif self.exploration != "all":
            better = self._beats_current(point, violation)
            if better or (self.exploration == "one" and self._lonelier(key)):
                self._enter(key)

    def _beats_current(self, point: list[float], violation: float) -> bool:
        assert self._current is not None
        answer = self._answers[self._current]
        assert answer is not None
        if violation != answer[1]:
            return violation < answer[1]
        return dominates(point, answer[0], self.dominance)

    def _lonelier(self, key: Key) -> bool:
        """Whether a member of the archive has more room around it than the current configuration."""
        if self._current not in self.archive:
            return True
        worth, items = self.archive.worth(), self.archive.items
        return bool(worth[items.index(key)] > worth[items.index(self._current)])

    def _enter(self, key: Key) -> None:
        self._current, self._explored = key, False
        self._visited.add(key)
        self._queue.clear()

    def _select(self) -> bool:
        """Go to a random unvisited member of the archive; whether there is one."""
        while self._unvisited:
            place = int(self.random.choices.integers(len(self._unvisited)))
            self._unvisited[place], self._unvisited[-1] = self._unvisited[-1], self._unvisited[place]
            key = self._unvisited.pop()
            if key in self.archive and key not in self._visited:
                self._enter(key)
                return True
        return False

    def _unseen(self) -> Codes:
        return unseen(self.space, self.random.choices, self._answers)


PLS = partial(DMLS, start=1, exploration="all")
"""Pareto local search: whole neighbourhoods, from a single configuration."""

PAES = partial(DMLS, start=1, exploration="one", capacity=100)
"""The (1+1) Pareto archived evolution strategy, with a neighbour as the mutation."""
