"""Policy evaluation: the linear systems that Newton's method meets.

    (I − γ P_w) x = b,      P_w[s, t] = Σ_a w[s, a] P[s, a, t]          report (14), its Jacobian

``w[s, :]`` is a joint policy, so P_w is a stochastic matrix and I − γ P_w an M-matrix: it is
non-singular for γ < 1, with ‖(I − γ P_w)⁻¹‖∞ = 1/(1 − γ), hence

    ‖x − x*‖∞ ≤ ‖b − (I − γ P_w) x‖∞ / (1 − γ).

Shapes: transition dense [S, *A, S], or CSR (S·N, S) with rows (s, a1, …, an) in C order;
weights [S, *A] or [S, N]; b and x [S]. Units: those of the reward.

Which method: dense matrices are factored (LU) while they are small or Krylov steps do not
converge. Sparse ones, and dense ones that are mostly zeros, are packed into one CSR of P_w.
Where the states have an order in which successors are near (as stored, around a ring, or found by
reverse Cuthill–McKee) and the band is narrow, elimination is exact and does not care about γ;
elsewhere BiCGSTAB with Gauss–Seidel as preconditioner (plain sweeps where the chain mixes fast and
the tolerance is loose), and Gauss–Seidel sweeps, which contract by γ whatever the matrix, where
that gives up. Memory is proportional to the entries.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from scipy.sparse import csgraph

from tabular_marl.numerics.kernels import banded, dense
from tabular_marl.numerics.kernels import sparse as packed

Array = NDArray[np.float64]
Matrix = tuple[Any, Any, Array, Any, Array]
#: The relative size of the rounding error of a measured residual.
FLOOR = 8 * float(np.finfo(np.float64).eps)

#: States up to which dense systems are always eliminated, and up to which without LAPACK.
TINY, SMALL = 32, 256
#: Relative residuals below this are left to elimination on dense matrices.
TIGHT = 1e-12
#: A dense policy matrix with fewer non-zeros than this fraction is treated as sparse.
SPARSE_FRACTION = 0.2
#: Krylov steps before another method is looked for and at the most, and sweeps behind them.
PATIENCE, MAX_KRYLOV, MAX_SWEEPS = 20, 1000, 20_000
#: For a tolerance this loose plain sweeps may be quicker than Krylov steps; how many to try.
LOOSE, MAX_RELAX = 1e-3, 12


@dataclass(frozen=True)
class LinearSolution:
    """x[s], the measured ``residual`` = ‖b − (I − γ P_w) x‖∞, and how x was found.

    ``iterations`` counts factorisations, Krylov steps or sweeps, as ``method`` says.
    """

    x: Array
    residual: float
    iterations: int
    method: str


@dataclass(frozen=True)
class Band:
    """An order of the states with half-bandwidth ``width``; elimination ``cost`` in ns."""

    cost: float
    width: int
    order: Any
    position: Any


class PolicyEquations:
    """(I − γ P_w) x = b for one game and any number of policies w.

    What one solve learns about the game (a good order of the states, whether Krylov steps pay) is
    kept for the next.

    >>> P = np.array([[[0.0, 1.0], [1.0, 0.0]], [[0.5, 0.5], [0.0, 1.0]]])
    >>> PolicyEquations(P, 0.5).solve(np.array([[1.0, 0.0], [0.0, 1.0]]), np.ones(2)).x
    array([2., 2.])
    """

    def __init__(self, transition: Any, discount: float) -> None:
        self.discount = float(discount)
        self.is_sparse = bool(sparse.issparse(transition))
        self.num_states = int(transition.shape[-1])
        if self.is_sparse:
            self._rows = transition.tocsr()
            self._entries = int(self._rows.nnz)
        else:
            self._dense = np.asarray(transition, dtype=np.float64).reshape(
                self.num_states, -1, self.num_states
            )
            self._entries = self._dense.size
        self._buffers: dict[str, Any] = {}
        identity = np.arange(self.num_states)
        self._orders = [(identity, identity)]  # (order, position): orders tried for a narrow band
        self._krylov_pays = True  # on this game's dense matrices
        self._mixes_fast = True  # as far as plain sweeps on sparse matrices have shown
        self._steps_per_digit = 10.0  # of BiCGSTAB, as last seen; at first a guess on the slow side

    def solve(
        self,
        weights: Array,
        b: Array,
        tolerance: float = 0.0,
        initial: Array | None = None,
    ) -> LinearSolution:
        """x with ‖b − (I − γ P_w) x‖∞ ≤ tolerance · ‖b‖∞, or at the rounding floor.

        ``tolerance`` 0 asks for the floor. ``initial`` is a guess; direct methods ignore it.
        """
        w = np.ascontiguousarray(weights, dtype=np.float64).reshape(self.num_states, -1)
        b = np.ascontiguousarray(b, dtype=np.float64)
        x = np.zeros(self.num_states) if initial is None else np.array(initial, dtype=np.float64)
        if self.is_sparse:
            return self._solve_packed(self._pack(w), b, tolerance, x)
        matrix = self._buffer("matrix", self.num_states**2).reshape(self.num_states, -1)
        stored = dense.assemble(self._dense, w, self.discount, matrix)
        if stored < SPARSE_FRACTION * matrix.size:
            return self._solve_packed(self._compress(matrix, stored), b, tolerance, x)
        return self._solve_dense(matrix, b, tolerance)

    def solve_assembled(self, matrix: Array, b: Array, tolerance: float = 0.0) -> LinearSolution:
        """The same for a dense I − γ P_w that the caller has made on the way; it may be changed."""
        return self._solve_dense(matrix, b, tolerance)

    def solve_chosen(
        self, indptr: Any, indices: Any, data: Array, choice: Any, b: Array, tolerance: float = 0.0
    ) -> LinearSolution:
        """The same for a deterministic policy: row ``choice[s]`` among the CSR rows of state s.

        The CSR need not be the game's: one row a state and a choice of zeros will do.
        """
        actions = (indptr.size - 1) // self.num_states
        start = np.arange(self.num_states) * actions + choice
        entries = int((indptr[start + 1] - indptr[start]).sum()) + 1
        matrix = self._room(entries)
        packed.pack_chosen(indptr, indices, data, actions, choice, self.discount, *matrix)
        return self._solve_packed(matrix, b, tolerance, np.zeros(self.num_states))

    # Dense

    def _solve_dense(self, matrix: Array, b: Array, tolerance: float) -> LinearSolution:
        """Krylov steps for a loose tolerance, elimination for a tight one or where they stall.

        Compiled here rather than left to BLAS while small: two threads on a loaded machine take
        ten times as long as one.
        """
        states = self.num_states
        x = np.empty(states)
        if states > TINY and tolerance > TIGHT and self._krylov_pays:
            target = tolerance * float(np.max(np.abs(b), initial=0.0))
            steps, size = dense.bicgstab(matrix, b, x, target, PATIENCE)
            if size <= 2 * target:
                return LinearSolution(x, float(size), int(steps), "bicgstab")
            self._krylov_pays = False
        if states <= SMALL:
            dense.eliminate(matrix.copy(), b, x)
        else:
            x = linalg.lu_solve(linalg.lu_factor(matrix, check_finite=False), b, check_finite=False)
        with np.errstate(all="ignore"):  # a matrix singular to rounding leaves an infinite residual
            return LinearSolution(x, float(np.max(np.abs(b - matrix @ x))), 1, "lu")

    # Sparse

    def _pack(self, weights: Array) -> Matrix:
        rows = self._rows
        matrix = self._room(int(packed.count_selected(rows.indptr, weights)))
        indptr, indices, data, split, diagonal = matrix
        packed.pack(
            rows.indptr, rows.indices, rows.data, weights, self.discount,
            indptr, indices, data, split, diagonal,
        )  # fmt: skip
        return matrix

    def _compress(self, matrix: Array, stored: int) -> Matrix:
        out = self._room(stored)
        dense.compress(matrix, *out)
        return out

    def _room(self, entries: int) -> Matrix:
        states = self.num_states
        return (
            self._buffer("indptr", states + 1, np.int64),
            self._buffer("indices", entries, np.uint32),  # unsigned: no test for indices below 0
            self._buffer("data", entries),
            self._buffer("split", states, np.int64),
            self._buffer("diagonal", states),
        )

    def _buffer(self, name: str, size: int, dtype: Any = np.float64) -> Any:
        """Memory that lives as long as the game: fresh pages cost more than the sums in them."""
        if name not in self._buffers or self._buffers[name].size < size:
            self._buffers[name] = np.empty(size, dtype=dtype)
        return self._buffers[name][:size]

    def _solve_packed(self, matrix: Matrix, b: Array, tolerance: float, x: Array) -> LinearSolution:
        """Elimination in a narrow band or Krylov steps, whichever promises to be cheaper."""
        scale = float(np.max(np.abs(b), initial=0.0))
        target = max(tolerance, FLOOR) * scale
        step = 5.0 * float(matrix[0][-1]) + 12.0 * self.num_states  # nanoseconds, see _band
        digits = -math.log10(max(tolerance, FLOOR))
        band = self._band(matrix)
        expected = self._steps_per_digit * digits
        if band.cost <= expected * step:
            return self._eliminate(matrix, b, band)
        indptr, indices, data, _, diagonal = matrix
        if self._mixes_fast and tolerance >= LOOSE:
            sweeps, size = packed.relax(
                indptr, indices, data, diagonal, x, b, self.discount, target, MAX_RELAX
            )
            if size <= target:
                return LinearSolution(x, float(size), int(sweeps), "relaxation")
            self._mixes_fast = sweeps > 3
        steps, size = packed.bicgstab(*matrix, x, b, target, int(2 * expected) + PATIENCE)
        if 0 < size < scale:
            self._steps_per_digit = max(0.5, steps / math.log10(scale / size))
        if size > target + self._floor(x, b):
            if self._look_for_order(matrix):
                band = self._band(matrix)
            if band.cost <= MAX_KRYLOV * step:
                self._steps_per_digit = MAX_KRYLOV / digits
                return self._eliminate(matrix, b, band)
            more, size = packed.bicgstab(*matrix, x, b, target, MAX_KRYLOV)
            steps += more
        if size <= target + self._floor(x, b):
            return LinearSolution(x, float(size), int(steps), "bicgstab")
        sweeps = math.ceil(math.log(target / size) / math.log(self.discount)) + 1
        change = target * (1 - self.discount)
        done = packed.gauss_seidel(
            indptr, indices, data, diagonal, x, b, change, min(sweeps, MAX_SWEEPS)
        )
        size = packed.residual(indptr, indices, data, diagonal, x, b, np.empty_like(x))
        return LinearSolution(x, float(size), int(done), "gauss-seidel")

    @staticmethod
    def _floor(x: Array, b: Array) -> float:
        """A residual below this is rounding error of the measurement itself."""
        return FLOOR * float(np.max(np.abs(x)) + np.max(np.abs(b)))

    def _eliminate(self, matrix: Matrix, b: Array, band: Band) -> LinearSolution:
        indptr, indices, data, _, diagonal = matrix
        padded = int(banded.padded_width(band.width))
        upper = self._buffer("upper", self.num_states * padded).reshape(-1, padded)
        x = banded.eliminate(
            indptr, indices, data, diagonal, b, band.order, band.position, band.width, upper
        )
        size = packed.residual(indptr, indices, data, diagonal, x, b, np.empty_like(x))
        return LinearSolution(x, float(size), 1, "banded")

    def _band(self, matrix: Matrix) -> Band:
        """The cheapest known order for elimination; infinite cost if none is narrow."""
        states = self.num_states
        best = Band(math.inf, 0, None, None)
        limit = 4 * self._entries // states  # a wider band would take too much memory
        for k, (order, position) in enumerate(self._orders):
            width, around = banded.widths(matrix[0], matrix[1], position, limit)
            choices = [(width, order, position)]
            if k == 0 and 2 * around < width:
                choices.append((min(2 * around, states - 1), *self._fold))
            for wide, how, where in choices:
                cost = states * (60.0 + 6.0 * wide + 0.3 * wide * wide)
                if cost < best.cost and wide < limit:
                    best = Band(cost, wide, how, where)
        return best

    @cached_property
    def _fold(self) -> tuple[Any, Any]:
        """(order, position) that walks a ring from both sides at once: 0, S − 1, 1, S − 2, …"""
        states = self.num_states
        order = np.empty(states, dtype=np.int64)
        order[0::2] = np.arange((states + 1) // 2)
        order[1::2] = states - 1 - np.arange(states // 2)
        position = np.empty_like(order)
        position[order] = np.arange(states)
        return order, position

    def _look_for_order(self, matrix: Matrix) -> bool:
        """Once a game: reverse Cuthill–McKee on this policy's successors; False if done before."""
        if len(self._orders) > 1:
            return False
        indptr, indices, data, _, _ = matrix
        shape = (self.num_states, self.num_states)
        pattern = sparse.csr_array(
            (data, indices.astype(np.int32), indptr.astype(np.int32)), shape=shape
        )
        order = csgraph.reverse_cuthill_mckee(pattern, symmetric_mode=False).astype(np.int64)
        self._orders.append((order, np.argsort(order)))
        return True
