"""Finite Markov chains: classes, periods, stationary distributions, absorption, bias.

    P [n, n], rows sum to one; dense or CSR

The joint process p(s', θ' | s, θ) of an active Markov game under fixed policies is such a chain
(FURTHER, Prop. 1 and (19)). With π_c the stationary distribution of the recurrent class c, and
B_xc the probability that x ends in c,

    P* = lim (1/T) Σ_{t<T} Pᵗ = B Π          (Cesàro limit; Π has the rows π_c)
    D  = (I − P + P*)⁻¹ − P*                 (deviation matrix; the group inverse of I − P)
    gain g = P* r,    bias h = D r:          g + h = r + P h,   P* h = 0

(Kemeny and Snell 1960; Puterman 1994, appendix A). Everything here is one system: call one state
of each class its reference and "outside" of the rest; then all other states are left sooner or
later, and (I − Q)⁻¹ on them (numerics/elimination.py) gives π from the left and B, g and h from the
right. Off-diagonal entries alone are read, so π and B have small *relative* errors however weakly
the chain is coupled; a diagonal entry stands for one minus the rest of its row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from tabular_marl.active.chain_structure import (
    check_square,
    closed_classes,
    is_irreducible,
    largest_by_class,
    often_visited,
    scaled_law,
)
from tabular_marl.numerics.elimination import MAX_WORK, Elimination, eliminate
from tabular_marl.numerics.kernels import chains as kernels
from tabular_marl.validation import (
    InputError,
    finite_array,
    labels,
    probability_rows,
    read_only,
)

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

#: A reference of less than this share of the likeliest state's probability is moved for biases.
RARE = 1e-3

#: Dense results (one row a class, or one a state) may hold this many entries.
MAX_ENTRIES = 200_000_000


@dataclass(frozen=True, eq=False, repr=False)
class MarkovChain:
    """A finite Markov chain; ``transition`` [n, n] is checked once, copied and locked.

    Raises InputError for entries that are no probabilities or rows that do not sum to one.

    >>> chain = MarkovChain([[0, 1, 0], [1, 0, 0], [0.5, 0, 0.5]])
    >>> chain
    MarkovChain(3 states, 1 recurrent class, 1 transient state)
    >>> chain.periods, chain.stationary_distributions
    (array([2]), array([[0.5, 0.5, 0. ]]))
    """

    transition: Any
    states: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.states is not None:
            named = labels("states", self.states, np.shape(self.transition)[0], "states")
            object.__setattr__(self, "states", named)
        object.__setattr__(self, "transition", check_square(self.transition, self.states))

    @classmethod
    def trusted(cls, transition: Any) -> MarkovChain:
        """The same without checks or a copy, for matrices that were made here."""
        made = object.__new__(cls)
        object.__setattr__(made, "transition", transition)
        object.__setattr__(made, "states", None)
        return made

    @property
    def num_states(self) -> int:
        """n."""
        return int(self.transition.shape[0])

    # -- structure -----------------------------------------------------------------------------

    @cached_property
    def _graph(self) -> sparse.csr_array:
        return sparse.csr_array(self.transition)

    @cached_property
    def class_labels(self) -> Indices:
        """The recurrent class of each state, [n]; −1 for transient states.

        Classes are numbered by their smallest state.
        """
        if not sparse.issparse(self.transition) and is_irreducible(self.transition):
            return _locked(np.zeros(self.num_states, dtype=np.int64))
        return _locked(closed_classes(self._graph))

    @cached_property
    def num_classes(self) -> int:
        """How many recurrent classes there are."""
        return int(self.class_labels.max()) + 1

    @cached_property
    def recurrent_classes(self) -> tuple[Indices, ...]:
        """The states of each recurrent class, ascending."""
        order = np.argsort(self.class_labels, kind="stable")
        bounds = np.searchsorted(self.class_labels[order], np.arange(self.num_classes + 1))
        return tuple(_locked(order[a:b]) for a, b in pairwise(bounds))

    @cached_property
    def transient_states(self) -> Indices:
        """The states that are visited finitely often, ascending."""
        return _locked(np.flatnonzero(self.class_labels < 0))

    @property
    def is_unichain(self) -> bool:
        """Whether there is one recurrent class (and perhaps transient states)."""
        return self.num_classes == 1

    @cached_property
    def _periods_and_phases(self) -> tuple[Indices, Indices]:
        roots = np.array([members[0] for members in self.recurrent_classes])
        graph = self._graph
        periods, phases = kernels.phases(graph.indptr, graph.indices, self.class_labels, roots)
        return _locked(periods), _locked(phases)

    @property
    def periods(self) -> Indices:
        """The period of each recurrent class, [classes]."""
        return self._periods_and_phases[0]

    @property
    def phases(self) -> Indices:
        """The cyclic subclass of each recurrent state, [n]: one step adds 1 modulo the period.

        The smallest state of a class has phase 0; transient states have −1.
        """
        return self._periods_and_phases[1]

    # -- long run ------------------------------------------------------------------------------

    @cached_property
    def references(self) -> Indices:
        """One state a class, [classes], that is visited often in the first steps from anywhere.

        Errors of gains and biases grow with the time between visits to the reference.
        """
        return _locked(often_visited(self.transition, self.class_labels))

    @cached_property
    def _rest(self) -> Indices:
        """All states but the references."""
        return np.delete(np.arange(self.num_states), self.references)

    @cached_property
    def _elimination(self) -> Elimination:
        return self._eliminate(MAX_WORK)

    def _eliminate(self, max_work: int) -> Elimination:
        rest = self._rest
        exits = np.asarray(self.transition[:, self.references].sum(axis=1)).ravel()[rest]
        if sparse.issparse(self.transition):
            return eliminate(self.transition[rest][:, rest], exits, max_work)
        return eliminate(self.transition[np.ix_(rest, rest)], exits, max_work)

    def prepare(self, max_work: int) -> None:
        """Do the elimination of the long run now; TooMuchFill after ``max_work`` products."""
        self.__dict__.setdefault("_elimination", self._eliminate(max_work))

    @cached_property
    def class_distribution(self) -> Array:
        """π_c(x) for x in class c, [n]; 0 for transient states. Each class sums to one."""
        try:
            weight = self._weights()
            while not np.isfinite(weight).all():  # a reference too rare for float64
                if not weight[np.isfinite(weight)].max() > 1.0:
                    raise OverflowError  # no reference is better
                self._move_references(weight)
                weight = self._weights()
        except (InputError, OverflowError):  # states that are left too rarely for float64
            weight = scaled_law(self._graph, self.recurrent_classes)
        recurrent = self.class_labels >= 0
        number = self.class_labels[recurrent]
        weight[~recurrent] = 0.0
        largest = np.zeros(self.num_classes)
        np.maximum.at(largest, number, weight[recurrent])
        weight[recurrent] /= largest[number]
        weight[recurrent] /= np.bincount(number, weight[recurrent])[number]
        return read_only(weight)

    def _weights(self) -> Array:
        """Visits between two visits to the class's reference, [n]; beyond float64 not finite."""
        weight = np.zeros(self.num_states)
        weight[self.references] = 1.0
        entered = np.asarray(self.transition[self.references].sum(axis=0)).ravel()
        # mass starts at the references only; transient states get exactly zero
        with np.errstate(over="ignore", invalid="ignore"):
            weight[self._rest] = self._elimination.solve_left(entered[self._rest])
        return weight

    def _move_references(self, weight: Array) -> None:
        """To the likeliest states of finite weight; nothing else is cached of the references."""
        known = np.where(np.isfinite(weight), weight, -1.0)
        self.__dict__["references"] = _locked(largest_by_class(known, self.class_labels))
        for name in ("_rest", "_elimination"):
            self.__dict__.pop(name, None)

    @property
    def stationary_distributions(self) -> Array:
        """π_c, one row a recurrent class, [classes, n]; every stationary law is their mixture."""
        out = self._dense("stationary_distributions", self.num_classes)
        recurrent = np.flatnonzero(self.class_labels >= 0)
        out[self.class_labels[recurrent], recurrent] = self.class_distribution[recurrent]
        return read_only(out)

    def absorbed(self, values: ArrayLike) -> Array:
        """B v: the expected value of the class a state ends in; v [classes] or [classes, m] → [n].

        >>> ruin = MarkovChain([[1, 0, 0], [0.25, 0.5, 0.25], [0, 0, 1]])
        >>> ruin.absorbed([0.0, 1.0])
        array([0. , 0.5, 1. ])
        """
        v = finite_array("values", values)
        if v.ndim not in (1, 2) or v.shape[0] != self.num_classes:
            raise InputError(
                "values",
                f"hold one row for each of the {self.num_classes} classes",
                f"its shape was {v.shape}",
            )
        if self.is_unichain:
            return np.broadcast_to(v[0], (self.num_states, *v.shape[1:])).copy()
        out = np.empty((self.num_states, *v.shape[1:]))
        if self.transient_states.size:
            out[self._rest] = self._elimination.solve(
                self.transition[self._rest][:, self.references] @ v
            )
        recurrent = self.class_labels >= 0
        out[recurrent] = v[self.class_labels[recurrent]]
        return out

    def steps_to_recurrence(self) -> Array:
        """The expected number of steps until a recurrent state is reached, [n].

        >>> MarkovChain([[1, 0, 0], [0.25, 0.5, 0.25], [0, 0, 1]]).steps_to_recurrence()
        array([0., 2., 0.])
        """
        out = np.zeros(self.num_states)
        transient = self.transient_states
        if transient.size:
            out[transient] = self._leaving.solve(np.ones(transient.size))
        return out

    @cached_property
    def _leaving(self) -> Elimination:
        """Elimination on the transient states alone."""
        rows = self._graph[self.transient_states]
        exits = np.asarray(rows[:, self.class_labels >= 0].sum(axis=1)).ravel()
        return eliminate(rows[:, self.transient_states], exits)

    def arrival(self, initial: ArrayLike) -> Array:
        """p_0 B: how much of the distribution ``initial`` [n] ends in each class, [classes]."""
        mass = probability_rows("initial", initial, (self.num_states,))
        visits = self.transient_visits(mass)
        mass[self.class_labels < 0] = 0.0
        return np.asarray(self._membership @ (mass + self._graph.T @ visits))

    def transient_visits(self, initial: ArrayLike) -> Array:
        """Expected visits to each transient state from ``initial`` [n], 0 for recurrent ones, [n].

        >>> MarkovChain([[1, 0, 0], [0.25, 0.5, 0.25], [0, 0, 1]]).transient_visits([0, 1, 0])
        array([0., 2., 0.])
        """
        mass = probability_rows("initial", initial, (self.num_states,))
        out = np.zeros(self.num_states)
        transient = self.transient_states
        if mass[transient].any():
            out[transient] = self._leaving.solve_left(mass[transient])
        return out

    def long_run(self, initial: ArrayLike) -> Array:
        """p_0 P*, [n]: the fraction of time that is spent in each state from ``initial`` [n].

        >>> MarkovChain([[1, 0, 0], [0.25, 0.5, 0.25], [0, 0, 1]]).long_run([0, 1, 0])
        array([0.5, 0. , 0.5])
        """
        recurrent = self.class_labels >= 0
        out = np.zeros(self.num_states)
        out[recurrent] = (
            self.arrival(initial)[self.class_labels[recurrent]] * self.class_distribution[recurrent]
        )
        return out

    @cached_property
    def _membership(self) -> sparse.csr_array:
        """1[x in class c], [classes, n]."""
        recurrent = np.flatnonzero(self.class_labels >= 0)
        return sparse.csr_array(
            (np.ones(recurrent.size), (self.class_labels[recurrent], recurrent)),
            shape=(self.num_classes, self.num_states),
        )

    @property
    def absorption_probabilities(self) -> Array:
        """B: the probability that a state ends in each recurrent class, [n, classes]."""
        self._dense("absorption_probabilities", self.num_classes)
        return read_only(self.absorbed(np.eye(self.num_classes)))

    @property
    def cesaro_limit(self) -> Array:
        """P* = lim (1/T) Σ_{t<T} Pᵗ, [n, n]; it exists for periodic chains too."""
        self._dense("cesaro_limit", self.num_states)
        return read_only(self.absorption_probabilities @ self.stationary_distributions)

    def gain_and_bias(self, reward: ArrayLike) -> tuple[Array, Array]:
        """(g, h) with g = P* r and g + h = r + P h, normalised by P* h = 0; r is [n] or [n, m].

        h = D r is the expected total of r − g from each state, in the sense of Cesàro where the
        chain is periodic. Units: those of r. Source: Puterman (1994), theorem 8.2.6.

        >>> MarkovChain([[0, 1], [1, 0]]).gain_and_bias([1.0, 0.0])
        (array([0.5, 0.5]), array([ 0.25, -0.25]))
        """
        r = finite_array("reward", reward)
        if r.ndim not in (1, 2) or r.shape[0] != self.num_states:
            raise InputError(
                "reward",
                f"have shape ({self.num_states},) or ({self.num_states}, any)",
                f"it had {r.shape}",
            )
        gain = self.absorbed(self._class_means(r))
        law = self.class_distribution
        largest = law[largest_by_class(law, self.class_labels)]
        if (law[self.references] < RARE * largest).any():  # its values would dwarf all others
            self._move_references(law)
        bias = np.zeros_like(r)
        bias[self._rest] = self._elimination.solve((r - gain)[self._rest])
        return gain, bias - self.absorbed(self._class_means(bias))

    def _class_means(self, values: Array) -> Array:
        """π_c · values for every class."""
        law = self.class_distribution
        return np.asarray(self._membership @ (law * values.T).T)

    @property
    def deviation_matrix(self) -> Array:
        """D = (I − P + P*)⁻¹ − P*, [n, n]."""
        self._dense("deviation_matrix", self.num_states)
        return read_only(self.gain_and_bias(np.eye(self.num_states))[1])

    def _dense(self, what: str, width: int) -> Array:
        if self.num_states * width > MAX_ENTRIES:
            raise InputError(
                what,
                f"have at most {MAX_ENTRIES} entries",
                f"it would have {self.num_states} x {width}; use class_distribution, "
                "absorbed and gain_and_bias instead",
            )
        return np.zeros((width, self.num_states))

    def __repr__(self) -> str:
        def some(count: int, one: str, many: str) -> str:
            return f"{count} {one if count == 1 else many}"

        return (
            f"MarkovChain({some(self.num_states, 'state', 'states')}, "
            f"{some(self.num_classes, 'recurrent class', 'recurrent classes')}, "
            f"{some(self.transient_states.size, 'transient state', 'transient states')})"
        )


def _locked(array: Any) -> Indices:
    found = np.asarray(array, dtype=np.int64)
    found.flags.writeable = False
    return found
