"""The graph of a finite chain: its recurrent classes, and a state of each that is visited often.

A class of states that reach each other is recurrent if no transition leaves it: then it is left
with probability zero, and every other state is left for good sooner or later (Kemeny and Snell
1960). Only which entries of P are positive matters.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from tabular_marl.games.transitions import check_transition
from tabular_marl.numerics.kernels import scaled as kernels
from tabular_marl.validation import InputError

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

#: Steps of the chain after which a state of a class is chosen as its reference.
SCOUTING_STEPS = 8

#: Classes whose law needs numbers beyond float64 may have this many states (16 n² bytes).
MAX_SCALED = 4000


def check_square(given: Any, states: tuple[str, ...] | None = None) -> Any:
    """A locked copy of a stochastic matrix [n, n], dense or CSR; InputError names a bad row."""
    is_sparse = bool(sparse.issparse(given))
    shape = given.shape if is_sparse else np.shape(given)
    if len(shape) != 2 or shape[0] != shape[1] or not shape[0]:
        raise InputError("transition", "be square and not empty", f"its shape was {shape}")
    return check_transition(given, shape[:1], states, None)


def closed_classes(graph: Any) -> Indices:
    """The number of the recurrent class of each state of a CSR matrix, [n]; −1 for transient ones.

    Classes are numbered by their smallest states.

    >>> closed_classes(sparse.csr_array([[0, 1, 0], [0, 0.5, 0.5], [0, 1, 0]])).tolist()
    [-1, 0, 0]
    """
    size = graph.shape[0]
    _, component = csgraph.connected_components(graph, connection="strong")
    sources = np.repeat(np.arange(size), np.diff(graph.indptr))
    leaves = component[sources] != component[graph.indices]
    is_open = np.zeros(component.max() + 1, dtype=bool)
    is_open[component[sources[leaves]]] = True
    first = np.full(is_open.size, size)
    np.minimum.at(first, component, np.arange(size))
    first[is_open] = size
    number = np.empty(is_open.size, dtype=np.int64)
    number[np.argsort(first, kind="stable")] = np.arange(is_open.size)
    number[is_open] = -1
    return np.asarray(number[component])


def is_irreducible(matrix: Array) -> bool:
    """Whether all states of a dense matrix reach each other; looks at few rows where most do.

    >>> is_irreducible(np.array([[0.0, 1.0], [1.0, 0.0]])), is_irreducible(np.eye(2))
    (True, False)
    """
    return _reaches_all(matrix) and _reaches_all(matrix.T)


def _reaches_all(matrix: Array) -> bool:
    """Breadth-first search from state 0."""
    reached = np.zeros(matrix.shape[0], dtype=bool)
    reached[0] = True
    frontier = np.array([0])
    while frontier.size and not reached.all():
        found = ~reached
        found[found] = (matrix[frontier][:, found] > 0).any(axis=0)
        reached |= found
        frontier = np.flatnonzero(found)
    return bool(reached.all())


def often_visited(transition: Any, labels: Indices) -> Indices:
    """One state a class, [classes], that is visited often in the first steps from anywhere."""
    mass = (labels >= 0).astype(np.float64)
    visits = np.zeros_like(mass)
    for _ in range(SCOUTING_STEPS):
        mass = np.asarray(mass @ transition)
        visits += mass
    return largest_by_class(visits, labels)


def scaled_law(graph: Any, classes: tuple[Indices, ...]) -> Array:
    """The stationary law of each class up to a factor, [n], its largest entry 1; dense elimination.

    Whatever the ratios are on the way; entries below 1e-308 come out as 0. Slower by far than
    numerics/elimination.py. Raises InputError for classes of more than MAX_SCALED states.

    >>> rare = sparse.csr_array([[1.0, 1e-300, 0], [1e-300, 1.0, 1e-300], [0, 1e-300, 1.0]])
    >>> scaled_law(rare, (np.arange(3),)).tolist()
    [1.0, 1.0, 1.0]
    """
    law = np.zeros(graph.shape[0])
    for members in classes:
        if members.size > MAX_SCALED:
            raise InputError(
                "transition",
                "have a law whose ratios float64 can hold, or classes of at most "
                f"{MAX_SCALED} states",
                f"a class had {members.size}",
            )
        rows = graph[members][:, members].toarray()
        power = np.zeros(rows.shape, dtype=np.int64)
        for _ in range(2):  # the smallest float64 is 2^-1074
            small = (rows > 0) & (rows < kernels.LOW)
            rows[small] *= kernels.UP
            power[small] -= 1
        mass, exponent = kernels.stationary(rows, power)
        exponent -= exponent.max()
        mass[exponent < -2] = 0.0
        law[members] = mass * kernels.DOWN ** np.minimum(-exponent, 1)
        law[members[exponent == -2]] *= kernels.DOWN
        law[members] /= law[members].max()
    return law


def largest_by_class(score: Any, labels: Indices) -> Indices:
    """The state of the largest score in each class, [classes]; the first of equals."""
    states = np.flatnonzero(labels >= 0)
    order = states[np.lexsort((-score[states], labels[states]))]
    first = np.searchsorted(labels[order], np.arange(int(labels.max()) + 1))
    return np.asarray(order[first])
