"""Absorbing chains: solve with I − Q by elimination of states, with small *relative* errors.

    (I − Q) x = f    or    y (I − Q) = b,        rows of [Q, e] sum to one,  e ≥ 0

Q [n, n] holds the transitions among the states that are left sooner or later, e [n] the
probability of leaving them at once. Given as (Q, e), with non-negative f or b, every entry of the
answer is computed from sums and products of non-negative numbers alone: its relative error is of
order n · 2⁻⁵³ however weakly the states are coupled, where 1 − Q_kk would cancel
(Grassmann, Taksar and Heyman 1985; O'Cinneide 1993; Alfa, Xue and Ye 2002).

Stationary distributions, absorption probabilities, expected times, gains and biases are all such
systems: take one state of each closed class as "outside" (active/chains.py). Dense Q: blocked
left-looking elimination, all but the diagonal blocks in matrix products. CSR Q: states with few
neighbours first, the core that fills up as a dense block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import solve_triangular

from tabular_marl.numerics.kernels import chains as kernels
from tabular_marl.validation import InputError

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

#: States in a diagonal block of the dense elimination.
BLOCK = 96

#: A sparse matrix with a larger share of entries than this is treated as dense.
FULL = 0.2

#: A dense core may have this many states (its factors take 8 n² bytes).
MAX_DENSE = 12_000

#: States must be left with at least this probability: what is subnormal then is 2⁻⁵² of it or less.
LEAST = 2.0**-970

#: Sparse elimination gives up beyond this many stored entries, or multiplications.
MAX_ENTRIES = 150_000_000
MAX_WORK = 3_000_000_000

#: The dense core of a large chain may take so many times the work: its products are quick.
DENSE_SPEED = 1000


class TooMuchFill(RuntimeError):
    """The elimination would not fit: the chain is too large and too well connected."""


class Elimination(Protocol):
    """(I − Q)⁻¹ from the right and from the left."""

    def solve(self, f: Array) -> Array:
        """x with (I − Q) x = f; f is [n] or [n, columns]."""

    def solve_left(self, b: Array) -> Array:
        """y with y (I − Q) = b; b is [n] or [rows, n]."""


def eliminate(matrix: Any, exits: Array, max_work: int = MAX_WORK) -> Elimination:
    """Factor I − Q for a dense or CSR ``matrix`` Q [n, n] with exit probabilities [n].

    Diagonal entries of Q are not read: they are implied by the others and the exits. Raises
    InputError if some state is never left, TooMuchFill if a sparse Q is left with more than
    MAX_DENSE states after ``max_work`` multiplications. Source: Grassmann, Taksar, Heyman (1985).

    >>> import numpy as np
    >>> walk = np.array([[0.0, 0.5], [0.5, 0.0]])  # exits to the left of 0 and right of 1
    >>> eliminate(walk, np.array([0.5, 0.5])).solve(np.ones(2))  # expected time to leave
    array([2., 2.])
    """
    exits = np.array(exits, dtype=np.float64)
    size = matrix.shape[0]
    is_sparse = bool(sparse.issparse(matrix))
    if is_sparse and (size > MAX_DENSE or matrix.nnz <= FULL * size**2):
        return _sparse(sparse.csr_array(matrix), exits, max_work)
    dense = matrix.toarray() if is_sparse else matrix
    return _dense(np.array(dense, dtype=np.float64, order="C"), exits)


def _check_pivots(pivots: Array, first: int = 0) -> None:
    if not (pivots >= LEAST).all():
        k = first + int(np.argmin(pivots >= LEAST))
        was = f"state {k} is never left, or more rarely than float64 can hold"
        raise InputError("matrix", "leave every state in the end", was)


@dataclass(frozen=True)
class _Dense:
    """I − Q = (I − M)(S − U): M strictly upper, U strictly lower, S diagonal, in one array."""

    factors: Array

    def solve(self, f: Array) -> Array:
        if not f.size:
            return np.array(f)
        inner = solve_triangular(self.factors, f, unit_diagonal=True, check_finite=False)
        return np.asarray(solve_triangular(self.factors, inner, lower=True, check_finite=False))

    def solve_left(self, b: Array) -> Array:
        if not b.size:
            return np.array(b)
        inner = solve_triangular(self.factors, b.T, lower=True, trans=1, check_finite=False)
        outer = solve_triangular(
            self.factors, inner, trans=1, unit_diagonal=True, check_finite=False
        )
        return np.asarray(outer.T)


def _dense(work: Array, exits: Array) -> _Dense:
    """Blocks from the last to the first; each is brought up to date by two matrix products."""
    size = work.shape[0]
    pivots = np.empty(size)
    for high in range(size, 0, -BLOCK):
        low = max(0, high - BLOCK)
        block, done, rest = slice(low, high), slice(high, size), slice(0, low)
        if high < size:
            work[block, :high] += work[block, done] @ work[done, :high]
            work[rest, block] += work[rest, done] @ work[done, block]
            exits[block] += work[block, done] @ exits[done]
        square = np.ascontiguousarray(work[block, block])
        left, right = np.empty_like(square), np.empty_like(square)
        leaving = exits[block] + work[block, rest].sum(axis=1)
        kernels.eliminate_block(square, leaving, left, right, pivots[block])
        _check_pivots(pivots[block], low)
        work[block, block] = square
        if low:
            work[block, rest] = left @ work[block, rest]
            work[rest, block] = work[rest, block] @ right
        exits[block] = left @ exits[block]
    np.negative(work, out=work)
    np.fill_diagonal(work, pivots)
    return _Dense(work)


@dataclass(frozen=True)
class _Sparse:
    """The sparse steps of an elimination and the dense core that they left."""

    order: Indices
    pivots: Array
    rows: tuple[Indices, Indices, Indices, Array]  # start, length, columns, values
    multipliers: tuple[Indices, Indices, Array]  # start, states, values
    core_states: Indices
    core: _Dense

    def solve(self, f: Array) -> Array:
        x = np.array(f[:, None] if f.ndim == 1 else f, order="C")
        kernels.forward(self.order, *self.multipliers, x)
        x[self.core_states] = self.core.solve(x[self.core_states])
        kernels.backward(self.order, self.pivots, *self.rows, x)
        return x.reshape(f.shape)

    def solve_left(self, b: Array) -> Array:
        y = np.array(b[:, None] if b.ndim == 1 else b.T, order="C")
        kernels.forward_left(self.order, self.pivots, *self.rows, y)
        y[self.core_states] = self.core.solve_left(y[self.core_states].T).T
        kernels.backward_left(self.order, *self.multipliers, y)
        return y.T.reshape(b.shape)


def _sparse(matrix: sparse.csr_array, exits: Array, max_work: int) -> _Sparse:
    """Sparse steps while they stay sparse, then a dense core."""
    found = kernels.eliminate_sparse(
        matrix.indptr.astype(np.int64),
        matrix.indices.astype(np.int64),
        matrix.data,
        exits,
        MAX_DENSE // 2,
        MAX_ENTRIES,
        max_work,
    )
    order, pivots, start, length, columns, values, *multipliers, alive = found
    _check_pivots(pivots)
    core_states = np.flatnonzero(alive)
    size = core_states.size
    large = matrix.shape[0] > MAX_DENSE
    if size > MAX_DENSE or (large and size**3 > DENSE_SPEED * max_work):
        raise TooMuchFill(
            f"elimination of {matrix.shape[0]} states filled up with {size} states left; a dense "
            f"core of at most {MAX_DENSE} fits"
        )
    core = np.zeros((size, size))
    position = np.full(matrix.shape[0], -1, dtype=np.int64)
    position[core_states] = np.arange(size)
    for row, state in enumerate(core_states):
        own = slice(start[state], start[state] + length[state])
        core[row, position[columns[own]]] = values[own]
    return _Sparse(
        order,
        pivots,
        (start, length, columns, values),
        (multipliers[0], multipliers[1], multipliers[2]),
        core_states,
        _dense(core, exits[core_states]),
    )
